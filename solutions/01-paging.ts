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

// HINT 01.1: The offset is what is left of the address after whole pages of 4096 bytes. The rest is the page number.
// HINT 01.1: The page number has four groups of nine bits. Nine bits are a number from 0 to 511.
// HINT 01.1: With a bigint all 64 bits stay: let bits = BigInt.asUintN(64, BigInt(va)), then Number((bits >>
//   12n) & 511n) is the index of level 1. Each level further up is nine bits to the left.
/**
 * 01.1 Split an address. Returns the four table indexes and the offset of `va`.
 *
 * `splitAddress(0x401abc)` is { pgdIndex: 0, pudIndex: 0, pmdIndex: 2, pteIndex: 1, offset: 0xabc }.
 * `splitAddress(-1)`, the last byte of all, has 511 four times and the offset 4095.
 */
export function splitAddress(va: number): AddressParts {
  // SOLUTION BEGIN
  const bits = BigInt.asUintN(64, BigInt(va));
  const nineBits = (low: bigint): number => Number((bits >> low) & 511n);
  return {
    pgdIndex: nineBits(39n),
    pudIndex: nineBits(30n),
    pmdIndex: nineBits(21n),
    pteIndex: nineBits(12n),
    offset: Number(bits & 4095n),
  };
  // SOLUTION END
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

// HINT 01.2: Test one bit of a bigint with (entry & 2n) !== 0n. The names PAGE_PRESENT, PAGE_RW, ... from
//   "pagewalk" are plain numbers: BigInt(PAGE_RW).
// HINT 01.2: Level 1: always a leaf. Levels 2 and 3: a leaf when PAGE_PSE (bit 7) is set. Level 4: never.
// HINT 01.2: The frame number is in bits 12 to 51, so drop NX and the free bits above 51 before you shift.
// HINT 01.2: A 2 MiB page begins at a frame that is a multiple of 512, a 1 GiB page at a multiple of 512 * 512.
//   Bit 12 of such a leaf is not part of the frame number (it is called PAT): round the frame number down.
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
  // SOLUTION BEGIN
  const has = (bit: number): boolean => (entry & BigInt(bit)) !== 0n;
  if (!has(PAGE_PRESENT)) return undefined;
  const leaf = level === 1 || (level < 4 && has(PAGE_PSE));
  const pfn = Number((entry >> 12n) & 0xff_ffff_ffffn);
  const framesInLeaf = leaf ? LEVEL_SIZE[level]! / PAGE_SIZE : 1;
  return {
    leaf,
    writable: has(PAGE_RW),
    user: has(PAGE_USER),
    accessed: has(PAGE_ACCESSED),
    dirty: leaf && has(PAGE_DIRTY),
    global: leaf && has(PAGE_GLOBAL),
    noExecute: (entry & PAGE_NX) !== 0n,
    pfn: pfn - (pfn % framesInLeaf),
  };
  // SOLUTION END
}

// HINT 01.3: Start with the table in frame paging.rootPfn and level 4. At each level: the entry's physical
//   address is the table's plus 8 * index; ram.readEntry(pa) gives its 8 bytes as a bigint. Your splitAddress
//   and decodeEntry do the rest.
// HINT 01.3: The error code is already half there: `access` has its W, U and I bits in the same places. An
//   entry that is not present: new PageFault(va, access). An access that is not allowed: new PageFault(va,
//   access | PF_PROT).
// HINT 01.3: A right counts only when EVERY level gives it. Keep three variables (writable, user, noExecute)
//   and narrow them at each level. Check them at the leaf, not before: an entry further down may be missing,
//   and then the fault has no P bit.
// HINT 01.3: A leaf of 2 MiB has an offset of 21 bits, one of 1 GiB of 30 bits. LEVEL_SIZE[level] is the size
//   of a page of that level; a negative remainder must become positive.
// HINT 01.3: Set PAGE_ACCESSED in each entry you pass, the leaf too; PAGE_DIRTY in the leaf when it is written.
//   ram.writeEntry(pa, entry | BigInt(PAGE_ACCESSED)) stores it. A leaf that refuses the access stays as it is.
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
  // SOLUTION BEGIN
  if (!isCanonical(va)) return new AddressFault(va);
  const parts = splitAddress(va);
  const indexes = [0, parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];
  let rights = PAGE_RW | PAGE_USER;
  let table = paging.rootPfn;
  for (let level = 4; ; level--) {
    const entryPa = table * PAGE_SIZE + indexes[level]! * 8;
    const entry = ram.readEntry(entryPa);
    const decoded = decodeEntry(entry, level);
    if (decoded === undefined) return new PageFault(va, access);
    if (level === 4 && (entry & BigInt(PAGE_PSE)) !== 0n)
      return new PageFault(va, access | PF_PROT | PF_RSVD);
    if (!decoded.writable) rights &= ~PAGE_RW;
    if (!decoded.user) rights &= ~PAGE_USER;
    if (decoded.noExecute) rights |= RIGHT_NX;
    if (!decoded.leaf) {
      ram.writeEntry(entryPa, entry | BigInt(PAGE_ACCESSED));
      table = decoded.pfn;
      continue;
    }
    if (!mayAccess(rights, access)) return new PageFault(va, access | PF_PROT);
    const marked = entry | BigInt(PAGE_ACCESSED) | (access & ACCESS_WRITE ? BigInt(PAGE_DIRTY) : 0n);
    ram.writeEntry(entryPa, marked);
    const size = LEVEL_SIZE[level]!;
    const offset = va - Math.floor(va / size) * size;
    const ofLeaf = Number(marked & BigInt(PAGE_DIRTY | PAGE_GLOBAL));
    return { pa: decoded.pfn * PAGE_SIZE + offset, level, rights: rights | ofLeaf };
  }
  // SOLUTION END
}

// SOLUTION BEGIN
function mayAccess(rights: number, access: number): boolean {
  if (access & ACCESS_USER && !(rights & PAGE_USER)) return false;
  if (access & ACCESS_WRITE && !(rights & PAGE_RW)) return false;
  return !(access & ACCESS_FETCH && rights & RIGHT_NX);
}

// SOLUTION END
// HINT 01.4: Go down as in 01.3, from level 4 to level 2. Where an entry is not present, take a frame, clear it
//   with ram.zeroFrame(pfn), and write an entry for it.
// HINT 01.4: makeEntry(pfn, PAGE_PRESENT | PAGE_RW | PAGE_USER) is the entry for a table: it allows everything,
//   so that the leaf decides.
// HINT 01.4: At level 1: if the entry is present already, return -EEXIST. Else write makeEntry(pfn, flags,
//   noExecute).
// HINT 01.4: A large leaf in the way (bit 7 at level 2 or 3) also means "mapped already". allocFrame() gives
//   undefined when RAM is full: return -ENOMEM.
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
  // SOLUTION BEGIN
  const parts = splitAddress(va);
  const indexes = [0, parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];
  let table = rootPfn;
  for (let level = 4; level > 1; level--) {
    const entryPa = table * PAGE_SIZE + indexes[level]! * 8;
    const decoded = decodeEntry(ram.readEntry(entryPa), level);
    if (decoded?.leaf) return -EEXIST;
    if (decoded === undefined) {
      const fresh = frames.allocFrame();
      if (fresh === undefined) return -ENOMEM;
      ram.zeroFrame(fresh);
      ram.writeEntry(entryPa, makeEntry(fresh, PAGE_PRESENT | PAGE_RW | PAGE_USER));
      table = fresh;
    } else table = decoded.pfn;
  }
  const leafPa = table * PAGE_SIZE + parts.pteIndex * 8;
  if (decodeEntry(ram.readEntry(leafPa), 1) !== undefined) return -EEXIST;
  let bits = PAGE_PRESENT;
  if (flags.writable) bits |= PAGE_RW;
  if (flags.user) bits |= PAGE_USER;
  if (flags.global) bits |= PAGE_GLOBAL;
  ram.writeEntry(leafPa, makeEntry(pfn, bits, !flags.executable));
  return 0;
  // SOLUTION END
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

// HINT 01.5: One table of level 1 has 512 entries of 4 KiB each: it serves 2 MiB. One of level 2 serves 1 GiB,
//   one of level 3 serves 512 GiB.
// HINT 01.5: Which table of level 1 serves an address? Number Math.floor(va / 2 MiB). Two ranges that need the
//   same number share the table: a Set counts each once.
// HINT 01.5: `end` is not part of the range: the last byte is end - 1. An empty range needs nothing. The root
//   exists even when nothing is mapped.
/**
 * 01.5 Count the tables. Returns how many tables of each level it takes to map all of `ranges` with 4 KiB
 * pages, in one four-level table. Ranges may touch, overlap and lie in the kernel half. The root always exists;
 * other tables exist only where something is mapped.
 *
 * One page needs { pte: 1, pmd: 1, pud: 1, pgd: 1, total: 4 }, and so do 512 pages that fill one table of level 1.
 */
export function countTables(ranges: readonly Range[]): TableCount {
  // SOLUTION BEGIN
  const served = [2, 3, 4].map((level) => {
    const bytesPerTable = LEVEL_SIZE[level]!;
    const tables = new Set<number>();
    for (const { start, end } of ranges)
      for (let at = Math.floor(start / bytesPerTable); at * bytesPerTable < end && start < end; at++)
        tables.add(at);
    return tables.size;
  });
  const [pte, pmd, pud] = served as [number, number, number];
  return { pte, pmd, pud, pgd: 1, total: pte + pmd + pud + 1 };
  // SOLUTION END
}
