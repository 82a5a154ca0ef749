/**
 * Pages of the arena that are in swap, for small cases.
 *
 *   touch(0, 8)                   stores page + 1 at the beginning of each page
 *   pageout(0, 8)                 MADV_PAGEOUT, and waits until all is written: in swap, and in the swap cache
 *   evict(si)                     drops what the swap cache has: in swap only
 *   slotOf(3)                     slot of page 3, -1 unless it is in swap
 */
import { expect } from "vitest";
import { sysMadvise } from "../../../lib/kernel/syscalls/mm.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { isSwapPte, pteToSwpEntry, swpOffset } from "../../../lib/mm/pgtable/swapops.js";
import type { SwapInfoStruct, SwpEntry } from "../../../lib/mm/swap/swap_types.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { at, kernel, mm, PAGE, task } from "../arena.js";
import { dropSwapCache } from "./area.js";

/** The entry that maps page `page` of the arena. */
export const pteOf = (page: number): number => ptepGet(mm.sys.ram, pteOffset(mm, at(page)));
/** Its place in swap. */
export const entryOf = (page: number): SwpEntry => pteToSwpEntry(pteOf(page));

/** Slot of the page, -1 unless it is in swap. */
export function slotOf(page: number): number {
  return isSwapPte(pteOf(page)) ? swpOffset(entryOf(page)) : -1;
}

/** The folio that is mapped there. */
export const folioOf = (page: number): Folio => pfnToPage(mm.sys, ptePfn(pteOf(page))).head;

export function touch(page: number, nr: number, value?: number): void {
  for (let i = page; i < page + nr; i++) task.store(at(i), 1, value ?? i + 1);
}

export function pageout(page: number, nr: number, wait = true): void {
  lruAddDrainAll(kernel.sys);
  expect(sysMadvise(kernel, task, at(page), nr * PAGE, MADV.PAGEOUT)).toBe(0);
  if (!wait) return;
  kernel.sched.settle();
  lruAddDrainAll(kernel.sys); // a place in a batch is a hold
}

/** Pages that are in swap only. */
export function evict(si: SwapInfoStruct): void {
  kernel.sched.settle();
  dropSwapCache(kernel, si);
}

/** An event counter of /proc/vmstat. */
export const counted = (item: number): number => kernel.sys.vmStat.events[item]!;
