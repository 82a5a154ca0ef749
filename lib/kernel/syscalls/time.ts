/**
 * The system calls on time: nanosleep.
 *
 *   process.nanosleep(1_000_000)      the task is in state S for one millisecond; its CPU is free
 *
 * Linux kernel/time/hrtimer.c. Read first: kernel/sched.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { EFAULT, EINVAL } from "../../mm/errno.js";
import { checkArg } from "../errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { readUserWord } from "../uaccess.js";

/** Nanoseconds in a second. Linux include/vdso/time64.h:NSEC_PER_SEC */
const NSEC_PER_SEC = 1e9;

/** Sleeps for `ns` nanoseconds; 0 or -EINVAL. Linux kernel/time/hrtimer.c:hrtimer_nanosleep() */
export function sysNanosleep(kernel: Kernel, task: Task, ns: number): number {
  checkArg(ns, "ns", "nanosleep");
  kernel.enter(task);
  if (ns < 0) return -EINVAL;
  kernel.sched.waitFor("sleep", kernel.sys.clock.nowNs + ns);
  return 0;
}

/**
 * The same with seconds and nanoseconds in user memory; nothing interrupts it, so `rmtp` is not written.
 * man 2 nanosleep
 */
export function rawNanosleep(kernel: Kernel, task: Task, rqtp: Vaddr, _rmtp: Vaddr): number {
  kernel.enter(task);
  const sec = readUserWord(task, rqtp);
  const nsec = readUserWord(task, rqtp + 8);
  if (sec === undefined || nsec === undefined) return -EFAULT;
  if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC) return -EINVAL;
  return sysNanosleep(kernel, task, sec * NSEC_PER_SEC + nsec);
}
