import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { folioAddLru, lruAddDrain } from "../../../lib/mm/lru/swap.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import { type Folio, folioGet, PG_lru, PG_mlocked, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { folioPut, folioPutRefs } from "../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import {
  globalNodePageState,
  modNodePageState,
  NR_INACTIVE_FILE,
  NR_MLOCK,
  PGFREE,
  UNEVICTABLE_PGCLEARED,
} from "../../../lib/mm/vmstat.js";
import { exactFrames } from "../exact_frames.js";

let sys: MemorySystem;
let free: number;
let pgfree: number;

beforeEach(() => {
  sys = new MemorySystem(new Ram(32 * 2 ** 20), new Clock());
  mmInit(sys);
  free = nrUnusedPages(sys);
  pgfree = sys.vmStat.events[PGFREE]!; // the frames that boot gave to the zones
});

const alloc = (order = 0): Folio => allocPages(sys, GFP_KERNEL, order)!;

describe("folioPut", () => {
  it("frees with the last hold, not before", () => {
    const folio = alloc();
    folioGet(folio);
    folioPut(sys, folio);
    expect([folio.refcount, nrUnusedPages(sys)]).toEqual([1, free - 1]);
    folioPut(sys, folio);
    expect([folio.refcount, nrUnusedPages(sys), sys.vmStat.events[PGFREE]! - pgfree]).toEqual([0, free, 1]);
  });

  it("gives all frames of a large folio back to the zone that they came from", () => {
    exactFrames(sys);
    const zone = sys.zones[1]!;
    const before = zone.nrFreePages;
    const folio = alloc(3);
    const tail = pfnToPage(sys, folio.pfn + 7);
    expect([zone.nrFreePages, tail.head]).toEqual([before - 8, folio]);
    folioPut(sys, folio);
    expect([zone.nrFreePages, sys.vmStat.events[PGFREE]! - pgfree, tail.head, folio.order]).toEqual([
      before,
      8,
      tail,
      0,
    ]);
  });

  it("wipes the page structs, so that the next owner finds nothing of the last", () => {
    const folio = alloc();
    Object.assign(folio, { index: 7, private: 9, mlockCount: 2, anonExclusive: true });
    folio.flags |= 0x10;
    folioPut(sys, folio);
    expect(folio).toMatchObject({
      flags: 0,
      index: 0,
      private: 0,
      mlockCount: 0,
      anonExclusive: false,
      mapping: undefined,
    });
  });

  it("takes the folio off its LRU list", () => {
    const folio = alloc();
    folioAddLru(sys, folio);
    lruAddDrain(sys);
    expect([folio.flags & PG_lru, globalNodePageState(sys, NR_INACTIVE_FILE)]).toEqual([PG_lru, 1]);
    folioPut(sys, folio);
    expect([folio.refcount, globalNodePageState(sys, NR_INACTIVE_FILE)]).toEqual([0, 0]);
  });

  it("lets a locked folio die unlocked, and counts that", () => {
    const folio = alloc(1);
    folio.flags |= PG_mlocked;
    modNodePageState(sys, NR_MLOCK, 2);
    folioPut(sys, folio);
    expect([globalNodePageState(sys, NR_MLOCK), sys.vmStat.events[UNEVICTABLE_PGCLEARED]]).toEqual([0, 2]);
  });

  it("throws for a page that is still mapped, or was freed before", () => {
    const mapped = alloc();
    mapped.mapcount = 1;
    expect(() => folioPut(sys, mapped)).toThrow(VmBug);
    const whole = alloc(9);
    whole.entireMapcount = 1;
    expect(() => folioPut(sys, whole)).toThrow(VmBug);
  });
});

describe("folioPutRefs", () => {
  it("lets go several times at once", () => {
    const folio = alloc();
    folio.refcount = 5;
    folioPutRefs(sys, folio, 4);
    expect(nrUnusedPages(sys)).toBe(free - 1);
    folioPutRefs(sys, folio, 1);
    expect(nrUnusedPages(sys)).toBe(free);
  });
});
