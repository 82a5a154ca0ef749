import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { VM_SHARED, VM_SOFTDIRTY, VM_WRITE } from "../../../lib/mm/mm_types.js";
import { pfnPte, pteDirty, pteMkdirty, pteModify, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  PAGE_SOFT_DIRTY,
  pteClearSoftDirty,
  pteMksoftDirty,
  pteNeedsSoftDirtyWp,
  pteSoftDirty,
  pteSwpClearSoftDirty,
  pteSwpMksoftDirty,
  pteSwpSoftDirty,
  vmaSoftDirtyEnabled,
  vmSoftdirty,
} from "../../../lib/mm/pgtable/soft_dirty.js";
import {
  classifyPte,
  PTE_KIND_SWAP,
  pteToSwpEntry,
  swpEntry,
  swpEntryToPte,
} from "../../../lib/mm/pgtable/swapops.js";
import "../../../lib/procfs/mount.js";
import { PM_SOFT_DIRTY } from "../../../lib/procfs/pagemap.js";

const PAGE = 4096;

function started(softDirty = true): { machine: Machine; p: Process } {
  const machine = boot({ softDirty });
  return { machine, p: machine.spawn() };
}

/** One letter for each page: d where pagemap says soft-dirty. */
function marks(machine: Machine, p: Process, at: number, pages: number): string {
  const words = machine.procfs.pagemap(p.pid, at, pages);
  return words.map(({ flags }) => ((flags & PM_SOFT_DIRTY) !== 0 ? "d" : ".")).join("");
}

function clear(machine: Machine, p: Process, what = 4): void {
  machine.procfs.write(`/proc/${p.pid}/clear_refs`, String(what));
}

/** Minor faults of writes to these pages. */
function faultsOf(p: Process, at: number, pages: readonly number[]): number {
  const before = p.task.minFlt;
  for (const page of pages) p.store(at + page * PAGE, 1, 7);
  return p.task.minFlt - before;
}

describe("the bit of an entry", () => {
  const pte = pfnPte(0x12345, 0x67);

  it("is set and cleared without a change of anything else, as often as one likes", () => {
    const marked = pteMksoftDirty(pte);
    expect([marked, pteSoftDirty(marked), pteSoftDirty(pte)]).toEqual([pte + PAGE_SOFT_DIRTY, true, false]);
    expect([pteMksoftDirty(marked), pteClearSoftDirty(marked), pteClearSoftDirty(pte)]).toEqual([
      marked,
      pte,
      pte,
    ]);
  });

  it("is set with the dirty bit only where the kernel knows it, and survives new rights", () => {
    const clean = pfnPte(9, 0x27);
    expect([pteMkdirty(clean), pteSoftDirty(pteMkdirty(clean))]).toEqual([clean + 0x40, false]);
    const dirty = pteMkdirty(clean, PAGE_SOFT_DIRTY);
    expect([pteDirty(dirty), pteSoftDirty(dirty), pteMkdirty(dirty, PAGE_SOFT_DIRTY)]).toEqual([
      true,
      true,
      dirty,
    ]);
    expect(pteSoftDirty(pteModify(dirty, 0x25))).toBe(true);
    expect(pteSoftDirty(pteModify(clean, 0x25))).toBe(false);
  });

  it("is bit 1 of a page in swap, which is the same page with it", () => {
    const swapped = swpEntryToPte(swpEntry(3, 2 ** 30 + 5));
    const marked = pteSwpMksoftDirty(swapped);
    expect([marked - swapped, pteSwpSoftDirty(marked), pteSwpSoftDirty(swapped)]).toEqual([2, true, false]);
    expect([pteSwpMksoftDirty(marked), pteSwpClearSoftDirty(marked)]).toEqual([marked, swapped]);
    expect([classifyPte(marked), pteToSwpEntry(marked)]).toEqual([PTE_KIND_SWAP, pteToSwpEntry(swapped)]);
    const { machine, p } = started();
    const at = p.mmap(PAGE);
    p.store(at, 1, 1);
    const { ram } = machine;
    const ptep = pteOffset(p.task.mm!, at);
    const before = ptepGet(ram, ptep);
    setPte(ram, ptep, marked);
    expect(ptepGet(ram, ptep)).toBe(marked);
    setPte(ram, ptep, before);
  });
});

describe("a kernel without soft-dirty bits", () => {
  it("marks nothing, takes no right away, and does not refuse clear_refs 4", () => {
    const { machine, p } = started(false);
    const at = p.mmap(4 * PAGE);
    p.touch(at, 2 * PAGE, "w");
    clear(machine, p);
    expect(faultsOf(p, at, [0, 1])).toBe(0);
    expect(marks(machine, p, at, 4)).toBe("....");
    expect(machine.procfs.read(`/proc/${p.pid}/smaps`)).not.toMatch(/VmFlags:.* sd/);
    const vma = p.task.mm!.mmMt.lookup(at)!;
    expect([vmaSoftDirtyEnabled(vma), vmSoftdirty(p.task.mm!)]).toEqual([false, 0]);
  });
});

describe("a kernel with them", () => {
  it("counts all of a new mapping as written, until it is cleared; then each page by its first write", () => {
    const { machine, p } = started();
    const at = p.mmap(8 * PAGE);
    p.touch(at, 4 * PAGE, "w");
    expect(marks(machine, p, at - PAGE, 10)).toBe(".dddddddd.");
    expect(machine.procfs.read(`/proc/${p.pid}/smaps`)).toMatch(/VmFlags:.* sd /);
    clear(machine, p);
    expect(marks(machine, p, at, 8)).toBe("........");
    p.touch(at, 4 * PAGE, "r");
    expect(faultsOf(p, at, [1, 5, 1])).toBe(2);
    expect(marks(machine, p, at, 8)).toBe(".d...d..");
    for (const other of [1, 2, 3, 5]) clear(machine, p, other);
    expect(marks(machine, p, at, 8)).toBe(".d...d..");
  });

  it("sees a write that the processor could have made without a fault: its TLB is flushed", () => {
    const { machine, p } = started();
    const at = p.mmap(PAGE);
    p.store(at, 8, 1);
    for (let round = 2; round < 5; round++) {
      clear(machine, p);
      expect(marks(machine, p, at, 1)).toBe(".");
      p.store(at, 8, round);
      expect([marks(machine, p, at, 1), p.load(at, 8)]).toEqual(["d", round]);
    }
  });

  it("keeps an entry without the mark read-only when mprotect gives the right to write back", () => {
    const { machine, p } = started();
    const at = p.mmap(4 * PAGE);
    p.touch(at, 4 * PAGE, "w");
    clear(machine, p);
    p.store(at, 1, 1);
    p.mprotect(at, 4 * PAGE, "r");
    p.mprotect(at, 4 * PAGE, "rw");
    const vma = p.task.mm!.mmMt.lookup(at)!;
    expect([pteNeedsSoftDirtyWp(vma, 0), pteNeedsSoftDirtyWp(vma, PAGE_SOFT_DIRTY)]).toEqual([true, false]);
    expect(faultsOf(p, at, [0, 1, 2, 3])).toBe(3);
    expect(marks(machine, p, at, 4)).toBe("dddd");
  });

  it("watches shared memory, too, each process for itself", () => {
    const { machine, p } = started();
    const at = p.mmap(4 * PAGE, { shared: true });
    p.touch(at, 4 * PAGE, "w");
    clear(machine, p);
    const child = p.fork();
    child.store(at, 1, 1);
    expect([marks(machine, p, at, 4), marks(machine, child, at, 4)]).toEqual(["....", "d..."]);
    expect(faultsOf(p, at, [0, 3])).toBe(2);
    expect([marks(machine, p, at, 4), marks(machine, child, at, 4)]).toEqual(["d..d", "d..."]);
    const { vmFlags } = p.task.mm!.mmMt.lookup(at)!;
    expect(vmFlags & (VM_SHARED | VM_WRITE | VM_SOFTDIRTY)).toBe(VM_SHARED | VM_WRITE);
  });

  it("gives the marks to the child, whose copy on write marks its own page only", () => {
    const { machine, p } = started();
    const at = p.mmap(4 * PAGE);
    p.touch(at, 4 * PAGE, "w");
    clear(machine, p);
    p.store(at, 1, 1);
    const child = p.fork();
    expect(marks(machine, child, at, 4)).toBe("d...");
    child.store(at + PAGE, 1, 1);
    expect([marks(machine, p, at, 4), marks(machine, child, at, 4)]).toEqual(["d...", "dd.."]);
  });

  it("marks what mremap moves, entry by entry, but not inside a table that moves as a whole", () => {
    const { machine, p } = started();
    const huge = 2 ** 21;
    const from = p.mmap(4 * huge);
    const to = p.mmap(4 * huge);
    const [table, target] = [from, to].map((at) => Math.ceil(at / huge) * huge) as [number, number];
    p.touch(table, 3 * PAGE, "w");
    p.touch(table + huge, 3 * PAGE, "w");
    p.munmap(target, 2 * huge);
    clear(machine, p);
    p.mremap(table, huge, huge, { to: target });
    p.mremap(table + huge, 2 * PAGE, 2 * PAGE, { to: target + huge });
    expect(marks(machine, p, target, 3)).toBe("...");
    expect(marks(machine, p, target + huge, 2)).toBe("dd");
    expect(marks(machine, p, table + huge + 2 * PAGE, 1)).toBe(".");
  });

  it("counts a heap that grows as written as a whole, a mapping that mremap lets grow not", () => {
    const { machine, p } = started();
    const start = p.sbrk(4 * PAGE);
    const at = p.mmap(2 * PAGE);
    clear(machine, p);
    expect(marks(machine, p, start, 4)).toBe("....");
    p.sbrk(PAGE);
    expect(marks(machine, p, start, 5)).toBe("ddddd");
    const grown = p.mremap(at, 2 * PAGE, 4 * PAGE, { mayMove: true });
    expect(marks(machine, p, grown, 4)).toBe("....");
  });

  it("lets neighbours merge that differ in it; who maps something beside marks both", () => {
    const { machine, p } = started();
    const at = p.mmap(8 * PAGE);
    p.munmap(at + 4 * PAGE, 4 * PAGE);
    clear(machine, p);
    p.mmap(4 * PAGE, { at: at + 4 * PAGE, fixed: true });
    expect(
      [...p.task.mm!.mmMt].filter(({ vmStart }) => vmStart === at).map(({ vmEnd }) => vmEnd - at),
    ).toEqual([8 * PAGE]);
    expect(marks(machine, p, at, 8)).toBe("dddddddd");
  });

  it("is restored with the machine", () => {
    const { machine, p } = started();
    const at = p.mmap(4 * PAGE);
    p.touch(at, 4 * PAGE, "w");
    clear(machine, p);
    const before = machine.snapshot();
    p.store(at, 1, 1);
    expect(marks(machine, p, at, 4)).toBe("d...");
    machine.restore(before);
    expect([marks(machine, p, at, 4), faultsOf(p, at, [0])]).toEqual(["....", 1]);
  });
});

/** A process, and the pages that must be marked. */
interface Watched {
  readonly p: Process;
  readonly written: Set<number>;
}

/** Random operations on `pages` pages of up to four processes; what pagemap says of each is compared with a list. */
function compareWithModel(seed: number, shared: boolean): void {
  const pages = 24;
  const random = new Random(seed);
  const { machine, p } = started();
  const at = p.mmap(pages * PAGE, { shared });
  let watched: Watched[] = [{ p, written: new Set(Array(pages).keys()) }];
  const whole = new Set<Process>([p]);
  for (let step = 0; step < 250; step++) {
    const one = random.pick(watched);
    const page = random.below(pages);
    const nr = Math.min(pages - page, 1 + random.below(5));
    const range = Array.from({ length: nr }, (_, i) => page + i);
    const what = random.below(100);
    if (what < 45)
      for (const each of range) {
        one.p.store(at + each * PAGE, 1, step);
        one.written.add(each);
      }
    else if (what < 60) one.p.touch(at + page * PAGE, nr * PAGE, "r");
    else if (what < 72) {
      clear(machine, one.p);
      one.written.clear();
      whole.delete(one.p);
    } else if (what < 80) {
      one.p.mprotect(at + page * PAGE, nr * PAGE, "r");
      one.p.mprotect(at + page * PAGE, nr * PAGE, "rw");
    } else if (what < 86) {
      one.p.madvise(at + page * PAGE, nr * PAGE, "DONTNEED");
      if (!whole.has(one.p)) for (const each of range) one.written.delete(each);
    } else if (what < 92 && watched.length < 4) {
      const child = one.p.fork();
      // What a fault can find out again is not copied: a child has no entries of shared memory.
      watched.push({ p: child, written: new Set(shared && !whole.has(one.p) ? [] : one.written) });
      if (whole.has(one.p)) whole.add(child);
    } else if (watched.length > 1) {
      one.p.exit();
      watched = watched.filter((other) => other !== one);
    }
    for (const { p: each, written } of watched) {
      const expected = Array.from({ length: pages }, (_, i) => (written.has(i) ? "d" : ".")).join("");
      expect(marks(machine, each, at, pages), `seed ${seed}, step ${step}`).toBe(expected);
    }
  }
  const { kernel } = machine;
  const mms = [...kernel.tasks.values()].flatMap(({ mm }) => (mm === undefined ? [] : [mm]));
  checkInvariants(kernel.sys, [kernel.initMm, ...mms]);
}

describe("what pagemap says after random operations", () => {
  it.each([
    ["private", false],
    ["shared", true],
  ])("is what was written since the last clear_refs 4, in %s memory", (_, shared) => {
    for (let seed = 1; seed <= 12; seed++) compareWithModel(seed, shared);
  });
});
