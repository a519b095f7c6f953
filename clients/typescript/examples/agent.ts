// An agent: it thinks, calls a tool, and streams its answer token by token.
//
//   node build/examples/agent.js                          the runner, until Ctrl-C
//   node build/examples/agent.js ask "How warm is Oslo?"  asks, and shows the answer as it comes
//
// The model is simulated, so that the example runs anywhere. `chat` is the place of a real one:
// whatever streams words and tool calls, and stops when its signal is aborted.

import { setTimeout as pause } from "node:timers/promises";

import { Client, NonRetryableError, Runner, type Context } from "@heartline/client";

// ---- the model ---------------------------------------------------------------------------------

type Turn = { role: "user"; text: string } | { role: "tool"; name: string; result: unknown };

type Chunk =
  | { type: "thought"; text: string }
  | { type: "token"; text: string }
  | { type: "tool"; name: string; args: Record<string, string> };

/** What the model says next, piece by piece. */
async function* chat(turns: Turn[], signal: AbortSignal): AsyncGenerator<Chunk> {
  const last = turns.at(-1);
  if (last?.role === "user") {
    const city = /\b[A-Z][a-z]+\b(?=\W*$)/.exec(last.text)?.[0] ?? "Oslo";
    yield* spoken("thought", `Someone asks about ${city}; the weather tool knows.`, signal);
    yield { type: "tool", name: "weather", args: { city } };
    return;
  }
  const found = last?.result as { city: string; celsius: number };
  const answer = `It is ${found.celsius} °C in ${found.city} today 🌡️, so take a coat.`;
  yield* spoken("token", answer, signal);
}

async function* spoken(type: "thought" | "token", text: string, signal: AbortSignal) {
  for (const word of text.split(/(?<= )/)) {
    await pause(20, undefined, { signal });
    yield { type, text: word };
  }
}

// ---- its tools ---------------------------------------------------------------------------------

const tools: Record<string, (args: Record<string, string>, signal: AbortSignal) => unknown> = {
  weather: async ({ city = "" }, signal) => {
    await pause(50, undefined, { signal });
    return { city, celsius: city.length * 2 };
  },
};

// ---- the agent ---------------------------------------------------------------------------------

/** Turns of the model after which it is going round in circles. */
const MOST_TURNS = 8;

async function agent(ctx: Context<{ question: string }>): Promise<{ answer: string }> {
  const { question } = ctx.input;
  if (typeof question !== "string") {
    throw new NonRetryableError("The input has no question.", { code: "no_question" });
  }
  const turns: Turn[] = [{ role: "user", text: question }];
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    const { text, calls } = await say(ctx, chat(turns, ctx.signal));
    if (calls.length === 0) return { answer: text };
    for (const { name, args } of calls) {
      const tool = tools[name];
      if (!tool) throw new NonRetryableError(`The model wants a tool "${name}".`);
      turns.push({ role: "tool", name, result: await ctx.toolCall(name, args, tool) });
    }
  }
  throw new NonRetryableError(`The model did not answer within ${MOST_TURNS} turns.`);
}

/** Shows one turn of the model as it comes. */
async function say(ctx: Context<{ question: string }>, chunks: AsyncIterable<Chunk>) {
  let text = "";
  const calls: Extract<Chunk, { type: "tool" }>[] = [];
  let reasoning;
  let message;
  for await (const chunk of chunks) {
    if (chunk.type === "thought") {
      reasoning ??= ctx.reasoning();
      await reasoning.write(chunk.text);
    } else if (chunk.type === "token") {
      message ??= ctx.message();
      text += chunk.text;
      await message.write(chunk.text);
    } else {
      calls.push(chunk);
    }
  }
  await reasoning?.end();
  await message?.end();
  return { text, calls };
}

// ---- the program -------------------------------------------------------------------------------

const client = new Client();

async function ask(question: string): Promise<void> {
  const body = { kind: "agent" as const, name: "weather-agent", input: { question } };
  const { execution, dispatch } = await client.create(body);
  console.error(`${execution.id}: ${dispatch.message}`);
  for await (const { type, data } of client.watch(execution.id)) {
    const { delta, toolCallName } = data as { delta?: string; toolCallName?: string };
    if (type === "TEXT_MESSAGE_CONTENT") process.stdout.write(delta ?? "");
    if (type === "TOOL_CALL_START") console.error(`calls ${toolCallName}`);
  }
  process.stdout.write("\n");
  // Throws where it failed, with the reason.
  await client.result(execution.id);
}

const [command, ...words] = process.argv.slice(2);
if (command === "ask") {
  await ask(words.join(" ") || "How warm is it in Oslo?");
} else {
  const runner = new Runner(client, { queues: ["agents"], slots: 8 });
  runner.handle("weather-agent", agent);
  await runner.run();
}
