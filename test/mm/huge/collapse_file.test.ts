import { describe, expect, it } from "vitest";
import { collapseFile } from "../../../lib/mm/huge/collapse_file.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { folioGet, PG_dirty, PG_lru, PG_swapbacked, PG_uptodate } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { globalNodePageState, NR_FILE_PAGES, NR_SHMEM } from "../../../lib/mm/vmstat.js";
import { checkAll, folioAt, HUGE, isHuge, PAGE, vmstat } from "./huge_machine.js";
import { fill, mappingAt, SHM, shmemMachine } from "./shmem_machine.js";

describe("collapse in the cache of a file in memory", () => {
  it("puts one folio in the place of 512, with the same bytes, and zeros in holes", () => {
    const h = shmemMachine();
    const { sys, alice } = h;
    fill(alice, SHM, 0, 300);
    fill(alice, SHM, 400, 512);
    lruAddDrainAll(sys);
    const before = [NR_FILE_PAGES, NR_SHMEM].map((item) => globalNodePageState(sys, item));
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, false)).toBe("pte_mapped_hugepage");
    const folio = mappingAt(alice, SHM).pages.get(100)!;
    expect([folio.order, folio.index, folio.refcount]).toEqual([9, 0, 512]);
    expect(folio.flags & (PG_dirty | PG_uptodate | PG_swapbacked | PG_lru)).toBe(
      PG_dirty | PG_uptodate | PG_swapbacked | PG_lru,
    );
    const after = [NR_FILE_PAGES, NR_SHMEM].map((item) => globalNodePageState(sys, item));
    expect(after).toEqual(before.map((value) => value + 100));
    expect([vmstat(h.machine, "nr_shmem_hugepages"), alice.mm.rssStat[3]]).toEqual([1, 0]);
    expect(Array.from({ length: 512 }, (_, i) => alice.load(SHM + i * PAGE))).toEqual(
      Array.from({ length: 512 }, (_, i) => (i >= 300 && i < 400 ? 0 : (i + 1) & 255)),
    );
    expect(isHuge(alice, SHM)).toBe(true); // by the first touch
    checkAll(h, alice);
  });

  it("leaves everything as it was where a page is held, locked or not on a list", () => {
    const h = shmemMachine();
    const { sys, alice } = h;
    fill(alice, SHM);
    lruAddDrainAll(sys);
    const folio = folioAt(alice, SHM + 77 * PAGE);
    folioGet(folio);
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, false)).toBe("page_count");
    folioPut(sys, folio);
    expect([alice.load(SHM + 77 * PAGE), mappingAt(alice, SHM).nrpages]).toEqual([78, 512]);
    expect(folioAt(alice, SHM + 77 * PAGE)).toBe(folio);
    expect(vmstat(h.machine, "thp_collapse_alloc")).toBe(1);
    checkAll(h, alice);
  });

  it("needs a page at all, and a free block", () => {
    const h = shmemMachine();
    const { sys, alice } = h;
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, false)).toBe("truncated");
    fill(alice, SHM, 0, 1);
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, true)).toBe("alloc_huge_page_fail");
    sys.shouldFailAllocPage = undefined;
    expect(vmstat(h.machine, "thp_collapse_alloc_failed")).toBe(1);
    fill(alice, SHM, 1, 2);
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, true)).toBe("del_page_lru"); // in a batch
    lruAddDrainAll(sys);
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, true)).toBe("succeed");
    expect(collapseFile(alice.mm, mappingAt(alice, SHM), 0, true)).toBe("pte_mapped_hugepage");
    checkAll(h, alice);
  });

  it("takes pages out of locked mappings as well", () => {
    const h = shmemMachine();
    const { alice } = h;
    fill(alice, SHM, 0, 3);
    alice.mlock(SHM, HUGE);
    alice.madvise(SHM, HUGE, "COLLAPSE");
    expect([isHuge(alice, SHM), alice.load(SHM + PAGE)]).toEqual([true, 2]);
    checkAll(h, alice);
  });
});
