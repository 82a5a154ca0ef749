import { expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NON_BLOCK,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
  gfpPfmemallocFlags,
  gfpToAllocFlags,
  isWmarkMin,
  wmarkPages,
} from "../../../lib/mm/pages/alloc_flags.js";
import {
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOMEMALLOC,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOWAIT,
} from "../../../lib/mm/pages/gfp.js";

const { sys } = boot({ ram: "16 MiB" }).kernel;

it("GFP masks become the flags of the slow path", () => {
  expect(gfpToAllocFlags(sys, GFP_KERNEL, 0)).toBe(ALLOC_KSWAPD);
  expect(gfpToAllocFlags(sys, GFP_NOWAIT, 0)).toBe(ALLOC_KSWAPD | ALLOC_NON_BLOCK);
  const atomic = ALLOC_KSWAPD | ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE;
  expect(gfpToAllocFlags(sys, GFP_ATOMIC, 0)).toBe(atomic);
  expect(gfpToAllocFlags(sys, GFP_ATOMIC, 1)).toBe(atomic | ALLOC_HIGHATOMIC);
  expect(gfpToAllocFlags(sys, GFP_ATOMIC | __GFP_NOMEMALLOC, 1)).toBe(ALLOC_KSWAPD | ALLOC_MIN_RESERVE);
  expect(ALLOC_KSWAPD).toBe(__GFP_KSWAPD_RECLAIM);
});

it("who frees memory may take all of it, unless the mask forbids it", () => {
  expect(gfpPfmemallocFlags(sys, GFP_KERNEL)).toBe(0);
  expect(gfpPfmemallocFlags(sys, GFP_KERNEL | __GFP_MEMALLOC)).toBe(ALLOC_NO_WATERMARKS);
  sys.pfMemalloc = true;
  expect(gfpPfmemallocFlags(sys, GFP_KERNEL)).toBe(ALLOC_NO_WATERMARKS);
  expect(gfpPfmemallocFlags(sys, GFP_KERNEL | __GFP_NOMEMALLOC)).toBe(0);
  sys.pfMemalloc = false;
});

it("the flags name a mark, which the boost raises", () => {
  const zone = sys.zones[0]!;
  const { min, low, high } = zone.watermark;
  const marks = [ALLOC_WMARK_MIN, ALLOC_WMARK_LOW | ALLOC_KSWAPD, ALLOC_WMARK_HIGH];
  expect(marks.map((flags) => wmarkPages(zone, flags))).toEqual([min, low, high]);
  zone.watermarkBoost = 7;
  expect(wmarkPages(zone, ALLOC_WMARK_LOW)).toBe(low + 7);
  expect(marks.map(isWmarkMin)).toEqual([true, false, false]);
});
