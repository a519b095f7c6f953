import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ExecutionWithState, HeartlineEvent, Problem } from "../api/types";
import type { FeedHandlers } from "../live/feeds";
import type { Live } from "../live/socket";
import { EXECUTION, LIFECYCLE } from "./model/model";
import { messageKey } from "./model/items";
import { recorded, modelOf } from "./model/testing";
import { ExecutionStore, STATUS } from "./store";

const { execution, events } = recorded("agent");
const AT = 40;
/** The server's snapshot in the middle, as a fold of the first part stands in for it. */
const half = (): ExecutionWithState => {
  const model = modelOf(events.slice(0, AT));
  return {
    ...execution,
    ...model.execution,
    state: {
      ...execution.state,
      messages: {},
      tool_calls: {},
      steps: {},
      sub_agents: {},
      todos: {},
      tasks: {},
      artifacts: {},
      custom: {},
    },
  };
};

class FakeLive {
  handlers: FeedHandlers[] = [];
  open = 0;
  execution(_id: string, _options: unknown, handlers: FeedHandlers): () => void {
    this.handlers.push(handlers);
    this.open += 1;
    return () => (this.open -= 1);
  }
  get last(): FeedHandlers {
    const last = this.handlers.at(-1);
    if (!last) throw new Error("nothing is followed");
    return last;
  }
}

const asked: string[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (path: string) => {
    asked.push(path);
    const query = new URLSearchParams(path.split("?")[1]);
    const after = Number(query.get("after"));
    const limit = Number(query.get("limit"));
    const shown = events.filter(
      (event) => event.seq > after && (query.get("view") !== "status" || event.type.startsWith("execution.")),
    );
    return new Response(JSON.stringify({ events: shown.slice(0, limit), head: events.length, terminal: true }));
  });
});
afterEach(() => vi.unstubAllGlobals());

function opened() {
  const live = new FakeLive();
  const store = new ExecutionStore(live as unknown as Live, execution.id);
  return { live, store, stop: store.start() };
}

const ready = (store: ExecutionStore) => {
  if (store.status.state !== "ready") throw new Error(store.status.state);
  return store.status;
};

describe("an execution that is opened", () => {
  it("is there with its snapshot, and has its past soon after", async () => {
    const { live, store } = opened();
    expect(store.status.state).toBe("loading");
    live.last.onSnapshot(half(), AT);
    expect(ready(store).model.execution.phase).toBe("in_progress");
    await vi.waitFor(() => expect(ready(store).model.lifecycle.map((event) => event.seq)).toEqual([1, 2]));
    // One page of the lifecycle and the tail: never the whole log.
    expect(asked).toHaveLength(2);
    expect(ready(store).model.lastProgress?.seq).toBe(AT);
  });

  it("tells who wants to know of what has changed, and nobody else", () => {
    const { live, store } = opened();
    live.last.onSnapshot(half(), AT);
    const told: string[] = [];
    for (const key of [EXECUTION, LIFECYCLE, messageKey("m1"), messageKey("m2")])
      store.subscribe(key, () => told.push(key));
    const tapped: HeartlineEvent[] = [];
    store.tap((some) => tapped.push(...some));
    live.last.onEvents(events.slice(AT, AT + 3));
    expect(told).toEqual([messageKey("m1")]);
    expect(tapped).toHaveLength(3);
    live.last.onEvents(events.slice(AT + 3));
    expect(told).toContain(EXECUTION);
    expect(ready(store).model.execution.phase).toBe("completed");
    expect(ready(store).pages.head).toBe(events.length);
  });

  it("begins anew where the log was cut", () => {
    const { live, store } = opened();
    live.last.onSnapshot(half(), AT);
    live.last.onReset(60, "retention");
    expect([store.status.state, live.handlers.length, live.open]).toEqual(["loading", 2, 1]);
    live.last.onSnapshot(execution, execution.seq);
    expect(ready(store).model.head).toBe(execution.seq);
  });

  it("says what the server said against it, and stays where it was shown before", () => {
    const { live, store } = opened();
    const problem = { status: 503, code: "x", title: "t", detail: "", type: "", request_id: "" } as Problem;
    live.last.onSnapshot(half(), AT);
    live.last.onProblem(problem);
    expect(store.status.state).toBe("ready");
    live.last.onProblem({ ...problem, status: 404 });
    expect(store.status).toMatchObject({ state: "failed", problem: { status: 404 } });
    store.retry();
    expect(store.status.state).toBe("loading");
  });

  it("tells that it is behind until it is not", () => {
    const { live, store } = opened();
    let told = 0;
    store.subscribe(STATUS, () => (told += 1));
    live.last.onSnapshot(half(), AT);
    live.last.onLag(50, 5_000);
    expect(store.lag).toEqual({ at: 50, head: 5_000 });
    live.last.onLive(5_000);
    expect(store.lag).toBeUndefined();
    expect(told).toBe(3);
  });

  it("lets go when it is left", () => {
    const { live, stop } = opened();
    stop();
    expect(live.open).toBe(0);
  });
});
