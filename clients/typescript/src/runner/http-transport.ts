/**
 * A runner over HTTP: it claims with long polls, beats for each lease, and hears of a cancellation
 * with the answers to what it says.
 */

import { ConnectionError, HeartlineError } from "../errors.js";
import type { Ask, Http } from "../http.js";
import { Backoff, sleep } from "../pause.js";
import type { Beat, Done, Granted } from "../types.js";
import type { Held } from "./held.js";
import { catchUp, glance } from "./lifecycle.js";
import type { Setup } from "./protocol.js";
import { checkSize, MESSAGE_BYTES, type Owner, type Transport, type Verb } from "./transport.js";

/** How long a claim waits for work where there is one queue, in milliseconds. */
const CLAIM_MS = 30_000;
/** As above, for all of several queues, which are asked in turn. */
const ROUND_MS = 2_000;
/** How long a drain waits for the answer to a claim that may be on its way, in milliseconds. */
const LAST_CLAIM_MS = 250;
/** The longest wait between two tries, in milliseconds. */
const LONGEST_WAIT_MS = 2_000;
/** Between two heartbeats of a lease, in milliseconds; shorter where its timeout is. */
const BEAT_MS = 10_000;
/** How long the answer to a heartbeat may take at least, in milliseconds. */
const LEAST_ANSWER_MS = 2_000;
/** How long a person's answer is waited for in one request, in milliseconds. */
const ANSWER_MS = 30_000;
/** Between two looks whether a slot is free, in milliseconds. */
const FULL_MS = 20;

export class HttpTransport implements Transport {
  readonly #http: Http;
  readonly #setup: Setup;
  readonly #owner: Owner;
  readonly #draining = new AbortController();
  readonly #hangUp = new AbortController();
  readonly #backoff = new Backoff(LONGEST_WAIT_MS);
  #connected = false;

  constructor(http: Http, setup: Setup, owner: Owner) {
    this.#http = http;
    this.#setup = setup;
    this.#owner = owner;
  }

  async run(): Promise<void> {
    const { queues } = this.#setup;
    for (let turn = 0; !this.#isDraining(); turn += 1) {
      try {
        await this.#claim(queues[turn % queues.length] ?? "");
      } catch (error) {
        if (!this.#hangUp.signal.aborted) await this.#again(error);
      }
    }
    while (this.#owner.held.size > 0) await sleep(FULL_MS);
  }

  drain(): void {
    this.#draining.abort();
    setTimeout(() => {
      this.#hangUp.abort();
    }, LAST_CLAIM_MS);
  }

  async post(held: Held, verb: Verb, members: string): Promise<number> {
    const body = `{"lease":"${held.lease}"${members === "" ? "" : `,${members}`}}`;
    checkSize(body, MESSAGE_BYTES);
    const path = `/v1/executions/${held.execution}/${verb}`;
    const done = await this.#ask<Done>(path, { body });
    this.#answered(held, done);
    return done.seq;
  }

  asked(held: Held): void {
    const wait = async () => {
      const backoff = new Backoff(LONGEST_WAIT_MS);
      while (held.asking) {
        try {
          await catchUp(this.#http, held, ANSWER_MS);
        } catch (error) {
          if (!(error instanceof HeartlineError)) throw error;
          await sleep(backoff.next());
        }
      }
    };
    void wait();
  }

  #isDraining(): boolean {
    return this.#draining.signal.aborted;
  }

  /** Takes what there is in a queue, or waits for some. */
  async #claim(queue: string): Promise<void> {
    while (this.#owner.free() === 0 && !this.#isDraining()) await sleep(FULL_MS);
    if (this.#isDraining()) return;
    const { runner, queues } = this.#setup;
    const waitMs = queues.length === 1 ? CLAIM_MS : Math.ceil(ROUND_MS / queues.length);
    const { signal } = this.#hangUp;
    const claimed = await this.#ask<{ leases: Granted[] } | undefined>(
      `/v1/queues/${encodeURIComponent(queue)}/claim`,
      { body: { runner, slots: this.#owner.free(), wait: `${waitMs}ms` }, waitMs, signal },
    );
    this.#backoff.reset();
    for (const granted of claimed?.leases ?? []) {
      this.#owner.granted(granted);
      const held = this.#owner.held.get(granted.lease);
      if (held) void this.#beat(held);
    }
  }

  /** After a claim that went wrong. */
  async #again(error: unknown): Promise<void> {
    if (!(error instanceof HeartlineError)) throw error;
    const { status } = error;
    const passes = error instanceof ConnectionError || status === 429 || status >= 500;
    if (!passes) throw error;
    const retryInMs = Math.max(error.retryAfterMs ?? 0, this.#backoff.next());
    await sleep(retryInMs, this.#draining.signal).catch(() => undefined);
  }

  /** Asks once, and tells where the connection has come or gone. */
  async #ask<Reply>(path: string, ask: Ask): Promise<Reply> {
    try {
      const reply = await this.#http.ask<Reply>("POST", path, { ...ask, retryForMs: 0 });
      if (!this.#connected) this.#owner.status({ state: "connected", transport: "http" });
      this.#connected = true;
      return reply;
    } catch (error) {
      if (error instanceof ConnectionError && this.#connected) {
        this.#connected = false;
        this.#owner.status({ state: "disconnected", problem: error.detail });
      }
      throw error;
    }
  }

  /** Signs of life, for as long as there is a lease. */
  async #beat(held: Held): Promise<void> {
    const everyMs = Math.min(BEAT_MS, held.heartbeatMs / 3);
    const path = `/v1/executions/${held.execution}/heartbeat`;
    // Hanging on for longer would leave no time for another try.
    const withinMs = Math.max(everyMs, LEAST_ANSWER_MS);
    for (let waitMs = everyMs; ;) {
      await sleep(waitMs);
      if (held.over) return;
      try {
        const body = { lease: held.lease, knows: held.answersKnown };
        const beat = await this.#ask<Beat>(path, { body, withinMs });
        this.#answered(held, beat);
        if (beat.resumed) held.answered(beat.resumed.seq, beat.resumed.input);
        waitMs = everyMs;
      } catch (error) {
        if (!(error instanceof HeartlineError)) throw error;
        // Its last word may have been heard since: the answer to that tells.
        if (error.code === "lease_superseded" && !held.ending) held.revoke(error.detail);
        waitMs = Math.min(everyMs, this.#backoff.next());
      }
    }
  }

  #answered(held: Held, { cancel_requested }: Pick<Done, "cancel_requested">): void {
    // The log has the reason and the deadline.
    if (cancel_requested && !held.cancelled && !held.over) glance(this.#http, held);
  }
}
