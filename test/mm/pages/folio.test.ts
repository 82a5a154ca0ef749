import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { AnonVma } from "../../../lib/mm/mm_types.js";
import {
  folioGet,
  folioMapcount,
  folioMapped,
  folioNextIndex,
  folioNrPages,
  folioPage,
  folioRefAdd,
  folioTestAnon,
  folioTestLarge,
  pageFolio,
  pageMapcount,
  peekPage,
  pfnToPage,
} from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(128 * 2 ** 20), new Clock());
  mmInit(sys);
  return sys;
}

describe("the memory map", () => {
  it("has one Page for each frame, made when it is first asked for", () => {
    const sys = newSystem();
    const pfn = 0x4001; // in the second section
    expect(peekPage(sys, pfn)).toBeUndefined();
    const page = pfnToPage(sys, pfn);
    expect(page).toMatchObject({ pfn, refcount: 0, mapcount: 0, flags: 0 });
    expect(pfnToPage(sys, pfn)).toBe(page);
    expect(peekPage(sys, pfn)).toBe(page);
    expect(pfnToPage(sys, 1)).not.toBe(page); // the same place in the first section
  });
});

describe("a folio", () => {
  it("of order 0 is a page that is its own head", () => {
    const folio = allocPages(newSystem(), GFP_KERNEL)!;
    expect(pageFolio(folio)).toBe(folio);
    expect([folioNrPages(folio), folioTestLarge(folio)]).toEqual([1, false]);
  });

  it("of order 2 is the head of four pages that follow each other", () => {
    const sys = newSystem();
    const folio = allocPages(sys, GFP_KERNEL, 2)!;
    folio.index = 8;
    const pages = [0, 1, 2, 3].map((n) => folioPage(sys, folio, n));
    expect(pages.map((page) => page.pfn - folio.pfn)).toEqual([0, 1, 2, 3]);
    expect(pages.map(pageFolio)).toEqual([folio, folio, folio, folio]);
    expect([folioNrPages(folio), folioTestLarge(folio), folioNextIndex(folio)]).toEqual([4, true, 12]);
  });

  it("counts holds one by one or several at once", () => {
    const folio = allocPages(newSystem(), GFP_KERNEL)!;
    folioGet(folio);
    folioRefAdd(folio, 3);
    expect(folio.refcount).toBe(5);
  });

  it("is anonymous if its mapping is an AnonVma", () => {
    const folio = allocPages(newSystem(), GFP_KERNEL)!;
    expect(folioTestAnon(folio)).toBe(false);
    folio.mapping = new AnonVma();
    expect(folioTestAnon(folio)).toBe(true);
  });

  it("is mapped as often as entries map any of its pages; a page also with the whole", () => {
    const sys = newSystem();
    const small = allocPages(sys, GFP_KERNEL)!;
    small.mapcount = 2;
    expect([folioMapcount(small), pageMapcount(small)]).toEqual([2, 2]);
    const large = allocPages(sys, GFP_KERNEL, 1)!;
    expect(folioMapped(large)).toBe(false);
    folioPage(sys, large, 1).mapcount = 3; // three entries for its second page, one for all of it
    large.entireMapcount = 1;
    large.largeMapcount = 4;
    expect([folioMapcount(large), folioMapped(large)]).toEqual([4, true]);
    expect([pageMapcount(large), pageMapcount(folioPage(sys, large, 1))]).toEqual([1, 4]);
  });
});
