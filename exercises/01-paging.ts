/**
 * Lab 01, Paging: five exercises, from taking one address apart to the two parts that every machine with paging
 * needs.
 *
 * Notebook: notebooks/01-paging.ipynb. Check your work there with `await check("01.1")`, or in a terminal with
 * `npx pagewalk grade 01.1`; `npx pagewalk hint 01.1` gives a hint, a second call the next one.
 *
 * Everything here is about four levels of tables with 512 entries of 8 bytes. Levels are numbered from the bottom:
 *
 *   level 4   Intel: PML4              Linux: pgd     one entry spans 512 GiB
 *   level 3   Intel: PDPT              Linux: pud     one entry spans 1 GiB
 *   level 2   Intel: page directory    Linux: pmd     one entry spans 2 MiB
 *   level 1   Intel: page table        Linux: pte     one entry spans 4 KiB
 *
 * An address is a number. One of the kernel half is negative: -1 is 0xffffffffffffffff.
 * `>>` and `&` on numbers keep 32 bits only; `BigInt(va)` or division keep them all.
 */

import {
  ACCESS_FETCH,
  ACCESS_USER,
  ACCESS_WRITE,
  AddressFault,
  type Fault,
  type FrameAllocator,
  isCanonical,
  LEVEL_SIZE,
  type MapFlags,
  makeEntry,
  NotWrittenYet,
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_NX,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_SIZE,
  PAGE_USER,
  PageFault,
  type Paging,
  PF_PROT,
  PF_RSVD,
  type Ram,
  RIGHT_NX,
  type Translation,
} from "pagewalk";

/** What 01.1 gives: the index into the table of each level, 0 to 511, and the offset in the page, 0 to 4095. */
export interface AddressParts {
  /** Level 4, bits 47 to 39. */
  pgdIndex: number;
  /** Level 3, bits 38 to 30. */
  pudIndex: number;
  /** Level 2, bits 29 to 21. */
  pmdIndex: number;
  /** Level 1, bits 20 to 12. */
  pteIndex: number;
  /** Bits 11 to 0. */
  offset: number;
}

/**
 * 01.1 Split an address. Returns the four table indexes and the offset of `va`.
 *
 * `splitAddress(0x401abc)` is { pgdIndex: 0, pudIndex: 0, pmdIndex: 2, pteIndex: 1, offset: 0xabc }.
 * `splitAddress(-1)`, the last byte of all, has 511 four times and the offset 4095.
 */
export function splitAddress(va: number): AddressParts {
  throw new NotWrittenYet("01.1");
}

/** What 01.2 gives: an entry in words. */
export interface DecodedEntry {
  /** Whether the entry maps memory itself; otherwise it points to the next table. */
  leaf: boolean;
  /** Bit 1, R/W. */
  writable: boolean;
  /** Bit 2, U/S. */
  user: boolean;
  /** Bit 5, A. */
  accessed: boolean;
  /** Bit 6, D. Only a leaf has it: false in an entry that points to a table. */
  dirty: boolean;
  /** Bit 8, G. Only a leaf has it. */
  global: boolean;
  /** Bit 63, NX. */
  noExecute: boolean;
  /** The frame where the table or the page begins. */
  pfn: number;
}

/**
 * 01.2 Decode an entry. Returns what the 8-byte `entry` says in a table of `level` (1 to 4), or undefined when
 * it is not present: then the other 63 bits belong to the operating system, and the processor does not look at
 * them.
 *
 * `decodeEntry(0x8000000000055067n, 1)` is a leaf for frame 0x55: writable, user, accessed, dirty, noExecute,
 * not global.
 * `decodeEntry(0x2000e7n, 2)` is a leaf for the 2 MiB that begin at frame 0x200. `decodeEntry(0x3007n, 3)`
 * points to the table in frame 3.
 */
export function decodeEntry(entry: bigint, level: number): DecodedEntry | undefined {
  throw new NotWrittenYet("01.2");
}

/**
 * 01.3 Walk the tables. Translates `va` for `access` through the four-level table in frame `paging.rootPfn`, as
 * the processor does.
 *
 * `access` is made of ACCESS_WRITE, ACCESS_USER and ACCESS_FETCH; ACCESS_READ is 0, a read by the supervisor
 * (the kernel).
 *
 * - An address that is not canonical never reaches the tables: return `new AddressFault(va)`.
 * - An entry that is not present: `new PageFault(va, errorCode)` with P = 0.
 * - Bit 7 in a level-4 entry is reserved: P and RSVD in the error code. (Other reserved bits are not asked for.)
 * - An access that is not allowed: P = 1. A user access needs U/S; a write needs R/W, in the kernel too (CR0.WP
 *   is 1); a fetch needs NX to be 0. Every level has a say. This processor has neither SMEP nor SMAP.
 * - Otherwise { pa, level, rights }: the physical address; the level of the leaf; and what the TLB keeps,
 *   PAGE_RW and PAGE_USER when all levels have them, RIGHT_NX when any level has NX, and the leaf's PAGE_DIRTY
 *   (as this access leaves it) and PAGE_GLOBAL.
 * - The processor sets A in every entry it uses, and D in the leaf when it writes.
 */
export function walk(ram: Ram, paging: Paging, va: number, access: number): Translation | Fault {
  throw new NotWrittenYet("01.3");
}

/** Linux's error number for "out of memory". */
export const ENOMEM = 12;
/** Linux's error number for "exists already". */
export const EEXIST = 17;

/**
 * 01.4 Map a page. Makes the 4 KiB page at `va` lead to frame `pfn`, in the four-level table whose root is
 * frame `rootPfn`.
 *
 * - Tables that are missing on the way come from `frames.allocFrame()`. Such a frame still holds the bytes of
 *   its last owner. The entry that points to a table is present, writable and user, and lets instructions be
 *   fetched.
 * - The leaf is present; writable, user and global as `flags` says; NX unless `flags.executable`. A and D stay 0.
 * - Returns 0. When the page is mapped already: -EEXIST, and nothing changes. When there is no frame for a
 *   table: -ENOMEM.
 */
export function mapPage(
  ram: Ram,
  rootPfn: number,
  va: number,
  pfn: number,
  flags: MapFlags,
  frames: FrameAllocator,
): number {
  throw new NotWrittenYet("01.4");
}

/** Mapped addresses from `start` (included) to `end` (not included), both multiples of 4096. */
export interface Range {
  start: number;
  end: number;
}

/** What 01.5 gives: how many tables of each level, and all together. */
export interface TableCount {
  /** Level 1. */
  pte: number;
  /** Level 2. */
  pmd: number;
  /** Level 3. */
  pud: number;
  /** Level 4: the root. */
  pgd: number;
  total: number;
}

/**
 * 01.5 Count the tables. Returns how many tables of each level it takes to map all of `ranges` with 4 KiB
 * pages, in one four-level table. Ranges may touch, overlap and lie in the kernel half. The root always exists;
 * other tables exist only where something is mapped.
 *
 * One page needs { pte: 1, pmd: 1, pud: 1, pgd: 1, total: 4 }, and so do 512 pages that fill one table of level 1.
 */
export function countTables(ranges: readonly Range[]): TableCount {
  throw new NotWrittenYet("01.5");
}
