/**
 * Gathering: one flush for many changed entries.
 *
 *   munmap, mprotect, exit
 *     tlbGatherMmu(mm)                open
 *       entry by entry: tlbRemove..   each changed entry that a TLB may not keep widens [start, end)
 *       tables freed:  freedTables
 *     tlbFinishMmu(mm)                one flushTlbMmRange for all of it, or none
 *
 * One shootdown costs a microsecond and interrupts every CPU that runs the process, so a munmap of a thousand
 * pages must not send a thousand. The range that is flushed is the smallest one that holds all changes.
 *
 * Differs from Linux: pages and tables go back to the allocator before the flush instead of after it, which
 * nothing here can see, because no program runs in between.
 *
 * Linux include/asm-generic/tlb.h, mm/mmu_gather.c. Read first: tlb.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { MmStruct } from "../mm_types.js";
import { flushTlbMmRange, TLB_FLUSH_ALL } from "./tlb.js";
import { MmuGather } from "./tlb_types.js";

/** Opens a gather for `mm`. Linux mm/mmu_gather.c:tlb_gather_mmu() */
export function tlbGatherMmu(mm: MmStruct): MmuGather {
  if (mm.tlbGather === undefined) mm.tlbGather = new MmuGather();
  else mm.tlbGather.depth++;
  return mm.tlbGather;
}

/** Closes the gather and flushes what it collected. Linux mm/mmu_gather.c:tlb_finish_mmu() */
export function tlbFinishMmu(mm: MmStruct): void {
  const gather = mm.tlbGather!;
  if (--gather.depth > 0) return;
  mm.tlbGather = undefined;
  const { start, end, freedTables, stride } = gather;
  if (start < end) flushTlbMmRange(mm, start, end, freedTables, stride);
  else if (freedTables) flushTlbMmRange(mm, 0, TLB_FLUSH_ALL, true);
}

/** Does `work` between tlbGatherMmu() and tlbFinishMmu(). Not in Linux. */
export function withGather<T>(mm: MmStruct, work: (gather: MmuGather) => T): T {
  const gather = tlbGatherMmu(mm);
  try {
    return work(gather);
  } finally {
    tlbFinishMmu(mm);
  }
}

/**
 * The entry for `addr`, which maps `size` bytes, was `before` and is `after` now: it is gathered if a TLB may
 * not keep it. Linux include/asm-generic/tlb.h:tlb_remove_tlb_entry(), tlb_flush_pte_range(),
 * tlb_flush_pmd_range()
 */
export function tlbEntryChanged(
  mm: MmStruct,
  addr: Vaddr,
  before: number,
  after: number,
  size = PAGE_SIZE,
): void {
  if (mm.sys.parts.pteNeedsFlush(before, after)) mm.tlbGather!.addRange(addr, addr + size, size);
}
