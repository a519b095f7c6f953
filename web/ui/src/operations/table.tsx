// A table of things that change while they are looked at: sorted by any column, walked with the
// keyboard, cards where it is narrow, and no more rows drawn than can be seen where there are many.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode } from "react";
import { Link, useLocation } from "wouter";

import { bound, useShortcuts } from "../app/keys";
import { icons } from "../ui";
import type { Tone } from "./judge";
import { held, sorted, toggled, type Sort, type Sortable } from "./order";
import "./table.css";

export interface Column<T> {
  key: string;
  head: string;
  /** What the head leaves out, on hover. */
  about?: string;
  number?: boolean;
  /** What it is sorted by; not sortable without. */
  value?: (row: T) => Sortable;
  downFirst?: boolean;
  cell: (row: T) => ReactNode;
}

export interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  /** Unique, and what decides among equals. */
  name: (row: T) => string;
  /** Where a row leads; its first cell is the link. */
  href: (row: T) => string;
  sort: Sort;
  onSort: (sort: Sort) => void;
  /** Rows that stand out. */
  tone?: (row: T) => Tone;
  /** Whether `j` and `k` walk it: for one table of a page. */
  walked?: boolean;
}

/** With more rows only those in sight are drawn. */
const MANY = 120;
/** The heads stay in sight, and are so tall. */
const HEADS = 34;
/** The order stands still while the pointer moves over the rows, and for this long after. */
const STILL_MS = 3_000;

function useHeldOrder<T>(rows: readonly T[], columns: readonly Column<T>[], sort: Sort, name: (row: T) => string) {
  const [before, setBefore] = useState<readonly string[] | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const column = columns.find(({ key }) => key === sort.by);
  const inOrder = column?.value ? sorted(rows, column.value, name, sort.down) : [...rows];
  const shown = held(inOrder, name, before);
  const free = () => {
    clearTimeout(timer.current);
    setBefore(null);
  };
  const hold = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(free, STILL_MS);
    setBefore((order) => order ?? shown.map(name));
  };
  const moved = before !== null && shown.some((row, index) => row !== inOrder[index]);
  return { shown, hold, free, moved };
}

export function DataTable<T>({ label, rows, columns, name, href, sort, onSort, tone, walked = false }: TableProps<T>) {
  const [, navigate] = useLocation();
  const { shown, hold, free, moved } = useHeldOrder(rows, columns, sort, name);
  const body = useRef<HTMLTableSectionElement>(null);
  const wanted = useRef<number | null>(null);
  const [margin, setMargin] = useState(0);
  const many = shown.length > MANY;
  const virtual = useVirtualizer({
    count: shown.length,
    enabled: many,
    getScrollElement: () => document.getElementById("content"),
    estimateSize: () => 45,
    overscan: 10,
    scrollMargin: margin,
    getItemKey: (index) => {
      const row = shown[index];
      return row === undefined ? index : name(row);
    },
  });
  useLayoutEffect(() => {
    const scroller = document.getElementById("content");
    if (!many || !scroller || !body.current) return;
    const top = body.current.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
    if (Math.abs(top - margin) > 1) setMargin(top);
  });

  const linkOf = (index: number) => body.current?.querySelector<HTMLElement>(`tr[data-index="${index}"] a`);
  const goTo = (index: number) => {
    const at = Math.max(0, Math.min(shown.length - 1, index));
    wanted.current = at;
    if (many) virtual.scrollToIndex(at);
    focusWanted();
  };
  const focusWanted = () => {
    if (wanted.current === null) return;
    const link = linkOf(wanted.current);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
    link.closest("tr")?.scrollIntoView({ block: "nearest" });
  };
  useEffect(focusWanted);
  const here = () => {
    const row = document.activeElement?.closest<HTMLElement>("tr[data-index]");
    return row && body.current?.contains(row) ? Number(row.dataset.index) : null;
  };
  /** The first row that is in sight below the heads. */
  const inSight = () => {
    const top = document.getElementById("content")?.getBoundingClientRect().top ?? 0;
    const rows = [...(body.current?.querySelectorAll<HTMLElement>("tr[data-index]") ?? [])];
    return Number(rows.find((row) => row.getBoundingClientRect().top >= top + HEADS)?.dataset.index ?? 0);
  };
  const step = (by: number) => {
    const at = here();
    goTo(at === null ? inSight() : at + by);
  };
  useShortcuts(walked ? bound("table", { next: () => step(1), previous: () => step(-1) }) : {});
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const keys = bound("row", {
      next: () => step(1),
      previous: () => step(-1),
      first: () => goTo(0),
      last: () => goTo(shown.length - 1),
    });
    const does = keys[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  };
  const onClick = (event: MouseEvent, row: T) => {
    const within = event.target instanceof Element && event.target.closest("a, button, input, summary");
    if (within || event.defaultPrevented || window.getSelection()?.toString()) return;
    if (event.metaKey || event.ctrlKey) window.open(href(row), "_blank", "noopener");
    else navigate(href(row));
  };

  const items = many ? virtual.getVirtualItems() : null;
  const indexes = useMemo(() => (items ? items.map((item) => item.index) : shown.map((_, index) => index)), [items, shown]);
  const before = items ? (items[0]?.start ?? margin) - margin : 0;
  const after = items ? virtual.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin) : 0;
  return (
    <div className="ops-table-box">
      <table className="ops-table" role="table" aria-label={label} aria-rowcount={shown.length + 1}>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {columns.map((column) => (
              <Head
                key={column.key}
                column={column}
                sort={sort}
                onSort={(next) => {
                  free();
                  onSort(next);
                }}
              />
            ))}
          </tr>
        </thead>
        <tbody ref={body} role="rowgroup" onKeyDown={onKey} onPointerMove={(event) => event.pointerType === "mouse" && hold()} onPointerLeave={free}>
          {before > 0 && <Space height={before} columns={columns.length} />}
          {indexes.map((index) => {
            const row = shown[index];
            if (row === undefined) return null;
            return (
              <tr
                key={name(row)}
                role="row"
                ref={many ? virtual.measureElement : undefined}
                data-index={index}
                data-tone={tone?.(row)}
                aria-rowindex={index + 2}
                onClick={(event) => onClick(event, row)}
              >
                {columns.map((column, at) => (
                  <td key={column.key} role="cell" className={column.number ? "num" : undefined} data-head={column.head} data-key={column.key}>
                    {at === 0 ? (
                      <Link href={href(row)} className="ops-row-link">
                        {column.cell(row)}
                      </Link>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <Space height={after} columns={columns.length} />}
        </tbody>
      </table>
      {moved && <p className="ops-held muted">The order stands still while you point at a row.</p>}
    </div>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  return (
    <tr className="ops-space" aria-hidden="true">
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

function Head<T>({ column, sort, onSort }: { column: Column<T>; sort: Sort; onSort: (sort: Sort) => void }) {
  const here = sort.by === column.key;
  return (
    <th
      scope="col"
      role="columnheader"
      data-key={column.key}
      className={column.number ? "num" : undefined}
      title={column.about}
      aria-sort={here ? (sort.down ? "descending" : "ascending") : undefined}
    >
      {column.value ? (
        <button type="button" onClick={() => onSort(toggled(sort, column.key, column.downFirst ?? false))}>
          {column.head}
          <span className="ops-sort" data-here={here || undefined}>
            {here && !sort.down ? icons.up : icons.down}
          </span>
        </button>
      ) : (
        column.head
      )}
    </th>
  );
}
