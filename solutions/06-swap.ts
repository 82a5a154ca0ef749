/**
 * Lab 06, Swap: five exercises, three of them parts of the running kernel: who has which slot of a swap area,
 * what happens at the first access to a page that is not in RAM, and how much of each list reclaim looks at.
 *
 * Notebook: notebooks/06-swap.ipynb. Check your work there with `await check("06.1")`, or in a terminal with
 * `npx pagewalk grade 06.1`; `npx pagewalk hint 06.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: swapEntryDup here is what the kernel's mm/swapfile.c calls __swap_duplicate().
 */

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

// HINT 06.1: Entries are bigints, and so is every number that you combine with them: BigInt(type) << 59n.
// HINT 06.1: NOT of a bigint has no end: ~5n is -6n. Cut it to the 50 bits of the field first, by
//   & ((1n << 50n) - 1n). Then shift it to bit 9.
// HINT 06.1: Back: first say undefined to what is no place in swap (three cases). Then shift down by 59 for
//   the type; by 9 for the offset, NOT, & the 50 bits. Number(...) makes a number of it.
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
  // SOLUTION BEGIN
  const inverted = ~BigInt(place.offset) & ((1n << 50n) - 1n);
  let pte = (BigInt(place.type) << 59n) | (inverted << 9n);
  if (place.exclusive) pte |= 1n << 3n;
  if (place.softDirty) pte |= 1n << 1n;
  return pte;
  // SOLUTION END
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
  // SOLUTION BEGIN
  if (pte === 0n || (pte & 0x101n) !== 0n) return undefined;
  const type = Number(pte >> 59n);
  if (type >= 24) return undefined;
  return {
    type,
    offset: Number(~(pte >> 9n) & ((1n << 50n) - 1n)),
    exclusive: (pte & (1n << 3n)) !== 0n,
    softDirty: (pte & (1n << 1n)) !== 0n,
  };
  // SOLUTION END
}

// ---------------------------------------------------------------- 06.2

// HINT 06.2: swapAlloc: three loops: over the areas of sys.swap.availHead, over the clusters of an area, over
//   the slots of a cluster. Return from within, as soon as a slot is taken.
// HINT 06.2: A cluster with count SWAPFILE_CLUSTER has no free slot; one with CLUSTER_FLAG_DISCARD is left
//   alone. Any other has one: get it a table if it has none, then look for the slot whose byte is 0.
// HINT 06.2: The first slot of cluster ci is ci.index * SWAPFILE_CLUSTER; stop at the end of the cluster. The
//   last cluster may reach beyond the area: what is not there (undefined) is not 0 either.
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
  // SOLUTION BEGIN
  if (order > 0) return 0;
  for (const si of sys.swap.availHead)
    for (const ci of si.clusterInfo) {
      if (ci.count === SWAPFILE_CLUSTER || ci.flags === CLUSTER_FLAG_DISCARD) continue;
      if (ci.table === undefined && !swapClusterAllocTable(sys, ci)) return 0;
      const start = ci.index * SWAPFILE_CLUSTER;
      for (let offset = start; offset < start + SWAPFILE_CLUSTER; offset++) {
        if (si.swapMap[offset] !== 0) continue;
        si.swapMap[offset] = SWAP_HAS_CACHE;
        ci.count++;
        relocateCluster(sys, si, ci);
        swapRangeAlloc(sys, si, 1);
        return swpEntry(si.type, offset);
      }
    }
  return 0;
  // SOLUTION END
}

// HINT 06.2: swapEntryDup: take the byte apart first: hasCache = value & SWAP_HAS_CACHE, and count = value &
//   ~SWAP_HAS_CACHE, which still has COUNT_CONTINUED in it. Put it together again with |.
// HINT 06.2: First the refusals, in the order of the text. The swap cache comes next, since it only sets a
//   bit. Then look at count & ~COUNT_CONTINUED: more than SWAP_MAP_MAX, less, or just as much?
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
  // SOLUTION BEGIN
  const value = si.swapMap[offset]!;
  const hasCache = value & SWAP_HAS_CACHE;
  const count = value & ~SWAP_HAS_CACHE;
  if (value === 0 || count === SWAP_MAP_BAD) return -ENOENT;
  if (usage === SWAP_HAS_CACHE) {
    if (hasCache !== 0) return -EEXIST;
    si.swapMap[offset] = value | SWAP_HAS_CACHE;
    return 0;
  }
  const low = count & ~COUNT_CONTINUED;
  if (low > SWAP_MAP_MAX) return -EINVAL;
  if (low < SWAP_MAP_MAX) si.swapMap[offset] = (count + usage) | hasCache;
  else if (swapCountContinued(sys, si, offset, count)) si.swapMap[offset] = COUNT_CONTINUED | hasCache;
  else return -ENOMEM;
  return 0;
  // SOLUTION END
}

// HINT 06.2: swapEntryPut: again hasCache and count. Each of the four cases changes one of the two. Then put
//   the byte together, store it or give the slot back, and return it in either case.
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
  // SOLUTION BEGIN
  const value = si.swapMap[offset]!;
  let hasCache = value & SWAP_HAS_CACHE;
  let count = value & ~SWAP_HAS_CACHE;
  if (usage === SWAP_HAS_CACHE) hasCache = 0;
  else if (count === SWAP_MAP_SHMEM) count = 0;
  else if (count === COUNT_CONTINUED)
    count = swapCountContinued(sys, si, offset, count) ? SWAP_MAP_MAX | COUNT_CONTINUED : SWAP_MAP_MAX;
  else count--;
  const left = count | hasCache;
  if (left !== 0) si.swapMap[offset] = left;
  else swapEntriesFree(sys, si, offset, 1);
  return left;
  // SOLUTION END
}

// ---------------------------------------------------------------- 06.3

// HINT 06.3: Three steps: find the folio, make sure of it, map it. Write the first two first, with a folioPut
//   on every way out; the third may be a function of its own.
// HINT 06.3: Find: the swap cache first. Only what is not there is read, and only that is a major fault:
//   ret = VM_FAULT_MAJOR and one PGMAJFAULT.
// HINT 06.3: Who waits for the lock has slept, and slept long: others have run. With FAULT_FLAG_ALLOW_RETRY
//   and without FAULT_FLAG_TRIED give the folio back and return ret | VM_FAULT_RETRY: the fault comes again,
//   and finds the folio in the swap cache.
// HINT 06.3: Make sure: is the folio still the slot's? Is the entry still the same (vmfPteChanged)? Only then
//   does it matter whether the bytes have come (PG_uptodate).
// HINT 06.3: A direct read has marked the slot as if it were in the swap cache. swapcacheClear at the end,
//   however the end came about: have one place for it.
// HINT 06.3: Map: first take the slot's count down and maybe give the slot up, then count who holds the
//   folio. Before swapFreeNr, folioFreeSwap would refuse: this entry still needs the slot.
// HINT 06.3: An entry becomes writable if the page is this process's own, and nobody waits for its next write
//   (pteNeedsSoftDirtyWp, asked with the new entry, soft-dirty bit included).
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
  // SOLUTION BEGIN
  if (isPteMarker(vmf.origPte)) return handlePteMarker(vmf);
  const { sys } = vmf.vma.vmMm;
  const entry = kernelPteToSwpEntry(vmf.origPte);
  const si = getSwapDevice(sys, entry);
  if (si === undefined) return 0;
  let ret = 0;
  let direct = false;
  let folio = swapCacheGetFolio(sys, entry);
  if (folio !== undefined) swapUpdateReadahead(sys, folio, vmf.vma, vmf.address);
  else {
    direct = (si.flags & SWP_SYNCHRONOUS_IO) !== 0 && swapEntryCount(sys, entry) === 1;
    folio = direct ? readPastCache(vmf, entry) : swapinReadahead(sys, entry, GFP_HIGHUSER_MOVABLE, vmf);
    if (folio === undefined) return vmfPteChanged(vmf) ? 0 : VM_FAULT_OOM;
    ret = VM_FAULT_MAJOR;
    countVmEvents(sys, PGMAJFAULT, 1);
  }
  if (folioIsLocked(sys, folio)) {
    folioWaitLocked(sys, folio);
    if (vmf.flags & FAULT_FLAG_ALLOW_RETRY && !(vmf.flags & FAULT_FLAG_TRIED)) ret |= VM_FAULT_RETRY;
  }
  const stop =
    ret & VM_FAULT_RETRY || (!direct && !folioMatchesSwapEntry(folio, entry)) || vmfPteChanged(vmf);
  const uptodate = folio.flags & PG_uptodate;
  if (stop || !uptodate) {
    folioPut(sys, folio);
    if (!stop) ret = VM_FAULT_SIGBUS;
  } else {
    mapFolio(vmf, folio, entry, direct);
    if (vmf.flags & FAULT_FLAG_WRITE) ret |= sys.parts.doWpPage(vmf);
    if (ret & VM_FAULT_ERROR) ret &= VM_FAULT_ERROR;
  }
  if (direct) swapcacheClear(sys, si, entry);
  return ret;
  // SOLUTION END
}

// SOLUTION BEGIN
function mapFolio(vmf: VmFault, folio: Folio, entry: number, direct: boolean): void {
  const { vma, origPte } = vmf;
  const { vmMm, vmFlags } = vma;
  const { sys } = vmMm;
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  if (write && !direct && !(folio.flags & PG_lru)) lruAddDrain(sys);
  const stable = getSwapDevice(sys, entry)!.flags & SWP_STABLE_WRITES;
  const exclusive = direct || (pteSwpExclusive(origPte) && !(folioIsWriteback(sys, folio) && stable));
  swapFreeNr(sys, entry, 1);
  const useless = memCgroupSwapFull(sys, folio) || vmFlags & VM_LOCKED || folio.flags & PG_mlocked;
  if (useless || (write && folio.refcount === 2)) folioFreeSwap(sys, folio);
  addMmCounter(vmMm, MM_ANONPAGES, 1);
  addMmCounter(vmMm, MM_SWAPENTS, -1);
  let pte = pfnPte(folio.pfn, vmaPageProt(vma));
  if (pteSwpSoftDirty(origPte)) pte = pteMksoftDirty(pte);
  const own = exclusive || folio.refcount === 1;
  if (own && !pteNeedsSoftDirtyWp(vma, pte)) {
    pte = maybeMkwrite(pte, vma);
    if (write) {
      pte = pteMkdirty(pte, sys.pageSoftDirty);
      vmf.flags &= ~FAULT_FLAG_WRITE;
    }
  }
  if (folioTestAnon(folio)) folioAddAnonRmapPte(folio, folio, vma, own);
  else folioAddNewAnonRmap(folio, vma, vmf.address, own);
  setPte(sys.ram, vmf.ptep, pte);
  vmf.origPte = pte;
}

// SOLUTION END

// ---------------------------------------------------------------- 06.4

// HINT 06.4: First decide what of both types is looked at: one rule after the other, the first that fits.
//   Only the last one needs costs.
// HINT 06.4: What costs much is looked at less: each type's cost stands below the line. And each counts the
//   total, too, so that no share becomes less than a third because of costs alone.
// HINT 06.4: ap = Math.floor((swappiness * (sum + 1)) / (anon + 1)); fp with 200 - swappiness and the cost of
//   files. Neither is rounded again before the lists are multiplied with it.
// HINT 06.4: sc.proactiveSwappiness may be 0, which is no reason to look at sys.sysctl.swappiness: only
//   undefined is.
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
  // SOLUTION BEGIN
  const swappiness = sc.proactiveSwappiness ?? sys.sysctl.swappiness;
  let ap = 0;
  let fp = 0;
  let balance: "both" | "anon" | "file" | "shares" = "shares";
  if (!sc.maySwap || !canReclaimAnonPages(sys, lruvec.memcg)) balance = "file";
  else if (sc.targetMemcg !== undefined && swappiness === 0) balance = "file";
  else if (swappiness === SWAPPINESS_ANON_ONLY) balance = "anon";
  else if (sc.priority === 0 && swappiness !== 0) balance = "both";
  else if (sc.fileIsTiny) balance = "anon";
  else if (sc.cacheTrimMode) balance = "file";
  else {
    const total = sc.anonCost + sc.fileCost;
    const anon = total + sc.anonCost;
    const file = total + sc.fileCost;
    ap = Math.floor((swappiness * (anon + file + 1)) / (anon + 1));
    fp = Math.floor(((200 - swappiness) * (anon + file + 1)) / (file + 1));
  }
  return [0, 1, 2, 3].map((list) => {
    const type = list < 2 ? "anon" : "file";
    const scan = Math.floor(lruvecLruSize(sys, lruvec, list, sc.reclaimIdx) / 2 ** sc.priority);
    if (balance === "shares") return Math.floor((scan * (type === "anon" ? ap : fp)) / (ap + fp));
    return balance === "both" || balance === type ? scan : 0;
  });
  // SOLUTION END
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

// HINT 06.5: Keep two things while you go through the samples: whether the machine thrashes just now, and the
//   number of the first sample since the counters began.
// HINT 06.5: The base: go back from the sample, one by one, until samples[base].ns <= sample.ns -
//   rule.windowNs. If that runs into the first sample's predecessor, there is no base.
// HINT 06.5: A function since(name) = sample[name] - base[name] makes the rest short. Which pair of shares
//   counts depends on whether it thrashed at the sample before: rule.end if it did, else rule.begin.
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
  // SOLUTION BEGIN
  let first = 0;
  let thrashes = false;
  return samples.map((sample, i) => {
    const before = samples[i - 1] ?? sample;
    const names = Object.keys(sample) as (keyof VmSample)[];
    if (names.some((name) => sample[name] < before[name])) first = i;
    let at = i;
    while (at >= first && samples[at]!.ns > sample.ns - rule.windowNs) at--;
    if (at < first) {
      thrashes = false;
      return false;
    }
    const since = (name: keyof VmSample): number => sample[name] - samples[at]![name];
    const lost = since("system") + since("iowait");
    const all = lost + since("user") + since("idle");
    const taken = since("pgsteal_anon") + since("pgsteal_file");
    const back = since("workingset_refault_anon") + since("workingset_activate_file");
    const shares = thrashes ? rule.end : rule.begin;
    thrashes = taken > 0 && lost > shares.lost * all && back > shares.back * taken;
    return thrashes;
  });
  // SOLUTION END
}
