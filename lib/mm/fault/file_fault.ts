/**
 * Faults on mappings of files and shared memory whose entry is empty.
 *
 *   doFault -- read ------------------> doReadFault    first map up to 16 pages around that are in the cache (fault-around),
 *          \                                           else let the file bring the page in
 *           - write, private mapping --> doCowFault    bring the page in, copy it, map the copy
 *            \ write, shared mapping --> doSharedFault bring the page in, tell the file (pageMkwrite), map it writable
 *
 *   all end in finishFault: entries for the page, or for the whole large folio if VMA and PTE page have room for it
 *
 * The file's part is vma.vmOps: `fault` brings one page in (mm/filemap/filemap.ts, mm/filemap/shmem.ts),
 * `mapPages` maps what is there already. A file that is smaller than its mapping ends in SIGBUS; a large
 * folio that reaches beyond the end of the file is mapped page by page, so that SIGBUS comes where it should.
 *
 * (Linux has this in mm/memory.c.)
 *
 * Read first: memory.ts. Read next: mm/filemap/filemap.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { doSetPmd } from "../huge/file_pmd.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { faultDirtySharedPage } from "../lru/page_writeback.js";
import { folioAddLruVma } from "../lru/swap.js";
import {
  addMmCounter,
  MM_ANONPAGES,
  VM_SHARED,
  type VmAreaStruct,
  type VmFaultResult,
  vmaPages,
} from "../mm_types.js";
import {
  type Folio,
  folioNextIndex,
  folioNrPages,
  folioRefAdd,
  folioTestPmdMappable,
  type Page,
  PG_dirty,
  PG_uptodate,
  pageFolio,
  pfnToPage,
} from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import {
  maybeMkwrite,
  PTRS_PER_PTE,
  pfnPte,
  pmdLeaf,
  pteIndex,
  pteMkdirty,
  ptepGet,
  pteWrite,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { vmfFreePrealloc, vmfPreallocPte, vmfPteAlloc } from "../pgtable/pgtable_alloc.js";
import { anonVmaPrepare } from "./anon_vma.js";
import { vmfPteChanged, vmfTableGone } from "./pte_changed.js";
import { folioAddFileRmapPtes, folioAddNewAnonRmap } from "./rmap.js";
import {
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmFault,
} from "./vm_fault.js";
import { copyUserHighpage, folioPrealloc } from "./wp.js";

const VM_FAULT_NO_MAP = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY;

/** The entry is empty and something stands behind the VMA. Linux mm/memory.c:do_fault() */
export function doFault(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  if (vma.vmOps?.fault === undefined) return VM_FAULT_SIGBUS;
  let ret: VmFaultResult;
  if ((vmf.flags & FAULT_FLAG_WRITE) !== 0)
    ret = (vma.vmFlags & VM_SHARED) !== 0 ? doSharedFault(vmf) : doCowFault(vmf);
  else ret = vmfPreallocPte(vmf) ? vma.vmMm.sys.parts.doReadFault(vmf) : VM_FAULT_OOM;
  vmfFreePrealloc(vmf);
  return ret;
}

/** Linux mm/memory.c:do_read_fault() */
export function doReadFault(vmf: VmFault): VmFaultResult {
  if (shouldFaultAround(vmf)) {
    const ret = doFaultAround(vmf);
    if (ret !== 0) return ret;
  }
  const ret = callFault(vmf);
  if ((ret & VM_FAULT_NO_MAP) !== 0) return ret;
  return mapOrPut(vmf, ret);
}

/** Linux mm/memory.c:should_fault_around() */
function shouldFaultAround(vmf: VmFault): boolean {
  return vmf.vma.vmOps?.mapPages !== undefined && vmf.vma.vmMm.sys.faultAroundPages > 1;
}

/**
 * Maps what is in the cache of the aligned 64 KiB around the fault, within the VMA and the PTE page;
 * VM_FAULT_NOPAGE if the faulting page was among it, else 0. Linux mm/memory.c:do_fault_around()
 */
function doFaultAround(vmf: VmFault): VmFaultResult {
  const { vma, pgoff } = vmf;
  const nrPages = vma.vmMm.sys.faultAroundPages;
  const pteOff = pteIndex(vmf.address);
  const vmaOff = pgoff - vma.vmPgoff;
  const fromPte = Math.max(pteOff - (pteOff % nrPages), pteOff - Math.min(pteOff, vmaOff));
  const toPte = Math.min(fromPte + nrPages, PTRS_PER_PTE, pteOff + vmaPages(vma) - vmaOff) - 1;
  return vma.vmOps!.mapPages!(vmf, pgoff + fromPte - pteOff, pgoff + toPte - pteOff);
}

/** Has the file bring the page in: vmf.page, with a reference. Linux mm/memory.c:__do_fault() */
function callFault(vmf: VmFault): VmFaultResult {
  if (!vmfPreallocPte(vmf)) return VM_FAULT_OOM;
  return vmf.vma.vmOps!.fault!(vmf);
}

/** Maps vmf.page; drops its reference if that failed. */
function mapOrPut(vmf: VmFault, ret: VmFaultResult): VmFaultResult {
  const result = ret | finishFault(vmf);
  if ((result & VM_FAULT_NO_MAP) !== 0) folioPut(vmf.vma.vmMm.sys, pageFolio(vmf.page!));
  return result;
}

/** Linux mm/memory.c:do_cow_fault() */
function doCowFault(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  anonVmaPrepare(vma);
  const folio = folioPrealloc(vma.vmMm, false);
  if (folio === undefined) return VM_FAULT_OOM;
  vmf.cowPage = folio;
  const ret = callFault(vmf);
  if ((ret & VM_FAULT_NO_MAP) !== 0) {
    folioPut(sys, folio);
    return ret;
  }
  copyUserHighpage(sys, folio.pfn, vmf.page!.pfn);
  folio.flags |= PG_uptodate;
  const result = ret | finishFault(vmf);
  folioPut(sys, pageFolio(vmf.page!));
  if ((result & VM_FAULT_NO_MAP) !== 0) folioPut(sys, folio);
  return result;
}

/** Linux mm/memory.c:do_shared_fault() */
function doSharedFault(vmf: VmFault): VmFaultResult {
  const ret = callFault(vmf);
  if ((ret & VM_FAULT_NO_MAP) !== 0) return ret;
  const { vma } = vmf;
  const folio = pageFolio(vmf.page!);
  if (vma.vmOps?.pageMkwrite !== undefined) {
    const tmp = vma.vmOps.pageMkwrite(vmf);
    if ((tmp & (VM_FAULT_ERROR | VM_FAULT_NOPAGE)) !== 0) {
      folioPut(vma.vmMm.sys, folio);
      return tmp;
    }
  }
  const result = mapOrPut(vmf, ret);
  if ((result & VM_FAULT_NO_MAP) === 0) faultDirtySharedPage(vmf, folio);
  return result;
}

/** Maps the page that was brought in, or the copy of it. Linux mm/memory.c:finish_fault() */
export function finishFault(vmf: VmFault): VmFaultResult {
  const { vma } = vmf;
  const { vmMm } = vma;
  const isCow = (vmf.flags & FAULT_FLAG_WRITE) !== 0 && (vma.vmFlags & VM_SHARED) === 0;
  const page = isCow ? vmf.cowPage! : vmf.page!;
  const folio = pageFolio(page);
  if (vmf.ptep === 0 && folioTestPmdMappable(folio) && folioWithinFile(folio)) {
    const ret = doSetPmd(vmf, folio);
    if (ret !== VM_FAULT_FALLBACK) return ret;
  }
  if (pmdLeaf(ptepGet(vmMm.sys.ram, vmf.pmdp))) return VM_FAULT_NOPAGE; // somebody was faster, with a leaf
  if (!vmfPteAlloc(vmf)) return VM_FAULT_OOM;
  if (vmfTableGone(vmf)) return VM_FAULT_NOPAGE;
  const idx = page.pfn - folio.pfn;
  const nrPages = isCow ? 1 : nrPagesToMap(vmf, folio, idx);
  if (nrPages > 1 && pteRangeNone(vmf, idx, nrPages)) {
    folioRefAdd(folio, nrPages - 1);
    setPteRange(vmf, folio, folio, nrPages, vmf.address - idx * PAGE_SIZE, vmf.ptep - idx);
    addMmCounter(vmMm, mmCounterFile(folio), nrPages);
    return 0;
  }
  if (vmfPteChanged(vmf)) return VM_FAULT_NOPAGE; // somebody was faster while the page was brought in
  setPteRange(vmf, folio, page, 1, vmf.address, vmf.ptep);
  addMmCounter(vmMm, isCow ? MM_ANONPAGES : mmCounterFile(folio), 1);
  return 0;
}

/** The whole folio if it lies within file, VMA and PTE page, else 1. Linux mm/memory.c:finish_fault() */
function nrPagesToMap(vmf: VmFault, folio: Folio, idx: number): number {
  const nrPages = folioNrPages(folio);
  if (nrPages === 1 || !folioWithinFile(folio)) return 1;
  const vmaOff = vmf.pgoff - vmf.vma.vmPgoff;
  const pteOff = pteIndex(vmf.address);
  if (vmaOff < idx || vmaOff + (nrPages - idx) > vmaPages(vmf.vma)) return 1;
  return pteOff < idx || pteOff + (nrPages - idx) > PTRS_PER_PTE ? 1 : nrPages;
}

/**
 * Whether the folio ends within the file; shmem does not ask. Linux mm/memory.c:finish_fault(),
 * mm/filemap.c:filemap_map_pages()
 */
function folioWithinFile(folio: Folio): boolean {
  const mapping = folio.mapping as AddressSpace;
  return mapping.aOps.swapBacked || Math.ceil(mapping.host.iSize / PAGE_SIZE) >= folioNextIndex(folio);
}

function pteRangeNone(vmf: VmFault, idx: number, nrPages: number): boolean {
  const { ram } = vmf.vma.vmMm.sys;
  for (let i = 0; i < nrPages; i++) if (ptepGet(ram, vmf.ptep - idx + i) !== 0) return false;
  return true;
}

/**
 * Sets `nr` entries for the pages of `folio` from `page` on, at `addr`, and counts them in the reverse map.
 * Linux mm/memory.c:set_pte_range()
 */
export function setPteRange(
  vmf: VmFault,
  folio: Folio,
  page: Page,
  nr: number,
  addr: Vaddr,
  ptep: number,
): void {
  const { vma } = vmf;
  const { ram, pageSoftDirty } = vma.vmMm.sys;
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  const prot = vmaPageProt(vma);
  let entry = pfnPte(page.pfn, prot);
  if (write) entry = maybeMkwrite(pteMkdirty(entry, pageSoftDirty), vma);
  else if (pteWrite(entry) && (folio.flags & PG_dirty) !== 0) entry = pteMkdirty(entry, pageSoftDirty);
  if (write && (vma.vmFlags & VM_SHARED) === 0) {
    folioAddNewAnonRmap(folio, vma, addr, true);
    folioAddLruVma(folio, vma);
  } else folioAddFileRmapPtes(folio, page, nr, vma);
  for (let i = 0; i < nr; i++) setPte(ram, ptep + i, entry + i * PAGE_SIZE);
}

/** The page `n` of a folio as seen by a VMA. Linux folio_page() */
export function vmaFolioPage(vma: VmAreaStruct, folio: Folio, n: number): Page {
  return n === 0 ? folio : pfnToPage(vma.vmMm.sys, folio.pfn + n);
}
