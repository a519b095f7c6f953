// The `agui` view against AG-UI's own packages: each event of live recordings is parsed by the
// published schemas, and the order of all is checked by the published client's verifyEvents, as it
// comes and with the chunked forms taken apart as that client does it.

import { deepStrictEqual as same, ok } from "node:assert";

import { transformChunks, verifyEvents } from "@ag-ui/client";
import { EventSchemas } from "@ag-ui/core/schemas";
import { from, lastValueFrom, toArray } from "rxjs";

import { bounded, withServer } from "./server.mjs";

const event = (type, data) => ({ type, data });
const custom = (name, value) => event("CUSTOM", { name, value });

/** What an agent says: every type that a runner may post, in AG-UI's order. */
const EVERYTHING = [
  event("STEP_STARTED", { stepName: "think" }),
  event("REASONING_START", { messageId: "r" }),
  event("REASONING_MESSAGE_START", { messageId: "r1", role: "reasoning" }),
  event("REASONING_MESSAGE_CONTENT", { messageId: "r1", delta: "because" }),
  event("REASONING_MESSAGE_END", { messageId: "r1" }),
  event("REASONING_MESSAGE_CHUNK", { messageId: "r2", delta: "and so" }),
  event("REASONING_ENCRYPTED_VALUE", { subtype: "message", entityId: "r1", encryptedValue: "…" }),
  event("REASONING_END", { messageId: "r" }),
  event("STEP_FINISHED", { stepName: "think" }),
  event("TEXT_MESSAGE_START", { messageId: "m1", role: "assistant", timestamp: 1 }),
  event("TEXT_MESSAGE_CONTENT", { messageId: "m1", delta: "Grüße, " }),
  event("TEXT_MESSAGE_CONTENT", { messageId: "m1", delta: "\u{1f600}\n" }),
  event("TEXT_MESSAGE_END", { messageId: "m1" }),
  event("TEXT_MESSAGE_CHUNK", { messageId: "m2", role: "assistant", delta: "in one" }),
  event("TOOL_CALL_START", { toolCallId: "t1", toolCallName: "look", parentMessageId: "m1" }),
  event("TOOL_CALL_ARGS", { toolCallId: "t1", delta: '{"q":' }),
  event("TOOL_CALL_ARGS", { toolCallId: "t1", delta: "1}" }),
  event("TOOL_CALL_END", { toolCallId: "t1" }),
  event("TOOL_CALL_RESULT", { messageId: "m3", toolCallId: "t1", content: "one", role: "tool" }),
  event("TOOL_CALL_CHUNK", { toolCallId: "t2", toolCallName: "look", delta: "{}" }),
  event("SUBAGENT_STARTED", { subagentRunId: "s1", name: "helper", description: "helps" }),
  event("TEXT_MESSAGE_START", { messageId: "s1m", role: "assistant", subagentRunId: "s1" }),
  event("TEXT_MESSAGE_CONTENT", { messageId: "s1m", delta: "done", subagentRunId: "s1" }),
  event("TEXT_MESSAGE_END", { messageId: "s1m", subagentRunId: "s1" }),
  event("SUBAGENT_FINISHED", { subagentRunId: "s1", result: { n: 1 }, outcome: { type: "success" } }),
  event("SUBAGENT_STARTED", { subagentRunId: "s2", name: "helper" }),
  event("SUBAGENT_ERROR", { subagentRunId: "s2", message: "it broke", code: "broken" }),
  event("STATE_SNAPSHOT", { snapshot: { list: [1] } }),
  event("STATE_DELTA", { delta: [{ op: "add", path: "/list/-", value: { "2": null } }] }),
  event("MESSAGES_SNAPSHOT", {
    messages: [
      { id: "u1", role: "user", content: "hello" },
      { id: "m1", role: "assistant", content: "Grüße" },
    ],
  }),
  event("ACTIVITY_SNAPSHOT", { messageId: "a1", activityType: "PLAN", content: { steps: [] } }),
  event("ACTIVITY_DELTA", {
    messageId: "a1",
    activityType: "PLAN",
    patch: [{ op: "add", path: "/steps/-", value: "one" }],
  }),
  event("RAW", { event: { any: "thing" }, source: "elsewhere" }),
  custom("log", { level: "info", message: "a line", stream: "stdout" }),
  custom("artifact", { id: "f1", name: "f.txt", mime_type: "text/plain", text: "…" }),
  custom("todo", { id: "d1", content: "write it down", status: "in_progress" }),
  custom("task", { id: "k1", name: "step", type: "activity", status: "completed", output: 1 }),
  custom("mine", null),
];

/** Fails, fails again in the middle of a message, asks twice, and completes. */
async function longStory(server) {
  const id = await server.create({
    input: { n: 1 },
    retry: { max_attempts: 3, initial_backoff: "1ms" },
  });
  const recording = record(server, id);
  let run = await server.claim();
  await run.events(...EVERYTHING);
  await run.call("heartbeat", { progress: { fraction: 0.5, message: "half" } });
  await run.call("wait", { prompt: "Go on?", schema: { type: "boolean" } });
  await server.post(`/v1/executions/${id}/resume`, { input: true });
  await run.call("fail", { error: { code: "model_error", message: "It broke.", retryable: true } });

  run = await server.claim();
  await run.events(
    event("STEP_STARTED", { stepName: "again" }),
    event("TEXT_MESSAGE_START", { messageId: "m4", role: "assistant" }),
    event("TEXT_MESSAGE_CONTENT", { messageId: "m4", delta: "cut o" }),
    event("TOOL_CALL_START", { toolCallId: "t3", toolCallName: "look" }),
  );
  await run.call("fail", { error: { message: "It broke again." } });

  run = await server.claim();
  await run.events(event("TEXT_MESSAGE_CHUNK", { messageId: "m5", delta: "a question" }));
  await run.call("wait", { hold: false, prompt: "Which?", schema: { type: "string" } });
  await server.post(`/v1/executions/${id}/resume`, { input: "this" });

  run = await server.claim();
  await run.events(event("TEXT_MESSAGE_CHUNK", { messageId: "m5", delta: "an answer" }));
  await run.call("complete", { output: { said: "this" } });
  return recording;
}

/** What a runner that was cut off leaves open. */
const OPEN = [
  event("STEP_STARTED", { stepName: "outer" }),
  event("SUBAGENT_STARTED", { subagentRunId: "s", name: "helper" }),
  event("STEP_STARTED", { stepName: "outer", subagentRunId: "s" }),
  event("REASONING_START", { messageId: "r" }),
  event("REASONING_MESSAGE_START", { messageId: "r", role: "reasoning" }),
  event("REASONING_MESSAGE_CONTENT", { messageId: "r", delta: "becau" }),
  event("TEXT_MESSAGE_START", { messageId: "m", role: "assistant", subagentRunId: "s" }),
  event("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: "cut o" }),
  event("TOOL_CALL_START", { toolCallId: "t", toolCallName: "look" }),
  event("TOOL_CALL_ARGS", { toolCallId: "t", delta: "{" }),
];
/** How it must be closed. */
const CLOSED = [
  "TOOL_CALL_END",
  "TEXT_MESSAGE_END",
  "REASONING_MESSAGE_END",
  "REASONING_END",
  "STEP_FINISHED",
  "SUBAGENT_FINISHED",
  "STEP_FINISHED",
];

/** Completes, lets go and is asked again while everything is open; and loses a runner. */
async function leftOpen(server) {
  const id = await server.create({ retry: { max_attempts: 2, initial_backoff: "1ms" } });
  const recording = record(server, id);
  let run = await server.claim();
  await run.events(...OPEN);
  await run.call("wait", { hold: false, prompt: "Which?" });
  await server.post(`/v1/executions/${id}/resume`, { input: "this" });
  run = await server.claim();
  await run.events(...OPEN);
  await run.call("fail", { error: { message: "It broke." } });
  run = await server.claim();
  await run.events(...OPEN);
  await run.call("complete");
  return recording;
}

/** Posts what AG-UI's order does not allow. */
async function outOfOrder(server) {
  const id = await server.create();
  const recording = record(server, id);
  const run = await server.claim();
  await run.events(
    event("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: "no start" }),
    event("TEXT_MESSAGE_START", { messageId: "m", role: "assistant" }),
    event("TEXT_MESSAGE_CHUNK", { messageId: "m", delta: "and a chunk" }),
    event("TEXT_MESSAGE_END", { messageId: "m" }),
    event("REASONING_MESSAGE_CONTENT", { messageId: "r", delta: "no start" }),
    event("REASONING_END", { messageId: "r" }),
    event("TOOL_CALL_ARGS", { toolCallId: "t", delta: "{}" }),
    event("TOOL_CALL_END", { toolCallId: "t" }),
    event("STEP_FINISHED", { stepName: "s" }),
    event("STEP_STARTED", { stepName: "s" }),
    event("STEP_STARTED", { stepName: "s" }),
    event("SUBAGENT_FINISHED", { subagentRunId: "s" }),
  );
  await run.call("complete");
  return recording;
}

/** Whoever comes back after any seq is shown the rest of what there is. */
async function resumed(server, id, live) {
  const path = `/v1/executions/${id}/events`;
  const places = [...new Set(live.map(({ seq }) => seq))];
  for (const after of places) {
    const { events } = await server.get(`${path}?view=agui&limit=1000&after=${after}`);
    const first = live.findLastIndex(({ seq, prev }) => seq === after && prev !== after);
    same(events, live.slice(first + 1), `what is shown after ${after}`);
  }
}

/** Fails for good. */
async function failure(server) {
  const id = await server.create();
  const recording = record(server, id);
  const run = await server.claim();
  await run.events(event("TEXT_MESSAGE_START", { messageId: "m", role: "assistant" }));
  await run.call("fail", { error: { message: "No.", retryable: false } });
  return recording;
}

/** Is cancelled, and its runner says so. */
async function cancellation(server) {
  const id = await server.create();
  const recording = record(server, id);
  const run = await server.claim();
  await server.post(`/v1/executions/${id}/cancel`, { reason: "enough", grace: "30s" });
  await run.call("cancelled");
  return recording;
}

/** Is cancelled before anybody takes it. */
async function neverRan(server) {
  const id = await server.create();
  const recording = record(server, id);
  await server.post(`/v1/executions/${id}/cancel`, {});
  return recording;
}

/** Follows an execution to its end; its events, which equal those of the pages. */
async function record(server, id) {
  const path = `/v1/executions/${id}/events`;
  const response = await fetch(`${server.url}${path}?view=agui`, {
    headers: { accept: "text/event-stream" },
  });
  const text = await bounded(response.text(), `the stream of ${id}`);
  const messages = text.split("\n\n").map((block) => {
    const field = (name) => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
    return { name: field("event"), data: field("data") };
  });
  ok(messages.some(({ name }) => name === "end"), `${id} ended without saying so`);
  const live = messages.filter(({ name, data }) => !name && data).map(({ data }) => JSON.parse(data));
  const { events, terminal } = await server.get(`${path}?view=agui&limit=1000`);
  ok(terminal);
  same(live, events, "a stream and a page show the same");
  let prev = 0;
  for (const { seq, prev: before, ...rest } of live) {
    same(before, prev, `a gap before ${JSON.stringify(rest)}`);
    prev = seq;
  }
  await resumed(server, id, live);
  return live;
}

/** As AG-UI has it: `type` and the fields of `data` side by side. */
const plain = (events) => events.map(({ type, data }) => ({ type, ...data }));

/** Every event fits its schema, and all are in order. */
async function check(events) {
  for (const one of events) {
    const parsed = EventSchemas.safeParse(one);
    ok(parsed.success, `${JSON.stringify(one)}\n${parsed.error}`);
  }
  await lastValueFrom(from(events).pipe(transformChunks(), verifyEvents(), toArray()));
  return lastValueFrom(from(events).pipe(verifyEvents(), toArray()));
}

async function refuses(events, what) {
  const passed = await check(events).then(() => true, () => false);
  ok(!passed, `the check does not see ${what}`);
}

const stories = { longStory, leftOpen, outOfOrder, failure, cancellation, neverRan };
const endings = {
  longStory: ["RUN_ERROR", "RUN_ERROR", "RUN_FINISHED", "RUN_FINISHED"],
  leftOpen: ["RUN_FINISHED", "RUN_ERROR", "RUN_FINISHED"],
  outOfOrder: ["RUN_FINISHED"],
  failure: ["RUN_ERROR"],
  cancellation: ["RUN_ERROR"],
  neverRan: ["RUN_ERROR"],
};

await withServer({}, async (server) => {
  const seen = new Set();
  for (const [name, story] of Object.entries(stories)) {
    const events = plain(await story(server));
    await check(events);
    const types = events.map(({ type }) => type);
    types.forEach((type) => seen.add(type));
    same(types.filter((type) => ["RUN_ERROR", "RUN_FINISHED"].includes(type)), endings[name]);
    const customs = events.filter(({ type }) => type === "CUSTOM").map((event) => event.name);
    console.log(`${name}: ${events.length} events; of the lifecycle, as CUSTOM: ${
      customs.filter((name) => name.startsWith("execution.")).join(" ") || "none"}`);
    if (name === "leftOpen") {
      types.forEach((type, end) => {
        if (!["RUN_ERROR", "RUN_FINISHED"].includes(type)) return;
        const closed = CLOSED.map((how) =>
          type === "RUN_ERROR" && how === "SUBAGENT_FINISHED" ? "SUBAGENT_ERROR" : how);
        same(types.slice(end - CLOSED.length, end), closed, `before ${type}`);
      });
      for (const end of new Set(CLOSED)) {
        await refuses(events.filter(({ type }) => type !== end), `what lacks ${end}`);
      }
    }
    if (name !== "longStory") continue;
    for (const told of ["execution.progress", "execution.waiting", "execution.resumed", "log"]) {
      ok(customs.includes(told), `${told} is not shown`);
    }
    same(events.at(-1).result, { said: "this" });
    // The check itself: it must see what is wrong.
    await refuses(events.slice(1), "a run without its start");
    await refuses(events.toSpliced(2, 0, events[0]), "a run that starts twice");
    await refuses(events.map((e) => ({ ...e, messageId: 7 })), "a number for a text");
    await refuses(events.filter(({ type }) => type !== "TOOL_CALL_START"), "a call without start");
  }
  const posted = [...EVERYTHING.map(({ type }) => type), "RUN_STARTED", "RUN_FINISHED", "RUN_ERROR"];
  same(posted.filter((type) => !seen.has(type)), [], "types that were never shown");
  console.log(`agui: ${seen.size} types of event, all valid and in order`);
});
