/**
 * Dirty pages: how a write is noticed, and how it gets to the device.
 *
 *   write(2)            --> folioMarkDirty                          PG_dirty, listed in mapping.dirtyFolios
 *   store, shared map   --> fault --> pageMkwrite --> folioMarkDirty
 *   fsync, msync        --> filemapFdatawriteRange --> for each dirty folio:
 *                              folioMkclean      every entry that maps it: read-only and clean, TLB flushed
 *                              PG_dirty off, PG_writeback on, bytes to the device, PG_writeback off
 *
 * Because the entries are read-only again, the next store faults again and the folio becomes dirty again: no write is lost
 * between the moment the bytes are sent and the moment they arrive. Memory that lives in swap (shmem) has no file to
 * be written to; its folios only carry the flag.
 *
 * Differs from Linux: the write has ended when filemapFdatawriteRange returns, and nothing is written in the background.
 *
 * Read first: mm/filemap/address_space.ts, mm/fault/rmap.ts. Read next: mm/filemap/filemap.ts.
 */

import { pageVmaMappedWalk } from "../fault/page_vma_mapped.js";
import { rmapWalk } from "../fault/rmap.js";
import type { VmFault } from "../fault/vm_fault.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { VM_SHARED } from "../mm_types.js";
import { type Folio, folioNrPages, PG_dirty, PG_reclaim, PG_writeback } from "../pages/folio.js";
import { pteDirty, pteMkclean, pteWrite, pteWrprotect, setPte } from "../pgtable/pgtable.js";
import { flushTlbPage } from "../pgtable/tlb.js";
import {
  countVmEvents,
  modNodePageState,
  NR_DIRTIED,
  NR_FILE_DIRTY,
  NR_WRITEBACK,
  NR_WRITTEN,
  PGPGOUT,
} from "../vmstat.js";

/** Marks the folio as different from its backing; true if it was not before. Linux mm/page-writeback.c:folio_mark_dirty() */
export function folioMarkDirty(folio: Folio): boolean {
  if ((folio.flags & PG_dirty) !== 0) return false;
  folio.flags = (folio.flags & ~PG_reclaim) | PG_dirty;
  const { mapping } = folio;
  if (mapping === undefined || mapping.isAnon || mapping.aOps.writeFolio === undefined) return true;
  mapping.dirtyFolios.add(folio);
  modNodePageState(mapping.host.sys, NR_FILE_DIRTY, folioNrPages(folio));
  countVmEvents(mapping.host.sys, NR_DIRTIED, folioNrPages(folio));
  return true;
}

/** The folio's changes need not be written any more: truncated. Linux mm/page-writeback.c:folio_cancel_dirty() */
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

/** Makes every entry that maps the folio read-only and clean; how many changed. Linux mm/rmap.c:folio_mkclean() */
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

/** Takes the dirty mark away before the folio is written; false if it was clean. Linux folio_clear_dirty_for_io() */
function folioClearDirtyForIo(folio: Folio, mapping: AddressSpace): boolean {
  if (folioMkclean(folio) > 0) folioMarkDirty(folio);
  if ((folio.flags & PG_dirty) === 0) return false;
  folio.flags &= ~PG_dirty;
  mapping.dirtyFolios.delete(folio);
  modNodePageState(mapping.host.sys, NR_FILE_DIRTY, -folioNrPages(folio));
  return true;
}

/**
 * Writes the dirty folios with a page in [start, last] to the device; 0 or the first error (negative errno).
 * Linux mm/filemap.c:filemap_fdatawrite_range(), mm/page-writeback.c:do_writepages()
 */
export function filemapFdatawriteRange(mapping: AddressSpace, start: number, last: number): number {
  const write = mapping.aOps.writeFolio;
  if (write === undefined) return 0;
  const { sys } = mapping.host;
  let error = 0;
  const folios = [...mapping.dirtyFolios].sort((a, b) => a.index - b.index);
  for (const folio of folios) {
    if (folio.index > last || folio.index + folioNrPages(folio) <= start) continue;
    if (!folioClearDirtyForIo(folio, mapping)) continue;
    const nrPages = folioNrPages(folio);
    folio.flags |= PG_writeback;
    modNodePageState(sys, NR_WRITEBACK, nrPages);
    const result = write.call(mapping.aOps, folio);
    folio.flags &= ~PG_writeback;
    modNodePageState(sys, NR_WRITEBACK, -nrPages);
    countVmEvents(sys, NR_WRITTEN, nrPages);
    countVmEvents(sys, PGPGOUT, nrPages * 4);
    if (result !== 0 && error === 0) error = result;
  }
  return error;
}
