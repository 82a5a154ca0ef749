import { describe, expect, it } from "vitest";
import { PAGE_PSE } from "../../../lib/hw/entry.js";
import {
  followHugetlb,
  forEachHugePte,
  hugeAlignDown,
  hugePteAlloc,
  hugePteOffset,
  hugetlbCountAdd,
  makeHugePte,
  walkHugetlbRange,
} from "../../../lib/mm/hugetlb/huge_pte.js";
import { pmdLeaf, ptePfn, ptepGet, pteWrite } from "../../../lib/mm/pgtable/pgtable.js";
import { lookupAddress, NOWHERE } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("the entry of a huge page", () => {
  it("is a leaf of level 2 with the page's first frame, and there is no table below it", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    const vma = p.mm.mmMt.lookup(a)!;
    const { ram } = world.machine.kernel.sys;
    const before = p.mm.pgtablesBytes;
    expect([hugePteOffset(p.mm, a, HUGE), lookupAddress(p.mm, a)]).toEqual([0, NOWHERE]);
    p.store(a + 12345, 1, 7);
    expect(p.mm.pgtablesBytes - before).toBeLessThanOrEqual(8192);
    const ptep = hugePteOffset(p.mm, a, HUGE);
    const pmd = ptepGet(ram, ptep);
    expect([pmdLeaf(pmd), ptePfn(pmd) % 512, pteWrite(pmd)]).toEqual([true, 0, true]);
    expect(lookupAddress(p.mm, a + 12345)).toEqual({ ptep, subpage: 3 });
    expect([hugePteAlloc(p.mm, a, HUGE), hugeAlignDown(a + 5, HUGE)]).toEqual([ptep, a]);
    expect([followHugetlb(vma, a, true), followHugetlb(vma, a + HUGE, false)]).toEqual([true, false]);
    const folio = world.machine.kernel.sys.memMap[ptePfn(pmd) >>> 14]![ptePfn(pmd) & 0x3fff]!;
    expect(makeHugePte(vma, folio, true) & PAGE_PSE).toBe(PAGE_PSE);
    expect([pteWrite(makeHugePte(vma, folio, true)), pteWrite(makeHugePte(vma, folio, false))]).toEqual([
      true,
      false,
    ]);
  });

  it("is visited page by page, and walked in the parts that a range has of it", () => {
    const world = new HugeWorld(2);
    const p = world.spawn();
    const a = p.mmap(2 * HUGE, { hugetlb: "2M" });
    const vma = p.mm.mmMt.lookup(a)!;
    const holes: number[] = [];
    walkHugetlbRange(
      vma,
      a,
      a + 2 * HUGE,
      () => {},
      (addr) => void holes.push(addr - a),
    );
    expect(holes).toEqual([0, HUGE]);
    p.store(a, 1, 1);
    const seen: number[][] = [];
    walkHugetlbRange(
      vma,
      a + 4096,
      a + HUGE + 8192,
      (pte, addr, _ptep, next) => void seen.push([pte === 0 ? 0 : 1, addr - a, next - a]),
      () => {},
    );
    expect(seen).toEqual([
      [1, 4096, HUGE],
      [0, HUGE, HUGE + 8192],
    ]);
    const addresses: number[] = [];
    expect(forEachHugePte(vma, a, a + 2 * HUGE, (_ptep, addr) => void addresses.push(addr - a))).toBe(false);
    expect(forEachHugePte(vma, a, a + 2 * HUGE, () => true)).toBe(true);
    expect(addresses).toEqual([0, HUGE]);
    const { hugetlbUsage } = p.mm;
    hugetlbCountAdd(p.mm, 512);
    expect(p.mm.hugetlbUsage - hugetlbUsage).toBe(512);
  });

  it("is what the kernel goes by when it reads and writes user memory", () => {
    const world = new HugeWorld(1);
    const p = world.spawn();
    const a = p.mmap(HUGE, { hugetlb: "2M" });
    p.store(a + 9000, 1, 65);
    const fd = p.open("/f", { create: true });
    expect(p.write(fd, a + 8999, 3)).toBe(3);
    expect(p.pread(fd, a + HUGE - 3, 3, 0)).toBe(3);
    expect([p.load(a + HUGE - 3, 1), p.load(a + HUGE - 2, 1)]).toEqual([0, 65]);
    world.check();
  });
});
