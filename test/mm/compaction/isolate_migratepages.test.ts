import { describe, expect, it } from "vitest";
import {
  isolateMigratepagesBlock,
  putbackMovablePages,
} from "../../../lib/mm/compaction/isolate_migratepages.js";
import { getPageblockSkip } from "../../../lib/mm/compaction/skip.js";
import { folioAddLru, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import {
  type Folio,
  folioGet,
  folioNrPages,
  PG_lru,
  PG_swapcache,
  pfnToPage,
} from "../../../lib/mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE, GFP_NOIO } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { COMPACTISOLATED, NR_ISOLATED_ANON, NR_ISOLATED_FILE } from "../../../lib/mm/vmstat.js";
import { control, type Fragmented, fragmented, frameOf } from "./fragmented.js";

/** First frame of a page block in which the process has 256 pages, every second frame; f has 4 MiB of it. */
function fullBlock(f: Fragmented): number {
  const pages = new Map<number, number>();
  for (let i = 1; i < f.pages; i += 2) {
    const block = Math.floor(frameOf(f, i) / 512) * 512;
    pages.set(block, (pages.get(block) ?? 0) + 1);
  }
  return [...pages].find(([, nr]) => nr === 256)![0];
}

function isolated({ sys }: Fragmented): number {
  return sys.vmStat.nodeStat[NR_ISOLATED_ANON]! + sys.vmStat.nodeStat[NR_ISOLATED_FILE]!;
}

function pfns(folios: readonly Folio[]): number[] {
  return folios.map(({ pfn }) => pfn);
}

describe("the migrate scanner in a page block", () => {
  it("takes 32 pages off their lists, and knows where to go on", () => {
    const f = fragmented();
    const block = fullBlock(f);
    const cc = control(f.zone, 9);
    const before = f.sys.vmStat.events[COMPACTISOLATED]!;
    expect(isolateMigratepagesBlock(f.sys, cc, block, block + 512)).toBe(0);
    const first = pfns(cc.migratepages)[0]!;
    expect(pfns(cc.migratepages)).toEqual(Array.from({ length: 32 }, (_, i) => first + 2 * i));
    expect([cc.migratePfn, cc.totalMigrateScanned]).toEqual([first + 63, first + 63 - block]);
    expect([isolated(f), f.sys.vmStat.events[COMPACTISOLATED]! - before]).toEqual([32, 32]);
    expect(cc.migratepages.every(({ flags, refcount }) => (flags & PG_lru) === 0 && refcount === 2)).toBe(
      true,
    );
    expect(getPageblockSkip(f.zone, block)).toBe(true);
    putbackMovablePages(f.sys, cc);
    expect([isolated(f), cc.nrMigratepages, cc.migratepages]).toEqual([0, 0, []]);
  });

  it("takes all of it when the page block is to be finished", () => {
    const f = fragmented();
    const block = fullBlock(f);
    const cc = control(f.zone, 9, { finishPageblock: true });
    isolateMigratepagesBlock(f.sys, cc, block, block + 512);
    expect([cc.nrMigratepages, cc.migratePfn, cc.totalMigrateScanned]).toEqual([256, block + 512, 512]);
    expect(f.zone.compact.cachedMigratePfn).toEqual([block + 1024, block + 1024]);
  });

  it("passes a marked page block by, unless it goes on in the middle of it", () => {
    const f = fragmented();
    const block = fullBlock(f);
    f.zone.links.pageblockSkip.fill(1);
    const cc = control(f.zone, 9);
    isolateMigratepagesBlock(f.sys, cc, block, block + 512);
    expect([cc.nrMigratepages, cc.totalMigrateScanned, cc.migratePfn]).toEqual([0, 1, block + 512]);
    isolateMigratepagesBlock(f.sys, cc, block + 256, block + 512);
    expect(cc.nrMigratepages).toBe(32);
  });

  it("leaves pages that somebody else holds, that are on no list, and of files without __GFP_FS", () => {
    const f = fragmented();
    const block = fullBlock(f);
    const [held, ...others] = Array.from({ length: 512 }, (_, i) => pfnToPage(f.sys, block + i)).filter(
      ({ flags }) => (flags & PG_lru) !== 0,
    );
    folioGet(held!);
    const cc = control(f.zone, 9, { gfpMask: GFP_NOIO });
    isolateMigratepagesBlock(f.sys, cc, block, block + 512);
    expect(pfns(cc.migratepages)).toEqual(pfns(others.slice(0, 32)));
    putbackMovablePages(f.sys, cc); // into a batch
    isolateMigratepagesBlock(f.sys, cc, block, block + 512);
    expect(pfns(cc.migratepages)[0]).not.toBe(held!.pfn);
  });

  it("gives an aligned block up whole when an allocation waits and one page of it stays", () => {
    const f = fragmented();
    const block = fullBlock(f);
    const lru = Array.from({ length: 512 }, (_, i) => pfnToPage(f.sys, block + i)).filter(
      ({ flags }) => (flags & PG_lru) !== 0,
    );
    folioGet(lru[2]!); // in the first aligned block of 8 frames
    const cc = control(f.zone, 3, { mode: 0, directCompaction: true });
    isolateMigratepagesBlock(f.sys, cc, block, block + 512);
    const aligned = new Set(pfns(cc.migratepages).map((pfn) => Math.floor(pfn / 8)));
    expect([...aligned]).toEqual([block / 8 + 1]);
    expect([cc.nrMigratepages, cc.migratePfn]).toEqual([4, block + 16]);
    expect(isolated(f)).toBe(4);
  });

  it("steps over folios as large as what is wanted, and takes smaller ones as a whole", () => {
    const f = fragmented(2, 1);
    const folio = allocPages(f.sys, GFP_HIGHUSER_MOVABLE, 3)!;
    folioAddLru(f.sys, folio);
    const start = folio.pfn;
    const same = control(f.zone, 3);
    isolateMigratepagesBlock(f.sys, same, start, start + 8);
    expect([same.nrMigratepages, same.totalMigrateScanned]).toEqual([0, 8]);
    const larger = control(f.zone, 4);
    folio.flags |= PG_swapcache; // a cache holds it
    f.zone.links.pageblockSkip.fill(0);
    isolateMigratepagesBlock(f.sys, larger, start, start + 8);
    expect([larger.nrMigratepages, folioNrPages(larger.migratepages[0]!)]).toEqual([8, 8]);
  });

  it("leaves pages locked by mlock where compact_unevictable_allowed is 0", () => {
    const f = fragmented();
    f.process.mlock(f.at + 4096, 4096);
    f.process.mlock(f.at + 3 * 4096, 4096);
    f.sys.sysctl.compactUnevictableAllowed = 0;
    const pfn = frameOf(f, 1);
    const cc = control(f.zone, 9);
    const take = (): number => {
      isolateMigratepagesBlock(f.sys, cc, pfn, pfn + 1);
      return cc.nrMigratepages;
    };
    lruAddDrainAll(f.sys);
    expect(take()).toBe(0);
    f.sys.sysctl.compactUnevictableAllowed = 1;
    expect(take()).toBe(1);
  });
});
