import { describe, expect, it } from "vitest";
import { buddyMistake, buddyScript, runBuddy } from "../../../lib/course/labs/buddy.js";
import { freeOnePage, rmqueueSmallest } from "../../../lib/mm/pages/buddy.js";

describe("the bench of the buddy allocator", () => {
  it("knows every frame, taken or free", () => {
    const script = buddyScript("t3 t0u t9 f0 f0 w9 f0");
    for (const seen of runBuddy({ rmqueueSmallest, freeOnePage }, script)) expect(seen.wrong).toEqual([]);
  });

  it("says which frame is in two blocks", () => {
    const core = {
      freeOnePage,
      rmqueueSmallest: (zone: Parameters<typeof rmqueueSmallest>[0], order: number, type: number) => {
        const pfn = rmqueueSmallest(zone, order, type);
        if (pfn >= 0) zone.addToFreeList(pfn, order, type, false);
        return pfn;
      },
    };
    const script = buddyScript("t0");
    const [[mine], [right]] = [
      [...runBuddy(core, script)],
      [...runBuddy({ rmqueueSmallest, freeOnePage }, script)],
    ];
    expect(buddyMistake(mine!, right!)).toMatch(/frame \d+ is in the free block/);
  });
});
