/**
 * The page walk: from a virtual address to a physical one, through entries that lie in RAM.
 *
 *   CR3 --> [PML4] --> [PDPT] --> [PD] --> [PT] --> frame
 *            level 4    level 3    level 2  level 1
 *                         |          |
 *                         +- PS=1: 1 GiB leaf
 *                                    +- PS=1: 2 MiB leaf
 *
 * At each level the walker takes the address's index for that level, reads the entry and asks, in this order:
 *   1. present?                 no: page fault, P = 0
 *   2. reserved bits clear?     no: page fault, P = 1, RSVD = 1
 *   3. a leaf, or go on?        going on sets A in the entry
 * and in the leaf:
 *   4. do all levels together allow the access?   no: page fault, P = 1
 *   5. set A, and D when writing; done
 *
 * A walk that faults has set A in the upper entries it passed, and has not touched the leaf. (Processors differ here;
 * the manual allows it.) A table or leaf outside RAM reads as all ones, as on a bus nobody answers, and so ends in a
 * reserved-bit fault.
 *
 * The walker is a part that learners replace: theirs has the type `Walk`. With `watch` a walk notes a step for each
 * entry it reads, and with `watch.dryRun` leaves the A and D bits alone, so that one can look without touching.
 *
 * Read first: entry.ts, fault.ts, protection.ts. Read next: walk32.ts (two levels), tlb.ts (how to walk less often).
 */
import type { Vaddr } from "./address.js";
import { isCanonical, LEVEL_SIZE, offsetInPage, PAGE_SIZE, tableIndex } from "./address.js";
import {
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
  RESERVED_HI,
} from "./entry.js";
import { ACCESS_WRITE, AddressFault, type Fault, PageFault, PF_PROT, PF_RSVD } from "./fault.js";
import { allows, errorCodeOf, RIGHT_NX } from "./protection.js";
import type { Ram } from "./ram.js";
import type { Paging } from "./registers.js";
import type { Translation, Walk, WalkStep, WalkWatch } from "./translation.js";
import { walk32 } from "./walk32.js";

/**
 * The processor's page walk, for 2, 4 and 5 levels; with paging off an address stands for itself.
 * Intel SDM vol. 3A, 4-Level Paging and 5-Level Paging
 */
export const walk: Walk = (ram, paging, va, access, watch) => {
  if (paging.levels === 2) return walk32(ram, paging, va, access, watch);
  if (paging.levels === 0) return { pa: va, level: 1, rights: PAGE_RW | PAGE_USER | PAGE_DIRTY };
  if (!isCanonical(va, paging.levels)) return new AddressFault(va);
  return walkFrom(ram, paging, va, access, paging.levels, paging.rootPfn, PAGE_RW | PAGE_USER, watch);
};

/** Told of each table that a walk goes on to: the MMU fills its walk caches. */
export interface WalkObserver {
  passedTable(level: number, tablePfn: number, rights: number): void;
}

/**
 * The walk from the table of `level` in frame `tablePfn` on, where the levels above allowed `rights`. A page-walk cache
 * starts in the middle this way.
 */
export function walkFrom(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  level: number,
  tablePfn: number,
  rights: number,
  watch?: WalkWatch,
  observer?: WalkObserver,
): Translation | Fault {
  for (;;) {
    const index = tableIndex(va, level);
    const inRam = tablePfn < ram.nrFrames;
    const lo = inRam ? ram.entryLo(tablePfn, index) : -1;
    const hi = inRam ? ram.entryHi(tablePfn, index) : -1;
    if ((lo & PAGE_PRESENT) === 0) {
      if (watch) note(watch, level, tablePfn, index, lo, hi, "not present");
      return new PageFault(va, errorCodeOf(0, access, paging));
    }
    if (hasReservedBit(lo, hi, level, paging)) {
      if (watch) note(watch, level, tablePfn, index, lo, hi, "reserved bit");
      return new PageFault(va, errorCodeOf(PF_PROT | PF_RSVD, access, paging));
    }
    rights = combineRights(rights, lo, hi);
    if (level === 1 || (lo & PAGE_PSE) !== 0)
      return finishLeaf(ram, paging, va, access, level, tablePfn, index, lo, hi, rights, watch);
    if (watch) note(watch, level, tablePfn, index, lo, hi, "table");
    if ((lo & PAGE_ACCESSED) === 0 && !watch?.dryRun) ram.setEntry(tablePfn, index, lo | PAGE_ACCESSED, hi);
    tablePfn = entryPfn(lo, hi);
    level--;
    observer?.passedTable(level, tablePfn, rights);
  }
}

/** Steps 4 and 5 of the walk: the permission check, then A and D in the leaf. */
function finishLeaf(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  level: number,
  tablePfn: number,
  index: number,
  lo: number,
  hi: number,
  rights: number,
  watch?: WalkWatch,
): Translation | Fault {
  if (!allows(rights, access, paging)) {
    if (watch) note(watch, level, tablePfn, index, lo, hi, "not allowed");
    return new PageFault(va, errorCodeOf(PF_PROT, access, paging));
  }
  if (watch) note(watch, level, tablePfn, index, lo, hi, "leaf");
  const marked = lo | (access & ACCESS_WRITE ? PAGE_ACCESSED | PAGE_DIRTY : PAGE_ACCESSED);
  if (marked !== lo && !watch?.dryRun) ram.setEntry(tablePfn, index, marked, hi);
  return {
    pa: leafBase(lo, hi, level) + offsetInLeaf(va, level),
    level,
    rights: rights | (marked & PAGE_DIRTY) | (paging.pge ? marked & PAGE_GLOBAL : 0),
  };
}

/** Frame number in an entry read as two signed halves. Bits 51 to 46 are reserved and known to be clear. */
export function entryPfn(lo: number, hi: number): number {
  return (hi & 0xf_ffff) * 0x10_0000 + (lo >>> 12);
}

/** `rights` of the levels above, narrowed by one more entry. */
export function combineRights(rights: number, lo: number, hi: number): number {
  const narrowed = rights & (lo | ~(PAGE_RW | PAGE_USER));
  return hi < 0 ? narrowed | RIGHT_NX : narrowed;
}

/**
 * Whether a present entry sets a bit that must be 0: physical-address bits beyond MAXPHYADDR, NX while EFER.NXE is
 * clear, PS above level 3, address bits of a large leaf below its size. Intel SDM vol. 3A, Reserved-Bit Checking
 */
export function hasReservedBit(lo: number, hi: number, level: number, paging: Paging): boolean {
  if ((hi & RESERVED_HI) !== 0 || (hi < 0 && !paging.nxe)) return true;
  if (level === 1 || (lo & PAGE_PSE) === 0) return false;
  return level > 3 || (lo & LARGE_LEAF_RESERVED[level]!) !== 0;
}

/** Bits 13 up to the size of a 2 MiB (level 2) or 1 GiB (level 3) leaf. */
const LARGE_LEAF_RESERVED: readonly number[] = [0, 0, 0x001f_e000, 0x3fff_e000];

/** Physical address where the page of a leaf begins; drops the PAT bit of a large leaf. */
function leafBase(lo: number, hi: number, level: number): number {
  const base = entryPfn(lo, hi) * PAGE_SIZE;
  return level === 1 ? base : base - (base % LEVEL_SIZE[level]!);
}

function offsetInLeaf(va: Vaddr, level: number): number {
  if (level === 1) return offsetInPage(va);
  const size = LEVEL_SIZE[level]!;
  return va - Math.floor(va / size) * size;
}

function note(
  watch: WalkWatch,
  level: number,
  tablePfn: number,
  index: number,
  lo: number,
  hi: number,
  verdict: WalkStep["verdict"],
): void {
  const entry = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
  watch.steps.push({ level, tablePfn, index, entryPa: tablePfn * PAGE_SIZE + index * 8, entry, verdict });
}
