/**
 * /proc/swaps: the swap areas, what is used of each, and which is used first.
 *
 * Linux mm/swapfile.c. Read first: mm/swap/swap_types.ts.
 */
import { SWP_BLKDEV } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";
import { pagesToKb } from "./seq_file.js";

/** The lines of /proc/swaps, in order of the areas' numbers. Linux mm/swapfile.c:swap_show() */
export function swaps(sys: MemorySystem): string[] {
  const lines = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"];
  for (const si of sys.swap.swapInfo) {
    if (si === undefined) continue;
    const type = (si.flags & SWP_BLKDEV) !== 0 ? "partition" : "file\t";
    const size = pagesToKb(si.pages);
    const used = pagesToKb(si.inusePages);
    const gap = (kb: number): string => (kb < 10_000_000 ? "\t" : "");
    const name = si.path.padEnd(Math.max(40, si.path.length + 1));
    lines.push(`${name}${type}\t${size}\t${gap(size)}${used}\t${gap(used)}${si.prio}\n`);
  }
  return lines;
}
