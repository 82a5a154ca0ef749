import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import {
  filemapAddFolio,
  filemapGetFolio,
  filemapGetFolios,
  filemapRangeHasPage,
  filemapRemoveFolio,
} from "../../../lib/mm/filemap/address_space.js";
import { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { type Folio, PG_swapbacked, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_FILE_PAGES, NR_SHMEM } from "../../../lib/mm/vmstat.js";

let sys: MemorySystem;

beforeEach(() => {
  sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
});

function newMapping(swapBacked = false): AddressSpace {
  return new AddressSpace({ sys, iSize: 0, accountedPages: 0 }, { maxFolioOrder: 2, swapBacked });
}

function add(mapping: AddressSpace, index: number, order = 0): Folio {
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE, order)!;
  expect(filemapAddFolio(mapping, folio, index)).toBe(true);
  return folio;
}

describe("the page cache of a file", () => {
  it("holds a folio under each of its pages, with a reference for each", () => {
    const mapping = newMapping();
    const folio = add(mapping, 4, 2);
    expect([3, 4, 7, 8].map((index) => filemapGetFolio(mapping, index))).toEqual([
      undefined,
      folio,
      folio,
      undefined,
    ]);
    expect([folio.refcount, folio.index, mapping.nrpages]).toEqual([5, 4, 4]);
    expect([NR_FILE_PAGES, NR_SHMEM].map((item) => globalNodePageState(sys, item))).toEqual([4, 0]);
  });

  it("takes no folio where a page is, nor at a place that does not fit its size", () => {
    const mapping = newMapping();
    add(mapping, 6);
    const large = allocPages(sys, GFP_HIGHUSER_MOVABLE, 2)!;
    expect(filemapAddFolio(mapping, large, 4)).toBe(false);
    expect([large.refcount, large.mapping, mapping.nrpages]).toEqual([1, undefined, 1]);
    expect(() => filemapAddFolio(mapping, large, 9)).toThrow("folio of order 2 at page 9 of a file");
  });

  it("gives the folios of a range in order, each once, also where few are in a long range", () => {
    const mapping = newMapping();
    const c = add(mapping, 9);
    const b = add(mapping, 4, 2);
    const a = add(mapping, 1);
    expect(filemapGetFolios(mapping, 0, 4)).toEqual([a, b]);
    expect(filemapGetFolios(mapping, 6, 9)).toEqual([b, c]);
    expect(filemapGetFolios(mapping, 2, 1_000_000)).toEqual([b, c]);
    expect([filemapRangeHasPage(mapping, 2, 3), filemapRangeHasPage(mapping, 2, 4)]).toEqual([false, true]);
  });

  it("lets a folio go, and frees it if nobody else holds it", () => {
    const mapping = newMapping(true);
    const free = nrUnusedPages(sys);
    const folio = add(mapping, 4, 2);
    expect(folio.flags & PG_swapbacked).toBe(PG_swapbacked);
    expect(globalNodePageState(sys, NR_SHMEM)).toBe(4);
    filemapRemoveFolio(folio);
    expect([folio.mapping, folio.refcount, mapping.nrpages]).toEqual([undefined, 1, 0]);
    expect([NR_FILE_PAGES, NR_SHMEM].map((item) => globalNodePageState(sys, item))).toEqual([0, 0]);
    folioPut(sys, folio);
    expect(nrUnusedPages(sys)).toBe(free);
  });

  it("keeps a folio that is being written", () => {
    const folio = add(newMapping(), 0);
    folio.flags |= PG_writeback;
    expect(() => filemapRemoveFolio(folio)).toThrow("a folio under writeback is removed from the cache");
  });
});
