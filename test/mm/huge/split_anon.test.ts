import { describe, expect, it } from "vitest";
import { splitAnonFolio } from "../../../lib/mm/huge/split_anon.js";
import { lruGenChangeState } from "../../../lib/mm/lru/gen/switch.js";
import { type Folio, folioGet, PG_lru, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { checkAll, folioAt, HUGE, hugeMachine, isHuge, PAGE, vmstat } from "./huge_machine.js";

describe("splitting a folio of anonymous memory", () => {
  it("makes 512 folios, mapped as before; pages of zeros are replaced by the zero page and freed", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    for (const page of [0, 5, 511]) alice.store(a + page * PAGE, 1, page & 255 || 3);
    const folio = folioAt(alice, a);
    const free = nrUnusedPages(sys);
    expect(splitAnonFolio(sys, folio, 0)).toBe(true);
    expect([0, 5, 511].map((page) => alice.load(a + page * PAGE))).toEqual([3, 5, 255]);
    expect([alice.load(a + PAGE), alice.task.mm!.rssStat[1]]).toEqual([0, 3]);
    expect(nrUnusedPages(sys) - free).toBe(509);
    expect([0, 5, 511].map((page) => folioAt(alice, a + page * PAGE).order)).toEqual([0, 0, 0]);
    expect([vmstat(machine, "thp_split_page"), vmstat(machine, "thp_split_pmd")]).toEqual([1, 1]);
    checkAll(h, alice);
  });

  it("keeps what each of several processes sees, by leaf or by entries", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    for (let page = 0; page < 512; page++) alice.store(a + page * PAGE, 1, 1 + (page % 200));
    const folio = folioAt(alice, a);
    const bob = alice.fork("bob");
    const carol = alice.fork("carol");
    bob.munmap(a, 10 * PAGE);
    carol.store(a + 20 * PAGE, 1, 255);
    expect(splitAnonFolio(sys, folio, 0)).toBe(true);
    checkAll(h, alice, bob, carol);
    expect([alice, bob, carol].map((who) => who.load(a + 20 * PAGE))).toEqual([21, 21, 255]);
    alice.store(a + 30 * PAGE, 1, 77);
    expect([alice, bob, carol].map((who) => who.load(a + 30 * PAGE))).toEqual([77, 31, 31]);
    checkAll(h, alice, bob, carol);
  });

  it("fails while anybody else holds it, and then nothing has changed but the leaf", () => {
    const h = hugeMachine();
    const { machine, sys, alice, a } = h;
    alice.store(a, 1, 1);
    const folio = folioAt(alice, a);
    folioGet(folio);
    expect(splitAnonFolio(sys, folio, 0)).toBe(false);
    expect([isHuge(alice, a), folio.order, vmstat(machine, "thp_split_page_failed")]).toEqual([true, 9, 1]);
    expect(splitAnonFolio(sys, folio, 1)).toBe(true);
    expect(folio.refcount).toBe(2);
    folioPut(sys, folio);
    checkAll(h, alice);
  });

  it("puts the pages side by side on the LRU, the first one where the folio was", () => {
    const { sys, alice, a } = hugeMachine();
    for (let page = 0; page < 512; page++) alice.store(a + page * PAGE, 1, 1);
    const folio = folioAt(alice, a);
    const before = sys.vmStat.nodeStat[0];
    splitAnonFolio(sys, folio, 0);
    expect(sys.vmStat.nodeStat[0]).toBe(before);
    expect((folio.flags & PG_lru) !== 0).toBe(true);
    expect([folio.prev, folio.prev!.prev].map((page) => page!.pfn - folio.pfn)).toEqual([511, 510]);
  });

  it("does so with generations, too", () => {
    const h = hugeMachine();
    lruGenChangeState(h.sys, true);
    for (let page = 0; page < 512; page++) h.alice.store(h.a + page * PAGE, 1, 1);
    expect(splitAnonFolio(h.sys, folioAt(h.alice, h.a), 0)).toBe(true);
    checkAll(h, h.alice);
  });

  it("hands the other pages to who reclaims, held, instead of putting them on the LRU", () => {
    const { sys, alice, a } = hugeMachine();
    for (let page = 0; page < 512; page++) alice.store(a + page * PAGE, 1, 1);
    const folio = folioAt(alice, a);
    const list: Folio[] = [];
    expect(splitAnonFolio(sys, folio, 0, list)).toBe(true);
    expect([list.length, list[0]!.pfn - folio.pfn, list[510]!.pfn - folio.pfn]).toEqual([511, 1, 511]);
    expect(list.every((part) => part.refcount === 2 && (part.flags & PG_lru) === 0)).toBe(true);
  });

  it("keeps locked pages locked, those of zeros as well", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    alice.store(a, 1, 1);
    alice.mlock(a, HUGE);
    expect(splitAnonFolio(sys, folioAt(alice, a), 0)).toBe(true);
    expect(alice.task.mm!.rssStat[1]).toBe(512);
    expect(pfnToPage(sys, folioAt(alice, a + PAGE).pfn).mapcount).toBe(1);
    checkAll(h, alice);
  });
});
