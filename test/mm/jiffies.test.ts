import { describe, expect, it } from "vitest";
import { jiffies, jiffiesToMsecs, msecsToJiffies } from "../../lib/mm/jiffies.js";

describe("time in ticks", () => {
  it("begins with tick 1 and goes on every 4 ms; what is asked for in milliseconds is rounded up", () => {
    expect([0, 3_999_999, 4_000_000].map((nowNs) => jiffies({ clock: { nowNs } }))).toEqual([1, 1, 2]);
    expect([0, 1, 4, 5].map(msecsToJiffies)).toEqual([0, 1, 1, 2]);
    expect(jiffiesToMsecs(3)).toBe(12);
  });
});
