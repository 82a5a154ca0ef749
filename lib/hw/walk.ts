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
 * A walk that faults has set A in the upper entries it passed, and has not touched the leaf. (Processors
 * differ here; the manual allows it.) A table or leaf outside RAM reads as all ones, as on a bus nobody
 * answers, and so ends in a reserved-bit fault.
 *
 * Below the walk stand what it asks of one entry, then how a walk is watched: `watch` gets a step for each
 * entry read, and with `watch.dryRun` all A and D bits are afterwards as before, so that one can look without
 * touching.
 *
 * The walker is a part that learners replace: theirs has the type `Walk`.
 *
 * Read first: entry.ts, fault.ts, protection.ts. Read next: walk32.ts (two levels), tlb.ts (how to walk less
 * often).
 */
import type { Pfn, Vaddr } from "./address.js";
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
  if (watch) return watchedWalk(ram, paging, va, access, watch);
  return walkFrom(ram, paging, va, access, new WalkStart().at(paging.levels, paging.rootPfn));
};

/**
 * The walk from the table that `start` names: CR3's, or one further down that a page-walk cache remembers.
 * Intel SDM vol. 3A, Access Rights, Accessed and Dirty Flags
 */
export function walkFrom(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  start: WalkStart,
): Translation | Fault {
  let { level, tablePfn, rights } = start;
  for (;;) {
    const index = tableIndex(va, level);
    const inRam = tablePfn < ram.nrFrames;
    const lo = inRam ? ram.entryLo(tablePfn, index) : -1;
    const hi = inRam ? ram.entryHi(tablePfn, index) : -1;
    if ((lo & PAGE_PRESENT) === 0) return new PageFault(va, errorCodeOf(0, access, paging));
    if (hasReservedBit(lo, hi, level, paging))
      return new PageFault(va, errorCodeOf(PF_PROT | PF_RSVD, access, paging));
    rights = combineRights(rights, lo, hi);
    if (level === 1 || (lo & PAGE_PSE) !== 0) {
      if (!allows(rights, access, paging)) return new PageFault(va, errorCodeOf(PF_PROT, access, paging));
      const marked = lo | (access & ACCESS_WRITE ? PAGE_ACCESSED | PAGE_DIRTY : PAGE_ACCESSED);
      if (marked !== lo) ram.setEntry(tablePfn, index, marked, hi);
      const ofLeaf = marked & (paging.pge ? PAGE_DIRTY | PAGE_GLOBAL : PAGE_DIRTY);
      return { pa: leafBase(lo, hi, level) + offsetInLeaf(va, level), level, rights: rights | ofLeaf };
    }
    if ((lo & PAGE_ACCESSED) === 0) ram.setEntry(tablePfn, index, lo | PAGE_ACCESSED, hi);
    tablePfn = entryPfn(lo, hi);
    level--;
    start.observer?.passedTable(level, tablePfn, rights);
  }
}

/** Told of each table that a walk goes on to: the MMU fills its walk caches. */
interface WalkObserver {
  passedTable(level: number, tablePfn: number, rights: number): void;
}

/** Where a walk starts. One object serves many walks, so that a walk makes none. */
export class WalkStart {
  /** Level of the first table: 5 to 1. */
  level = 0;
  /** Frame of the first table. */
  tablePfn: Pfn = 0;
  /** PAGE_RW, PAGE_USER and RIGHT_NX, as the levels above allow; at the top everything is allowed. */
  rights = 0;
  /** Told of the tables that follow. */
  readonly observer: WalkObserver | undefined;

  constructor(observer?: WalkObserver) {
    this.observer = observer;
  }

  /** Moves the start to the table of `level` in frame `tablePfn`. */
  at(level: number, tablePfn: Pfn, rights: number = PAGE_RW | PAGE_USER): this {
    this.level = level;
    this.tablePfn = tablePfn;
    this.rights = rights;
    return this;
  }
}

// ---------------------------------------------------------------- one entry

/** Frame number in an entry read as two signed halves. Bits 51 to 46 are reserved and known to be clear. */
function entryPfn(lo: number, hi: number): number {
  return (hi & 0xf_ffff) * 0x10_0000 + (lo >>> 12);
}

/** `rights` of the levels above, narrowed by one more entry. */
function combineRights(rights: number, lo: number, hi: number): number {
  const narrowed = rights & (lo | ~(PAGE_RW | PAGE_USER));
  return hi < 0 ? narrowed | RIGHT_NX : narrowed;
}

/**
 * Whether a present entry sets a bit that must be 0: physical-address bits beyond MAXPHYADDR, NX while
 * EFER.NXE is clear, PS above level 3, address bits of a large leaf below its size. Intel SDM vol. 3A,
 * Reserved-Bit Checking
 */
function hasReservedBit(lo: number, hi: number, level: number, paging: Paging): boolean {
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

// ---------------------------------------------------------------- a walk that is watched

/** The walk, with a step in `watch.steps` for each entry it reads, as the entry was before the walk. */
function watchedWalk(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  watch: WalkWatch,
): Translation | Fault {
  const steps = entriesOnTheWay(ram, paging, va);
  const result = walkFrom(ram, paging, va, access, new WalkStart().at(paging.levels, paging.rootPfn));
  const last = steps.pop()!;
  const denied = last.verdict === "leaf" && !("pa" in result);
  steps.push(denied ? { ...last, verdict: "not allowed" } : last);
  watch.steps.push(...steps);
  if (watch.dryRun) for (const step of steps) putBack(ram, step);
  return result;
}

/** Every entry from CR3's table down to a leaf, or to an entry that ends the walk. */
function entriesOnTheWay(ram: Ram, paging: Paging, va: Vaddr): WalkStep[] {
  const steps: WalkStep[] = [];
  let tablePfn = paging.rootPfn;
  for (let level: number = paging.levels; ; level--) {
    const index = tableIndex(va, level);
    const inRam = tablePfn < ram.nrFrames;
    const lo = inRam ? ram.entryLo(tablePfn, index) : -1;
    const hi = inRam ? ram.entryHi(tablePfn, index) : -1;
    const entry = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    const verdict = verdictOf(lo, hi, level, paging);
    steps.push({ level, tablePfn, index, entryPa: tablePfn * PAGE_SIZE + index * 8, entry, verdict });
    if (verdict !== "table") return steps;
    tablePfn = entryPfn(lo, hi);
  }
}

function verdictOf(lo: number, hi: number, level: number, paging: Paging): WalkStep["verdict"] {
  if ((lo & PAGE_PRESENT) === 0) return "not present";
  if (hasReservedBit(lo, hi, level, paging)) return "reserved bit";
  return level === 1 || (lo & PAGE_PSE) !== 0 ? "leaf" : "table";
}

/** Gives an entry that the walk may have marked the bits it had. */
function putBack(ram: Ram, { tablePfn, index, entry, verdict }: WalkStep): void {
  if (verdict !== "table" && verdict !== "leaf") return;
  ram.setEntry(tablePfn, index, Number(BigInt.asIntN(32, entry)), Number(BigInt.asIntN(32, entry >> 32n)));
}
