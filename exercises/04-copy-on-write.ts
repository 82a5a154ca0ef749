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

import { NotWrittenYet, type Process, type Prot, pageAlign, pageAlignDown } from "pagewalk";
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
  throw new NotWrittenYet("04.1");
}

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
  throw new NotWrittenYet("04.2");
}

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
  throw new NotWrittenYet("04.3");
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
  throw new NotWrittenYet("04.4");
}

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
  throw new NotWrittenYet("04.5");
}
