/**
 * The spelling of numbers and columns in /proc.
 *
 *   "Rss:                1756 kB"       smaps: name padded to 16, number right-aligned in 8
 *   "VmRSS:\t    1664 kB"               status: tab, number right-aligned in 8
 *   "MemTotal:       24684092 kB"       meminfo: name padded to 16, number right-aligned in 8
 *   "    nr_dirty     3"                zoneinfo: name padded to 12
 *
 * Programs such as pmap, free and vmstat cut these files at fixed places, so every blank counts.
 *
 * Read next: task_mmu.ts.
 */

/**
 * `name` padded to 16 columns and `kb` right-aligned in 8, with its unit.
 * Linux fs/proc/meminfo.c:show_val_kb()
 */
export function kbLine(name: string, kb: number): string {
  return `${name.padEnd(16)}${String(kb).padStart(8)} kB\n`;
}

/** One line of /proc/PID/status that is a size. Linux fs/proc/task_mmu.c:task_mem() */
export function statusKb(name: string, kb: number): string {
  return `${name}:\t${String(kb).padStart(8)} kB\n`;
}

/** `value` in hexadecimal without 0x, at least `width` digits. Linux fs/seq_file.c:seq_put_hex_ll() */
export function putHex(value: number, width = 1): string {
  const text = value >= 0 ? value.toString(16) : BigInt.asUintN(64, BigInt(value)).toString(16);
  return text.padStart(width, "0");
}

/**
 * A path on a line of its own: a line feed in it is written as \\012. Linux fs/seq_file.c:seq_path(),
 * mangle_path()
 */
export function seqPath(path: string): string {
  return path.replaceAll("\n", "\\012");
}

/** Pages as kB. Not in Linux: `x << (PAGE_SHIFT - 10)` there. */
export function pagesToKb(pages: number): number {
  return pages * 4;
}
