/**
 * Resource limits: what one process may take at most.
 *
 *   soft   the limit that counts                 hard   up to which the process may raise the soft one
 *   raising the hard one needs CAP_SYS_RESOURCE; lowering it is for good
 *
 * Limits are inherited by fork and kept by exec. Infinity stands for RLIM_INFINITY. The machine looks at four
 * of them, those of memory (AS, DATA, STACK, MEMLOCK); the other twelve can be set and asked for, with
 * Linux's rules and defaults.
 *
 * Linux include/uapi/asm-generic/resource.h; man 2 getrlimit.
 *
 * Read next: mm/vma/util.ts, where they are checked.
 */
import { EINVAL, EPERM } from "../mm/errno.js";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_STACK } from "../mm/system.js";

/** Number of limits that Linux has. Linux RLIM_NLIMITS */
export const RLIM_NLIMITS = 16;

/** Size of a core dump. Linux include/uapi/asm-generic/resource.h; so are all RLIMIT_ names. */
const RLIMIT_CORE = 4;
/** Bytes in message queues. */
const RLIMIT_MSGQUEUE = 12;
/** How far nice may be lowered. */
const RLIMIT_NICE = 13;
/** Highest real-time priority. */
const RLIMIT_RTPRIO = 14;

/** Most files that a process may have open, whatever its limit. Linux fs/file.c:sysctl_nr_open */
const NR_OPEN = 1024 * 1024;

/** Limits by the names that scripts and notebooks use. */
export const RLIMIT_NAMES = {
  as: RLIMIT_AS,
  data: RLIMIT_DATA,
  stack: RLIMIT_STACK,
  nofile: RLIMIT_NOFILE,
  memlock: RLIMIT_MEMLOCK,
} as const;

/** One limit. Linux include/uapi/linux/resource.h:struct rlimit64 */
export interface Rlimit {
  soft: number;
  hard: number;
}

/**
 * What the first process starts with: 8 MiB of stack and of locked memory, 1024 descriptors, else no limit.
 * Linux include/asm-generic/resource.h:INIT_RLIMITS
 */
export function initRlimits(): Rlimit[] {
  const limits = Array.from({ length: RLIM_NLIMITS }, () => ({
    soft: Number.POSITIVE_INFINITY,
    hard: Number.POSITIVE_INFINITY,
  }));
  limits[RLIMIT_STACK]!.soft = 8 * 2 ** 20;
  limits[RLIMIT_CORE]!.soft = 0;
  limits[RLIMIT_MEMLOCK] = { soft: 8 * 2 ** 20, hard: 8 * 2 ** 20 };
  limits[RLIMIT_NOFILE] = { soft: 1024, hard: 4096 };
  limits[RLIMIT_MSGQUEUE] = { soft: 819200, hard: 819200 };
  limits[RLIMIT_NICE] = { soft: 0, hard: 0 };
  limits[RLIMIT_RTPRIO] = { soft: 0, hard: 0 };
  return limits;
}

/** Sets one limit; `mayRaise` is CAP_SYS_RESOURCE. 0 or negative errno. Linux kernel/sys.c:do_prlimit() */
export function setRlimit(
  limits: Rlimit[],
  resource: number,
  soft: number,
  hard: number,
  mayRaise: boolean,
): number {
  const old = limits[resource];
  if (old === undefined || soft > hard) return -EINVAL;
  if (resource === RLIMIT_NOFILE && hard > NR_OPEN) return -EPERM;
  if (hard > old.hard && !mayRaise) return -EPERM;
  limits[resource] = { soft, hard };
  return 0;
}
