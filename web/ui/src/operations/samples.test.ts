import { describe, expect, it } from "vitest";

import { seenIn, SUPERVISOR } from "./samples";
import type { Sample } from "./series";

function at(second: number, figures: Partial<Record<keyof typeof SUPERVISOR, number>> | null): Sample {
  const values: (number | null)[] = Object.values(SUPERVISOR).map(() => (figures ? 0 : null));
  for (const [name, value] of Object.entries(figures ?? {})) values[SUPERVISOR[name as keyof typeof SUPERVISOR]] = value;
  return { at: second * 1_000, values };
}

describe("what samples of the supervisor tell", () => {
  it("is for how long the journal has stood still with appends waiting", () => {
    const still = [at(0, { commits: 5 }), at(1, { commits: 6, queued: 3 }), at(2, { commits: 6, queued: 3 }), at(9, { commits: 6, queued: 4 })];
    expect(seenIn(still).stalledMs).toBe(8_000);
    expect(seenIn([...still, at(10, { commits: 7, queued: 4 })]).stalledMs).toBe(0);
    expect(seenIn([at(0, { commits: 6 }), at(9, { commits: 6 })]).stalledMs).toBe(0);
  });

  it("is how many readers were cut and actors restarted, over restarts of the server, too", () => {
    const samples = [at(0, { cut: 4, restarts: 1 }), at(1, { cut: 6, restarts: 1 }), at(2, null), at(3, { cut: 1, restarts: 0 })];
    expect(seenIn(samples)).toEqual({ stalledMs: 0, cut: 3, restarts: 0 });
    expect(seenIn([])).toEqual({ stalledMs: 0, cut: 0, restarts: 0 });
  });
});
