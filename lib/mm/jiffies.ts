/**
 * Time in ticks: what the kernel counts ages and timeouts in.
 *
 *   ns      0 ... 3999999 | 4000000 ... 7999999 | 8000000 ...
 *   jiffies       1       |          2          |    3
 *
 * A tick is 4 ms (HZ = 250). What happens between two ticks has the same time; a wait that is asked for in
 * milliseconds becomes the next larger number of ticks.
 *
 * Linux include/linux/jiffies.h, kernel/time/time.c. Read next: mm/lru/gen/aging.ts.
 */
/** Ticks in a second, and ns in one: the unit of many timeouts. Linux CONFIG_HZ, as Debian sets it */
export const HZ = 250;
export const NS_PER_JIFFY = 1e9 / HZ;

/** Ticks since boot; the first is 1, so that 0 can mean "never". Linux include/linux/jiffies.h:jiffies */
export function jiffies(sys: { readonly clock: { readonly nowNs: number } }): number {
  return 1 + Math.floor(sys.clock.nowNs / NS_PER_JIFFY);
}

/** Linux kernel/time/time.c:msecs_to_jiffies() */
export function msecsToJiffies(msecs: number): number {
  return Math.ceil((msecs * HZ) / 1000);
}

/** Linux kernel/time/time.c:jiffies_to_msecs() */
export function jiffiesToMsecs(ticks: number): number {
  return (ticks * 1000) / HZ;
}
