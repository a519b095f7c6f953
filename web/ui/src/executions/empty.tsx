// What the list says when it has no rows: how to begin, or why nothing matches.

import { Button, Command, EmptyState, icons } from "../ui";

export function FirstExecution({ onCreate }: { onCreate: () => void }) {
  const server = location.origin;
  return (
    <EmptyState
      title="No executions yet"
      action={
        <Button variant="primary" icon={icons.plus} onClick={onCreate}>
          Create an execution
        </Button>
      }
    >
      <p className="muted">
        Any command can be one. Paste this into a terminal: it runs here at once, line by line, and its exit status is the outcome.
      </p>
      <Command text={`heartline run --server ${server} --name hello -- sh -c 'for i in 1 2 3; do echo "step $i"; sleep 1; done'`} />
      <p className="muted">Or put one into a queue, for the runners that serve it:</p>
    </EmptyState>
  );
}

export function NoMatch({ only, onClear }: { only?: string | undefined; onClear: () => void }) {
  return (
    <EmptyState title={only ? `Nothing is ${only.toLowerCase()} here` : "Nothing matches"} action={<Button onClick={onClear}>Clear all filters</Button>}>
      <p className="muted">An execution that comes to match is shown at once, without a reload.</p>
    </EmptyState>
  );
}
