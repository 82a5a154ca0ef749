/**
 * Out of memory: which process the kernel would end, so that the others can go on.
 *
 *   badness = resident + swapped out + page-table pages  +  oom_score_adj * (pages / 1000)
 *             what its end would give back                  what the administrator says; "pages" = RAM and swap
 *
 * The largest badness goes first. One step of oom_score_adj is a thousandth of the machine: at +500 a process
 * counts as if it held half of all memory more than it does. Divisions drop the fraction, as in C. Counts are
 * those of percpu_counter.ts: up to 31 pages of each kind that a CPU has not handed in are missing.
 *
 *   /proc/PID/oom_score --> procfs/base.ts --> oomBadness(task, oomTotalPages(sys))
 *   oom_score_adj       <-- kernel/oom_adj.ts, which writes it
 *
 * Never chosen: who has no memory of its own (kernel threads, the first process, the dead), who has an adj of
 * -1000, and who only borrows the memory of a parent that waits for him (vfork).
 *
 * Left out: choosing and killing; a dead thread-group leader whose other threads still have the memory.
 *
 * Linux mm/oom_kill.c. Read first: mm/mm_types.ts. Read next: procfs/base.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import type { Memcg } from "./lru/lruvec.js";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS, type MmStruct } from "./mm_types.js";
import { getMmCounter } from "./percpu_counter.js";
import type { MemorySystem } from "./system.js";

/** A process with this adj is never chosen. Linux include/uapi/linux/oom.h:OOM_SCORE_ADJ_MIN */
export const OOM_SCORE_ADJ_MIN = -1000;
/** A process with this adj is chosen before all others. Linux include/uapi/linux/oom.h:OOM_SCORE_ADJ_MAX */
export const OOM_SCORE_ADJ_MAX = 1000;

/** What is counted of a memory. Linux include/linux/mm_types.h:struct mm_struct */
type OomMm = Pick<MmStruct, "rssStat" | "rssLag" | "pgtablesBytes">;

/** What is asked of a process that might be ended. Linux include/linux/sched.h:struct task_struct */
interface OomCandidate {
  readonly mm: OomMm | undefined;
  readonly oomScoreAdj: number;
  /** Who waits until it calls exec or exits, if anybody. Linux vfork_done, real_parent */
  readonly vforkParent?: { readonly mm: OomMm | undefined } | undefined;
}

/**
 * Whether `task` still lives in the memory of the parent that waits for it.
 * Linux include/linux/sched/mm.h:in_vfork()
 */
function inVfork(task: OomCandidate): boolean {
  return task.vforkParent !== undefined && task.vforkParent.mm === task.mm;
}

/**
 * All pages there are, in RAM and swap, or that the group may have: the whole that badness is measured by.
 * Linux mm/oom_kill.c:constrained_alloc(), mm/memcontrol.c:mem_cgroup_get_max()
 */
export function oomTotalPages(sys: MemorySystem, memcg?: Memcg): number {
  if (memcg === undefined) return sys.totalramPages + sys.totalSwapPages;
  const swap = sys.sysctl.swappiness > 0 ? Math.min(memcg.swap.max, sys.totalSwapPages) : 0;
  return memcg.memory.max + swap || 1;
}

/** What badness counts of a memory: pages of all kinds, and entries in swap. */
const COUNTED = [MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES, MM_SWAPENTS];

/**
 * Badness of `task` in pages, of `totalPages`; undefined when it may not be ended.
 * Linux mm/oom_kill.c:oom_badness()
 * Differs from Linux: undefined is LONG_MIN there.
 */
export function oomBadness(task: OomCandidate, totalPages: number): number | undefined {
  const { mm, oomScoreAdj } = task;
  if (mm === undefined || oomScoreAdj === OOM_SCORE_ADJ_MIN || inVfork(task)) return undefined;
  const pages = COUNTED.reduce((sum, member) => sum + getMmCounter(mm, member), 0);
  const points = pages + Math.floor(mm.pgtablesBytes / PAGE_SIZE);
  return points + oomScoreAdj * Math.floor(totalPages / 1000);
}
