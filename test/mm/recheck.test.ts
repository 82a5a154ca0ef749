/**
 * What is looked at again after an allocation: small cases of what can come between.
 *
 * Reclaim takes pages, or another thread of the process is faster. Each case fails if the look it is about is left out.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { sysMmap, sysMremap } from "../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { handleMmFault } from "../../lib/mm/fault/memory.js";
import { FAULT_FLAG_WRITE, VM_FAULT_NOPAGE } from "../../lib/mm/fault/vm_fault.js";
import { MM_ANONPAGES, MM_FILEPAGES, type VmAreaStruct } from "../../lib/mm/mm_types.js";
import { pfnToPage } from "../../lib/mm/pages/folio.js";
import {
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WRITE,
  __GFP_ZERO,
  GFP_HIGHUSER_MOVABLE,
  GFP_PGTABLE_USER,
} from "../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { pteMkold, ptePfn, ptepGet, setPte } from "../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { MAP_FIXED, MAP_PRIVATE, MAP_SHARED } from "../../lib/mm/vma/mman.js";
import { at, fd, file, kernel, map, mapFile, mm, PAGE, PRIVATE, task, useFile } from "./arena.js";
import { reclaimAll, whileAllocating } from "./pressure.js";

useFile();
beforeEach(() => {
  map(100, 1);
  task.store(at(100), 1, 1); // the upper tables
});

const FILE = MAP_PRIVATE | MAP_FIXED;
const ANON_ZEROED = GFP_HIGHUSER_MOVABLE | __GFP_ZERO;
const READAHEAD = GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN;
const PROT = 3;
/** Page 512 of the arena is the first of a page table that does not exist yet. */
const ELSEWHERE = 512;
/** Pages of its own that the process has before. */
const ANON = 1;

const check = (...others: Task[]): void =>
  checkInvariants(kernel.sys, [kernel.sys.initMm!, mm, ...others.map((other) => other.mm!)]);

function pteAt(page: number, of = mm): number {
  const ptep = pteOffset(of, at(page));
  return ptep === 0 ? 0 : ptepGet(of.sys.ram, ptep);
}

const pfnOf = (page: number): number => ptePfn(pteAt(page));
const fault = (vma: VmAreaStruct, page: number, flags = FAULT_FLAG_WRITE): number =>
  handleMmFault(vma, at(page), flags);

describe("a write to a read-only page, while the page for the copy is allocated", () => {
  it("finds its page reclaimed: the copy is dropped, and the write faults again", () => {
    mapFile(4, FILE);
    expect(task.load(at(0), 1)).toBe(1);
    const done = whileAllocating(kernel.sys, GFP_HIGHUSER_MOVABLE, () => reclaimAll(kernel.sys));
    task.store(at(0) + 1, 1, 77);
    expect([done(), task.load(at(0), 1), task.load(at(0) + 1, 1)]).toEqual([true, 1, 77]);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(ANON + 1);
    check();
  });

  it("keeps the page it copies from, so that reclaim can unmap it but not free it", () => {
    mapFile(4, FILE);
    task.load(at(0), 1);
    const folio = pfnToPage(kernel.sys, pfnOf(0)).head;
    const left: [boolean, number][] = [];
    whileAllocating(kernel.sys, GFP_HIGHUSER_MOVABLE, () => {
      reclaimAll(kernel.sys);
      left.push([file.inode.mapping.pages.get(0) === folio, pteAt(0)]);
    });
    task.store(at(0) + 1, 1, 77);
    expect(left).toEqual([[true, 0]]);
    check();
  });

  it("finds the entry old: that is enough to begin again", () => {
    const vma = map(4, 1);
    task.store(at(4), 1, 5);
    const child = sysFork(kernel, task) as Task;
    const ptep = pteOffset(mm, at(4));
    const pfn = pfnOf(4);
    whileAllocating(kernel.sys, GFP_HIGHUSER_MOVABLE, () =>
      setPte(kernel.sys.ram, ptep, pteMkold(ptepGet(kernel.sys.ram, ptep))),
    );
    const free = nrUnusedPages(kernel.sys);
    expect([fault(vma, 4), pfnOf(4)]).toEqual([0, pfn]);
    expect(nrUnusedPages(kernel.sys)).toBe(free);
    expect([fault(vma, 4), pfnOf(4) === pfn]).toEqual([0, false]);
    check(child);
  });
});

describe("the first write to a page, while its frame is allocated", () => {
  it("finds another thread's page there, and takes that", () => {
    const vma = map(4, 1);
    whileAllocating(kernel.sys, ANON_ZEROED, () => {
      fault(vma, 4);
      kernel.sys.ram.frame(pfnOf(4))[0] = 99;
    });
    expect(fault(vma, 4)).toBe(0);
    expect([task.load(at(4), 1), mm.rssStat[MM_ANONPAGES]]).toEqual([99, ANON + 1]);
    check();
  });

  it("finds another thread's table there, and uses that", () => {
    const vma = map(ELSEWHERE, 2);
    const tables = mm.pgtablesBytes;
    whileAllocating(kernel.sys, GFP_PGTABLE_USER, () => fault(vma, ELSEWHERE + 1));
    expect(fault(vma, ELSEWHERE)).toBe(0);
    expect(mm.pgtablesBytes - tables).toBe(PAGE);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(ANON + 2);
    check();
  });

  it("of a mapped file finds another thread's copy there", () => {
    const vma = mapFile(4, FILE);
    whileAllocating(kernel.sys, GFP_HIGHUSER_MOVABLE, () => {
      while (pteAt(1) === 0) fault(vma, 1);
      kernel.sys.ram.frame(pfnOf(1))[0] = 99;
    });
    while (fault(vma, 1) !== 0 && pteAt(1) === 0);
    expect([task.load(at(1), 1), task.load(at(1) + 1, 1)]).toEqual([99, 2]);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(ANON + 1);
    check();
  });
});

describe("the first read of a page, while its table is allocated", () => {
  it("does not put the zero page over what another thread wrote", () => {
    const vma = map(ELSEWHERE, 1);
    whileAllocating(kernel.sys, GFP_PGTABLE_USER, () => {
      fault(vma, ELSEWHERE);
      kernel.sys.ram.frame(pfnOf(ELSEWHERE))[0] = 99;
    });
    expect(fault(vma, ELSEWHERE, 0)).toBe(0);
    expect(task.load(at(ELSEWHERE), 1)).toBe(99);
    check();
  });

  it("of a file looks for the page only when the table is there", () => {
    expect(sysMmap(kernel, task, at(ELSEWHERE), 4 * PAGE, PROT, FILE, fd)).toBe(at(ELSEWHERE));
    const before = task.majFlt;
    const tables: boolean[] = [];
    const done = whileAllocating(kernel.sys, GFP_PGTABLE_USER, () => {
      tables.push(file.inode.mapping.pages.size > 0);
      reclaimAll(kernel.sys);
    });
    expect([task.load(at(ELSEWHERE) + 5, 1), task.load(at(ELSEWHERE + 3), 1)]).toEqual([1, 4]);
    expect([done(), tables]).toEqual([true, [true]]);
    expect([task.majFlt - before, mm.rssStat[MM_FILEPAGES]! > 0]).toEqual([1, true]);
    check();
  });
});

describe("the page cache, while a page for it is allocated", () => {
  it("may get the page from another reader: the write goes on with that one", () => {
    reclaimAll(kernel.sys);
    expect(file.inode.mapping.pages.size).toBe(0);
    const gfp = GFP_HIGHUSER_MOVABLE | __GFP_WRITE;
    const done = whileAllocating(kernel.sys, gfp, () => file.read(0, new Uint8Array(PAGE)));
    expect(file.write(10, Uint8Array.of(50, 51))).toBe(2);
    const bytes = new Uint8Array(13);
    file.read(0, bytes);
    expect([done(), [...bytes.subarray(9)]]).toEqual([true, [1, 50, 51, 1]]);
    check();
  });

  it("may get it from another reader: readahead goes on behind it", () => {
    reclaimAll(kernel.sys);
    const done = whileAllocating(kernel.sys, READAHEAD, () => file.read(PAGE, new Uint8Array(PAGE)));
    const bytes = new Uint8Array(4 * PAGE);
    expect(file.read(0, bytes)).toBe(4 * PAGE);
    expect([done(), [0, 1, 2, 3].map((page) => bytes[page * PAGE])]).toEqual([true, [1, 2, 3, 4]]);
    check();
  });

  it("keeps the page that is being read, though the mark in it starts the next window", () => {
    for (let page = 4; page < 12; page++) file.write(page * PAGE, new Uint8Array(PAGE).fill(page + 1));
    expect(file.fsync()).toBe(0);
    reclaimAll(kernel.sys);
    file.fRa.raPages = 4;
    const bytes = new Uint8Array(PAGE);
    const found: number[] = [];
    for (let page = 0; page < 12; page++) {
      whileAllocating(kernel.sys, READAHEAD, () => reclaimAll(kernel.sys));
      file.read(page * PAGE, bytes);
      found.push(bytes[7]!);
    }
    expect(found).toEqual(Array.from({ length: 12 }, (_, page) => page + 1));
    check();
  });

  it("of shared memory may get the page from another thread", () => {
    const vma = map(ELSEWHERE, 1, PROT, (PRIVATE & ~MAP_PRIVATE) | MAP_SHARED);
    const done = whileAllocating(kernel.sys, GFP_HIGHUSER_MOVABLE, () => {
      fault(vma, ELSEWHERE);
      kernel.sys.ram.frame(pfnOf(ELSEWHERE))[0] = 99;
    });
    fault(vma, ELSEWHERE);
    expect([done(), task.load(at(ELSEWHERE), 1)]).toEqual([true, 99]);
    check();
  });
});

describe("other calls, while they allocate a page table", () => {
  it("fork copies what is still mapped", () => {
    mapFile(4, FILE);
    map(4, 1);
    for (let page = 0; page < 4; page++) task.load(at(page), 1);
    task.store(at(0), 1, 66); // now the VMA has pages of its own, and is copied
    const mapped = [0, 1, 2].map((page) => pteAt(page) !== 0);
    // The child gets four tables, one at each level; the entries are copied to the last.
    let nrTables = 0;
    const last = (): void => {
      if (++nrTables === 4) reclaimAll(kernel.sys);
    };
    const done = whileAllocating(kernel.sys, GFP_PGTABLE_USER, last, 4);
    const child = sysFork(kernel, task) as Task;
    expect([mapped, done()]).toEqual([[true, true, true], true]);
    check(child);
    kernel.enter(child);
    expect([child.load(at(0), 1), child.load(at(1), 1)]).toEqual([66, 2]);
    check(child);
  });

  it("mremap moves what is still mapped", () => {
    mapFile(4, FILE);
    for (let page = 0; page < 4; page++) task.load(at(page), 1);
    task.store(at(2), 1, 66);
    const done = whileAllocating(kernel.sys, GFP_PGTABLE_USER, () => reclaimAll(kernel.sys));
    expect(sysMremap(kernel, task, at(0), 4 * PAGE, 4 * PAGE, 3, at(ELSEWHERE))).toBe(at(ELSEWHERE));
    check();
    const bytes = [0, 1, 2, 3].map((page) => task.load(at(ELSEWHERE + page), 1));
    expect([done(), bytes]).toEqual([true, [1, 2, 66, 4]]);
  });
});

describe("the first write through a shared mapping, while the file system prepares it", () => {
  it("finds its page unmapped: nothing is made writable, and the write faults again", () => {
    const vma = mapFile(4, MAP_SHARED | MAP_FIXED);
    task.load(at(0), 1);
    const { pageMkwrite } = vma.vmOps!;
    const results: number[] = [];
    vma.vmOps = {
      ...vma.vmOps,
      pageMkwrite: (vmf) => {
        const ret = pageMkwrite!(vmf);
        if (results.length === 0) reclaimAll(kernel.sys);
        results.push(ret);
        return ret;
      },
    };
    expect(fault(vma, 0)).toBe(VM_FAULT_NOPAGE);
    expect(pteAt(0)).toBe(0);
    task.store(at(0), 1, 44);
    expect([task.load(at(0), 1), results.length]).toEqual([44, 2]);
    check();
  });
});
