import { describe, expect, it } from "vitest";
import { ftruncate } from "../../../lib/fs/file_tree.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VmFault,
} from "../../../lib/mm/fault/vm_fault.js";
import { filemapFault, filemapMapPages, filemapPageMkwrite } from "../../../lib/mm/filemap/filemap_fault.js";
import { mappingTryInvalidate } from "../../../lib/mm/filemap/truncate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_FILEPAGES, VM_RAND_READ, type VmAreaStruct } from "../../../lib/mm/mm_types.js";
import {
  type Folio,
  folioMapcount,
  PG_dirty,
  PG_readahead,
  PG_uptodate,
} from "../../../lib/mm/pages/folio.js";
import { ptePfn, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pmdAlloc, pteAlloc, pteOffset, pteOffsetPmd } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { PGMAJFAULT } from "../../../lib/mm/vmstat.js";
import { at, file, kernel, mapFile, mm, useFile } from "../arena.js";

useFile();

/** A fault on page `page` of the mapping, as far as it is known when the file is asked. */
function faultAt(vma: VmAreaStruct, page: number, flags = FAULT_FLAG_ALLOW_RETRY): VmFault {
  const vmf = new VmFault(vma, at(page), flags);
  vmf.pmdp = pmdAlloc(mm, at(page));
  vmf.ptep = pteOffsetPmd(mm, vmf.pmdp, at(page));
  return vmf;
}

const cached = (): number[] => [...file.fMapping.pages.keys()].sort((a, b) => a - b);
const folioOf = (page: number): Folio => file.fMapping.pages.get(page)!;
const majors = (): number => kernel.sys.vmStat.events[PGMAJFAULT]!;

/** Takes pages [first, last] of the file out of the cache; batches hold none. */
function drop(first: number, last: number): void {
  lruAddDrainAll(kernel.sys);
  mappingTryInvalidate(file.fMapping, first, last);
}

/** Takes all of them. */
function dropAll(): void {
  drop(0, 3);
  expect(cached()).toEqual([]);
}

/** The pages that have an entry, and whether each names the cache's frame. */
function mapped(): number[] {
  return [0, 1, 2, 3].filter((page) => {
    const ptep = pteOffset(mm, at(page));
    return (
      ptep !== 0 && ptepGet(mm.sys.ram, ptep) !== 0 && ptePfn(ptepGet(mm.sys.ram, ptep)) === folioOf(page).pfn
    );
  });
}

describe("filemapFault", () => {
  it("takes a page that is in the cache, with a hold on it, and nothing is major", () => {
    const vmf = faultAt(mapFile(4, 0x11), 1);
    const holds = folioOf(1).refcount;
    expect(filemapFault(vmf)).toBe(VM_FAULT_LOCKED);
    expect([vmf.page!.pfn, folioOf(1).refcount, majors()]).toEqual([folioOf(1).pfn, holds + 1, 0]);
  });

  it("is a bus error behind the last page of the file", () => {
    const vma = mapFile(4, 0x11);
    ftruncate(file, 2 * 4096 + 1); // three pages
    expect(filemapFault(faultAt(vma, 2))).toBe(VM_FAULT_LOCKED);
    expect(filemapFault(faultAt(vma, 3))).toBe(VM_FAULT_SIGBUS);
  });

  it("reads a missing page and those around it, counts a major fault, and wants to be asked again", () => {
    const vma = mapFile(4, 0x11);
    dropAll();
    const vmf = faultAt(vma, 1);
    expect(filemapFault(vmf)).toBe(VM_FAULT_MAJOR | VM_FAULT_RETRY);
    expect([vmf.page, majors(), cached()]).toEqual([undefined, 1, [0, 1, 2, 3]]);
    expect(folioOf(1).flags & PG_uptodate).toBe(PG_uptodate);
    const again = faultAt(vma, 1, FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED);
    expect(filemapFault(again)).toBe(VM_FAULT_LOCKED);
    expect([again.page!.pfn, majors()]).toEqual([folioOf(1).pfn, 1]);
  });

  it("waits in place where it may not be asked again", () => {
    const vma = mapFile(4, 0x11);
    dropAll();
    const vmf = faultAt(vma, 2, 0);
    expect(filemapFault(vmf)).toBe(VM_FAULT_MAJOR | VM_FAULT_LOCKED);
    expect(kernel.sys.ram.frame(vmf.page!.pfn)[0]).toBe(3);
  });

  it("reads only the page itself in a mapping that is used in no order", () => {
    const vma = mapFile(4, 0x11);
    dropAll();
    vma.vmFlags |= VM_RAND_READ;
    filemapFault(faultAt(vma, 2));
    expect(cached()).toEqual([2]);
  });

  it("says at once that there is no memory", () => {
    const vma = mapFile(4, 0x11);
    dropAll();
    const vmf = faultAt(vma, 1);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(filemapFault(vmf)).toBe(VM_FAULT_OOM);
  });
});

describe("filemapMapPages", () => {
  it("maps what is in the cache, counts it, and says whether the faulting page was there", () => {
    const vma = mapFile(4, 0x11);
    expect(filemapMapPages(faultAt(vma, 1), 0, 3)).toBe(VM_FAULT_NOPAGE);
    expect([mapped(), mm.rssStat[MM_FILEPAGES]]).toEqual([[0, 1, 2, 3], 4]);
    expect([0, 1, 2, 3].map((page) => folioMapcount(folioOf(page)))).toEqual([1, 1, 1, 1]);
  });

  it("keeps to its window, and to the file", () => {
    const vma = mapFile(4, 0x11);
    expect(filemapMapPages(faultAt(vma, 0), 1, 2)).toBe(0); // page 0 itself is outside
    expect(mapped()).toEqual([1, 2]);
    ftruncate(file, 3 * 4096);
    expect(filemapMapPages(faultAt(vma, 0), 0, 9)).toBe(VM_FAULT_NOPAGE);
    expect(mapped()).toEqual([0, 1, 2]);
  });

  it("leaves out what is missing, not yet read, or marked to start readahead", () => {
    const vma = mapFile(4, 0x11);
    drop(0, 0);
    pteAlloc(mm, at(0));
    folioOf(1).flags &= ~PG_uptodate;
    folioOf(2).flags |= PG_readahead;
    expect(filemapMapPages(faultAt(vma, 0), 0, 3)).toBe(0);
    folioOf(1).flags |= PG_uptodate;
    expect([pteOffset(mm, at(3)) !== 0, mm.rssStat[MM_FILEPAGES]]).toEqual([true, 1]);
  });

  it("makes no table for the file's last folio alone: the fault itself will", () => {
    const vma = mapFile(4, 0x11);
    drop(0, 2);
    expect(filemapMapPages(faultAt(vma, 3), 0, 3)).toBe(0);
    expect(pteOffset(mm, at(3))).toBe(0);
    pteAlloc(mm, at(3));
    expect(filemapMapPages(faultAt(vma, 3), 0, 3)).toBe(VM_FAULT_NOPAGE);
  });

  it("does not touch entries that are there", () => {
    const vma = mapFile(4, 0x11);
    const marker = 7 * 4096 + 0x101; // somebody else's page
    setPte(mm.sys.ram, pteAlloc(mm, at(2)), marker);
    filemapMapPages(faultAt(vma, 1), 0, 3);
    expect([ptepGet(mm.sys.ram, pteOffset(mm, at(2))), mm.rssStat[MM_FILEPAGES]]).toEqual([marker, 3]);
    setPte(mm.sys.ram, pteOffset(mm, at(2)), 0);
  });

  it("says that there is no memory for a table", () => {
    const vmf = faultAt(mapFile(4, 0x11), 1);
    kernel.sys.shouldFailAllocPage = () => true;
    expect(filemapMapPages(vmf, 0, 3)).toBe(VM_FAULT_OOM);
    expect(mm.rssStat[MM_FILEPAGES]).toBe(0);
  });
});

describe("filemapPageMkwrite", () => {
  /** A write fault on page 1, whose page is known. */
  function writeFault(): VmFault {
    const vmf = faultAt(mapFile(4, 0x11), 1, FAULT_FLAG_WRITE);
    vmf.page = folioOf(1);
    return vmf;
  }

  it("makes the page dirty", () => {
    const vmf = writeFault();
    expect(folioOf(1).flags & PG_dirty).toBe(0);
    expect(filemapPageMkwrite(vmf)).toBe(VM_FAULT_LOCKED);
    expect([folioOf(1).flags & PG_dirty, file.fMapping.dirtyFolios.size]).toEqual([PG_dirty, 1]);
  });

  it("is a bus error where the file has become shorter, and no page where the page left it", () => {
    const vmf = writeFault();
    const folio = folioOf(1);
    file.fMapping.host.iSize = 4096;
    expect(filemapPageMkwrite(vmf)).toBe(VM_FAULT_SIGBUS);
    folio.mapping = undefined;
    expect(filemapPageMkwrite(vmf)).toBe(VM_FAULT_NOPAGE);
    expect(folio.flags & PG_dirty).toBe(0);
  });
});
