// A tool call: what was asked of which tool, what came of it, and how long that took.

import { memo } from "react";

import { Elapsed, safeText } from "../../ui";
import { useVersion } from "../context";
import type { Call } from "../model/items";
import { took } from "../model/items";
import { ClockTime, EventLink, StatusBadge, Text, Took, Value } from "../parts";

export const CallCard = memo(function CallCard({ call }: { call: Call }) {
  useVersion(call.key);
  const { status, name } = call;
  const running = status === "called" || status === "streaming";
  const shown = name === "" ? "a tool without a name" : safeText(name);
  return (
    <article className="x-call" data-status={status} aria-label={`Tool call ${shown}`}>
      <header>
        <code className="x-tool">
          <bdi>{shown}</bdi>
        </code>
        <StatusBadge status={status} />
        {running ? (
          <span className="muted">
            <Elapsed from={call.startedAt} />
          </span>
        ) : (
          <Took ms={took(call.startedAt, call.finishedAt)} />
        )}
        <span className="x-when">
          <ClockTime at={call.startedAt} /> <EventLink seq={call.seq} />
        </span>
      </header>
      <Arguments call={call} />
      <Result call={call} />
    </article>
  );
});

function Arguments({ call }: { call: Call }) {
  if (call.args === "" || call.args === "{}")
    return call.status === "streaming" ? null : <p className="x-none muted">no arguments</p>;
  return (
    <div className="x-io">
      <span className="x-io-name">{call.status === "streaming" ? "arguments so far" : "arguments"}</span>
      <div className="x-io-what">
        {call.status === "streaming" ? <Text text={call.args} /> : <Value value={call.args} open={3} />}
      </div>
    </div>
  );
}

function Result({ call }: { call: Call }) {
  if (call.result === undefined && call.error === undefined) {
    return call.status === "interrupted" ? (
      <p className="x-none muted">Its attempt ended before a result came.</p>
    ) : null;
  }
  // What failed often says so twice.
  const same = call.error !== undefined && call.error === call.result;
  return (
    <>
      {call.error !== undefined && (
        <div className="x-io" data-bad>
          <span className="x-io-name">error</span>
          <div className="x-io-what">
            <Text text={call.error} />
          </div>
        </div>
      )}
      {call.result !== undefined && !same && (
        <div className="x-io">
          <span className="x-io-name">result</span>
          <div className="x-io-what">
            <Value value={plain(call.result)} open={3} />
          </div>
        </div>
      )}
    </>
  );
}

/** A result that is one piece of text in parts is that text. */
function plain(result: unknown): unknown {
  if (!Array.isArray(result) || result.length !== 1) return result;
  const part: unknown = result[0];
  if (typeof part === "object" && part !== null && "type" in part && part.type === "text" && "text" in part)
    return part.text;
  return result;
}
