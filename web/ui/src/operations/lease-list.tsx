// What a runner holds: each execution with its phase, how it goes, and what is due next.

import { Link } from "wouter";

import type { Deadline, Execution, Explanation, RunnerView } from "../api/types";
import { useResource } from "../live/context";
import { attemptOf, Countdown, deadlineWord, Elapsed, ErrorState, Outside, PhaseBadge, safeText, shortId } from "../ui";
import { useHeldBy, type Rows } from "./leases";

/** So many are explained by the server, each live. */
const EXPLAINED = 16;

export function LeaseList({ runner }: { runner: RunnerView }) {
  const { rows, problem } = useHeldBy(runner.id);
  if (problem) return <ErrorState problem={problem} />;
  if (runner.leases.length === 0) {
    return <p className="muted">Nothing. {runner.status === "lost" ? "What it held was given back or has ended." : "It takes what comes next."}</p>;
  }
  return (
    <ul className="ops-leases">
      {inOrder(runner.leases, rows).map(({ id, execution }, index) => (
        <Lease key={id} id={id} execution={execution} explained={index < EXPLAINED} />
      ))}
    </ul>
  );
}

/** The oldest first; what is not known comes last. */
export function inOrder(leases: readonly string[], rows: Rows): { id: string; execution: Execution | undefined }[] {
  const began = (execution: Execution | undefined) => Date.parse(execution?.started_at ?? "") || Number.MAX_SAFE_INTEGER;
  return leases
    .map((id) => ({ id, execution: rows.get(id) }))
    .sort((a, b) => began(a.execution) - began(b.execution) || a.id.localeCompare(b.id));
}

/**
 * What runs out next. Heartbeats move their deadline without a word in the log, so of those only the
 * server's explanation knows; a row would show an alive execution as overdue.
 */
export function dueNext(execution: Execution | undefined, explanation: Explanation | undefined): Deadline | null {
  if (explanation) return explanation.next_deadline ?? null;
  const deadline = execution?.deadline ?? null;
  return deadline?.kind === "heartbeat" || deadline?.kind === "progress" ? null : deadline;
}

function Lease({ id, execution, explained }: { id: string; execution: Execution | undefined; explained: boolean }) {
  const { data: explanation } = useResource<Explanation>(explained ? `/v1/executions/${id}/explain` : null);
  const deadline = dueNext(execution, explanation);
  const odd = explanation && !["running", "starting"].includes(explanation.cause);
  return (
    <li>
      <Link href={`/executions/${id}`} className="ops-lease" title={id}>
        {execution && (
          <>
            <PhaseBadge phase={execution.phase} />
            <Outside className="ops-name">{execution.name}</Outside>
          </>
        )}
        <code>{execution ? shortId(id) : id}</code>
      </Link>
      <span className="ops-due">
        {execution && (
          <span className="muted">
            attempt {execution.max_attempts > 1 ? attemptOf(execution) : execution.attempt}
            {execution.started_at && (
              <>
                , for <Elapsed from={execution.started_at} />
              </>
            )}
          </span>
        )}
        {deadline && (
          <span>
            {deadlineWord(deadline.kind)}{" "}
            <strong>
              <Countdown at={deadline.at} />
            </strong>
          </span>
        )}
      </span>
      {odd && <p className="ops-lease-why outside-text">{safeText(explanation.summary)}</p>}
    </li>
  );
}
