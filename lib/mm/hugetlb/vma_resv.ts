/**
 * What a mapping of huge pages was promised, and what of it is used up.
 *
 *   MAP_SHARED    the map of the file (resv_map.ts): a page in it needs nothing more from the pool
 *   MAP_PRIVATE   vma.vmPrivateData = { map, owner, unmapped }
 *                 the process that called mmap is the owner, and has the map; a page in it has been taken
 *                 after fork the child's VMA has nothing: its faults get what is left over, or SIGBUS
 *                 unmapped: a page was taken away from this VMA for the sake of the owner (hugetlb_wp.ts)
 *
 *   vmaNeedsReservation(vma, addr)    1: the page must be found beyond all promises; 0: it is promised
 *   vmaCommitReservation              the page has been allocated: the map says so
 *   vmaAddReservation                 an allocated page goes back unused: it is promised as before
 *   restoreReserveOnError             which of the two last has to be undone
 *
 * The value of vmPrivateData never changes in place, since two VMAs made of one by a split share it until one
 * of them gets another.
 *
 * Differs from Linux: nothing is begun that must be ended, because changing a map cannot fail (resv_map.ts).
 *
 * Linux mm/hugetlb.c. Read first: resv_map.ts. Read next: alloc_hugetlb_folio.ts, hugetlb_vm_ops.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { VM_MAYSHARE, type VmAreaStruct } from "../mm_types.js";
import type { Folio } from "../pages/folio.js";
import type { Hstate, HugetlbInode } from "./hstate.js";
import { type ResvMap, regionAdd, regionChg, regionDel } from "./resv_map.js";

/** The page was allocated on a promise, which comes back when it is freed. Linux HPageRestoreReserve */
export const HPG_RESTORE_RESERVE = 1;

/** What a private VMA has. Linux HPAGE_RESV_OWNER, HPAGE_RESV_UNMAPPED, and a pointer above them */
interface VmaResv {
  readonly map: ResvMap | undefined;
  /** The promise was made to this mapping. */
  readonly owner: boolean;
  /** A page has been taken away from it. */
  readonly unmapped: boolean;
}

const NOTHING: VmaResv = Object.freeze({ map: undefined, owner: false, unmapped: false });

/** The file behind a VMA of huge pages. Linux include/linux/hugetlb.h:HUGETLBFS_I() */
export function hugetlbInode(vma: VmAreaStruct): HugetlbInode<Folio> {
  return vma.vmFile!.fMapping.host.hugetlb!;
}

/** The pool that a VMA's pages are of. Linux include/linux/hugetlb.h:hstate_vma() */
export function hstateVma(vma: VmAreaStruct): Hstate<Folio> {
  return hugetlbInode(vma).h;
}

/**
 * The huge page of the file that is at `addr`. Linux mm/hugetlb.c:vma_hugecache_offset()
 */
export function vmaHugecacheOffset(vma: VmAreaStruct, addr: Vaddr): number {
  const { hugePageSize, pagesPerHugePage } = hstateVma(vma);
  return Math.floor((addr - vma.vmStart) / hugePageSize) + Math.floor(vma.vmPgoff / pagesPerHugePage);
}

/** What a private VMA was promised; nothing for a shared one. Linux mm/hugetlb.c:get_vma_private_data() */
export function vmaResv(vma: VmAreaStruct): VmaResv {
  if ((vma.vmFlags & VM_MAYSHARE) !== 0) return NOTHING;
  return (vma.vmPrivateData as VmaResv | undefined) ?? NOTHING;
}

/** Linux mm/hugetlb.c:set_vma_private_data() */
export function setVmaResv(vma: VmAreaStruct, resv: Partial<VmaResv>): void {
  vma.vmPrivateData = { ...vmaResv(vma), ...resv };
}

/** The map that the VMA's faults go by; undefined: every page is beyond all promises. Linux vma_resv_map() */
function vmaResvMap(vma: VmAreaStruct): ResvMap | undefined {
  return (vma.vmFlags & VM_MAYSHARE) !== 0 ? hugetlbInode(vma).resvMap : vmaResv(vma).map;
}

/** fork: the child was promised nothing. Linux mm/hugetlb.c:hugetlb_dup_vma_private() */
export function hugetlbDupVmaPrivate(vma: VmAreaStruct): void {
  vma.vmPrivateData = undefined;
}

/**
 * mremap: the promise has moved to the VMA at the new place, the old one has it no more.
 * Linux mm/hugetlb.c:clear_vma_resv_huge_pages()
 */
export function clearVmaResvHugePages(vma: VmAreaStruct): void {
  const { map, owner } = vmaResv(vma);
  if (map !== undefined && owner) map.refs--;
  hugetlbDupVmaPrivate(vma);
}

function isShared(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & VM_MAYSHARE) !== 0;
}

/**
 * 1 if the page at `addr` is not promised to `vma`, 0 if it is. Linux mm/hugetlb.c:vma_needs_reservation()
 */
export function vmaNeedsReservation(vma: VmAreaStruct, addr: Vaddr): number {
  const map = vmaResvMap(vma);
  if (map === undefined) return 1;
  const index = vmaHugecacheOffset(vma, addr);
  const missing = regionChg(map, index, index + 1);
  return isShared(vma) ? missing : 1 - missing;
}

/** The page at `addr` has been allocated. Linux mm/hugetlb.c:vma_commit_reservation() */
export function vmaCommitReservation(vma: VmAreaStruct, addr: Vaddr): void {
  const map = vmaResvMap(vma);
  const index = vmaHugecacheOffset(vma, addr);
  if (map !== undefined) regionAdd(map, index, index + 1);
}

/** The page at `addr` is promised again. Linux mm/hugetlb.c:vma_add_reservation() */
export function vmaAddReservation(vma: VmAreaStruct, addr: Vaddr): void {
  const map = vmaResvMap(vma);
  if (map === undefined) return;
  const index = vmaHugecacheOffset(vma, addr);
  if (isShared(vma)) regionAdd(map, index, index + 1);
  else regionDel(map, index, index + 1);
}

/** The page at `addr` is promised no more. Linux mm/hugetlb.c:vma_del_reservation() */
function vmaDelReservation(vma: VmAreaStruct, addr: Vaddr): void {
  const map = vmaResvMap(vma);
  if (map === undefined) return;
  const index = vmaHugecacheOffset(vma, addr);
  if (isShared(vma)) regionDel(map, index, index + 1);
  else regionAdd(map, index, index + 1);
}

/**
 * A page allocated for `addr` is about to be freed unused: the map is put back as it was.
 * Linux mm/hugetlb.c:restore_reserve_on_error()
 */
export function restoreReserveOnError(vma: VmAreaStruct, addr: Vaddr, folio: Folio): void {
  const needed = vmaNeedsReservation(vma, addr) === 1;
  if ((folio.private & HPG_RESTORE_RESERVE) !== 0) {
    if (needed) vmaAddReservation(vma, addr);
  } else if (!needed) vmaDelReservation(vma, addr);
}

/** Whether [start, end) is whole huge pages of the VMA. */
export function isHugeAligned(vma: VmAreaStruct, start: number, end: number): boolean {
  const size = hstateVma(vma).hugePageSize;
  return start % size === 0 && end % size === 0;
}

/**
 * Bytes from the VMA's start to where page `pgoff` of the file is, 0 for one below it. Linux
 * vma_offset_start()
 */
export function vmaOffsetStart(vma: VmAreaStruct, pgoff: number): Vaddr {
  return vma.vmStart + Math.max(0, pgoff - vma.vmPgoff) * PAGE_SIZE;
}
