import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MmStruct, VM_EXEC, VM_READ, VM_SHARED, VM_WRITE, VmAreaStruct } from "../../../lib/mm/mm_types.js";
import * as pgtable from "../../../lib/mm/pgtable/pgtable.js";
import * as swapops from "../../../lib/mm/pgtable/swapops.js";
import { MemorySystem } from "../../../lib/mm/system.js";

const { PTE_NX } = pgtable;
const RO = 0x25; // present, user, accessed
const RW = 0x27;
const DIRTY = 0x40;
const SPECIAL = 0x200;

describe("an entry in RAM", () => {
  it("is two words with NX in bit 63, and reads back as the same value", () => {
    const ram = new Ram(16 * 2 ** 20);
    for (const pte of [0x12_3456_7000 + RW, 0x12_3456_7000 + RW + PTE_NX, PTE_NX + RO, 0]) {
      pgtable.setPte(ram, 5 * 512 + 3, pte);
      expect(pgtable.ptepGet(ram, 5 * 512 + 3)).toBe(pte);
    }
    pgtable.setPte(ram, 5 * 512 + 3, 0x12_3456_7000 + RW + PTE_NX);
    const words = new Uint32Array(ram.frame(5).slice(24, 32).buffer);
    expect([...words]).toEqual([0x3456_7027, 0x8000_0012]);
    pgtable.pteClear(ram, 5 * 512 + 3);
    expect(ram.frame(5).every((byte) => byte === 0)).toBe(true);
  });
});

describe("the bits of an entry", () => {
  const pte = 0xabc * 4096 + RO + PTE_NX;

  it("are set and cleared without touching the rest, also twice", () => {
    expect(pgtable.pteMkwrite(pte)).toBe(pte + 2);
    expect(pgtable.pteMkwrite(pte + 2)).toBe(pte + 2);
    expect(pgtable.pteWrprotect(pte + 2)).toBe(pte);
    expect(pgtable.pteWrprotect(pte)).toBe(pte);
    expect([pgtable.pteMkdirty(pte), pgtable.pteMkclean(pte + DIRTY)]).toEqual([pte + DIRTY, pte]);
    expect([pgtable.pteMkold(pte), pgtable.pteMkyoung(pte - 0x20)]).toEqual([pte - 0x20, pte]);
    expect(pgtable.pteMkspecial(pte)).toBe(pte + SPECIAL);
    expect(pgtable.ptePfn(pte)).toBe(0xabc);
    expect(pgtable.pfnPte(0xabc, RO + PTE_NX)).toBe(pte);
  });

  it("survive a change of protection: accessed, dirty and special stay, the rights change", () => {
    const old = 0xabc * 4096 + RW + DIRTY + SPECIAL;
    expect(pgtable.pteModify(old, RO + PTE_NX)).toBe(0xabc * 4096 + RO + DIRTY + SPECIAL + PTE_NX);
    expect(pgtable.pteModify(pgtable.pteMkold(old), RO)).toBe(0xabc * 4096 + 0x05 + DIRTY + SPECIAL);
  });

  it("say present also where the processor may not look, for PROT_NONE", () => {
    const none = pgtable.pfnPte(7, pgtable.vmGetPageProt(0));
    expect(none & 1).toBe(0);
    expect([pgtable.ptePresent(none), pgtable.pteProtnone(none), swapops.isSwapPte(none)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([pgtable.ptePresent(pte), pgtable.pteProtnone(pte)]).toEqual([true, false]);
  });
});

describe("vmGetPageProt", () => {
  it("makes private memory read-only and what may not be executed NX", () => {
    expect(pgtable.vmGetPageProt(VM_READ)).toBe(RO + PTE_NX);
    expect(pgtable.vmGetPageProt(VM_READ | VM_WRITE)).toBe(RO + PTE_NX);
    expect(pgtable.vmGetPageProt(VM_READ | VM_WRITE | VM_SHARED)).toBe(RW + PTE_NX);
    expect(pgtable.vmGetPageProt(VM_READ | VM_EXEC)).toBe(RO);
    expect(pgtable.vmGetPageProt(VM_WRITE)).toBe(RO + PTE_NX); // x86 cannot forbid reading what may be written
  });

  it("is that of private memory where the file must hear of the first write", () => {
    const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
    mmInit(sys);
    const vma = new VmAreaStruct(new MmStruct(sys));
    vma.vmFlags = VM_READ | VM_WRITE | VM_SHARED;
    expect([pgtable.vmaWantsWritenotify(vma), pgtable.vmaPageProt(vma)]).toEqual([false, RW + PTE_NX]);
    vma.vmOps = { pageMkwrite: () => 0 };
    expect([pgtable.vmaWantsWritenotify(vma), pgtable.vmaPageProt(vma)]).toEqual([true, RO + PTE_NX]);
    expect(pgtable.maybeMkwrite(RO, vma)).toBe(RW);
    vma.vmFlags = VM_READ | VM_SHARED;
    expect(pgtable.maybeMkwrite(RO, vma)).toBe(RO);
  });
});

describe("an entry that is not present", () => {
  it("holds type and offset of a place in swap", () => {
    for (const [type, offset] of [
      [0, 1],
      [3, 0x12_3456_7890],
      [31, 2 ** 38 - 1],
    ] as const) {
      const pte = swapops.swpEntryToPte(swapops.swpEntry(type, offset));
      const entry = swapops.pteToSwpEntry(pte);
      expect([swapops.swpType(entry), swapops.swpOffset(entry)]).toEqual([type, offset]);
      expect([swapops.isSwapPte(pte), pgtable.ptePresent(pte)]).toEqual([true, false]);
    }
  });

  it("is a marker with type 31, and a guard only with the guard's bit", () => {
    const guard = swapops.makePteMarker(swapops.PTE_MARKER_GUARD);
    const poisoned = swapops.makePteMarker(swapops.PTE_MARKER_POISONED);
    const swap = swapops.swpEntryToPte(swapops.swpEntry(0, swapops.PTE_MARKER_GUARD));
    expect([guard, poisoned, swap, 0].map(swapops.isPteMarker)).toEqual([true, true, false, false]);
    expect([guard, poisoned, swap, 0].map(swapops.isGuardPte)).toEqual([true, false, false, false]);
  });
});

describe("the indices of an address", () => {
  it("are four times 9 bits above the 12 of the page", () => {
    const addr = 3 * 2 ** 39 + 5 * 2 ** 30 + 7 * 2 ** 21 + 9 * 2 ** 12 + 0xabc;
    const { pgdIndex, pudIndex, pmdIndex, pteIndex } = pgtable;
    expect([pgdIndex, pudIndex, pmdIndex, pteIndex].map((index) => index(addr))).toEqual([3, 5, 7, 9]);
    expect([pgdIndex, pudIndex, pmdIndex, pteIndex].map((index) => index(2 ** 47 - 1))).toEqual([
      255, 511, 511, 511,
    ]);
  });
});

describe("pmdLeaf", () => {
  it("is true of a huge page, also of one without rights, and not of a table", () => {
    expect(pgtable.pmdLeaf(0x20_0000 + RW + 0x80)).toBe(true);
    expect(pgtable.pmdLeaf(0x20_0000 + 0x80 + pgtable.PAGE_PROTNONE)).toBe(true);
    expect(pgtable.pmdLeaf(0x5000 + pgtable.PAGE_TABLE)).toBe(false);
    expect(pgtable.pmdLeaf(0)).toBe(false);
  });
});
