/**
 * What /proc needs to know about a task: the fields of Linux's task_struct that its files print.
 *
 *   /proc/PID/status   name, state, ids, sizes        /proc/PID/stat   the same as one line of numbers
 *   /proc/PID/maps, smaps, pagemap                    the task's mm
 *
 * Read next: array.ts (status, stat, statm), task_mmu.ts (maps).
 */

import { type Cred, initCred } from "../kernel/cred.js";
import type { Lruvec } from "../mm/lru/lruvec.js";
import type { Cgroup } from "../mm/memcg/cgroup_types.js";
import type { MmStruct } from "../mm/mm_types.js";
import type { TaskIoAccounting } from "../mm/task_io.js";

/** A task as /proc shows it. Linux include/linux/sched.h:struct task_struct */
export interface ProcTask {
  readonly pid: number;
  readonly tgid: number;
  readonly ppid: number;
  comm: string;
  /** R running, S sleeping, Z zombie. Linux fs/proc/array.c:task_state_array */
  readonly state: string;
  /** undefined once the task has exited. */
  readonly mm: MmStruct | undefined;
  readonly minFlt: number;
  readonly majFlt: number;
  /** What it has read and written, and what threads of its process have that have ended. */
  readonly ioac?: Readonly<TaskIoAccounting>;
  readonly signal?: { readonly ioac: Readonly<TaskIoAccounting> };
  /** Faults of children that were waited for. */
  readonly cminFlt: number;
  readonly cmajFlt: number;
  oomScoreAdj: number;
  /** How low a task without CAP_SYS_RESOURCE may set it; 0 unless given. */
  oomScoreAdjMin?: number;
  /** Who waits until it calls exec or exits, if anybody. Linux vfork_done, real_parent */
  readonly vforkParent?: { readonly mm: MmStruct | undefined } | undefined;
  readonly exitCode: number;
  readonly nrThreads: number;
  /** The group of processes that it belongs to; undefined: the root. */
  cgroup?: Cgroup<Lruvec> | undefined;
  /** When it was started, simulated ns since boot. */
  readonly startTimeNs: number;
  /** Who it is and what it may do; root with everything unless given. */
  readonly cred?: ProcCred;
}

/**
 * The ids and capabilities of a task that its files show, or go by. Linux include/linux/cred.h:struct cred
 */
export type ProcCred = Readonly<Cred>;

/** The credentials of `task`; whoever has none of his own is root with everything. Linux __task_cred() */
export function credOf(task: ProcTask): ProcCred {
  return task.cred ?? initCred();
}
