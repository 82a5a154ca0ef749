/**
 * Counters that are right only in sum: each CPU keeps what it has added for itself, until it is worth a lock.
 *
 *   addMmCounter(mm, MM_ANONPAGES, 1)
 *       the exact sum                     rssStat        /proc/PID/status, statm: percpu_counter_sum()
 *       what this CPU has not handed in   rssLag         from 32 on it is handed in, and is 0 again
 *                                            |
 *   percpu_counter_read() = sum - lags  <----+           the OOM killer: badness, and its table
 *
 * A process with 8 pages of shared memory has none in the OOM killer's table, and of two that differ by so
 * little neither is the bigger one. Several pages that one step maps or unmaps (fault-around, a page table at
 * fork or munmap) are added at once.
 *
 * Linux lib/percpu_counter.c. Read first: mm_types.ts. Read next: oom_kill.ts.
 */

/** What CPUs have not handed in of the counters of one address space. Linux rss_stat[].counters */
export interface RssLag {
  /** Of each CPU, and in it of each counter. */
  readonly kept: number[];
  /** The counters before a step that adds several pages at once. Not in Linux: a local vector */
  held: readonly number[] | undefined;
}

/** What is needed of an address space. Linux include/linux/mm_types.h:struct mm_struct */
interface RssCounters {
  readonly sys: { readonly thisCpu: number; readonly cpus: { readonly length: number } };
  readonly rssStat: number[];
  readonly rssLag: RssLag;
}

/** A CPU keeps less than so many, or two for each CPU. Linux lib/percpu_counter.c:compute_batch_value() */
const PERCPU_COUNTER_BATCH = 32;
/** Counters of an address space. Linux include/linux/mm_types_task.h:NR_MM_COUNTERS */
const NR_MM_COUNTERS = 4;

/** What this CPU keeps, with `amount` more, or nothing where that is enough to hand in. */
function keep({ rssLag, sys }: RssCounters, member: number, amount: number): void {
  const at = sys.thisCpu * NR_MM_COUNTERS + member;
  const kept = (rssLag.kept[at] ?? 0) + amount;
  const batch = Math.max(PERCPU_COUNTER_BATCH, 2 * sys.cpus.length);
  rssLag.kept[at] = Math.abs(kept) >= batch ? 0 : kept;
}

/**
 * `amount` more in counter `member`, added by this CPU. Linux lib/percpu_counter.c:percpu_counter_add_batch()
 */
export function percpuCounterAdd(mm: RssCounters, member: number, amount: number): void {
  mm.rssStat[member]! += amount;
  if (mm.rssLag.held === undefined) keep(mm, member, amount);
}

/**
 * What a counter of `mm` is without what CPUs still keep; not below 0.
 * Linux include/linux/mm.h:get_mm_counter()
 */
export function getMmCounter(mm: Pick<RssCounters, "rssStat" | "rssLag">, member: number): number {
  const { kept } = mm.rssLag;
  let count = mm.rssStat[member]!;
  for (let at = member; at < kept.length; at += NR_MM_COUNTERS) count -= kept[at] ?? 0;
  return Math.max(0, count);
}

/**
 * Runs `change`; what it adds to the counters of `mm` is added at once when it is done.
 * Linux mm/memory.c:add_mm_rss_vec()
 */
export function addMmRssTogether<T>(mm: RssCounters, change: () => T): T {
  const { rssLag } = mm;
  if (rssLag.held !== undefined) return change();
  const held = [...mm.rssStat];
  rssLag.held = held;
  try {
    return change();
  } finally {
    rssLag.held = undefined;
    for (const [member, before] of held.entries()) {
      const by = mm.rssStat[member]! - before;
      if (by !== 0) keep(mm, member, by);
    }
  }
}
