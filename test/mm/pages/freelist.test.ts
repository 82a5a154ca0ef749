import { expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
} from "../../../lib/mm/pages/alloc_flags.js";
import { ZONE_BELOW_HIGH } from "../../../lib/mm/pages/buddy.js";
import { getPageFromFreelist } from "../../../lib/mm/pages/freelist.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE } from "../../../lib/mm/pages/migratetype.js";
import { noPcp } from "../exact_frames.js";

it("each mark ends the attempts that name it, and a zone says once that it is below the high one", () => {
  const { sys } = boot({ ram: "16 MiB" }).kernel;
  noPcp(sys);
  sys.sysctl.watermarkBoostFactor = 0;
  const zone = sys.zones[0]!;
  const takeAll = (flags: number): number => {
    while (getPageFromFreelist(sys, GFP_KERNEL, 0, flags, 2, MIGRATE_MOVABLE) !== undefined);
    return zone.nrFreePages;
  };
  const { min, low } = zone.watermark;
  expect(zone.flags & ZONE_BELOW_HIGH).toBe(0);
  expect(takeAll(ALLOC_WMARK_LOW)).toBe(low);
  expect(zone.flags & ZONE_BELOW_HIGH).not.toBe(0);
  expect(takeAll(ALLOC_WMARK_MIN)).toBe(min);
  expect(takeAll(ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE)).toBe(min - Math.floor(min / 2));
  expect(takeAll(ALLOC_NO_WATERMARKS)).toBe(0);
});

it("an urgent request of several pages keeps the page block around it for the next", () => {
  const { sys } = boot({ ram: "512 MiB" }).kernel;
  const flags = ALLOC_WMARK_MIN | ALLOC_HIGHATOMIC | ALLOC_MIN_RESERVE;
  const { pfn } = getPageFromFreelist(sys, GFP_KERNEL, 4, flags, 2, MIGRATE_MOVABLE)!;
  expect(sys.zones[1]!.pageblockType(pfn)).toBe(MIGRATE_HIGHATOMIC);
  const next = getPageFromFreelist(sys, GFP_KERNEL, 4, flags, 2, MIGRATE_MOVABLE)!;
  expect(Math.floor(next.pfn / 512)).toBe(Math.floor(pfn / 512));
});

it("an attempt that would rather not mix page blocks does so when it must", () => {
  const { sys } = boot({ ram: "16 MiB" }).kernel;
  const flags = ALLOC_WMARK_MIN | ALLOC_NOFRAGMENT;
  let got = 0;
  while (getPageFromFreelist(sys, GFP_KERNEL, 0, flags, 2, 2) !== undefined) got++;
  expect(got).toBeGreaterThan(3000);
});
