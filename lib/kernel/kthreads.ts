/**
 * The kernel threads of memory management, which a kernel starts when it starts.
 *
 *   kswapd0      frees memory before anybody has to wait for it       mm/lru/kswapd.ts
 *   kcompactd0   makes large blocks of small ones                     mm/compaction/kcompactd.ts
 *   khugepaged   makes huge pages of small ones                       mm/huge/khugepaged.ts
 *
 * The flusher is the file tree's (fs/fs_writeback.ts), and zswap's shrinker zswap's.
 *
 * Linux init/main.c:do_initcalls(). Read first: sched.ts. Read next: mm/lru/kswapd.ts.
 */
import { kcompactdRun } from "../mm/compaction/kcompactd.js";
import { khugepagedRun } from "../mm/huge/khugepaged.js";
import { kswapdRun } from "../mm/lru/kswapd.js";
import { shrinkNode } from "../mm/lru/vmscan.js";
import type { MemorySystem } from "../mm/system.js";

/** Starts them; each sleeps until it is woken. Linux: initcalls kswapd_init(), kcompactd_init() ... */
export function startKthreads(sys: MemorySystem): void {
  kswapdRun(sys, shrinkNode);
  khugepagedRun(sys);
  kcompactdRun(sys);
}
