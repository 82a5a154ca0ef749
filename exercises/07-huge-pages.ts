/**
 * Lab 07, Huge pages: six exercises, each a part of the running kernel: where a huge page may be, the fault that
 * maps one, the split that takes its entry apart, the collapse that makes one of 512 small pages, the
 * allocator of free blocks of frames, and the pass that moves pages together so that there are such blocks.
 *
 * Notebook: notebooks/07-huge-pages.ipynb. Check your work there with `await check("07.1")`, or in a terminal with
 * `npx pagewalk grade 07.1`; `npx pagewalk hint 07.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: doHugePmdAnonymousPage here is the kernel's do_huge_pmd_anonymous_page().
 */

import { NotWrittenYet, PAGE_SIZE, PMD_SIZE } from "pagewalk";
import {
  __GFP_ZERO,
  addMmCounter,
  allocChargeFolio,
  allocPages,
  anonVmaPrepare,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_SUCCESS,
  type CompactControl,
  clearUserHighpage,
  collapseIsolate,
  collapseRelease,
  collapseSwapin,
  compactFinished,
  copyUserHighpage,
  countMemcgEvents,
  countVmEvents,
  deferredSplitFolio,
  drainLocalPages,
  FAULT_FLAG_WRITE,
  type Folio,
  flushTlbMmRange,
  folioAddAnonRmapPtes,
  folioAddLruVma,
  folioAddNewAnonRmap,
  folioPteBatch,
  folioPut,
  folioPutRefs,
  folioRefAdd,
  folioRemoveRmapPmd,
  folioRemoveRmapPtes,
  HPAGE_PMD_NR,
  HPAGE_PMD_ORDER,
  hugepageVmaRevalidate,
  isHugeZeroPmd,
  isolateFreeBlock,
  isolateMigratepagesBlock,
  khugepagedEnterVma,
  MAX_PAGE_ORDER,
  type MemorySystem,
  MIGRATE_ASYNC,
  MM_ANONPAGES,
  type MmStruct,
  mapAnonFolioPmd,
  maybeMkwrite,
  memCgroupCharge,
  migratePages,
  mkHugePmd,
  mmGetHugeZeroFolio,
  mmIncNrPtes,
  modMthpStat,
  noneOrZero,
  PAGE_TABLE,
  PAGEBLOCK_NR_PAGES,
  PAGEBLOCK_ORDER,
  PG_dirty,
  PG_uptodate,
  PTRS_PER_PTE,
  pageblockStartPfn,
  pageFolio,
  pfnPte,
  pfnToPage,
  pgtableTransHugeDeposit,
  pgtableTransHugeWithdraw,
  pmdLeaf,
  pmdOffset,
  pteAllocOne,
  pteDirty,
  pteFree,
  pteMkdirty,
  pteMkold,
  pteMksoftDirty,
  pteMkspecial,
  pteMkwrite,
  ptePfn,
  ptepGet,
  pteSoftDirty,
  pteWrite,
  pteYoung,
  putbackMovablePages,
  removeFileLeaf,
  type ScanResult,
  setPte,
  suitableMigrationTarget,
  THP_FAULT_ALLOC,
  THP_FAULT_FALLBACK,
  THP_FAULT_FALLBACK_CHARGE,
  THP_SPLIT_PMD,
  VM_FAULT_FALLBACK,
  VM_FAULT_OOM,
  type VmAreaStruct,
  type VmFault,
  type VmFaultResult,
  vmaIsAnonymous,
  vmaPageProt,
  vmaThpGfpMask,
  type Zone,
} from "pagewalk/kernel";

// ---------------------------------------------------------------- 07.1

/**
 * 07.1 Eligible range. Where huge pages can be in the addresses from `start` up to, but not including, `end`:
 * the first address of each, in order.
 *
 * A huge page has 2 MiB (PMD_SIZE), and begins at a multiple of 2 MiB: the processor has no bits for anything
 * else. And all of it must lie in the range: one entry maps 2 MiB, so whoever has a part of it has all of it.
 *
 *      2 MiB       2 MiB       2 MiB
 *     |-----------|-----------|-----------|
 *           [  the range              ]           one huge page, the block in the middle
 *
 * hugeBlocks(0x300000, 0x700000) is [0x400000]; hugeBlocks(0x200000, 0x600000) is [0x200000, 0x400000].
 * Addresses are plain numbers of up to 48 bits.
 */
export function hugeBlocks(start: number, end: number): number[] {
  throw new NotWrittenYet("07.1");
}

/**
 * 07.1 Eligible range. May a large folio of 2^order pages be at address `addr` of `vma`? Linux calls this
 * thp_vma_suitable_order(). It is asked for huge pages (order 9), and for the sizes between.
 *
 * - The block of 2^order pages around addr, aligned to its own size, must lie in the area: vma.vmStart up to,
 *   but not including, vma.vmEnd.
 * - Where the area maps a file (vmaIsAnonymous(vma) is false), the block must be aligned in the file, too:
 *   the file's huge pages lie at multiples of their size in the *file*. So the area's first page must be as
 *   far beyond a multiple of 2^order pages in the address space as it is in the file, where it is page number
 *   vma.vmPgoff. Anonymous memory is no file: there vmPgoff does not matter.
 */
export function thpVmaSuitableOrder(vma: VmAreaStruct, addr: number, order: number): boolean {
  throw new NotWrittenYet("07.1");
}

// ---------------------------------------------------------------- 07.2

/**
 * 07.2 A huge fault. First touch of anonymous memory: the entry of level 2 at vmf.pmdp is empty, and the
 * settings allow a huge page here. Map 2 MiB with one entry, or answer VM_FAULT_FALLBACK: then the kernel goes
 * on with small pages. Linux calls this do_huge_pmd_anonymous_page(). Below, vma is vmf.vma, mm is vma.vmMm,
 * sys is mm.sys.
 *
 * - Is the block suitable, sys.parts.thpVmaSuitableOrder(vma, vmf.address, HPAGE_PMD_ORDER)? If not, fall back.
 *   Nothing is counted.
 * - anonVmaPrepare(vma): the area gets its reverse map. khugepagedEnterVma(vma): khugepaged will look through
 *   this process.
 * - A read (no FAULT_FLAG_WRITE in vmf.flags), and sys.thp.useZeroPage: map the huge page of zeros, below.
 * - Else a page of its own, below that.
 *
 * **Set aside.** The entry may have to be split one day, when no memory can be had. So a table comes with it:
 * table = pteAllocOne(mm), 0 without memory, and then the answer is VM_FAULT_OOM. When the entry is made,
 * pgtableTransHugeDeposit(mm, vmf.pmdp, table) sets it aside, and mmIncNrPtes(mm) counts it. Not needed after
 * all: pteFree(mm, table).
 *
 * **Others run** while memory is looked for. If the entry at vmf.pmdp is not empty any more when you have all
 * you need, somebody was faster: give back what you have, and answer 0.
 *
 * **The huge page of zeros**: first a table, then zero = mmGetHugeZeroFolio(mm). Undefined, there is no memory
 * for it: count THP_FAULT_FALLBACK (countVmEvents(sys, THP_FAULT_FALLBACK, 1)) and fall back. The entry is
 * pteMkspecial(mkHugePmd(zero.pfn, vmaPageProt(vma))). Its pages count for nobody, and nothing else is counted.
 *
 * **A page of its own**:
 *
 * - gfp = vmaThpGfpMask(vma) says how hard to try; folio = allocPages(sys, gfp | __GFP_ZERO, HPAGE_PMD_ORDER).
 *   Undefined: count THP_FAULT_FALLBACK, and for this size modMthpStat(sys, HPAGE_PMD_ORDER,
 *   "anon_fault_fallback"); fall back.
 * - Is the process in a group (mm.memcg is not undefined), the group must pay: memCgroupCharge(sys, folio,
 *   mm.memcg, gfp). False: count the same as without memory, and besides THP_FAULT_FALLBACK_CHARGE and
 *   "anon_fault_fallback_charge"; fall back.
 * - Now the table. Then look whether somebody was faster.
 * - The folio's bytes are complete: PG_uptodate in folio.flags. folioAddNewAnonRmap(folio, vma, haddr, true)
 *   makes it this process's own, folioAddLruVma(folio, vma) puts it on a list. haddr is where the 2 MiB begin.
 * - The entry is mkHugePmd(folio.pfn, vmaPageProt(vma)), dirty (pteMkdirty(entry, sys.pageSoftDirty)) and, where
 *   the area allows it, writable (maybeMkwrite(entry, vma)). Also after a read.
 * - Count: HPAGE_PMD_NR pages of MM_ANONPAGES (addMmCounter(mm, MM_ANONPAGES, HPAGE_PMD_NR)), THP_FAULT_ALLOC,
 *   also for the group (countMemcgEvents(mm.memcg, THP_FAULT_ALLOC, 1)), and for the size "anon_fault_alloc".
 * - deferredSplitFolio(sys, folio, false): reclaim may look at it later, whether most of it is zeros.
 *
 * The answer is 0: the fault is done.
 */
export function doHugePmdAnonymousPage(vmf: VmFault): VmFaultResult {
  throw new NotWrittenYet("07.2");
}

// ---------------------------------------------------------------- 07.3

/**
 * 07.3 Split. The entry of level 2 at `pmdp` maps the 2 MiB around `address` of `vma` at once. Put a table of 512
 * entries in its place, so that each 4 KiB can be treated by itself. Nothing is copied, and the folio stays
 * one. Linux calls this __split_huge_pmd(). Below, mm is vma.vmMm and sys is mm.sys.
 *
 *     before   pmdp --> [ 2 MiB ] ==> folio of 512 pages
 *     after    pmdp --> table --> 512 entries ==> the same
 *
 * - Is the entry old = ptepGet(sys.ram, pmdp) no leaf (pmdLeaf(old) is false), there is nothing to do, and
 *   nothing is counted. Else count THP_SPLIT_PMD (countVmEvents).
 * - **Empty and flush first**: setPte(sys.ram, pmdp, 0), and flushTlbMmRange(mm, from, to) for all 2 MiB. Only
 *   then may the table go in: a processor that has both sizes in its TLBs for one address may do anything.
 * - Does the area map a file (vmaIsAnonymous(vma) is false), then removeFileLeaf(vma, old) does the rest, and no
 *   table comes in: later faults map what is needed.
 * - The table that was set aside: pgtableTransHugeWithdraw(mm, pmdp), its frame. All 512 entries are filled
 *   before it goes in.
 * - The huge page of zeros (isHugeZeroPmd(sys, old)): every entry maps the one *small* page of zeros,
 *   pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vma))). No page is counted, none has anything to carry over.
 * - Else, of page = pfnToPage(sys, ptePfn(old)) and its folio = pageFolio(page):
 *   - Is the old entry dirty (pteDirty), the folio is: PG_dirty in folio.flags.
 *   - 512 entries hold the folio where one did: folioRefAdd(folio, 511), with HPAGE_PMD_NR.
 *   - folioAddAnonRmapPtes(folio, page, HPAGE_PMD_NR, vma, exclusive): each page is mapped by an entry of its
 *     own. `exclusive`: the folio was this process's alone, page.anonExclusive; then each page is.
 *   - Behind that, folioRemoveRmapPmd(folio, vma): it is not mapped as a whole any more.
 *   - What the old entry allowed and knew, each new one does: writable (pteWrite, pteMkwrite), young (pteYoung,
 *     pteMkold), dirty (pteDirty, pteMkdirty(entry, sys.pageSoftDirty)), soft-dirty (pteSoftDirty,
 *     pteMksoftDirty).
 * - At last the table: setPte(sys.ram, pmdp, table * PAGE_SIZE + PAGE_TABLE).
 */
export function splitHugePmd(vma: VmAreaStruct, pmdp: number, address: number): void {
  throw new NotWrittenYet("07.3");
}

// ---------------------------------------------------------------- 07.4

/**
 * 07.4 Collapse. The 512 small pages that `mm` maps in the 2 MiB at `haddr` become one huge page. Not all of
 * them need be there: where nothing is mapped yet, the huge page has zeros. A scan has found the range fit;
 * since then others may have run. The answer is "succeed", or why it did not work: then nothing has changed.
 * Linux calls this collapse_huge_page(). Below, sys is mm.sys.
 *
 * - folio = allocChargeFolio(mm, khugepaged): the new huge page; or a reason, a string. (`khugepaged`: the
 *   thread asks, its limits hold. Else somebody has ordered it: MADV_COLLAPSE.)
 * - From here on every way out with a reason gives the huge page back: folioPut(sys, folio).
 * - Look at everything again. vma = hugepageVmaRevalidate(mm, haddr, khugepaged), or a reason, a string.
 *   vma.anonVma is undefined, or the area maps a file (vmaIsAnonymous(vma) is false): "page_anon".
 * - pmdp = pmdOffset(mm, haddr) is where the entry of level 2 stands. 0, or the entry is empty: "pmd_null". A
 *   leaf (pmdLeaf), so there is a huge page already: "pmd_mapped".
 * - `unmapped`: so many of the 512 are not in RAM. If any, collapseSwapin(vma, haddr, pmdp) brings them back, and
 *   says "succeed" or a reason.
 * - **Unhook the table**: set the entry at pmdp to 0, and flush all 2 MiB (flushTlbMmRange(mm, from, to)). From
 *   now on nobody can read or write there: who tries, waits. table is the frame of the table.
 * - { folios, result } = collapseIsolate(vma, table, khugepaged) takes every page off its list. Is the result not
 *   "succeed", somebody needs one of them: hang the table in again (table * PAGE_SIZE + PAGE_TABLE), then
 *   collapseRelease(vma, folios) puts back those that were taken; the result is your answer.
 * - **Copy**, entry by entry: entry i stands at table * PTRS_PER_PTE + i, its page becomes frame folio.pfn + i.
 *   noneOrZero(sys, pte), nothing is mapped, or the page of zeros: clearUserHighpage(sys, to). Else
 *   copyUserHighpage(sys, to, from).
 * - **Let go** of the small pages. Where noneOrZero: the process has one page more, MM_ANONPAGES (addMmCounter);
 *   empty the entry. Else, of page = pfnToPage(sys, ptePfn(pte)) and its folio one = pageFolio(page): as many
 *   entries as map its pages in a row, nr = folioPteBatch(sys, one, page, ptep, pte, how many are left), are
 *   emptied; then folioRemoveRmapPtes(one, page, nr, vma), and folioPutRefs(sys, one, nr): nr holds less. Then
 *   collapseRelease(vma, folios).
 * - **Map** the huge page: its bytes are complete, PG_uptodate. The table, empty now and counted already, is set
 *   aside: pgtableTransHugeDeposit(mm, pmdp, table). mapAnonFolioPmd(folio, pmdp, vma, haddr) does what you did
 *   in 07.2: reverse map, list, entry. deferredSplitFolio(sys, folio, false).
 */
export function collapseHugePage(
  mm: MmStruct,
  haddr: number,
  unmapped: number,
  khugepaged: boolean,
): ScanResult {
  throw new NotWrittenYet("07.4");
}

// ---------------------------------------------------------------- 07.5

/**
 * 07.5 Buddy allocator. Takes a free block of 2^order frames of type `migratetype` from the zone: its first
 * frame, or -1 if there is none. Linux calls this __rmqueue_smallest().
 *
 * - A block of order n has 2^n frames, and begins at a multiple of 2^n. The largest order is MAX_PAGE_ORDER.
 * - zone.freeArea[n].head[migratetype] is the first frame of the first free block of order n of that type, -1:
 *   there is none. Take the first block of the smallest order that has one, `order` or more; never one of
 *   another type. zone.delPageFromFreeList(pfn, n, migratetype) takes it off its list.
 * - What is too much goes back: the upper half, the upper half of the rest, and so on, until 2^order frames are
 *   left, the lowest. zone.addToFreeList(pfn, n, migratetype, false) puts a block at the head of its list.
 *
 * The zone counts its free pages itself.
 */
export function rmqueueSmallest(zone: Zone, order: number, migratetype: number): number {
  throw new NotWrittenYet("07.5");
}

/**
 * 07.5 Buddy allocator. The block of 2^order frames from `pfn` on is free again: merges it with its buddy, if
 * that is free as a whole, and the two with theirs, as far as that goes; then puts what has become of it on the
 * list of its type. Linux calls this __free_one_page().
 *
 * - The buddy of a block is the other half of the block of the next order that it is a half of.
 * - zone.isBuddy(pfn, n): a free block of exactly order n begins there, in this zone. Blocks of MAX_PAGE_ORDER
 *   are not merged any more.
 * - From PAGEBLOCK_ORDER up the two may be of different types: zone.takeInBlock(buddy, n, migratetype) says
 *   whether they may merge, and gives the buddy this block's type. If not, stop merging.
 * - The buddy goes off its list first: zone.delPageFromFreeList(buddy, n, migratetype).
 * - At the end zone.addToFreeList(block, n, migratetype, late). `late`, at the end of the list, if it would merge
 *   again as soon as its buddy were free: zone.buddyMergeLikely(block, n). Such a block is taken last, so that
 *   both have time to come together.
 * - Somebody may wait for a block (compaction): while zone.capture is not undefined, ask before each look at a
 *   buddy, and before the first, whether zone.compactionCapture(zone.capture, block, n, migratetype) takes it.
 *   True: it is gone, and you are done.
 */
export function freeOnePage(zone: Zone, pfn: number, order: number, migratetype: number): void {
  throw new NotWrittenYet("07.5");
}

// ---------------------------------------------------------------- 07.6

/**
 * 07.6 A compaction pass. Moves pages that are in use from the low end of a zone into free frames at its high
 * end, until a large enough block is free, or the two scanners meet. Linux calls this compact_zone(), which
 * also keeps in mind where nothing was found lately. Below, zone is cc.zone; a page block has
 * PAGEBLOCK_NR_PAGES frames, and begins at pageblockStartPfn(pfn).
 *
 *     before   a . . b c . | . d . . e . | . . f . . . | . g . . . .
 *              migrate scanner -->                 <-- free scanner
 *     after    . . . . . . | . . . . . . | . . f . . . | e g d c b a     (or nearly so)
 *
 * Again and again:
 *
 * - result = compactFinished(sys, cc): is it COMPACT_CONTINUE, go on; else it is your answer. It says so when
 *   the scanners have met (both are in one page block, or have passed), and, at the beginning of a page block,
 *   when a block of cc.order is free.
 * - **Migrate scanner.** cc.migratePfn is the next frame to look at. A task that does not want to wait, and
 *   compacts for itself (cc.mode is MIGRATE_ASYNC, and cc.directCompaction), leaves alone page blocks whose type
 *   (zone.pageblockType(pfn)) is not cc.migratetype: set cc.migratePfn to the next page block, and go on.
 *   Else isolateMigratepagesBlock(sys, cc, cc.migratePfn, end) collects pages that can be moved, up to 32 at a
 *   time, and sets cc.migratePfn to where it has stopped; `end` is the first frame behind this page block, or
 *   zone.zoneEndPfn if that is less. Its answer is not 0: others have collected too much already; your answer
 *   is COMPACT_CONTENDED. cc.nrMigratepages is how many pages are collected now; none: go on with the end of
 *   this turn.
 * - **Free scanner.** Collect at least as many frames: until cc.nrFreepages is not less than cc.nrMigratepages.
 *   cc.freePfn is the next frame to look at; from there up to the end of its page block (or of the zone), frame
 *   by frame. Where a free block begins, isolateFreeBlock(sys, cc, pfn, order) takes it, and answers how many
 *   frames it has; 0: the zone has none to spare, stop looking. Enough, or the page block is through: cc.freePfn
 *   is the frame behind the last one looked at; or, if that is the end of the page block, the beginning of the
 *   page block *before* it. A page block that is begun at its first frame must suit,
 *   suitableMigrationTarget(cc, block); else go on with the one before. Never look into the page block of
 *   cc.migratePfn, or below.
 * - **Not enough frames?** putbackMovablePages(sys, cc). If compactFinished(sys, cc) is not COMPACT_CONTINUE now,
 *   it is your answer; else COMPACT_CONTENDED.
 * - **Move.** migratePages(sys, cc) moves the pages, and says { result }. Then cc.nrMigratepages = 0. Is the
 *   result not 0, some have stayed: putbackMovablePages(sys, cc).
 * - **End of a turn.** zone.capture is not undefined, and its pfn is 0 or more: the task that waits has its block;
 *   COMPACT_SUCCESS. Is the migrate scanner at the end of the page block: drainLocalPages(sys, zone), so that
 *   what this CPU keeps for itself can merge to a block.
 */
export function compactZone(sys: MemorySystem, cc: CompactControl): number {
  throw new NotWrittenYet("07.6");
}
