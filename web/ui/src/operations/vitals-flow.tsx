// What flows through the server: into the journal, and out to those who watch.

import { Chart, Charts } from "./chart";
import { bytes, count, latency } from "./figures";
import { BYTE_RATES, COUNTS, LATENCIES, RATES } from "./measures";
import { Figure, Figures, Panel } from "./parts";
import { SUPERVISOR } from "./samples";
import type { Series } from "./series";
import { column, RATE_MS, rates } from "./stats";
import { sum, type Vitals } from "./vitals";
import type { Range } from "./range";

type Part = { vitals: Vitals; series: Series | undefined };

const orDash = (value: number | null, format: (value: number) => string): string => (value === null ? "–" : format(value));

function reading(series: Series | undefined, range: Range) {
  const last = series?.last()?.at ?? 0;
  const samples = series?.read(last - range.ms - RATE_MS) ?? [];
  return {
    shared: { times: samples.map((sample) => sample.at), range, group: "supervisor" },
    line: (label: string, field: number) => ({ label, values: column(samples, field) }),
    rate: (label: string, field: number) => ({ label, values: rates(samples, field) }),
  };
}

export function JournalPanel({ vitals, series }: Part) {
  const { journal } = vitals;
  const { sync } = journal;
  const synced = sync !== null && sync.count > 0;
  return (
    <Panel title="Journal" id="journal" aside="what is acknowledged is synced to disk first">
      <Figures label="Journal">
        <Figure label="A sync takes" value={synced ? latency(sync.p50) : "–"} detail={synced ? `p99 ${latency(sync.p99)}, max ${latency(sync.max)}` : "nothing was written"} />
        <Figure
          label="Appends in a batch"
          value={orDash(journal.batchP50, count)}
          detail={journal.batchMax === null ? undefined : `max ${count(journal.batchMax)}`}
        />
        <Figure label="Waiting to be written" value={orDash(journal.queued, count)} />
        <Figure label="Commits" value={orDash(journal.commits, count)} detail="since the start" />
        <Figure label="Events" value={orDash(journal.events, count)} detail="since the start" />
      </Figures>
      <Charts series={series} columns={3}>
        {(range) => {
          const { shared, line, rate } = reading(series, range);
          return (
            <>
              <Chart
                {...shared}
                title="Sync"
                about="over the last thousand"
                measure={LATENCIES}
                lines={[line("p50", SUPERVISOR.syncP50), line("p99", SUPERVISOR.syncP99)]}
              />
              <Chart {...shared} title="Batch" about="appends of one sync, and those that wait" measure={COUNTS} lines={[line("batch p50", SUPERVISOR.batchP50), line("waiting", SUPERVISOR.queued)]} />
              <Chart {...shared} title="Written" about="over ten seconds each" measure={RATES} lines={[rate("events", SUPERVISOR.events), rate("commits", SUPERVISOR.commits)]} />
            </>
          );
        }}
      </Charts>
    </Panel>
  );
}

const TRANSPORTS: Readonly<Record<string, string>> = { websocket: "WebSocket", sse: "server-sent events", long_poll: "long poll" };

export function FeedPanel({ vitals, series }: Part) {
  const { feed } = vitals;
  const written = feed.publishToWrite !== null && feed.publishToWrite.count > 0 ? feed.publishToWrite : null;
  const by = Object.entries(feed.subscribers).filter(([, amount]) => amount > 0);
  const transports = by.map(([name, amount]) => `${count(amount)} by ${TRANSPORTS[name] ?? name}`).join(", ");
  return (
    <Panel title="Subscribers" id="feed" aside="a slow reader is caught up from disk, never dropped in silence">
      <Figures label="Subscribers">
        <Figure label="Subscriptions" value={count(sum(feed.subscribers))} detail={transports || "nobody watches"} />
        <Figure label="Live" value={orDash(feed.live, count)} detail="have all there is" />
        <Figure label="Catching up" value={orDash(feed.catchingUp, count)} detail="reading what was there when they came" />
        <Figure label="Lagging" value={orDash(feed.lagging, count)} detail="fallen behind, reading from disk" {...((feed.lagging ?? 0) > 0 && { tone: "warn" as const })} />
        <Figure label="Cut" value={orDash(feed.cut, count)} detail="did not take what was sent, since the start" />
        <Figure
          label="Publish to write"
          value={written ? latency(written.p50) : "–"}
          detail={written ? `p99 ${latency(written.p99)}, upper bounds` : "nothing was published live"}
        />
        <Figure label="Sent" value={orDash(feed.bytesOut, bytes)} detail={feed.framesOut === null ? undefined : `${count(feed.framesOut)} frames`} />
        <Figure label="Watched or written" value={orDash(feed.feeds, count)} detail="executions" />
      </Figures>
      <Charts series={series} columns={3}>
        {(range) => {
          const { shared, line, rate } = reading(series, range);
          return (
            <>
              <Chart {...shared} title="Publish to write" about="from durable to sent" measure={LATENCIES} lines={[line("p50", SUPERVISOR.writeP50), line("p99", SUPERVISOR.writeP99)]} />
              <Chart {...shared} title="Subscriptions" measure={COUNTS} lines={[line("all", SUPERVISOR.subscribers), line("lagging", SUPERVISOR.lagging)]} />
              <Chart {...shared} title="Sent" about="bytes, over ten seconds each" measure={BYTE_RATES} lines={[rate("bytes", SUPERVISOR.bytesOut)]} />
            </>
          );
        }}
      </Charts>
    </Panel>
  );
}
