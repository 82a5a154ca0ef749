/**
 * TLB entries: what a TLB holds of one page, and how that is packed into four words, so that a look-up is two
 * comparisons of integers.
 *
 *   tag      low 32 bits of the vpn (in units of the page's own size)
 *   key      0 = empty, else
 *              29   28  27        16 15  13 12             0
 *            +----+---+-------------+------+----------------+
 *            |  1 | G |    PCID     | level| vpn, high bits |
 *            +----+---+-------------+------+----------------+
 *   frame    bits 12-31 low 20 bits of the frame number, bits 0-11 the rights word (protection.ts)
 *   frameHi  the frame number's other bits
 *
 * A page is found under its tag and the key of its address space, or under the key of everybody when its
 * entry is global (G, PCID 0).
 *
 * The numbers of the pages of all levels around one address are computed from the 4 KiB page's number in two
 * halves, `hi:lo`, by shifts; numbers of more than 32 bits would have to be divided.
 *
 * Read first: protection.ts. Read next: tlb.ts.
 */
import type { Pfn } from "./address.js";
import { RIGHTS_MASK } from "./protection.js";

/** One translation as a TLB holds it. */
export interface TlbEntry {
  /** Page number in units of the page's own size: `Math.floor(va / LEVEL_SIZE[level])`. */
  readonly vpn: number;
  /** 1, 2 or 3. */
  readonly level: number;
  /** Whose it is; 0 for a global entry, which is everybody's. */
  readonly pcid: number;
  readonly global: boolean;
  /** First 4 KiB frame of the page. */
  readonly pfn: Pfn;
  /** PAGE_RW, PAGE_USER, PAGE_DIRTY, PAGE_GLOBAL, RIGHT_NX. */
  readonly rights: number;
}

const VALID = 1 << 29;
const GLOBAL = 1 << 28;
const PCID_SHIFT = 16;
const PCID_MASK = 0xfff << PCID_SHIFT;
const LEVEL_SHIFT = 13;
const HIGH_BITS = 0x1fff;

/** The part of a key that is the same for all pages of a level in one address space. */
export function keyBase(level: number, pcid: number): number {
  return VALID | (level << LEVEL_SHIFT) | (pcid << PCID_SHIFT);
}

/** The part of a key that comes from the page number. */
export function keyOfVpn(vpn: number): number {
  return Math.floor(vpn / 2 ** 32) & HIGH_BITS;
}

/** The key under which the same page is found when its entry is global. */
export function globalKey(key: number): number {
  return (key & ~PCID_MASK) | GLOBAL;
}

/** Level of the page that has this key. */
export function levelOfKey(key: number): number {
  return (key >> LEVEL_SHIFT) & 7;
}

/** Whether this is a global entry's key. */
export function isGlobalKey(key: number): boolean {
  return (key & GLOBAL) !== 0;
}

/** Whether this is the key of an entry that belongs to `pcid` alone. */
export function isKeyOf(pcid: number, key: number): boolean {
  return (key & (VALID | GLOBAL | PCID_MASK)) === (VALID | (pcid << PCID_SHIFT));
}

/**
 * Low 32 bits of the number of the page of `level` around the 4 KiB page `hi:lo`: nine bits fewer for each
 * level.
 */
export function tagOf(lo: number, hi: number, level: number): number {
  if (level === 1) return lo;
  if (level === 5) return hi >> 4;
  const shift = 9 * level - 9;
  return (lo >>> shift) | (hi << (32 - shift));
}

/** The bits above them, as they stand in a key. */
export function highBitsOf(hi: number, level: number): number {
  return (level === 5 ? hi >> 31 : hi >> (9 * level - 9)) & HIGH_BITS;
}

/** Frame number and rights in one word, as far as they fit. */
export function frameWord(pfn: Pfn, rights: number): number {
  return (pfn << 12) | (rights & RIGHTS_MASK);
}

/** The entry that stands in four words; `key` is not 0. */
export function unpackEntry(tag: number, key: number, frame: number, frameHi: number): TlbEntry {
  const high = ((key & HIGH_BITS) << 19) >> 19;
  return {
    vpn: high * 2 ** 32 + (tag >>> 0),
    level: levelOfKey(key),
    pcid: (key & PCID_MASK) >> PCID_SHIFT,
    global: isGlobalKey(key),
    pfn: frameHi * 2 ** 20 + (frame >>> 12),
    rights: frame & RIGHTS_MASK,
  };
}
