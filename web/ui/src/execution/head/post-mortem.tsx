// What went wrong, before anything else: the error in full, of which attempt, and the event that ended
// it; the attempts before, where there were some.

import { memo, useState } from "react";

import { isFinal, type Execution, type Failure, type HeartlineEvent } from "../../api/types";
import { attemptOf, Button, CopyButton, icons, plainWords, safeText, Time } from "../../ui";
import { useExecution, useShown, useVersion } from "../context";
import { failure } from "../model/lifecycle";
import { LIFECYCLE } from "../model/model";
import { fields, text } from "../model/read";
import { EventLink, Prose } from "../parts";

export const PostMortem = memo(function PostMortem() {
  const execution = useExecution();
  const { phase, error, cancel } = execution;
  if (phase !== "failed" && phase !== "cancelled") return <LastFailure execution={execution} />;
  const by = phase === "cancelled" && cancel?.reason ? ` “${safeText(cancel.reason)}”` : "";
  const head = error ? error.message : `It was cancelled on request.${by}`;
  return (
    <section className="x-mortem" data-phase={phase} aria-labelledby="x-mortem-title">
      <p className="x-mortem-what">
        {phase === "failed" ? icons.warning : icons.stop}
        {phase === "failed" ? "Failed" : "Cancelled"}
        {execution.reason && `: ${plainWords(execution.reason)}`}
      </p>
      <h2 id="x-mortem-title" className="outside-text">
        <Prose text={head} />
      </h2>
      {error && <Evidence error={error} />}
      <footer className="x-mortem-foot">
        {error && (
          <span>
            code <code>{safeText(error.code)}</code>
          </span>
        )}
        <span>
          {execution.attempt === 0 ? "before any attempt" : `attempt ${attemptOf(execution)}`}
        </span>
        {error && <span>{error.retryable ? "another try could go better" : "another try would end the same way"}</span>}
        {execution.finished_at && <Time at={execution.finished_at} />}
        <EventLink seq={execution.seq} className="x-mortem-link">
          {icons.link} The event that ended it, #{execution.seq}
        </EventLink>
        {error && <CopyButton text={() => asText(execution, error)} label="Copy the post-mortem" shown />}
      </footer>
      {phase === "failed" && <Attempts last={execution.attempt} />}
    </section>
  );
});

function Evidence({ error }: { error: Failure }) {
  const detail = error.detail ?? "";
  const hint = error.hint ?? "";
  return (
    <>
      {detail !== "" && (
        // It may be wider and longer than its place, so it can be scrolled from the keyboard.
        <pre className="x-evidence" dir="auto" tabIndex={0} aria-label="Evidence">
          <Prose text={detail} />
        </pre>
      )}
      {hint !== "" && (
        <p className="x-hint">
          <strong>What to do: </strong>
          <Prose text={hint} />
        </p>
      )}
    </>
  );
}

function asText(execution: Execution, error: Failure): string {
  const lines = [
    `${execution.id} ${execution.name}: ${execution.phase} (${execution.reason ?? error.code}), attempt ${attemptOf(execution)}, event ${execution.seq}`,
    error.message,
    error.detail ?? "",
    error.hint ? `What to do: ${error.hint}` : "",
  ];
  return safeText(lines.filter(Boolean).join("\n"));
}

/** The failures of attempts, the newest last. */
function Attempts({ last }: { last: number }) {
  useVersion(LIFECYCLE);
  const { model } = useShown();
  const failed = model.lifecycle.filter((event) => event.type === "execution.attempt_failed");
  const [open, setOpen] = useState(false);
  if (last < 2 || failed.length === 0) return null;
  return (
    <div className="x-attempts">
      <Button
        variant="quiet"
        icon={open ? icons.down : icons.right}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        How each of {failed.length} attempts ended
      </Button>
      {open && (
        <ol>
          {failed.map((event) => (
            <FailedAttempt key={event.seq} event={event} />
          ))}
        </ol>
      )}
    </div>
  );
}

function FailedAttempt({ event }: { event: HeartlineEvent }) {
  const data = fields(event.data) ?? {};
  const error = failure(data);
  return (
    <li>
      <strong>Attempt {event.attempt}</strong>, {plainWords(text(data, "reason") ?? "")}
      {error && (
        <>
          : <Prose text={error.message} />
        </>
      )} <Time at={event.time} />{" "}
      <EventLink seq={event.seq} />
    </li>
  );
}

/** The failure of the attempt before, while another one is to come or at work. */
function LastFailure({ execution }: { execution: Execution }) {
  const { error, phase } = execution;
  if (!error || isFinal(phase)) return null;
  return (
    <details className="x-last-failure">
      <summary>
        {icons.warning} The attempt before failed: <Prose text={error.message} />
      </summary>
      <Evidence error={error} />
    </details>
  );
}
