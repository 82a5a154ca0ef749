import { expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { GFP_ATOMIC } from "../../../lib/mm/pages/gfp.js";
import {
  reserveHighatomicPageblock,
  unreserveHighatomicPageblock,
} from "../../../lib/mm/pages/highatomic.js";
import { MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE } from "../../../lib/mm/pages/migratetype.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";

it("a page block is kept for urgent requests, up to 1 % of the zone, and given back when others fail", () => {
  const { sys } = boot({ ram: "512 MiB" }).kernel;
  const zone = sys.zones[1]!;
  const free = zone.nrFreePages;
  const { pfn } = allocPages(sys, GFP_ATOMIC, 2)!;
  reserveHighatomicPageblock(zone, pfn, 2);
  expect([zone.nrReservedHighatomic, zone.pageblockType(pfn)]).toEqual([512, MIGRATE_HIGHATOMIC]);
  expect(zone.nrFreeHighatomic).toBeGreaterThan(0);
  expect(zone.nrFreePages).toBeLessThanOrEqual(free);
  const problems: string[] = [];
  checkZone(zone, problems);
  expect(problems).toEqual([]);
  expect(unreserveHighatomicPageblock(sys, 2, MIGRATE_MOVABLE, false)).toBe(false); // the last one stays
  expect(unreserveHighatomicPageblock(sys, 2, MIGRATE_MOVABLE, true)).toBe(true);
  expect([zone.nrReservedHighatomic, zone.nrFreeHighatomic, zone.pageblockType(pfn)]).toEqual([
    0,
    0,
    MIGRATE_MOVABLE,
  ]);
});

it("a zone of which 1 % is less than a page block keeps none", () => {
  const { sys } = boot({ ram: "64 MiB" }).kernel;
  reserveHighatomicPageblock(sys.zones[1]!, 0x1000, 1);
  expect(sys.zones[1]!.nrReservedHighatomic).toBe(0);
});
