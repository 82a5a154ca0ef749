/**
 * Notes in page tables: entries that are not present but not empty either.
 *
 *   pte (pgtable.ts)  --pteToSwpEntry-->  SwpEntry = type * 2^38 + offset  --swpType, swpOffset
 *                     <--swpEntryToPte--
 *
 * The type says whose note it is; classifyPte() sorts every entry by it, and a walk that meets a kind it does
 * not know throws:
 *
 *   0 to 23 place in swap    25 to 27 page on the move    31 marker    others: kinds that nothing here makes
 *
 * The same number names a slot of swap wherever there is no page table: in the swap cache, in a folio that is
 * in it, in the tree of a file of shared memory.
 *
 * Differs from Linux: the type of an entry is in the bits from 38 on, not from 58, since a number here is
 * exact up to 2^53.
 *
 * Linux include/linux/swapops.h. Read first: pgtable.ts. Read next: mm/swap/swap_types.ts.
 */
import type { Pte } from "../../hw/entry.js";
import { VmBug } from "../mmdebug.js";
import type { SwpEntry } from "../swap/swap_types.js";
import { PRESENT_BITS, unknownPte } from "./pgtable.js";

/** In a swap entry: the page belonged to this mm alone. Linux _PAGE_SWP_EXCLUSIVE */
export const PAGE_SWP_EXCLUSIVE = 0x008;

/**
 * Types below are swap areas; those from here on are other notes. Linux include/linux/swap.h:MAX_SWAPFILES
 */
export const MAX_SWAPFILES = 24;
/**
 * First of the three types of a page on the move: read-only. Linux include/linux/swap.h:SWP_MIGRATION_READ
 */
export const SWP_MIGRATION_READ = 25;
/** Read-only, and the page belongs to this mm alone. Linux SWP_MIGRATION_READ_EXCLUSIVE */
export const SWP_MIGRATION_READ_EXCLUSIVE = 26;
/** Last of them: writable. Linux include/linux/swap.h:SWP_MIGRATION_WRITE */
export const SWP_MIGRATION_WRITE = 27;
/** Type of a swap entry that is no swap but a marker. Linux include/linux/swap.h:SWP_PTE_MARKER */
export const SWP_PTE_MARKER = 31;
/** Marker: touching it is SIGSEGV. Linux include/linux/swapops.h:PTE_MARKER_GUARD */
export const PTE_MARKER_GUARD = 4;
/** Marker: the page was lost, touching it is SIGBUS. Linux PTE_MARKER_POISONED */
export const PTE_MARKER_POISONED = 2;

/**
 * The entry of swap area `type` (0 to 31), page `offset` (below 2^38). Page 0 of area 0 has none: it would be
 * 0, and the page is the area's header. Linux include/linux/swapops.h:swp_entry()
 */
export function swpEntry(type: number, offset: number): SwpEntry {
  const fits = type >= 0 && type < 32 && offset >= 0 && offset < 2 ** 38 && type + offset > 0;
  if (!fits) throw new VmBug(`page ${offset} of swap area ${type} has no entry`);
  return type * 2 ** 38 + offset;
}

/**
 * What stands in a page table for `entry`, without flags. Linux include/linux/swapops.h:swp_entry_to_pte()
 */
export function swpEntryToPte(entry: SwpEntry): Pte {
  return entry * 512;
}

/** The entry that a page table's `pte` stands for. Linux include/linux/swapops.h:pte_to_swp_entry() */
export function pteToSwpEntry(pte: Pte): SwpEntry {
  return Math.floor(pte / 512);
}

/** Not empty and not present: a marker or a place in swap. Linux is_swap_pte() */
export function isSwapPte(pte: Pte): boolean {
  return pte !== 0 && (pte & PRESENT_BITS) === 0;
}

/** Swap area of a swap entry. Linux include/linux/swapops.h:swp_type() */
export function swpType(entry: SwpEntry): number {
  return Math.floor(entry / 2 ** 38);
}

/** Page in the swap area. Linux include/linux/swapops.h:swp_offset() */
export function swpOffset(entry: SwpEntry): number {
  return entry % 2 ** 38;
}

/** The page belonged to this mm alone. Linux pte_swp_exclusive() */
export function pteSwpExclusive(pte: Pte): boolean {
  return (pte & PAGE_SWP_EXCLUSIVE) !== 0;
}

/** Linux pte_swp_mkexclusive() */
export function pteSwpMkexclusive(pte: Pte): Pte {
  return pteSwpExclusive(pte) ? pte : pte + PAGE_SWP_EXCLUSIVE;
}

/** Linux pte_swp_clear_exclusive() */
export function pteSwpClearExclusive(pte: Pte): Pte {
  return pteSwpExclusive(pte) ? pte - PAGE_SWP_EXCLUSIVE : pte;
}

/** The entry that stands for marker `marker`. Linux make_pte_marker() */
export function makePteMarker(marker: number): Pte {
  return swpEntryToPte(swpEntry(SWP_PTE_MARKER, marker));
}

/** A marker rather than a place in swap. Linux is_pte_marker() */
export function isPteMarker(pte: Pte): boolean {
  return isSwapPte(pte) && swpType(pteToSwpEntry(pte)) === SWP_PTE_MARKER;
}

/** Nothing: the entry is 0. Not in Linux: a kind that classifyPte() tells, as the others below. */
export const PTE_KIND_NONE = 0;
/** A frame, reachable or (PROT_NONE) not. */
export const PTE_KIND_PRESENT = 1;
/** A place in swap. */
export const PTE_KIND_SWAP = 2;
/** A frame whose page is being moved. Linux include/linux/swapops.h:is_migration_entry() */
export const PTE_KIND_MIGRATION = 3;
/** A marker: guard or poison. */
export const PTE_KIND_MARKER = 4;

/** Bits of a note that no note of ours has: all below the offset but E and S. */
const NOTE_BITS_UNUSED = 0x1f5;

/**
 * Which of the PTE_KIND_ constants the entry is; throws for a note that nothing here makes.
 * Not in Linux: each walk asks pte_none(), pte_present() and is_xxx_entry() in turn.
 */
export function classifyPte(pte: Pte): number {
  if (pte === 0) return PTE_KIND_NONE;
  return (pte & PRESENT_BITS) !== 0 ? PTE_KIND_PRESENT : classifyNote(pte);
}

/** The kind of an entry that is neither empty nor present. */
function classifyNote(pte: Pte): number {
  const type = swpType(pteToSwpEntry(pte));
  if ((pte & NOTE_BITS_UNUSED) === 0) {
    if (type < MAX_SWAPFILES) return PTE_KIND_SWAP;
    if (type === SWP_PTE_MARKER) return PTE_KIND_MARKER;
    if (type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE) return PTE_KIND_MIGRATION;
  }
  throw unknownPte(pte);
}

/** In the offset of a page on the move, above its frame number: it was used. Linux SWP_MIG_YOUNG_BIT */
const MIGRATION_YOUNG = 2 ** 34;
/** It was written. Linux SWP_MIG_DIRTY_BIT */
const MIGRATION_DIRTY = 2 ** 35;

/**
 * The entry for a page on the move: `type` is SWP_MIGRATION_..., `pfn` the frame it leaves.
 * Linux include/linux/swapops.h:make_writable_migration_entry(), make_migration_entry_young() ...
 */
export function makeMigrationEntry(type: number, pfn: number, young: boolean, dirty: boolean): SwpEntry {
  return swpEntry(type, pfn + (young ? MIGRATION_YOUNG : 0) + (dirty ? MIGRATION_DIRTY : 0));
}

/** The frame that it leaves. Linux include/linux/swapops.h:swp_offset_pfn() */
export function swpOffsetPfn(entry: SwpEntry): number {
  return swpOffset(entry) % MIGRATION_YOUNG;
}

/** Linux include/linux/swapops.h:is_migration_entry_young() */
export function isMigrationEntryYoung(entry: SwpEntry): boolean {
  return Math.floor(swpOffset(entry) / MIGRATION_YOUNG) % 2 === 1;
}

/** Linux include/linux/swapops.h:is_migration_entry_dirty() */
export function isMigrationEntryDirty(entry: SwpEntry): boolean {
  return swpOffset(entry) >= MIGRATION_DIRTY;
}

/** A guard marker. Linux is_guard_swp_entry() */
export function isGuardPte(pte: Pte): boolean {
  return isPteMarker(pte) && (swpOffset(pteToSwpEntry(pte)) & PTE_MARKER_GUARD) !== 0;
}
