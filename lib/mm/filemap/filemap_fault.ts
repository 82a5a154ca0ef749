/**
 * Page faults on files: bringing one page in, and mapping those around it that are there already.
 *
 *   1st try  doReadFault: filemapMapPages maps nothing (page missing)
 *            filemapFault: miss -> PGMAJFAULT, read around it, let go of the mmap lock --> VM_FAULT_MAJOR | VM_FAULT_RETRY
 *   2nd try  filemapMapPages finds the page and up to 15 neighbours --> done; counted as one major fault
 *
 * Reading from a device takes long, so Linux does not keep the address space locked meanwhile: it gives up
 * the lock, waits, and lets the fault start again (FAULT_FLAG_TRIED). If retrying is not allowed, the fault
 * waits in place. A page that is in the cache but still on its way (read ahead) is waited for in the same
 * manner; it was not missing, so the fault counts as a minor one.
 *
 * A large folio in the cache is mapped whole where file, VMA and PTE page have room, even beyond the 64 KiB
 * window. Folios marked for readahead are left out of fault-around, so that touching them starts the next
 * window.
 *
 * (Linux has this in mm/filemap.c.)
 *
 * Read first: mm/fault/file_fault.ts, filemap.ts. Read next: mm/lru/page_writeback.ts.
 */

import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { setPteRange, vmaFolioPage } from "../fault/file_fault.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from "../fault/vm_fault.js";
import { filemapMapPmd } from "../huge/file_pmd.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "../huge/thp_state.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { folioMarkDirty } from "../lru/page_writeback.js";
import { countMemcgEvents } from "../memcg/stats.js";
import {
  addMmCounter,
  VM_EXEC,
  VM_HUGEPAGE,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmAreaStruct,
  type VmFaultResult,
  vmaPages,
} from "../mm_types.js";
import { outOfSteps, STEP_BUDGET } from "../mmdebug.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  folioRefAdd,
  PG_locked,
  PG_readahead,
  PG_uptodate,
  PG_workingset,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_FS, __GFP_IO } from "../pages/gfp.js";
import { addMmRssTogether } from "../percpu_counter.js";
import { pmdLeaf, ptepGet } from "../pgtable/pgtable.js";
import { vmfPteAlloc } from "../pgtable/pgtable_alloc.js";
import { countVmEvent, PGMAJFAULT } from "../vmstat.js";
import { filemapGetFolio, mappingGfpMask } from "./address_space.js";
import { FileRaState } from "./file_ra_state.js";
import { filemapGetFolioCreat, filemapReadFolio } from "./filemap.js";
import { folioIsLocked, folioWaitLocked } from "./folio_wait.js";
import type { AddressSpace } from "./mapping.js";
import { MMAP_LOTSAMISS, pageCacheAsyncRa, pageCacheRaOrder, pageCacheSyncRa } from "./readahead.js";

function raOf(vma: VmAreaStruct): FileRaState {
  const file = vma.vmFile!;
  file.fRa ??= new FileRaState(vma.vmMm.sys.readAheadPages);
  return file.fRa;
}

/**
 * Whether the lock may be given up: only in a first try that allows it.
 * Linux mm/filemap.c:maybe_unlock_mmap_for_io()
 */
function mayUnlockForIo(vmf: VmFault): boolean {
  return (vmf.flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY;
}

/**
 * How a fault allocates a page of the file: it may wait for disk and file system.
 * Linux mm/memory.c:__get_fault_gfp_mask()
 */
function faultGfpMask(mapping: AddressSpace): number {
  return mappingGfpMask(mapping) | __GFP_FS | __GFP_IO;
}

/**
 * Brings page vmf.pgoff in: vmf.page with a reference. Linux mm/filemap.c:filemap_fault()
 *
 * Differs from Linux: without memory it says so at once. There, the allocation of a single page fails only
 * for a task that the OOM killer has chosen, and whoever is told to try again sees the fatal signal first.
 */
export function filemapFault(vmf: VmFault): VmFaultResult {
  const mapping = vmf.vma.vmFile!.fMapping;
  const { sys } = mapping.host;
  if (beyondEnd(vmf, mapping)) return VM_FAULT_SIGBUS;
  let ret = 0;
  let unlocked = false;
  const cached = filemapGetFolio(mapping, vmf.pgoff);
  if (cached !== undefined) {
    if ((vmf.flags & FAULT_FLAG_TRIED) === 0) unlocked = doAsyncMmapReadahead(vmf, mapping, cached);
  } else {
    countVmEvent(sys, PGMAJFAULT);
    countMemcgEvents(vmf.vma.vmMm.memcg, PGMAJFAULT, 1);
    ret = VM_FAULT_MAJOR;
    unlocked = doSyncMmapReadahead(vmf, mapping);
  }
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`bringing in page ${vmf.pgoff} of a file (filemap_fault)`);
    const folio = filemapGetFolioCreat(mapping, vmf.pgoff, 0, faultGfpMask(mapping));
    // Even where the lock was given up: VM_FAULT_RETRY promises that another try finds the page, and a caller
    // that then starts as if nothing had been tried (mm_populate) would never end.
    if (typeof folio === "number") return VM_FAULT_OOM;
    const waits = folioIsLocked(sys, folio) || (folio.flags & PG_uptodate) === 0;
    unlocked ||= waits && mayUnlockForIo(vmf);
    const error = waits ? waitForFolio(mapping, folio) : 0;
    if (error === 0 && !unlocked && folio.mapping === mapping) return lockedPage(vmf, mapping, folio, ret);
    folioPut(sys, folio);
    if (unlocked) return ret | VM_FAULT_RETRY;
    if (error !== 0) return VM_FAULT_SIGBUS;
  }
}

/**
 * Linux mm/filemap.c:filemap_fault() compares with max_idx twice: before it looks, and when it has waited.
 */
function beyondEnd(vmf: VmFault, mapping: AddressSpace): boolean {
  return vmf.pgoff >= Math.ceil(mapping.host.iSize / PAGE_SIZE);
}

/**
 * Waits for the folio's bytes, or reads them; 0 or a negative errno.
 * Linux mm/filemap.c:lock_folio_maybe_drop_mmap(), page_not_uptodate
 */
function waitForFolio(mapping: AddressSpace, folio: Folio): number {
  folioWaitLocked(mapping.host.sys, folio);
  if ((folio.flags & PG_uptodate) !== 0 || folio.mapping !== mapping) return 0;
  return filemapReadFolio(mapping, folio);
}

/** The folio is there: vmf.page, unless the file became shorter meanwhile. */
function lockedPage(vmf: VmFault, mapping: AddressSpace, folio: Folio, ret: VmFaultResult): VmFaultResult {
  if (beyondEnd(vmf, mapping)) {
    folioPut(mapping.host.sys, folio);
    return VM_FAULT_SIGBUS;
  }
  vmf.page = vmaFolioPage(vmf.vma, folio, vmf.pgoff - folio.index);
  return ret | VM_FAULT_LOCKED;
}

/**
 * The page is missing: read around it. True if the lock was given up.
 * Linux mm/filemap.c:do_sync_mmap_readahead()
 */
function doSyncMmapReadahead(vmf: VmFault, mapping: AddressSpace): boolean {
  const { vma, pgoff } = vmf;
  const ra = raOf(vma);
  if (mapping.aOps.readahead === undefined) return false;
  if ((vma.vmFlags & VM_HUGEPAGE) !== 0) {
    readHugePages(vmf, mapping, ra);
    return mayUnlockForIo(vmf);
  }
  if ((vma.vmFlags & (VM_RAND_READ | VM_EXEC)) === VM_RAND_READ || ra.raPages === 0) return false;
  if ((vma.vmFlags & VM_SEQ_READ) !== 0) {
    pageCacheSyncRa(mapping, ra, pgoff, ra.raPages);
    return mayUnlockForIo(vmf);
  }
  if (ra.mmapMiss < MMAP_LOTSAMISS * 10) ra.mmapMiss++;
  if (ra.mmapMiss > MMAP_LOTSAMISS) return false;
  if ((vma.vmFlags & VM_EXEC) !== 0) {
    ra.start = Math.max(pgoff, vma.vmPgoff);
    ra.size = Math.min(ra.start + ra.raPages, vma.vmPgoff + vmaPages(vma)) - ra.start;
    ra.asyncSize = 0;
  } else {
    ra.start = Math.max(0, pgoff - Math.floor(ra.raPages / 2));
    ra.size = ra.raPages;
    ra.asyncSize = Math.floor(ra.raPages / 4);
  }
  ra.order = 0;
  pageCacheRaOrder(mapping, ra);
  return mayUnlockForIo(vmf);
}

/**
 * Who has asked for huge pages (MADV_HUGEPAGE) gets two of them, so that the second is there before it is
 * needed; only one where the use is random. Linux mm/filemap.c:do_sync_mmap_readahead(), its first part
 */
function readHugePages({ vma, pgoff }: VmFault, mapping: AddressSpace, ra: FileRaState): void {
  const random = (vma.vmFlags & VM_RAND_READ) !== 0;
  ra.size = random ? HPAGE_PMD_NR : 2 * HPAGE_PMD_NR;
  ra.asyncSize = HPAGE_PMD_NR;
  ra.order = HPAGE_PMD_ORDER;
  pageCacheRaOrder(mapping, ra, pgoff - (pgoff % HPAGE_PMD_NR));
}

/** The page is there; if it carries the mark, read on. Linux mm/filemap.c:do_async_mmap_readahead() */
function doAsyncMmapReadahead(vmf: VmFault, mapping: AddressSpace, folio: Folio): boolean {
  const ra = raOf(vmf.vma);
  if ((vmf.vma.vmFlags & VM_RAND_READ) !== 0 || ra.raPages === 0) return false;
  if (ra.mmapMiss > 0) ra.mmapMiss--;
  if ((folio.flags & PG_readahead) === 0) return false;
  pageCacheAsyncRa(mapping, ra, folio, vmf.pgoff, ra.raPages);
  return mayUnlockForIo(vmf);
}

/**
 * Maps the pages of [startPgoff, endPgoff] that are in the cache and whose entries are empty; VM_FAULT_NOPAGE
 * if the faulting page was among them. Linux mm/filemap.c:filemap_map_pages()
 */
export function filemapMapPages(vmf: VmFault, startPgoff: number, endPgoff: number): VmFaultResult {
  return addMmRssTogether(vmf.vma.vmMm, () => mapPages(vmf, startPgoff, endPgoff));
}

function mapPages(vmf: VmFault, startPgoff: number, endPgoff: number): VmFaultResult {
  const { vma } = vmf;
  const mapping = vma.vmFile!.fMapping;
  const end = Math.min(endPgoff, Math.ceil(mapping.host.iSize / PAGE_SIZE) - 1);
  let ret = 0;
  let mmapMiss = 0;
  let first = true;
  for (let index = startPgoff; index <= end; ) {
    const folio = filemapGetFolio(mapping, index);
    const next = folio === undefined ? index + 1 : Math.min(folioNextIndex(folio), end + 1);
    if (folio !== undefined && mapsAround(mapping, folio)) {
      if (first && folioBeforeEnd(folio) && filemapMapPmd(vmf, folio)) {
        ret = VM_FAULT_NOPAGE;
        break;
      }
      first = false;
      if (pmdLeaf(ptepGet(vma.vmMm.sys.ram, vmf.pmdp))) break;
      // Without a PTE page yet, a first folio at the end of the file is left to finishFault. Linux
      // can_map_large
      if (vmf.ptep === 0 && !folioBeforeEnd(folio)) return 0;
      if (!vmfPteAlloc(vmf)) return VM_FAULT_OOM;
      ret |= mapFolioRange(vmf, folio, index, next - index);
      if ((folio.flags & PG_workingset) === 0) mmapMiss += next - index;
    }
    index = next;
  }
  const ra = raOf(vma);
  ra.mmapMiss = Math.max(0, ra.mmapMiss - mmapMiss);
  const { trace } = mapping.host.sys;
  if (trace.on) trace.emit("filemap:mm_filemap_map_pages", { index: startPgoff, last_index: end });
  return ret;
}

/** Whether the folio can be mapped without anything else to do. Linux mm/filemap.c:next_uptodate_folio() */
function mapsAround(mapping: AddressSpace, folio: Folio): boolean {
  if ((folio.flags & (PG_locked | PG_uptodate | PG_readahead)) !== PG_uptodate) return false;
  return !folioIsLocked(mapping.host.sys, folio);
}

/**
 * Maps `nr` pages of the folio from page `index` of the file on, or all of it.
 * Linux mm/filemap.c:filemap_map_folio_range()
 */
function mapFolioRange(vmf: VmFault, folio: Folio, index: number, nr: number): VmFaultResult {
  let first = index;
  let count = nr;
  if (folio.order > 0 && folioFitsWhole(vmf.vma, folio)) {
    first = folio.index;
    count = folioNrPages(folio);
  }
  let ret = 0;
  // Entries that are not empty cut the range into runs.
  for (let at = first; at < first + count; ) {
    let run = 0;
    while (at + run < first + count && entryEmpty(vmf, at + run)) run++;
    if (run > 0) ret |= mapRun(vmf, folio, at, run);
    at += run + 1;
  }
  return ret;
}

function ptepOf(vmf: VmFault, index: number): number {
  return vmf.ptep + index - vmf.pgoff;
}

function entryEmpty(vmf: VmFault, index: number): boolean {
  return ptepGet(vmf.vma.vmMm.sys.ram, ptepOf(vmf, index)) === 0;
}

function mapRun(vmf: VmFault, folio: Folio, index: number, nr: number): VmFaultResult {
  const { vma, pgoff } = vmf;
  const page = vmaFolioPage(vma, folio, index - folio.index);
  folioRefAdd(folio, nr);
  setPteRange(vmf, folio, page, nr, vmf.address + (index - pgoff) * PAGE_SIZE, ptepOf(vmf, index));
  addMmCounter(vma.vmMm, mmCounterFile(folio), nr);
  return pgoff >= index && pgoff < index + nr ? VM_FAULT_NOPAGE : 0;
}

/**
 * Whether the file goes on after the folio; for shmem it does not matter.
 * Linux mm/filemap.c:filemap_map_pages()
 */
function folioBeforeEnd(folio: Folio): boolean {
  const mapping = folio.mapping as AddressSpace;
  return mapping.aOps.swapBacked || Math.ceil(mapping.host.iSize / PAGE_SIZE) - 1 >= folioNextIndex(folio);
}

/**
 * Whether the whole folio may be mapped: it ends before the last page of the file (shmem: anywhere), and lies
 * within the VMA and one PTE page. Linux mm/filemap.c:filemap_map_folio_range()
 */
function folioFitsWhole(vma: VmAreaStruct, folio: Folio): boolean {
  if (!folioBeforeEnd(folio)) return false;
  const start = vma.vmStart + (folio.index - vma.vmPgoff) * PAGE_SIZE;
  const end = start + folioNrPages(folio) * PAGE_SIZE;
  if (start < vma.vmStart || end > vma.vmEnd) return false;
  return Math.floor(start / PMD_SIZE) === Math.floor((end - 1) / PMD_SIZE);
}

/**
 * A shared page is about to be written through a mapping: the file system makes room for it on the device,
 * and the page is dirty.
 * Linux mm/filemap.c:filemap_page_mkwrite(), fs/ext4/inode.c:ext4_page_mkwrite()
 */
export function filemapPageMkwrite(vmf: VmFault): VmFaultResult {
  const folio = vmf.page!.head;
  const mapping = folio.mapping;
  if (mapping === undefined || mapping.isAnon) return VM_FAULT_NOPAGE; // truncated meanwhile
  if (vmf.pgoff >= Math.ceil(mapping.host.iSize / PAGE_SIZE)) return VM_FAULT_SIGBUS;
  mapping.aOps.createEmptyBuffers?.(folio);
  folioMarkDirty(folio);
  return VM_FAULT_LOCKED;
}
