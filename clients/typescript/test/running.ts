// A runner for the length of a test, and small things that tests wait for.

import { ok } from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import {
  Runner,
  type Client,
  type ConnectionStatus,
  type Event,
  type RunnerOptions,
} from "@heartline/client";

/** Both ways of a runner to the server. */
export const transports = ["websocket", "http"] as const;

/** A runner of the queue `test`, as it is set up by `handlers`; drained at the end. */
export class Running {
  readonly runner: Runner;
  readonly statuses: ConnectionStatus[] = [];
  readonly #run: Promise<void>;

  constructor(
    client: Client,
    handlers: (runner: Runner) => void,
    options: Partial<RunnerOptions> = {},
  ) {
    this.runner = new Runner(client, {
      queues: ["test"],
      slots: 4,
      onStatus: (status) => this.statuses.push(status),
      ...options,
    });
    handlers(this.runner);
    this.#run = this.runner.run();
    this.#run.catch(() => undefined);
  }

  /** Resolves when it has ended. */
  get ended(): Promise<void> {
    return this.#run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.runner.drain();
    const late = setTimeout(() => this.runner.stop(), 5_000);
    await this.#run;
    clearTimeout(late);
  }
}

/** Resolves when `holds` does. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 20_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    ok(Date.now() < end, `not within ${withinMs} ms: ${what}`);
    await pause(10);
  }
}

/** The whole log. */
export async function log(client: Client, id: string): Promise<Event[]> {
  const events: Event[] = [];
  for (;;) {
    const page = await client.events(id, { after: events.at(-1)?.seq ?? 0, limit: 1_000 });
    events.push(...page.events);
    if (page.events.length === 0) return events;
  }
}

/** The deltas of all messages, in the log's order. */
export function deltas(events: Event[]): string[] {
  return events
    .filter(({ type }) => type === "TEXT_MESSAGE_CONTENT")
    .map(({ data }) => (data as { delta: string }).delta);
}

/** The types of the events. */
export function types(events: Event[]): string[] {
  return events.map(({ type }) => type);
}
