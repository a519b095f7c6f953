// A server that does what a test tells it to, for faults that the real one does not have on call.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { WebSocketServer, type WebSocket } from "ws";

const LIMITS = { message_bytes: 1_048_576, subscriptions: 1_000 };

export type Frame = Record<string, unknown> & { op: string };

/** One connection of a client. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  #wake: (() => void) | undefined;
  /** Resolves when it is gone. */
  readonly closed: Promise<void>;

  /** The subprotocols that were offered. */
  readonly protocol: string;

  constructor(socket: WebSocket, { headers }: IncomingMessage) {
    this.protocol = (headers["sec-websocket-protocol"] ?? "").replaceAll(" ", "");
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString("utf8")) as Frame;
      this.#frames.push(frame);
      this.#wake?.();
    });
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Cuts the connection, as a crash would. */
  cut(): void {
    this.#socket.terminate();
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** The next frame with one of these `op`s; others are passed over. */
  async next(...ops: string[]): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame && ops.includes(frame.op)) return frame;
      if (!frame) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What it does with one connection; `n` counts them from 0. */
type Script = (connection: Connection, n: number) => Promise<void> | void;

export class Fake {
  readonly #http: Server;
  readonly #sockets: WebSocketServer | undefined;
  /** Errors of scripts; a test looks that there is none. */
  readonly errors: unknown[] = [];

  private constructor(
    script: Script | undefined,
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    this.#http = createServer(answer);
    if (!script) return;
    let connections = 0;
    this.#sockets = new WebSocketServer({ server: this.#http });
    this.#sockets.on("connection", (socket, request) => {
      const connection = new Connection(socket, request);
      connection.send({ op: "hello", connection: "c", heartbeat: "25s", limits: LIMITS });
      const n = connections;
      connections += 1;
      Promise.resolve(script(connection, n)).catch((error: unknown) => this.errors.push(error));
    });
  }

  /** Without a script, upgrades are answered with 404. */
  static async start(
    script?: Script,
    answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => {
      response.writeHead(404).end();
    },
  ): Promise<Fake> {
    const fake = new Fake(script, answer);
    await new Promise<void>((resolve) => fake.#http.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

/** As the server tells a problem. */
export function problem(status: number, code: string, errors: object[] = []): object {
  const type = `urn:heartline:problem:${code}`;
  return { type, title: code, status, code, detail: `${code}, told`, request_id: "r", errors };
}

/** A lease of an execution with this name. */
export function lease(name = "work", more: object = {}): object {
  const id = "aex_01981f000000700080000000000000ab";
  const execution = { id, kind: "agent", name, queue: "test", seq: 2, input: null, state: {} };
  const token = "0198f1d2c3b4a5968778695a4b3c2d1e";
  return { op: "lease", execution, attempt: 1, lease: token, heartbeat: "30s", ...more };
}
