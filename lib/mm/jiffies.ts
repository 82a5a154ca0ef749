/**
 * Time in ticks: what the kernel counts ages and timeouts in.
 *
 *   ns      0 ... 3999999 | 4000000 ... 7999999 | 8000000 ...
 *   jiffies       0       |          1          |    2
 *
 * A tick is 4 ms (HZ = 250). What happens between two ticks has the same time; a wait that is asked for in
 * milliseconds becomes the next larger number of ticks.
 *
 * Linux include/linux/jiffies.h, kernel/time/time.c. Read first: wait.ts. Read next: mm/lru/gen/aging.ts.
 */
import { HZ, NS_PER_JIFFY } from "./wait.js";

/** Ticks since boot. Linux include/linux/jiffies.h:jiffies */
export function jiffies(clock: { readonly nowNs: number }): number {
  return Math.floor(clock.nowNs / NS_PER_JIFFY);
}

/** Linux kernel/time/time.c:msecs_to_jiffies() */
export function msecsToJiffies(msecs: number): number {
  return Math.ceil((msecs * HZ) / 1000);
}

/** Linux kernel/time/time.c:jiffies_to_msecs() */
export function jiffiesToMsecs(ticks: number): number {
  return (ticks * 1000) / HZ;
}
