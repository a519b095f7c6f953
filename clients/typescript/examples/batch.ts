// A batch job with progress and checkpoints: killed at any moment, the next attempt goes on where
// the last one was.
//
//   node build/examples/batch.js            the runner, until Ctrl-C (or kill -9: that is the point)
//   node build/examples/batch.js start 500  starts a job of 500 rows, and shows how it goes

import { setTimeout as pause } from "node:timers/promises";

import { Client, Runner, type Context } from "@heartline/client";

/** Rows between two checkpoints: what is done twice, at most, after a crash. */
const PAGE = 10;

interface Job {
  rows: number;
  /** How long a row takes, in milliseconds. */
  rowMs?: number;
}

/** What the next attempt needs to know. */
interface Done {
  next: number;
  sum: number;
}

async function importRows(ctx: Context<Job>): Promise<Done & { attempts: number }> {
  const { rows, rowMs = 5 } = ctx.input;
  const before = ctx.checkpoint?.state as Done | null | undefined;
  const done: Done = before ?? { next: 0, sum: 0 };
  await ctx.log("info", `attempt ${ctx.attempt} begins with row ${done.next} of ${rows}`);
  while (done.next < rows) {
    ctx.signal.throwIfAborted();
    const page = Math.min(PAGE, rows - done.next);
    for (let row = done.next; row < done.next + page; row += 1) {
      await pause(rowMs, undefined, { signal: ctx.signal });
      done.sum += row;
    }
    done.next += page;
    ctx.progress(done.next / rows, `${done.next} of ${rows} rows`);
    await ctx.state.snapshot(done);
    // Only what is in the log is there after a crash.
    await ctx.flush();
  }
  const text = `rows,sum\n${rows},${done.sum}\n`;
  await ctx.artifact({ id: "report", name: "report.csv", mime_type: "text/csv", text });
  return { ...done, attempts: ctx.attempt };
}

const client = new Client();

async function start(rows: number): Promise<void> {
  const { execution } = await client.create({
    kind: "workflow",
    name: "import-rows",
    input: { rows },
    retry: { max_attempts: 5, initial_backoff: "100ms" },
  });
  console.error(execution.id);
  for await (const { type, data } of client.watch(execution.id, { view: "status" })) {
    const { message } = data as { message?: string };
    console.error(type === "execution.progress" ? message : type);
  }
  console.log(JSON.stringify(await client.result(execution.id)));
}

const [command, rows = "500"] = process.argv.slice(2);
if (command === "start") {
  await start(Number(rows));
} else {
  const runner = new Runner(client, { queues: ["workflows"], slots: 2 });
  runner.handle("import-rows", importRows);
  await runner.run();
}
