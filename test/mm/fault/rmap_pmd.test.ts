import { describe, expect, it } from "vitest";
import {
  folioAddRmapPmd,
  folioModStat,
  folioRemoveRmapPmd,
  folioTryDupAnonRmapPmd,
} from "../../../lib/mm/fault/rmap_pmd.js";
import { NR_ANON_MAPPED, NR_ANON_THPS } from "../../../lib/mm/vmstat.js";
import { folioAt, hugeMachine, PAGE, vmaAt } from "../huge/huge_machine.js";

function withFolio() {
  const h = hugeMachine();
  h.alice.store(h.a, 1, 1);
  const folio = folioAt(h.alice, h.a);
  const counts = (): number[] => [
    folio.entireMapcount,
    folio.largeMapcount,
    ...[NR_ANON_MAPPED, NR_ANON_THPS].map((item) => h.sys.vmStat.nodeStat[item]!),
  ];
  return { ...h, folio, vma: vmaAt(h.alice, h.a), counts };
}

describe("the counts of leaves", () => {
  it("are 512 pages for the first, nothing for the next", () => {
    const { folio, vma, counts } = withFolio();
    const base = counts();
    expect(base.slice(0, 2)).toEqual([1, 1]);
    folioAddRmapPmd(folio, vma);
    expect(counts()).toEqual([2, 2, base[2], base[3]]);
    folioRemoveRmapPmd(folio, vma);
    folioRemoveRmapPmd(folio, vma);
    expect(counts()).toEqual([0, 0, base[2]! - 512, base[3]! - 512]);
    folioAddRmapPmd(folio, vma);
    expect(counts()).toEqual(base);
  });

  it("keep pages mapped that have entries of their own; the folio then waits to be split", () => {
    const { sys, alice, a, folio, counts } = withFolio();
    const bob = alice.fork("bob");
    bob.munmap(a, 500 * PAGE);
    const [, , mapped, thps] = counts();
    expect(folio.nrPagesMapped).toBe(12);
    alice.munmap(a, 512 * PAGE);
    expect(counts()).toEqual([0, 12, mapped! - 500, thps! - 512]);
    expect(sys.lruvec.deferredSplitQueue.has(folio)).toBe(true);
  });

  it("take the mark of exclusive away at a fork", () => {
    const { folio, vma } = withFolio();
    folioTryDupAnonRmapPmd(folio, vma);
    expect([folio.anonExclusive, folio.entireMapcount]).toEqual([false, 2]);
  });

  it("are changed by what is said", () => {
    const { sys, folio, counts } = withFolio();
    const [, , mapped, thps] = counts();
    folioModStat(sys, folio, 3, 0);
    folioModStat(sys, folio, 0, -512);
    expect(counts().slice(2)).toEqual([mapped! + 3, thps! - 512]);
  });

  it("cannot be taken away more often than they were made", () => {
    const { folio, vma } = withFolio();
    folioRemoveRmapPmd(folio, vma);
    expect(() => folioRemoveRmapPmd(folio, vma)).toThrow(/more often than mapped/);
  });
});
