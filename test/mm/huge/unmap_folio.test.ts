import { describe, expect, it } from "vitest";
import { remapPage, unmapFolio } from "../../../lib/mm/huge/unmap_folio.js";
import { folioGet } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { checkAll, folioAt, hugeMachine, isHuge, PAGE } from "./huge_machine.js";

describe("unmapping a huge folio and mapping it again", () => {
  it("leaves nobody who maps it, notes each entry, and puts all of them back", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    for (let page = 0; page < 512; page++) alice.store(a + page * PAGE, 1, 9);
    const bob = alice.fork("bob");
    bob.munmap(a, 100 * PAGE);
    const folio = folioAt(alice, a);
    folioGet(folio);
    const entries = unmapFolio(sys, folio);
    expect([entries.length, folio.largeMapcount, folio.refcount]).toEqual([512 + 412, 0, 1]);
    remapPage(sys, entries, true);
    folioPut(sys, folio);
    expect([folio.largeMapcount, folio.refcount, isHuge(alice, a)]).toEqual([924, 924, false]);
    expect([alice.load(a), bob.load(a + 100 * PAGE), alice.load(a + 511 * PAGE)]).toEqual([9, 9, 9]);
    checkAll(h, alice, bob);
  });

  it("does not exchange pages of zeros as long as they are one folio", () => {
    const h = hugeMachine();
    const { sys, alice, a } = h;
    alice.store(a, 1, 9);
    const folio = folioAt(alice, a);
    folioGet(folio);
    remapPage(sys, unmapFolio(sys, folio), true);
    folioPut(sys, folio);
    expect([alice.task.mm!.rssStat[1], folio.anonExclusive]).toEqual([512, true]);
    checkAll(h, alice);
  });
});
