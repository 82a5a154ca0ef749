import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Ram } from "../../lib/hw/ram.js";
import {
  AnonVma,
  addMmCounter,
  type File,
  fput,
  getFile,
  getMmRss,
  MM_ANONPAGES,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  MM_SWAPENTS,
  MmStruct,
  VmAreaStruct,
  vmaIsAnonymous,
  vmaPages,
} from "../../lib/mm/mm_types.js";
import { MemorySystem } from "../../lib/mm/system.js";

let sys: MemorySystem;

beforeEach(() => {
  sys = new MemorySystem(new Ram(2 ** 20), new Clock());
});

describe("a VMA", () => {
  it("is as many pages long as lie between its ends", () => {
    const vma = Object.assign(new VmAreaStruct(new MmStruct(sys)), { vmStart: 0x7000, vmEnd: 0xc000 });
    expect(vmaPages(vma)).toBe(5);
  });

  it("is anonymous while it has no operations, even with a file: a private mapping of /dev/zero", () => {
    const vma = new VmAreaStruct(new MmStruct(sys));
    expect(vmaIsAnonymous(vma)).toBe(true);
    vma.vmFile = {} as File;
    expect(vmaIsAnonymous(vma)).toBe(true);
    vma.vmOps = {};
    expect(vmaIsAnonymous(vma)).toBe(false);
  });
});

describe("the resident set", () => {
  it("is pages of files, of shared and of anonymous memory; what is in swap is not resident", () => {
    const mm = new MmStruct(sys);
    addMmCounter(mm, MM_FILEPAGES, 3);
    addMmCounter(mm, MM_ANONPAGES, 50);
    addMmCounter(mm, MM_SHMEMPAGES, 700);
    addMmCounter(mm, MM_SWAPENTS, 9000);
    expect(getMmRss(mm)).toBe(753);
    addMmCounter(mm, MM_ANONPAGES, -20);
    expect([getMmRss(mm), mm.rssStat]).toEqual([733, [3, 30, 9000, 700]]);
  });
});

describe("an mm", () => {
  it("has a number that no other of its machine has, which its TLB entries go by too", () => {
    const mms = [new MmStruct(sys), new MmStruct(sys)];
    expect(mms.map((mm) => mm.id)).toEqual([1, 2]);
    expect(mms.map((mm) => mm.context)).toEqual([
      { ctxId: 1, tlbGen: 0 },
      { ctxId: 2, tlbGen: 0 },
    ]);
    expect(new MmStruct(new MemorySystem(new Ram(2 ** 20), new Clock())).id).toBe(1);
  });
});

describe("a file", () => {
  it("is released by its last holder, and by no one before", () => {
    let released = 0;
    const file = { refcount: 1, release: () => released++ } as unknown as File;
    expect(getFile(file)).toBe(file);
    fput(file);
    expect([file.refcount, released]).toEqual([1, 0]);
    fput(file);
    expect([file.refcount, released]).toEqual([0, 1]);
  });
});

describe("an AnonVma", () => {
  it("is its own root and parent, and a child's root is its grandparent", () => {
    const root = new AnonVma();
    const child = new AnonVma(root);
    const grandchild = new AnonVma(child);
    expect([root.root, root.parent]).toEqual([root, root]);
    expect([grandchild.parent === child, grandchild.root === root, child.root === root]).toEqual([
      true,
      true,
      true,
    ]);
    expect([root.refcount, root.numChildren]).toEqual([1, 0]); // who links it counts it
  });
});
