/**
 * The system calls of a process's life: fork, vfork, clone, exit, wait, kill.
 *
 *   parent                      child
 *   sysFork  ----------------->  (a new Task)
 *     .                           sysExit(3) --> zombie
 *   sysWait4 <------------------  pid and status; the zombie is gone
 *
 * Linux kernel/fork.c, exit.c, signal.c, sys.c.
 *
 * Read first: kernel/fork.ts, kernel/kernel.ts. Read next: kernel/process.ts.
 */
import { ECHILD, EINVAL, EPERM, ESRCH } from "../../mm/errno.js";
import { checkArg, checkText } from "../errno.js";
import { doExecve } from "../exec.js";
import { CLONE_SETTLS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VFORK, CLONE_VM } from "../fork.js";
import type { Kernel } from "../kernel.js";
import { getrusage, RUSAGE_SELF, type Rusage } from "../rusage.js";
import { SIGNALS, type SignalName } from "../signal.js";
import type { Task } from "../task.js";

/** What wait reports: the child, and what it and its own waited-for children used. man 2 wait4 */
export interface WaitResult extends Rusage {
  readonly pid: number;
  /** exit code * 256, or the number of the signal that killed it. */
  readonly status: number;
}

/** The child, or a negative errno. man 2 fork */
export function sysFork(kernel: Kernel, task: Task, comm?: string): Task | number {
  return kernel.clone(task, 0, comm);
}

/** The child, or a negative errno; `task` stands still until the child calls exec or exits. man 2 vfork */
export function sysVfork(kernel: Kernel, task: Task, comm?: string): Task | number {
  return kernel.clone(task, CLONE_VM | CLONE_VFORK, comm);
}

/**
 * The new task, or a negative errno. With CLONE_THREAD it is a thread of the same process, with `stack` as
 * its stack pointer and, with CLONE_SETTLS, `tls` as its own block. man 2 clone
 */
export function sysClone(kernel: Kernel, task: Task, flags: number, stack = 0, tls = 0): Task | number {
  for (const [name, value] of Object.entries({ flags, stack, tls })) checkArg(value, name, "clone");
  if ((flags & CLONE_THREAD) !== 0 && (flags & CLONE_SIGHAND) === 0) return -EINVAL;
  if ((flags & CLONE_SIGHAND) !== 0 && (flags & CLONE_VM) === 0) return -EINVAL;
  const child = kernel.clone(task, flags);
  if (typeof child === "number") return child;
  if (stack !== 0) child.stackPointer = stack;
  if ((flags & CLONE_SETTLS) !== 0) child.fsBase = tls;
  return child;
}

/** Runs the program at `path` in `task`: 0, or a negative errno and the old program goes on. man 2 execve */
export function sysExecve(
  kernel: Kernel,
  task: Task,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): number {
  checkText(path, "path", "execve");
  for (const [name, texts] of Object.entries({ argv, envp }))
    for (const [i, text] of texts.entries()) checkText(text, `${name}[${i}]`, "execve");
  return doExecve(kernel, task, path, argv, envp);
}

/** Ends one task. man 2 exit */
export function sysExit(kernel: Kernel, task: Task, code: number): void {
  kernel.enter(task);
  kernel.doExit(task, (checkArg(code, "code", "exit") & 0xff) * 256);
}

/** Ends the process with all threads. man 2 exit_group */
export function sysExitGroup(kernel: Kernel, task: Task, code: number): void {
  kernel.enter(task);
  kernel.groupExit(task, (checkArg(code, "code", "exit_group") & 0xff) * 256);
}

/**
 * Takes a child that has ended (`pid`, or any with -1). undefined when none has ended yet; -ECHILD without
 * such a child. man 2 wait4
 */
export function sysWait4(kernel: Kernel, task: Task, pid = -1): WaitResult | number | undefined {
  checkArg(pid, "pid", "wait4");
  kernel.enter(task);
  const family = kernel.threadsOf(task.tgid).flatMap((thread) => [...thread.children]);
  const wanted = family.filter((child) => child.pid === child.tgid && (pid === -1 || child.pid === pid));
  if (wanted.length === 0) return -ECHILD;
  const zombie = wanted.find((child) => child.state === "Z" && child.nrThreads === 0);
  if (zombie === undefined) return undefined;
  const { cminFlt, cmajFlt, maxRss, cmaxRss } = zombie.signal;
  const own = getrusage([zombie], zombie, RUSAGE_SELF);
  const [minFlt, majFlt] = [own.minFlt + cminFlt, own.majFlt + cmajFlt];
  const largest = Math.max(maxRss, cmaxRss);
  task.signal.cminFlt += minFlt;
  task.signal.cmajFlt += majFlt;
  task.signal.cmaxRss = Math.max(task.signal.cmaxRss, largest);
  kernel.releaseTask(zombie);
  return { pid: zombie.pid, status: zombie.exitCode, minFlt, majFlt, maxRssKb: largest * 4 };
}

/** Sends a signal: the handler of the process is called, or it dies. 0 or negative errno. man 2 kill */
export function sysKill(kernel: Kernel, pid: number, signal: SignalName): number {
  const task = kernel.tasks.get(pid);
  if (task === undefined || !(signal in SIGNALS)) return task === undefined ? -ESRCH : -EINVAL;
  if (task === kernel.init) return -EPERM;
  const handler = signal === "SIGKILL" ? undefined : task.signal.handlers.get(signal);
  if (handler !== undefined) handler({ signal, code: "SI_USER", address: 0 });
  else if (signal !== "SIGCHLD" && task.nrThreads > 0) kernel.kill(task, signal);
  return 0;
}
