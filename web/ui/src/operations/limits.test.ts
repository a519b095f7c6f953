import { describe, expect, it } from "vitest";

import { limitsText, limitWords, placeErrors, rateText, readLimits, type Limits, type LimitsText } from "./limits";

const NONE: Limits = { max_in_progress: null, rate: null, key_max_in_progress: null, key_rate: null };
const SET: Limits = {
  max_in_progress: 4,
  rate: { per_second: 5, burst: 10 },
  key_max_in_progress: 1,
  key_rate: { per_second: 0.01, burst: 1 },
};
const EMPTY = limitsText(NONE);

function change(text: Partial<LimitsText>, now: Limits = NONE): unknown {
  const read = readLimits({ ...limitsText(now), ...text }, now);
  return "value" in read ? read.value : Object.keys(read.wrong);
}

describe("the form of a queue's limits", () => {
  it("shows what is set, by handy units, and asks for no change of it", () => {
    expect(limitsText(SET)).toEqual({
      max_in_progress: "4",
      rate: { count: "5", unit: "s", burst: "10" },
      key_max_in_progress: "1",
      key_rate: { count: "36", unit: "h", burst: "" },
    });
    expect(change({}, SET)).toEqual({});
    expect(change({}, NONE)).toEqual({});
    for (const per_second of [1 / 3, 1e-5, 99_999.5, 0.1, 1.5, 7 / 86_400]) {
      const now = { ...NONE, rate: { per_second, burst: 3 } };
      expect(change({}, now)).toEqual({});
    }
  });

  it("sends what was changed alone, and null to take a limit away", () => {
    expect(change({ max_in_progress: " 7 " }, SET)).toEqual({ max_in_progress: 7 });
    expect(change({ max_in_progress: "", key_rate: EMPTY.rate }, SET)).toEqual({
      max_in_progress: null,
      key_rate: null,
    });
    expect(change({ rate: { count: "90", unit: "m", burst: "" } })).toEqual({
      rate: { per_second: 1.5, burst: 2 },
    });
    expect(change({ key_rate: { count: ".5", unit: "s", burst: "4" } })).toEqual({
      key_rate: { per_second: 0.5, burst: 4 },
    });
  });

  it("says at which field something is wrong", () => {
    expect(change({ max_in_progress: "0", key_max_in_progress: "1.5" })).toEqual([
      "/max_in_progress",
      "/key_max_in_progress",
    ]);
    expect(change({ rate: { count: "0", unit: "s", burst: "x" } })).toEqual(["/rate/per_second", "/rate/burst"]);
    expect(change({ rate: { count: "", unit: "s", burst: "5" } })).toEqual(["/rate/per_second"]);
    expect(change({ key_rate: { count: "1e9", unit: "s", burst: "" } })).toEqual(["/key_rate/per_second"]);
    expect(change({ max_in_progress: "1000001" })).toEqual(["/max_in_progress"]);
  });

  it("places the server's errors at the fields they belong to", () => {
    const { wrong, rest } = placeErrors([
      { pointer: "/rate", message: "is a string" },
      { pointer: "/key_rate/burst", message: "too many" },
      { pointer: "/paused", message: "no" },
    ]);
    expect(wrong).toEqual({ "/rate/per_second": "is a string", "/key_rate/burst": "too many" });
    expect(rest).toEqual(["/paused: no"]);
  });

  it("tells limits in words", () => {
    expect(limitWords(NONE)).toEqual([]);
    expect(limitWords(SET)).toEqual([
      "at most 4 in progress",
      "claimed 5 a second, up to 10 at once",
      "at most 1 in progress of each key",
      "each key claimed 36 an hour",
    ]);
    expect(rateText({ per_second: 1.5, burst: 2 })).toEqual({ count: "90", unit: "m", burst: "" });
  });
});
