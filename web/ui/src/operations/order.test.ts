import { describe, expect, it } from "vitest";
import { held, readSort, sorted, toggled, writeSort } from "./order";

interface Row {
  name: string;
  age: number | null;
}
const name = (row: Row): string => row.name;
const rows: Row[] = [
  { name: "q10", age: 3 },
  { name: "q2", age: null },
  { name: "q1", age: 7 },
  { name: "q3", age: 3 },
];
const names = (list: Row[]): string[] => list.map(name);

describe("the order of rows", () => {
  it("is by value, then by name with numbers as numbers; unknown last both ways", () => {
    expect(names(sorted(rows, (row) => row.age, name, false))).toEqual(["q3", "q10", "q1", "q2"]);
    expect(names(sorted(rows, (row) => row.age, name, true))).toEqual(["q1", "q3", "q10", "q2"]);
    expect(names(sorted(rows, name, name, false))).toEqual(["q1", "q2", "q3", "q10"]);
  });

  it("stays as it was while held, with new rows at the end and gone ones gone", () => {
    expect(names(held(rows, name, ["q3", "gone", "q1", "q10"]))).toEqual(["q3", "q1", "q10", "q2"]);
    expect(names(held(rows, name, null))).toEqual(names(rows));
  });

  it("is read from the address and written there", () => {
    const otherwise = { by: "trouble", down: true };
    expect(readSort("-age", ["age", "name"], otherwise)).toEqual({ by: "age", down: true });
    expect(readSort("name", ["age", "name"], otherwise)).toEqual({ by: "name", down: false });
    expect(readSort("nonsense", ["age"], otherwise)).toBe(otherwise);
    expect(readSort(null, ["age"], otherwise)).toBe(otherwise);
    expect(writeSort({ by: "age", down: true })).toBe("-age");
  });

  it("turns round at the second click on the same column", () => {
    const first = toggled({ by: "name", down: false }, "age", true);
    expect(first).toEqual({ by: "age", down: true });
    expect(toggled(first, "age", true)).toEqual({ by: "age", down: false });
  });
});
