/**
 * The files of a process: /proc/PID/NAME.
 *
 *   text      maps smaps smaps_rollup          from its mm, empty (rollup: ESRCH) once it has none
 *             status stat statm comm cmdline oom_score oom_score_adj oom_adj io
 *   64 bits   pagemap                          one word a page, at byte (address / 4096) * 8
 *   written   clear_refs oom_score_adj oom_adj comm
 *
 * An open file belongs to the task, and to the mm, that it was opened for: when the task has gone, reading
 * gives ESRCH, and when it has another mm since (exec), the old one's files are empty.
 *
 * Left out: mem, environ, auxv, limits, fd, task's own statistics, and whatever is not about memory.
 *
 * Linux fs/proc/base.c:tgid_base_stuff. Read first: file.ts, proc_task.ts. Read next: tree.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { capIsSubset } from "../kernel/cred.js";
import { oomAdj, oomAdjWrite, oomScoreAdjWrite } from "../kernel/oom_adj.js";
import { EACCES, EINVAL, ESRCH } from "../mm/errno.js";
import type { MmStruct } from "../mm/mm_types.js";
import { CAP_SYS_ADMIN, type MemorySystem } from "../mm/system.js";
import { pidStat, pidStatm, pidStatus } from "./array.js";
import { pidIo, pidOomScore } from "./base.js";
import { clearRefsWrite } from "./clear_refs.js";
import type { ProcFile } from "./file.js";
import { pagemapBytes, pagemapRead } from "./pagemap.js";
import { credOf, type ProcTask } from "./proc_task.js";
import { pidSmapsRecords, pidSmapsRollup } from "./smaps.js";
import { pidMapsRecords } from "./task_mmu.js";

/** What the files need to know of the machine. */
export interface PidContext {
  readonly sys: MemorySystem;
  readonly tasks: () => Iterable<ProcTask>;
}

/** One file for one task. */
type MakeFile = (context: PidContext, task: ProcTask) => Omit<ProcFile, "family">;

const pages = (bytes: number): number => bytes / PAGE_SIZE;

function exists({ tasks }: PidContext, task: ProcTask): boolean {
  for (const one of tasks()) if (one === task) return true;
  return false;
}

/** A text about the task. Linux fs/proc/base.c:proc_single_show() */
function text(show: (task: ProcTask, sys: MemorySystem) => string, rest: Partial<ProcFile> = {}): MakeFile {
  return (context, task) => ({
    mode: 0o444,
    seek: "seq",
    show: () => (exists(context, task) ? [show(task, context.sys)] : -ESRCH),
    ...rest,
  });
}

/** A text about the task's address space. Linux fs/proc/task_mmu.c:proc_maps_open(), m_start() */
function mmText(records: (mm: MmStruct) => string[]): MakeFile {
  return (context, task) => {
    const { mm } = task;
    return {
      mode: 0o444,
      seek: "seq",
      ptrace: true,
      show() {
        if (!exists(context, task)) return -ESRCH;
        return mm === undefined || mm.mmUsers === 0 ? [] : records(mm);
      },
    };
  };
}

/** Linux fs/proc/task_mmu.c:smaps_rollup_open(), show_smaps_rollup() */
const smapsRollup: MakeFile = (context, task) => {
  const { mm } = task;
  return {
    mode: 0o444,
    seek: "seq",
    ptrace: true,
    openError: mm === undefined ? -ESRCH : undefined,
    show: () =>
      mm === undefined || mm.mmUsers === 0 || !exists(context, task) ? -ESRCH : [pidSmapsRollup(mm)],
  };
};

/** Linux fs/proc/task_mmu.c:pagemap_read() */
const pagemap: MakeFile = ({ sys }, task) => {
  const { mm } = task;
  const showPfn = sys.capable(CAP_SYS_ADMIN);
  return {
    mode: 0o400,
    seek: "mem",
    ptrace: true,
    openError: mm === undefined ? -ESRCH : undefined,
    readBytes(pos, to) {
      if (mm === undefined || mm.mmUsers === 0) return 0;
      if (pos % 8 !== 0 || to.length % 8 !== 0) return -EINVAL;
      const first = pos / 8;
      const nr = Math.min(to.length / 8, pages(mm.taskSize) - first);
      if (nr <= 0) return 0;
      const words = pagemapRead(mm, first * PAGE_SIZE, nr);
      to.set(pagemapBytes(showPfn ? words : words.map(({ flags }) => ({ flags, frame: 0 }))));
      return nr * 8;
    },
  };
};

/** 0 becomes the whole of the written text. */
function takes(written: string, result: number): number {
  return result < 0 ? result : written.length;
}

const clearRefs: MakeFile = (context, task) => ({
  mode: 0o200,
  seek: "noop",
  writeKeepsPos: true,
  store: (written) => (exists(context, task) ? takes(written, clearRefsWrite(task.mm, written)) : -ESRCH),
});

/** Linux fs/proc/base.c:proc_oom_score_adj_operations, proc_oom_adj_operations */
function oomFile(show: (task: ProcTask) => number, write: typeof oomAdjWrite): MakeFile {
  return (context, task) => ({
    mode: 0o644,
    writeKeepsPos: true,
    show: () => (exists(context, task) ? [`${show(task)}\n`] : -ESRCH),
    store: (written) =>
      exists(context, task) ? takes(written, write(context.sys, context.tasks(), task, written)) : -ESRCH,
  });
}

/** The name of a process may be set by itself alone. Linux fs/proc/base.c:comm_write() */
const comm: MakeFile = (context, task) => ({
  mode: 0o644,
  seek: "seq",
  writeKeepsPos: true,
  show: () => (exists(context, task) ? [`${task.comm}\n`] : -ESRCH),
  store(written) {
    if (!exists(context, task)) return -ESRCH;
    if (currentTask(context)?.tgid !== task.tgid) return -EINVAL;
    const bytes = Uint8Array.from(written.slice(0, 15), (letter) => letter.charCodeAt(0));
    task.comm = new TextDecoder().decode(bytes).split("\0")[0]!;
    return written.length;
  },
});

/** Linux fs/proc/base.c:proc_tgid_io_accounting() */
const io: MakeFile = (context, task) => ({
  mode: 0o400,
  seek: "seq",
  show() {
    if (!exists(context, task)) return -ESRCH;
    const current = currentTask(context);
    if (current !== undefined && !ptraceMayAccess(current, task)) return -EACCES;
    return [pidIo([...context.tasks()].filter(({ tgid }) => tgid === task.tgid))];
  },
});

/** The task that reads or writes; undefined for somebody outside the machine. */
export function currentTask({ sys, tasks }: PidContext): ProcTask | undefined {
  for (const task of tasks()) if (task.pid === sys.current?.pid) return task;
  return undefined;
}

const MAKE: Readonly<Record<string, MakeFile>> = {
  maps: mmText(pidMapsRecords),
  smaps: mmText(pidSmapsRecords),
  smaps_rollup: smapsRollup,
  pagemap,
  status: text(pidStatus),
  stat: text(pidStat),
  statm: text(pidStatm),
  oom_score: text((task, sys) => pidOomScore(sys, task)),
  oom_score_adj: oomFile((task) => task.oomScoreAdj, oomScoreAdjWrite),
  oom_adj: oomFile(oomAdj, oomAdjWrite),
  clear_refs: clearRefs,
  comm,
  io,
  cmdline: text((task) => (task.mm === undefined ? "" : `${task.comm}\0`), { seek: "generic" }),
};

/** Names of the files that each process has. */
export const PID_FILES: readonly string[] = Object.keys(MAKE);

/**
 * File `name` of `task`; undefined when processes have no such file.
 * Linux fs/proc/base.c:proc_pident_lookup()
 */
export function pidFile(context: PidContext, task: ProcTask, name: string): ProcFile | undefined {
  if (!Object.hasOwn(MAKE, name)) return undefined;
  const current = currentTask(context);
  const own =
    current !== undefined && (current.tgid === task.tgid || credOf(current).euid === credOf(task).euid);
  const made = MAKE[name]!(context, task);
  const ptrace = made.ptrace === true && current !== undefined && !ptraceMayAccess(current, task);
  return { family: "pid", own, ...made, ptrace };
}

/**
 * Whether one task may look into another without CAP_SYS_PTRACE: its ids are the same, and it can do all that
 * the other could.
 * Linux kernel/ptrace.c:__ptrace_may_access() with PTRACE_MODE_READ_FSCREDS,
 * security/commoncap.c:cap_ptrace_access_check()
 */
function ptraceMayAccess(current: ProcTask, task: ProcTask): boolean {
  if (current.tgid === task.tgid) return true;
  const { euid, egid, capEffective } = credOf(current);
  const { uid, euid: taskEuid, suid, gid, egid: taskEgid, sgid, capPermitted } = credOf(task);
  const sameIds =
    [uid, taskEuid, suid].every((id) => id === euid) && [gid, taskEgid, sgid].every((id) => id === egid);
  return sameIds && capIsSubset(capPermitted, capEffective);
}
