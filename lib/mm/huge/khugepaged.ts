/**
 * khugepaged: the thread that makes huge pages of small ones, in the background.
 *
 *   every scan_sleep_millisecs (10 s), pages_to_scan pages (4096: eight ranges of 2 MiB)
 *     one address space after the other, from where it stopped
 *       each VMA that may have huge pages
 *         each whole 2 MiB: scan (collapse_scan.ts), and collapse if it is fit (collapse.ts)
 *
 *   no huge page to be had      sleeps alloc_sleep_millisecs (60 s); the second time the go ends
 *   once around all             full_scans + 1
 *
 * One batch of the thread goes up to the first range that is collapsed, or to the end of an address space.
 *
 * On a machine of less than 512 MiB huge pages start switched off, and there is no thread.
 *
 * Linux mm/khugepaged.c, mm/huge_memory.c. Read first: khugepaged_mm.ts, collapse.ts. Read next:
 * khugepaged_min_free.ts.
 */
import { PAGE_SIZE, PMD_SIZE, type Vaddr } from "../../hw/address.js";
import { shrinkerRegister } from "../lru/shrinker.js";
import { lruAddDrainAll } from "../lru/swap.js";
import { type MmStruct, type VmAreaStruct, vmaIsAnonymous } from "../mm_types.js";
import type { MemorySystem } from "../system.js";
import type { Kthread } from "../wait.js";
import { hpageCollapseScanPmd } from "./collapse_scan.js";
import { DeferredSplitShrinker } from "./deferred_split.js";
import { HugeZeroShrinker } from "./huge_zero.js";
import { setRecommendedMinFreeKbytes } from "./khugepaged_min_free.js";
import { nextMm } from "./khugepaged_mm.js";
import { hugeAlignDown, hugepagePmdEnabled, thpVmaAllowableOrder } from "./thp_orders.js";
import { HPAGE_PMD_NR } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/** RAM below which transparent huge pages start switched off, in pages. */
export const THP_MIN_PAGES = (512 * 2 ** 20) / PAGE_SIZE;

/** Nanoseconds of a millisecond. */
const MSEC = 1e6;

// ---------------------------------------------------------------- looking through address spaces

/** One range; what came of it, and whether the VMA must be looked up again. */
function scanRange(vma: VmAreaStruct, haddr: Vaddr): { result: ScanResult; unlocked: boolean } {
  const { vmMm: mm } = vma;
  if (!vmaIsAnonymous(vma))
    return { result: vma.vmOps?.collapse?.(vma, haddr, true) ?? "fail", unlocked: true };
  const { result, unmapped } = hpageCollapseScanPmd(vma, haddr, true);
  if (result !== "succeed") return { result, unlocked: false };
  return { result: mm.sys.parts.collapseHugePage(mm, haddr, unmapped, true), unlocked: true };
}

/** How one visit of an address space went. */
interface MmVisit {
  /** Pages looked at; a VMA that is passed over is one, too. */
  progress: number;
  result: ScanResult;
  /** There is nothing left in it. */
  done: boolean;
}

/**
 * Looks at up to `pages` pages of `mm` from the cursor on; up to the first range that is collapsed, as then
 * others may have changed the VMAs. Linux mm/khugepaged.c:khugepaged_scan_mm_slot()
 */
function visitMm(mm: MmStruct, pages: number): MmVisit {
  const { khugepagedScan: scan, thp } = mm.sys;
  const visit: MmVisit = { progress: 1, result: "fail", done: false };
  if (mm.mmUsers === 0 || mm.thp.disabled === "completely") return { ...visit, done: mm.mmUsers === 0 };
  for (let vma = mm.mmMt.find(scan.address); vma !== undefined; vma = mm.mmMt.nextOf(vma)) {
    const hstart = Math.ceil(vma.vmStart / PMD_SIZE) * PMD_SIZE;
    const hend = hugeAlignDown(vma.vmEnd);
    if (!thpVmaAllowableOrder(vma, "khugepaged") || scan.address > hend) {
      visit.progress++;
      continue;
    }
    scan.address = Math.max(scan.address, hstart);
    while (scan.address < hend) {
      const { result, unlocked } = scanRange(vma, scan.address);
      visit.result = result;
      if (result === "succeed") thp.pagesCollapsed++;
      scan.address += PMD_SIZE;
      visit.progress += HPAGE_PMD_NR;
      if (unlocked || visit.progress >= pages) return visit;
    }
  }
  return { ...visit, done: true };
}

/**
 * Goes on with the round: the address space at the cursor, then the next.
 * Linux mm/khugepaged.c:khugepaged_scan_mm_slot()
 */
function scanMmSlot(sys: MemorySystem, pages: number): MmVisit {
  const { khugepagedScan: scan, thp } = sys;
  if (scan.mm === undefined) {
    [scan.mm] = scan.mms;
    scan.address = 0;
  }
  const mm = scan.mm!;
  const visit = visitMm(mm, pages);
  if (!visit.done || scan.mm !== mm) return visit;
  nextMm(scan);
  if (scan.mm === undefined) thp.fullScans++;
  return visit;
}

// ---------------------------------------------------------------- the thread

/** Whether there is anything to look at. Linux mm/khugepaged.c:khugepaged_has_work() */
function hasWork(sys: MemorySystem): boolean {
  return sys.khugepagedScan.mms.size > 0 && hugepagePmdEnabled(sys);
}

/**
 * One batch of the thread; when it wants to go on. Linux mm/khugepaged.c:khugepaged(), khugepaged_do_scan()
 */
function khugepaged(sys: MemorySystem): number {
  const { khugepagedScan: scan, thp, clock } = sys;
  const { pagesToScan, allocSleepMillisecs } = thp.khugepaged;
  if (!scan.working) {
    if (clock.nowNs < scan.sleepExpireNs) return scan.sleepExpireNs; // khugepaged_should_wakeup()
    lruAddDrainAll(sys);
    Object.assign(scan, { working: true, progress: 0, passThroughHead: 0, allocSlept: false });
  }
  if (scan.mm === undefined) scan.passThroughHead++;
  if (!hasWork(sys) || scan.passThroughHead >= 2) return endOfGo(sys);
  const { progress, result } = scanMmSlot(sys, pagesToScan - scan.progress);
  scan.progress += progress;
  if (scan.progress >= pagesToScan) return endOfGo(sys);
  if (result !== "alloc_huge_page_fail") return clock.nowNs;
  if (scan.allocSlept) return endOfGo(sys);
  scan.allocSlept = true;
  return clock.nowNs + allocSleepMillisecs * MSEC;
}

/** The go is over: how long the thread sleeps. Linux mm/khugepaged.c:khugepaged_wait_work() */
function endOfGo(sys: MemorySystem): number {
  sys.khugepagedScan.working = false;
  if (!hasWork(sys)) return Number.POSITIVE_INFINITY;
  sys.khugepagedScan.sleepExpireNs = sys.clock.nowNs + sys.thp.khugepaged.scanSleepMillisecs * MSEC;
  return sys.khugepagedScan.sleepExpireNs;
}

/**
 * A sleep of khugepaged has another length: it looks now. Linux mm/khugepaged.c:scan_sleep_millisecs_store()
 */
export function khugepagedChanged(sys: MemorySystem): void {
  sys.khugepagedScan.sleepExpireNs = 0;
  wakeKhugepaged(sys);
}

function wakeKhugepaged(sys: MemorySystem): void {
  const { khugepagedThread } = sys.thp;
  if (khugepagedThread !== undefined && hasWork(sys)) sys.sched.wakeUp(khugepagedThread);
}

/**
 * Huge pages were switched on or off: the thread and the watermarks follow.
 * Linux mm/khugepaged.c:start_stop_khugepaged()
 */
export function startStopKhugepaged(sys: MemorySystem): void {
  if (hugepagePmdEnabled(sys)) wakeKhugepaged(sys);
  setRecommendedMinFreeKbytes(sys);
}

/**
 * Creates the thread, which works while huge pages are switched on. Linux: kthread_run() in
 * start_stop_khugepaged()
 */
export function khugepagedRun(sys: MemorySystem): void {
  const work = (_thread: Kthread): number => khugepaged(sys);
  sys.thp.khugepagedThread = sys.sched.kthreadCreate("khugepaged", work);
}

/**
 * At boot, after `enabled` is known from the command line: on a small machine everything is off.
 * Linux mm/huge_memory.c:hugepage_init()
 */
export function hugepageInit(sys: MemorySystem): void {
  const { thp } = sys;
  shrinkerRegister(sys, new HugeZeroShrinker(sys));
  shrinkerRegister(sys, new DeferredSplitShrinker(sys));
  if (sys.totalramPages >= THP_MIN_PAGES) {
    setRecommendedMinFreeKbytes(sys);
    return;
  }
  Object.assign(thp, { enabled: "never", defrag: "never", useZeroPage: false });
  thp.khugepaged.defrag = false;
}
