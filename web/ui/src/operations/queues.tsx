// All queues: what waits, who takes it, and why not where nobody does.

import { useMemo } from "react";

import type { QueuesView, QueueView } from "../api/types";
import { Command, EmptyState, Outside, safeText, Time } from "../ui";
import { createCommand, runnerCommand, thisServer } from "./commands";
import { age, count, counted, latency, spanMs } from "./figures";
import { judgeQueue, queueTrouble, rank, runnersAlive } from "./judge";
import { JudgementBadge, NotYet, PageHead, toneIcons, useAsked } from "./parts";
import { QUEUE, queueSamples, useCollector } from "./samples";
import { SortBar, useTableView } from "./sort-bar";
import { Sparkline } from "./sparkline";
import { DataTable, type Column } from "./table";

const COLUMNS: readonly Column<QueueView>[] = [
  {
    key: "queue",
    head: "Queue",
    value: (queue) => queue.queue,
    cell: (queue) => <span className="ops-name">{queue.queue}</span>,
  },
  {
    key: "trouble",
    head: "State",
    about: "Whether work would be given out now. Sorted by trouble.",
    value: queueTrouble,
    downFirst: true,
    cell: (queue) => <State queue={queue} />,
  },
  {
    key: "depth",
    head: "Waiting",
    about: "Claimable now, were it not for a pause or a limit; and how many of them are held by one",
    number: true,
    downFirst: true,
    value: (queue) => queue.depth,
    cell: (queue) => (
      <>
        {count(queue.depth)}
        {queue.held > 0 && <span className="ops-sub">{count(queue.held)} held</span>}
      </>
    ),
  },
  {
    key: "oldest",
    head: "Oldest",
    about: "How long the oldest of those that wait has been due",
    number: true,
    downFirst: true,
    value: (queue) => spanMs(queue.oldest_age),
    cell: (queue) => ageOrDash(spanMs(queue.oldest_age)),
  },
  {
    key: "depth_line",
    head: "Depth",
    about: "Waiting over the last two minutes",
    cell: (queue) => <Sparkline series={queueSamples.of(queue.queue)} field={QUEUE.depth} label="Waiting" format={count} />,
  },
  {
    key: "in_progress",
    head: "In progress",
    number: true,
    downFirst: true,
    value: (queue) => queue.in_progress,
    cell: (queue) => (
      <>
        {count(queue.in_progress)}
        {queue.limits.max_in_progress != null && <span className="ops-sub">of {count(queue.limits.max_in_progress)}</span>}
      </>
    ),
  },
  {
    key: "scheduled",
    head: "Scheduled",
    about: "Not yet due: delayed, or between two attempts",
    number: true,
    downFirst: true,
    value: (queue) => queue.scheduled,
    cell: (queue) => count(queue.scheduled),
  },
  {
    key: "latency",
    head: "Claimed within",
    about: "From due to claimed, over the last claims: half of them, and 99 of 100",
    number: true,
    downFirst: true,
    value: (queue) => (queue.claim_latency_ms.count > 0 ? queue.claim_latency_ms.p99 : null),
    cell: ({ claim_latency_ms: { p50, p99, count: claims } }) =>
      claims === 0 ? (
        <span className="muted">–</span>
      ) : (
        <>
          {latency(p50)}
          <span className="ops-sub">p99 {latency(p99)}</span>
        </>
      ),
  },
  {
    key: "ended",
    head: "Last minute",
    about: "How many came to wait, were claimed and ended in the last 60 s. Sorted by those that ended.",
    number: true,
    downFirst: true,
    value: (queue) => queue.last_minute.ended,
    cell: ({ last_minute: { entered, claimed, ended } }) => (
      <span className="ops-flow">
        <span title="came to wait">
          +{count(entered)}
          <span className="visually-hidden"> came to wait,</span>
        </span>
        <span title="claimed">
          →{count(claimed)}
          <span className="visually-hidden"> claimed,</span>
        </span>
        <span title="ended">
          ✓{count(ended)}
          <span className="visually-hidden"> ended</span>
        </span>
      </span>
    ),
  },
  {
    key: "runners",
    head: "Runners",
    about: "Alive, and of those waiting for work",
    number: true,
    downFirst: true,
    value: runnersAlive,
    cell: (queue) => {
      const live = runnersAlive(queue);
      const lost = queue.runners_known - live;
      return (
        <>
          {live === 0 && queue.runners_known === 0 ? "none" : `${count(live)} live`}
          {live > 0 && <span className="ops-sub">{count(Math.min(queue.claims_waiting, live))} waiting</span>}
          {live === 0 && lost > 0 && <span className="ops-sub">{count(lost)} lost</span>}
        </>
      );
    },
  },
];

function ageOrDash(ms: number | null) {
  return ms === null ? <span className="muted">–</span> : age(ms);
}

function State({ queue }: { queue: QueueView }) {
  const { pause } = queue;
  return (
    <div className="ops-state" title={safeText(queue.dispatch.message)}>
      <JudgementBadge judgement={judgeQueue(queue)} />
      {pause && (
        <span className="ops-sub ops-state-why">
          <Time at={pause.since} />
          {pause.by && (
            <>
              {" by "}
              <Outside>{pause.by}</Outside>
            </>
          )}
          {pause.reason && (
            <>
              {": "}
              <Outside>{pause.reason}</Outside>
            </>
          )}
        </span>
      )}
    </div>
  );
}

const WORST_FIRST = { by: "trouble", down: true };

export default function QueuesPage() {
  const { data, problem, retry } = useAsked<QueuesView>("/v1/queues");
  useCollector(queueSamples);
  const view = useTableView(COLUMNS, WORST_FIRST);
  const queues = data?.queues;
  const shown = useMemo(() => {
    const search = view.search.trim().toLowerCase();
    const found = (queue: QueueView) =>
      queue.queue.toLowerCase().includes(search) || judgeQueue(queue).word.toLowerCase().includes(search);
    return (queues ?? []).filter((queue) => search === "" || found(queue));
  }, [queues, view.search]);
  return (
    <div className="ops-page">
      <PageHead title="Queues">{queues && queues.length > 0 && <Summary queues={queues} />}</PageHead>
      {!queues ? (
        <NotYet problem={problem} retry={retry} />
      ) : queues.length === 0 ? (
        <NoQueues />
      ) : (
        <>
          <SortBar view={view} columns={COLUMNS} what="queues" />
          {shown.length === 0 ? (
            <EmptyState title="No queue is called that" />
          ) : (
            <DataTable
              label="Queues"
              rows={shown}
              columns={COLUMNS}
              name={(queue) => queue.queue}
              href={(queue) => `/queues/${queue.queue}`}
              sort={view.sort}
              onSort={view.onSort}
              tone={(queue) => judgeQueue(queue).tone}
              walked
            />
          )}
        </>
      )}
    </div>
  );
}

function Summary({ queues }: { queues: readonly QueueView[] }) {
  const stuck = queues.filter((queue) => judgeQueue(queue).tone === "bad");
  const paused = queues.filter((queue) => queue.paused);
  const total = (of: (queue: QueueView) => number) => queues.reduce((sum, queue) => sum + of(queue), 0);
  const tone = stuck.length > 0 ? "bad" : paused.length > 0 ? "warn" : "good";
  return (
    <p className="ops-summary">
      {rank(tone) > 0 && (
        <strong data-tone={tone}>
          {toneIcons[tone]}
          {stuck.length > 0 && `${counted(stuck.length, "queue has", "queues have")} nobody to take the work`}
          {stuck.length > 0 && paused.length > 0 && ", "}
          {paused.length > 0 && `${count(paused.length)} paused`}
        </strong>
      )}
      <span className="muted num">
        {counted(queues.length, "queue")} · {count(total((queue) => queue.depth))} waiting ·{" "}
        {count(total((queue) => queue.in_progress))} in progress · {count(total((queue) => queue.scheduled))} scheduled
      </span>
    </p>
  );
}

function NoQueues() {
  const server = thisServer();
  return (
    <EmptyState title="There are no queues yet">
      <p className="muted">A queue is there once an execution was created in it, or a runner has asked it for work.</p>
      <Command text={createCommand("agents", server)} />
      <Command text={runnerCommand("agents", server)} />
    </EmptyState>
  );
}
