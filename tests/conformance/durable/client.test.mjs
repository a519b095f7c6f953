// The published client, unchanged: it follows an execution to its end in every live mode, and writes
// a plain stream.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client";
import { start } from "./server.mjs";

const ROUNDS = 20;

let server;

beforeAll(async () => {
  server = await start({ HEARTLINE_STREAMS_ENABLED: "true", HEARTLINE_STREAMS_LONG_POLL: "500ms" });
});

afterAll(() => server?.stop());

async function post(path, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(server.url + path, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  expect(response.ok, `${path}: ${response.status}`).toBe(true);
  return response.json();
}

/** An execution that a runner holds, and what the runner can do. */
async function execution(queue) {
  const created = await post("/v1/executions", { kind: "agent", name: "sample", queue });
  const runner = { id: `runner-${queue}`, host: "here", pid: 1 };
  const claimed = await post(`/v1/queues/${queue}/claim`, { runner, wait: "10s" });
  const [{ lease }] = claimed.leases;
  const path = `/v1/executions/${created.execution.id}`;
  const say = (delta) => {
    const events = [{ type: "TEXT_MESSAGE_CONTENT", data: { messageId: "m", delta } }];
    return post(`${path}/events`, { lease, events });
  };
  const complete = () => post(`${path}/complete`, { lease, output: {} });
  return { url: `${server.url}${path}/stream`, say, complete };
}

/** Everything up to the end, which the client finds by itself. */
async function all(response) {
  const items = [];
  for await (const item of response.jsonStream()) items.push(item);
  return items;
}

describe("the client", () => {
  for (const live of [true, "long-poll", "sse"]) {
    test(`follows an execution to its end with live=${live}`, async () => {
      const { url, say, complete } = await execution(`queue-${live}`);
      const response = await stream({ url, offset: "-1", live });
      const following = all(response);
      for (let round = 0; round < ROUNDS; round += 1) await say(`${round}\n`);
      await complete();
      const seen = await following;
      expect(response.streamClosed).toBe(true);
      expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => index + 1));
      expect(seen.at(-1).type).toBe("execution.completed");
      const said = seen.filter((event) => event.type === "TEXT_MESSAGE_CONTENT");
      expect(said.map((event) => event.data.delta)).toEqual(
        Array.from({ length: ROUNDS }, (_, round) => `${round}\n`),
      );
    });
  }

  test("catches up with an execution that is over and goes on from an offset", async () => {
    const { url, say, complete } = await execution("queue-over");
    await say("one");
    const first = await stream({ url, offset: "-1", live: false });
    const before = await first.json();
    await say("two");
    await complete();
    const second = await stream({ url, offset: first.offset, live: false });
    const after = await second.json();
    expect([...before, ...after].map((event) => event.seq)).toEqual(
      [...before, ...after].map((_, index) => index + 1),
    );
    const head = await DurableStream.head({ url });
    expect(head.streamClosed).toBe(true);
    expect(head.offset).toBe(second.offset);
  });

  test("writes a plain stream as an idempotent producer", async () => {
    const url = `${server.url}/v1/stream/client/produced`;
    const handle = await DurableStream.create({ url, contentType: "application/json" });
    const producer = new IdempotentProducer(handle, "producer-1", { autoClaim: true });
    const wanted = Array.from({ length: 200 }, (_, n) => ({ n }));
    for (const value of wanted) producer.append(JSON.stringify(value));
    await producer.flush();
    await producer.close();
    expect(await all(await stream({ url, offset: "-1" }))).toEqual(wanted);
  });
});
