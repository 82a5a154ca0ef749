/**
 * Telling the kernel which processes to spare, and which not, when memory runs out: oom_score_adj.
 *
 *   -1000 never ... 0 ... 1000 this one first
 *
 * Anybody may make himself a likelier victim. Back again goes only down to the lowest value that a privileged
 * writer has set (at first 0); below that takes CAP_SYS_RESOURCE. The older oom_adj (-17 ... 15) is the same
 * value on another scale.
 *
 * Linux fs/proc/base.c. Read first: task.ts. Read next: mm/oom_kill.ts (what it changes).
 */
import { EACCES, EINVAL } from "../mm/errno.js";
import type { MmStruct } from "../mm/mm_types.js";
import { OOM_SCORE_ADJ_MAX, OOM_SCORE_ADJ_MIN } from "../mm/oom_kill.js";
import { CAP_SYS_RESOURCE, type MemorySystem } from "../mm/system.js";
import { kstrtoint, strstrip } from "./kstrtox.js";

/** oom_adj: never. Linux include/uapi/linux/oom.h:OOM_DISABLE */
const OOM_DISABLE = -17;
/** oom_adj otherwise. Linux include/uapi/linux/oom.h:OOM_ADJUST_MIN */
const OOM_ADJUST_MIN = -16;
const OOM_ADJUST_MAX = 15;
/** Characters of the written text that count. Linux fs/proc/internal.h:PROC_NUMBUF, less its NUL */
export const PROC_NUM_LENGTH = 12;

/** What the functions here need of a process. Linux include/linux/sched.h:struct task_struct */
interface OomTask {
  readonly tgid: number;
  readonly mm: MmStruct | undefined;
  oomScoreAdj: number;
  oomScoreAdjMin?: number;
}

/** Linux fs/proc/base.c:__set_oom_adj() */
function setOomAdj(
  sys: MemorySystem,
  tasks: Iterable<OomTask>,
  task: OomTask,
  adj: number,
  legacy: boolean,
): number {
  const privileged = sys.capable(CAP_SYS_RESOURCE);
  const lowest = legacy ? task.oomScoreAdj : (task.oomScoreAdjMin ?? 0);
  if (adj < lowest && !privileged) return -EACCES;
  // Processes that share the memory are killed together, so they are judged alike.
  for (const one of tasks) {
    if (one.tgid !== task.tgid && (task.mm === undefined || one.mm !== task.mm)) continue;
    one.oomScoreAdj = adj;
    if (!legacy && privileged) one.oomScoreAdjMin = adj;
  }
  return 0;
}

/** The number in a written text, or why it is none. */
function parseWritten(text: string): ReturnType<typeof kstrtoint> {
  return kstrtoint(strstrip(text.slice(0, PROC_NUM_LENGTH)), 0);
}

/** A write to oom_score_adj; 0 or a negative errno. Linux fs/proc/base.c:oom_score_adj_write() */
export function oomScoreAdjWrite(
  sys: MemorySystem,
  tasks: Iterable<OomTask>,
  task: OomTask,
  text: string,
): number {
  const { value, error } = parseWritten(text);
  if (error !== 0) return error;
  if (value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX) return -EINVAL;
  return setOomAdj(sys, tasks, task, value, false);
}

/** A write to oom_adj; 0 or a negative errno. Linux fs/proc/base.c:oom_adj_write() */
export function oomAdjWrite(
  sys: MemorySystem,
  tasks: Iterable<OomTask>,
  task: OomTask,
  text: string,
): number {
  const { value, error } = parseWritten(text);
  if (error !== 0) return error;
  if ((value < OOM_ADJUST_MIN || value > OOM_ADJUST_MAX) && value !== OOM_DISABLE) return -EINVAL;
  const adj =
    value === OOM_ADJUST_MAX ? OOM_SCORE_ADJ_MAX : Math.trunc((value * OOM_SCORE_ADJ_MAX) / -OOM_DISABLE);
  return setOomAdj(sys, tasks, task, adj, true);
}

/** oom_score_adj on the scale of oom_adj. Linux fs/proc/base.c:oom_adj_read() */
export function oomAdj(task: OomTask): number {
  if (task.oomScoreAdj === OOM_SCORE_ADJ_MAX) return OOM_ADJUST_MAX;
  return Math.trunc((task.oomScoreAdj * -OOM_DISABLE) / OOM_SCORE_ADJ_MAX);
}
