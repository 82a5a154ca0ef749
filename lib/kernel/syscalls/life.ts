/**
 * The system calls of a process's life with numbers only, as a program makes them: fork, clone, wait4, kill,
 * execve, prctl, ids, CPUs.
 *
 *   process.syscall("fork")             the child's pid; machine.process(pid) is its face
 *   process.syscall("wait4", -1, status, WNOHANG, 0)
 *
 * process.ts does the work; what is here turns tasks into pids, and structures in user memory into values.
 *
 * Differs from Linux: nobody can be made to wait. wait4 answers 0 where it would sleep, with WNOHANG or
 * without, and vfork and clone answer the parent at once (which then can do nothing until the child calls
 * exec or exits).
 *
 * Linux kernel/fork.c, exit.c, signal.c, sys.c, sched/core.c. Read first: process.ts.
 */

import { O_RDONLY } from "../../fs/file_tree.js";
import type { Vaddr } from "../../hw/address.js";
import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "../../mm/errno.js";
import { fput } from "../../mm/mm_types.js";
import { ANON_VMA_NAME_MAX_LEN, isValidAnonName, madviseSetAnonName } from "../../mm/vma/anon_name.js";
import { CAP_KILL } from "../cred.js";
import type { Kernel } from "../kernel.js";
import { SIGNALS, type SignalName } from "../signal.js";
import type { Task } from "../task.js";
import { copyToUser, putUserInts, putUserWords, readUser, strncpyFromUser } from "../uaccess.js";
import { userStrings } from "./define.js";
import {
  sysClone,
  sysExecve,
  sysExit,
  sysExitGroup,
  sysFork,
  sysKill,
  sysVfork,
  sysWait4,
} from "./process.js";

/** wait4: do not wait. Linux include/uapi/linux/wait.h */
const WNOHANG = 1;
/**
 * wait4: what else it may be told; nothing of it can happen here. WUNTRACED, WCONTINUED, __WNOTHREAD,
 * __WCLONE, __WALL
 */
const WAIT_OTHER = 0x2 | 0x8 | 0x2000_0000 | 0x8000_0000 | 0x4000_0000;
/** Numbers of signals end here. Linux arch/x86/include/uapi/asm/signal.h:_NSIG */
const NSIG = 64;
/**
 * clone: bits that the machine can follow, or that change nothing here. The low byte is the signal at exit.
 */
const CLONE_KNOWN =
  0xff | // signal to the parent
  0x100 | // CLONE_VM
  0x200 | // CLONE_FS: there is no current folder
  0x400 | // CLONE_FILES
  0x800 | // CLONE_SIGHAND
  0x4000 | // CLONE_VFORK
  0x1_0000 | // CLONE_THREAD
  0x4_0000 | // CLONE_SYSVSEM: there are no semaphores
  0x8_0000; // CLONE_SETTLS

function pidOf(task: Task | number): number {
  return typeof task === "number" ? task : task.pid;
}

/** man 2 fork */
export function rawFork(kernel: Kernel, task: Task): number {
  return pidOf(sysFork(kernel, task));
}

/** man 2 vfork */
export function rawVfork(kernel: Kernel, task: Task): number {
  return pidOf(sysVfork(kernel, task));
}

/**
 * Differs from Linux: ENOSYS for namespaces, pid places and tracing. man 2 clone, with x86-64's order of
 * arguments
 */
export function rawClone(
  kernel: Kernel,
  task: Task,
  flags: number,
  stack: number,
  _parentTid: number,
  _childTid: number,
  tls: number,
): number {
  if ((flags & ~CLONE_KNOWN) !== 0) return -ENOSYS;
  return pidOf(sysClone(kernel, task, flags, stack, tls));
}

/**
 * The file is looked for before argv and envp are read. man 2 execve; Linux fs/exec.c:do_execveat_common()
 */
export function rawExecve(
  kernel: Kernel,
  task: Task,
  path: string,
  argvArg: number | readonly string[],
  envpArg: number | readonly string[],
): number {
  const argv = userStrings(task, argvArg);
  const envp = userStrings(task, envpArg);
  if (typeof argv !== "number" && typeof envp !== "number") return sysExecve(kernel, task, path, argv, envp);
  const file = kernel.files.open(path, O_RDONLY);
  if (typeof file === "number") return file;
  fput(file);
  return typeof argv === "number" ? argv : (envp as number);
}

/** man 2 exit */
export function rawExit(kernel: Kernel, task: Task, code: number): number {
  sysExit(kernel, task, code);
  return 0;
}

/** man 2 exit_group */
export function rawExitGroup(kernel: Kernel, task: Task, code: number): number {
  sysExitGroup(kernel, task, code);
  return 0;
}

/** The child's pid, 0 when none has ended yet. Linux kernel/exit.c:kernel_wait4() */
export function rawWait4(
  kernel: Kernel,
  task: Task,
  pid: number,
  status: number,
  options: number,
  usage: number,
): number {
  if ((options & ~(WNOHANG | WAIT_OTHER)) !== 0) return -EINVAL;
  if (pid === -(2 ** 31)) return -ESRCH;
  const result = sysWait4(kernel, task, pid);
  if (typeof result === "number") return result;
  if (result === undefined) return 0;
  const words = new Array<number>(18).fill(0);
  words[4] = result.maxRssKb;
  words[8] = result.minFlt;
  words[9] = result.majFlt;
  if (status !== 0 && !putUserInts(task, status, [result.status])) return -EFAULT;
  if (usage !== 0 && !putUserWords(task, usage, words)) return -EFAULT;
  return result.pid;
}

/**
 * Differs from Linux: single processes only; a signal that the machine does not have is ENOSYS. man 2 kill
 */
export function rawKill(kernel: Kernel, task: Task, pid: number, signo: number): number {
  if (pid <= 0) return -ENOSYS; // groups of processes
  const target = kernel.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  if (signo < 0 || signo > NSIG) return -EINVAL;
  if (!killOkByCred(task, target)) return -EPERM;
  if (signo === 0) return 0; // only asks whether it could
  const name = (Object.keys(SIGNALS) as SignalName[]).find((signal) => SIGNALS[signal] === signo);
  return name === undefined ? -ENOSYS : sysKill(kernel, pid, name);
}

/** Linux kernel/signal.c:kill_ok_by_cred() */
function killOkByCred(task: Task, target: Task): boolean {
  if (task.tgid === target.tgid || task.capable(CAP_KILL)) return true;
  const ids = [target.cred.uid, target.cred.suid];
  return ids.includes(task.cred.uid) || ids.includes(task.cred.euid);
}

/** Name of the calling task. Linux include/uapi/linux/prctl.h; so are all PR_ names. */
const PR_GET_KEEPCAPS = 7;
const PR_SET_KEEPCAPS = 8;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_SET_THP_DISABLE = 41;
const PR_GET_THP_DISABLE = 42;
/** With PR_SET_THP_DISABLE: areas that ask for huge pages get them all the same. */
const PR_THP_DISABLE_EXCEPT_ADVISED = 2;
/** Attributes of an area. */
export const PR_SET_VMA = 0x53564d41;
/** Its name. */
export const PR_SET_VMA_ANON_NAME = 0;

/** Letters of a task's name, with the zero byte. Linux include/linux/sched.h:TASK_COMM_LEN */
const TASK_COMM_LEN = 16;

/** The name that an argument gives: text, or where it lies. Longer ones are cut at `max` letters. */
function nameAt(task: Task, arg: number | string, max: number): string | undefined {
  return typeof arg === "string" ? arg.slice(0, max) : strncpyFromUser(task, arg, max);
}

/**
 * The process does without huge pages, or does not. 0 or -EINVAL. Linux kernel/sys.c:prctl_set_thp_disable()
 */
function setThpDisable({ mm }: Task, disable: boolean, flags: number, rest: boolean): number {
  if (rest || (!disable && flags !== 0) || (flags & ~PR_THP_DISABLE_EXCEPT_ADVISED) !== 0) return -EINVAL;
  const except = (flags & PR_THP_DISABLE_EXCEPT_ADVISED) !== 0;
  mm!.thp.disabled = !disable ? "" : except ? "except advised" : "completely";
  return 0;
}

/** Linux kernel/sys.c:prctl_get_thp_disable() */
function getThpDisable({ mm }: Task): number {
  const { disabled } = mm!.thp;
  if (disabled === "") return 0;
  return disabled === "completely" ? 1 : 1 + PR_THP_DISABLE_EXCEPT_ADVISED;
}

/**
 * Differs from Linux: names of tasks and areas, KEEPCAPS and THP_DISABLE; every other option is EINVAL.
 * man 2 prctl
 */
export function sysPrctl(
  _kernel: Kernel,
  task: Task,
  option: number,
  arg2: number | string,
  arg3: number,
  arg4: number,
  arg5: number | string,
): number {
  switch (option) {
    case PR_SET_NAME: {
      const name = nameAt(task, arg2, TASK_COMM_LEN - 1);
      if (name === undefined) return -EFAULT;
      task.comm = name;
      return 0;
    }
    case PR_GET_NAME: {
      const bytes = new Uint8Array(TASK_COMM_LEN);
      new TextEncoder().encodeInto(task.comm, bytes);
      return copyToUser(task, Number(arg2), bytes) === 0 ? 0 : -EFAULT;
    }
    case PR_GET_KEEPCAPS:
      return task.cred.keepCaps ? 1 : 0;
    case PR_SET_KEEPCAPS:
      if (arg2 !== 0 && arg2 !== 1) return -EINVAL;
      task.cred.keepCaps = arg2 === 1;
      return 0;
    case PR_SET_THP_DISABLE:
      return setThpDisable(task, Number(arg2) !== 0, arg3, arg4 !== 0 || Number(arg5) !== 0);
    case PR_GET_THP_DISABLE:
      return Number(arg2) !== 0 || arg3 !== 0 || arg4 !== 0 || Number(arg5) !== 0
        ? -EINVAL
        : getThpDisable(task);
    case PR_SET_VMA:
      return arg2 === PR_SET_VMA_ANON_NAME ? setAnonVmaName(task, arg3, arg4, arg5) : -EINVAL;
    default:
      return -EINVAL;
  }
}

/** Linux mm/madvise.c:set_anon_vma_name() */
function setAnonVmaName(task: Task, addr: Vaddr, len: number, arg: number | string): number {
  let name: string | undefined;
  if (arg !== 0) {
    name = nameAt(task, arg, ANON_VMA_NAME_MAX_LEN);
    if (name === undefined) return -EFAULT;
    if (!isValidAnonName(name)) return -EINVAL;
  }
  return madviseSetAnonName(task.mm!, addr, len, name);
}

/** Runs `task` on CPU `cpu` from now on. man 2 sched_setaffinity */
export function setCpu(kernel: Kernel, task: Task, cpu: number): void {
  kernel.goIdle(task);
  task.cpuId = cpu;
}

/** Differs from Linux: a task has one CPU, the first of the mask. man 2 sched_setaffinity */
export function sysSchedSetaffinity(
  kernel: Kernel,
  task: Task,
  pid: number,
  len: number,
  mask: number,
): number {
  const bytes = readUser(task, mask, Math.min(len, 8));
  if (bytes === undefined) return -EFAULT;
  const target = pid === 0 ? task : kernel.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  const cpu = kernel.cpus.find(({ id }) => ((bytes[id >> 3] ?? 0) & (1 << (id & 7))) !== 0);
  if (cpu === undefined) return -EINVAL;
  if (target.cpuId !== cpu.id) setCpu(kernel, target, cpu.id);
  return 0;
}

/** man 2 getcpu */
export function sysGetcpu(_kernel: Kernel, task: Task, cpu: number, node: number): number {
  if (cpu !== 0 && !putUserInts(task, cpu, [task.cpuId])) return -EFAULT;
  return node === 0 || putUserInts(task, node, [0]) ? 0 : -EFAULT;
}
