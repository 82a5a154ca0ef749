/**
 * Dirty pages: how a write is noticed, and how it gets to the device.
 *
 *   write(2)            --> folioMarkDirty                          PG_dirty, listed in mapping.dirtyFolios
 *   store, shared map   --> fault --> pageMkwrite --> folioMarkDirty
 *   fsync, msync        --> filemapFdatawriteRange --> for each dirty folio:
 *                              folioMkclean      every entry that maps it: read-only and clean, TLB flushed
 *                              PG_dirty off, PG_writeback on, bytes on their way to the device
 *                       --> filemapFdatawaitRange: until PG_writeback is off for all of them
 *
 * Because the entries are read-only again, the next store faults again and the folio becomes dirty again: no
 * write is lost between the moment the bytes are sent and the moment they arrive. Memory that lives in swap
 * (shmem) has no file to be written to; its folios only carry the flag.
 *
 *   nobody asks         --> fs/fs_writeback.ts: the flusher, half a minute later, or when too much is dirty
 *   too much is dirty   --> balance_dirty_pages.ts: who dirties more is slowed down
 *
 * Read first: mm/filemap/address_space.ts, mm/fault/rmap.ts. Read next: mm/filemap/filemap.ts.
 */

import { PAGE_SIZE, type Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { rmapWalk } from "../fault/rmap.js";
import type { VmFault } from "../fault/vm_fault.js";
import { folioEndIo, folioIsWriteback, folioWaitWriteback } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { jiffies } from "../jiffies.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import { type MmStruct, VM_SHARED, type VmAreaStruct } from "../mm_types.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  PG_dirty,
  PG_reclaim,
  PG_writeback,
} from "../pages/folio.js";
import { pteDirty, pteMkclean, pteWrite, pteWrprotect, setPte } from "../pgtable/pgtable.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import { taskIoAccountCancelledWrite, taskIoAccountWrite } from "../task_io.js";
import { countVmEvents, NR_DIRTIED, NR_FILE_DIRTY, NR_WRITEBACK, NR_WRITTEN, PGPGOUT } from "../vmstat.js";
import { balanceDirtyPagesRatelimited } from "./balance_dirty_pages.js";
import { folioRotateReclaimable } from "./swap.js";
import { acctReclaimWriteback } from "./throttle.js";
import {
  wbBandwidthEstimateStart,
  wbEstimateIsOld,
  wbInodeWritebackEnd,
  wbUpdateBandwidth,
} from "./wb_bandwidth.js";
import { wbWriteoutAdd } from "./wb_domain.js";

/**
 * Marks the folio as different from its backing; true if it was not before.
 * Linux mm/page-writeback.c:folio_mark_dirty()
 */
export function folioMarkDirty(folio: Folio): boolean {
  if ((folio.flags & PG_dirty) !== 0) return false;
  folio.flags = (folio.flags & ~PG_reclaim) | PG_dirty;
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon || mapping.aOps.writepages === undefined) return true;
  if (mapping.dirtyFolios.size === 0) mapping.host.markDirty?.();
  mapping.dirtyFolios.add(folio);
  folioAccountDirtied(folio, mapping);
  return true;
}

/** Counts the folio as dirty, for the machine, the disk and the task. Linux folio_account_dirtied() */
function folioAccountDirtied(folio: Folio, { host: { sys, wb } }: AddressSpace): void {
  const nrPages = folioNrPages(folio);
  lruvecStatModFolio(sys, folio, NR_FILE_DIRTY, nrPages);
  countVmEvents(sys, NR_DIRTIED, nrPages);
  taskIoAccountWrite(sys, nrPages * PAGE_SIZE);
  if (wb === undefined) return;
  wb.reclaimable += nrPages;
  wb.dirtied += nrPages;
  const task = sys.current?.dirty;
  if (task === undefined) return;
  task.nrDirtied += nrPages;
  const { bdpRatelimits } = sys.wbDomain;
  bdpRatelimits[sys.thisCpu] = (bdpRatelimits[sys.thisCpu] ?? 0) + nrPages;
}

/** The folio is not dirty any more. Linux mm/page-writeback.c:folio_account_cleaned() */
function folioAccountCleaned(folio: Folio, { host: { sys, wb } }: AddressSpace): void {
  const nrPages = folioNrPages(folio);
  lruvecStatModFolio(sys, folio, NR_FILE_DIRTY, -nrPages);
  if (wb !== undefined) wb.reclaimable -= nrPages;
}

/**
 * The folio's changes need not be written any more: truncated. Linux mm/page-writeback.c:folio_cancel_dirty()
 */
export function folioCancelDirty(folio: Folio): void {
  if ((folio.flags & PG_dirty) === 0) return;
  folio.flags &= ~PG_dirty;
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon || !mapping.dirtyFolios.delete(folio)) return;
  folioAccountCleaned(folio, mapping);
  taskIoAccountCancelledWrite(mapping.host.sys, folioNrPages(folio) * PAGE_SIZE);
}

/**
 * A store went through a shared mapping for the first time; the task may be slowed down for it.
 * Linux mm/memory.c:fault_dirty_shared_page()
 */
export function faultDirtySharedPage(vmf: VmFault, folio: Folio): void {
  const dirtied = folioMarkDirty(folio);
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon) return;
  if (dirtied || vmf.vma.vmOps?.pageMkwrite !== undefined) balanceDirtyPagesRatelimited(mapping);
}

/**
 * Makes every entry that maps the folio read-only and clean; how many changed.
 * Linux mm/rmap.c:folio_mkclean()
 */
export function folioMkclean(folio: Folio): number {
  const arg: Cleaning = { folio, mm: undefined, cleaned: 0 };
  rmapWalk(folio, pageMkcleanOne, arg);
  return arg.cleaned;
}

/** One call of folioMkclean. */
interface Cleaning {
  readonly folio: Folio;
  mm: MmStruct | undefined;
  cleaned: number;
}

/** Linux mm/rmap.c:page_mkclean_one() */
function pageMkcleanOne(vma: VmAreaStruct, _address: Vaddr, arg: Cleaning): boolean {
  if ((vma.vmFlags & VM_SHARED) === 0) return true;
  arg.mm = vma.vmMm;
  return pageVmaMappedWalk(arg.folio, vma, entryMkclean, arg);
}

function entryMkclean(address: Vaddr, ptep: number, pte: Pte, _index: number, arg: Cleaning): boolean {
  if (!pteDirty(pte) && !pteWrite(pte)) return true;
  const mm = arg.mm!;
  setPte(mm.sys.ram, ptep, pteMkclean(pteWrprotect(pte)));
  flushTlbPage(mm, address); // of a leaf it drops all
  arg.cleaned++;
  return true;
}

/**
 * Takes the dirty mark away before the folio is written; false if it was clean.
 * Linux folio_clear_dirty_for_io()
 */
function folioClearDirtyForIo(folio: Folio, mapping: AddressSpace): boolean {
  if (folioMkclean(folio) > 0) folioMarkDirty(folio);
  if ((folio.flags & PG_dirty) === 0) return false;
  folio.flags &= ~PG_dirty;
  mapping.dirtyFolios.delete(folio);
  folioAccountCleaned(folio, mapping);
  return true;
}

/** Sends the folio's bytes on their way. Linux mm/page-writeback.c:folio_start_writeback() */
function folioStartWriteback(folio: Folio, mapping: AddressSpace): void {
  const { sys, wb } = mapping.host;
  const nrPages = folioNrPages(folio);
  folio.flags |= PG_writeback;
  lruvecStatModFolio(sys, folio, NR_WRITEBACK, nrPages);
  countVmEvents(sys, PGPGOUT, nrPages * 4);
  mapping.nrWriteback++;
  if (wb === undefined) return;
  wb.writeback += nrPages;
  if (mapping.nrWriteback === 1) wb.writebackInodes++;
}

/** The disk has written the folio. Linux mm/page-writeback.c:__folio_end_writeback() */
function wbEndWriteback(sys: MemorySystem, folio: Folio): void {
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon) return;
  mapping.nrWriteback--;
  const { wb } = mapping.host;
  if (wb === undefined) return;
  wb.writeback -= folioNrPages(folio);
  wbWriteoutAdd(sys.wbDomain, wb, folioNrPages(folio), jiffies(sys));
  if (mapping.nrWriteback === 0) wbInodeWritebackEnd(sys, wb);
}

/** The bytes have arrived, or could not be written. Linux mm/filemap.c:folio_end_writeback() */
export function folioEndWriteback(sys: MemorySystem, folio: Folio): void {
  const nrPages = folioNrPages(folio);
  lruvecStatModFolio(sys, folio, NR_WRITEBACK, -nrPages);
  countVmEvents(sys, NR_WRITTEN, nrPages);
  if ((folio.flags & PG_reclaim) !== 0) {
    folio.flags &= ~PG_reclaim; // in a clean folio it would be read as PG_readahead
    folioRotateReclaimable(sys, folio);
  }
  wbEndWriteback(sys, folio);
  folioEndIo(sys, folio, PG_writeback);
  acctReclaimWriteback(sys, folio);
}

/**
 * The file's next fsync shall say that a write has failed. Linux include/linux/pagemap.h:mapping_set_error()
 */
export function mappingSetError(folio: Folio): void {
  const { mapping } = folio;
  if (mapping !== undefined && !mapping.isAnon) mapping.wbErr++;
}

/** Which dirty pages are to be written. Linux include/linux/writeback.h:struct writeback_control */
interface WritebackControl {
  /** All of them, also those that are on their way with older bytes: fsync. Linux sync_mode */
  readonly syncAll: boolean;
  /** Pages [rangeStart, rangeEnd] of the file. */
  readonly rangeStart: number;
  readonly rangeEnd: number;
  /** From where the last one stopped, around the whole file. */
  readonly rangeCyclic: boolean;
  /** Pages still to be written. */
  nrToWrite: number;
  /** No more requests may be sent for now: then it stops, and `blocked` is set. Linux block/blk-wbt.c */
  queueFull?(): boolean;
  blocked?: boolean;
}

/** Pages that make one request, if they are neighbours. */
const REQUEST_PAGES = 1024;

/** The folios that `wbc` means, in the order in which they are written. */
function dirtyFoliosOf(mapping: AddressSpace, wbc: WritebackControl): Folio[] {
  const { rangeStart, rangeEnd, rangeCyclic } = wbc;
  const folios: Folio[] = [];
  for (const folio of mapping.dirtyFolios)
    if (folio.index <= rangeEnd && folioNextIndex(folio) > rangeStart) folios.push(folio);
  folios.sort((a, b) => a.index - b.index);
  if (!rangeCyclic || mapping.writebackIndex === 0) return folios;
  const at = folios.findIndex((folio) => folioNextIndex(folio) > mapping.writebackIndex);
  return at <= 0 ? folios : [...folios.slice(at), ...folios.slice(0, at)];
}

/**
 * Sends dirty folios of the file to the device, and waits for nothing but what is on its way already: with
 * `syncAll` a folio that is under writeback and dirty again is waited for and sent once more, else it is left
 * out. What becomes dirty meanwhile is left for the next time, so it ends.
 * Linux mm/page-writeback.c:do_writepages(), writeback_iter()
 */
export function doWritepages(mapping: AddressSpace, wbc: WritebackControl): void {
  const { sys, wb } = mapping.host;
  const { writepages } = mapping.aOps;
  if (writepages === undefined || wbc.nrToWrite <= 0) return;
  if (wb !== undefined) wbBandwidthEstimateStart(sys, wb);
  let batch: Folio[] = [];
  let pages = 0;
  const send = (): void => {
    if (batch.length > 0) writepages.call(mapping.aOps, batch);
    batch = [];
    pages = 0;
  };
  let next = 0;
  for (const folio of dirtyFoliosOf(mapping, wbc)) {
    if (wbc.queueFull !== undefined) {
      const last = batch.at(-1);
      if (pages >= REQUEST_PAGES || (last !== undefined && folioNextIndex(last) !== folio.index)) send();
      wbc.blocked = batch.length === 0 && wbc.queueFull();
      if (wbc.blocked) {
        next = folio.index;
        break;
      }
    }
    if (folioIsWriteback(sys, folio)) {
      if (!wbc.syncAll) continue;
      send();
      folioWaitWriteback(sys, folio);
    }
    if (folio.mapping !== mapping || !folioClearDirtyForIo(folio, mapping)) continue;
    folioStartWriteback(folio, mapping);
    batch.push(folio);
    pages += folioNrPages(folio);
    wbc.nrToWrite -= folioNrPages(folio);
    if (wbc.nrToWrite > 0 || wbc.syncAll) continue;
    next = folioNextIndex(folio);
    break;
  }
  send();
  if (wbc.rangeCyclic) mapping.writebackIndex = next;
  if (wb !== undefined && wbEstimateIsOld(sys, wb)) wbUpdateBandwidth(sys, wb);
}

/**
 * Sends what is dirty of pages [start, last]; `waitForOthers` is `syncAll`.
 * Linux mm/filemap.c:filemap_fdatawrite_range(), filemap_flush_range()
 */
export function filemapFdatawriteRange(
  mapping: AddressSpace,
  start: number,
  last: number,
  waitForOthers = true,
): void {
  if (mapping.dirtyFolios.size === 0) return;
  doWritepages(mapping, {
    syncAll: waitForOthers,
    rangeStart: start,
    rangeEnd: last,
    rangeCyclic: false,
    nrToWrite: Number.MAX_SAFE_INTEGER,
  });
}

/**
 * Waits until nothing of pages [start, last] is on its way to the device.
 * Linux mm/filemap.c:filemap_fdatawait_range()
 */
export function filemapFdatawaitRange(mapping: AddressSpace, start: number, last: number): void {
  const { sys } = mapping.host;
  for (const folio of new Set(mapping.pages.values())) {
    if (folio.index > last || folio.index + folioNrPages(folio) <= start) continue;
    folioWaitWriteback(sys, folio);
  }
}
