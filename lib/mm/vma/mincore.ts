/**
 * mincore: which pages of a range would be touched without waiting for a disk.
 *
 *   mapped page           1
 *   in swap               whether the swap cache has it
 *   nothing mapped        file: whether the page is in the page cache;  anonymous: 0
 *
 * It reveals what others have read, so on a private view of someone else's read-only file it says 1 for
 * everything.
 *
 * Read first: mm/pgtable/pagewalk.ts, mm/filemap/filemap.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { offsetInPage, PAGE_SIZE, pageAlign } from "../../hw/address.js";
import { EINVAL, ENOMEM } from "../errno.js";
import { filemapGetFolio } from "../filemap/address_space.js";
import type { File, MmStruct, VmAreaStruct } from "../mm_types.js";
import { PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { walkPageRangeVma } from "../pgtable/pagewalk.js";
import { PTE_KIND_MARKER, PTE_KIND_SWAP, pteToSwpEntry } from "../pgtable/swapops.js";
import { swapCacheGetFolio } from "../swap/swap_state.js";
import type { SwpEntry } from "../swap/swap_types.js";
import type { MemorySystem } from "../system.js";

/** Pages that are asked for at once: as many answers as fit into a page of the kernel's. */
const CHUNK_PAGES = PAGE_SIZE;

/**
 * Tells `put`, piece by piece, one byte (0 or 1) for each page of [start, start + len) and where it starts;
 * `put` may end it with a negative errno. 0 or negative errno. Linux mm/mincore.c:mincore()
 */
export function doMincore(
  mm: MmStruct,
  start: number,
  len: number,
  put: (pages: Uint8Array, first: number) => number,
): number {
  const err = mincoreArguments(mm, start, len);
  if (err !== 0) return err;
  const end = start + pageAlign(len);
  for (let at = start; at < end; ) {
    const vma = mm.mmMt.lookup(at);
    if (vma === undefined) return -ENOMEM;
    const stop = Math.min(end, vma.vmEnd, at + CHUNK_PAGES * PAGE_SIZE);
    const pages = new Uint8Array((stop - at) / PAGE_SIZE);
    mincoreVma(vma, at, stop, pages);
    const failed = put(pages, (at - start) / PAGE_SIZE);
    if (failed !== 0) return failed;
    at = stop;
  }
  return 0;
}

/**
 * What is wrong with the range before anything is looked at. 0 or negative errno.
 * Linux mm/mincore.c:mincore()
 */
export function mincoreArguments(mm: MmStruct, start: number, len: number): number {
  if (offsetInPage(start) !== 0) return -EINVAL;
  return start < 0 || len < 0 || start + len > mm.taskSize ? -ENOMEM : 0;
}

/** Linux mm/mincore.c:do_mincore(), mincore_pte_range() */
function mincoreVma(vma: VmAreaStruct, start: number, end: number, vec: Uint8Array): void {
  const { sys } = vma.vmMm;
  const indexOf = (addr: Vaddr): number => (addr - start) / PAGE_SIZE;
  walkPageRangeVma(vma, start, end, {
    pteHole(addr, next) {
      mincoreUnmappedRange(vma, addr, vec.subarray(indexOf(addr), indexOf(next)));
    },
    pteEntry(pte, addr, _ptep, kind) {
      const i = indexOf(addr);
      if (kind === PTE_KIND_MARKER) mincoreUnmappedRange(vma, addr, vec.subarray(i, i + 1));
      else if (kind === PTE_KIND_SWAP) vec[i] = mincoreSwap(sys, pteToSwpEntry(pte)) ? 1 : 0;
      else vec[i] = 1; // a page on the move is in core
    },
    hugetlbEntry(pte, addr, _ptep, next) {
      vec.fill(pte === 0 ? 0 : 1, indexOf(addr), indexOf(next));
    },
    pmdEntry(_pmd, addr, _pmdp, next) {
      vec.fill(1, indexOf(addr), indexOf(next));
    },
  });
}

/** Whether the swap cache has the page. Linux mm/mincore.c:mincore_swap() */
function mincoreSwap(sys: MemorySystem, entry: SwpEntry): boolean {
  const folio = swapCacheGetFolio(sys, entry);
  if (folio === undefined) return false;
  folioPut(sys, folio);
  return (folio.flags & PG_uptodate) !== 0;
}

/**
 * Where nothing is mapped, the page cache of the file answers. Linux mm/mincore.c:__mincore_unmapped_range()
 */
function mincoreUnmappedRange(vma: VmAreaStruct, addr: Vaddr, vec: Uint8Array): void {
  const file = vma.vmFile;
  const pgoff = vma.vmPgoff + (addr - vma.vmStart) / PAGE_SIZE;
  for (let i = 0; i < vec.length; i++) vec[i] = file !== undefined && mincorePage(file, pgoff + i) ? 1 : 0;
}

/**
 * Whether the file's page is in RAM, in the swap cache at least, and valid. Linux mm/mincore.c:mincore_page()
 */
function mincorePage(file: File, index: number): boolean {
  const mapping = file.fMapping;
  const folio = filemapGetFolio(mapping, index);
  if (folio === undefined) return mincoreSwap(mapping.host.sys, mapping.swapEntries.get(index) ?? 0);
  return (folio.flags & PG_uptodate) !== 0;
}
