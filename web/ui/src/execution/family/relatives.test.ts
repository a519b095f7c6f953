import { describe, expect, it } from "vitest";

import type { Execution, Problem } from "../../api/types";
import type { ListChange } from "../../live/feeds";
import { childrenOf, Relatives, retriesOf } from "./relatives";

const at = (id: string, second: number): Execution => ({ id, created_at: `2026-01-01T00:00:0${second}Z` }) as Execution;
const enter = (id: string, second = 0): ListChange => ({ turn: "enter", execution: at(id, second), seq: 1 });
const leave = (id: string): ListChange => ({ turn: "leave", id, seq: 2, phase: null });
const names = (relatives: Relatives) => relatives.found().rows?.map((each) => each.id).join();

describe("relatives of an execution", () => {
  it("are asked for by what they belong to", () => {
    expect([childrenOf("aex_1"), retriesOf("aex_1")]).toEqual([{ parent: "aex_1" }, { retry_of: "aex_1" }]);
  });

  it("are known to be none only once all have been listed", () => {
    const relatives = new Relatives();
    relatives.begin();
    expect(relatives.found().rows).toBeUndefined();
    relatives.end(null);
    expect(relatives.found()).toEqual({ rows: [], more: false, problem: undefined });
  });

  it("stand newest first, and come and go", () => {
    const relatives = new Relatives();
    relatives.begin();
    relatives.take([enter("a", 1), enter("b", 3)]);
    expect(names(relatives)).toBe("b,a");
    relatives.end("older");
    expect(relatives.found().more).toBe(true);
    relatives.take([enter("c", 2), leave("b")]);
    expect(names(relatives)).toBe("c,a");
  });

  it("stay in sight while they come anew, and those that do not come again have left", () => {
    const relatives = new Relatives();
    relatives.begin();
    relatives.take([enter("a", 1), enter("b", 2)]);
    relatives.end(null);
    relatives.begin();
    expect(names(relatives)).toBe("b,a");
    relatives.take([enter("a", 1)]);
    expect(names(relatives)).toBe("b,a");
    relatives.end(null);
    expect(names(relatives)).toBe("a");
  });

  it("are shown beside what went wrong, until they come again", () => {
    const relatives = new Relatives();
    relatives.begin();
    relatives.take([enter("a")]);
    relatives.fail({ code: "gone" } as Problem);
    expect([names(relatives), relatives.found().problem?.code]).toEqual(["a", "gone"]);
    relatives.begin();
    expect(relatives.found().problem).toBeUndefined();
  });
});
