/**
 * What a process has used: getrusage.
 *
 *   RUSAGE_SELF       all threads of the process, those that have ended included
 *   RUSAGE_THREAD     the calling thread alone
 *   RUSAGE_CHILDREN   children that have ended and were waited for, with their own waited-for children
 *
 *   ru_maxrss         the most that was ever resident, in kB: of the address space now (max of what
 *                     mm.hiwaterRss noted before pages went, and what is resident), and of those that exec left
 *                     behind. Of children: the largest one, not the sum
 *
 * Linux kernel/sys.c:getrusage(); man 2 getrusage. Read first: task.ts.
 * Read next: kernel/syscalls/process.ts.
 */
import type { MmStruct } from "../mm/mm_types.js";
import { getMmHiwaterRss } from "../mm/vma/util.js";
import type { SignalStruct, Task } from "./task.js";

/** The process with all its threads. Linux include/uapi/linux/resource.h; so are all RUSAGE_ names. */
export const RUSAGE_SELF = 0;
/** Its children that were waited for. */
export const RUSAGE_CHILDREN = -1;
/** The calling thread alone. */
export const RUSAGE_THREAD = 1;

/** Whom getrusage speaks of, by the names that notebooks use. */
export const RUSAGE_NAMES = {
  self: RUSAGE_SELF,
  thread: RUSAGE_THREAD,
  children: RUSAGE_CHILDREN,
} as const;

/** Page faults of a process so far. man 2 getrusage */
export interface FaultCounts {
  /** Served without waiting for a device. */
  readonly minFlt: number;
  /** A device had to be waited for. */
  readonly majFlt: number;
}

/** Differs from Linux: times, blocks and switches are not counted. man 2 getrusage: struct rusage */
export interface Rusage extends FaultCounts {
  /** The most that was resident at once, in kB. Linux ru_maxrss */
  readonly maxRssKb: number;
}

/** What `task` (or of whom `who` speaks) has used. Linux kernel/sys.c:getrusage() */
export function getrusage(threads: readonly Task[], task: Task, who: number): Rusage {
  const { signal, mm } = task;
  const kb = (pages: number): number => pages * 4;
  if (who === RUSAGE_CHILDREN)
    return { minFlt: signal.cminFlt, majFlt: signal.cmajFlt, maxRssKb: kb(signal.cmaxRss) };
  const maxRss = Math.max(signal.maxRss, mm === undefined ? 0 : getMmHiwaterRss(mm));
  if (who === RUSAGE_THREAD) return { minFlt: task.minFlt, majFlt: task.majFlt, maxRssKb: kb(maxRss) };
  const minFlt = threads.reduce((sum, thread) => sum + thread.minFlt, signal.minFlt);
  const majFlt = threads.reduce((sum, thread) => sum + thread.majFlt, signal.majFlt);
  return { minFlt, majFlt, maxRssKb: kb(maxRss) };
}

/**
 * The process leaves `mm`: what was resident there at most stays known.
 * Linux include/linux/mm.h:setmax_mm_hiwater_rss()
 */
export function setmaxMmHiwaterRss(signal: SignalStruct, mm: MmStruct): void {
  signal.maxRss = Math.max(signal.maxRss, getMmHiwaterRss(mm));
}
