import { describe, expect, it } from "vitest";
import {
  folioExpectedRefCount,
  hpageCollapseScanPmd,
  noneOrZero,
} from "../../../lib/mm/huge/collapse_scan.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { PG_locked } from "../../../lib/mm/pages/folio.js";
import { pteMkold, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { folioAt, HUGE, type HugeMachine, hugeMachine, PAGE, vmaAt, vmstat } from "./huge_machine.js";

/** Small pages at the given places, all on their list. */
function withSmall(...pages: number[]): HugeMachine {
  const h = hugeMachine();
  h.sys.thp.enabled = "never";
  for (const page of pages) h.alice.store(h.a + page * PAGE, 1, 1);
  lruAddDrainAll(h.sys);
  h.sys.thp.enabled = "always";
  return h;
}

const pages = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const scan = ({ alice, a }: HugeMachine, khugepaged = true) =>
  hpageCollapseScanPmd(vmaAt(alice, a), a, khugepaged);

describe("the look at a range", () => {
  it("finds 512 used pages fit, and a leaf or nothing not", () => {
    const h = withSmall(...pages(0, 512));
    expect(scan(h)).toMatchObject({ result: "succeed", referenced: 512, unmapped: 0 });
    expect(hpageCollapseScanPmd(vmaAt(h.alice, h.a), h.a + HUGE, true).result).toBe("pmd_none");
    h.alice.store(h.a + HUGE, 1, 1);
    expect(hpageCollapseScanPmd(vmaAt(h.alice, h.a), h.a + HUGE, true).result).toBe("pmd_mapped");
  });

  it("puts up with max_ptes_none empty entries and not one more; MADV_COLLAPSE with any", () => {
    const h = withSmall(...pages(0, 212));
    h.sys.thp.khugepaged.maxPtesNone = 300;
    expect(scan(h).result).toBe("succeed");
    h.alice.madvise(h.a, PAGE, "DONTNEED");
    expect(scan(h).result).toBe("exceed_none_pte");
    expect(vmstat(h.machine, "thp_scan_exceed_none_pte")).toBe(1);
    expect(scan(h, false).result).toBe("succeed");
    h.alice.load(h.a); // the zero page counts as empty
    expect(scan(h).result).toBe("exceed_none_pte");
  });

  it("puts up with max_ptes_shared pages that others map, too", () => {
    const h = withSmall(...pages(0, 512));
    const bob = h.alice.fork("bob");
    expect(scan(h).result).toBe("exceed_shared_pte");
    expect(vmstat(h.machine, "thp_scan_exceed_share_pte")).toBe(1);
    for (let page = 0; page < 256; page++) h.alice.store(h.a + page * PAGE, 1, 2);
    lruAddDrainAll(h.sys);
    expect(scan(h).result).toBe("succeed");
    bob.load(h.a + 300 * PAGE);
    expect(scan({ ...h, alice: bob }).result).toBe("succeed"); // 256 are still shared
    h.sys.thp.khugepaged.maxPtesShared = 255;
    expect(scan(h).result).toBe("exceed_shared_pte");
  });

  it("wants a page that was used; MADV_COLLAPSE does not", () => {
    const h = withSmall(...pages(0, 512));
    const ptep = pteOffset(h.alice.task.mm!, h.a);
    for (let i = 0; i < 512; i++) setPte(h.sys.ram, ptep + i, pteMkold(ptepGet(h.sys.ram, ptep + i)));
    expect([scan(h).result, scan(h, false).result]).toEqual(["lack_referenced_page", "succeed"]);
  });

  it("stops at a page that is locked, held, or still in a batch", () => {
    const h = withSmall(...pages(0, 512));
    const folio = folioAt(h.alice, h.a + 5 * PAGE);
    folio.refcount++;
    expect([scan(h).result, folioExpectedRefCount(folio)]).toEqual(["page_count", 1]);
    folio.refcount--;
    folio.flags |= PG_locked;
    expect(scan(h).result).toBe("page_lock");
    folio.flags &= ~PG_locked;
    h.alice.madvise(h.a + 9 * PAGE, PAGE, "DONTNEED");
    h.alice.store(h.a + 9 * PAGE, 1, 1);
    expect(scan(h).result).toBe("page_lru");
  });

  it("takes the time of 512 entries", () => {
    const h = withSmall(0);
    const before = h.sys.clock.nowNs;
    scan(h);
    expect(h.sys.clock.nowNs - before).toBe(512 * h.sys.costs.walkEntryNs);
  });
});

describe("an entry", () => {
  it("of nothing or of the zero page is empty, of any other page is not", () => {
    const { sys, alice, a } = withSmall(3);
    alice.load(a + PAGE);
    const at = (page: number): number => ptepGet(sys.ram, pteOffset(alice.task.mm!, a + page * PAGE));
    expect([0, 1, 3].map((page) => noneOrZero(sys, at(page)))).toEqual([true, true, false]);
  });
});
