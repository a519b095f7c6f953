// The columns of tables of runners.

import { Link } from "wouter";

import type { RunnerView } from "../api/types";
import { Meter, Outside, shortId, Time } from "../ui";
import { count } from "./figures";
import { judgeRunner, reachedBy, runnerTrouble, slotsOf } from "./judge";
import { JudgementBadge } from "./parts";
import type { Column } from "./table";

/** Leases named in a row; more are on the runner's own page. */
const LEASES = 3;
const QUEUES = 4;

export function RunnerName({ runner }: { runner: RunnerView }) {
  const named = runner.name && runner.name !== runner.id;
  return (
    <span className="ops-name">
      {named && (
        <>
          <Outside>{runner.name ?? ""}</Outside>
          <span className="visually-hidden">, </span>
        </>
      )}
      <code className={named ? "ops-sub" : undefined}>{runner.id}</code>
    </span>
  );
}

export function SlotsMeter({ runner }: { runner: RunnerView }) {
  const { used, of } = slotsOf(runner);
  const tone = runner.status === "lost" ? "bad" : runner.status === "late" ? "warn" : "plain";
  return (
    <span className="ops-slots">
      <span className="num">
        {count(used)} of {count(of)}
      </span>
      <Meter value={of === 0 ? 0 : used / of} tone={tone} label={`${count(used)} of ${count(of)} slots used`} />
    </span>
  );
}

function Queues({ runner }: { runner: RunnerView }) {
  const names = Object.keys(runner.queues).sort();
  if (names.length === 0) return <span className="muted">none</span>;
  return (
    <span className="ops-links">
      {names.slice(0, QUEUES).map((name) => (
        <Link key={name} href={`/queues/${name}`}>
          {name}
        </Link>
      ))}
      {names.length > QUEUES && <span className="muted">{count(names.length - QUEUES)} more</span>}
    </span>
  );
}

function Leases({ runner }: { runner: RunnerView }) {
  const { leases } = runner;
  if (leases.length === 0) return <span className="muted">–</span>;
  // What a lost runner held is what somebody has to know; of the others the number will do.
  if (runner.status === "live") return <>{count(leases.length)}</>;
  return (
    <span className="ops-links">
      {leases.slice(0, LEASES).map((id) => (
        <Link key={id} href={`/executions/${id}`} title={id}>
          <code>{shortId(id)}</code>
        </Link>
      ))}
      {leases.length > LEASES && <Link href={`/runners/${runner.id}`}>{count(leases.length - LEASES)} more</Link>}
    </span>
  );
}

const NAME: Column<RunnerView> = {
  key: "runner",
  head: "Runner",
  value: (runner) => runner.name || runner.id,
  cell: (runner) => <RunnerName runner={runner} />,
};
const STATUS: Column<RunnerView> = {
  key: "trouble",
  head: "Status",
  about: "By when it was last heard of. Sorted by trouble.",
  downFirst: true,
  value: runnerTrouble,
  cell: (runner) => <JudgementBadge judgement={judgeRunner(runner)} />,
};
const HOST: Column<RunnerView> = {
  key: "host",
  head: "Host",
  value: (runner) => runner.host ?? null,
  cell: (runner) => (
    <>
      {runner.host ? <Outside>{runner.host}</Outside> : <span className="muted">–</span>}
      {runner.pid != null && <span className="ops-sub num">pid {runner.pid}</span>}
    </>
  ),
};
const QUEUES_OF: Column<RunnerView> = {
  key: "queues",
  head: "Queues",
  value: (runner) => Object.keys(runner.queues).sort().join(" "),
  cell: (runner) => <Queues runner={runner} />,
};
const SLOTS: Column<RunnerView> = {
  key: "slots",
  head: "Slots used",
  downFirst: true,
  value: (runner) => slotsOf(runner).used / Math.max(1, slotsOf(runner).of),
  cell: (runner) => <SlotsMeter runner={runner} />,
};
const LEASES_OF: Column<RunnerView> = {
  key: "leases",
  head: "Holds",
  about: "Executions that it has a lease on",
  downFirst: true,
  value: (runner) => runner.leases.length,
  cell: (runner) => <Leases runner={runner} />,
};
const SEEN: Column<RunnerView> = {
  key: "seen",
  head: "Last heard",
  about: "The last sign of life: a claim, a heartbeat or an event",
  downFirst: true,
  value: (runner) => Date.parse(runner.last_seen),
  cell: (runner) => <Time at={runner.last_seen} />,
};
const BY: Column<RunnerView> = {
  key: "by",
  head: "By",
  about: "Whether it is connected by a socket now, or asks again and again",
  value: reachedBy,
  cell: reachedBy,
};

export const RUNNER_COLUMNS: readonly Column<RunnerView>[] = [NAME, STATUS, HOST, QUEUES_OF, SLOTS, LEASES_OF, SEEN, BY];
/** Of the runners of one queue, which queue need not be said. */
export const SERVING_COLUMNS: readonly Column<RunnerView>[] = [NAME, STATUS, HOST, SLOTS, LEASES_OF, SEEN, BY];
