/**
 * Resource limits: what one process may take at most.
 *
 * Each limit has a soft value, which counts, and a hard value, up to which the process may raise the soft one. They are
 * inherited by fork and kept by exec. Infinity stands for RLIM_INFINITY.
 *
 * Linux include/uapi/asm-generic/resource.h; man 2 getrlimit.
 *
 * Read next: mm/util.ts, where they are checked.
 */
import { EINVAL, EPERM } from "../mm/errno.js";
import { RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_STACK } from "../mm/system.js";

/** Number of limits that Linux has. Linux RLIM_NLIMITS */
export const RLIM_NLIMITS = 16;

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

/** What the first process starts with: 8 MiB of stack and of locked memory, 1024 descriptors, else no limit. Linux include/asm-generic/resource.h:INIT_RLIMITS */
export function initRlimits(): Rlimit[] {
  const limits = Array.from({ length: RLIM_NLIMITS }, () => ({
    soft: Number.POSITIVE_INFINITY,
    hard: Number.POSITIVE_INFINITY,
  }));
  limits[RLIMIT_STACK]!.soft = 8 * 2 ** 20;
  limits[RLIMIT_MEMLOCK] = { soft: 8 * 2 ** 20, hard: 8 * 2 ** 20 };
  limits[RLIMIT_NOFILE] = { soft: 1024, hard: 4096 };
  return limits;
}

/** Sets one limit. 0 or negative errno. Linux kernel/sys.c:do_prlimit() */
export function setRlimit(
  limits: Rlimit[],
  resource: number,
  soft: number,
  hard: number,
  privileged: boolean,
): number {
  const old = limits[resource];
  if (old === undefined || soft > hard) return -EINVAL;
  if (hard > old.hard && !privileged) return -EPERM;
  limits[resource] = { soft, hard };
  return 0;
}
