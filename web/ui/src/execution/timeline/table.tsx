// The timeline as a list, for who reads rather than looks.

import { useState } from "react";

import { Button, count, formatDuration, safeText } from "../../ui";
import { useShown } from "../context";
import { instant } from "../model/read";
import type { Row } from "../model/timeline";
import { EventLink, StatusBadge } from "../parts";
import { useNow } from "./timeline";
import { KIND_WORDS } from "./words";

const SHOWN = 300;

export function SpanTable({ rows }: { rows: readonly Row[] }) {
  const { model } = useShown();
  const now = useNow();
  const [most, setMost] = useState(SHOWN);
  const origin = instant(model.execution.created_at);
  return (
    <div className="x-table-scroll" tabIndex={0} role="region" aria-label="Timeline as a list">
      <table className="x-table">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Kind</th>
            <th scope="col">Status</th>
            <th scope="col">Begun after</th>
            <th scope="col">Took</th>
            <th scope="col">Attempt</th>
            <th scope="col">Event</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map(({ span, depth }) => (
            <tr key={span.key}>
              <th scope="row" style={{ paddingLeft: 8 + depth * 14 }}>
                <bdi className="outside-text">{safeText(span.label)}</bdi>
                {span.note && <span className="muted outside-text"> {safeText(span.note)}</span>}
              </th>
              <td>{KIND_WORDS[span.kind]}</td>
              <td>
                <StatusBadge status={span.status} />
              </td>
              <td className="num">{formatDuration(Math.max(0, span.start - origin))}</td>
              <td className="num">{formatDuration((span.end ?? Math.max(now, span.start)) - span.start)}</td>
              <td className="num">{span.attempt || "–"}</td>
              <td>
                <EventLink seq={span.seq} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && (
        <Button variant="quiet" onClick={() => setMost(most + 5 * SHOWN)}>
          {count(rows.length - most, "more row")}
        </Button>
      )}
    </div>
  );
}
