/**
 * What the kernel's log says when a process is ended for want of memory.
 *
 *   writer invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
 *   memory: usage 16384kB, limit 16384kB, failcnt 18         of a group: how often it was at its limit
 *   [  pid  ]   uid  tgid total_vm      rss ...             all that could have been chosen
 *   oom-kill:constraint=CONSTRAINT_MEMCG,...                 why, and who
 *   Memory cgroup out of memory: Killed process 7 (writer) total-vm:23340kB, anon-rss:14592kB, ...
 *
 * Where the whole machine is short, show_mem.ts tells about all of its memory in between.
 *
 * Left out: the stack dump, the state of groups, what is logged when the memory has been taken.
 *
 * Linux mm/oom_kill.c. Read first: oom.ts, mm/oom_kill.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Memcg } from "../mm/lru/lruvec.js";
import { MEMCG_MAX } from "../mm/memcg/memcg_types.js";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from "../mm/mm_types.js";
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../mm/pages/gfp.js";
import { getMmCounter } from "../mm/percpu_counter.js";
import type { MemorySystem } from "../mm/system.js";
import { showMem } from "./show_mem.js";
import type { Task } from "./task.js";

const KB_OF_PAGE = PAGE_SIZE / 1024;
/** Names of what is asked for, larger sets of flags first. Linux include/trace/events/mmflags.h */
const GFP_NAMES: readonly (readonly [flags: number, name: string])[] = [
  [GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"],
  [GFP_KERNEL, "GFP_KERNEL"],
  [__GFP_ZERO, "__GFP_ZERO"],
  [__GFP_COMP, "__GFP_COMP"],
];
const HEADER =
  "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name";

/** A number, right-aligned. */
const pad = (value: number, width: number): string => String(value).padStart(width);

/** Flags in words. Linux lib/vsprintf.c:format_flags() */
function gfpText(gfp: number): string {
  let rest = gfp;
  const names = GFP_NAMES.filter(([flags]) => {
    const has = (rest & flags) === flags;
    if (has) rest &= ~flags;
    return has;
  });
  return [...names.map(([, name]) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])].join("|");
}

/** One line of the table. Linux mm/oom_kill.c:dump_task() */
function taskLine({ pid, tgid, comm, mm, cred, oomScoreAdj }: Task): string {
  const { totalVm, pgtablesBytes } = mm!;
  const rss = [MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES].map((kind) => getMmCounter(mm!, kind));
  const sizes = [totalVm, rss[0]! + rss[1]! + rss[2]!, rss[0]!, rss[1]!]
    .map((pages) => pad(pages, 8))
    .join(" ");
  const rest = `${pad(rss[2]!, 9)} ${pad(pgtablesBytes, 8)} ${pad(getMmCounter(mm!, MM_SWAPENTS), 8)}`;
  return `[${pad(pid, 7)}] ${pad(cred.uid, 5)} ${pad(tgid, 5)} ${sizes} ${rest}         ${pad(oomScoreAdj, 5)} ${comm}`;
}

/** Who asked, how much there was, and who could be chosen. Linux mm/oom_kill.c:dump_header() */
export function dumpHeader(
  sys: MemorySystem,
  asking: Task | undefined,
  gfp: number,
  memcg: Memcg | undefined,
  candidates: readonly Task[],
): string[] {
  // Here every block is a folio anyway; there, those that hold a process's pages and tables say so.
  const mask = memcg === undefined ? gfp | __GFP_COMP : gfp;
  const asked = `gfp_mask=0x${mask.toString(16)}(${gfpText(mask)}), order=0`;
  const who = `${asking?.comm ?? "kthread"} invoked oom-killer: ${asked}`;
  const lines = [`${who}, oom_score_adj=${asking?.oomScoreAdj ?? 0}`];
  if (memcg === undefined) lines.push(...showMem(sys));
  else {
    const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
    const { memory, swap, memoryEvents } = memcg;
    lines.push(
      `memory: usage ${kB(memory.usage)}, limit ${kB(memory.max)}, failcnt ${memoryEvents[MEMCG_MAX]}`,
      `swap: usage ${kB(swap.usage)}, limit ${kB(swap.max)}, failcnt 0`,
    );
  }
  return [...lines, "Tasks state (memory values in pages):", HEADER, ...candidates.map(taskLine)];
}

/** Why, and who; `asked`: because he asked. Linux mm/oom_kill.c:dump_oom_victim(), __oom_kill_process() */
export function dumpVictim(victim: Task, memcg: Memcg | undefined, asked: boolean): string[] {
  const mm = victim.mm!;
  const { totalVm, pgtablesBytes } = mm;
  const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
  const { comm, pid, cred, oomScoreAdj } = victim;
  const domain = memcg === undefined ? "global_oom" : `oom_memcg=${memcg.path}`;
  const constraint = memcg === undefined ? "CONSTRAINT_NONE" : "CONSTRAINT_MEMCG";
  const where = `constraint=${constraint},nodemask=(null),cpuset=/,mems_allowed=0,${domain}`;
  const task = `task_memcg=${victim.memcg?.path ?? "/"},task=${comm},pid=${pid},uid=${cred.uid}`;
  const rss = `anon-rss:${kB(getMmCounter(mm, MM_ANONPAGES))}, file-rss:${kB(getMmCounter(mm, MM_FILEPAGES))}`;
  const sizes = `total-vm:${kB(totalVm)}, ${rss}, shmem-rss:${kB(getMmCounter(mm, MM_SHMEMPAGES))}`;
  const rest = `UID:${cred.uid} pgtables:${pgtablesBytes / 1024}kB oom_score_adj:${oomScoreAdj}`;
  const global = asked ? "Out of memory (oom_kill_allocating_task)" : "Out of memory";
  const what = memcg === undefined ? global : "Memory cgroup out of memory";
  return [`oom-kill:${where},${task}`, `${what}: Killed process ${pid} (${comm}) ${sizes}, ${rest}`];
}
