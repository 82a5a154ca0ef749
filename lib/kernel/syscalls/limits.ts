/**
 * The system calls on limits and use: getrlimit, setrlimit, prlimit64, getrusage.
 *
 *   struct rlimit   { soft, hard }     two 64-bit words, all ones = no limit
 *   struct rusage   144 bytes          ru_maxrss at 32, ru_minflt at 64, ru_majflt at 72; what is not counted here is 0
 *
 * Linux kernel/sys.c; man 2 getrlimit, getrusage. Read first: kernel/rlimit.ts, kernel/rusage.ts.
 */
import { valueText } from "../../hw/options.js";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../../mm/errno.js";
import { CAP_SYS_RESOURCE } from "../cred.js";
import type { Kernel } from "../kernel.js";
import { RLIM_NLIMITS, type Rlimit, setRlimit } from "../rlimit.js";
import { getrusage, RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD } from "../rusage.js";
import type { Task } from "../task.js";
import { putUserWords, readUserWord } from "../uaccess.js";

/**
 * Sets a limit of `task`; Infinity is "unlimited", and a hard limit left out stays. 0 or negative errno.
 * man 2 setrlimit
 */
export function sysPrlimit(task: Task, resource: number, soft: number, hard = Number.NaN): number {
  const limits = task.signal.rlim;
  const newHard = Number.isNaN(hard) ? (limits[resource]?.hard ?? 0) : hard;
  for (const limit of [soft, newHard])
    if (typeof limit !== "number" || !(limit >= 0))
      throw new RangeError(`prlimit: limit ${valueText(limit)} is not 0 or more`);
  return setRlimit(limits, resource, soft, newHard, task.capable(CAP_SYS_RESOURCE));
}

/** The limit at `from` in user memory. Linux include/uapi/linux/resource.h:RLIM64_INFINITY */
function readRlimit(task: Task, from: number): Rlimit | undefined {
  const soft = readUserWord(task, from);
  const hard = readUserWord(task, from + 8);
  if (soft === undefined || hard === undefined) return undefined;
  const limit = (word: number): number =>
    word === -1 ? Number.POSITIVE_INFINITY : word < 0 ? word + 2 ** 64 : word;
  return { soft: limit(soft), hard: limit(hard) };
}

function putRlimit(task: Task, to: number, { soft, hard }: Rlimit): number {
  const word = (limit: number): number => (limit === Number.POSITIVE_INFINITY ? -1 : limit);
  return putUserWords(task, to, [word(soft), word(hard)]) ? 0 : -EFAULT;
}

/** man 2 getrlimit. Linux kernel/sys.c:getrlimit() */
export function sysGetrlimit(_kernel: Kernel, task: Task, resource: number, rlim: number): number {
  const limit = resource < RLIM_NLIMITS ? task.signal.rlim[resource] : undefined;
  return limit === undefined ? -EINVAL : putRlimit(task, rlim, limit);
}

/** man 2 setrlimit. Linux kernel/sys.c:setrlimit() */
export function sysSetrlimit(_kernel: Kernel, task: Task, resource: number, rlim: number): number {
  const limit = readRlimit(task, rlim);
  return limit === undefined ? -EFAULT : sysPrlimit(task, resource, limit.soft, limit.hard);
}

/** man 2 prlimit. Linux kernel/sys.c:prlimit64() */
export function sysPrlimit64(
  kernel: Kernel,
  task: Task,
  pid: number,
  resource: number,
  newRlim: number,
  oldRlim: number,
): number {
  const limit = newRlim === 0 ? undefined : readRlimit(task, newRlim);
  if (newRlim !== 0 && limit === undefined) return -EFAULT;
  const target = pid === 0 ? task : kernel.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  if (!mayTouchLimits(task, target)) return -EPERM;
  const old = resource < RLIM_NLIMITS ? target.signal.rlim[resource] : undefined;
  if (old === undefined) return -EINVAL;
  if (limit !== undefined) {
    const mayRaise = task.capable(CAP_SYS_RESOURCE);
    const err = setRlimit(target.signal.rlim, resource, limit.soft, limit.hard, mayRaise);
    if (err !== 0) return err;
  }
  return oldRlim === 0 ? 0 : putRlimit(task, oldRlim, old);
}

/** Linux kernel/sys.c:check_prlimit_permission() */
function mayTouchLimits(task: Task, { signal, cred }: Task): boolean {
  if (signal === task.signal || task.capable(CAP_SYS_RESOURCE)) return true;
  const { uid, gid } = task.cred;
  return (
    [cred.uid, cred.euid, cred.suid].every((id) => id === uid) &&
    [cred.gid, cred.egid, cred.sgid].every((id) => id === gid)
  );
}

/**
 * 64-bit words of struct rusage, and the places of those that are counted.
 * Linux include/uapi/linux/resource.h:struct rusage
 */
const RUSAGE_WORDS = 18;
const RU_MAXRSS = 4;
const RU_MINFLT = 8;
const RU_MAJFLT = 9;

/** man 2 getrusage. Linux kernel/sys.c:getrusage() */
export function sysGetrusage(kernel: Kernel, task: Task, who: number, usage: number): number {
  if (![RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD].includes(who)) return -EINVAL;
  const { minFlt, majFlt, maxRssKb } = getrusage(kernel.threadsOf(task.tgid), task, who);
  const words = new Array<number>(RUSAGE_WORDS).fill(0);
  words[RU_MAXRSS] = maxRssKb;
  words[RU_MINFLT] = minFlt;
  words[RU_MAJFLT] = majFlt;
  return putUserWords(task, usage, words) ? 0 : -EFAULT;
}
