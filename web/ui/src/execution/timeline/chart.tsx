// The bars. One row each, the window of time zooms and moves, arrows go from bar to bar; only rows in
// sight are in the page.

import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
} from "react";
import { useVirtualizer } from "@tanstack/react-virtual";

import { formatDuration, IconButton, icons } from "../../ui";
import { useShown } from "../context";
import { instant } from "../model/read";
import type { Span } from "../model/spans";
import { fit, pan, place, ticks, zoom, type Row, type View } from "../model/timeline";
import { useNow } from "./timeline";
import { detailsOf, KIND_WORDS, labelOf } from "./words";

const ROW = 26;
/** A bar is at least so wide, in pixels, so that it can be seen and hit. */
const THINNEST = 4;
/** A bar that is narrower, in parts of the window, has its mark beside it. */
const ROOMY = 0.04;

export function Chart({ rows, tools }: { rows: readonly Row[]; tools: ReactNode }) {
  const { model, openEvent } = useShown();
  const now = useNow();
  const origin = instant(model.execution.created_at);
  const spans = useMemo(() => rows.map((row) => row.span), [rows]);
  const whole = fit(spans, now);
  // Undefined: everything, also what is to come.
  const [chosen, setChosen] = useState<View>();
  const view = chosen ?? whole;
  const [current, setCurrent] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });

  const focusRow = useCallback(
    (index: number) => {
      const to = Math.max(0, Math.min(rows.length - 1, index));
      setCurrent(to);
      virtual.scrollToIndex(to);
      requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus());
    },
    [rows.length, virtual],
  );
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => focusRow(current + 1),
      ArrowUp: () => focusRow(current - 1),
      Home: () => focusRow(0),
      End: () => focusRow(rows.length - 1),
      "+": () => setChosen(zoom(view, 0.6)),
      "=": () => setChosen(zoom(view, 0.6)),
      "-": () => setChosen(zoom(view, 1 / 0.6)),
      "0": () => setChosen(undefined),
      ArrowRight: () => setChosen(pan(view, 0.15)),
      ArrowLeft: () => setChosen(pan(view, -0.15)),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  };
  useWheelZoom(scroller, view, setChosen);

  return (
    <>
      <div className="x-bar">
        <IconButton label="Zoom in" icon={icons.plus} onClick={() => setChosen(zoom(view, 0.6))} />
        <IconButton
          label="Zoom out"
          icon={<span aria-hidden="true">−</span>}
          onClick={() => setChosen(zoom(view, 1 / 0.6))}
        />
        <button type="button" className="button" onClick={() => setChosen(undefined)} disabled={chosen === undefined}>
          Fit all
        </button>
        {tools}
        <Legend />
      </div>
      <div
        className="x-chart"
        ref={scroller}
        onKeyDown={onKeyDown}
        role="group"
        aria-label="Timeline. Arrows up and down move between bars, left and right move the window, plus and minus zoom, 0 fits all."
      >
        <Axis view={view} origin={origin} />
        <div className="x-rows" role="list" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row === undefined ? null : (
              <div
                key={row.span.key}
                role="listitem"
                className="x-row"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <BarRow
                  row={row}
                  index={item.index}
                  view={view}
                  now={now}
                  origin={origin}
                  current={item.index === current}
                  onFocus={setCurrent}
                  onOpen={openEvent}
                />
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

interface BarProps {
  row: Row;
  index: number;
  view: View;
  now: number;
  origin: number;
  current: boolean;
  onFocus: (index: number) => void;
  onOpen: (seq: number) => void;
}

function BarRow({ row: { span, depth }, index, view, now, origin, current, onFocus, onOpen }: BarProps) {
  const at = place(span, view, now);
  const ms = (span.end ?? Math.max(now, span.start)) - span.start;
  const details = detailsOf(span, ms, span.start - origin);
  return (
    <button
      type="button"
      className="x-span"
      data-index={index}
      data-kind={span.kind}
      data-status={span.status}
      tabIndex={current ? 0 : -1}
      title={`${labelOf(span)}, ${details}`}
      onFocus={() => onFocus(index)}
      onClick={() => onOpen(span.seq)}
    >
      <span className="x-span-name clip" style={{ paddingLeft: depth * 12 }}>
        <bdi>{labelOf(span)}</bdi>
      </span>
      <span className="visually-hidden">, {details}</span>
      <span className="x-track">
        {at ? (
          <>
            <span
              className="x-fill"
              style={{ left: `${at.left * 100}%`, width: `max(${THINNEST}px, ${at.width * 100}%)` }}
            >
              {at.width >= ROOMY && glyph(span)}
            </span>
            <span className="x-ms num" aria-hidden="true" {...besideBar(at.left, at.width)}>
              {at.width < ROOMY && glyph(span)} {formatDuration(ms)}
              {span.end === undefined && "…"}
            </span>
          </>
        ) : (
          <span className="x-outside muted" aria-hidden="true">
            {span.start > view.end ? "later →" : "← earlier"}
          </span>
        )}
      </span>
    </button>
  );
}

/** Where there is room for its time: after the bar, before it, or on its beginning. */
function besideBar(left: number, width: number): { style: CSSProperties; "data-on"?: true } {
  if (left + width < 0.86) return { style: { left: `calc(${(left + width) * 100}% + 8px)` } };
  if (left > 0.14) return { style: { right: `calc(${(1 - left) * 100}% + 4px)` } };
  return { style: { left: `calc(${left * 100}% + 6px)` }, "data-on": true };
}

/** What failed or goes on is told apart without its colour. */
function glyph(span: Span): ReactNode {
  if (span.status === "failed") return <span aria-hidden="true">✕</span>;
  if (span.status === "interrupted" || span.status === "cancelled") return <span aria-hidden="true">■</span>;
  return null;
}

function Axis({ view, origin }: { view: View; origin: number }) {
  const part = (mark: number) => (mark + origin - view.start) / (view.end - view.start);
  // One at the very end has no room for its figure.
  const marks = ticks(view, origin, 6).filter((mark) => part(mark) < 0.88);
  return (
    <div className="x-axis" aria-hidden="true">
      <span className="x-span-name muted clip">since it was created</span>
      <span className="x-track">
        {marks.map((mark) => (
          <span key={mark} className="x-tick num" style={{ left: `${part(mark) * 100}%` }}>
            {mark === 0 ? "0" : formatDuration(mark)}
          </span>
        ))}
      </span>
    </div>
  );
}

function Legend() {
  return (
    <ul className="x-legend" aria-label="Kinds of bars">
      {(["attempt", "step", "call", "agent", "wait", "queued"] as const).map((kind) => (
        <li key={kind}>
          <span className="x-key" data-kind={kind} aria-hidden="true" /> {KIND_WORDS[kind]}
        </li>
      ))}
      <li>✕ failed</li>
      <li>■ broken off</li>
    </ul>
  );
}

/** Ctrl and the wheel zoom where the pointer is, as in maps; the wheel alone scrolls. */
function useWheelZoom(of: React.RefObject<HTMLDivElement | null>, view: View, set: (view: View) => void): void {
  const latest = useRef(view);
  useEffect(() => {
    latest.current = view;
  });
  useEffect(() => {
    const element = of.current;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const track = element?.querySelector(".x-axis .x-track")?.getBoundingClientRect();
      const around = track ? Math.min(1, Math.max(0, (event.clientX - track.left) / track.width)) : 0.5;
      set(zoom(latest.current, event.deltaY > 0 ? 1.25 : 0.8, around));
    };
    // React's own listener is passive, and could not keep the browser from zooming the page.
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [of, set]);
}
