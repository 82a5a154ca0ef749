import { describe, expect, it } from "vitest";
import { collapseShmem } from "../../../lib/mm/huge/collapse_file_scan.js";
import { isHugeAt } from "../../../lib/mm/huge/collapse_scan.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { folioGet } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { checkAll, folioAt, HUGE, isHuge, PAGE, vmaAt, vmstat } from "./huge_machine.js";
import { fill, mappingAt, SHM, shmemMachine, THP } from "./shmem_machine.js";

/** The machine with some pages of the range. */
function withPages(nr: number, word = "never") {
  const h = shmemMachine(word);
  fill(h.alice, SHM, 0, nr);
  lruAddDrainAll(h.sys);
  return { ...h, collapse: (khugepaged: boolean) => collapseShmem(vmaAt(h.alice, SHM), SHM, khugepaged) };
}

describe("collapse of shared memory", () => {
  it("asks khugepaged's limits of khugepaged only", () => {
    const h = withPages(40);
    h.sys.thp.khugepaged.maxPtesNone = 471;
    expect(h.collapse(true)).toBe("exceed_none_pte");
    expect(vmstat(h.machine, "thp_scan_exceed_none_pte")).toBe(1);
    expect([h.collapse(false), isHuge(h.alice, SHM)]).toEqual(["succeed", true]);
    expect(isHugeAt(folioAt(h.alice, SHM), 0)).toBe(true);
    checkAll(h, h.alice);
  });

  it("by khugepaged leaves the leaf to the next touch", () => {
    const h = withPages(512);
    expect([h.collapse(true), isHuge(h.alice, SHM), h.alice.mm.rssStat[3]]).toEqual(["succeed", false, 0]);
    expect([h.alice.load(SHM + 511 * PAGE), isHuge(h.alice, SHM)]).toEqual([0, true]);
    expect(h.collapse(true)).toBe("succeed");
    checkAll(h, h.alice);
  });

  it("fails where somebody else holds a page", () => {
    const h = withPages(9);
    const folio = folioAt(h.alice, SHM);
    folioGet(folio);
    expect(h.collapse(false)).toBe("page_count");
    expect(() => h.alice.madvise(SHM, HUGE, "COLLAPSE")).toThrow(/EAGAIN/);
    folioPut(h.sys, folio);
    h.alice.madvise(SHM, HUGE, "COLLAPSE");
    expect(vmstat(h.machine, "thp_collapse_alloc")).toBe(1);
  });

  it("is khugepaged's work where shared memory may have huge pages", () => {
    const h = withPages(400, "advise");
    const { machine, alice } = h;
    machine.procfs.write(`${THP}/khugepaged/scan_sleep_millisecs`, "20");
    alice.madvise(SHM, HUGE, "HUGEPAGE");
    for (let i = 0; i < 20; i++) alice.nanosleep(3e7);
    expect([mappingAt(alice, SHM).pages.get(0)!.order, h.sys.thp.pagesCollapsed > 0]).toEqual([9, true]);
    alice.load(SHM);
    expect(isHuge(alice, SHM)).toBe(true);
    checkAll(h, alice);
  });

  it("of a file on a disk is refused", () => {
    const { alice } = withPages(1);
    const fd = alice.open("/data/f", { create: true });
    alice.ftruncate(fd, 2 * HUGE);
    const a = alice.mmap(2 * HUGE, { fd, prot: "r" });
    alice.touch(a, 2 * HUGE, "r");
    expect(() => alice.madvise(a, 2 * HUGE, "COLLAPSE")).toThrow(/EINVAL/);
  });
});
