/**
 * The OOM killer: no memory can be had any more, so a process is ended and its memory used.
 *
 *   allocation, slow path --> out_of_memory(gfp, order)
 *     the one who asks is being killed already -----> he may use reserves, and is gone soon
 *     he may not call the file system (no __GFP_FS) -> nobody is killed; others may do it
 *     vm.oom_kill_allocating_task -------------------> himself
 *     else the process with the most badness (mm/oom_kill.ts): pages in RAM and swap, its page tables,
 *     and oom_score_adj
 *
 *   the victim      another process: it ends here and now, with all who share its memory
 *                   the one who asks: he gets his page out of the reserves, and ends when the fault or system
 *                   call that he is in returns
 *
 * Linux sends SIGKILL and lets the victim end by itself; a kernel thread, the OOM reaper, takes its memory if
 * it cannot. Here another process stands still and holds nothing, so both are one step.
 *
 * A group that is over its limit and has nothing that could be reclaimed: the same among its processes, whose
 * badness is measured by its limit.
 *
 * Left out: panic_on_oom, cpusets, the reaper's own thread.
 *
 * Linux mm/oom_kill.c. Read first: mm/oom_kill.ts, mm/pages/slow_path.ts. Read next: kernel.ts.
 */
import type { Vaddr } from "../hw/address.js";
import type { Memcg } from "../mm/lru/lruvec.js";
import { memCgroupIsDescendant, memCgroupMargin } from "../mm/memcg/charge.js";
import { MEMCG_OOM_GROUP_KILL, MEMCG_OOM_KILL } from "../mm/memcg/memcg_types.js";
import { memcgMemoryEvent } from "../mm/memcg/stats.js";
import type { MmStruct } from "../mm/mm_types.js";
import { OOM_SCORE_ADJ_MIN, oomBadness, oomTotalPages } from "../mm/oom_kill.js";
import { __GFP_FS } from "../mm/pages/gfp.js";
import type { MemorySystem } from "../mm/system.js";
import { countVmEvent, OOM_KILL } from "../mm/vmstat.js";
import { dumpHeader, dumpVictim } from "./oom_report.js";
import { SignalError, type SignalName } from "./signal.js";
import type { Task } from "./task.js";

/** What the OOM killer needs of the kernel. */
interface OomKernel {
  readonly sys: MemorySystem;
  readonly tasks: ReadonlyMap<number, Task>;
  readonly current: Task | undefined;
  dying: Task | undefined;
  threadsOf(tgid: number): Task[];
  kill(task: Task, signal: SignalName): void;
}

/** The task of a process that still has its memory. Linux mm/oom_kill.c:find_lock_task_mm() */
function findLockTaskMm(kernel: OomKernel, leader: Task): Task | undefined {
  return leader.alive ? leader : kernel.threadsOf(leader.tgid).find((thread) => thread.alive);
}

/**
 * The process whose end frees most, the younger of two equal ones; undefined when none may be ended. One that
 * swaps off an area comes before all: it has asked for the memory. With `memcg` one of that group and those
 * below it. Linux mm/oom_kill.c:select_bad_process()
 */
function selectBadProcess(kernel: OomKernel, memcg: Memcg | undefined): Task | undefined {
  const total = oomTotalPages(kernel.sys, memcg);
  let chosen: Task | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (const leader of kernel.tasks.values()) {
    const task = leader.pid === leader.tgid ? findLockTaskMm(kernel, leader) : undefined;
    if (memcg !== undefined && !memCgroupIsDescendant(task?.memcg, memcg)) continue;
    if (task?.signal.oomFlagOrigin === true && task.mm !== undefined) return task;
    const points = task === undefined ? undefined : oomBadness(task, total);
    if (points === undefined || points < most) continue;
    chosen = task;
    most = points;
  }
  return chosen;
}

/** All processes that use `mm`, one task of each. Linux mm/oom_kill.c:process_shares_mm() */
function processesOf(kernel: OomKernel, mm: MmStruct): Task[] {
  const byTgid = new Map<number, Task>();
  for (const task of kernel.tasks.values()) if (task.mm === mm) byTgid.set(task.tgid, task);
  return [...byTgid.values()];
}

/**
 * The task that is in a fault or call of its own. Somebody outside the machine may have made a group too
 * small, too: then nobody is.
 */
function inKernel({ sys, current }: OomKernel): Task | undefined {
  return sys.current === undefined && sys.currentKthread === undefined ? undefined : current;
}

/** It may use reserves from now on. Linux mm/oom_kill.c:mark_oom_victim() */
function markOomVictim(kernel: OomKernel, task: Task): void {
  for (const thread of kernel.threadsOf(task.tgid)) thread.oomVictim = true;
  const { trace } = kernel.sys;
  if (trace.on) trace.emit("oom:mark_victim", { pid: task.pid, comm: task.comm });
}

/** Ends the process, and all others with its memory. Linux mm/oom_kill.c:__oom_kill_process() */
function killVictim(kernel: OomKernel, victim: Task): void {
  const { sys } = kernel;
  const current = inKernel(kernel);
  countVmEvent(sys, OOM_KILL);
  if (victim.memcg !== undefined) memcgMemoryEvent(victim.memcg, MEMCG_OOM_KILL);
  markOomVictim(kernel, victim);
  const inStep = sys.current;
  for (const task of processesOf(kernel, victim.mm!)) {
    for (const thread of kernel.threadsOf(task.tgid)) thread.oomVictim = true;
    if (current !== undefined && task.tgid === current.tgid) kernel.dying = current;
    else kernel.kill(task, "SIGKILL");
  }
  sys.current = inStep;
}

/**
 * The group whose processes end together if one of them does: the highest with memory.oom.group, within the
 * one that is out of memory. Linux mm/memcontrol.c:mem_cgroup_get_oom_group()
 */
function oomGroupOf({ sys }: OomKernel, victim: Task, domain: Memcg | undefined): Memcg | undefined {
  let found: Memcg | undefined;
  for (let one = victim.memcg; one !== undefined; one = one.parent) {
    if (one.oomGroup) found = one;
    if (one === (domain ?? sys.memcg.root)) break;
  }
  return found;
}

/**
 * Ends the process, and if its group says so all others of the group, but for those that may never be ended.
 * Linux mm/oom_kill.c:oom_kill_process()
 */
function oomKillProcess(kernel: OomKernel, victim: Task, domain: Memcg | undefined): void {
  const group = oomGroupOf(kernel, victim, domain);
  killVictim(kernel, victim);
  if (group === undefined) return;
  memcgMemoryEvent(group, MEMCG_OOM_GROUP_KILL);
  for (const task of [...kernel.tasks.values()]) {
    if (task.pid !== task.tgid || task.mm === undefined || task.oomVictim) continue;
    if (task.oomScoreAdj !== OOM_SCORE_ADJ_MIN && memCgroupIsDescendant(task.memcg, group))
      killVictim(kernel, task);
  }
}

/** The one who asks, if the setting says that he is to be ended. Linux out_of_memory() */
function allocatingTask({ sys, current }: OomKernel): Task | undefined {
  if (sys.sysctl.oomKillAllocatingTask === 0 || current?.mm === undefined) return undefined;
  return current.oomScoreAdj === OOM_SCORE_ADJ_MIN ? undefined : current;
}

/** Lines of the log that are kept. Not in Linux: a buffer of so many bytes */
const LOG_LINES = 500;

/** Tells in the kernel's log who is ended and why. */
function report(kernel: OomKernel, victim: Task, gfp: number, memcg?: Memcg, asked = false): void {
  const { kernelLog } = kernel.sys;
  const candidates = [...kernel.tasks.values()].filter(
    ({ pid, tgid, mm }) =>
      pid === tgid && mm !== undefined && (memcg === undefined || memCgroupIsDescendant(mm.memcg, memcg)),
  );
  kernelLog.push(
    ...dumpHeader(kernel.sys, kernel.current, gfp, memcg, candidates),
    ...dumpVictim(victim, memcg, asked),
  );
  kernelLog.splice(0, Math.max(0, kernelLog.length - LOG_LINES));
}

/**
 * No memory for an allocation with `gfp`, or no room in the group `memcg`: ends a process. Whether trying
 * again is worth it. Linux mm/oom_kill.c:out_of_memory()
 * Differs from Linux: where nobody may be ended, the allocation fails (ENOMEM); Linux panics, "System is
 * deadlocked on memory", and the machine would be lost with all that could still be looked at.
 */
export function outOfMemory(kernel: OomKernel, gfp: number, memcg?: Memcg): boolean {
  if (memcg !== undefined && memCgroupMargin(memcg) >= 1) return true;
  if (inKernel(kernel)?.oomVictim === true) return true;
  if ((gfp & __GFP_FS) === 0 && memcg === undefined) return true;
  const asking = memcg === undefined ? allocatingTask(kernel) : undefined;
  const victim = asking ?? selectBadProcess(kernel, memcg);
  if (victim === undefined) return false;
  report(kernel, victim, gfp, memcg, asking !== undefined);
  oomKillProcess(kernel, victim, memcg);
  return true;
}

/**
 * Makes the OOM killer the machine's, and its groups'; once for each kernel. Linux mm/oom_kill.c:oom_init()
 */
export function oomInit(kernel: OomKernel): void {
  const { sys } = kernel;
  sys.outOfMemory = (gfp) => outOfMemory(kernel, gfp);
  if (sys.memcg.operations !== undefined)
    sys.memcg.operations.outOfMemory = (memcg, gfp) => outOfMemory(kernel, gfp, memcg);
}

/**
 * Ends the process of `task`, whose access or call found no memory, and tells whoever made it.
 * Linux kernel/signal.c:get_signal()
 */
export function oomKilled(kernel: Pick<OomKernel, "kill">, task: Task, address: Vaddr): never {
  kernel.kill(task, "SIGKILL");
  throw new SignalError({ signal: "SIGKILL", code: "SI_KERNEL", address }, `${task}, out of memory`, true);
}

/**
 * A victim that was in a fault or call of its own has come back from it, and ends; throws if it is `task`,
 * who wants to go on. Linux kernel/entry/common.c:exit_to_user_mode_loop()
 */
export function endOomVictim(kernel: OomKernel, task: Task, address: Vaddr): void {
  const victim = kernel.dying ?? task;
  kernel.dying = undefined;
  if (!victim.oomVictim || !victim.alive) return;
  if (victim.tgid === task.tgid) oomKilled(kernel, victim, address);
  kernel.kill(victim, "SIGKILL");
}
