/**
 * Lab 04, Copy-on-write fork: five exercises, two of them parts of the running kernel: what fork does to one
 * page-table entry, and what happens when a process writes to a page that it shares.
 *
 * Notebook: notebooks/04-copy-on-write.ipynb. Check your work there with `await check("04.1")`, or in a terminal
 * with `npx pagewalk grade 04.1`; `npx pagewalk hint 04.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: doWpPage here is do_wp_page() in the kernel's mm/memory.c. Two counts decide everything:
 *
 *   page.mapcount     how many page-table entries map this page
 *   folio.refcount    how many hold it: one for each entry, and others (the page cache, a batch on its way to an LRU list)
 *
 * A folio is a block of pages with one refcount; of anonymous memory here always a single page. An entry (`pte`) is a
 * number; `ptep` says where it lies: setPte(sys.ram, ptep, pte) writes it, pteWrite(pte) asks for R/W, pteWrprotect(pte)
 * gives the same entry without R/W.
 */

import { type Process, type Prot, pageAlign, pageAlignDown } from "pagewalk";
import {
  __GFP_ZERO,
  addMmCounter,
  allocPages,
  anonVmaPrepare,
  copyUserHighpage,
  type Folio,
  flushTlbPage,
  folioAddLruVma,
  folioAddNewAnonRmap,
  folioDupFileRmapPtes,
  folioMoveAnonRmap,
  folioPut,
  folioRemoveRmapPtes,
  folioTestAnon,
  folioTryDupAnonRmapPte,
  GFP_HIGHUSER_MOVABLE,
  isCowMapping,
  lruAddDrain,
  MM_ANONPAGES,
  maybeMkwrite,
  mmCounterFile,
  type Page,
  PG_lru,
  PG_uptodate,
  pageFolio,
  pfnPte,
  pteClear,
  pteMkclean,
  pteMkdirty,
  pteMkold,
  pteWrite,
  pteWrprotect,
  setPte,
  VM_FAULT_OOM,
  VM_SHARED,
  type VmAreaStruct,
  type VmFault,
  type VmFaultResult,
  vmaPageProt,
  vmNormalPage,
  wpPageReuse,
  wpPageShared,
} from "pagewalk/kernel";

// HINT 04.1: Two halves. First the books: one more entry maps this page. Then the entries themselves, the parent's and
//   the child's.
// HINT 04.1: page = vmNormalPage(srcVma, srcPte) is undefined for the zero page: nobody counts that one. Else folio =
//   pageFolio(page), folio.refcount++, and ask folioTestAnon(folio).
// HINT 04.1: Anonymous: folioTryDupAnonRmapPte(sys, folio, page) counts the mapping and notes that nobody has the page
//   to itself any more. A file's page: folioDupFileRmapPtes(sys, folio, page, 1).
// HINT 04.1: The CHILD got a page more: addMmCounter(dstVma.vmMm, MM_ANONPAGES, 1), or mmCounterFile(folio) in place of
//   MM_ANONPAGES. The parent's counter stays.
// HINT 04.1: If isCowMapping(srcVma.vmFlags) and the entry is writable: take R/W away, and write that back to srcPtep. A
//   shared mapping keeps R/W: there both are meant to write to the same page.
// HINT 04.1: The child's entry is the parent's, but old (pteMkold: the child has not used it yet), and in a
//   shared mapping clean (pteMkclean: it has not written through it either).
/**
 * 04.1 Copy one entry for the child. fork calls this for every present entry of the parent that a fault could not bring
 * back. `srcPte` is the parent's entry, at `srcPtep`; the child's goes to `dstPtep`. Linux calls this copy_present_ptes().
 *
 * - No page is copied: both entries name the same frame. The page gets one reference and one mapping more, and the
 *   child's address space counts it (MM_ANONPAGES, or what mmCounterFile says). The zero page has no books.
 * - In a private mapping that may be written (isCowMapping), both lose the right to write. The caller flushes the
 *   parent's TLB when all entries are done. A parent's entry that is read-only already is not written again: another CPU
 *   may be setting A in it.
 * - In a shared mapping (VM_SHARED) both keep it; the child's entry is clean.
 * - The child's entry is not accessed yet (pteMkold).
 * - Returns 0.
 */
export function copyPresentPte(
  dstVma: VmAreaStruct,
  srcVma: VmAreaStruct,
  dstPtep: number,
  srcPtep: number,
  srcPte: number,
): number {
  // SOLUTION BEGIN
  const { sys } = srcVma.vmMm;
  const page = vmNormalPage(srcVma, srcPte);
  if (page !== undefined) {
    const folio = pageFolio(page);
    folio.refcount++;
    if (folioTestAnon(folio)) {
      folioTryDupAnonRmapPte(sys, folio, page);
      addMmCounter(dstVma.vmMm, MM_ANONPAGES, 1);
    } else {
      folioDupFileRmapPtes(sys, folio, page, 1);
      addMmCounter(dstVma.vmMm, mmCounterFile(folio), 1);
    }
  }
  let pte = srcPte;
  if (isCowMapping(srcVma.vmFlags) && pteWrite(pte)) {
    pte = pteWrprotect(pte);
    setPte(sys.ram, srcPtep, pte);
  }
  if (srcVma.vmFlags & VM_SHARED) pte = pteMkclean(pte);
  setPte(sys.ram, dstPtep, pteMkold(pte));
  return 0;
  // SOLUTION END
}

// HINT 04.2: Three ways out, in this order: shared mapping, reuse, copy. vmf.page = vmNormalPage(vma, vmf.origPte) first:
//   undefined means the zero page.
// HINT 04.2: A shared mapping: without a page wpPageReuse(vmf), else wpPageShared(vmf, pageFolio(vmf.page)).
// HINT 04.2: Reuse: the page is anonymous, and either page.anonExclusive, or nobody else holds it: refcount 1, the one of
//   this very entry. A page that is not on an LRU list yet (PG_lru) is held by a batch: lruAddDrain(sys) first.
// HINT 04.2: A page that is ours again: folioMoveAnonRmap(folio, vma), page.anonExclusive = true, wpPageReuse(vmf).
// HINT 04.2: Copy: take a reference of the old page first. anonVmaPrepare(vma); a new page from allocPages(sys,
//   GFP_HIGHUSER_MOVABLE, 0) (with __GFP_ZERO if the old one is the zero page); copyUserHighpage(sys, to, from);
//   PG_uptodate. Where there is no new page: give your reference back, VM_FAULT_OOM.
// HINT 04.2: The entry is pteMkdirty(pfnPte(pfn, vmaPageProt(vma))), writable by maybeMkwrite(entry, vma). But first pteClear
//   and flushTlbPage(vmMm, vmf.address): another thread must not go on reading the old page. Then folioAddNewAnonRmap(...,
//   true), folioAddLruVma, setPte.
// HINT 04.2: The books: the process has one anonymous page more if the old one was the zero page or a file's; a file's
//   page goes off its counter. At last the old page: folioRemoveRmapPtes(oldFolio, vmf.page, 1, vma), and folioPut
//   twice: the entry's reference, and yours.
/**
 * 04.2 A write to a read-only entry. The mapping allows the write, but the entry `vmf.origPte` at `vmf.ptep` is
 * read-only: copy, or use the page in place? Linux calls this do_wp_page().
 *
 * - A shared mapping (VM_SHARED) never copies: wpPageShared(vmf, folio) tells the file and makes the entry writable. A
 *   page without a folio: wpPageReuse(vmf).
 * - An anonymous page that belongs to this process alone is used in place: wpPageReuse(vmf) makes the entry writable.
 *   It does if `page.anonExclusive` says so, or if its refcount is 1; then it becomes exclusive again (anonExclusive,
 *   folioMoveAnonRmap). A new page is held once more by an LRU batch until it is on a list (PG_lru in folio.flags):
 *   lruAddDrain(sys) empties the batches, so do that before counting.
 * - Everything else is copied: a page that others map too, a page of a file, the zero page. The process gets a new page
 *   with the same bytes; the entry is dirty and writable; the old page loses a mapping and a reference. Pages of user memory
 *   are allocated with GFP_HIGHUSER_MOVABLE, and with __GFP_ZERO only where nothing is copied into them.
 * - A new page is uptodate (PG_uptodate), exclusive in the reverse map (folioAddNewAnonRmap), and on its way to an LRU list.
 *   While the TLBs are flushed, the entry is empty (pteClear): another CPU must not take the old page up again.
 * - Returns 0, or what wpPageShared says; VM_FAULT_OOM without memory for the copy, and then nothing has changed.
 */
export function doWpPage(vmf: VmFault): VmFaultResult {
  // SOLUTION BEGIN
  const { vma } = vmf;
  vmf.page = vmNormalPage(vma, vmf.origPte);
  const folio = vmf.page === undefined ? undefined : pageFolio(vmf.page);
  if (vma.vmFlags & VM_SHARED) return folio === undefined ? wpPageReuse(vmf) : wpPageShared(vmf, folio);
  if (folio !== undefined && isOurs(vma, folio, vmf.page!)) return wpPageReuse(vmf);
  return copyPage(vmf, folio);
  // SOLUTION END
}

// SOLUTION BEGIN
function isOurs(vma: VmAreaStruct, folio: Folio, page: Page): boolean {
  if (!folioTestAnon(folio)) return false;
  if (page.anonExclusive) return true;
  if (!(folio.flags & PG_lru)) lruAddDrain(vma.vmMm.sys);
  if (folio.refcount !== 1) return false;
  folioMoveAnonRmap(folio, vma);
  page.anonExclusive = true;
  return true;
}

function copyPage(vmf: VmFault, oldFolio: Folio | undefined): VmFaultResult {
  const { vma } = vmf;
  const { vmMm } = vma;
  const { sys } = vmMm;
  if (oldFolio !== undefined) oldFolio.refcount++;
  anonVmaPrepare(vma);
  const zero = oldFolio === undefined ? __GFP_ZERO : 0;
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE | zero, 0);
  if (folio === undefined) {
    if (oldFolio !== undefined) folioPut(sys, oldFolio);
    return VM_FAULT_OOM;
  }
  if (oldFolio !== undefined) copyUserHighpage(sys, folio.pfn, vmf.page!.pfn);
  folio.flags |= PG_uptodate;
  if (oldFolio === undefined || !folioTestAnon(oldFolio)) {
    addMmCounter(vmMm, MM_ANONPAGES, 1);
    if (oldFolio !== undefined) addMmCounter(vmMm, mmCounterFile(oldFolio), -1);
  }
  pteClear(sys.ram, vmf.ptep);
  flushTlbPage(vmMm, vmf.address);
  folioAddNewAnonRmap(folio, vma, vmf.address, true);
  folioAddLruVma(folio, vma);
  setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pfnPte(folio.pfn, vmaPageProt(vma))), vma));
  if (oldFolio === undefined) return 0;
  folioRemoveRmapPtes(oldFolio, vmf.page!, 1, vma);
  folioPut(sys, oldFolio);
  folioPut(sys, oldFolio);
  return 0;
}

// SOLUTION END
/** A page of a process, as the kernel finds it behind one present entry. */
export interface MappedPage {
  /** How many entries map this page; 0 for the zero page, which nobody counts. */
  mapcount: number;
  /** The entry or the page is dirty. */
  dirty: boolean;
}

/** What 04.3 gives, in kB as /proc prints it: whole kB (1024 bytes), the rest cut off. */
export interface MemorySum {
  Rss: number;
  Pss: number;
  Shared_Clean: number;
  Shared_Dirty: number;
  Private_Clean: number;
  Private_Dirty: number;
}

// HINT 04.3: Rss counts every page as 4 kB; the four others sort these pages: mapped more than once is shared, dirty is dirty.
// HINT 04.3: Pss: a page that three processes map is a third of a page to each. 4096 / 3 bytes is no whole number,
//   and Linux has no fractions: it counts in 1/4096 of a byte.
// HINT 04.3: For each page Math.floor((4096 * 4096) / mapcount). Add these up; divide by 4096 (bytes) and by 1024 (kB) at
//   the very end, and round down once.
/**
 * 04.3 PSS. Adds up the pages of a process as /proc/PID/smaps_rollup does.
 *
 * - Rss: all pages. The zero page (mapcount 0) counts nowhere.
 * - A page with more than one mapping is Shared_, else Private_; _Dirty or _Clean.
 * - Pss, the proportional share: a page counts divided by its mapcount, rounded down to 1/4096 byte. Only the sum is rounded
 *   down to kB: 60 pages shared by three are 79 kB, as on Linux, not 80.
 *
 * `sumPages([{ mapcount: 1, dirty: true }, { mapcount: 2, dirty: false }])` is { Rss: 8, Pss: 6, Shared_Clean: 4, Shared_Dirty: 0,
 * Private_Clean: 0, Private_Dirty: 4 }.
 */
export function sumPages(pages: readonly MappedPage[]): MemorySum {
  // SOLUTION BEGIN
  const counted = pages.filter(({ mapcount }) => mapcount > 0);
  const pss = counted.reduce((sum, { mapcount }) => sum + Math.floor((4096 * 4096) / mapcount), 0);
  const kb = (shared: boolean, dirty: boolean): number =>
    counted.filter((page) => page.mapcount > 1 === shared && page.dirty === dirty).length * 4;
  return {
    Rss: counted.length * 4,
    Pss: Math.floor(pss / 4096 / 1024),
    Shared_Clean: kb(true, false),
    Shared_Dirty: kb(true, true),
    Private_Clean: kb(false, false),
    Private_Dirty: kb(false, true),
  };
  // SOLUTION END
}

/** A part of a program that exec loads; a program header of an ELF file says the same. */
export interface Segment {
  /** Where in memory. */
  vaddr: number;
  /** Where in the file; offset and vaddr have the same remainder modulo 4096. */
  offset: number;
  /** Bytes that the file has, and bytes in memory: the rest is zeros (bss). */
  filesz: number;
  memsz: number;
  /** "r", "rx" or "rw". */
  prot: Prot;
}

// HINT 04.4: First what may fail, while the old program can still be told: fd = process.open(path, { writable: false })
//   throws when there is no such file; let it. kernel.newMm() gives a number when there is no memory: close fd, return it.
// HINT 04.4: The point of no return: process.kernel.switchMm(process.task, mm). The old address space loses its user. Signal
//   handlers lie in it: process.task.signal.handlers.clear().
// HINT 04.4: A segment's file part: from pageAlignDown(vaddr) to pageAlign(vaddr + filesz), the file from
//   pageAlignDown(offset): process.mmap(length, { at, fixed: true, prot, fd, offset }), a private mapping.
// HINT 04.4: Bss: the file's last page goes on behind vaddr + filesz with bytes that are not ours. Store zeros to the end of
//   that page (if memsz > filesz). Behind it, whole pages without a file, to pageAlign(vaddr + memsz).
// HINT 04.4: The heap begins at the page after the highest segment: process.mm.startBrk = process.mm.brk = that. Close fd: the
//   mappings hold the file by themselves.
/**
 * 04.4 exec. Runs another program in `process`: throws the address space away and builds a new one from the file at `path`. Only
 * the mappings here, no stack and no vdso.
 *
 * - What may fail comes first: `process.open(path, { writable: false })` throws a SyscallError without such a file, and
 *   `process.kernel.newMm()` returns -ENOMEM without memory: return that. The old program then goes on as if nothing had been.
 * - Point of no return: `process.kernel.switchMm(process.task, mm)` puts the new, empty address space in the place of the old one, which
 *   ends if nobody else uses it. Signal handlers go, too (process.task.signal.handlers, a Map). Open files and the pid stay.
 * - Each segment is a private mapping of the file, at its address, with its rights, in whole pages. Nothing is read: pages come by faults.
 * - Bytes from vaddr + filesz to vaddr + memsz are zeros: those in the last page of the file's part are stored (so that page is copied at
 *   once), whole pages after it are anonymous memory. No page of a segment is mapped twice; where two segments share a page, the
 *   later one has it.
 * - The heap starts empty (mm.startBrk, mm.brk) at the page after the highest segment. The file is closed again. Returns 0.
 */
export function exec(process: Process, path: string, segments: readonly Segment[]): number {
  // SOLUTION BEGIN
  const fd = process.open(path, { writable: false });
  const mm = process.kernel.newMm();
  if (typeof mm === "number") {
    process.close(fd);
    return mm;
  }
  process.kernel.switchMm(process.task, mm);
  process.task.signal.handlers.clear();
  let brk = 0;
  for (const segment of segments) brk = Math.max(brk, loadSegment(process, fd, segment));
  mm.startBrk = brk;
  mm.brk = brk;
  process.close(fd);
  return 0;
  // SOLUTION END
}

// SOLUTION BEGIN
function loadSegment(process: Process, fd: number, segment: Segment): number {
  const { vaddr, filesz, memsz, prot } = segment;
  const at = pageAlignDown(vaddr);
  const fileEnd = vaddr + filesz;
  const memEnd = pageAlign(vaddr + memsz);
  let end = at;
  if (filesz > 0) {
    end = pageAlign(fileEnd);
    process.mmap(end - at, { at, fixed: true, prot, fd, offset: pageAlignDown(segment.offset) });
    if (memsz > filesz) for (let va = fileEnd; va < end; va++) process.store(va, 1, 0);
  }
  if (memEnd > end) process.mmap(memEnd - end, { at: end, fixed: true, prot });
  return memEnd;
}

// SOLUTION END
/** One step of a family's life. */
export interface FamilyStep {
  /** "write" to a page, "fork" a child, or "exit". */
  op: "write" | "fork" | "exit";
  /** Who does it. */
  who: string;
  /** write: the page, 0, 1, 2, ... */
  page?: number;
  /** fork: the child's name. */
  child?: string;
}

/** What 04.5 gives. */
export interface FamilyMemory {
  /** For each page that anyone has: the groups of processes that share one frame, `[["P", "C1"], ["C2"]]`. */
  owners: Record<number, string[][]>;
  /** Frames in use now. */
  frames: number;
  /** Pages copied so far. */
  copies: number;
  /** Write faults so far that used the page in place. */
  reuses: number;
}

// HINT 04.5: Keep for each process and page two things: the frame (an object, shared by all who map it) and whether the entry is
//   writable.
// HINT 04.5: fork: the child gets the same frames; every entry of BOTH is read-only afterwards. exit: its entries are gone.
// HINT 04.5: write: no entry yet: a new frame, writable (neither a copy nor a reuse). A writable entry: nothing happens. Else: mapped
//   by others too, a copy; by nobody else, a reuse. Writable in both cases.
// HINT 04.5: At the end, for each page: go through the processes in order of birth, and put each into the group that has its frame.
/**
 * 04.5 Predict who owns which frame. "P" is the first process; its private memory has not been touched yet. Carries out the steps on paper,
 * without a machine, and says who shares which frame at the end, and what the writes cost.
 *
 * Groups and their members stand in order of birth: the group of the eldest comes first. A page that nobody has any more is not in `owners`.
 *
 * After P writes page 0, forks C, and C writes page 0: { owners: { 0: [["P"], ["C"]] }, frames: 2, copies: 1, reuses: 0 }. If P then writes
 * page 0 as well, it finds itself the last owner: reuses: 1.
 */
export function predictOwners(steps: readonly FamilyStep[]): FamilyMemory {
  // SOLUTION BEGIN
  const family = new Map<string, Map<number, { frame: object; writable: boolean }>>([["P", new Map()]]);
  const memory: FamilyMemory = { owners: {}, frames: 0, copies: 0, reuses: 0 };
  for (const { op, who, page = 0, child = "" } of steps) {
    const mine = family.get(who)!;
    if (op === "exit") family.delete(who);
    else if (op === "fork") {
      for (const entry of mine.values()) entry.writable = false;
      family.set(child, new Map([...mine].map(([at, entry]) => [at, { ...entry }])));
    } else {
      const entry = mine.get(page);
      if (entry === undefined) mine.set(page, { frame: {}, writable: true });
      else if (!entry.writable) {
        const owners = [...family.values()].filter((one) => one.get(page)?.frame === entry.frame).length;
        if (owners > 1) mine.set(page, { frame: {}, writable: true });
        else entry.writable = true;
        if (owners > 1) memory.copies++;
        else memory.reuses++;
      }
    }
  }
  const groups = new Map<object, string[]>();
  for (const [name, pages] of family)
    for (const [page, { frame }] of pages) {
      const group = groups.get(frame);
      if (group !== undefined) group.push(name);
      else {
        const fresh = [name];
        groups.set(frame, fresh);
        memory.owners[page] = [...(memory.owners[page] ?? []), fresh];
      }
    }
  memory.frames = groups.size;
  return memory;
  // SOLUTION END
}
