import { describe, expect, it } from "vitest";
import { kcompactdAllocFlags, wakeupKcompactd } from "../../../lib/mm/compaction/wakeup.js";
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_MIN } from "../../../lib/mm/pages/alloc_flags.js";
import { fragmented } from "./fragmented.js";

describe("waking kcompactd", () => {
  it("is for blocks of several pages, and only where compaction may get somewhere", () => {
    const { sys } = fragmented();
    const { pgdat } = sys;
    wakeupKcompactd(sys, 0, 0);
    expect([pgdat.kcompactdMaxOrder, pgdat.kcompactdRun.woken]).toEqual([0, false]);
    wakeupKcompactd(sys, 9, 0); // 513 single pages are too few
    expect([pgdat.kcompactdMaxOrder, pgdat.kcompactdRun.woken]).toEqual([9, false]);
    wakeupKcompactd(sys, 3, 0);
    expect([pgdat.kcompactdMaxOrder, pgdat.kcompactdRun.woken]).toEqual([9, false]);
    pgdat.kcompactdMaxOrder = 0;
    wakeupKcompactd(sys, 3, 0);
    expect([pgdat.kcompactdMaxOrder, pgdat.kcompactdRun.woken]).toEqual([3, true]);
  });

  it("has it keep the min mark, or whole blocks above the high mark in defrag mode", () => {
    const { sys } = fragmented(2);
    expect(kcompactdAllocFlags(sys)).toBe(ALLOC_WMARK_MIN);
    sys.sysctl.defragMode = 1;
    expect(kcompactdAllocFlags(sys)).toBe(ALLOC_WMARK_HIGH);
  });
});
