import { describe, expect, it } from "vitest";

import type { Execution } from "../api/types";
import type { ListChange } from "../live/feeds";
import { rowsOf, type Rows } from "./leases";

const enter = (id: string): ListChange => ({ turn: "enter", execution: { id } as Execution, seq: 1 });
const leave = (id: string): ListChange => ({ turn: "leave", id, seq: 2, phase: "completed" });

describe("the rows of a runner's list", () => {
  it("come, leave, and are other ones after the list began anew", () => {
    let seen: Rows = new Map();
    const list = rowsOf((rows) => (seen = rows), () => undefined);
    list.onBegin();
    list.onChanges([enter("a"), enter("b")]);
    list.onListed(null);
    expect([...seen.keys()]).toEqual(["a", "b"]);
    list.onChanges([leave("a"), enter("c")]);
    expect([...seen.keys()]).toEqual(["b", "c"]);
    list.onBegin();
    list.onChanges([enter("c"), enter("d")]);
    expect([...seen.keys()]).toEqual(["b", "c", "d"]);
    list.onListed(null);
    expect([...seen.keys()]).toEqual(["c", "d"]);
    list.onBegin();
    list.onListed(null);
    expect(seen.size).toBe(0);
  });
});
