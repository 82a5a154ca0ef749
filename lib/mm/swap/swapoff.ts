/**
 * Switching a swap area off: everything in it comes back into RAM first.
 *
 *   disableSwap
 *     no slot is given out any more
 *     tryToUnuse, until nothing is left
 *       files of shared memory      their pages come back
 *       every address space         unusePte: entry after entry, the page is read, and mapped as it was: old,
 *                                   not writable, exclusive if it had been
 *       the swap cache              folios that nobody maps give their slots up
 *     its memory goes back to the kernel
 *
 * If it does not fit into RAM, swapoff is not even begun (-ENOMEM). A page that cannot be read leaves a
 * poisoned entry: whoever touches it gets SIGBUS, and the area can be switched off all the same.
 *
 * Linux mm/swapfile.c. Read first: swapon.ts, mm/fault/swap_fault.ts.
 */
import { PAGE_SIZE, type Vaddr } from "../../hw/address.js";
import { EINTR, ENOMEM } from "../errno.js";
import { folioAddAnonRmapPte, folioAddNewAnonRmap } from "../fault/rmap.js";
import { VmFault } from "../fault/vm_fault.js";
import { folioWaitLocked, folioWaitWriteback } from "../filemap/folio_wait.js";
import { shmemUnuse } from "../filemap/shmem_swap.js";
import { addMmCounter, MM_ANONPAGES, MM_SWAPENTS, type MmStruct, type VmAreaStruct } from "../mm_types.js";
import { outOfSteps } from "../mmdebug.js";
import { type Folio, folioGet, folioPage, folioTestAnon, PG_uptodate } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../pages/gfp.js";
import { forEachPmd } from "../pgtable/pagewalk.js";
import {
  pfnPte,
  pmdLeaf,
  pteIndex,
  pteMkold,
  ptePfn,
  ptepGet,
  setPte,
  vmaPageProt,
} from "../pgtable/pgtable.js";
import { pteMksoftDirty, pteSwpSoftDirty } from "../pgtable/soft_dirty.js";
import {
  classifyPte,
  makePteMarker,
  PTE_KIND_SWAP,
  PTE_MARKER_POISONED,
  pteSwpExclusive,
  pteToSwpEntry,
  swpEntry,
  swpOffset,
  swpType,
} from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { vmEnoughMemory, vmUnacctMemory } from "../vma/util.js";
import { delFromAvailList } from "./cluster.js";
import { freeSwapCountContinuations, swapCount, swapFreeNr } from "./swap_map.js";
import { swapinReadahead } from "./swap_readahead.js";
import { folioFreeSwap, folioMatchesSwapEntry, folioSwap, swapCacheGetFolio } from "./swap_state.js";
import { SWAP_MAP_BAD, SWP_WRITEOK, type SwapInfoStruct, type SwpEntry } from "./swap_types.js";
import { enableSwapInfo, freeSwapInfo } from "./swapon.js";

/** Rounds over everything after which it has got nowhere. */
const MAX_ROUNDS = 1000;

/** Whose memory may be in swap, and whether the one who asks has had enough. */
interface SwapUsers {
  /** Every address space. Linux init_mm.mmlist */
  mms(): Iterable<MmStruct>;
  /** A signal is pending. */
  interrupted(): boolean;
}

/**
 * The entry says where the page is again, if it still is the slot's.
 * Linux mm/swapfile.c:unuse_pte()
 */
function unusePte(vma: VmAreaStruct, addr: Vaddr, ptep: number, entry: SwpEntry, folio: Folio): void {
  const { sys } = vma.vmMm;
  const old = ptepGet(sys.ram, ptep);
  if (!folioMatchesSwapEntry(folio, entry)) return; // given up meanwhile: the next round finds the page
  if (classifyPte(old) !== PTE_KIND_SWAP || pteToSwpEntry(old) !== entry) return;
  addMmCounter(vma.vmMm, MM_SWAPENTS, -1);
  if ((folio.flags & PG_uptodate) === 0) setPte(sys.ram, ptep, makePteMarker(PTE_MARKER_POISONED));
  else {
    const page = folioPage(sys, folio, entry - folioSwap(folio));
    const exclusive = pteSwpExclusive(old);
    addMmCounter(vma.vmMm, MM_ANONPAGES, 1);
    folioGet(folio);
    if (folioTestAnon(folio)) folioAddAnonRmapPte(folio, page, vma, exclusive);
    else folioAddNewAnonRmap(folio, vma, addr, exclusive);
    const pte = pteMkold(pfnPte(page.pfn, vmaPageProt(vma)));
    setPte(sys.ram, ptep, pteSwpSoftDirty(old) ? pteMksoftDirty(pte) : pte);
  }
  swapFreeNr(sys, entry, 1);
}

/** The entry's page comes back; 0 or -ENOMEM. Linux mm/swapfile.c:unuse_pte_range(), the body of its loop */
function unuseEntry(vma: VmAreaStruct, si: SwapInfoStruct, addr: Vaddr, pmdp: number, ptep: number): number {
  const { sys } = vma.vmMm;
  const pte = ptepGet(sys.ram, ptep);
  if (classifyPte(pte) !== PTE_KIND_SWAP) return 0;
  const entry = pteToSwpEntry(pte);
  if (swpType(entry) !== si.type) return 0;
  const vmf = new VmFault(vma, addr, 0);
  vmf.pmdp = pmdp;
  vmf.ptep = ptep;
  vmf.origPte = pte;
  const folio = swapCacheGetFolio(sys, entry) ?? swapinReadahead(sys, entry, GFP_HIGHUSER_MOVABLE, vmf);
  if (folio === undefined) {
    const count = swapCount(si.swapMap[swpOffset(entry)]!);
    return count === 0 || count === SWAP_MAP_BAD ? 0 : -ENOMEM;
  }
  folioWaitLocked(sys, folio);
  folioWaitWriteback(sys, folio);
  unusePte(vma, addr, ptep, entry, folio);
  folioFreeSwap(sys, folio);
  folioPut(sys, folio);
  return 0;
}

/** Linux mm/swapfile.c:unuse_vma() and below */
function unuseVma(vma: VmAreaStruct, si: SwapInfoStruct): number {
  const { ram } = vma.vmMm.sys;
  let error = 0;
  forEachPmd(vma.vmMm, vma.vmStart, vma.vmEnd, (pmdp, from, to) => {
    const pmd = ptepGet(ram, pmdp);
    if (pmdLeaf(pmd)) return false; // all there
    const first = ptePfn(pmd) * 512 + pteIndex(from);
    for (let addr = from; addr < to && error === 0; addr += PAGE_SIZE)
      error = unuseEntry(vma, si, addr, pmdp, first + (addr - from) / PAGE_SIZE);
    return error !== 0;
  });
  return error;
}

/** What the area has of one address space comes back; 0 or -ENOMEM. Linux mm/swapfile.c:unuse_mm() */
function unuseMm(mm: MmStruct, si: SwapInfoStruct): number {
  for (const vma of [...mm.mmMt]) {
    if (vma.anonVma === undefined) continue;
    const error = unuseVma(vma, si);
    if (error !== 0) return error;
  }
  return 0;
}

/**
 * Folios that only the swap cache has a slot for. Linux mm/swapfile.c:try_to_unuse(), find_next_to_unuse()
 */
function unuseCache(sys: MemorySystem, si: SwapInfoStruct): void {
  for (let offset = 1; offset < si.max && si.inusePages > 0; offset++) {
    const value = si.swapMap[offset]!;
    if (value === 0 || swapCount(value) === SWAP_MAP_BAD) continue;
    const folio = swapCacheGetFolio(sys, swpEntry(si.type, offset));
    if (folio === undefined) continue;
    folioWaitLocked(sys, folio);
    folioWaitWriteback(sys, folio);
    folioFreeSwap(sys, folio);
    folioPut(sys, folio);
  }
}

/** Brings all back: 0, -ENOMEM, -EINTR. Linux mm/swapfile.c:try_to_unuse() */
function tryToUnuse(sys: MemorySystem, si: SwapInfoStruct, users: SwapUsers): number {
  for (let round = 0; si.inusePages > 0; round++) {
    if (round > MAX_ROUNDS) throw outOfSteps(`swapoff of ${si.path}`);
    const failed = shmemUnuse(sys, si.type);
    if (failed !== 0) return failed;
    for (const mm of [...users.mms()]) {
      if (si.inusePages === 0 || users.interrupted()) break;
      if (mm.rssStat[MM_SWAPENTS] === 0) continue;
      const error = unuseMm(mm, si);
      if (error !== 0) return error;
    }
    if (si.inusePages > 0 && !users.interrupted()) unuseCache(sys, si);
    if (si.inusePages > 0 && users.interrupted()) return -EINTR;
  }
  return 0;
}

/** Areas without a priority of their own that came later move up. Linux SYSCALL_DEFINE1(swapoff) */
function raiseLater(sys: MemorySystem, si: SwapInfoStruct): void {
  if (si.prio >= 0) return;
  for (const other of sys.swap.swapInfo) if (other !== undefined && other.prio < si.prio) other.prio++;
  sys.swap.leastPriority++;
}

/**
 * It could not be switched off. Without a priority of its own it comes after all others now.
 * Linux mm/swapfile.c:reinsert_swap_info()
 */
function reinsertSwapInfo(sys: MemorySystem, si: SwapInfoStruct): void {
  if (si.prio < 0) si.prio = --sys.swap.leastPriority;
  enableSwapInfo(sys, si);
}

/**
 * Uses the area no more: 0, -ENOMEM if RAM cannot take what is in it, -EINTR; then it is on again.
 * Linux mm/swapfile.c:SYSCALL_DEFINE1(swapoff), once the area is found
 */
export function disableSwap(
  sys: MemorySystem,
  si: SwapInfoStruct,
  users: SwapUsers,
  mm: MmStruct | undefined,
): number {
  const enough = vmEnoughMemory(sys, mm, si.pages);
  if (enough !== 0) return enough;
  vmUnacctMemory(sys, si.pages);
  delFromAvailList(sys, si);
  raiseLater(sys, si);
  sys.nrSwapPages -= si.pages;
  sys.totalSwapPages -= si.pages;
  si.flags &= ~SWP_WRITEOK;
  const error = tryToUnuse(sys, si, users);
  if (error !== 0) {
    reinsertSwapInfo(sys, si);
    return error;
  }
  for (const cpu of sys.swap.percpuSwapCluster)
    cpu?.si.forEach((one, order) => {
      if (one === si) cpu.si[order] = undefined;
    });
  sys.swap.swapInfo[si.type] = undefined;
  if (si.bdev.rotational) sys.swap.nrRotateSwap--;
  freeSwapCountContinuations(sys, si);
  freeSwapInfo(sys, si);
  return 0;
}
