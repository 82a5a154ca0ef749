/**
 * Lab 06, Swap: five exercises, three of them parts of the running kernel: who has which slot of a swap area,
 * what happens at the first access to a page that is not in RAM, and how much of each list reclaim looks at.
 *
 * Notebook: notebooks/06-swap.ipynb. Check your work there with `await check("06.1")`, or in a terminal with
 * `npx pagewalk grade 06.1`; `npx pagewalk hint 06.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: swapEntryDup here is what the kernel's mm/swapfile.c calls __swap_duplicate().
 */

import { NotWrittenYet } from "pagewalk";
import {
  addMmCounter,
  CLUSTER_FLAG_DISCARD,
  COUNT_CONTINUED,
  canReclaimAnonPages,
  countVmEvents,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_WRITE,
  type Folio,
  folioAddAnonRmapPte,
  folioAddNewAnonRmap,
  folioFreeSwap,
  folioIsLocked,
  folioIsWriteback,
  folioMatchesSwapEntry,
  folioPut,
  folioTestAnon,
  folioWaitLocked,
  GFP_HIGHUSER_MOVABLE,
  getSwapDevice,
  handlePteMarker,
  isPteMarker,
  pteToSwpEntry as kernelPteToSwpEntry,
  type Lruvec,
  lruAddDrain,
  lruvecLruSize,
  type MemorySystem,
  MM_ANONPAGES,
  MM_SWAPENTS,
  maybeMkwrite,
  memCgroupSwapFull,
  PG_lru,
  PG_mlocked,
  PG_uptodate,
  PGMAJFAULT,
  pfnPte,
  pteMkdirty,
  pteMksoftDirty,
  pteNeedsSoftDirtyWp,
  pteSwpExclusive,
  pteSwpSoftDirty,
  readPastCache,
  relocateCluster,
  type ScanControl,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_MAX,
  SWAP_MAP_SHMEM,
  SWAPFILE_CLUSTER,
  SWAPPINESS_ANON_ONLY,
  SWP_STABLE_WRITES,
  SWP_SYNCHRONOUS_IO,
  type SwapInfoStruct,
  type SwpEntry,
  setPte,
  swapCacheGetFolio,
  swapClusterAllocTable,
  swapCountContinued,
  swapcacheClear,
  swapEntriesFree,
  swapEntryCount,
  swapFreeNr,
  swapinReadahead,
  swapRangeAlloc,
  swapUpdateReadahead,
  swpEntry,
  VM_FAULT_ERROR,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_LOCKED,
  type VmFault,
  type VmFaultResult,
  vmaPageProt,
  vmfPteChanged,
} from "pagewalk/kernel";

// ---------------------------------------------------------------- 06.1

/** A page's place in swap, and what its page-table entry keeps of the page. */
export interface SwapPlace {
  /** Number of the swap area: 0 to 23. */
  type: number;
  /** Slot in the area: 0 to 2^50 - 2. One more, in area 0, and the entry would be empty. */
  offset: number;
  /** The page belongs to this process alone. */
  exclusive: boolean;
  /** It was written since somebody cleared the soft-dirty bits. */
  softDirty: boolean;
}

/**
 * 06.1 Pack and unpack a swap entry. The 64-bit page-table entry of x86-64 for a page that is in swap. Linux
 * calls this swp_entry_to_pte().
 *
 *     63   59 58                               9 8 7 6 5 4 3 2 1 0
 *    +-------+----------------------------------+-+-+-+-+-+-+-+-+-+
 *    | type  |           NOT offset             |0|0|0|0|0|E|0|S|0|
 *    +-------+----------------------------------+-+-+-+-+-+-+-+-+-+
 *
 * - Bits 59 to 63: the type.
 * - Bits 9 to 58: the offset with every one of its 50 bits inverted.
 * - Bit 3 (E): exclusive. Bit 1 (S): soft-dirty.
 * - All others are 0. Bit 0 above all (P, present): the page is not in RAM, an access must fault.
 *
 * Why inverted: some processors guess ahead with an entry that is not present, as if its bits named a frame,
 * and read what that frame has in the first-level cache (the attack L1TF). Small offsets inverted are
 * addresses far above all RAM.
 *
 * Type 0, offset 1, neither bit: 0x07fffffffffffc00n.
 */
export function swpEntryToPte(place: SwapPlace): bigint {
  throw new NotWrittenYet("06.1");
}

/**
 * 06.1 Pack and unpack a swap entry. What a page-table entry says of a page's place in swap; undefined for
 * an entry that is none. Linux calls this pte_to_swp_entry().
 *
 * No place in swap is
 *
 * - the empty entry, 0;
 * - one with bit 0 (P, present) or bit 8 (present for Linux, but not for the processor: PROT_NONE). Then the
 *   other bits name a frame;
 * - one of type 24 or more: Linux keeps other notes with these types (a page on the move, a guard page).
 *
 * Bits 2 and 4 to 7 are other people's: do not look at them.
 */
export function pteToSwpEntry(pte: bigint): SwapPlace | undefined {
  throw new NotWrittenYet("06.1");
}

// ---------------------------------------------------------------- 06.2

/**
 * 06.2 Slot allocator with counts. A page is to be swapped out: takes a free slot. Returns its entry,
 * swpEntry(si.type, offset), or 0 if there is none. Linux calls this swap_alloc_fast() and swap_alloc_slow().
 *
 * - Only single pages are asked for. Should `order` ever be more than 0, the answer is 0.
 * - sys.swap.availHead has the areas with free slots, those of higher priority first. Take a slot of the
 *   first area that has one for you; of areas with the same priority any will do. Which slot of the area you
 *   take, and in which order you look, is your own choice.
 * - Slot `offset` of area `si` is free if its byte si.swapMap[offset] is 0.
 * - 512 slots (SWAPFILE_CLUSTER) are a cluster: slot `offset` belongs to the one with ci.index =
 *   Math.floor(offset / SWAPFILE_CLUSTER) in si.clusterInfo. ci.count is how many of its slots are not free.
 * - A cluster whose ci.flags is CLUSTER_FLAG_DISCARD is being emptied on the device: take no slot there.
 * - A cluster needs a table for its folios. Where ci.table is undefined, swapClusterAllocTable(sys, ci) gets
 *   one; if it says false there is no memory, and the answer is 0. It may wait for memory, and others take
 *   slots meanwhile: so see to the table first, then look for a free slot.
 * - A slot that you take: its byte becomes SWAP_HAS_CACHE (a folio in RAM has its bytes), and ci.count grows
 *   by 1. Then tell relocateCluster(sys, si, ci), which puts the cluster on the list where it belongs, and
 *   swapRangeAlloc(sys, si, 1), which counts the area's slots.
 */
export function swapAlloc(sys: MemorySystem, order: number): SwpEntry {
  throw new NotWrittenYet("06.2");
}

/**
 * 06.2 Slot allocator with counts. One more has slot `offset` of area `si`. Linux calls this
 * __swap_duplicate().
 *
 * The byte si.swapMap[offset] says who has the slot:
 *
 * - 0: nobody, it is free. SWAP_MAP_BAD: nobody may have it, the device is broken there.
 * - SWAP_HAS_CACHE (a bit): a folio in RAM has the slot's bytes.
 * - The rest of the byte is the count: how many page-table entries name the slot, from 0 to 62
 *   (SWAP_MAP_MAX). Or SWAP_MAP_SHMEM: a file of shared memory has it; that is a count of its own, 1 and no
 *   more.
 * - COUNT_CONTINUED (a bit, part of the count): more than 62 entries name the slot, and the count goes on in
 *   other pages.
 *
 * `usage` says who is the one more: 1: an entry; SWAP_HAS_CACHE: a folio; SWAP_MAP_SHMEM: a file. Changes the
 * byte and returns 0, or leaves it and returns an error:
 *
 * - A slot that is free or bad: -ENOENT.
 * - A folio, and the slot has one already: -EEXIST. Else the bit is set, and that is all.
 * - An entry or a file, and the slot is a file's (SWAP_MAP_SHMEM): -EINVAL.
 * - An entry or a file: `usage` is added to the count. SWAP_HAS_CACHE stays as it is.
 * - But where the count without COUNT_CONTINUED is 62 already, swapCountContinued(sys, si, offset, count)
 *   counts the 1 in the other pages; `count` is the byte without SWAP_HAS_CACHE. If it says true, the new
 *   count is COUNT_CONTINUED alone. If it says false, it needs a page first: -ENOMEM.
 */
export function swapEntryDup(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number {
  throw new NotWrittenYet("06.2");
}

/**
 * 06.2 Slot allocator with counts. One less has slot `offset` of area `si`; returns what its byte is then.
 * The one (`usage`, as above) did have it. Linux calls this swap_entry_put_locked().
 *
 * - A folio (SWAP_HAS_CACHE): the bit goes, the count stays.
 * - Else, where the count is SWAP_MAP_SHMEM: the count is 0 then, whatever `usage` is.
 * - Else, where the count is COUNT_CONTINUED alone: swapCountContinued(sys, si, offset, count) takes the 1
 *   from the other pages. The new count is SWAP_MAP_MAX, and with COUNT_CONTINUED if it says true.
 * - Else the count is 1 less.
 * - If nothing is left, the byte 0, nobody has the slot any more: swapEntriesFree(sys, si, offset, 1) sets
 *   the byte, and tells everybody who knows of the slot: the cluster, the area, the compressed cache, the
 *   device. It must not be called while somebody has it.
 */
export function swapEntryPut(sys: MemorySystem, si: SwapInfoStruct, offset: number, usage: number): number {
  throw new NotWrittenYet("06.2");
}

// ---------------------------------------------------------------- 06.3

/**
 * 06.3 A page in swap. A process touches a page, and the entry vmf.origPte, which was found at vmf.ptep, says
 * that the page is in swap. Bring it back, and let the entry map it; the answer is VM_FAULT_ bits. Linux
 * calls this do_swap_page(). Below, vma is vmf.vma, and sys is vma.vmMm.sys; all folios are single pages.
 *
 * Find the folio:
 *
 * - A marker and no place in swap (isPteMarker(vmf.origPte)): handlePteMarker(vmf) has the answer.
 * - The slot is entry = kernelPteToSwpEntry(vmf.origPte), the kernel's own 06.1. Its area is si =
 *   getSwapDevice(sys, entry). There is none: swapoff was faster; answer 0, and the access is repeated.
 * - swapCacheGetFolio(sys, entry): in the swap cache, nothing needs to be read, and the answer begins with 0.
 *   Tell swapUpdateReadahead(sys, folio, vma, vmf.address).
 * - Else it is read. Where the device is done at once (si.flags has SWP_SYNCHRONOUS_IO), and no other entry
 *   has the slot (swapEntryCount(sys, entry) is 1), read directly: readPastCache(vmf, entry). Otherwise
 *   swapinReadahead(sys, entry, GFP_HIGHUSER_MOVABLE, vmf), which puts it, and some of its neighbours, into
 *   the swap cache.
 * - No folio: no memory, VM_FAULT_OOM; but 0 if the entry has changed meanwhile (vmfPteChanged(vmf)). A
 *   folio: the fault is major. Count one PGMAJFAULT (countVmEvents(sys, PGMAJFAULT, 1)); the answer begins
 *   with VM_FAULT_MAJOR.
 *
 * Make sure of it. You hold the folio; on each of these ways out give it back, folioPut(sys, folio), and
 * answer what you have so far:
 *
 * - Its bytes are on their way (folioIsLocked(sys, folio)): folioWaitLocked(sys, folio). Afterwards, if
 *   vmf.flags has FAULT_FLAG_ALLOW_RETRY and not FAULT_FLAG_TRIED, the whole fault is to be tried again: out,
 *   with VM_FAULT_RETRY added.
 * - Not read directly, and it is the slot's folio no more (not folioMatchesSwapEntry(folio, entry)): out.
 * - The entry is not the same any more (vmfPteChanged(vmf)), another was faster: out.
 * - Without PG_uptodate: the device could not read it. Out, with VM_FAULT_SIGBUS and nothing else.
 *
 * Map it:
 *
 * - A place in a batch on the way to an LRU list is a hold, too. If the fault is a write (vmf.flags has
 *   FAULT_FLAG_WRITE), the folio was not read directly and has no PG_lru: lruAddDrain(sys).
 * - It is exclusive if it was read directly, or if the entry says so (pteSwpExclusive(vmf.origPte)); the
 *   latter does not hold for what is still being written (folioIsWriteback(sys, folio)) to a device that
 *   needs pages to stand still (si.flags has SWP_STABLE_WRITES).
 * - One entry less has the slot: swapFreeNr(sys, entry, 1).
 * - Then folioFreeSwap(sys, folio) gives the slot up, if swap is filling up (memCgroupSwapFull(sys, folio):
 *   more than half is used), if the VMA has VM_LOCKED or the folio PG_mlocked, or if the fault is a write and
 *   only you and the swap cache hold the folio (folio.refcount is 2). It refuses where other entries need the
 *   slot.
 * - addMmCounter(vma.vmMm, member, n): one more of MM_ANONPAGES, one less of MM_SWAPENTS.
 * - The new entry is pfnPte(folio.pfn, vmaPageProt(vma)), with pteMksoftDirty(pte) if
 *   pteSwpSoftDirty(vmf.origPte).
 * - The page is the process's own if it is exclusive, or if nobody but you holds it now (folio.refcount is
 *   1). Its own page gets maybeMkwrite(pte, vma): writable where the VMA allows it; unless
 *   pteNeedsSoftDirtyWp(vma, pte): somebody waits for the next write. If it does, and the fault is a write,
 *   it gets pteMkdirty(pte, sys.pageSoftDirty), too, and FAULT_FLAG_WRITE goes out of vmf.flags: the write is
 *   done.
 * - The reverse map: if folioTestAnon(folio), folioAddAnonRmapPte(folio, folio, vma, own), else
 *   folioAddNewAnonRmap(folio, vma, vmf.address, own); `own`: it is the process's own.
 * - setPte(sys.ram, vmf.ptep, pte); vmf.origPte = pte. Your hold is the entry's now.
 * - If vmf.flags still has FAULT_FLAG_WRITE: sys.parts.doWpPage(vmf), in the same fault. Its bits come into
 *   the answer; if some are in VM_FAULT_ERROR, only those are the answer.
 *
 * A direct read has marked the slot, so that nobody else reads it. swapcacheClear(sys, si, entry) takes the
 * mark away: the last thing to be done after each that gave a folio, however the fault ends.
 */
export function doSwapPage(vmf: VmFault): VmFaultResult {
  throw new NotWrittenYet("06.3");
}

// ---------------------------------------------------------------- 06.4

/**
 * 06.4 Scan balance. Memory is short: how many pages of each list of `lruvec` is this attempt to look at?
 * Linux calls this get_scan_count(). Four numbers, for the lists 0 to 3: inactive anonymous, active
 * anonymous, inactive file, active file.
 *
 * A list begins with its size, lruvecLruSize(sys, lruvec, list, sc.reclaimIdx), divided by 2^sc.priority: the
 * attempts begin with priority 12 and end with 0.
 *
 * Swappiness is sc.proactiveSwappiness; where that is undefined, sys.sysctl.swappiness. The first of these
 * rules that fits says what becomes of it:
 *
 * - Not sc.maySwap, or anonymous memory could go nowhere (canReclaimAnonPages(sys, lruvec.memcg) is false: no
 *   slot is free, or none that the group of the lists may have): files only.
 * - A group that uses too much is to shrink (sc.targetMemcg is not undefined), and swappiness is 0: files
 *   only.
 * - Swappiness is SWAPPINESS_ANON_ONLY: anonymous memory only.
 * - Priority 0, nothing else has helped, and swappiness is not 0: all lists, as they are.
 * - sc.fileIsTiny, there are hardly any files left: anonymous memory only.
 * - sc.cacheTrimMode, there are plenty of files that nobody needs: files only.
 * - Else each list gets its type's share, of anonymous memory ap, of files fp: times ap or fp, divided by
 *   ap + fp.
 *
 * "Only": the lists of the other type get 0. The shares: total is sc.anonCost + sc.fileCost. Anonymous memory
 * costs anon, total and sc.anonCost; files cost file, total and sc.fileCost; sum is anon + file. Then
 *
 *     ap = swappiness * (sum + 1) / (anon + 1)      fp = (200 - swappiness) * (sum + 1) / (file + 1)
 *
 * Every division is rounded down at once. (Linux also takes the last pages of groups that were removed.)
 *
 * Swappiness 60, costs 100 and 300: anon 500, file 700, sum 1200; ap 143, fp 239. An anonymous list of 4000
 * pages at priority 2: 1000 * 143 / 382, 374 pages.
 */
export function getScanCount(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): number[] {
  throw new NotWrittenYet("06.4");
}

// ---------------------------------------------------------------- 06.5

/** A machine's counters at one moment: each only grows. The last lines are there to be looked at. */
export interface VmSample {
  /** When it was taken, in ns. */
  ns: number;
  /** What the CPUs have done so far, in ns, as in /proc/stat: programs' own work, */
  user: number;
  /** the kernel's, */
  system: number;
  /** nothing, */
  idle: number;
  /** and nothing because programs wait for a device. */
  iowait: number;
  /** From here on /proc/vmstat, in pages: anonymous pages and pages of files that were taken from memory. */
  pgsteal_anon: number;
  pgsteal_file: number;
  /** Pages that came back after they had been taken. */
  workingset_refault_anon: number;
  workingset_refault_file: number;
  /** Those of files that came back so soon that it was a mistake to take them. */
  workingset_activate_file: number;
  /** Read from swap, written to it, faults that waited for a device. */
  pswpin: number;
  pswpout: number;
  pgmajfault: number;
}

/** From when on a machine thrashes. */
export interface ThrashingRule {
  /** How far back to look, in ns: more than 0. */
  windowNs: number;
  /** Shares, 0 to 1, that must be passed for thrashing to begin. */
  begin: { lost: number; back: number };
  /** Lower ones, that must be passed for it to go on. */
  end: { lost: number; back: number };
}

/**
 * 06.5 Detect thrashing. For each sample: does the machine thrash at that moment? The samples are in the
 * order in which they were taken.
 *
 * Pages that go to swap are no thrashing, nor are major faults, nor a file that is read once. A machine
 * thrashes when most of what it takes from memory is wanted back, and hardly any work is done besides.
 *
 * - A sample is compared with its base: the latest sample before it that is at least rule.windowNs older. As
 *   long as there is none, the machine does not thrash. What a counter has grown by since the base is called
 *   its growth here.
 * - Lost is the growth of system and iowait together. The share lost is that of the growth of all four: user,
 *   system, idle and iowait.
 * - Taken is the growth of pgsteal_anon and pgsteal_file together. Back is the growth of
 *   workingset_refault_anon and workingset_activate_file together. (Not workingset_refault_file: a file that
 *   is read twice from end to end comes back, too, and nobody misses it in between.) The share that came back
 *   is back / taken.
 * - Thrashing begins when both shares are more than those of rule.begin. Once it has begun, it goes on as
 *   long as both are more than those of rule.end.
 * - If nothing was taken, the machine does not thrash. If the four times have not grown, no share of them is
 *   lost.
 * - If any field of a sample is less than in the sample before, the machine has been started anew: samples
 *   before that one are no base any more, for it or any later one.
 */
export function detectThrashing(samples: readonly VmSample[], rule: ThrashingRule): boolean[] {
  throw new NotWrittenYet("06.5");
}
