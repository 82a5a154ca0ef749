/**
 * From a path to its file: the folders of /proc and /sys.
 *
 *   /proc/NAME                              root_files.ts
 *   /proc/PID/NAME, /proc/PID/task/TID/NAME pid_files.ts
 *   /proc/self, /proc/thread-self           the process, the thread, that opens it
 *   /proc/sys/vm/NAME, /sys/kernel/mm/PATH  setting_files.ts
 *   /sys/kernel/debug/lru_gen               setting_files.ts
 *   where groups are mounted                cgroupfs.ts
 *
 * There are no folders, only paths: one that would be a folder is EISDIR.
 *
 * Linux fs/proc/root.c, fs/proc/self.c. Read first: file.ts. Read next: procfs.ts.
 */
import { type SysctlContext, vmTable } from "../kernel/sysctl.js";
import { sysTable } from "../kernel/sysfs_devices.js";
import { kernelMmTable } from "../kernel/sysfs_mm.js";
import { EISDIR, ENOENT } from "../mm/errno.js";
import { cgroupLookup, cgroupPaths } from "./cgroupfs.js";
import type { ProcFile } from "./file.js";
import { currentTask, PID_FILES, type PidContext, pidFile } from "./pid_files.js";
import type { ProcTask } from "./proc_task.js";
import { ROOT_FILES, rootFile } from "./root_files.js";
import { lruGenFile, sysctlFile, sysfsFile } from "./setting_files.js";

/** What the tree is made from. */
export interface ProcContext extends PidContext, SysctlContext {}

/** The task with this pid. Linux kernel/pid.c:find_task_by_vpid() */
export function findTask({ tasks }: PidContext, pid: number): ProcTask | undefined {
  for (const task of tasks()) if (task.pid === pid) return task;
  return undefined;
}

/** The file at `path`, or -ENOENT, or -EISDIR for a folder. Linux fs/namei.c:link_path_walk() */
export function procLookup(context: ProcContext, path: string): ProcFile | number {
  const inGroup = cgroupLookup(context, path);
  if (inGroup !== undefined) return inGroup;
  if (!/^\/(proc|sys)(\/|$)/.test(path)) return -ENOENT;
  const [top, ...names] = path.slice(1).split("/");
  if (top === "sys") return sysLookup(context, names);
  if (names.length === 0) return -EISDIR;
  if (names[0] === "sys") return sysctlLookup(context, names.slice(1));
  const task = taskOf(context, names[0]!);
  if (task !== undefined) return taskLookup(context, task, names.slice(1));
  return names.length === 1 ? (rootFile(context.sys, names[0]!) ?? -ENOENT) : -ENOENT;
}

/**
 * The task of folder `name` of /proc. Linux fs/proc/base.c:proc_pid_lookup(),
 * fs/proc/self.c:proc_self_get_link()
 */
function taskOf(context: ProcContext, name: string): ProcTask | undefined {
  const current = currentTask(context);
  if (name === "self") return current === undefined ? undefined : findTask(context, current.tgid);
  if (name === "thread-self") return current;
  return /^[1-9][0-9]*$/.test(name) ? findTask(context, Number(name)) : undefined;
}

function taskLookup(context: ProcContext, task: ProcTask, names: readonly string[]): ProcFile | number {
  if (names.length === 0) return -EISDIR;
  if (names[0] !== "task")
    return names.length === 1 ? (pidFile(context, task, names[0]!) ?? -ENOENT) : -ENOENT;
  if (names.length === 1) return -EISDIR;
  const thread = /^[1-9][0-9]*$/.test(names[1]!) ? findTask(context, Number(names[1])) : undefined;
  if (thread === undefined || thread.tgid !== task.tgid || names[2] === "task") return -ENOENT;
  return taskLookup(context, thread, names.slice(2));
}

function sysctlLookup(context: ProcContext, names: readonly string[]): ProcFile | number {
  if (names.length === 0) return -EISDIR;
  if (names[0] !== "vm" || names.length > 2) return -ENOENT;
  if (names.length === 1) return -EISDIR;
  const table = vmTable.get(names[1]!);
  return table === undefined ? -ENOENT : sysctlFile(context, table);
}

function sysLookup(context: ProcContext, names: readonly string[]): ProcFile | number {
  const path = names.join("/");
  if (path === "kernel/debug/lru_gen") return lruGenFile(context.sys);
  const devices = sysTable(context.sys);
  const setting = devices.get(path);
  if (setting !== undefined) return sysfsFile(context.sys, setting);
  const attribute = kernelMmTable.get(path.replace(/^kernel\/mm\//, ""));
  if (attribute !== undefined && path.startsWith("kernel/mm/")) return sysfsFile(context.sys, attribute);
  const files = [...[...kernelMmTable.keys()].map((one) => `kernel/mm/${one}`), ...devices.keys()];
  const isFolder = files.some((one) => path === "" || one.startsWith(`${path}/`));
  if (path === "kernel/debug") return -EISDIR;
  return isFolder ? -EISDIR : -ENOENT;
}

/** Paths of all files, as `find` would list them. */
export function procPaths(context: ProcContext): string[] {
  const { sys, tasks } = context;
  return [
    ...ROOT_FILES.map((name) => `/proc/${name}`),
    ...[...tasks()]
      .filter((task) => task.pid === task.tgid)
      .flatMap((task) => PID_FILES.map((name) => `/proc/${task.pid}/${name}`)),
    ...[...vmTable.keys()].map((name) => `/proc/sys/vm/${name}`),
    ...[...kernelMmTable.keys()].map((path) => `/sys/kernel/mm/${path}`),
    ...[...sysTable(sys).keys()].map((path) => `/sys/${path}`),
    "/sys/kernel/debug/lru_gen",
    ...cgroupPaths(context),
  ];
}
