import { describe, expect, it } from "vitest";
import { folioPteBatch } from "../../../lib/mm/fault/pte_batch.js";
import { splitHugePmdAddress } from "../../../lib/mm/huge/split_pmd.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import {
  PAGE_TABLE,
  pteMkclean,
  pteMkold,
  ptepGet,
  pteWrprotect,
  setPte,
} from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { folioAt, hugeMachine, PAGE, vmaAt } from "../huge/huge_machine.js";

/** 512 entries of one folio. */
function entries() {
  const { sys, alice, a } = hugeMachine();
  alice.store(a, 1, 1);
  const folio = folioAt(alice, a);
  splitHugePmdAddress(vmaAt(alice, a), a);
  const first = pteOffset(alice.task.mm!, a);
  const batch = (from: number, maxNr: number): number =>
    folioPteBatch(
      sys,
      folio,
      pfnToPage(sys, folio.pfn + from),
      first + from,
      ptepGet(sys.ram, first + from),
      maxNr,
    );
  return { sys, first, batch };
}

describe("a batch of entries", () => {
  it("goes to the end of the folio, or as far as is asked", () => {
    const { batch } = entries();
    expect([batch(0, 512), batch(500, 512), batch(3, 7), batch(511, 512)]).toEqual([512, 12, 7, 1]);
  });

  it("does not mind what was used, written, or may be written", () => {
    const { sys, first, batch } = entries();
    [pteMkold, pteMkclean, pteWrprotect].forEach((change, i) => {
      setPte(sys.ram, first + 2 + i, change(ptepGet(sys.ram, first + 2 + i)));
    });
    expect(batch(0, 512)).toBe(512);
  });

  it("ends at an empty entry, at another page, and at other rights", () => {
    const { sys, first, batch } = entries();
    setPte(sys.ram, first + 100, 0);
    expect(batch(0, 512)).toBe(100);
    setPte(sys.ram, first + 50, ptepGet(sys.ram, first + 60));
    expect(batch(0, 512)).toBe(50);
    setPte(sys.ram, first + 20, ptepGet(sys.ram, first + 20) - 1 + 0x100); // PROT_NONE
    expect(batch(0, 512)).toBe(20);
    expect(PAGE_TABLE & PAGE).toBe(0);
  });
});
