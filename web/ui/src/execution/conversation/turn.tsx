// Lines between what was said: steps of the agent, and turns in the life of the execution.

import { memo, type ReactElement } from "react";

import { formatSpan, icons, plainWords, safeText } from "../../ui";
import { useVersion } from "../context";
import type { Turn } from "../model/entries";
import { took, type Step } from "../model/items";
import { failure } from "../model/lifecycle";
import { inner, number, own, text } from "../model/read";
import { ClockTime, EventLink, Prose, StatusBadge, Took, Value } from "../parts";

export const StepLine = memo(function StepLine({ step }: { step: Step }) {
  useVersion(step.key);
  return (
    <div className="x-line x-step">
      <span>
        Step <bdi className="outside-text">{safeText(step.name)}</bdi>
      </span>
      {step.status !== "done" && <StatusBadge status={step.status} />}
      <Took ms={took(step.startedAt, step.finishedAt)} />
      <span className="x-when">
        <ClockTime at={step.startedAt} /> <EventLink seq={step.seq} />
      </span>
    </div>
  );
});

interface Said {
  text: string;
  /** From outside. */
  more?: string | undefined;
  icon: ReactElement;
  tone?: "bad" | "warn" | "good";
}

export const TurnLine = memo(function TurnLine({ turn }: { turn: Turn }) {
  const said = says(turn);
  if (!said) return null;
  const answer = turn.type === "execution.resumed" ? own(turn.data, "input") : undefined;
  return (
    <div className="x-turn" data-tone={said.tone}>
      {said.icon}
      <span className="x-turn-what">
        {said.text}
        {said.more && (
          <>
            {": "}
            <Prose text={said.more} />
          </>
        )}
      </span>
      <span className="x-when">
        <ClockTime at={turn.time} /> <EventLink seq={turn.seq} />
      </span>
      {answer !== undefined && (
        <div className="x-turn-more">
          <Value value={answer} />
        </div>
      )}
    </div>
  );
});

function says({ type, data, attempt }: Turn): Said | undefined {
  const reason = plainWords(text(data, "reason") ?? "");
  const error = failure(data)?.message;
  switch (type) {
    case "execution.created":
      return { text: "Created", icon: icons.plus };
    case "execution.started":
      return { text: `Attempt ${attempt}, with runner`, more: text(inner(data, "runner"), "id"), icon: icons.play };
    case "execution.attempt_failed":
      return { text: `Attempt ${attempt} failed, ${reason}`, more: error, icon: icons.warning, tone: "bad" };
    case "execution.retry_scheduled":
      return {
        text: `Attempt ${number(data, "attempt") ?? attempt + 1} follows in ${formatSpan(text(data, "backoff"))}`,
        icon: icons.retry,
      };
    case "execution.waiting":
      return { text: "Waits for an answer", more: text(data, "prompt"), icon: icons.pause, tone: "warn" };
    case "execution.resumed":
      return { text: "Answered", icon: icons.check, tone: "good" };
    case "execution.runner_disconnected":
      return { text: "The runner's connection closed", more: text(data, "detail"), icon: icons.warning, tone: "warn" };
    case "execution.runner_returned":
      return { text: "The runner came back", icon: icons.check };
    case "execution.cancel_requested":
      return { text: "Cancellation requested", more: text(data, "reason"), icon: icons.stop, tone: "warn" };
    case "execution.cancel_delivered":
      return { text: "Cancellation delivered to the runner", icon: icons.check };
    case "execution.cancel_acknowledged":
      return { text: "Cancellation acknowledged by the runner", icon: icons.check };
    case "execution.updated":
      return { text: "Changed by a person", icon: icons.info };
    case "execution.completed":
      return { text: "Completed", icon: icons.check, tone: "good" };
    case "execution.failed":
      return { text: `Failed, ${reason}`, more: error, icon: icons.warning, tone: "bad" };
    case "execution.cancelled":
      return { text: `Cancelled, ${reason}`, more: error, icon: icons.stop };
    default:
      return undefined;
  }
}
