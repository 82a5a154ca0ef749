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
 *   nobody asks         --> fs/fs_writeback.ts: the flusher, half a minute later
 *
 * Read first: mm/filemap/address_space.ts, mm/fault/rmap.ts. Read next: mm/filemap/filemap.ts.
 */

import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { rmapWalk } from "../fault/rmap.js";
import type { VmFault } from "../fault/vm_fault.js";
import { folioEndIo, folioIsWriteback, folioWaitWriteback } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { VM_SHARED } from "../mm_types.js";
import { type Folio, folioNrPages, PG_dirty, PG_reclaim, PG_writeback } from "../pages/folio.js";
import { pteDirty, pteMkclean, pteWrite, pteWrprotect, setPte } from "../pgtable/pgtable.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  modNodePageState,
  NR_DIRTIED,
  NR_FILE_DIRTY,
  NR_WRITEBACK,
  NR_WRITTEN,
  PGPGOUT,
} from "../vmstat.js";
import { folioRotateReclaimable } from "./swap.js";
import { acctReclaimWriteback } from "./throttle.js";

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
  modNodePageState(mapping.host.sys, NR_FILE_DIRTY, folioNrPages(folio));
  countVmEvents(mapping.host.sys, NR_DIRTIED, folioNrPages(folio));
  return true;
}

/**
 * The folio's changes need not be written any more: truncated. Linux mm/page-writeback.c:folio_cancel_dirty()
 */
export function folioCancelDirty(folio: Folio): void {
  if ((folio.flags & PG_dirty) === 0) return;
  folio.flags &= ~PG_dirty;
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon || !mapping.dirtyFolios.delete(folio)) return;
  modNodePageState(mapping.host.sys, NR_FILE_DIRTY, -folioNrPages(folio));
}

/** A store went through a shared mapping for the first time. Linux mm/memory.c:fault_dirty_shared_page() */
export function faultDirtySharedPage(_vmf: VmFault, folio: Folio): void {
  folioMarkDirty(folio);
}

/**
 * Makes every entry that maps the folio read-only and clean; how many changed.
 * Linux mm/rmap.c:folio_mkclean()
 */
export function folioMkclean(folio: Folio): number {
  let cleaned = 0;
  rmapWalk(folio, (vma) => {
    if ((vma.vmFlags & VM_SHARED) === 0) return true;
    const mm = vma.vmMm;
    return pageVmaMappedWalk(folio, vma, (address, ptep, pte) => {
      if (!pteDirty(pte) && !pteWrite(pte)) return true;
      setPte(mm.sys.ram, ptep, pteMkclean(pteWrprotect(pte)));
      flushTlbPage(mm, address);
      cleaned++;
      return true;
    });
  });
  return cleaned;
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
  modNodePageState(mapping.host.sys, NR_FILE_DIRTY, -folioNrPages(folio));
  return true;
}

/** Sends the folio's bytes on their way. Linux mm/page-writeback.c:folio_start_writeback() */
function folioStartWriteback(sys: MemorySystem, folio: Folio): void {
  folio.flags |= PG_writeback;
  modNodePageState(sys, NR_WRITEBACK, folioNrPages(folio));
  countVmEvents(sys, PGPGOUT, folioNrPages(folio) * 4);
}

/** The bytes have arrived, or could not be written. Linux mm/filemap.c:folio_end_writeback() */
export function folioEndWriteback(sys: MemorySystem, folio: Folio): void {
  const nrPages = folioNrPages(folio);
  modNodePageState(sys, NR_WRITEBACK, -nrPages);
  countVmEvents(sys, NR_WRITTEN, nrPages);
  if ((folio.flags & PG_reclaim) !== 0) {
    folio.flags &= ~PG_reclaim; // in a clean folio it would be read as PG_readahead
    folioRotateReclaimable(sys, folio);
  }
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

/**
 * Sends the dirty folios with a page in [start, last] to the device, and waits for nothing but what is on its
 * way already: with `waitForOthers` a folio that is under writeback and dirty again is waited for and sent
 * once more, else it is left out.
 * Linux mm/filemap.c:filemap_fdatawrite_range(), filemap_flush_range(), mm/page-writeback.c:do_writepages()
 */
export function filemapFdatawriteRange(
  mapping: AddressSpace,
  start: number,
  last: number,
  waitForOthers = true,
): void {
  const { writepages } = mapping.aOps;
  if (writepages === undefined) return;
  const { sys } = mapping.host;
  let batch: Folio[] = [];
  const send = (): void => {
    if (batch.length > 0) writepages.call(mapping.aOps, batch);
    batch = [];
  };
  for (const folio of [...mapping.dirtyFolios].sort((a, b) => a.index - b.index)) {
    if (folio.index > last || folio.index + folioNrPages(folio) <= start) continue;
    if (folioIsWriteback(sys, folio)) {
      if (!waitForOthers) continue;
      send();
      folioWaitWriteback(sys, folio);
    }
    if (!folioClearDirtyForIo(folio, mapping)) continue;
    folioStartWriteback(sys, folio);
    batch.push(folio);
  }
  send();
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
