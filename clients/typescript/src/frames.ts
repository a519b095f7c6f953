/**
 * One connection of a watcher: its frames as an iteration that ends when the connection does. A
 * silent connection counts as lost, and so does one whose reader is too slow: it is closed, what
 * has come is read, and the watcher begins another one where it stands.
 */

import { connect } from "#websocket";

import { ConnectionError, HeartlineError } from "./errors.js";
import type { Http } from "./http.js";
import { milliseconds } from "./pause.js";
import type { WatchFrame } from "./types.js";
import type { Socket } from "./websocket.js";

/** The subprotocol of `/v1/ws`. */
const PROTOCOL = "heartline.v1.json";
/** Characters of frames that wait for their reader; at more the connection is closed. */
const BUFFER_CHARACTERS = 8 * 1024 * 1024;
/** How long a connection may take until the server says hello, in milliseconds. */
const HELLO_MS = 10_000;
/** The server's pings that may stay out before the connection counts as lost. */
const MISSED_PINGS = 2.5;

/** The frames of one connection, each once, in order. */
export class Frames implements AsyncIterableIterator<WatchFrame> {
  readonly #socket: Socket;
  #waiting: string[] = [];
  #next = 0;
  #characters = 0;
  #over: ConnectionError | undefined;
  #wake: (() => void) | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #silenceMs = HELLO_MS;
  #greeted = false;
  /** It was closed because its reader did not keep up. */
  overrun = false;

  constructor(http: Http, query: Record<string, string | number>) {
    this.#socket = connect(
      {
        url: http.socket("/v1/ws", query),
        protocol: PROTOCOL,
        token: http.token,
        ticket: async () => (await http.ask<{ ticket: string }>("POST", "/v1/tickets")).ticket,
      },
      {
        open: () => undefined,
        message: (text) => {
          this.#take(text);
        },
        close: (code, reason, status) => {
          const why = reason === "" ? "" : `: ${reason}`;
          // The server's own codes are statuses plus 4000.
          const refused = status ?? (code >= 4400 && code < 4600 ? code - 4000 : undefined);
          this.#close(new Lost(`the connection was closed with ${code}${why}`, refused));
        },
      },
    );
    this.#listen();
  }

  /** Sends a frame. */
  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Ends the connection; what has not been read is dropped. */
  end(): void {
    this.#waiting = [];
    this.#close(new ConnectionError("it was ended here"));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @throws ConnectionError once all is read and the connection is gone. */
  async next(): Promise<IteratorResult<WatchFrame, undefined>> {
    for (;;) {
      const text = this.#waiting[this.#next];
      if (text !== undefined) {
        this.#next += 1;
        this.#characters -= text.length;
        if (this.#next === this.#waiting.length) {
          this.#waiting = [];
          this.#next = 0;
        }
        return { done: false, value: parse(text) };
      }
      if (this.#over) throw this.#over;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  return(): Promise<IteratorResult<WatchFrame, undefined>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(text: string): void {
    // The first frame says how often the server is to be heard.
    if (!this.#greeted) {
      this.#greeted = true;
      const { heartbeat } = parse(text) as { heartbeat?: string };
      this.#silenceMs = MISSED_PINGS * milliseconds(heartbeat, 25_000);
    }
    this.#listen();
    this.#waiting.push(text);
    this.#characters += text.length;
    if (this.#characters > BUFFER_CHARACTERS) {
      this.overrun = true;
      this.#close(new ConnectionError("its reader did not keep up"));
    }
    this.#wake?.();
  }

  /** From now on, silence for long means that the other side is gone. */
  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#close(new ConnectionError(`nothing was heard for ${this.#silenceMs} ms`));
    }, this.#silenceMs);
  }

  #close(why: ConnectionError): void {
    if (this.#over) return;
    this.#over = why;
    clearTimeout(this.#silence);
    this.#socket.end();
    this.#wake?.();
  }
}

/** Our own server sends JSON only; something between may not. */
function parse(text: string): WatchFrame {
  try {
    return JSON.parse(text) as WatchFrame;
  } catch {
    return { op: "ping" };
  }
}

/** A connection that was refused with this HTTP status, or lost. */
export class Lost extends ConnectionError {
  readonly refused: number | undefined;

  constructor(detail: string, refused: number | undefined) {
    super(detail);
    this.refused = refused;
  }
}

/** Whether coming back later could go better. What is damaged in the store stays so. */
export function mayPass(error: HeartlineError): boolean {
  if (error.code === "corrupt") return false;
  const status = error instanceof Lost ? (error.refused ?? 0) : error.status;
  return [0, 408, 429].includes(status) || status >= 500;
}
