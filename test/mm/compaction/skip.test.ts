import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  getPageblockSkip,
  isolationSuitable,
  pageblockEndPfn,
  pageblockSkipPersistent,
  pageblockStartPfn,
  resetCachedPositions,
  resetIsolationSuitable,
  resetZoneIsolation,
  setCachedMigrate,
  setPageblockSkip,
  testAndSetSkip,
  updateCachedMigrate,
  updatePageblockSkip,
} from "../../../lib/mm/compaction/skip.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { control, fragmented, frameOf, zoneWith } from "./fragmented.js";

describe("page blocks", () => {
  it("are 512 frames", () => {
    expect([pageblockStartPfn(1023), pageblockEndPfn(1023), pageblockEndPfn(1024)]).toEqual([
      512, 1024, 1536,
    ]);
  });

  it("are of no use where a huge page fills them", () => {
    const { sys } = boot({ ram: "64 MiB" }).kernel;
    const huge = allocPages(sys, GFP_HIGHUSER_MOVABLE, 9)!;
    expect([huge.pfn, huge.pfn + 5, huge.pfn - 1].map((pfn) => pageblockSkipPersistent(sys, pfn))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe("skip marks", () => {
  it("are set once for each page block, and overlooked by who tries hardest", () => {
    const zone = zoneWith([]);
    const cc = control(zone, 9);
    expect([testAndSetSkip(cc, 700), testAndSetSkip(cc, 512), testAndSetSkip(cc, 1024)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([isolationSuitable(cc, 600), isolationSuitable(cc, 0)]).toEqual([false, true]);
    const hard = control(zone, 9, { ignoreSkipHint: true });
    expect([isolationSuitable(hard, 600), testAndSetSkip(hard, 0), getPageblockSkip(zone, 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("come with the places where the scanners go on", () => {
    const zone = zoneWith([]);
    resetCachedPositions(zone);
    expect(zone.compact).toMatchObject({ cachedMigratePfn: [0, 0], cachedFreePfn: 3584 });
    updateCachedMigrate(control(zone, 9, { mode: 0 }), 1000);
    expect(zone.compact.cachedMigratePfn).toEqual([1024, 0]);
    updateCachedMigrate(control(zone, 9), 500);
    expect(zone.compact.cachedMigratePfn).toEqual([1024, 512]);
    updatePageblockSkip(control(zone, 9), 3072, 2560);
    updatePageblockSkip(control(zone, 9), 3584, 3072);
    expect([zone.compact.cachedFreePfn, getPageblockSkip(zone, 3583)]).toEqual([2560, true]);
    setCachedMigrate(zone, 7);
    expect(zone.compact.cachedMigratePfn).toEqual([7, 7]);
  });

  it("go from page blocks that have pages to be moved or free ones, after a compaction of the whole zone", () => {
    const f = fragmented(1024);
    const { zone, sys } = f;
    for (let pfn = 256; pfn < 4096; pfn += 512) setPageblockSkip(zone, pfn);
    resetIsolationSuitable(sys);
    expect(getPageblockSkip(zone, 256)).toBe(true); // nobody has asked for it
    zone.compact.blockskipFlush = true;
    resetZoneIsolation(sys, zone);
    const pages = new Array<number>(8).fill(0);
    for (let i = 1; i < f.pages; i += 2) pages[Math.floor(frameOf(f, i) / 512)]!++;
    const marks = [...zone.links.pageblockSkip].slice(0, 8);
    // A sample of every 8th frame may miss what a page block has, never find what it has not.
    expect(marks.filter((mark, block) => mark === 0 && pages[block] === 0)).toEqual([]);
    expect(marks.filter((mark) => mark === 0).length).toBeGreaterThan(0);
    expect(zone.compact.blockskipFlush).toBe(false);
  });
});
