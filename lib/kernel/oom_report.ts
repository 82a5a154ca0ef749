/**
 * What the kernel's log says when a process is ended for want of memory.
 *
 *   writer invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
 *   Node 0 hugepages_total=8 hugepages_free=8 ...           pools of huge pages: memory that nobody else can have
 *   memory: usage 16384kB, limit 16384kB, failcnt 18         of a group: how often it was at its limit
 *   [  pid  ]   uid  tgid total_vm      rss ...             all that could have been chosen
 *   oom-kill:constraint=CONSTRAINT_MEMCG,...                 why, and who
 *   Memory cgroup out of memory: Killed process 7 (writer) total-vm:23340kB, anon-rss:14592kB, ...
 *
 * Left out: the stack dump, the state of zones and groups, what is logged when the memory has been taken.
 *
 * Linux mm/oom_kill.c. Read first: oom.ts, mm/oom_kill.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Hstate } from "../mm/hugetlb/hstate.js";
import type { Memcg } from "../mm/lru/lruvec.js";
import { MEMCG_MAX } from "../mm/memcg/memcg_types.js";
import { getMmRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from "../mm/mm_types.js";
import type { Folio } from "../mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../mm/pages/gfp.js";
import type { Task } from "./task.js";

const KB_OF_PAGE = PAGE_SIZE / 1024;
const GFP_NAMES = new Map([
  [GFP_KERNEL, "GFP_KERNEL"],
  [GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"],
]);
const HEADER =
  "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name";

/** A number, right-aligned. */
const pad = (value: number, width: number): string => String(value).padStart(width);

/** One line of the table. Linux mm/oom_kill.c:dump_task() */
function taskLine({ pid, tgid, comm, mm, cred, oomScoreAdj }: Task): string {
  const { rssStat, totalVm, pgtablesBytes } = mm!;
  const rss = [MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES].map((kind) => rssStat[kind]!);
  const sizes = [totalVm, getMmRss(mm!), rss[0]!, rss[1]!].map((pages) => pad(pages, 8)).join(" ");
  const rest = `${pad(rss[2]!, 9)} ${pad(pgtablesBytes, 8)} ${pad(rssStat[MM_SWAPENTS]!, 8)}`;
  return `[${pad(pid, 7)}] ${pad(cred.uid, 5)} ${pad(tgid, 5)} ${sizes} ${rest}         ${pad(oomScoreAdj, 5)} ${comm}`;
}

/** A pool of huge pages, which nobody can take from. Linux mm/hugetlb.c:hugetlb_show_meminfo_node() */
function poolLine(h: Hstate<Folio>): string {
  const { nrHugePages, freeHugePages, surplusHugePages, hugePageSize } = h;
  const counts = `hugepages_total=${nrHugePages} hugepages_free=${freeHugePages} hugepages_surp=${surplusHugePages}`;
  return `Node 0 ${counts} hugepages_size=${hugePageSize / 1024}kB`;
}

/** Who asked, how much there was, and who could be chosen. Linux mm/oom_kill.c:dump_header() */
export function dumpHeader(
  asking: Task | undefined,
  gfp: number,
  memcg: Memcg | undefined,
  candidates: readonly Task[],
  pools: readonly Hstate<Folio>[] = [],
): string[] {
  const name = GFP_NAMES.get(gfp) ?? "";
  const who = `${asking?.comm ?? "kthread"} invoked oom-killer: gfp_mask=0x${gfp.toString(16)}(${name}), order=0`;
  const lines = [`${who}, oom_score_adj=${asking?.oomScoreAdj ?? 0}`];
  if (memcg !== undefined) {
    const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
    const { memory, swap, memoryEvents } = memcg;
    lines.push(
      `memory: usage ${kB(memory.usage)}, limit ${kB(memory.max)}, failcnt ${memoryEvents[MEMCG_MAX]}`,
      `swap: usage ${kB(swap.usage)}, limit ${kB(swap.max)}, failcnt 0`,
    );
  }
  // The larger pages are the first pool of a kernel that can put them together.
  else lines.push(...[...pools].reverse().map(poolLine));
  return [...lines, "Tasks state (memory values in pages):", HEADER, ...candidates.map(taskLine)];
}

/** Why, and who. Linux mm/oom_kill.c:dump_oom_victim(), __oom_kill_process() */
export function dumpVictim(victim: Task, memcg: Memcg | undefined): string[] {
  const { rssStat, totalVm, pgtablesBytes } = victim.mm!;
  const kB = (pages: number): string => `${pages * KB_OF_PAGE}kB`;
  const { comm, pid, cred, oomScoreAdj } = victim;
  const domain = memcg === undefined ? "global_oom" : `oom_memcg=${memcg.path}`;
  const constraint = memcg === undefined ? "CONSTRAINT_NONE" : "CONSTRAINT_MEMCG";
  const where = `constraint=${constraint},nodemask=(null),cpuset=/,mems_allowed=0,${domain}`;
  const task = `task_memcg=${victim.memcg?.path ?? "/"},task=${comm},pid=${pid},uid=${cred.uid}`;
  const rss = `anon-rss:${kB(rssStat[MM_ANONPAGES]!)}, file-rss:${kB(rssStat[MM_FILEPAGES]!)}`;
  const sizes = `total-vm:${kB(totalVm)}, ${rss}, shmem-rss:${kB(rssStat[MM_SHMEMPAGES]!)}`;
  const rest = `UID:${cred.uid} pgtables:${pgtablesBytes / 1024}kB oom_score_adj:${oomScoreAdj}`;
  const what = memcg === undefined ? "Out of memory" : "Memory cgroup out of memory";
  return [`oom-kill:${where},${task}`, `${what}: Killed process ${pid} (${comm}) ${sizes}, ${rest}`];
}
