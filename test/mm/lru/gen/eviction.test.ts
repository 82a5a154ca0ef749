import { describe, expect, it } from "vitest";
import { tryToIncMaxSeq } from "../../../../lib/mm/lru/gen/aging.js";
import { evictFolios } from "../../../../lib/mm/lru/gen/eviction.js";
import { lruGenUpdateSize } from "../../../../lib/mm/lru/gen/gen_list.js";
import { LRU_GEN_FILE, lruGenFromSeq, MIN_LRU_BATCH, tierIndex } from "../../../../lib/mm/lru/gen/lru_gen.js";
import { folioUpdateGen, lruGenIncRefs } from "../../../../lib/mm/lru/gen/refs.js";
import { newScanControl, type ScanControl } from "../../../../lib/mm/lru/scan_control.js";
import { lruAddDrain } from "../../../../lib/mm/lru/swap.js";
import {
  type Folio,
  PG_active,
  PG_dirty,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_unevictable,
  PG_writeback,
} from "../../../../lib/mm/pages/folio.js";
import { folioPutRefs } from "../../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL, GFP_NOIO } from "../../../../lib/mm/pages/gfp.js";
import type { MemorySystem } from "../../../../lib/mm/system.js";
import {
  PGREFILL,
  PGSCAN_DIRECT,
  PGSCAN_FILE,
  PGSKIP,
  PGSTEAL_DIRECT,
  PGSTEAL_FILE,
  UNEVICTABLE_PGCULLED,
} from "../../../../lib/mm/vmstat.js";
import { listedFolio, newSystem, problems } from "./generations.js";

/** A system on which every isolated folio is freed, unless `keep` says no; what was isolated, in order. */
function systemThatFrees(keep: (folio: Folio) => boolean = () => false): {
  sys: MemorySystem;
  seen: Folio[][];
} {
  const sys = newSystem();
  const seen: Folio[][] = [];
  sys.parts.shrinkFolioList = (_sys, folios) => {
    seen.push([...folios]);
    const kept = folios.filter(keep);
    for (const folio of folios) if (!keep(folio)) folioPutRefs(sys, folio, folio.refcount);
    const freed = folios.length - kept.length;
    folios.splice(0, folios.length, ...kept);
    return freed;
  };
  return { sys, seen };
}

function evict(sys: MemorySystem, nrToScan = 64, options: Partial<ScanControl> = {}): ScanControl {
  const sc = newScanControl({ gfpMask: GFP_KERNEL, reclaimIdx: 3, ...options });
  evictFolios(sys, sys.lruvec.lrugen, sc, 0, nrToScan);
  return sc;
}

const event = (sys: MemorySystem, item: number): number => sys.vmStat.events[item]!;

describe("eviction", () => {
  it("takes up to 64 pages of the oldest generation, the first that came first", () => {
    const { sys, seen } = systemThatFrees();
    const folios = Array.from({ length: 100 }, () => listedFolio(sys, 0));
    listedFolio(sys, PG_active);
    const sc = evict(sys, 4096);
    expect(seen).toEqual([folios.slice(0, MIN_LRU_BATCH)]);
    expect([sc.nrReclaimed, sc.nr.fileTaken]).toEqual([64, 64]);
    expect(
      [PGSCAN_DIRECT, PGSCAN_FILE, PGSTEAL_DIRECT, PGSTEAL_FILE, PGREFILL].map((item) => event(sys, item)),
    ).toEqual([64, 64, 64, 64, 0]);
    expect(problems(sys)).toEqual([]);
  });

  it("looks at no more folios than it is told to", () => {
    const { sys, seen } = systemThatFrees();
    const folios = Array.from({ length: 100 }, () => listedFolio(sys, 0));
    evict(sys, 5);
    expect(seen).toEqual([folios.slice(0, 5)]);
  });

  it("ends the oldest generation when it is empty, and stops with two left", () => {
    const { sys } = systemThatFrees();
    const { lrugen } = sys.lruvec;
    listedFolio(sys, 0);
    listedFolio(sys, PG_active);
    evict(sys);
    expect(lrugen.minSeq[LRU_GEN_FILE]).toBe(2);
    expect(evictFolios(sys, lrugen, newScanControl({ gfpMask: GFP_KERNEL }), 0, 64)).toBe(0);
  });

  it("sorts what aging has promoted: it goes to its generation, and is not evicted", () => {
    const { sys, seen } = systemThatFrees();
    const [used, unused] = [listedFolio(sys, PG_referenced), listedFolio(sys, 0)];
    lruGenUpdateSize(sys, sys.lruvec.lrugen, used, folioUpdateGen(used, 3), 3);
    evict(sys);
    expect([seen, used.lruGen, event(sys, PGREFILL)]).toEqual([[[unused]], 3, 1]);
    expect(problems(sys)).toEqual([]);
  });

  it("moves what is locked to the unevictable list", () => {
    const { sys, seen } = systemThatFrees();
    const locked = listedFolio(sys, PG_mlocked);
    evict(sys);
    expect([seen, locked.lruGen, locked.flags & PG_unevictable]).toEqual([[], -1, PG_unevictable]);
    expect(event(sys, UNEVICTABLE_PGCULLED)).toBe(1);
  });

  it("moves what must be written one generation on, to be freed as soon as it is", () => {
    const { sys, seen } = systemThatFrees();
    const [dirty, moving] = [listedFolio(sys, PG_dirty), listedFolio(sys, PG_writeback)];
    const sc = evict(sys);
    expect([seen, dirty.lruGen, moving.lruGen, dirty.flags & PG_reclaim]).toEqual([[], 1, 1, PG_reclaim]);
    expect([sc.nr.fileTaken, sc.nr.unqueuedDirty]).toEqual([1, 1]);
    expect(problems(sys)).toEqual([]);
  });

  it("protects a tier whose pages come back more often, and counts it", () => {
    const { sys, seen } = systemThatFrees();
    const { lrugen } = sys.lruvec;
    const twice = listedFolio(sys, 0);
    const once = listedFolio(sys, 0);
    for (const folio of [twice, once, twice]) lruGenIncRefs(folio);
    lrugen.refaulted[tierIndex(LRU_GEN_FILE, 1)] = 100;
    lrugen.evicted[tierIndex(LRU_GEN_FILE, 1)] = 100;
    evict(sys);
    expect([seen, twice.lruGen, twice.lruRefs]).toEqual([[[once]], 1, 0]);
    // The generation has ended since, so that its counts are in the averages.
    expect(lrugen.avgTotal[tierIndex(LRU_GEN_FILE, 1)]).toBe(50);
    expect(problems(sys)).toEqual([]);
  });

  it("promotes what was used more than five times, whatever its tier", () => {
    const { sys, seen } = systemThatFrees();
    const hot = listedFolio(sys, 0);
    for (let use = 0; use < 5; use++) lruGenIncRefs(hot);
    evict(sys);
    expect([seen, hot.lruGen]).toEqual([[], 1]);
  });

  it("passes over zones that do not help: their pages go one generation on, to be next there", () => {
    const { sys, seen } = systemThatFrees();
    const far = listedFolio(sys, 0);
    const zone = sys.zones.findIndex(({ zoneEndPfn }) => far.pfn < zoneEndPfn);
    evict(sys, 64, { reclaimIdx: zone - 1 });
    expect([seen, far.lruGen]).toEqual([[], 1]);
  });

  it("leaves what would need I/O where it is, when none is allowed", () => {
    const { sys, seen } = systemThatFrees();
    const folios = [listedFolio(sys, PG_dirty | PG_referenced), listedFolio(sys, 0)];
    // A dirty file folio is sorted first; anonymous memory on the list of files is a lazily freed one.
    folios[0]!.flags &= ~PG_dirty;
    folios[0]!.mapping = { isAnon: true } as never;
    evict(sys, 64, { gfpMask: GFP_NOIO });
    expect(seen).toEqual([[folios[1]]]);
    expect([folios[0]!.lruGen, PGSKIP].map(Number)[0]).toBe(0);
    expect(problems(sys)).toEqual([]);
  });
});

describe("what was not freed", () => {
  it("is tried once more if it is clean and unmapped, then goes to a generation that is not the oldest", () => {
    const { sys, seen } = systemThatFrees(() => true);
    const folio = listedFolio(sys, 0);
    evict(sys);
    expect(seen).toEqual([[folio], [folio]]);
    lruAddDrain(sys);
    const { lrugen } = sys.lruvec;
    expect(folio.lruGen).toBe(lruGenFromSeq(lrugen.maxSeq - 1));
    expect(problems(sys)).toEqual([]);
  });

  it("goes to the second youngest generation if it was made active", () => {
    const { sys, seen } = systemThatFrees((folio) => {
      folio.flags |= PG_active;
      return true;
    });
    const folio = listedFolio(sys, 0);
    evict(sys);
    expect([seen.length, folio.lruGen, folio.refcount]).toEqual([1, 2, 1]);
    expect(problems(sys)).toEqual([]);
  });
});

describe("a generation that is used up", () => {
  it("leaves room for aging", () => {
    const { sys } = systemThatFrees();
    const { lrugen } = sys.lruvec;
    listedFolio(sys, 0);
    evict(sys);
    expect(tryToIncMaxSeq(sys, lrugen, lrugen.maxSeq, 0, false)).toBe(true);
    expect([lrugen.maxSeq, lrugen.minSeq[LRU_GEN_FILE]]).toEqual([4, 2]);
  });
});
