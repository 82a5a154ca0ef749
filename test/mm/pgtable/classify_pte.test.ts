import { describe, expect, it } from "vitest";
import { PAGE_PSE } from "../../../lib/hw/entry.js";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import {
  PAGE_PROTNONE,
  PAGE_TABLE,
  PTE_NX,
  pfnPte,
  pteIndex,
  ptepGet,
  pteYoung,
  setPte,
} from "../../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  classifyPte,
  MAX_SWAPFILES,
  makePteMarker,
  PAGE_SWP_EXCLUSIVE,
  PTE_KIND_MARKER,
  PTE_KIND_MIGRATION,
  PTE_KIND_NONE,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_WRITE,
  SWP_PTE_MARKER,
  swpEntry,
  swpEntryToPte,
} from "../../../lib/mm/pgtable/swapops.js";
import { clearRefsWrite } from "../../../lib/procfs/clear_refs.js";
import { pagemapRead } from "../../../lib/procfs/pagemap.js";
import { showSmap } from "../../../lib/procfs/smaps.js";
import { showMm } from "../../../lib/view/show_mm.js";

const PAGE = 4096;

describe("classifyPte", () => {
  it("tells an empty entry from one that maps a frame, be it frame 0 or out of reach", () => {
    expect(classifyPte(0)).toBe(PTE_KIND_NONE);
    expect(classifyPte(pfnPte(0, 1))).toBe(PTE_KIND_PRESENT);
    expect(classifyPte(pfnPte(2 ** 40 - 1, 0x67 + PTE_NX))).toBe(PTE_KIND_PRESENT);
    expect(classifyPte(pfnPte(5, PAGE_PROTNONE + PTE_NX))).toBe(PTE_KIND_PRESENT);
  });

  it("finds a place in swap in the first and the last area, at the highest offset, exclusive or not", () => {
    expect(classifyPte(swpEntryToPte(swpEntry(0, 1)))).toBe(PTE_KIND_SWAP);
    expect(classifyPte(swpEntryToPte(swpEntry(MAX_SWAPFILES - 1, 0)))).toBe(PTE_KIND_SWAP);
    expect(classifyPte(swpEntryToPte(swpEntry(3, 2 ** 38 - 1)) + PAGE_SWP_EXCLUSIVE)).toBe(PTE_KIND_SWAP);
  });

  it("gives each of the 32 types one kind or throws, with as many swap areas as Linux has", () => {
    const kinds = Array.from({ length: 32 }, (_, type) => {
      try {
        return classifyPte(swpEntryToPte(swpEntry(type, 9)));
      } catch (error) {
        expect(error).toBeInstanceOf(VmBug);
        return undefined;
      }
    });
    expect(kinds.filter((kind) => kind === PTE_KIND_SWAP)).toHaveLength(24);
    expect(kinds.slice(SWP_MIGRATION_READ, SWP_MIGRATION_WRITE + 1)).toEqual(
      Array(3).fill(PTE_KIND_MIGRATION),
    );
    expect(kinds[SWP_PTE_MARKER]).toBe(PTE_KIND_MARKER);
    // A lost frame (24) and memory of a device (28 to 30) do not occur.
    expect([...kinds.keys()].filter((type) => kinds[type] === undefined)).toEqual([24, 28, 29, 30]);
  });

  it("finds guard and poison markers", () => {
    expect(classifyPte(makePteMarker(PTE_MARKER_GUARD))).toBe(PTE_KIND_MARKER);
    expect(classifyPte(makePteMarker(PTE_MARKER_POISONED))).toBe(PTE_KIND_MARKER);
  });

  it("has no entry for page 0 of area 0, which would be the empty one, nor for what does not fit", () => {
    for (const [type, offset] of [
      [0, 0],
      [32, 1],
      [-1, 1],
      [0, 2 ** 38],
      [0, -1],
    ] as const)
      expect(() => swpEntryToPte(swpEntry(type, offset))).toThrow(VmBug);
    expect(classifyPte(swpEntryToPte(swpEntry(1, 0)))).toBe(PTE_KIND_SWAP);
  });

  it("throws for a frame whose present bit was forgotten, and for a note with NX", () => {
    expect(() => classifyPte(pfnPte(77, 0x66))).toThrow(VmBug);
    expect(() => classifyPte(swpEntryToPte(swpEntry(0, 1)) + PTE_NX)).toThrow(VmBug);
  });
});

/** A process with one written page, whose entry is then `pte`. */
function withEntry(pte: number): { alice: Process; a: number; entry: () => number } {
  const alice = boot({ ram: "16 MiB" }).spawn("alice");
  const a = alice.mmap(4 * PAGE);
  alice.store(a + PAGE, 1, 1);
  const { mm } = alice.task;
  const ptep = pteOffset(mm!, a);
  setPte(mm!.sys.ram, ptep, pte);
  return { alice, a, entry: () => ptepGet(mm!.sys.ram, ptep) };
}

/** A process whose page table was replaced by one leaf. */
function withLeaf(): { alice: Process; a: number; pmd: () => number } {
  const { alice, a } = withEntry(0);
  const { mm } = alice.task;
  const pmdp = pmdOffset(mm!, a);
  setPte(mm!.sys.ram, pmdp, pfnPte(512, PAGE_TABLE + PAGE_PSE));
  return { alice, a, pmd: () => ptepGet(mm!.sys.ram, pmdp) };
}

describe("the walks of page tables", () => {
  const walks: Record<string, (alice: Process, a: number) => unknown> = {
    munmap: (alice, a) => alice.munmap(a, PAGE),
    "madvise DONTNEED": (alice, a) => alice.madvise(a, PAGE, "DONTNEED"),
    "madvise FREE": (alice, a) => alice.madvise(a, PAGE, "FREE"),
    mprotect: (alice, a) => alice.mprotect(a, PAGE, "r"),
    mincore: (alice, a) => alice.mincore(a, PAGE),
    fork: (alice) => alice.fork("bob"),
    pagemap: (alice, a) => pagemapRead(alice.task.mm!, a, 1),
    smaps: (alice, a) => showSmap(alice.task.mm!.mmMt.lookup(a)!),
    mlock: (alice, a) => alice.mlock(a, PAGE),
    mremap: (alice, a) => alice.mremap(a, PAGE, 3 * PAGE),
    clear_refs: (alice) => clearRefsWrite(alice.task.mm!, "1"),
    "madvise COLD": (alice, a) => alice.madvise(a, PAGE, "COLD"),
    "madvise PAGEOUT": (alice, a) => alice.madvise(a, PAGE, "PAGEOUT"),
    "madvise WILLNEED": (alice, a) => alice.madvise(a, PAGE, "WILLNEED"),
    "madvise POPULATE_READ": (alice, a) => alice.madvise(a, PAGE, "POPULATE_READ"),
    "madvise GUARD_INSTALL": (alice, a) => alice.madvise(a, PAGE, "GUARD_INSTALL"),
    "madvise GUARD_REMOVE": (alice, a) => alice.madvise(a, PAGE, "GUARD_REMOVE"),
    "a page fault": (alice, a) => alice.load(a, 1),
    "the checker": (alice) => checkInvariants(alice.kernel.sys, [alice.task.mm!]),
    showMm: (alice) => showMm(alice.task.mm!).toString(),
  };

  it.each(Object.keys(walks))("throw for an entry of an unknown kind: %s", (name) => {
    const { alice, a } = withEntry(pfnPte(77, 0x66));
    expect(() => walks[name]!(alice, a)).toThrow(VmBug);
  });

  it.each(["munmap", "madvise DONTNEED", "madvise FREE", "fork"])("lose no place in swap: %s", (name) => {
    const pte = swpEntryToPte(swpEntry(1, 5));
    const { alice, a, entry } = withEntry(pte);
    expect(() => walks[name]!(alice, a)).toThrow(VmBug);
    expect(entry()).toBe(pte);
  });

  it("leave a place in swap where it is when they only change rights or look", () => {
    const pte = swpEntryToPte(swpEntry(1, 5));
    const { alice, a, entry } = withEntry(pte);
    alice.mprotect(a, PAGE, "r");
    expect(entry()).toBe(pte);
    expect(alice.mincore(a, 2 * PAGE).map(Boolean)).toEqual([false, true]);
    expect(pagemapRead(alice.task.mm!, a, 1)[0]).toEqual({ flags: 2 ** 30, frame: 1 + 5 * 32 });
  });

  const finePassers = ["madvise WILLNEED", "madvise GUARD_REMOVE"]; // neither swap nor guards are in a leaf

  it.each(finePassers)("find nothing that is theirs in a leaf: %s", (name) => {
    const { alice, a, pmd } = withLeaf();
    walks[name]!(alice, a);
    expect(pmd()).toBe(pfnPte(512, PAGE_TABLE + PAGE_PSE));
  });

  it("say of a leaf what they say of its pages", () => {
    const { alice, a, pmd } = withLeaf();
    const { mm } = alice.task;
    expect(alice.mincore(a, 4 * PAGE).map(Boolean)).toEqual([true, true, true, true]);
    const first = 512 + pteIndex(a); // the VMA begins somewhere in the leaf
    expect(pagemapRead(mm!, a, 4).map((word) => word.frame)).toEqual([
      first,
      first + 1,
      first + 2,
      first + 3,
    ]);
    clearRefsWrite(mm!, "1");
    expect(pteYoung(pmd())).toBe(false);
  });

  it("let MADV_DONTNEED take a poison marker away and leave a guard", () => {
    const poison = withEntry(makePteMarker(PTE_MARKER_POISONED));
    poison.alice.madvise(poison.a, PAGE, "DONTNEED");
    expect(poison.entry()).toBe(0);
    const guard = withEntry(makePteMarker(PTE_MARKER_GUARD));
    guard.alice.madvise(guard.a, PAGE, "DONTNEED");
    expect(guard.entry()).toBe(makePteMarker(PTE_MARKER_GUARD));
  });

  it("let MADV_FREE take a poison marker away and leave a guard", () => {
    const poison = withEntry(makePteMarker(PTE_MARKER_POISONED));
    poison.alice.madvise(poison.a, PAGE, "FREE");
    expect(poison.entry()).toBe(0);
    const guard = withEntry(makePteMarker(PTE_MARKER_GUARD));
    guard.alice.madvise(guard.a, PAGE, "FREE");
    expect(guard.entry()).toBe(makePteMarker(PTE_MARKER_GUARD));
  });
});
