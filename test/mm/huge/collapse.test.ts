import { describe, expect, it } from "vitest";
import {
  allocChargeFolio,
  collapseHugePage,
  collapseIsolate,
  collapseRelease,
  hugepageVmaRevalidate,
} from "../../../lib/mm/huge/collapse.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { ptePfn } from "../../../lib/mm/pgtable/pgtable.js";
import {
  checkAll,
  folioAt,
  HUGE,
  type HugeMachine,
  hugeMachine,
  isHuge,
  PAGE,
  pmdAt,
  vmaAt,
  vmstat,
} from "./huge_machine.js";

/** Every second page of the first range was written. */
function halfFull(options = {}): HugeMachine {
  const h = hugeMachine(options);
  h.sys.thp.enabled = "never";
  for (let page = 0; page < 512; page += 2) h.alice.store(h.a + page * PAGE, 1, 1 + (page % 100));
  h.sys.thp.enabled = "always";
  lruAddDrainAll(h.sys);
  return h;
}

describe("collapse", () => {
  it("copies the pages there are, zeros for the others, and frees the small ones", () => {
    const h = halfFull();
    const { machine, sys, alice, a } = h;
    const free = nrUnusedPages(sys);
    expect(collapseHugePage(alice.task.mm!, a, 0, true)).toBe("succeed");
    expect(isHuge(alice, a)).toBe(true);
    expect([0, 1, 98, 510, 511].map((page) => alice.load(a + page * PAGE))).toEqual([1, 0, 99, 11, 0]);
    expect([alice.task.mm!.rssStat[1], free - nrUnusedPages(sys)]).toEqual([512, 256]);
    expect([vmstat(machine, "thp_collapse_alloc"), vmstat(machine, "thp_fault_alloc")]).toEqual([1, 0]);
    expect(alice.task.mm!.thp.pmdHugePte.size).toBe(1);
    checkAll(h, alice);
  });

  it("makes the pages its own where a fork shared them: the other keeps his", () => {
    const h = halfFull();
    const { alice, a } = h;
    const bob = alice.fork("bob");
    expect(collapseHugePage(alice.task.mm!, a, 0, false)).toBe("succeed");
    alice.store(a, 1, 200);
    expect([alice.load(a), bob.load(a), isHuge(bob, a)]).toEqual([200, 1, false]);
    checkAll(h, alice, bob);
  });

  it("brings back what is in swap", () => {
    const h = halfFull({ swap: "16 MiB" });
    const { machine, alice, a } = h;
    alice.madvise(a, 20 * PAGE, "PAGEOUT");
    machine.idle(1e9);
    const swapped = alice.task.mm!.rssStat[2]!;
    expect(swapped).toBe(10);
    expect(collapseHugePage(alice.task.mm!, a, swapped, false)).toBe("succeed");
    expect([alice.load(a + 18 * PAGE), alice.task.mm!.rssStat[2]]).toEqual([19, 0]);
    checkAll(h, alice);
  });

  it("leaves all as it was where no huge page is to be had, or somebody holds a page", () => {
    const h = halfFull();
    const { machine, sys, alice, a } = h;
    const { mm } = alice.task;
    const { pmd } = pmdAt(alice, a);
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    expect(collapseHugePage(mm!, a, 0, true)).toBe("alloc_huge_page_fail");
    expect(vmstat(machine, "thp_collapse_alloc_failed")).toBe(1);
    sys.shouldFailAllocPage = undefined;
    const free = nrUnusedPages(sys);
    const folio = folioAt(alice, a + 100 * PAGE);
    folio.refcount++;
    expect(collapseHugePage(mm!, a, 0, true)).toBe("page_count");
    folio.refcount--;
    expect([pmdAt(alice, a).pmd, nrUnusedPages(sys), alice.load(a + 100 * PAGE)]).toEqual([pmd, free, 1]);
    checkAll(h, alice);
  });

  it("flushes first: another CPU writes to the new page, not to a freed one", () => {
    const h = hugeMachine({ cpus: 2 });
    const { sys, alice, a } = h;
    sys.thp.enabled = "never";
    alice.touch(a, HUGE);
    sys.thp.enabled = "always";
    const thread = alice.thread(1);
    thread.store(a + 4 * PAGE, 1, 5);
    lruAddDrainAll(sys);
    expect(collapseHugePage(alice.task.mm!, a, 0, false)).toBe("succeed");
    thread.store(a + 4 * PAGE, 1, 6);
    expect(alice.load(a + 4 * PAGE)).toBe(6);
    checkAll(h, alice);
  });

  it("looks the VMA up again: it may have gone, or may not have huge pages any more", () => {
    const { alice, a } = halfFull();
    const { mm } = alice.task;
    expect(hugepageVmaRevalidate(mm!, a, true)).toBe(vmaAt(alice, a));
    alice.madvise(a, 2 * HUGE, "NOHUGEPAGE");
    expect(collapseHugePage(mm!, a, 0, true)).toBe("vma_check");
    alice.munmap(a, PAGE);
    expect(hugepageVmaRevalidate(mm!, a, true)).toBe("address_range");
  });

  it("charges the huge page to the group, or goes without", () => {
    const h = hugeMachine();
    const { machine, alice } = h;
    machine.procfs.write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    machine.mkdir("/sys/fs/cgroup/web");
    machine.procfs.write("/sys/fs/cgroup/web/cgroup.procs", String(alice.pid));
    machine.procfs.write("/sys/fs/cgroup/web/memory.max", "1M");
    expect(allocChargeFolio(alice.task.mm!, true)).toBe("cgroup_charge_fail");
  });
});

describe("isolating the pages of a range", () => {
  it("takes each off its list, and release puts all back", () => {
    const h = halfFull();
    const { alice, a } = h;
    const vma = vmaAt(alice, a);
    const { folios, result } = collapseIsolate(vma, ptePfn(pmdAt(alice, a).pmd), true);
    expect([result, folios.size]).toEqual(["succeed", 256]);
    collapseRelease(vma, folios);
    lruAddDrainAll(h.sys);
    checkAll(h, alice);
  });
});
