import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import {
  anonVmaClone,
  anonVmaFork,
  anonVmaMerge,
  anonVmaPrepare,
  unlinkAnonVmas,
} from "../../../lib/mm/fault/anon_vma.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MmStruct, VM_READ, VM_WRITE, VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { vmaLink } from "../../../lib/mm/vma/vma.js";

const BASE = 0x1000_0000_0000;
const PAGE = 4096;

function newMm(): MmStruct {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  return new MmStruct(sys);
}

/** A VMA of `nr` pages from page `first` of the arena on. */
function map(mm: MmStruct, first: number, nr: number, vmFlags = VM_READ | VM_WRITE): VmAreaStruct {
  const vma = new VmAreaStruct(mm);
  vma.vmStart = BASE + first * PAGE;
  vma.vmEnd = vma.vmStart + nr * PAGE;
  vma.vmPgoff = vma.vmStart / PAGE;
  vma.vmFlags = vmFlags;
  vmaLink(vma);
  return vma;
}

/** The VMAs that the reverse map of `vma`'s own pages visits. */
const visited = (vma: VmAreaStruct): VmAreaStruct[] => [...vma.anonVma!.rbRoot].map((avc) => avc.vma);

describe("anonVmaPrepare", () => {
  it("gives a VMA one AnonVma, a root that counts itself as a child, and the second time nothing", () => {
    const vma = map(newMm(), 0, 4);
    anonVmaPrepare(vma);
    const { anonVma } = vma;
    expect(anonVma).toMatchObject({ numChildren: 1, numActiveVmas: 1 });
    expect([anonVma!.root, anonVma!.parent]).toEqual([anonVma, anonVma]);
    anonVmaPrepare(vma);
    expect(vma.anonVma).toBe(anonVma);
    expect(vma.anonVmaChain.length).toBe(1);
  });

  it("shares that of a neighbour which differs only in rights, above or below", () => {
    for (const [first, second] of [
      [0, 4],
      [4, 0],
    ] as const) {
      const mm = newMm();
      const one = map(mm, first, 4);
      const other = map(mm, second, 4, VM_READ);
      anonVmaPrepare(one);
      anonVmaPrepare(other);
      expect(other.anonVma).toBe(one.anonVma);
      expect(one.anonVma!.numActiveVmas).toBe(2);
      expect(visited(one)).toEqual([one, other]);
    }
  });

  it("shares none across a hole, or with a page offset that does not go on", () => {
    const mm = newMm();
    const one = map(mm, 0, 4);
    const apart = map(mm, 5, 1);
    const moved = map(mm, 6, 1);
    moved.vmPgoff++;
    for (const vma of [one, apart, moved]) anonVmaPrepare(vma);
    expect(new Set([one.anonVma, apart.anonVma, moved.anonVma]).size).toBe(3);
  });
});

describe("anonVmaFork", () => {
  it("links the child's VMA to the parent's AnonVma and to one of its own below it", () => {
    const parent = map(newMm(), 0, 4);
    anonVmaPrepare(parent);
    const child = map(newMm(), 0, 4);
    anonVmaFork(child, parent);
    expect(child.anonVmaChain.map((avc) => avc.anonVma)).toEqual([parent.anonVma, child.anonVma]);
    expect(child.anonVma).not.toBe(parent.anonVma);
    expect([child.anonVma!.parent, child.anonVma!.root]).toEqual([parent.anonVma, parent.anonVma]);
    expect(parent.anonVma!.numChildren).toBe(2);
    expect(visited(parent)).toEqual([parent, child]);
    expect(visited(child)).toEqual([child]);
  });

  it("does nothing where the parent has no AnonVma", () => {
    const child = map(newMm(), 0, 4);
    anonVmaFork(child, map(newMm(), 0, 4));
    expect([child.anonVma, child.anonVmaChain]).toEqual([undefined, []]);
  });

  it("lets the grandchild take over an AnonVma whose own VMA has gone", () => {
    const parent = map(newMm(), 0, 4);
    anonVmaPrepare(parent);
    const child = map(newMm(), 0, 4);
    anonVmaFork(child, parent);
    const grandchild = map(newMm(), 0, 4);
    anonVmaFork(grandchild, child);
    const orphan = child.anonVma!;
    unlinkAnonVmas(child);
    expect(orphan).toMatchObject({ numActiveVmas: 0, numChildren: 1 });
    const next = map(newMm(), 0, 4);
    anonVmaFork(next, grandchild);
    expect(next.anonVma).toBe(orphan);
    expect(orphan.numActiveVmas).toBe(1);
  });
});

describe("splitting and merging", () => {
  it("links both parts to the same AnonVmas, and a merge unlinks the part that goes", () => {
    const mm = newMm();
    const vma = map(mm, 0, 4);
    anonVmaPrepare(vma);
    const part = map(mm, 4, 4);
    part.anonVma = vma.anonVma; // as a copied VMA has it
    anonVmaClone(part, vma);
    expect(vma.anonVma!.numActiveVmas).toBe(2);
    expect(visited(vma)).toEqual([vma, part]);
    anonVmaMerge(vma, part);
    expect(vma.anonVma!.numActiveVmas).toBe(1);
    expect(visited(vma)).toEqual([vma]);
    expect([part.anonVma, part.anonVmaChain]).toEqual([undefined, []]);
  });

  it("unlinkAnonVmas takes the last VMA out and the child from its parent's count", () => {
    const parent = map(newMm(), 0, 4);
    anonVmaPrepare(parent);
    const child = map(newMm(), 0, 4);
    anonVmaFork(child, parent);
    const own = child.anonVma!;
    unlinkAnonVmas(child);
    expect([own.rbRoot.size, own.numActiveVmas]).toEqual([0, 0]);
    expect(parent.anonVma!.numChildren).toBe(1);
    expect(visited(parent)).toEqual([parent]);
  });
});
