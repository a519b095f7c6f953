// A chart over time with everything it shows in words as well: each line with its value now, its lowest
// and its highest, and a table of the samples.

import { useState, type ReactNode } from "react";

import { later } from "../ui";
import type { Measure } from "./measures";
import { useRange, type Range } from "./range";
import type { Series } from "./series";
import { summary, thinned, told, type Values } from "./stats";
import "./chart.css";

const Plot = later(() => import("./plot"));

export interface Line {
  label: string;
  values: Values;
}

export interface ChartProps {
  title: string;
  /** What the figures are, in a few words. */
  about?: string;
  /** Milliseconds since the epoch, one for each value of the lines. */
  times: readonly number[];
  lines: readonly Line[];
  measure: Measure;
  range: Range;
  group: string;
}

/** The least that a chart shows. */
const YOUNGEST_MS = 60_000;
/** Rows of the table beside a chart. */
const ROWS = 12;

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function Chart({ title, about, times, lines, measure, range, group }: ChartProps) {
  const [pointed, setPointed] = useState<number | null>(null);
  const at = pointed === null ? undefined : times[pointed];
  const to = times.at(-1) ?? Date.now();
  // A window that is still young is not drawn as a sliver at the end of an empty hour.
  const from = Math.max(to - range.ms, Math.min(times[0] ?? to, to - YOUNGEST_MS));
  const { format } = measure;
  const seen = lines.some((line) => line.values.some((value) => value !== null));
  const drawn = seen && times.length > 1;
  const words = lines.map((line) => told(line.label, line.values, format)).join("; ");
  return (
    <figure className="ops-chart">
      <figcaption>
        <span className="ops-chart-title">
          <strong>{title}</strong> {about && <span className="muted">{about}</span>}
        </span>
        <span className="ops-chart-at muted num">{at === undefined ? "" : time.format(at)}</span>
      </figcaption>
      <ul className="ops-legend">
        {lines.map((line, index) => (
          <LegendLine key={line.label} line={line} index={index} format={format} pointed={at === undefined ? null : pointed} />
        ))}
      </ul>
      <div className="ops-plot-place" role="img" aria-label={`${title}. ${words}.`}>
        {drawn ? (
          <Plot
            times={times.map((each) => each / 1_000)}
            lines={lines}
            from={from / 1_000}
            to={to / 1_000}
            measure={measure}
            group={group}
            onPoint={setPointed}
          />
        ) : (
          <p className="muted">{times.length > 2 ? "Nothing has been measured yet." : "Collecting samples: a line needs two."}</p>
        )}
      </div>
      {drawn && <SampleTable title={title} times={times} lines={lines} format={format} />}
    </figure>
  );
}

function LegendLine({ line, index, format, pointed }: { line: Line; index: number; format: (value: number) => string; pointed: number | null }) {
  const { now, min, max } = summary(line.values);
  const value = pointed === null ? now : (line.values[pointed] ?? null);
  return (
    <li data-line={index + 1}>
      <svg className="ops-swatch" width="22" height="8" aria-hidden="true" focusable="false">
        <path d="M0 4H22" />
      </svg>
      <span>{line.label}</span>
      <strong className="num">{value === null ? "–" : format(value)}</strong>
      {min !== null && max !== null && (
        <span className="muted num">
          <span className="visually-hidden">between </span>
          {min === max ? `always ${format(min)}` : `${format(min)} to ${format(max)}`}
        </span>
      )}
    </li>
  );
}

function SampleTable({ title, times, lines, format }: Pick<ChartProps, "title" | "times" | "lines"> & { format: Measure["format"] }) {
  const [open, setOpen] = useState(false);
  const rows = open ? thinned(times.map((at) => ({ at, values: [] })), ROWS) : [];
  return (
    <details className="ops-samples" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        As a table<span className="visually-hidden">: {title}</span>
      </summary>
      {open && (
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {lines.map((line) => (
                <th key={line.label} scope="col" className="num">
                  {line.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.toReversed().map((index) => (
              <tr key={index}>
                <th scope="row" className="num">
                  {time.format(times[index] ?? 0)}
                </th>
                {lines.map((line) => {
                  const value = line.values[index] ?? null;
                  return (
                    <td key={line.label} className="num">
                      {value === null ? "–" : format(value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

/** Charts of the same samples, over a time that can be chosen. */
export function Charts({ series, columns, children }: { series: Series | undefined; columns: 2 | 3; children: (range: Range) => ReactNode }) {
  const [range, choose, ranges] = useRange();
  const since = series?.since();
  return (
    <>
      <div className="ops-charts-head">
        <p className="muted">
          {since === undefined ? "No samples yet." : `Samples since ${time.format(since)}, one a second, kept while this window is open, for an hour at most.`}
        </p>
        <div className="ops-ranges" role="group" aria-label="Time shown">
          {ranges.map((each) => (
            <button key={each.ms} type="button" aria-pressed={each.ms === range.ms} onClick={() => choose(each)}>
              {each.label}
            </button>
          ))}
        </div>
      </div>
      <div className="ops-charts" data-columns={columns}>{children(range)}</div>
    </>
  );
}
