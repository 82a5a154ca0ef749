/**
 * What a bench of huge pages can be told for the next operation, the settings that an operation stands for,
 * and what it says of moments at which nothing may be undone.
 *
 * Not in Linux: a helper of the course. Read next: huge.ts.
 */

export const THP = "/sys/kernel/mm/transparent_hugepage";
export const GROUP = "/sys/fs/cgroup/lab";

/** Operations that wait for the next one. */
const WORDS = [
  ...(["nohuge", "notable", "race", "racew", "late", "latew"] as const),
  ...(["away", "anew", "filled", "off", "strict"] as const),
];
export type Armed = (typeof WORDS)[number];
export const ARMED: readonly string[] = WORDS;

/** Operations that write a file of sysfs: its name below THP, and the value. */
export const SETTINGS: Readonly<Record<string, readonly [file: string, value: string]>> = {
  zeros: ["use_zero_page", "1"],
  nozeros: ["use_zero_page", "0"],
  picky: ["khugepaged/max_ptes_none", "0"],
  lazy: ["khugepaged/defrag", "0"],
  hard: ["defrag", "always"],
  soft: ["defrag", "never"],
};

export const NO_FLUSH =
  "splitHugePmd: the entry is taken apart without a flush: TLBs still have 2 MiB where 512 entries are now (flushTlbMmRange)";
export const LATE_FLUSH =
  "splitHugePmd: the flush must come while the entry is empty: here a processor could have both sizes for one address, or load the old entry again";
export const EARLY_COPY =
  "collapseHugePage: pages are copied before their table is unhooked and flushed: what a process writes meanwhile would be lost";
