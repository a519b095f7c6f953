// One event: a line, and opened all that it is, with ways to take it along.

import { memo, useEffect, useRef } from "react";

import type { HeartlineEvent } from "../../api/types";
import { Button, CopyButton, exactTime, formatDuration, icons, Json, safeText } from "../../ui";
import { useShown } from "../context";
import { curlEvent } from "../model/curl";
import { groupOf, summaryOf } from "../model/events";
import { instant } from "../model/read";

interface Props {
  event: HeartlineEvent;
  created: string;
  open: boolean;
  onOpen: (seq: number) => void;
  onClose: () => void;
}

export const EventRow = memo(function EventRow({ event, created, open, onOpen, onClose }: Props) {
  const after = instant(event.time) - instant(created);
  return (
    <div className="x-event-whole" data-open={open || undefined}>
      <button
        type="button"
        className="x-event"
        data-group={groupOf(event)}
        aria-expanded={open}
        onClick={() => (open ? onClose() : onOpen(event.seq))}
      >
        <span className="x-event-seq num">{event.seq}</span>
        <span className="x-event-time num muted" title={exactTime(event.time)}>
          +{formatDuration(Math.max(0, after))}
        </span>
        <code className="x-event-type">{safeText(event.type)}</code>
        <bdi className="x-event-says clip">{safeText(summaryOf(event))}</bdi>
      </button>
      {open && <Whole event={event} onClose={onClose} />}
    </div>
  );
});

function Whole({ event, onClose }: { event: HeartlineEvent; onClose: () => void }) {
  const { eventHref } = useShown();
  const element = useRef<HTMLDivElement>(null);
  // It may have opened below the edge.
  useEffect(() => {
    // Braces: in some browsers it answers with a promise, which is no way to clean up.
    element.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <div className="x-event-open" ref={element}>
      <dl className="x-event-facts">
        <div>
          <dt>Time</dt>
          <dd className="num">{exactTime(event.time)}</dd>
        </div>
        <div>
          <dt>Attempt</dt>
          <dd className="num">{event.attempt || "before the first"}</dd>
        </div>
        <div>
          <dt>Follows</dt>
          <dd className="num">{event.prev}</dd>
        </div>
      </dl>
      <Json value={event.data} open={4} />
      <div className="x-event-tools">
        <CopyButton text={() => JSON.stringify(event, null, 2)} label="Copy as JSON" shown />
        <CopyButton text={() => curlEvent(location.origin, event.execution_id, event.seq)} label="Copy as curl" shown />
        <CopyButton text={() => location.origin + eventHref(event.seq)} label="Copy the link to it" shown />
        <Button variant="quiet" icon={icons.up} onClick={onClose}>
          Close
        </Button>
      </div>
    </div>
  );
}
