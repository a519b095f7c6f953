// What the list says when it has no rows: how to begin, or why nothing matches.

import { Button, Command, count, EmptyState, icons } from "../ui";

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

interface NoMatchProps {
  /** The phase, where nothing else is asked for. */
  only: string | undefined;
  /** So many match the rest, in other phases. */
  others: number;
  onPhases: () => void;
  onClear: () => void;
}

export function NoMatch({ only, others, onPhases, onClear }: NoMatchProps) {
  const action = (
    <div className="empty-actions">
      {others > 0 && !only && <Button onClick={onPhases}>Show {count(others, "execution")} in other phases</Button>}
      <Button onClick={onClear}>Clear all filters</Button>
    </div>
  );
  return (
    <EmptyState title={only ? `Nothing is ${only.toLowerCase()} here` : "Nothing matches"} action={action}>
      <p className="muted">An execution that comes to match is shown at once, without a reload.</p>
    </EmptyState>
  );
}
