// The rows: only those in sight are in the page, and what is read does not move when others come or go.

import { useVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type MouseEvent } from "react";

import type { Execution } from "../api/types";
import { bound, useShortcuts } from "../app/keys";
import { Button, copyText, count, ErrorState, icons, useToast } from "../ui";
import type { ListView, ReadingPlace } from "./list";
import { indexOf } from "./model";
import { ListRow } from "./row";
import type { Selection } from "./selection";

const ROW = 48;
/** Where the columns do not fit, a row has three lines. */
const NARROW = "(max-width: 760px)";
const NARROW_ROW = 100;
const HEAD = 32;
/** Older rows are fetched when so few are left below. */
const AHEAD = 60;

/** Rows beyond the edges that are drawn before they are seen. */
const OVERSCAN = 8;
/** Rows that are exchanged at once while scrolling, so that most frames draw nothing new. */
const STEP = 4;

/**
 * The rows to draw: always the same number of them wherever the list stands, so that a row that comes
 * into sight takes over the elements of one that leaves.
 */
function steadyRange({ startIndex, endIndex, overscan, count: total }: Range): number[] {
  const seen = Math.ceil((endIndex - startIndex + 1) / STEP) * STEP;
  const size = Math.min(total, seen + 2 * overscan);
  const wanted = Math.floor((startIndex - overscan) / STEP) * STEP + STEP / 2;
  const first = Math.max(0, Math.min(wanted, total - size));
  return Array.from({ length: size }, (_, at) => first + at);
}

export type TableProps = {
  view: ListView;
  /** Where it was left, and kept while it is read. */
  place: ReadingPlace;
  selection: Selection;
  onSelect: (execution: Execution, range: boolean, ids: readonly string[]) => void;
  onSelectAll: (ids: readonly string[]) => void;
  onClear: () => void;
  onOpen: (id: string) => void;
  onMore: () => void;
};

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW);
    const onChange = () => setNarrow(media.matches);
    media.addEventListener("change", onChange);
    return () => media.removeEventListener("change", onChange);
  }, []);
  return narrow;
}

export function Table({ view, place, selection, onSelect, onSelectAll, onClear, onOpen, onMore }: TableProps) {
  const { model } = view;
  const toast = useToast();
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const height = narrow ? NARROW_ROW : ROW;
  const head = narrow ? 0 : HEAD;

  // Newer rows than this one wait while the reader is elsewhere.
  const [held, setHeld] = useState(place.held);
  const start = held ? indexOf(model, held) : 0;
  const total = model.ids.length - start;
  const rowAt = (index: number) => model.rows.get(model.ids[start + index] ?? "");

  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback(() => height, [height]),
    overscan: OVERSCAN,
    rangeExtractor: steadyRange,
    initialOffset: place.scrolled,
    paddingStart: head,
    useFlushSync: false,
  });
  useEffect(() => virtual.measure(), [virtual, height]);

  useLayoutEffect(() => {
    if (place.scrolled > 0) scroller.current?.scrollTo({ top: place.scrolled });
  }, [place]);

  // Rows that come or go above do not move what is read. Where the reader is comes from scroll events:
  // asking the page for it here would make it lay everything out once more.
  const scrolled = useRef(place.scrolled);
  const anchor = useRef<{ place: Execution; index: number }>(undefined);
  const firstSeen = () => Math.max(0, Math.floor(scrolled.current / height));
  const keepAnchor = () => {
    const index = firstSeen();
    const row = rowAt(index);
    anchor.current = row && { place: row.execution, index };
  };
  useLayoutEffect(() => {
    const element = scroller.current;
    const at = anchor.current;
    if (element && at && held && scrolled.current > 0) {
      const moved = indexOf(model, at.place) - start - at.index;
      if (moved !== 0) {
        scrolled.current += moved * height;
        element.scrollTop = scrolled.current;
      }
    }
    keepAnchor();
  }, [view.version, start, height, held]);

  const newest = model.rows.get(model.ids[0] ?? "")?.execution;
  const busy = selection.chosen.size > 0;
  const onScroll = () => {
    const top = scroller.current?.scrollTop ?? 0;
    scrolled.current = top;
    place.scrolled = top;
    keepAnchor();
    if (top > 4 && !held && newest) setHeld(newest);
    if (top <= 4 && held && !busy && start === 0) setHeld(undefined);
  };
  useEffect(() => {
    if (busy) setHeld((before) => before ?? newest);
    else if (scrolled.current <= 4) setHeld(undefined);
    // Where the first row stood when the selection began is what counts.
  }, [busy]);
  const toNewest = () => {
    setHeld(undefined);
    scroller.current?.scrollTo({ top: 0 });
  };

  // The cursor stays on its execution; where that has gone, on its place.
  const [cursor, setCursor] = useState(place.cursor);
  useEffect(() => {
    place.held = held;
    place.cursor = cursor;
  }, [place, held, cursor]);
  const cursorIndex = (() => {
    if (!cursor) return -1;
    const row = model.rows.get(cursor.id);
    const index = row ? indexOf(model, row.execution) - start : cursor.index;
    return Math.min(Math.max(0, index), total - 1);
  })();
  const cursorRow = cursorIndex < 0 ? undefined : rowAt(cursorIndex);
  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(total - 1, index));
    const row = rowAt(to);
    if (!row) return;
    setCursor({ id: row.id, index: to });
    virtual.scrollToIndex(to, { align: "auto" });
    // The grid says which row is the active one, to who cannot see it.
    const grid = scroller.current;
    if (grid && !grid.contains(document.activeElement)) grid.focus({ preventScroll: true });
  };
  const shownIds = () => (start === 0 ? model.ids : model.ids.slice(start));
  const nextIndex = (by: number) => (cursorIndex < 0 ? firstSeen() : cursorIndex + by);
  const page = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 2);
  useShortcuts(
    bound("list", {
      next: () => moveTo(nextIndex(1)),
      previous: () => moveTo(nextIndex(-1)),
      nextPage: () => moveTo(nextIndex(page())),
      previousPage: () => moveTo(nextIndex(-page())),
      first: () => moveTo(0),
      last: () => moveTo(total - 1),
      open: () => cursorRow && onOpen(cursorRow.id),
      select: () => cursorRow && onSelect(cursorRow.execution, false, shownIds()),
      selectTo: () => cursorRow && onSelect(cursorRow.execution, true, shownIds()),
      clear: () => {
        if (selection.chosen.size > 0) onClear();
        else setCursor(undefined);
      },
    }),
  );

  const items = virtual.getVirtualItems();
  const lastIndex = items.at(-1)?.index ?? 0;
  const wantsMore = Boolean(model.cursor) && !model.listing && view.loading === "none" && !view.problem && lastIndex >= total - AHEAD;
  useEffect(() => {
    if (wantsMore) onMore();
  }, [wantsMore, onMore, view.version]);

  const onClick = useCallback(
    (event: MouseEvent) => {
      if (!(event.target instanceof Element)) return;
      const copy = event.target.closest<HTMLElement>("[data-copy]")?.dataset.copy;
      if (copy) {
        void copyText(copy).then((done) => toast(done ? "The id is copied." : `Could not copy ${copy}`, done ? "good" : "bad"));
        return;
      }
      const select = event.target.closest<HTMLElement>("[data-select]")?.dataset.select;
      if (select) {
        const row = model.rows.get(select);
        if (row) onSelect(row.execution, event.shiftKey, shownIds());
        return;
      }
      const open = event.target.closest<HTMLElement>("[data-open]")?.dataset.open;
      if (open && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
        event.preventDefault();
        onOpen(open);
      }
    },
    [model, onSelect, onOpen, start, toast],
  );

  const allSelected = total > 0 && selection.chosen.size >= total;
  return (
    <div className="table-frame">
      {start > 0 && (
        <div className="pill-place" role="status">
          <button type="button" className="pill" onClick={toNewest}>
            {icons.up}
            {start.toLocaleString("en-GB")} new
          </button>
        </div>
      )}
      <div
        ref={scroller}
        className="grid"
        role="grid"
        tabIndex={0}
        aria-label="Executions"
        aria-rowcount={model.cursor === null ? total + 1 : -1}
        aria-multiselectable="true"
        aria-busy={view.loading !== "none"}
        aria-activedescendant={cursorRow ? `row-${cursorRow.id}` : undefined}
        onScroll={onScroll}
        onClick={onClick}
      >
        <div role="row" className="row head" aria-rowindex={1}>
          <div role="columnheader" className="c-check">
            <input
              type="checkbox"
              aria-label="Select all that are loaded"
              checked={allSelected}
              ref={(box) => {
                if (box) box.indeterminate = selection.chosen.size > 0 && !allSelected;
              }}
              onChange={() => (allSelected ? onClear() : onSelectAll(shownIds()))}
            />
          </div>
          {COLUMNS.map(([key, word]) => (
            <div key={key} role="columnheader" className={`c-${key}`}>
              {word}
            </div>
          ))}
        </div>
        <div role="rowgroup" className="rows" style={{ height: virtual.getTotalSize() - head }}>
          {items.map((item) => {
            const row = rowAt(item.index);
            return row ? (
              <ListRow
                key={item.index % items.length}
                execution={row.execution}
                index={item.index}
                top={item.start - head}
                height={height}
                selected={selection.chosen.has(row.id)}
                current={row.id === cursorRow?.id}
              />
            ) : null;
          })}
        </div>
        <div role="row" className="table-foot">
          <div role="gridcell">
            <Foot view={view} total={total} onMore={onMore} />
          </div>
        </div>
      </div>
    </div>
  );
}

const COLUMNS: readonly (readonly [string, string])[] = [
  ["phase", "Phase"],
  ["name", "Name"],
  ["id", "Id"],
  ["queue", "Queue"],
  ["runner", "Runner"],
  ["attempt", "Attempt"],
  ["progress", "Progress"],
  ["age", "Age"],
  ["due", "Deadline"],
];

function Foot({ view, total, onMore }: { view: ListView; total: number; onMore: () => void }) {
  if (view.problem && total > 0) return <ErrorState problem={view.problem} retry={onMore} />;
  if (view.loading === "more") return <span className="muted">Loading older ones…</span>;
  if (view.model.cursor === null && total > 0) {
    return <span className="muted">{count(total, "execution")}, that is all.</span>;
  }
  if (!view.model.cursor) return null;
  return (
    <Button variant="quiet" tabIndex={-1} onClick={onMore}>
      Load older ones
    </Button>
  );
}
