import { describe, expect, it } from "vitest";
import { moveFreelistHead, moveFreelistTail } from "../../../lib/mm/compaction/freelist_order.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";
import { zoneWith } from "./fragmented.js";

/** Single free frames, the one freed last first. */
function listed(): { zone: ReturnType<typeof zoneWith>; list: () => number[] } {
  const zone = zoneWith([8, 6, 4, 2, 0].map((pfn) => [pfn, 0]));
  const list = (): number[] => {
    const pfns: number[] = [];
    for (let pfn = zone.freeArea[0]!.head[1]!; pfn >= 0; pfn = zone.links.next[pfn]!) pfns.push(pfn);
    const problems: string[] = [];
    checkZone(zone, problems);
    expect(problems).toEqual([]);
    return pfns;
  };
  return { zone, list };
}

describe("a free list", () => {
  it("is turned so that a block is its last, or its first", () => {
    const { zone, list } = listed();
    expect(list()).toEqual([0, 2, 4, 6, 8]);
    moveFreelistTail(zone, 0, 1, 4);
    expect(list()).toEqual([6, 8, 0, 2, 4]);
    moveFreelistHead(zone, 0, 1, 0);
    expect(list()).toEqual([0, 2, 4, 6, 8]);
  });

  it("stays as it is where the block is there already", () => {
    const { zone, list } = listed();
    moveFreelistTail(zone, 0, 1, 8);
    moveFreelistHead(zone, 0, 1, 0);
    expect(list()).toEqual([0, 2, 4, 6, 8]);
  });
});
