import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { vmfPteChanged, vmfTableGone } from "../../../lib/mm/fault/pte_changed.js";
import { FAULT_FLAG_WRITE, VmFault } from "../../../lib/mm/fault/vm_fault.js";
import { pteMkold, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";

describe("an entry looked at again", () => {
  it("has changed when any bit of it has, and not before", () => {
    const process = boot({ ram: "4 MiB" }).spawn("one");
    const at = process.mmap("4 KiB");
    process.store(at, 1, 1);
    const { mm } = process;
    const vmf = new VmFault(mm.mmMt.lookup(at)!, at, FAULT_FLAG_WRITE);
    vmf.ptep = pteOffset(mm, at);
    vmf.origPte = ptepGet(mm.sys.ram, vmf.ptep);
    expect(vmfPteChanged(vmf)).toBe(false);
    setPte(mm.sys.ram, vmf.ptep, pteMkold(vmf.origPte));
    expect(vmfPteChanged(vmf)).toBe(true);
    setPte(mm.sys.ram, vmf.ptep, vmf.origPte);
    expect(vmfPteChanged(vmf)).toBe(false);
    setPte(mm.sys.ram, vmf.ptep, 0);
    expect(vmfPteChanged(vmf)).toBe(true);
  });

  it("has changed when its table is not the one below level 2 any more", () => {
    const process = boot({ ram: "4 MiB" }).spawn("one");
    const at = process.mmap("4 KiB");
    process.store(at, 1, 1);
    const { mm } = process;
    const vmf = new VmFault(mm.mmMt.lookup(at)!, at, FAULT_FLAG_WRITE);
    Object.assign(vmf, { pmdp: pmdOffset(mm, at), ptep: pteOffset(mm, at) });
    vmf.origPte = ptepGet(mm.sys.ram, vmf.ptep);
    expect([vmfTableGone(vmf), vmfPteChanged(vmf)]).toEqual([false, false]);
    const pmd = ptepGet(mm.sys.ram, vmf.pmdp);
    setPte(mm.sys.ram, vmf.pmdp, 0);
    expect([vmfTableGone(vmf), vmfPteChanged(vmf)]).toEqual([true, true]);
    setPte(mm.sys.ram, vmf.pmdp, pmd);
  });
});
