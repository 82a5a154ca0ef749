import { describe, expect, it } from "vitest";
import { VM_FAULT_FALLBACK, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { doSetPmd, filemapMapPmd } from "../../../lib/mm/huge/file_pmd.js";
import { checkAll, folioAt, HUGE, isHuge, PAGE, pmdAt, vmaAt, vmstat } from "./huge_machine.js";
import { DISK, FILE, fill, mappingAt, SHM, shmemMachine, smapsField } from "./shmem_machine.js";

/** A fault at `va`, on its way. */
function faultAt(process: Parameters<typeof vmaAt>[0], va: number): VmFault {
  const vmf = new VmFault(vmaAt(process, va), va, 0);
  vmf.pmdp = pmdAt(process, va).pmdp;
  return vmf;
}

describe("a leaf for a folio of a file", () => {
  it("is made by one fault, without a table set aside, and counts", () => {
    const h = shmemMachine("force");
    const { machine, alice } = h;
    const tables = alice.mm.pgtablesBytes;
    alice.store(SHM + 7 * PAGE, 1, 5);
    expect([isHuge(alice, SHM), alice.load(SHM + 8 * PAGE)]).toEqual([true, 0]);
    expect(alice.mm.pgtablesBytes - tables).toBeLessThanOrEqual(2 * PAGE); // levels 3 and 2
    expect([vmstat(machine, "thp_file_mapped"), vmstat(machine, "nr_shmem_pmdmapped")]).toEqual([1, 1]);
    expect(smapsField(h, alice, SHM, "ShmemPmdMapped")).toBe(2048);
    expect(alice.mm.rssStat[3]).toBe(512);
    checkAll(h, alice);
  });

  it("is what fault-around of another process sets, and a read of it is no fault", () => {
    const h = shmemMachine("force");
    const { alice } = h;
    fill(alice, FILE, 0, 3);
    const bob = alice.fork("bob");
    const faults = bob.touch(FILE, HUGE, "r");
    expect([faults.minFlt, isHuge(bob, FILE), bob.load(FILE + PAGE)]).toEqual([1, true, 2]);
    expect(folioAt(bob, FILE)).toBe(folioAt(alice, FILE));
    checkAll(h, alice, bob);
  });

  it("falls back where the folio is small, the VMA is too short, or huge pages are refused", () => {
    const h = shmemMachine("force");
    const { alice, fd } = h;
    fill(alice, FILE, 0, 1);
    alice.mmap(HUGE, { at: SHM, fixed: true, shared: true, fd, offset: PAGE });
    alice.load(SHM);
    expect(isHuge(alice, SHM)).toBe(false);
    alice.mmap(HUGE, { at: SHM, fixed: true, shared: true, fd });
    alice.madvise(SHM, HUGE, "NOHUGEPAGE");
    alice.load(SHM);
    expect(isHuge(alice, SHM)).toBe(false);
    expect(doSetPmd(faultAt(alice, SHM), mappingAt(alice, SHM).pages.get(0)!)).toBe(VM_FAULT_FALLBACK);
    checkAll(h, alice);
  });

  it("says that there is nothing to do where a leaf is already", () => {
    const { alice } = shmemMachine("force");
    alice.load(SHM);
    expect(filemapMapPmd(faultAt(alice, SHM), folioAt(alice, SHM))).toBe(true);
    alice.load(FILE);
    alice.madvise(FILE, PAGE, "DONTNEED");
    const folio = mappingAt(alice, FILE).pages.get(0)!;
    const before = folio.refcount;
    expect(filemapMapPmd(faultAt(alice, FILE), folio)).toBe(true);
    expect([folio.refcount - before, isHuge(alice, FILE)]).toEqual([1, true]);
  });

  it("of a file on a disk comes of 2 MiB that MADV_HUGEPAGE has read, and is written back as one", () => {
    const h = shmemMachine();
    const { machine, alice } = h;
    const fd = alice.open("/data/big", { create: true });
    alice.ftruncate(fd, 3 * HUGE);
    alice.mmap(3 * HUGE, { at: DISK, fixed: true, shared: true, fd });
    alice.madvise(DISK, 3 * HUGE, "HUGEPAGE");
    expect(alice.load(DISK + 5 * PAGE)).toBe(0);
    expect([isHuge(alice, DISK), mappingAt(alice, DISK).nrpages]).toEqual([true, 1024]);
    expect([vmstat(machine, "nr_file_hugepages"), vmstat(machine, "nr_file_pmdmapped")]).toEqual([2, 1]);
    alice.store(DISK + 6 * PAGE, 1, 9);
    expect([isHuge(alice, DISK), smapsField(h, alice, DISK, "Private_Dirty")]).toEqual([true, 2048]);
    alice.msync(DISK, HUGE);
    expect([isHuge(alice, DISK), smapsField(h, alice, DISK, "Private_Dirty")]).toEqual([true, 0]);
    checkAll(h, alice);
  });
});
