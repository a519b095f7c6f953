// One runner: whether it is heard of, what it says of itself, and what it holds with what is due next.

import { Link } from "wouter";

import type { RunnersView, RunnerView } from "../api/types";
import { useResource } from "../live/context";
import { Command, Elapsed, EmptyState, Outside, safeText, Time, useClock } from "../ui";
import { executionsHref, runnerCommand, thisServer } from "./commands";
import { age, count, counted } from "./figures";
import { judgeRunner, reachedBy, runnerSentence, slotsOf } from "./judge";
import { LeaseList } from "./lease-list";
import { Figure, Figures, NoLonger, NotYet, PageHead, Panel, useAsked, useComesBack, Verdict } from "./parts";
import { SlotsMeter } from "./runner-columns";

const UNDER = { href: "/runners", label: "Runners" };

export default function RunnerPage({ id }: { id: string }) {
  const { data: runner, problem, retry } = useAsked<RunnerView>(`/v1/runners/${id}`);
  const missing = problem?.status === 404;
  // It may come, or come back, while this page is open.
  const all = useResource<RunnersView>(missing ? "/v1/runners" : null);
  useComesBack(missing && all.data !== undefined, all.data?.runners.some((known) => known.id === id) ?? false, retry);
  if (!runner) {
    return (
      <div className="ops-page">
        <PageHead title={id} under={UNDER} />
        {missing ? <NoRunner detail={problem.detail} /> : <NotYet problem={problem} retry={retry} />}
      </div>
    );
  }
  return (
    <div className="ops-page">
      <PageHead title={runner.name || runner.id} under={UNDER}>
        <Link className="button" href={executionsHref({ runner: runner.id })}>
          All its executions
        </Link>
      </PageHead>
      {problem && !missing && <NoLonger problem={problem} retry={retry} />}
      {missing ? <Forgotten /> : <RunnerVerdict runner={runner} />}
      <About runner={runner} />
      {!missing && (
        <Panel title="What it holds" aside={counted(runner.leases.length, "lease")}>
          <LeaseList runner={runner} />
        </Panel>
      )}
      <Panel title="Queues it asks">
        <Queues runner={runner} />
      </Panel>
    </div>
  );
}

function RunnerVerdict({ runner }: { runner: RunnerView }) {
  const { tone, word } = judgeRunner(runner);
  const seen = Date.parse(runner.last_seen);
  const heard = useClock((now) => age(now - seen));
  const queue = Object.keys(runner.queues)[0];
  return (
    <Verdict tone={tone} title={word}>
      <p>{runnerSentence(runner, heard)}</p>
      {runner.status === "lost" && (
        <>
          <p className="muted">
            Look at its host{runner.host ? " " : ""}
            {runner.host && <Outside>{runner.host}</Outside>}
            {runner.pid != null && `, process ${runner.pid}`}. If it is gone for good, start another:
          </p>
          {queue && <Command text={runnerCommand(queue, thisServer())} />}
        </>
      )}
    </Verdict>
  );
}

const CONNECTED = {
  socket: { value: "by a socket", detail: "a lost connection is seen at once" },
  poll: { value: "it polls", detail: "seen when it asks or beats" },
  "–": { value: "no", detail: "it is not heard" },
};

function About({ runner }: { runner: RunnerView }) {
  const { used, of } = slotsOf(runner);
  return (
    <Figures label="About this runner">
      <Figure label="Last heard" value={<Time at={runner.last_seen} />} detail="claim, heartbeat or event" />
      <Figure label="Slots used" value={<SlotsMeter runner={runner} />} detail={used > of ? undefined : `${count(runner.slots_free)} offered now`} />
      <Figure label="Connected" {...CONNECTED[reachedBy(runner)]} />
      <Figure label="Id" value={<code>{runner.id}</code>} />
      <Figure label="Host" value={runner.host ? <Outside>{runner.host}</Outside> : "–"} detail={runner.pid != null ? `pid ${runner.pid}` : undefined} />
      <Figure label="Version" value={runner.version ? <Outside>{runner.version}</Outside> : "–"} />
      <Figure label="Known for" value={<Elapsed from={runner.first_seen} />} />
    </Figures>
  );
}

function Queues({ runner }: { runner: RunnerView }) {
  const queues = Object.entries(runner.queues).sort(([a], [b]) => a.localeCompare(b));
  return (
    <ul className="ops-leases">
      {queues.map(([name, at]) => (
        <li key={name}>
          <Link href={`/queues/${name}`} className="ops-name">
            {name}
          </Link>
          <span className="muted">
            asked {runner.connected ? "since it connected, " : ""}
            <Time at={at} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Forgotten() {
  return (
    <Verdict tone="note" title="No longer known">
      <p>It asks for nothing and holds nothing, and was forgotten. What stands below is what was last known.</p>
    </Verdict>
  );
}

function NoRunner({ detail }: { detail: string }) {
  return (
    <EmptyState title="There is no such runner now" action={<Link href="/runners">All runners</Link>}>
      <p className="outside-text muted">{safeText(detail)}</p>
      <p className="muted">Should it come back, it is shown here by itself.</p>
    </EmptyState>
  );
}
