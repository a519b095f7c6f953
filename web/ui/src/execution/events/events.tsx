// The log itself, event by event. The place of an event is its seq, so any of them is reached without
// those before it; a filter reads the log from its end and keeps what matches.

import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore, type FormEvent } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";

import { problemOf } from "../../api/http";
import { isFinal } from "../../api/types";
import { useShortcuts } from "../../app/keys";
import { Button, count, EmptyState, ErrorState, icons, Skeleton } from "../../ui";
import { useExecution, useReading, useShown } from "../context";
import { useFollow } from "../follow";
import { eventMatches, GROUPS, isAll, type EventFilter, type Group } from "../model/events";
import { Scan, type Picked, type ScanStage } from "../model/scan";
import { Reading } from "../parts";
import { EventRow } from "./row";

const ROW = 28;
const NONE: ReadonlySet<Group> = new Set();

export default function Events({ asked }: { asked: number | undefined }) {
  const { pages } = useShown();
  useSyncExternalStore(pages.subscribe, pages.snapshot);
  const [groups, setGroups] = useState(NONE);
  const [search, setSearch] = useState("");
  const settled = useSettled(search);
  const filter = useMemo<EventFilter>(() => ({ groups, search: settled }), [groups, settled]);
  const scan = useFiltered(filter);
  const toggle = (group: Group) => {
    const next = new Set(groups);
    if (!next.delete(group)) next.add(group);
    setGroups(next);
  };
  const clear = () => {
    setGroups(NONE);
    setSearch("");
  };
  const total = Math.max(0, pages.head - pages.oldest + 1);
  const shown = scan ? scan.picked.length : total;
  const behind = useReading();
  const stage = scan?.stage === "whole" && behind ? "reading" : scan?.stage;
  const problem = scan?.problem ?? pages.problem;
  const again = () => {
    pages.forgive();
    void scan?.run();
  };
  return (
    <div className="x-pane x-events">
      <div className="x-bar">
        <input
          type="search"
          className="input x-search"
          placeholder="Search types and data"
          aria-label="Search types and data of events"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <div className="x-chips" role="group" aria-label="Kinds of events">
          {GROUPS.map(({ key, label }) => (
            <button
              key={key}
              type="button"
              className="x-chip"
              aria-pressed={groups.has(key)}
              onClick={() => toggle(key)}
            >
              {label}
            </button>
          ))}
        </div>
        <GoTo />
        <span className="x-count muted num" role="status">
          {scan
            ? `${stage === "reading" ? "Reading… " : ""}${count(shown, "event")} of ${total.toLocaleString("en-GB")}${stage === "reading" ? " so far" : ""}`
            : count(total, "event")}
        </span>
      </div>
      {problem !== undefined && <ErrorState problem={problemOf(problem)} retry={again} />}
      {asked !== undefined && <Missing seq={asked} />}
      {stage !== undefined && shown === 0 ? (
        <NoEvents stage={stage} clear={clear} />
      ) : (
        <List key={scan ? "filtered" : "all"} scan={scan} total={total} asked={asked} />
      )}
      {scan && stage === "part" && (
        <p className="x-foot muted">
          Events before {scan.from.toLocaleString("en-GB")} are not read yet.{" "}
          <Button variant="quiet" onClick={() => void scan.run()}>
            Read on
          </Button>
        </p>
      )}
    </div>
  );
}

/** A link may name an event that there is not. */
function Missing({ seq }: { seq: number }) {
  const { pages } = useShown();
  const { phase } = useExecution();
  const { head, oldest } = pages;
  if (seq >= oldest && seq <= head) return null;
  const number = (of: number) => of.toLocaleString("en-GB");
  const why =
    seq < oldest
      ? `it was removed, and the log begins at ${number(oldest)}.`
      : isFinal(phase)
        ? `the log ends at ${number(head)}.`
        : `the newest is ${number(head)}. It is shown here once it comes.`;
  return (
    <p className="x-note" role="status">
      There is no event {number(seq)}: {why}
    </p>
  );
}

function NoEvents({ stage, clear }: { stage: ScanStage; clear: () => void }) {
  if (stage === "reading") return <Reading what="the log" />;
  // What went wrong stands above.
  if (stage === "failed") return null;
  return (
    <EmptyState title="No event matches" action={<Button onClick={clear}>Show all events</Button>}>
      <p className="muted">{stage === "whole" ? "The whole log was read." : "Not all of the log was read yet."}</p>
    </EmptyState>
  );
}

/** A text as it is once typing pauses. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 200);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

const nothing = () => () => {};
const zero = () => 0;

/** What matches, as far as it is read; undefined where everything is shown. */
function useFiltered(filter: EventFilter): Scan<Picked> | undefined {
  const { store, pages } = useShown();
  const [scan, setScan] = useState<Scan<Picked>>();
  useEffect(() => {
    if (isAll(filter)) {
      setScan(undefined);
      return;
    }
    // Only where they are is kept; the pages have them.
    const mine = new Scan<Picked>(pages, (event) => (eventMatches(event, filter) ? { seq: event.seq } : undefined));
    setScan(mine);
    const untap = store.tap((events) => mine.push(events));
    void mine.run();
    return () => {
      untap();
      mine.stop();
    };
  }, [store, pages, filter]);
  useSyncExternalStore(scan?.subscribe ?? nothing, scan?.snapshot ?? zero);
  return scan;
}

/** Below a long post-mortem the list may be out of sight. */
function bringIntoView(list: HTMLElement | null): void {
  const at = list?.getBoundingClientRect();
  if (at && (at.top > window.innerHeight * 0.55 || at.bottom < 120))
    list?.closest(".x-main")?.scrollIntoView({ block: "start" });
}

function GoTo() {
  const { openEvent, pages } = useShown();
  const go = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const seq = Number(new FormData(event.currentTarget).get("seq"));
    if (Number.isInteger(seq) && seq > 0) openEvent(Math.min(seq, pages.head));
  };
  return (
    <form className="x-goto" onSubmit={go}>
      <input
        name="seq"
        className="input num"
        inputMode="numeric"
        placeholder="Go to #"
        aria-label="Go to the event with this number"
        autoComplete="off"
      />
    </form>
  );
}

function List({ scan, total, asked }: { scan: Scan<Picked> | undefined; total: number; asked: number | undefined }) {
  const { pages, openEvent, closeEvent } = useShown();
  const { phase, created_at: created } = useExecution();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = scan ? scan.picked.length : total;
  const seqAt = (index: number) => (scan ? scan.picked[index]?.seq : pages.oldest + index);
  const [following, setFollowing] = useState(() => asked === undefined && !isFinal(phase));
  const virtual = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => seqAt(index) ?? index,
    overscan: 16,
  });
  const onScroll = useFollow(scroller, following, setFollowing);
  const items = virtual.getVirtualItems();
  const first = seqAt(items[0]?.index ?? 0);
  const last = seqAt(items.at(-1)?.index ?? 0);
  const version = pages.snapshot();
  useEffect(() => {
    if (first !== undefined && last !== undefined && rows > 0) pages.want(first, last);
  }, [pages, first, last, rows, version]);
  useLayoutEffect(() => {
    if (following && rows > 0) virtual.scrollToIndex(rows - 1, { align: "end" });
  }, [virtual, following, rows]);

  // Where the address names an event, it is brought into sight, once for each time it is named. A list that
  // has just come may not scroll yet, so it is tried until the event is among what is drawn.
  const went = useRef<number>(undefined);
  useEffect(() => {
    if (asked === undefined || went.current === asked) return;
    const index = scan ? scan.picked.findIndex((each) => each.seq === asked) : asked - pages.oldest;
    if (index < 0 || index >= rows) return;
    setFollowing(false);
    const top = (virtual.scrollOffset ?? 0) - 1;
    if (!items.some((item) => item.index === index && item.start >= top)) {
      virtual.scrollToIndex(index, { align: "start" });
      return;
    }
    went.current = asked;
    bringIntoView(scroller.current);
  }, [asked, scan, rows, pages, virtual, items]);
  if (asked === undefined) went.current = undefined;

  // Closed again, it is as high as the others; those are not measured, which would cost with each event.
  useEffect(() => {
    if (asked === undefined) return;
    return () => {
      const index = scan ? scan.picked.findIndex((each) => each.seq === asked) : asked - pages.oldest;
      if (index >= 0) virtual.resizeItem(index, ROW);
    };
  }, [asked, scan, pages, virtual]);

  const step = (by: number) => {
    const index =
      asked === undefined
        ? by > 0
          ? (items[0]?.index ?? 0) - 1
          : rows
        : scan
          ? scan.picked.findIndex((each) => each.seq === asked)
          : asked - pages.oldest;
    const seq = seqAt(Math.min(rows - 1, Math.max(0, index + by)));
    if (seq !== undefined) openEvent(seq);
  };
  useShortcuts({ j: () => step(1), k: () => step(-1), Escape: () => asked !== undefined && closeEvent() });

  return (
    <>
      <div
        className="x-event-list"
        ref={scroller}
        onScroll={onScroll}
        tabIndex={0}
        role="region"
        aria-label="Events. j and k open the next and the one before."
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="list">
          {items.map((item) => {
            const seq = seqAt(item.index);
            if (seq === undefined) return null;
            const event = pages.get(seq);
            return (
              <div
                key={item.key}
                data-index={item.index}
                ref={seq === asked ? virtual.measureElement : undefined}
                className="x-event-place"
                role="listitem"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {event ? (
                  <EventRow
                    event={event}
                    created={created}
                    open={seq === asked}
                    onOpen={openEvent}
                    onClose={closeEvent}
                  />
                ) : (
                  <div className="x-event" aria-busy="true">
                    <span className="x-event-seq num">{seq}</span>
                    <Skeleton width="40%" />
                  </div>
                )}
              </div>
            );
          })}
        </div>
      </div>
      {!isFinal(phase) && (
        <Button
          className="x-to-end"
          icon={following ? icons.pause : icons.down}
          aria-pressed={following}
          onClick={() => setFollowing(!following)}
        >
          {following ? "Pause" : "Follow the newest"}
        </Button>
      )}
    </>
  );
}
