import { describe, expect, it } from "vitest";
import {
  isHugeZeroPmd,
  mkHugePmd,
  pgtableTransHugeDeposit,
  pgtableTransHugeWithdraw,
} from "../../../lib/mm/huge/huge_pmd.js";
import { pmdLeaf, ptePfn, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { checkAll, HUGE, hugeMachine, pmdAt } from "./huge_machine.js";

describe("a leaf of level 2", () => {
  it("names its first frame, and is a leaf also where every access is denied", () => {
    const leaf = mkHugePmd(512 * 9, 0x25);
    expect([ptePfn(leaf), pmdLeaf(leaf), pteWrite(leaf)]).toEqual([512 * 9, true, false]);
    const { alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    alice.syscall("mprotect", a, HUGE, 0);
    const { pmd } = pmdAt(alice, a);
    expect([pmdLeaf(pmd), pmd & 1]).toEqual([true, 0]);
  });

  it("has a table set aside, that counts as the process's and goes with it", () => {
    const machine = hugeMachine();
    const { alice, a } = machine;
    const { mm } = alice.task;
    const before = mm!.pgtablesBytes;
    alice.store(a, 1, 1);
    const table = Math.floor(pmdAt(alice, a).pmdp / 512);
    expect(mm!.thp.pmdHugePte.get(table)).toHaveLength(1);
    expect(mm!.pgtablesBytes - before).toBe(3 * 4096); // levels 3 and 2, and the one that is not used
    checkAll(machine, alice);
    alice.munmap(a, 2 * HUGE);
    expect([mm!.thp.pmdHugePte.size, mm!.pgtablesBytes]).toEqual([0, before]);
    checkAll(machine, alice);
  });

  it("takes back what was set aside in the same table, and no other", () => {
    const { alice, a } = hugeMachine();
    const mm = alice.task.mm!;
    pgtableTransHugeDeposit(mm, 7 * 512 + 3, 100);
    pgtableTransHugeDeposit(mm, 8 * 512 + 3, 200);
    expect(pgtableTransHugeWithdraw(mm, 7 * 512 + 9)).toBe(100);
    expect(() => pgtableTransHugeWithdraw(mm, 7 * 512 + 3)).toThrow(/no table set aside/);
    expect(pgtableTransHugeWithdraw(mm, 8 * 512)).toBe(200);
    expect(isHugeZeroPmd(mm.sys, pmdAt(alice, a).pmd)).toBe(false);
  });
});
