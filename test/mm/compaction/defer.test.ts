import { describe, expect, it } from "vitest";
import {
  compactionDeferReset,
  compactionDeferred,
  compactionRestarting,
  deferCompaction,
} from "../../../lib/mm/compaction/defer.js";
import { fragmented } from "./fragmented.js";

/** Attempts until one is made. */
function skipped(f: ReturnType<typeof fragmented>, order: number): number {
  let count = 0;
  while (compactionDeferred(f.sys, f.zone, order)) count++;
  return count;
}

describe("a zone whose compaction has failed", () => {
  it("is left alone for 1, 3, 7, ... 63 attempts after each failure in a row", () => {
    const f = fragmented(2);
    const counts = [skipped(f, 9)];
    for (let failures = 0; failures < 8; failures++) {
      deferCompaction(f.sys, f.zone, 9);
      counts.push(skipped(f, 9));
    }
    expect(counts).toEqual([0, 1, 3, 7, 15, 31, 63, 63, 63]);
    expect(compactionRestarting(f.zone, 9)).toBe(true);
  });

  it("is tried for smaller blocks all the same", () => {
    const f = fragmented(2);
    compactionDeferReset(f.sys, f.zone, 9, false);
    deferCompaction(f.sys, f.zone, 4);
    expect([3, 4, 9].map((order) => skipped(f, order))).toEqual([0, 1, 0]);
    expect([compactionRestarting(f.zone, 3), compactionRestarting(f.zone, 4)]).toEqual([false, false]);
  });

  it("is forgiven when an allocation succeeds, and half so when a block is thought to be free", () => {
    const f = fragmented(2);
    for (let i = 0; i < 3; i++) deferCompaction(f.sys, f.zone, 4);
    compactionDeferReset(f.sys, f.zone, 4, false);
    expect(f.zone.compact).toMatchObject({ deferShift: 3, orderFailed: 5 });
    compactionDeferReset(f.sys, f.zone, 3, true);
    expect(f.zone.compact).toMatchObject({ considered: 0, deferShift: 0, orderFailed: 5 });
    compactionDeferReset(f.sys, f.zone, 9, true);
    expect(f.zone.compact.orderFailed).toBe(10);
  });
});
