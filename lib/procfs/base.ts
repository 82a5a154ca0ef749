/**
 * /proc/PID/oom_score and oom_score_adj: how likely the kernel is to kill this process when memory runs out.
 *
 *   points = resident + swapped + page-table pages + adj * (pages / 1000)
 *   oom_score = (1000 + points * 1000 / pages) * 2 / 3            "pages" = RAM and swap
 *
 * An adj of -1000 forbids it (score 0), +1000 asks for it. Divisions drop the fraction, as in C.
 *
 * Read first: proc_task.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { OOM_SCORE_ADJ_MIN } from "../kernel/oom_adj.js";
import { getMmRss, MM_SWAPENTS } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import type { ProcTask } from "./proc_task.js";

/** Points of a task, undefined when it may not be killed. Linux mm/oom_kill.c:oom_badness() */
export function oomBadness(task: ProcTask, totalPages: number): number | undefined {
  const { mm, oomScoreAdj } = task;
  if (mm === undefined || oomScoreAdj === OOM_SCORE_ADJ_MIN) return undefined;
  const points = getMmRss(mm) + mm.rssStat[MM_SWAPENTS]! + Math.floor(mm.pgtablesBytes / PAGE_SIZE);
  return points + oomScoreAdj * Math.floor(totalPages / 1000);
}

/** /proc/PID/oom_score. Linux fs/proc/base.c:proc_oom_score() */
export function pidOomScore(sys: MemorySystem, task: ProcTask): string {
  const totalPages = sys.totalramPages + sys.totalSwapPages;
  const badness = oomBadness(task, totalPages);
  if (badness === undefined) return "0\n";
  return `${Math.trunc(((1000 + Math.trunc((badness * 1000) / totalPages)) * 2) / 3)}\n`;
}
