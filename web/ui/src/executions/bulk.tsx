// Cancelling or retrying what is selected: asks first, says how many are concerned, and afterwards names
// those that were refused and why.

import { useEffect, useRef, useState } from "react";

import type { Execution } from "../api/types";
import { Bar, Button, count, Dialog, Field, Outside, safeText, shortId } from "../ui";
import { eligible, runBulk, type BulkAction, type Outcome } from "./bulk-run";

const REASON_MAX = 1_024;

type Stage = "asking" | "running" | "done";

export default function BulkDialog({
  action,
  executions,
  onClose,
}: {
  action: BulkAction;
  executions: readonly Execution[];
  /** `worked`: something was done. */
  onClose: (worked: boolean) => void;
}) {
  // What is concerned is settled when the question is asked, whatever changes meanwhile.
  const [concerned] = useState(() => eligible(action, executions));
  const [stage, setStage] = useState<Stage>("asking");
  const [reason, setReason] = useState("");
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);

  const others = executions.length - concerned.length;
  const start = async () => {
    setStage("running");
    const controller = new AbortController();
    abort.current = controller;
    const found: Outcome[] = [];
    let drawn = 0;
    await runBulk(action, concerned, {
      ...(reason.trim() && { reason: reason.trim() }),
      signal: controller.signal,
      onOutcome: (outcome) => {
        found.push(outcome);
        cancelAnimationFrame(drawn);
        drawn = requestAnimationFrame(() => setOutcomes([...found]));
      },
    });
    cancelAnimationFrame(drawn);
    setOutcomes([...found]);
    setStage("done");
  };
  const verb = action === "cancel" ? "Cancel" : "Retry";
  const close = () => onClose(outcomes.some((outcome) => !outcome.problem));
  const foot =
    stage === "asking" ? (
      <>
        <Button onClick={close}>Leave them</Button>
        <Button variant={action === "cancel" ? "danger" : "primary"} disabled={concerned.length === 0} onClick={() => void start()}>
          {verb} {count(concerned.length, "execution")}
        </Button>
      </>
    ) : stage === "running" ? (
      <Button autoFocus onClick={() => abort.current?.abort()}>Stop here</Button>
    ) : (
      <Button variant="primary" autoFocus onClick={close}>
        Close
      </Button>
    );
  return (
    <Dialog title={`${verb} ${count(concerned.length, "execution")}`} onClose={close} foot={foot}>
      {stage === "asking" ? (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (concerned.length > 0) void start();
          }}
        >
          {action === "cancel" ? (
            <>
              <p>
                {count(concerned.length, "execution is", "executions are")} live. Their runners are asked to stop and have their cancel
                timeout for it; then they are stopped by force. Pending ones end at once.
              </p>
              <Field label="Reason" hint="For the runner and for whoever looks at it later.">
                {(control) => (
                  <input
                    {...control}
                    className="input"
                    maxLength={REASON_MAX}
                    value={reason}
                    onChange={(event) => setReason(event.target.value)}
                  />
                )}
              </Field>
            </>
          ) : (
            <p>
              {count(concerned.length, "execution")} that {concerned.length === 1 ? "has" : "have"} ended {concerned.length === 1 ? "is" : "are"} begun
              anew, each as a new execution with the same input. What ended stays as it is.
            </p>
          )}
          {others > 0 && (
            <p className="muted">
              {count(others, "other")} of the selection {others === 1 ? "is" : "are"} left out:{" "}
              {left(others, action)}
            </p>
          )}
        </form>
      ) : (
        <Results action={action} outcomes={outcomes} of={concerned.length} running={stage === "running"} />
      )}
    </Dialog>
  );
}

function Results({
  action,
  outcomes,
  of,
  running,
}: {
  action: BulkAction;
  outcomes: readonly Outcome[];
  of: number;
  running: boolean;
}) {
  const refused = outcomes.filter((outcome) => outcome.problem);
  const worked = outcomes.length - refused.length;
  const left = of - outcomes.length;
  return (
    <div className="stack">
      {running && <Bar value={outcomes.length / Math.max(1, of)} label="Done" />}
      <p role="status">
        {running ? `${outcomes.length} of ${of} answered…` : ""}
        {!running && (action === "cancel" ? `${count(worked, "execution")} asked to stop.` : `${count(worked, "execution")} begun anew.`)}
        {!running && refused.length > 0 && ` ${refused.length} refused.`}
        {!running && left > 0 && ` ${left} not asked.`}
      </p>
      {refused.length > 0 && (
        <section aria-label="Refused">
          <h3>Refused</h3>
          <ul className="refused">
            {refused.map(({ execution, problem }) => (
              <li key={execution.id}>
                <a href={`/executions/${execution.id}`} target="_blank" rel="noopener noreferrer">
                  <Outside>{execution.name}</Outside> <code>{shortId(execution.id)}</code>
                </a>
                <span>{safeText(problem?.detail || problem?.title || "")}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function left(others: number, action: BulkAction): string {
  const [they, have, are] = others === 1 ? ["it", "has", "is"] : ["they", "have", "are"];
  return action === "cancel" ? `${they} ${have} ended already.` : `${they} ${are} still live.`;
}
