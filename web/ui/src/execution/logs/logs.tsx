// The lines that its runner wrote, newest at the end: searched, filtered, followed or held still. They
// are read from the end of the log towards its beginning.

import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";

import { problemOf } from "../../api/http";
import { isFinal } from "../../api/types";
import { Button, count, EmptyState, ErrorState, icons, Select } from "../../ui";
import { useExecution, useReading, useShown } from "../context";
import { useFollow } from "../follow";
import {
  ALL_LOGS,
  LEVELS,
  logLine,
  logText,
  shownLines,
  type Level,
  type LogFilter,
  type LogLine,
} from "../model/logs";
import { Scan, type ScanStage } from "../model/scan";
import { Reading } from "../parts";
import { LogRow } from "./row";

const ROW = 20;

function useLogScan(): Scan<LogLine> {
  const { store, pages } = useShown();
  const [scan, setScan] = useState(() => new Scan(pages, logLine));
  useEffect(() => {
    const mine = new Scan(pages, logLine);
    setScan(mine);
    const untap = store.tap((events) => mine.push(events));
    void mine.run();
    return () => {
      untap();
      mine.stop();
    };
  }, [store, pages]);
  useSyncExternalStore(scan.subscribe, scan.snapshot);
  return scan;
}

export default function Logs() {
  const scan = useLogScan();
  const { model } = useShown();
  const { phase, name } = useExecution();
  const [filter, setFilter] = useState<LogFilter>(ALL_LOGS);
  const [wrap, setWrap] = useState(true);
  const [following, setFollowing] = useState(true);
  const lines = scan.picked;
  const version = scan.snapshot();
  const shown = useMemo(() => shownLines(lines, filter), [lines, filter, version]);
  const written = useMemo(() => lineCount(lines), [lines, version]);
  const logged = useMemo(() => (shown === lines ? written : lineCount(shown)), [shown, lines, written, version]);
  const behind = useReading();
  const stage = scan.stage === "whole" && behind ? "reading" : scan.stage;

  const download = () => {
    const url = URL.createObjectURL(new Blob([logText(shown)], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${name.replaceAll(/[^\w.-]+/g, "-").slice(0, 60)}-${model.execution.id.slice(-8)}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  return (
    <div className="x-pane x-logs">
      <div className="x-bar">
        <input
          type="search"
          className="input x-search"
          placeholder="Search the lines"
          aria-label="Search the lines"
          value={filter.search}
          onChange={(event) => setFilter({ ...filter, search: event.target.value })}
        />
        <Select
          aria-label="Least level"
          value={filter.level}
          options={LEVELS.map((level) => ({
            value: level,
            label: level === "trace" ? "All levels" : level === "error" ? "error only" : `${level} and above`,
          }))}
          onChange={(level) => setFilter({ ...filter, level: level as Level })}
        />
        <Select
          aria-label="Stream"
          value={filter.stream}
          options={[
            { value: "all", label: "All streams" },
            { value: "stdout", label: "stdout" },
            { value: "stderr", label: "stderr" },
            { value: "none", label: "no stream" },
          ]}
          onChange={(stream) => setFilter({ ...filter, stream: stream as LogFilter["stream"] })}
        />
        <Button aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          Wrap
        </Button>
        {!isFinal(phase) && (
          <Button
            aria-pressed={following}
            icon={following ? icons.pause : icons.play}
            onClick={() => setFollowing(!following)}
          >
            {following ? "Pause" : "Follow"}
          </Button>
        )}
        <Button icon={icons.down} onClick={download} disabled={shown.length === 0}>
          Download
        </Button>
        <span className="x-count muted num" role="status">
          {countWords(stage, logged, written)}
        </span>
      </div>
      {scan.problem !== undefined && <ErrorState problem={problemOf(scan.problem)} retry={() => void scan.run()} />}
      {logged === 0 && stage !== "failed" && (
        <NoLines stage={stage} written={written} turns={shown.length > 0} clear={() => setFilter(ALL_LOGS)} />
      )}
      {shown.length > 0 && (
        <Lines
          lines={shown}
          version={version}
          search={filter.search}
          wrap={wrap}
          following={following}
          onFollow={setFollowing}
        />
      )}
      {stage === "part" && (
        <p className="x-foot muted">
          Lines before event {scan.from.toLocaleString("en-GB")} are not read yet.{" "}
          <Button variant="quiet" onClick={() => void scan.run()}>
            Read on
          </Button>
        </p>
      )}
    </div>
  );
}

interface LinesProps {
  lines: readonly LogLine[];
  version: number;
  search: string;
  wrap: boolean;
  following: boolean;
  onFollow: (following: boolean) => void;
}

function Lines({ lines, version, search, wrap, following, onFollow }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 20,
  });
  // The height of lines depends on how they are broken.
  useEffect(() => {
    virtual.measure();
  }, [virtual, wrap]);
  const last = lines.at(-1)?.seq;
  useLayoutEffect(() => {
    if (following && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [virtual, following, last, lines.length, version, wrap]);
  useAnchor(scroller, virtual, lines, following);

  const onScroll = useFollow(scroller, following, onFollow);
  const digits = String(last ?? 0).length;

  return (
    <div
      className="x-lines"
      ref={scroller}
      onScroll={onScroll}
      tabIndex={0}
      role="region"
      aria-label="Log lines"
      data-wrap={wrap || undefined}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          return line === undefined ? null : (
            <div
              key={item.key}
              data-index={item.index}
              ref={wrap ? virtual.measureElement : undefined}
              className="x-line-place"
              style={{ transform: `translateY(${item.start}px)`, ...(!wrap && { height: ROW }) }}
            >
              <LogRow line={line} search={search} digits={digits} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Lines that come above what is read do not move it. */
function useAnchor(
  of: React.RefObject<HTMLDivElement | null>,
  virtual: Virtualizer<HTMLDivElement, Element>,
  lines: readonly LogLine[],
  following: boolean,
): void {
  const before = useRef<{ first: number | undefined; lines: number; list: readonly LogLine[] }>({
    first: undefined,
    lines: 0,
    list: lines,
  });
  const first = lines[0]?.seq;
  useLayoutEffect(() => {
    const was = before.current;
    if (!following && was.first !== undefined && first !== undefined && first < was.first && was.list === lines) {
      const added = lines.findIndex((line) => line.seq === was.first);
      if (added > 0 && of.current) of.current.scrollTop += added * ROW;
    }
    before.current = { first, lines: lines.length, list: lines };
  }, [of, virtual, lines, first, following]);
}

function lineCount(lines: readonly LogLine[]): number {
  return lines.reduce((sum, line) => sum + (line.level === undefined ? 0 : 1), 0);
}

/** How many lines are shown, of how many there are, as far as that is known. */
function countWords(stage: ScanStage, logged: number, written: number): string {
  const all = count(written, "line");
  const shown = logged === written ? all : `${logged.toLocaleString("en-GB")} of ${all}`;
  switch (stage) {
    case "whole":
      return shown;
    case "reading":
      return written === 0 ? "Reading…" : `Reading… ${shown} so far`;
    case "part":
    case "failed":
      return `${shown} read`;
  }
}

/** There is no line to show: what that means depends on how far it was read. */
function NoLines({
  stage,
  written,
  turns,
  clear,
}: {
  stage: ScanStage;
  written: number;
  /** Turns of the execution are shown below. */
  turns: boolean;
  clear: () => void;
}) {
  const { phase } = useExecution();
  if (stage === "reading") return turns ? null : <Reading what="the log" />;
  if (written > 0) {
    return (
      <EmptyState title="No line matches" action={<Button onClick={clear}>Show all lines</Button>}>
        <p className="muted">There are lines, but none with these words, level and stream.</p>
      </EmptyState>
    );
  }
  const whole = isFinal(phase) ? "It wrote no lines" : "It has written no lines yet";
  const title = stage === "part" ? "No lines in what was read" : whole;
  const what = (
    <>
      What a wrapped command prints is shown here, and every <code>CUSTOM</code> event named <code>log</code>.
    </>
  );
  return turns ? (
    <p className="x-note">
      <strong>{title}.</strong> <span className="muted">{what}</span>
    </p>
  ) : (
    <EmptyState title={title}>
      <p className="muted">{what}</p>
    </EmptyState>
  );
}
