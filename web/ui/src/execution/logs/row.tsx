// One line of the log: its number is that of its event.

import { memo } from "react";

import { exactTime } from "../../ui";
import { matches, type LogLine } from "../model/logs";
import { EventLink } from "../parts";

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

export const LogRow = memo(function LogRow({
  line,
  search,
  digits,
}: {
  line: LogLine;
  search: string;
  digits: number;
}) {
  const time = Date.parse(line.time);
  const found = matches(line.message, search);
  return (
    <div className="x-log" data-level={line.level ?? "turn"}>
      <span className="x-log-seq num" style={{ minWidth: `${digits + 1}ch` }}>
        <EventLink seq={line.seq}>{line.seq}</EventLink>
      </span>
      <time className="x-log-time num" dateTime={line.time} title={exactTime(line.time)}>
        {Number.isNaN(time) ? "" : clock.format(time)}
      </time>
      <span className="x-log-level">{line.level ?? "––"}</span>
      <bdi className="x-log-text" dir="auto">
        {found.length === 1
          ? line.message
          : found.map((piece, at) => (at % 2 === 1 ? <mark key={at}>{piece}</mark> : piece))}
      </bdi>
      {line.stream === "stderr" && <span className="x-log-stream muted">stderr</span>}
    </div>
  );
});
