// The store, the actors and their restarts, and what was found at the last start.

import { Elapsed, safeText, Time } from "../ui";
import { count, counted, latency } from "./figures";
import { Figure, Figures, Panel, toneIcons } from "./parts";
import type { Vitals } from "./vitals";

/** The boot report's figures, in the order in which it happened. */
const BOOT: readonly { field: string; word: string; means: string }[] = [
  { field: "recovered", word: "Recovered", means: "live executions in the log" },
  { field: "queued", word: "Queued", means: "of them, waiting in queues" },
  { field: "leases_in_grace", word: "Leases in grace", means: "of them, held by runners with time to return" },
  { field: "parked", word: "Parked", means: "of them, waiting for a person" },
  { field: "overdue", word: "Overdue", means: "deadlines that passed while the server was down" },
  { field: "returned", word: "Returned", means: "leases whose runners were heard since" },
  { field: "requeued", word: "Requeued", means: "leases lost since, back in their queue" },
  { field: "failed", word: "Failed", means: "of them, since" },
];

export function BootPanel({ vitals }: { vitals: Vitals }) {
  const { boot, bootSummary } = vitals;
  return (
    <Panel title="Last start" id="boot" aside={<Time at={vitals.startedAt} />}>
      {bootSummary && <p className="outside-text">{safeText(bootSummary)}</p>}
      <Figures label="What was found at the last start">
        {BOOT.filter(({ field }) => boot[field] !== undefined).map(({ field, word, means }) => (
          <Figure key={field} label={word} value={count(boot[field] ?? 0)} detail={means} />
        ))}
        {boot.took_ms !== undefined && <Figure label="Took" value={latency(boot.took_ms)} detail="until deadlines were armed" />}
      </Figures>
    </Panel>
  );
}

export function StorePanel({ vitals }: { vitals: Vitals }) {
  const { store } = vitals;
  const bad = store.healthy === false;
  return (
    <Panel title="Store" id="store" tone={bad ? "bad" : "good"}>
      <p className="ops-line" data-tone={bad ? "bad" : store.healthy === null ? "note" : "good"}>
        {bad ? toneIcons.bad : store.healthy === null ? toneIcons.note : toneIcons.good}
        <strong>{bad ? "It refuses writes" : store.healthy === null ? "The server does not say" : "Healthy"}</strong>
      </p>
      {store.error && <p className="outside-text">{safeText(store.error)}</p>}
      <p className="muted num">
        {store.format !== null && `Format ${store.format}. `}
        {store.epoch !== null && `Started ${counted(store.epoch, "time")} on this data.`}
      </p>
    </Panel>
  );
}

const ACTORS: Readonly<Record<string, string>> = {
  executions: "executions in memory",
  queues: "queues",
  runners: "runners known",
  sessions: "runners connected by a socket",
  live: "live executions, in memory or not",
};

export function ActorsPanel({ vitals }: { vitals: Vitals }) {
  const { actors, restarts } = vitals;
  return (
    <Panel title="Actors" id="actors" aside={<>up for <Elapsed from={vitals.startedAt} /></>}>
      <table className="ops-small-table">
        <tbody>
          {Object.entries(actors).map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{ACTORS[name] ?? name.replaceAll("_", " ")}</th>
              <td className="num">{count(value)}</td>
            </tr>
          ))}
          <tr data-tone={restarts > 0 ? "warn" : undefined}>
            <th scope="row">restarts after a crash</th>
            <td className="num">
              {restarts > 0 && toneIcons.warn}
              {count(restarts)}
            </td>
          </tr>
        </tbody>
      </table>
    </Panel>
  );
}
