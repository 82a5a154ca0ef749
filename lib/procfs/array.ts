/**
 * /proc/PID/status, stat and statm: a task in words, in one line of 52 numbers, and its memory in seven.
 *
 *   status   VmPeak, VmSize      pages mapped: the most so far, now
 *            VmHWM, VmRSS        pages resident: the most so far, now = RssAnon + RssFile + RssShmem
 *            VmData VmStk VmExe VmLib     VmSize by use
 *            VmPTE               page-table pages
 *   statm    size resident shared text lib data dirty, in pages
 *
 * Numbers of things that the machine does not have (signals, CPU time, security) are written as an idle
 * process shows them.
 *
 * Read first: proc_task.ts, seq_file.ts. Read next: base.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { CAP_FULL_SET } from "../kernel/cred.js";
import {
  getMmRss,
  MM_ANONPAGES,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  MM_SWAPENTS,
  type MmStruct,
} from "../mm/mm_types.js";
import { credOf, type ProcCred, type ProcTask } from "./proc_task.js";
import { pagesToKb, statusKb } from "./seq_file.js";

const STATE_NAMES: Readonly<Record<string, string>> = {
  R: "running",
  S: "sleeping",
  D: "disk sleep",
  Z: "zombie",
  X: "dead",
};

/** Text and library bytes of executable mappings, in pages. Linux fs/proc/task_mmu.c:task_mem() */
function textPages(mm: MmStruct): number {
  const text = Math.ceil(mm.endCode / PAGE_SIZE) - Math.floor(mm.startCode / PAGE_SIZE);
  return Math.min(text, mm.execVm);
}

/** The memory lines of status. Linux fs/proc/task_mmu.c:task_mem() */
function taskMem(mm: MmStruct): string {
  const rss = getMmRss(mm);
  const text = textPages(mm);
  const lines: [string, number][] = [
    ["VmPeak", Math.max(mm.hiwaterVm, mm.totalVm)],
    ["VmSize", mm.totalVm],
    ["VmLck", mm.lockedVm],
    ["VmPin", 0],
    ["VmHWM", Math.max(mm.hiwaterRss, rss)],
    ["VmRSS", rss],
    ["RssAnon", mm.rssStat[MM_ANONPAGES]!],
    ["RssFile", mm.rssStat[MM_FILEPAGES]!],
    ["RssShmem", mm.rssStat[MM_SHMEMPAGES]!],
    ["VmData", mm.dataVm],
    ["VmStk", mm.stackVm],
    ["VmExe", text],
    ["VmLib", mm.execVm - text],
    ["VmPTE", mm.pgtablesBytes / PAGE_SIZE],
    ["VmSwap", mm.rssStat[MM_SWAPENTS]!],
    ["HugetlbPages", mm.hugetlbUsage],
  ];
  return lines.map(([name, pages]) => statusKb(name, pagesToKb(pages))).join("");
}

/** A name on one line. Linux fs/proc/array.c:proc_task_name() */
function escapedName(comm: string): string {
  return comm.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
}

/** /proc/PID/status. Linux fs/proc/array.c:proc_pid_status() */
export function pidStatus(task: ProcTask): string {
  const { pid, tgid, ppid, mm } = task;
  const head =
    `Name:\t${escapedName(task.comm)}\nUmask:\t0022\nState:\t${task.state} (${STATE_NAMES[task.state] ?? "running"})\n` +
    `Tgid:\t${tgid}\nNgid:\t0\nPid:\t${pid}\nPPid:\t${ppid}\nTracerPid:\t0\n` +
    `${idLines(credOf(task))}FDSize:\t64\nGroups:\t \n` +
    `NStgid:\t${tgid}\nNSpid:\t${pid}\nNSpgid:\t${tgid}\nNSsid:\t1\nKthread:\t0\n`;
  const memory =
    mm === undefined
      ? ""
      : `${taskMem(mm)}CoreDumping:\t0\nTHP_enabled:\t${mm.thp.disabled === "completely" ? 0 : 1}\nuntag_mask:\t0xffffffffffffffff\n`;
  return `${head}${memory}${statusTail(task)}`;
}

/** Real, effective, saved and file system ids. Linux fs/proc/array.c:task_state() */
function idLines({ uid, euid, suid, gid, egid, sgid }: ProcCred): string {
  return `Uid:\t${uid}\t${euid}\t${suid}\t${euid}\nGid:\t${gid}\t${egid}\t${sgid}\t${egid}\n`;
}

/** Sets of capabilities in hex. Linux fs/proc/array.c:task_cap() */
function capLines({ capInheritable, capPermitted, capEffective }: ProcCred): string {
  const sets = { Inh: capInheritable, Prm: capPermitted, Eff: capEffective, Bnd: CAP_FULL_SET, Amb: 0 };
  return Object.entries(sets)
    .map(([name, set]) => `Cap${name}:\t${set.toString(16).padStart(16, "0")}\n`)
    .join("");
}

function statusTail(task: ProcTask): string {
  const zero = "0".repeat(16);
  return (
    `Threads:\t${task.nrThreads}\nSigQ:\t0/3902\n` +
    ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"].map((name) => `${name}:\t${zero}\n`).join("") +
    `${capLines(credOf(task))}NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n` +
    "Speculation_Store_Bypass:\tnot vulnerable\nSpeculationIndirectBranch:\tnot affected\n" +
    "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t00000001\nMems_allowed_list:\t0\n" +
    "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n"
  );
}

/** /proc/PID/statm. Linux fs/proc/array.c:proc_pid_statm() */
export function pidStatm(task: ProcTask): string {
  const { mm } = task;
  if (mm === undefined) return "0 0 0 0 0 0 0\n";
  const shared = mm.rssStat[MM_FILEPAGES]! + mm.rssStat[MM_SHMEMPAGES]!;
  const text = Math.ceil(mm.endCode / PAGE_SIZE) - Math.floor(mm.startCode / PAGE_SIZE);
  return `${mm.totalVm} ${getMmRss(mm)} ${shared} ${text} 0 ${mm.dataVm + mm.stackVm} 0\n`;
}

/** Signal that a parent gets when a child ends. */
const SIGCHLD = 17;

/** /proc/PID/stat: 52 fields, see man 5 proc_pid_stat. Linux fs/proc/array.c:do_task_stat() */
export function pidStat(task: ProcTask): string {
  const { mm } = task;
  const of = (value: number | undefined): string => String(value ?? 0);
  const ticks = Math.floor(task.startTimeNs / 10_000_000);
  const fields: (string | number)[] = [
    ...[task.pid, `(${task.comm})`, task.state, task.ppid, task.tgid, 1, 0, -1, 4194304],
    ...[task.minFlt, task.cminFlt, task.majFlt, task.cmajFlt],
    // user and system time, of the task and of its children; priority, nice, threads, a timer that is no
    // more, start
    ...[0, 0, 0, 0, 20, 0, task.nrThreads, 0, ticks],
    ...[
      mm === undefined ? 0 : mm.totalVm * PAGE_SIZE,
      mm === undefined ? 0 : getMmRss(mm),
      "18446744073709551615",
    ],
    ...[of(mm?.startCode), of(mm?.endCode), of(mm?.startStack), 0, 0],
    // signals: pending, blocked, ignored, caught; wchan and two that are no more; signal at exit
    ...[0, 0, 0, 0, 0, 0, 0, SIGCHLD],
    // CPU, real-time priority, policy, delays, guest times
    ...[0, 0, 0, 0, 0, 0],
    ...[of(mm?.startData), of(mm?.endData), of(mm?.startBrk)],
    ...[of(mm?.argStart), of(mm?.argEnd), of(mm?.envStart), of(mm?.envEnd), task.exitCode],
  ];
  return `${fields.join(" ")}\n`;
}
