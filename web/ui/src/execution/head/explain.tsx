// Why a live execution is where it is, always in sight: the server's answer, what runs out next, what
// can be done, and the two clocks.

import { memo, useState } from "react";

import { isFinal, type Execution, type Explanation } from "../../api/types";
import { useResource } from "../../live/context";
import {
  Badge,
  Bar,
  Countdown,
  countdownText,
  deadlineWord,
  ErrorState,
  formatAge,
  formatDuration,
  icons,
  plainWords,
  Skeleton,
  useClock,
  type Tone,
} from "../../ui";
import { useExecution, useShown, useVersion } from "../context";
import { clocksOf, stateOf, type Clock, type ClockState } from "../model/clocks";
import { HEAD } from "../model/model";
import { Advice, EventLink, Prose } from "../parts";

/** Causes that want somebody to look. */
const TROUBLED: ReadonlySet<string> = new Set([
  "no_runner_ever",
  "all_lost",
  "all_full",
  "limit_held",
  "paused",
  "heartbeat_late",
  "not_progressing",
  "not_heard_since_restart",
  "runner_disconnected",
  "backing_off",
]);

export const Explain = memo(function Explain() {
  const execution = useExecution();
  const live = !isFinal(execution.phase);
  const { data, problem } = useResource<Explanation>(live ? `/v1/executions/${execution.id}/explain` : null);
  if (!live) return null;
  return (
    <section
      className="x-card x-explain"
      aria-labelledby="x-explain-title"
      data-troubled={(data && TROUBLED.has(data.cause)) || undefined}
    >
      <header>
        <h2 id="x-explain-title">Why it is where it is</h2>
        {data && (
          <Badge
            tone={TROUBLED.has(data.cause) ? "warn" : "plain"}
            icon={TROUBLED.has(data.cause) ? icons.warning : icons.info}
          >
            {plainWords(data.cause)}
          </Badge>
        )}
      </header>
      {data ? <Summary explanation={data} /> : problem ? <ErrorState problem={problem} /> : <Skeleton lines={3} />}
      <Clocks execution={execution} explanation={data} />
      {data && <More explanation={data} />}
    </section>
  );
});

function Summary({ explanation }: { explanation: Explanation }) {
  const { summary, next_deadline: next } = explanation;
  return (
    <>
      <p className="x-summary">
        <Prose text={summary} />
      </p>
      {next && (
        <p className="x-deadline">
          <span>{deadlineWord(next.kind)}</span>
          <strong>
            <Countdown at={next.at} label={deadlineWord(next.kind)} />
          </strong>
        </p>
      )}
    </>
  );
}

/** What can be done, and what the answer rests on. */
function More({ explanation }: { explanation: Explanation }) {
  const { evidence, actions } = explanation;
  // Where it stands above what happened, it would push that out of sight.
  const [roomy] = useState(() => window.matchMedia("(min-width: 1081px)").matches);
  return (
    <>
      {actions.length > 0 && (
        <ul className="x-todo">
          {actions.map((action, index) => (
            <li key={index}>
              <Advice text={action} />
            </li>
          ))}
        </ul>
      )}
      {evidence.length > 0 && (
        <details className="x-facts-more" open={roomy}>
          <summary>Evidence</summary>
          <ul>
            {evidence.map((sentence, index) => (
              <li key={index}>
                <Prose text={sentence} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

const WORDS: Readonly<Record<ClockState, string>> = {
  ok: "in time",
  late: "late",
  over: "overdue",
  off: "no limit",
  unknown: "not known yet",
};
const TONES: Readonly<Record<ClockState, Tone>> = {
  ok: "good",
  late: "warn",
  over: "bad",
  off: "plain",
  unknown: "plain",
};

/** Alive and progressing: two things, and each has its own limit. */
function Clocks({
  execution,
  explanation,
}: {
  execution: Execution;
  explanation: Explanation | undefined;
}) {
  useVersion(HEAD);
  const { model } = useShown();
  const held = execution.phase === "in_progress" || (execution.phase === "waiting" && execution.waiting?.hold === true);
  if (!held) return null;
  const clocks = clocksOf(execution, explanation, model.lastProgress?.time);
  return (
    <dl className="x-clocks">
      <ClockLine name="Alive" what="last sign of life" clock={clocks.alive} />
      <ClockLine name="Progressing" what="last event or progress" clock={clocks.progressing}>
        {model.lastProgress && <EventLink seq={model.lastProgress.seq} />}
      </ClockLine>
    </dl>
  );
}

function ClockLine({
  name,
  what,
  clock,
  children,
}: {
  name: string;
  what: string;
  clock: Clock;
  children?: React.ReactNode;
}) {
  const state = useClock((now) => stateOf(clock, now));
  const ago = useClock((now) =>
    clock.at === undefined ? "not known" : now - clock.at < 1000 ? "just now" : `${formatAge(now - clock.at)} ago`,
  );
  const left = useClock((now) => (clock.until === undefined ? "" : countdownText(clock.until - now)));
  // In whole steps, so that it is drawn once a second at most.
  const used = useClock((now) =>
    clock.at === undefined || clock.limit === undefined
      ? 0
      : Math.min(100, Math.max(0, Math.round(((now - clock.at) / clock.limit) * 100))),
  );
  return (
    <div className="x-clock" data-state={state}>
      <dt>
        {name}
        <Badge tone={TONES[state]} icon={state === "ok" ? icons.check : TONES[state] === "plain" ? icons.info : icons.warning}>
          {WORDS[state]}
        </Badge>
      </dt>
      <dd>
        <span>
          {what} <strong className="num">{ago}</strong> {children}
        </span>
        {clock.limit !== undefined && clock.at !== undefined && (
          <>
            <Bar value={used / 100} label={`${name}: part of its limit that is used`} tone={TONES[state]} />
            <span className="muted num">
              {left} left of {formatDuration(clock.limit)}
            </span>
          </>
        )}
      </dd>
    </div>
  );
}
