// Asking an execution to stop, and how far that came.

import { useState, type FormEvent } from "react";

import { ApiError, api, executionPath, problemOf } from "../../api/http";
import type { Execution } from "../../api/types";
import {
  Button,
  Countdown,
  Dialog,
  ErrorState,
  Field,
  formatSpan,
  icons,
  milliseconds,
  safeText,
  useToast,
} from "../../ui";
import type { Problem } from "../../api/types";
import { cancelStages, type Stage } from "../model/stages";
import { ClockTime } from "../parts";

export function CancelDialog({ execution, onClose }: { execution: Execution; onClose: () => void }) {
  const usual = execution.timeouts.cancel;
  const [reason, setReason] = useState(execution.cancel?.reason ?? "");
  const [grace, setGrace] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const toast = useToast();
  const wrongGrace =
    grace !== "" && milliseconds(grace.trim()) === undefined ? "A duration is spelled 10s, 1m30s or 1h." : undefined;
  const told = (field: string) => problem?.errors?.find((error) => error.pointer === `/${field}`)?.message;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (wrongGrace) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { ...(reason.trim() && { reason: reason.trim() }), ...(grace.trim() && { grace: grace.trim() }) };
      await api.post(executionPath(execution.id, "cancel"), body);
      toast("Cancellation requested", "good");
      onClose();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
      if (!(error instanceof ApiError)) throw error;
    }
  };
  const held = execution.phase === "in_progress" || (execution.phase === "waiting" && execution.waiting?.hold);
  return (
    <Dialog
      title={execution.cancel ? "Cancel sooner" : "Cancel this execution"}
      size="small"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Let it run</Button>
          <Button variant="danger" type="submit" form="cancel-form" disabled={busy || wrongGrace !== undefined}>
            {busy ? "Asking…" : "Request cancellation"}
          </Button>
        </>
      }
    >
      <form id="cancel-form" className="x-form" onSubmit={(event) => void submit(event)}>
        <p className="muted">
          {held
            ? "Its runner is told, and has the grace to stop in order. When that is over the execution is cancelled all the same, and what the runner still writes is refused."
            : "No runner holds it: it is cancelled at once."}
        </p>
        <Field label="Reason" hint="The runner gets it, and it stays in the log." error={told("reason")}>
          {(control) => (
            <input
              {...control}
              className="input"
              value={reason}
              maxLength={1024}
              onChange={(event) => setReason(event.target.value)}
              data-autofocus
            />
          )}
        </Field>
        <Field
          label="Grace"
          hint={`How long until it is forced, such as 10s or 2m. Left empty: ${formatSpan(usual)}.`}
          error={wrongGrace ?? told("grace")}
        >
          {(control) => (
            <input
              {...control}
              className="input"
              value={grace}
              placeholder={usual}
              onChange={(event) => setGrace(event.target.value)}
            />
          )}
        </Field>
        {problem && !problem.errors?.length && <ErrorState problem={problem} />}
      </form>
    </Dialog>
  );
}

const STATE_WORDS: Readonly<Record<Stage["state"], string>> = {
  done: "done",
  waiting: "not yet",
  skipped: "did not happen",
  failed: "by force",
};

/** The stages of a cancellation; nothing where none was asked for. */
export function CancelStages({ execution }: { execution: Execution }) {
  const stages = cancelStages(execution);
  const { cancel } = execution;
  if (!cancel || stages.length === 0) return null;
  const forced = stages.at(-1);
  return (
    <section className="x-card x-cancel" aria-label="Cancellation">
      <h2>Cancellation</h2>
      {cancel.reason && <bdi className="outside-text muted">“{safeText(cancel.reason)}”</bdi>}
      <ol className="x-stages">
        {stages.map((stage) => (
          <li key={stage.name} data-state={stage.state} aria-current={isNext(stages, stage) ? "step" : undefined}>
            <span className="x-stage-mark">
              {stage.state === "done" ? icons.check : stage.state === "failed" ? icons.warning : undefined}
            </span>
            <span className="x-stage-title">
              {stage.title}
              <span className="visually-hidden">: {STATE_WORDS[stage.state]}</span>
            </span>
            <span className="x-stage-at">
              {stage.at ? (
                <ClockTime at={stage.at} />
              ) : stage === forced && stage.state === "waiting" ? (
                <Countdown at={cancel.deadline} label="Forced" />
              ) : (
                <span aria-hidden="true">{STATE_WORDS[stage.state]}</span>
              )}
            </span>
            {stage.note && <span className="x-stage-note outside-text">{safeText(stage.note)}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function isNext(stages: readonly Stage[], stage: Stage): boolean {
  return stages.find((each) => each.state === "waiting") === stage;
}
