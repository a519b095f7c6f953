// One row of the list. Drawn again only when its execution, its place or its marks change.

import { memo } from "react";

import type { Execution } from "../api/types";
import { isFinal } from "../api/types";
import { attemptOf, Bar, Countdown, deadlineWord, formatSpan, PhaseBadge, safeText, shortId, Time } from "../ui";
import { noteOf } from "./note";

export type RowProps = {
  execution: Execution;
  /** From the first row of the list, from 0. */
  index: number;
  top: number;
  height: number;
  selected: boolean;
  current: boolean;
};

/** Deadlines that each sign of life moves: the row is not sent anew for that, so it has no countdown. */
const MOVING = new Set(["heartbeat", "progress"]);

export const ListRow = memo(function ListRow({ execution, index, top, height, selected, current }: RowProps) {
  const { id, phase, progress } = execution;
  const note = noteOf(execution);
  const name = safeText(execution.name);
  const tab = current ? 0 : -1;
  const percent = progress?.fraction === null || progress?.fraction === undefined ? undefined : Math.round(progress.fraction * 100);
  const labels = Object.entries(execution.labels);
  return (
    <div
      role="row"
      id={`row-${id}`}
      className="row"
      data-phase={phase}
      data-current={current || undefined}
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ top, height }}
    >
      <div role="gridcell" className="c-check">
        <input type="checkbox" data-select={id} checked={selected} readOnly tabIndex={tab} aria-label={`Select ${name}`} />
      </div>
      <div role="gridcell" className="c-phase">
        <PhaseBadge phase={phase} />
      </div>
      <div role="gridcell" className="c-name clip">
        <a href={`/executions/${id}`} data-open={id} tabIndex={tab} title={name}>
          <bdi>{name}</bdi>
        </a>
        {execution.kind === "workflow" && <span className="kind">workflow</span>}
      </div>
      <div role="gridcell" className="c-id">
        <button type="button" className="mono" data-copy={id} tabIndex={tab} title={`Copy ${id}`}>
          {shortId(id)}
        </button>
      </div>
      <div role="gridcell" className="c-queue clip" title={execution.queue}>
        {execution.queue}
      </div>
      <div role="gridcell" className="c-runner clip" title={runnerTitle(execution)}>
        {execution.runner ? safeText(execution.runner.name ?? execution.runner.id) : <span className="none">–</span>}
      </div>
      <div role="gridcell" className="c-attempt num" title={`Attempt ${attemptOf(execution)}`}>
        {attemptOf(execution).replace(" of ", "/")}
      </div>
      <div role="gridcell" className="c-progress">
        {percent !== undefined && !isFinal(phase) ? (
          <>
            <Bar value={percent / 100} label={`Progress of ${name}`} />
            <span className="num">{percent}%</span>
          </>
        ) : (
          <span className="none">–</span>
        )}
      </div>
      <div role="gridcell" className="c-age">
        <Time at={execution.created_at} plain />
      </div>
      <div role="gridcell" className="c-due">
        <Due execution={execution} />
      </div>
      <div role="gridcell" className="c-note clip" title={[note.lead, note.text].filter(Boolean).map((text) => safeText(text ?? "")).join(": ")}>
        {note.lead && <strong>{safeText(note.lead)}</strong>}
        {note.text && <bdi>{safeText(note.text)}</bdi>}
        {note.at && (
          <span>
            {note.at.word} <Time at={note.at.time} />
          </span>
        )}
        {phase !== "failed" && labels.length > 0 && (
          <span className="labels">
            {labels.slice(0, 4).map(([key, value]) => (
              <bdi key={key} className="label">
                {safeText(key)}:{safeText(value)}
              </bdi>
            ))}
          </span>
        )}
      </div>
    </div>
  );
});

function Due({ execution }: { execution: Execution }) {
  const { deadline, phase } = execution;
  if (isFinal(phase)) {
    return execution.finished_at ? (
      <span>
        ended <Time at={execution.finished_at} />
      </span>
    ) : null;
  }
  if (!deadline) return <span className="none">–</span>;
  if (MOVING.has(deadline.kind)) {
    const every = deadline.kind === "heartbeat" ? execution.timeouts.heartbeat : execution.timeouts.progress;
    return (
      <span title={`Its runner gives a sign at least so often (${deadlineWord(deadline.kind)})`}>
        {deadline.kind === "heartbeat" ? "beats" : "progresses"} within {formatSpan(every)}
      </span>
    );
  }
  return (
    <span className="due">
      <Countdown at={deadline.at} label={deadlineWord(deadline.kind)} />{" "}
      <span aria-hidden="true">{deadlineWord(deadline.kind)}</span>
    </span>
  );
}

function runnerTitle({ runner }: Execution): string {
  if (!runner) return "No runner has it";
  return [runner.name, runner.id, runner.host, runner.pid ? `pid ${runner.pid}` : undefined]
    .filter((part): part is string => Boolean(part))
    .map(safeText)
    .join(" · ");
}
