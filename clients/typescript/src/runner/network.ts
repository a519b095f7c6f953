/**
 * The network's thread: it holds the leases, beats for them on a clock of its own, and delivers
 * what handlers say, whatever those are busy with. Started by `Runner`; see `protocol.ts`.
 */

import { parentPort, workerData } from "node:worker_threads";

import { HeartlineError } from "../errors.js";
import { Http } from "../http.js";
import type { Granted } from "../types.js";
import { Held } from "./held.js";
import { HttpTransport } from "./http-transport.js";
import type { Setup, ToHandlers, ToNetwork } from "./protocol.js";
import type { Owner, Transport } from "./transport.js";
import { NoSuchRoute, WebSocketTransport } from "./ws-transport.js";

/** How long a read of the log is repeated while the server is away, in milliseconds. */
const RETRY_FOR_MS = 30_000;

class Network implements Owner {
  readonly held = new Map<string, Held>();
  readonly #setup: Setup;
  readonly #http: Http;
  readonly #say: (message: ToHandlers) => void;
  #transport: Transport;
  #draining = false;

  constructor(setup: Setup, say: (message: ToHandlers) => void) {
    this.#setup = setup;
    this.#say = say;
    this.#http = new Http(setup.server, setup.token, RETRY_FOR_MS);
    this.#transport =
      setup.transport === "http"
        ? new HttpTransport(this.#http, setup, this)
        : new WebSocketTransport(this.#http, setup, this);
  }

  async run(): Promise<void> {
    try {
      await this.#transport.run();
    } catch (error) {
      if (!(error instanceof NoSuchRoute)) throw error;
      this.#transport = new HttpTransport(this.#http, this.#setup, this);
      if (this.#draining) this.#transport.drain();
      await this.#transport.run();
    }
  }

  hear(message: ToNetwork): void {
    if (message.op === "drain") {
      this.#draining = true;
      this.#transport.drain();
      return;
    }
    const held = this.held.get(message.lease);
    switch (message.op) {
      case "event":
        held?.event(message.json, message.bytes);
        break;
      case "progress":
        held?.progress(message.json);
        break;
      case "flush":
        held?.flush(message.id);
        break;
      case "wait":
        held?.wait(message.id, message.question);
        break;
      case "cancel_seen":
        held?.cancelSeen();
        break;
      case "finish":
        held?.finish(message.ending);
        break;
    }
  }

  free(): number {
    return Math.max(0, this.#setup.slots - this.held.size);
  }

  granted(granted: Granted): void {
    const { lease } = granted;
    if (this.held.has(lease)) return;
    const held = new Held(granted, this.#transport, this.#say, () => {
      this.held.delete(lease);
    });
    this.held.set(lease, held);
    this.#say({ op: "lease", granted });
  }

  status(status: Extract<ToHandlers, { op: "status" }>["status"]): void {
    this.#say({ op: "status", status });
  }
}

if (parentPort) {
  const port = parentPort;
  const say = (message: ToHandlers) => {
    port.postMessage(message);
  };
  const network = new Network(workerData as Setup, say);
  port.on("message", (message: ToNetwork) => {
    network.hear(message);
  });
  network.run().then(
    () => {
      say({ op: "over" });
    },
    (error: unknown) => {
      if (!(error instanceof HeartlineError)) throw error;
      say({ op: "over", problem: error.parts() });
    },
  );
}
