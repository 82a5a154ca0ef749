import { describe, expect, it } from "vitest";
import {
  lruGenAddFolio,
  lruGenDelFolio,
  lruGenFolioSeq,
  moveToItsGen,
} from "../../../../lib/mm/lru/gen/gen_list.js";
import { genList, LRU_GEN_ANON, LRU_GEN_FILE } from "../../../../lib/mm/lru/gen/lru_gen.js";
import { folioZonenum } from "../../../../lib/mm/lru/lru_size.js";
import { lruvecDelFolio } from "../../../../lib/mm/lru/mm_inline.js";
import {
  PG_active,
  PG_dirty,
  PG_lru,
  PG_reclaim,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
} from "../../../../lib/mm/pages/folio.js";
import {
  globalNodePageState,
  NR_ACTIVE_FILE,
  NR_INACTIVE_FILE,
  NR_UNEVICTABLE,
} from "../../../../lib/mm/vmstat.js";
import { folioWith, fromTail, listedFolio, newSystem, problems, standsOn } from "./generations.js";

describe("where a folio enters", () => {
  const sys = newSystem();
  const { lrugen } = sys.lruvec;
  lrugen.maxSeq = 11;
  lrugen.minSeq[0] = 8;
  lrugen.minSeq[1] = 8;
  const seqOf = (flags: number, reclaiming = false): number =>
    lruGenFolioSeq(lrugen, folioWith(sys, flags), reclaiming);

  it("is the second youngest generation after a fault, the youngest in the working set", () => {
    expect([seqOf(PG_active), seqOf(PG_active | PG_workingset)]).toEqual([10, 11]);
    expect(seqOf(PG_active | PG_swapbacked, true)).toBe(10);
  });

  it("is the oldest generation for what read(2) brought in, one younger in the working set", () => {
    expect([seqOf(0), seqOf(PG_workingset)]).toEqual([8, 9]);
    expect(seqOf(PG_workingset, true)).toBe(8);
  });

  it("is the second youngest for anonymous memory and for what must be written before it can go", () => {
    expect([seqOf(PG_swapbacked), seqOf(PG_reclaim | PG_dirty), seqOf(PG_reclaim | PG_writeback)]).toEqual([
      10, 10, 10,
    ]);
    expect([seqOf(PG_swapbacked | PG_swapcache), seqOf(PG_reclaim), seqOf(PG_dirty)]).toEqual([8, 8, 8]);
  });

  it("is never older than the oldest generation of its type", () => {
    lrugen.minSeq[1] = 10;
    expect([seqOf(0), seqOf(PG_swapbacked | PG_swapcache)]).toEqual([10, 8]);
    lrugen.minSeq[1] = 8;
  });
});

describe("the lists of generations", () => {
  it("take a folio at the head, or the oldest one at its tail, and count it by generation", () => {
    const sys = newSystem();
    const a = listedFolio(sys, 0);
    const b = listedFolio(sys, 0, 2);
    const c = folioWith(sys, PG_active);
    lruGenAddFolio(sys, sys.lruvec.lrugen, c, true); // faulted in: not the oldest, but at its tail
    const d = folioWith(sys, PG_workingset);
    lruGenAddFolio(sys, sys.lruvec.lrugen, d, true);
    const oldest = genList(0, LRU_GEN_FILE, folioZonenum(sys, a));
    expect(fromTail(sys, oldest)).toEqual([d, a, b]);
    expect([a.lruGen, b.lruGen, c.lruGen, d.lruGen]).toEqual([0, 0, 2, 0]);
    expect(sys.lruvec.lrugen.nrPages[oldest]).toBe(6);
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(6);
    expect(globalNodePageState(sys, NR_ACTIVE_FILE)).toBe(1);
    expect([c.flags & PG_active, c.flags & PG_lru]).toEqual([0, PG_lru]);
    expect(problems(sys)).toEqual([]);
  });

  it("do not take what is unevictable, nor anything while they are off", () => {
    const sys = newSystem();
    const locked = listedFolio(sys, PG_unevictable);
    expect([locked.lruGen, globalNodePageState(sys, NR_UNEVICTABLE)]).toEqual([-1, 1]);
    const off = newSystem(0);
    expect(lruGenAddFolio(off, off.lruvec.lrugen, folioWith(off, 0), false)).toBe(false);
  });

  it("give a folio back with PG_active if it was young, unless it is to be reclaimed", () => {
    const sys = newSystem();
    const { lrugen } = sys.lruvec;
    const [young, old, taken] = [
      listedFolio(sys, PG_active),
      listedFolio(sys, 0),
      listedFolio(sys, PG_active),
    ];
    lruvecDelFolio(sys, young);
    lruvecDelFolio(sys, old);
    expect(lruGenDelFolio(sys, lrugen, taken, true)).toBe(true);
    expect([young, old, taken].map((folio) => folio.flags & (PG_active | PG_lru))).toEqual([PG_active, 0, 0]);
    expect([young.lruGen, young.lruList]).toEqual([-1, -1]);
    expect(lruGenDelFolio(sys, lrugen, taken, true)).toBe(false);
    expect(lrugen.nrPages.every((pages) => pages === 0)).toBe(true);
    expect(problems(sys)).toEqual([]);
  });

  it("let any folio go, and move one to the list of the generation it is in", () => {
    const sys = newSystem();
    const folios = Array.from({ length: 5 }, () => listedFolio(sys, PG_swapbacked));
    const [a, b, c, d, e] = folios as [(typeof folios)[0], ...typeof folios];
    const list = standsOn(a!);
    for (const folio of [c!, a!, e!]) lruvecDelFolio(sys, folio);
    expect(fromTail(sys, list)).toEqual([b, d]);
    const { lrugen } = sys.lruvec;
    lrugen.nrPages[list]!--;
    b!.lruGen = 3;
    lrugen.nrPages[genList(3, LRU_GEN_ANON, folioZonenum(sys, b!))]!++;
    moveToItsGen(sys, lrugen, b!, true);
    expect([fromTail(sys, list), standsOn(b!)]).toEqual([
      [d],
      genList(3, LRU_GEN_ANON, folioZonenum(sys, b!)),
    ]);
    expect(problems(sys)).toEqual([]);
  });
});
