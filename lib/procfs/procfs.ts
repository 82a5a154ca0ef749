/**
 * The /proc of one machine: paths to texts.
 *
 *   read("/proc/meminfo")          whole machine
 *   read("/proc/7/smaps")          one process
 *   pagemap(7, address, 16)        words of /proc/7/pagemap, taken apart
 *   write("/proc/7/clear_refs", "1")
 *   export("/tmp/proc")            all of it as files, for programs that read /proc
 *
 * Every text is made when it is read, from the same structures that the kernel works with; nothing is kept.
 *
 * Read first: task_mmu.ts, smaps.ts, array.ts, meminfo.ts.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { EINVAL, ENOENT, ESRCH } from "../mm/errno.js";
import type { MmStruct } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import { pidStat, pidStatm, pidStatus } from "./array.js";
import { pidOomScore } from "./base.js";
import { clearRefsWrite } from "./clear_refs.js";
import { filesystems } from "./filesystems.js";
import { meminfo } from "./meminfo.js";
import { kpagecount, kpageflags, wordBytes } from "./page.js";
import { type PagemapEntry, pagemapBytes, pagemapRead } from "./pagemap.js";
import type { ProcTask } from "./proc_task.js";
import { pidSmaps, pidSmapsRollup } from "./smaps.js";
import { pidMaps } from "./task_mmu.js";
import { vmstat } from "./vmstat.js";
import { buddyinfo, pagetypeinfo, zoneinfo } from "./zoneinfo.js";

const SYSTEM_FILES: Readonly<Record<string, (sys: MemorySystem) => string>> = {
  meminfo,
  vmstat,
  zoneinfo,
  buddyinfo,
  pagetypeinfo,
  filesystems,
  uptime: (sys) => {
    const seconds = (sys.clock.nowNs / 1e9).toFixed(2);
    return `${seconds} ${seconds}\n`;
  },
};

/** Settings under /proc/sys/vm. man 5 proc_sys_vm */
const SYSCTL_FILES: Readonly<Record<string, (sys: MemorySystem) => number>> = {
  overcommit_memory: (sys) => sys.sysctl.overcommitMemory,
  overcommit_ratio: (sys) => sys.sysctl.overcommitRatio,
  admin_reserve_kbytes: (sys) => sys.sysctl.adminReserveKbytes,
  user_reserve_kbytes: (sys) => sys.sysctl.userReserveKbytes,
  max_map_count: (sys) => sys.sysctl.maxMapCount,
  mmap_min_addr: (sys) => sys.sysctl.mmapMinAddr,
};

/** Files of a process that need its mm; empty once it has none, as in Linux. */
const MM_FILES: Readonly<Record<string, (mm: MmStruct) => string>> = {
  maps: pidMaps,
  smaps: pidSmaps,
  smaps_rollup: pidSmapsRollup,
};

const TASK_FILES: Readonly<Record<string, (task: ProcTask, sys: MemorySystem) => string>> = {
  status: pidStatus,
  stat: pidStat,
  statm: pidStatm,
  oom_score: (task, sys) => pidOomScore(sys, task),
  oom_score_adj: (task) => `${task.oomScoreAdj}\n`,
  comm: (task) => `${task.comm}\n`,
  cmdline: (task) => `${task.comm}\0`,
};

/** /proc as one object. Linux fs/proc/root.c:proc_root */
export class ProcFs {
  constructor(
    private readonly sys: MemorySystem,
    private readonly tasks: () => Iterable<ProcTask>,
  ) {}

  /** The task with this pid. Linux kernel/pid.c:find_task_by_vpid() */
  private task(pid: number): ProcTask | undefined {
    for (const task of this.tasks()) if (task.pid === pid) return task;
    return undefined;
  }

  /** The text of a file under /proc, or a negative errno (ENOENT). man 2 read */
  tryRead(path: string): string | number {
    const setting = /^\/proc\/sys\/vm\/([a-z_]+)$/.exec(path)?.[1];
    if (setting !== undefined) {
      const value = Object.hasOwn(SYSCTL_FILES, setting) ? SYSCTL_FILES[setting]!(this.sys) : undefined;
      return value === undefined ? -ENOENT : `${value}\n`;
    }
    const match = /^\/proc\/(?:(\d+)\/)?([a-z_]+)$/.exec(path);
    if (match === null) return -ENOENT;
    const name = match[2]!;
    if (match[1] === undefined) return SYSTEM_FILES[name]?.(this.sys) ?? -ENOENT;
    const task = this.task(Number(match[1]));
    if (task === undefined) return -ENOENT;
    if (Object.hasOwn(MM_FILES, name)) return task.mm === undefined ? "" : MM_FILES[name]!(task.mm);
    return TASK_FILES[name]?.(task, this.sys) ?? -ENOENT;
  }

  /** The text of a file under /proc. Throws RangeError when there is none. man 5 proc */
  read(path: string): string {
    const text = this.tryRead(path);
    if (typeof text === "number") throw new RangeError(`${path} is not a text file that this machine has`);
    return text;
  }

  /** Words of /proc/PID/pagemap for `nrPages` pages from address `start` on. man 5 proc_pid_pagemap */
  pagemap(pid: number, start: number, nrPages: number): PagemapEntry[] {
    const mm = this.task(pid)?.mm;
    if (mm === undefined) throw new RangeError(`there is no process ${pid} with an address space`);
    return pagemapRead(mm, start, nrPages);
  }

  /** Word of /proc/kpagecount for frame `pfn`. man 5 proc_kpagecount */
  kpagecount(pfn: number): number {
    return kpagecount(this.sys, pfn);
  }

  /** Word of /proc/kpageflags for frame `pfn`. man 5 proc_kpageflags */
  kpageflags(pfn: number): number {
    return kpageflags(this.sys, pfn);
  }

  /** Writes to /proc/PID/clear_refs or oom_score_adj; 0 or a negative errno. man 2 write */
  write(path: string, text: string): number {
    const match = /^\/proc\/(\d+)\/(clear_refs|oom_score_adj)$/.exec(path);
    if (match === null) return -ENOENT;
    const task = this.task(Number(match[1]));
    if (task === undefined) return -ESRCH;
    if (match[2] === "clear_refs") return task.mm === undefined ? 0 : clearRefsWrite(task.mm, text);
    const adj = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(adj >= -1000 && adj <= 1000)) return -EINVAL;
    task.oomScoreAdj = adj;
    return 0;
  }

  /**
   * Writes all of /proc into the folder `dir` (made if need be), laid out as under /proc, so that programs can read it. pagemap
   * files are sparse: their size is that of the address space, what they take is what is mapped. Not in Linux.
   */
  export(dir: string): void {
    mkdirSync(dir, { recursive: true });
    for (const [name, show] of Object.entries(SYSTEM_FILES)) writeFileSync(join(dir, name), show(this.sys));
    const { nrFrames } = this.sys.ram;
    writeFileSync(
      join(dir, "kpagecount"),
      wordBytes(nrFrames, (pfn) => kpagecount(this.sys, pfn)),
    );
    writeFileSync(
      join(dir, "kpageflags"),
      wordBytes(nrFrames, (pfn) => kpageflags(this.sys, pfn)),
    );
    for (const task of this.tasks()) this.exportTask(join(dir, String(task.pid)), task);
  }

  private exportTask(dir: string, task: ProcTask): void {
    mkdirSync(dir, { recursive: true });
    for (const name of [...Object.keys(MM_FILES), ...Object.keys(TASK_FILES)])
      writeFileSync(join(dir, name), this.read(`/proc/${task.pid}/${name}`));
    writeFileSync(join(dir, "clear_refs"), "");
    const { mm } = task;
    if (mm === undefined) return;
    const file = openSync(join(dir, "pagemap"), "w");
    try {
      ftruncateSync(file, (mm.taskSize / 4096) * 8);
      for (const vma of mm.mmMt) {
        const words = pagemapRead(mm, vma.vmStart, (vma.vmEnd - vma.vmStart) / 4096);
        if (words.some((word) => word.flags !== 0))
          writeSync(file, pagemapBytes(words), 0, words.length * 8, (vma.vmStart / 4096) * 8);
      }
    } finally {
      closeSync(file);
    }
  }
}
