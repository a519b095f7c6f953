// A queue over time: what waits and for how long, how fast it is claimed, and what goes through.

import { Chart, Charts } from "./chart";
import { AGES, COUNTS, LATENCIES, RATES } from "./measures";
import { QUEUE } from "./samples";
import type { Series } from "./series";
import { column, RATE_MS, rates } from "./stats";

export function QueueCharts({ series, name }: { series: Series | undefined; name: string }) {
  return (
    <Charts series={series} columns={2}>
      {(range) => {
        const last = series?.last()?.at ?? 0;
        const samples = series?.read(last - range.ms - RATE_MS) ?? [];
        const shared = { times: samples.map((sample) => sample.at), range, group: `queue ${name}` };
        const line = (label: string, field: number) => ({ label, values: column(samples, field) });
        const rate = (label: string, field: number) => ({ label, values: rates(samples, field) });
        return (
          <>
            <Chart
              {...shared}
              title="Depth"
              measure={COUNTS}
              lines={[line("waiting", QUEUE.depth), line("in progress", QUEUE.inProgress), line("held", QUEUE.held)]}
            />
            <Chart {...shared} title="Oldest age" about="of what waits" measure={AGES} lines={[line("oldest", QUEUE.oldestMs)]} />
            <Chart
              {...shared}
              title="Claim latency"
              about="from due to claimed"
              measure={LATENCIES}
              lines={[line("p50", QUEUE.p50), line("p99", QUEUE.p99)]}
            />
            <Chart
              {...shared}
              title="Throughput"
              about="over ten seconds each"
              measure={RATES}
              lines={[rate("came to wait", QUEUE.entered), rate("claimed", QUEUE.claimed), rate("ended", QUEUE.ended)]}
            />
          </>
        );
      }}
    </Charts>
  );
}
