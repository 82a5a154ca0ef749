import { describe, expect, it } from "vitest";
import { PAGE_PSE } from "../../../lib/hw/entry.js";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { VmBug } from "../../../lib/mm/mmdebug.js";
import {
  classifyPte,
  MAX_SWAPFILES,
  makePteMarker,
  PAGE_PROTNONE,
  PAGE_SWP_EXCLUSIVE,
  PAGE_TABLE,
  PTE_KIND_MARKER,
  PTE_KIND_MIGRATION,
  PTE_KIND_NONE,
  PTE_KIND_PRESENT,
  PTE_KIND_SWAP,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISONED,
  PTE_NX,
  pfnPte,
  ptepGet,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_WRITE,
  SWP_PTE_MARKER,
  setPte,
  swpEntryToPte,
} from "../../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { pagemapRead } from "../../../lib/procfs/pagemap.js";
import { showSmap } from "../../../lib/procfs/smaps.js";

const PAGE = 4096;

describe("classifyPte", () => {
  it("tells an empty entry from one that maps a frame, be it frame 0 or out of reach", () => {
    expect(classifyPte(0)).toBe(PTE_KIND_NONE);
    expect(classifyPte(pfnPte(0, 1))).toBe(PTE_KIND_PRESENT);
    expect(classifyPte(pfnPte(2 ** 40 - 1, 0x67 + PTE_NX))).toBe(PTE_KIND_PRESENT);
    expect(classifyPte(pfnPte(5, PAGE_PROTNONE + PTE_NX))).toBe(PTE_KIND_PRESENT);
  });

  it("finds a place in swap in the first and the last area, at the highest offset, exclusive or not", () => {
    expect(classifyPte(swpEntryToPte(0, 1))).toBe(PTE_KIND_SWAP);
    expect(classifyPte(swpEntryToPte(MAX_SWAPFILES - 1, 0))).toBe(PTE_KIND_SWAP);
    expect(classifyPte(swpEntryToPte(3, 2 ** 38 - 1) + PAGE_SWP_EXCLUSIVE)).toBe(PTE_KIND_SWAP);
  });

  it("gives each of the 32 types one kind or throws, with as many swap areas as Linux has", () => {
    const kinds = Array.from({ length: 32 }, (_, type) => {
      try {
        return classifyPte(swpEntryToPte(type, 9));
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

  it("throws for a frame whose present bit was forgotten, and for a note with NX", () => {
    expect(() => classifyPte(pfnPte(77, 0x66))).toThrow(VmBug);
    expect(() => classifyPte(swpEntryToPte(0, 1) + PTE_NX)).toThrow(VmBug);
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
  };

  it.each(Object.keys(walks))("throw for an entry of an unknown kind: %s", (name) => {
    const { alice, a } = withEntry(pfnPte(77, 0x66));
    expect(() => walks[name]!(alice, a)).toThrow(VmBug);
  });

  it.each(["munmap", "madvise DONTNEED", "madvise FREE", "fork"])("lose no place in swap: %s", (name) => {
    const pte = swpEntryToPte(1, 5);
    const { alice, a, entry } = withEntry(pte);
    expect(() => walks[name]!(alice, a)).toThrow(VmBug);
    expect(entry()).toBe(pte);
  });

  it("leave a place in swap where it is when they only change rights or look", () => {
    const pte = swpEntryToPte(1, 5);
    const { alice, a, entry } = withEntry(pte);
    alice.mprotect(a, PAGE, "r");
    expect(entry()).toBe(pte);
    expect(alice.mincore(a, 2 * PAGE).map(Boolean)).toEqual([false, true]);
    expect(pagemapRead(alice.task.mm!, a, 1)[0]).toEqual({ flags: 2 ** 30, frame: 1 + 5 * 32 });
  });

  it.each(["munmap", "fork"])("do not pass over a leaf of level 2 in silence: %s", (name) => {
    const { alice, a } = withEntry(0);
    const { mm } = alice.task;
    setPte(mm!.sys.ram, pmdOffset(mm!, a), pfnPte(512, PAGE_TABLE + PAGE_PSE));
    expect(() => walks[name]!(alice, a)).toThrow(VmBug);
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
