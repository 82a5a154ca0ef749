/**
 * Whether anonymous memory could go anywhere.
 *
 * The questions that reclaim asks of swap before it looks at a page: whether anonymous memory can be taken at
 * all, and whether it is worth to keep its lists in order. Without swap the answers are no, so that anonymous
 * memory and memory in files of RAM stay, however short memory is.
 *
 * Linux mm/vmscan.c. Read next: scan_count.ts, shrink_folio_list.ts, mm/swap/swapfile.ts.
 */
import { memCgroupGetNrSwapPages } from "../memcg/swap_charge.js";
import type { MemorySystem } from "../system.js";
import type { Memcg } from "./lruvec.js";

/**
 * Whether there is room for one page more, and the group may have it, if one is given. Linux
 * mm/vmscan.c:can_reclaim_anon_pages()
 */
export function canReclaimAnonPages(sys: MemorySystem, memcg?: Memcg): boolean {
  return memCgroupGetNrSwapPages(sys, memcg) > 0;
}

/**
 * Whether anonymous pages that are not used should stand apart from those that are.
 * Linux mm/vmscan.c:can_age_anon_pages()
 */
export function canAgeAnonPages(sys: MemorySystem): boolean {
  return sys.totalSwapPages > 0;
}
