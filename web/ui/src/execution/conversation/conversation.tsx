// What was said and done, in order, as it comes. The newest entries are in the page; those before them
// come when they are asked for. It follows the end until somebody scrolls away from it.

import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

import { isFinal } from "../../api/types";
import { Button, count, EmptyState, icons } from "../../ui";
import { useExecution, useReading, useShown, useVersion } from "../context";
import { useFits, useFollow } from "../follow";
import { threadKey, type Entry } from "../model/entries";
import { Reading } from "../parts";
import { AgentCard, OrphanCard } from "./agent";
import { CallCard } from "./call";
import { MessageView } from "./message";
import { StepLine, TurnLine } from "./turn";

/** Entries in the page at first, and more of them at a time. */
const SHOWN = 60;
const MORE = 180;
/** Sub-agents within sub-agents are shown so deep. */
const DEEP = 8;

export function Conversation() {
  useVersion(threadKey(""));
  const { model } = useShown();
  const pane = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { entries, agents } = model.transcript;
  const all = entries.of("");
  // What is over and short is read from its beginning.
  const over = isFinal(model.execution.phase);
  const [following, setFollowing] = useState(!over || all.length > SHOWN);
  const orphans = entries.orphans(agents);

  const onScroll = useFollow(pane, following, setFollowing);
  const fits = useFits(pane, content);
  useEnd(pane, content, following);
  const toEnd = useCallback(() => {
    const at = pane.current;
    if (at) at.scrollTop = at.scrollHeight;
    setFollowing(true);
  }, []);

  return (
    <div className="x-pane x-conversation-pane">
      {/* Its text is to be read and scrolled, also without a pointer. */}
      <div
        className="x-conversation"
        ref={pane}
        onScroll={onScroll}
        tabIndex={0}
        role="region"
        aria-label="Conversation"
      >
        <div className="x-thread" ref={content}>
          <Thread owner="" depth={0} following={following} />
          {orphans.map((owner) => (
            <OrphanCard key={owner} id={owner} depth={0} Thread={Thread} />
          ))}
          {orphans.length === 0 && all.every((entry) => entry.kind === "turn") && <Nothing />}
        </div>
      </div>
      {!following && !fits && (
        <Button className="x-to-end" icon={icons.down} onClick={toEnd}>
          {over ? "To the end" : "To the newest"}
        </Button>
      )}
    </div>
  );
}

/** Keeps the end in sight, whatever makes the content higher: new words, or a fold that is opened. */
function useEnd(
  pane: RefObject<HTMLDivElement | null>,
  content: RefObject<HTMLDivElement | null>,
  following: boolean,
): void {
  useLayoutEffect(() => {
    const scroller = pane.current;
    const inner = content.current;
    if (!following || !scroller || !inner) return;
    const toEnd = () => {
      scroller.scrollTop = scroller.scrollHeight;
    };
    toEnd();
    const observer = new ResizeObserver(toEnd);
    observer.observe(inner);
    return () => observer.disconnect();
  }, [pane, content, following]);
}

export interface ThreadProps {
  owner: string;
  depth: number;
  following: boolean;
}

/** The entries of one agent. */
export const Thread = memo(function Thread({ owner, depth, following }: ThreadProps) {
  useVersion(threadKey(owner));
  const { model } = useShown();
  const entries = model.transcript.entries.of(owner);
  const [most, setMost] = useState(SHOWN);
  // While it is read, what is above stays: then the window grows with what comes.
  const [from, setFrom] = useState<number>();
  useEffect(() => {
    setFrom((before) => (following ? undefined : (before ?? Math.max(0, entries.length - most))));
  }, [following, entries, most]);
  const start = from === undefined ? Math.max(0, entries.length - most) : from;
  const earlier = () => {
    setMost(most + MORE);
    if (from !== undefined) setFrom(Math.max(0, from - MORE));
  };
  if (depth > DEEP)
    return <p className="muted">{count(entries.length, "entry", "entries")} deeper within; see the events.</p>;
  return (
    <>
      {start > 0 && (
        <Button variant="quiet" icon={icons.up} onClick={earlier} className="x-earlier">
          {count(start, "earlier entry", "earlier entries")}
        </Button>
      )}
      {entries.slice(start).map((entry) => (
        <EntryView key={entry.key} entry={entry} depth={depth} following={following} />
      ))}
    </>
  );
});

/** An entry is one object for all its life; what is in it is watched by its view. */
const EntryView = memo(function EntryView({
  entry,
  depth,
  following,
}: {
  entry: Entry;
  depth: number;
  following: boolean;
}) {
  switch (entry.kind) {
    case "message":
      return <MessageView message={entry} />;
    case "call":
      return <CallCard call={entry} />;
    case "agent":
      return <AgentCard agent={entry} depth={depth} following={following} Thread={Thread} />;
    case "step":
      return <StepLine step={entry} />;
    case "turn":
      return <TurnLine turn={entry} />;
  }
});

/** No word of its runner: there may be turns in its life all the same. */
function Nothing() {
  const { phase, attempt } = useExecution();
  if (useReading()) return <Reading what="the conversation" />;
  return (
    <EmptyState title={isFinal(phase) ? "Nothing was said" : "Nothing was said yet"}>
      <p className="muted">{whyNothing(isFinal(phase), attempt)}</p>
    </EmptyState>
  );
}

function whyNothing(over: boolean, attempt: number): string {
  if (!over) return "Messages, reasoning and tool calls are shown here as its runner posts them; what it writes is under Logs.";
  if (attempt === 0) return "No runner took it.";
  return "Its runner posted no messages and no tool calls. What it wrote is under Logs, all that happened under Events.";
}
