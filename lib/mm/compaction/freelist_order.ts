/**
 * Turning a free list: where a search of it has ended, the next one is to begin.
 *
 *   list of an order      head  a  b  c  d  e  tail        the fast searches look at a few blocks only
 *   moveFreelistTail(c)   head  d  e  a  b  c  tail        searched from the head: d is next
 *   moveFreelistHead(c)   head  c  d  e  a  b  tail        searched from the tail: b is next
 *
 * Linux mm/compaction.c. Read first: mm/pages/buddy.ts. Read next: fast_find.ts, fast_isolate.ts.
 */
import type { Pfn } from "../../hw/address.js";
import type { Zone } from "../pages/buddy.js";

/** The block becomes the last of its list. Linux mm/compaction.c:move_freelist_tail() */
export function moveFreelistTail(zone: Zone, order: number, migratetype: number, pfn: Pfn): void {
  const { next, prev } = zone.links;
  const { head, tail } = zone.freeArea[order]!;
  const first = next[pfn]!;
  if (first < 0) return;
  const oldHead = head[migratetype]!;
  const oldTail = tail[migratetype]!;
  next[oldTail] = oldHead;
  prev[oldHead] = oldTail;
  next[pfn] = -1;
  prev[first] = -1;
  head[migratetype] = first;
  tail[migratetype] = pfn;
}

/** The block becomes the first of its list. Linux mm/compaction.c:move_freelist_head() */
export function moveFreelistHead(zone: Zone, order: number, migratetype: number, pfn: Pfn): void {
  const before = zone.links.prev[pfn]!;
  if (before >= 0) moveFreelistTail(zone, order, migratetype, before);
}
