import { describe, expect, it } from "vitest";
import { PAGE_RW } from "../../lib/hw/entry.js";
import { ACCESS_USER, ACCESS_WRITE } from "../../lib/hw/fault.js";
import { Ram } from "../../lib/hw/ram.js";
import { Tlb } from "../../lib/hw/tlb.js";
import { globalKey, keyBase } from "../../lib/hw/tlb_key.js";
import { boot } from "../../lib/kernel/machine.js";
import { copyPageRange } from "../../lib/mm/fault/copy_page_range.js";
import { handleMmFault } from "../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE } from "../../lib/mm/fault/vm_fault.js";
import { mmInit } from "../../lib/mm/mm_init.js";
import { MmStruct, VM_MAYREAD, VM_MAYWRITE, VM_READ, VM_WRITE, VmAreaStruct } from "../../lib/mm/mm_types.js";
import { pgdAlloc } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { MemorySystem } from "../../lib/mm/system.js";
import { vmaLink } from "../../lib/mm/vma/vma.js";
import { drawAreas } from "../../lib/view/draw_areas.js";
import { drawOwners } from "../../lib/view/draw_owners.js";
import { drawTlb } from "../../lib/view/draw_tlb.js";
import { drawWalk } from "../../lib/view/draw_walk.js";
import { areasOf, framesOf, ownersOf, tlbSets } from "../../lib/view/mm_data.js";

const BASE = 0x1000_0000_0000;

function newMm(sys: MemorySystem): { mm: MmStruct; vma: VmAreaStruct } {
  const mm = new MmStruct(sys);
  expect(pgdAlloc(mm)).toBe(0);
  const vma = new VmAreaStruct(mm);
  vma.vmStart = BASE;
  vma.vmEnd = BASE + 4 * 4096;
  vma.vmPgoff = BASE / 4096;
  vma.vmFlags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE;
  vmaLink(vma);
  return { mm, vma };
}

function newSystem(): MemorySystem {
  const sys = new MemorySystem(new Ram(64 * 2 ** 20), { nowNs: 0, advance() {} });
  mmInit(sys);
  return sys;
}

describe("areasOf", () => {
  it("gives each mapping with a square for each page, and drawAreas draws it", () => {
    const { mm, vma } = newMm(newSystem());
    handleMmFault(vma, BASE, 0);
    handleMmFault(vma, BASE + 4096, FAULT_FLAG_WRITE);
    expect(areasOf(mm)).toEqual([
      {
        start: BASE,
        end: BASE + 0x4000,
        name: "",
        perms: "rw-p",
        pages: ["zero", "dirty", "absent", "absent"],
      },
    ]);
    expect(areasOf(mm, 3)[0]).not.toHaveProperty("pages");
    expect(drawAreas({ title: "t", areas: areasOf(mm) }).toString()).toContain("anonymous  0D..");
  });
});

describe("ownersOf and framesOf", () => {
  it("show what fork shares and what a write parts", () => {
    const sys = newSystem();
    const parent = newMm(sys);
    const child = newMm(sys);
    handleMmFault(parent.vma, BASE, 0);
    handleMmFault(parent.vma, BASE + 4096, FAULT_FLAG_WRITE);
    copyPageRange(child.vma, parent.vma);
    const mms = { parent: parent.mm, child: child.mm };
    const before = ownersOf(mms);
    const shared = before[0]!.pages[1]!.pfn;
    expect(before[1]!.pages).toContainEqual({
      va: BASE + 4096,
      pfn: shared,
      writable: false,
      dirty: expect.any(Boolean),
    });

    handleMmFault(child.vma, BASE + 4096, FAULT_FLAG_WRITE);
    const owners = ownersOf(mms);
    const own = owners[1]!.pages.find((p) => p.va === BASE + 4096)!;
    expect(own.pfn).not.toBe(shared);
    expect(own.writable).toBe(true);
    const kinds = Object.fromEntries(framesOf(mms).map((f) => [f.pfn, f.kind]));
    expect(kinds).toEqual({ [sys.zeroPfn]: "zero page", [shared]: "anonymous", [own.pfn]: "anonymous" });
    const picture = drawOwners({ title: "t", owners, frames: framesOf(mms), before });
    expect(picture.svg).toContain(">gone</text>");
    expect(ownersOf(mms, { start: BASE + 4096 })[0]!.pages).toHaveLength(1);
  });
});

describe("tlbSets", () => {
  it("puts every translation in its set and way", () => {
    const tlb = new Tlb("tiny", { sets: 2, ways: 2, levels: [1] });
    tlb.fill(0x401, keyBase(1, 3), (0x12 << 12) | PAGE_RW, 0);
    tlb.fill(0x402, globalKey(keyBase(1, 0)), 0x13 << 12, 0);
    const sets = tlbSets(tlb);
    expect(sets[1]).toContainEqual({ vpn: 0x401, pfn: 0x12, pcid: 3, global: false, writable: true });
    expect(sets[0]).toContainEqual({ vpn: 0x402, pfn: 0x13, global: true, writable: false });
    expect(sets.flat().filter((cell) => cell === null)).toHaveLength(2);
    expect(drawTlb({ title: "t", sets }).toString()).toContain("0x401->0x12 pcid 3, rw");
  });
});

describe("drawWalk", () => {
  it("draws what machine.explain() returns", () => {
    const machine = boot();
    const table = machine.newPageTable();
    machine.switchMm(table);
    const explanation = machine.explain(0x40_1abc, ACCESS_USER | ACCESS_WRITE);
    const text = drawWalk(explanation).toString();
    expect(text).toContain("<-- not present");
    expect(text).toContain(explanation.verdict);
    table.map(0x40_1000, 0x99, { user: true });
    const found = machine.explain(0x40_1abc, ACCESS_USER);
    expect(found.pa).toBe(0x9_9abc);
    expect(drawWalk(found).toString()).toContain("pfn 0x99");
    expect(drawWalk(found).svg).not.toContain("not reached");
  });
});
