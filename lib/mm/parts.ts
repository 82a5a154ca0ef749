/**
 * The replaceable parts of memory management: functions that a learner may write.
 *
 *   sys.parts.pteNeedsFlush     may a TLB keep the old entry        (lab 02)   Linux's: mm/pgtable/tlb.ts
 *   sys.parts.shootdownTargets  whom to interrupt for a flush       (lab 02)   Linux's: mm/pgtable/tlb.ts
 *   sys.parts.catchUp           what the interrupted CPU drops      (lab 02)   Linux's: mm/pgtable/tlb.ts
 *   sys.parts.chooseNewAsid     PCID of the address space to run    (lab 02)   Linux's: mm/pgtable/tlb_switch.ts
 *   sys.parts.doAnonymousPage   first touch of anonymous memory     (lab 03)   Linux's: mm/fault/memory.ts
 *   sys.parts.classifyFault     what to do about a page fault       (lab 03)   Linux's: mm/fault/classify_fault.ts
 *   sys.parts.doReadFault       first read of a mapped file         (lab 03)   Linux's: mm/fault/file_fault.ts
 *   sys.parts.doMlock           mlock of a range                    (lab 03)   Linux's: mm/vma/mlock.ts
 *   sys.parts.copyPresentPte    one entry of a fork                 (lab 04)   Linux's: mm/fault/copy_page_range.ts
 *   sys.parts.doWpPage          write to a read-only entry          (lab 04)   Linux's: mm/fault/wp.ts
 *   sys.parts.zoneWatermarks    how much a zone keeps free      (lab 05)   Linux's: mm/pages/wmark.ts
 *   sys.parts.zoneWatermarkOk   may a request have pages of a zone  (lab 05)   Linux's: mm/pages/watermark_ok.ts
 *   sys.parts.wakeupKswapd      the zone is short of pages                     Linux's: mm/lru/kswapd.ts
 *   sys.parts.tryToFreePages    reclaim when no frame is free                  Linux's: mm/lru/direct_reclaim.ts
 *   sys.parts.tryToCompactPages move pages until a block is free               Linux's: mm/compaction/direct_compact.ts
 *   sys.parts.compactZone       one round of that                   (lab 07)   Linux's: mm/compaction/compact_zone.ts
 *   sys.parts.rmqueueSmallest   take a free block, split it         (lab 07)   Linux's: mm/pages/buddy.ts
 *   sys.parts.freeOnePage       give a block back, merge it         (lab 07)   Linux's: mm/pages/buddy.ts
 *   sys.parts.shrinkFolioList   which of 32 old pages go            (lab 05)   Linux's: mm/lru/shrink_folio_list.ts
 *   sys.parts.workingsetRefault a page that was taken is back                  Linux's: mm/lru/workingset.ts
 *   sys.parts.getScanCount      how much of each list to look at    (lab 06)   Linux's: mm/lru/scan_count.ts
 *   sys.parts.swapAlloc         free slots of swap                  (lab 06)   Linux's: mm/swap/swapfile.ts
 *   sys.parts.swapEntryDup      one more who has a slot             (lab 06)   Linux's: mm/swap/swap_map.ts
 *   sys.parts.swapEntryPut      one less                            (lab 06)   Linux's: mm/swap/swap_map.ts
 *   sys.parts.doSwapPage        a page that is not in RAM           (lab 06)   Linux's: mm/fault/swap_fault.ts
 *
 *   sys.parts.thpVmaSuitableOrder  may a large folio be here        (lab 07)   Linux's: mm/huge/thp_orders.ts
 *   sys.parts.doHugePmdAnonymousPage  first touch of 2 MiB          (lab 07)   Linux's: mm/huge/huge_fault.ts
 *   sys.parts.splitHugePmd      a leaf becomes 512 entries          (lab 07)   Linux's: mm/huge/split_pmd.ts
 *   sys.parts.collapseHugePage  512 small pages become a huge page  (lab 07)   Linux's: mm/huge/collapse.ts
 *
 * The kernel calls these only through sys.parts, so a machine booted with `parts: { doWpPage: mine }` runs on
 * `mine`.
 *
 * Here is only what each part must look like; which functions they are unless replaced is in linux_parts.ts.
 *
 * Read first: mm/fault/memory.ts.
 */
import type { Vaddr } from "../hw/address.js";
import type { Pte } from "../hw/entry.js";
import type { CompactAttempt, CompactControlOf, DirectCompact } from "./compaction/compact_types.js";
import type { FaultClass, VmFault } from "./fault/vm_fault.js";
import type { ScanResult } from "./huge/thp_types.js";
import type { Lruvec } from "./lru/lruvec.js";
import type { ReclaimStat, ScanControl } from "./lru/scan_control.js";
import type { MmStruct, VmAreaStruct, VmFaultResult } from "./mm_types.js";
import type { BuddyCore, Zone, ZoneWatermarks } from "./pages/buddy.js";
import type { Folio } from "./pages/folio.js";

import type { CatchUp, NewAsid, ShootdownCpu, TlbContext } from "./pgtable/tlb_types.js";
import type { SwapInfoStruct, SwpEntry } from "./swap/swap_types.js";
import type { MemorySystem } from "./system.js";

/** Parts of `lib/mm` that may be replaced at boot. Not in Linux. */
export interface MmParts extends BuddyCore {
  /** Whether a TLB may not keep `before` when a page's entry becomes `after` (0: none). */
  pteNeedsFlush(before: number, after: number): boolean;
  /**
   * Ids of the CPUs to interrupt, among those in the mm's mask; `freedTables`: page tables were freed, too.
   */
  shootdownTargets(mask: readonly ShootdownCpu[], freedTables: boolean): number[];
  /**
   * What a CPU at generation `localGen` drops; `requestGen` is undefined when nobody asked and it comes back
   * from being lazy.
   */
  catchUp(localGen: number, mmGen: number, requestGen?: number): CatchUp;
  /** The slot for `next` among the CPU's `ctxs`, and whether its entries must go. */
  chooseNewAsid(ctxs: readonly TlbContext[], nextAsid: number, next: TlbContext): NewAsid;
  /** What to do about a page fault at `address`; `vma` is the first VMA that ends above it. */
  classifyFault(vma: VmAreaStruct | undefined, address: Vaddr, errorCode: number): FaultClass;
  /** First touch of anonymous memory: sets the entry at vmf.ptep (after vmfPteAlloc). */
  doAnonymousPage(vmf: VmFault): VmFaultResult;
  /** Read of a file page whose entry is empty. */
  doReadFault(vmf: VmFault): VmFaultResult;
  /**
   * Locks every page that [start, start + len) touches; `flags` is VM_LOCKED, or with VM_LOCKONFAULT. 0 or
   * negative errno.
   */
  doMlock(mm: MmStruct, start: number, len: number, flags: number): number;
  /** Write to the present, read-only entry vmf.origPte at vmf.ptep. */
  doWpPage(vmf: VmFault): VmFaultResult;
  /**
   * fork: sets the child's entry at dstPtep, and changes the parent's at srcPtep, now `srcPte`; 0 or negative
   * errno.
   */
  copyPresentPte(
    dstVma: VmAreaStruct,
    srcVma: VmAreaStruct,
    dstPtep: number,
    srcPtep: number,
    srcPte: Pte,
  ): number;
  /** The watermarks of a zone, which has `managedPages` of the `lowmemPages` that share min_free_kbytes. */
  zoneWatermarks(
    zone: { readonly managedPages: number },
    minFreeKbytes: number,
    lowmemPages: number,
    watermarkScaleFactor: number,
  ): ZoneWatermarks;
  /**
   * Whether a request for 2^order pages leaves `zone`, which has `freePages`, above `mark`; `allocFlags` is
   * ALLOC_*, `highestZoneidx` the number of the highest zone that could serve it.
   */
  zoneWatermarkOk(
    sys: MemorySystem,
    zone: Zone,
    order: number,
    mark: number,
    highestZoneidx: number,
    allocFlags: number,
    freePages: number,
  ): boolean;
  /** A request with `gfp` for 2^order pages found `zone` low: wakes whoever frees pages in the background. */
  wakeupKswapd(sys: MemorySystem, zone: Zone, gfp: number, order: number, highestZoneidx: number): void;
  /** An allocation with `gfp` found no block of 2^order frames: frees some; how many pages, 0 if none. */
  tryToFreePages(sys: MemorySystem, gfp: number, order: number): number;
  /**
   * An allocation found no block of 2^order frames: moves pages in use until one is free. How that ended
   * (COMPACT_), and the block if it was caught when it came together.
   */
  tryToCompactPages(sys: MemorySystem, request: DirectCompact): CompactAttempt;
  /**
   * One round of the compaction of cc.zone: moves pages in use from cc.migratePfn upwards into free frames
   * from cc.freePfn downwards. COMPACT_CONTINUE to be called again, or how it ended: COMPACT_SUCCESS when a
   * block of cc.order is free, COMPACT_COMPLETE when the two have met.
   */
  compactZone(sys: MemorySystem, cc: CompactControlOf<Folio>): number;
  /**
   * Frees what can be freed of isolated folios; how many pages. Those that stay are left in `folioList`, with
   * PG_active where they shall be active. `ignoreReferences`: use does not protect.
   */
  shrinkFolioList(
    sys: MemorySystem,
    folioList: Folio[],
    sc: ScanControl,
    stat: ReclaimStat,
    ignoreReferences: boolean,
  ): number;
  /** The folio is back in the place where reclaim had left `shadow`: may make it active (PG_active). */
  workingsetRefault(sys: MemorySystem, folio: Folio, shadow: number): void;
  /** Pages of each evictable list of `lruvec` to look at in this pass. */
  getScanCount(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): number[];
  /**
   * Free slots for 2^order pages, now the swap cache's (SWAP_HAS_CACHE): the entry of the first, 0 if none.
   */
  swapAlloc(sys: MemorySystem, order: number): SwpEntry;
  /**
   * One more who has slot `offset`: an entry (`usage` 1), the swap cache (SWAP_HAS_CACHE) or a file
   * (SWAP_MAP_SHMEM). 0, or -ENOENT, -EEXIST, -EINVAL, -ENOMEM.
   */
  swapEntryDup(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number;
  /** One less who has it; what its byte of the swap map is then: 0 if it is free. */
  swapEntryPut(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number;
  /** The access found the note vmf.origPte at vmf.ptep: a place in swap, or a marker. */
  doSwapPage(vmf: VmFault): VmFaultResult;
  /** Whether the aligned block of 2^order pages around `addr` may be one folio of `vma`. */
  thpVmaSuitableOrder(vma: VmAreaStruct, addr: Vaddr, order: number): boolean;
  /** First touch where vmf.pmdp is empty and huge pages are allowed: maps one, or VM_FAULT_FALLBACK. */
  doHugePmdAnonymousPage(vmf: VmFault): VmFaultResult;
  /**
   * Makes a huge page of the small ones at `haddr`, of which `unmapped` are in swap; how that ended.
   * `khugepaged`: nobody asked for it, so its limits hold.
   */
  collapseHugePage(mm: MmStruct, haddr: Vaddr, unmapped: number, khugepaged: boolean): ScanResult;
  /** Splits the leaf at `pmdp`, which maps the 2 MiB around `address`; nothing if there is none. */
  splitHugePmd(vma: VmAreaStruct, pmdp: number, address: Vaddr): void;
}
