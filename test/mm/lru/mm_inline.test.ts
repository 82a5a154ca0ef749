import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import * as lruvec from "../../../lib/mm/lru/lruvec.js";
import {
  folioIsFileLru,
  folioLruList,
  lruvecAddFolio,
  lruvecDelFolio,
  mmCounter,
  mmCounterFile,
} from "../../../lib/mm/lru/mm_inline.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { AnonVma, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES } from "../../../lib/mm/mm_types.js";
import { type Folio, PG_active, PG_lru, PG_swapbacked, PG_unevictable } from "../../../lib/mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_INACTIVE_FILE } from "../../../lib/mm/vmstat.js";

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

function folioWith(sys: MemorySystem, flags: number, order = 0): Folio {
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE, order)!;
  folio.flags |= flags;
  return folio;
}

/** The folios of a list from its head on. */
function listed(sys: MemorySystem, list: number): Folio[] {
  const found: Folio[] = [];
  for (let folio = sys.lruvec.head[list]; folio !== undefined; folio = folio.next) found.push(folio);
  return found;
}

describe("folioLruList", () => {
  it("tells swap from file, active from inactive, and unevictable from both", () => {
    const sys = newSystem();
    const listOf = (flags: number): number => folioLruList(folioWith(sys, flags));
    expect(listOf(PG_swapbacked)).toBe(lruvec.LRU_INACTIVE_ANON);
    expect(listOf(PG_swapbacked | PG_active)).toBe(lruvec.LRU_ACTIVE_ANON);
    expect(listOf(0)).toBe(lruvec.LRU_INACTIVE_FILE);
    expect(listOf(PG_active)).toBe(lruvec.LRU_ACTIVE_FILE);
    expect(listOf(PG_unevictable | PG_active | PG_swapbacked)).toBe(lruvec.LRU_UNEVICTABLE);
    expect([0, PG_swapbacked].map((flags) => folioIsFileLru(folioWith(sys, flags)))).toEqual([true, false]);
  });
});

describe("the lists", () => {
  it("take new folios at the head, and let any of them go", () => {
    const sys = newSystem();
    const list = lruvec.LRU_INACTIVE_FILE;
    const [a, b, c] = [folioWith(sys, 0), folioWith(sys, 0), folioWith(sys, 0)] as const;
    for (const folio of [a, b, c]) lruvecAddFolio(sys, folio);
    expect(listed(sys, list)).toEqual([c, b, a]);
    expect([sys.lruvec.tail[list], b.flags & PG_lru, b.lruList]).toEqual([a, PG_lru, list]);
    lruvecDelFolio(sys, b);
    expect(listed(sys, list)).toEqual([c, a]);
    expect([b.flags & PG_lru, b.lruList, b.next, b.prev]).toEqual([0, -1, undefined, undefined]);
    lruvecDelFolio(sys, a);
    expect(sys.lruvec.tail[list]).toBe(c);
    lruvecDelFolio(sys, c);
    expect([sys.lruvec.head[list], sys.lruvec.tail[list]]).toEqual([undefined, undefined]);
  });

  it("count pages, not folios", () => {
    const sys = newSystem();
    const folio = folioWith(sys, 0, 2);
    lruvecAddFolio(sys, folio);
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(4);
    lruvecDelFolio(sys, folio);
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(0);
  });

  it("hold a folio once", () => {
    const sys = newSystem();
    const folio = folioWith(sys, 0);
    lruvecAddFolio(sys, folio);
    expect(() => lruvecAddFolio(sys, folio)).toThrow(`frame ${folio.pfn} is on an LRU list already`);
  });

  it("let a folio go from the list it was put on, whatever its flags say now", () => {
    const sys = newSystem();
    const folio = folioWith(sys, 0);
    lruvecAddFolio(sys, folio);
    folio.flags |= PG_active;
    lruvecDelFolio(sys, folio);
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(0);
  });
});

describe("the resident counter of a folio", () => {
  it("is that of anonymous, shared or file memory", () => {
    const sys = newSystem();
    const anon = folioWith(sys, PG_swapbacked);
    anon.mapping = new AnonVma();
    expect(mmCounter(anon)).toBe(MM_ANONPAGES);
    expect([0, PG_swapbacked].map((flags) => mmCounter(folioWith(sys, flags)))).toEqual([
      MM_FILEPAGES,
      MM_SHMEMPAGES,
    ]);
    expect(mmCounterFile(anon)).toBe(MM_SHMEMPAGES); // it looks at the backing only
  });
});
