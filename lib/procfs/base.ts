/**
 * /proc/PID/oom_score: how likely the kernel is to kill this process when memory runs out, as a number of 0
 * to 2000.
 *
 *   oom_score = (1000 + badness * 1000 / pages) * 2 / 3            "pages" = RAM and swap
 *
 *   nothing held, adj 0   666        half of all memory, adj 0   1000        may not be killed   0
 *
 * The badness itself is the OOM killer's: mm/oom_kill.ts. Only the scale is made here, the one that the file
 * has had for long and that programs rely on. Divisions drop the fraction, as in C.
 *
 * Read first: proc_task.ts, mm/oom_kill.ts.
 */
import { oomBadness, oomTotalPages } from "../mm/oom_kill.js";
import type { MemorySystem } from "../mm/system.js";
import type { ProcTask } from "./proc_task.js";

/** /proc/PID/oom_score. Linux fs/proc/base.c:proc_oom_score() */
export function pidOomScore(sys: MemorySystem, task: ProcTask): string {
  const totalPages = oomTotalPages(sys);
  const badness = oomBadness(task, totalPages);
  if (badness === undefined) return "0\n";
  return `${Math.trunc(((1000 + Math.trunc((badness * 1000) / totalPages)) * 2) / 3)}\n`;
}
