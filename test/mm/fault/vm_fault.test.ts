import { describe, expect, it } from "vitest";
import { vmfPteChanged } from "../../../lib/mm/fault/pte_changed.js";
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VmFault,
} from "../../../lib/mm/fault/vm_fault.js";
import { pteClear, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { at, map, mm, task, useArena } from "../arena.js";

useArena();

describe("a fault", () => {
  it("is about the page of what the VMA maps: its distance from the VMA's start and where that begins", () => {
    const vma = map(2, 4);
    vma.vmPgoff = 70;
    expect(new VmFault(vma, at(5), FAULT_FLAG_WRITE)).toMatchObject({
      address: at(5),
      flags: FAULT_FLAG_WRITE,
      pgoff: 73,
      ptep: 0,
      page: undefined,
    });
  });

  it("knows whether the entry is still what it was when it came", () => {
    const vma = map(0, 1);
    task.store(at(0), 1, 1);
    const vmf = new VmFault(vma, at(0), 0);
    vmf.ptep = pteOffset(mm, at(0));
    vmf.origPte = ptepGet(mm.sys.ram, vmf.ptep);
    expect(vmfPteChanged(vmf)).toBe(false);
    pteClear(mm.sys.ram, vmf.ptep);
    expect(vmfPteChanged(vmf)).toBe(true);
  });
});

describe("the result of a fault", () => {
  it("is an error in four cases; waiting and trying again are none", () => {
    expect(VM_FAULT_ERROR).toBe(VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON);
    expect((VM_FAULT_MAJOR | VM_FAULT_RETRY) & VM_FAULT_ERROR).toBe(0);
  });
});
