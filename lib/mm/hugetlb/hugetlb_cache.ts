/**
 * The pages of a file that consists of huge pages: in, out, and cut.
 *
 *   fault, fallocate  --hugetlbAddToPageCache-->  folios: number of the huge page -> folio    (dirty: it is all there is)
 *
 *   truncate(size)    hugetlbVmtruncate      all behind it: unmapped everywhere, private copies too; out of the file; the
 *                                            promises of what was never touched go back
 *   hole              hugetlbPunchHole       whole huge pages are taken out; of those cut the part in the hole is zeroed.
 *                                            Promises for pages that were not there stay
 *   last user gone    removeInodeHugepages   everything
 *
 * A file grows when it is mapped writably beyond its end, which no other file does.
 *
 * (Linux has this in fs/hugetlbfs/inode.c, and its pages in the page cache proper: see hstate.ts.)
 *
 * Read first: hstate.ts, hugetlb_unmap.ts. Read next: fs/hugetlbfs.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { type VmAreaStruct, vmaPages } from "../mm_types.js";
import { type Folio, folioNrPages, folioRefAdd, PG_dirty, PG_uptodate } from "../pages/folio.js";
import { folioPutRefs } from "../pages/free_pages.js";
import { unmapHugepageRange } from "./hugetlb_unmap.js";
import { hugetlbUnreservePages } from "./reserve_pages.js";
import { vmaOffsetStart } from "./vma_resv.js";

/**
 * The fresh page is huge page `index` of the file from now on. Linux mm/hugetlb.c:hugetlb_add_to_page_cache()
 */
export function hugetlbAddToPageCache(folio: Folio, mapping: AddressSpace, index: number): void {
  mapping.host.hugetlb!.folios.set(index, folio);
  folioRefAdd(folio, folioNrPages(folio));
  folio.mapping = mapping;
  folio.index = index * folioNrPages(folio);
  folio.private = 0;
  folio.flags |= PG_dirty;
}

/**
 * Unmaps pages [start, end) of the file wherever they are mapped. Linux
 * fs/hugetlbfs/inode.c:hugetlb_vmdelete_list()
 */
function hugetlbVmdeleteList(mapping: AddressSpace, start: number, end: number): void {
  for (const vma of mapping.iMmap) {
    const last = vma.vmPgoff + vmaPages(vma);
    if (start >= last || end <= vma.vmPgoff) continue;
    unmapHugepageRange(vma, vmaOffsetStart(vma, start), offsetEnd(vma, end));
  }
}

/**
 * Where page `pgoff` of the file would be, at most the VMA's end. Linux fs/hugetlbfs/inode.c:vma_offset_end()
 */
function offsetEnd(vma: VmAreaStruct, pgoff: number): number {
  return Math.min(vma.vmEnd, vma.vmStart + (pgoff - vma.vmPgoff) * PAGE_SIZE);
}

/**
 * Takes huge pages [start, end) out of the file; with `end` Infinity (truncate) all promises behind `start`
 * go, too. Linux fs/hugetlbfs/inode.c:remove_inode_hugepages()
 */
export function removeInodeHugepages(mapping: AddressSpace, start: number, end: number): void {
  const { sys, hugetlb } = mapping.host;
  const { folios } = hugetlb!;
  const truncates = end === Number.POSITIVE_INFINITY;
  const indices = [...folios.keys()].filter((index) => index >= start && index < end).sort((a, b) => a - b);
  for (const index of indices) {
    const folio = folios.get(index)!;
    folios.delete(index);
    folio.mapping = undefined;
    folio.flags &= ~(PG_dirty | PG_uptodate);
    if (!truncates) hugetlbUnreservePages(mapping, index, index + 1, 1);
    folioPutRefs(sys, folio, folioNrPages(folio));
  }
  if (truncates) hugetlbUnreservePages(mapping, start, end, indices.length);
}

/**
 * The file ends at byte `size`, a multiple of its pages' size. Linux
 * fs/hugetlbfs/inode.c:hugetlb_vmtruncate()
 */
export function hugetlbVmtruncate(mapping: AddressSpace, size: number): void {
  const { host } = mapping;
  host.iSize = size;
  hugetlbVmdeleteList(mapping, size / PAGE_SIZE, Number.POSITIVE_INFINITY);
  removeInodeHugepages(mapping, size / host.hugetlb!.h.hugePageSize, Number.POSITIVE_INFINITY);
}

/** Zeroes bytes [start, end) of one huge page, if it is there. Linux hugetlbfs_zero_partial_page() */
function zeroPartialPage(mapping: AddressSpace, start: number, end: number): void {
  const { sys, hugetlb } = mapping.host;
  const size = hugetlb!.h.hugePageSize;
  const folio = hugetlb!.folios.get(Math.floor(start / size));
  if (folio === undefined) return;
  const base = Math.floor(start / size) * size;
  for (let at = start; at < end; ) {
    const offset = at - base;
    const stop = Math.min(end, at - (at % PAGE_SIZE) + PAGE_SIZE);
    sys.ram
      .frame(folio.pfn + Math.floor(offset / PAGE_SIZE))
      .fill(0, offset % PAGE_SIZE, (offset % PAGE_SIZE) + (stop - at));
    at = stop;
  }
}

/** Makes a hole of zeros of `len` bytes. Linux fs/hugetlbfs/inode.c:hugetlbfs_punch_hole() */
export function hugetlbPunchHole(mapping: AddressSpace, offset: number, len: number): void {
  const size = mapping.host.hugetlb!.h.hugePageSize;
  const end = offset + len;
  const holeStart = Math.ceil(offset / size) * size;
  const holeEnd = Math.floor(end / size) * size;
  if (offset < holeStart) zeroPartialPage(mapping, offset, Math.min(end, holeStart));
  if (holeEnd > holeStart) hugetlbVmdeleteList(mapping, holeStart / PAGE_SIZE, holeEnd / PAGE_SIZE);
  if (end > holeEnd && end > holeStart) zeroPartialPage(mapping, holeEnd, end);
  if (holeEnd > holeStart) removeInodeHugepages(mapping, holeStart / size, holeEnd / size);
}
