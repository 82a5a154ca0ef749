/**
 * Addresses: how a virtual address is taken apart, and how addresses are written down.
 *
 *   63        48 47     39 38     30 29     21 20     12 11          0
 *  +------------+---------+---------+---------+---------+-------------+
 *  | sign (=47) |  PML4   |  PDPT   |   PD    |   PT    |   offset    |   4-level paging
 *  +------------+---------+---------+---------+---------+-------------+
 *                 level 4   level 3   level 2   level 1
 *
 * An address here is a plain JavaScript number: a double holds every integer up to 2^53 exactly, which covers
 * all 48-bit addresses. The upper half is kept as a negative number (the sign extension that the processor
 * itself demands of a canonical address): 0xffff_8000_0000_0000 is -0x8000_0000_0000.
 *
 * JavaScript's bit operators cut their operands to 32 bits, so an address never goes through `&` or `>>`
 * directly. The helpers below split it with division first; everything else in the project calls them.
 *
 * Read next: entry.ts (what a table entry holds), then walk.ts (how the two meet).
 */
import { checkArguments, notANumber } from "./signature.js";

/** A virtual address: a whole number of bytes, negative in the kernel half. Linux: unsigned long */
export type Vaddr = number;
/** Number of a frame of RAM: physical address / 4096. Linux include/linux/pfn.h: unsigned long pfn */
export type Pfn = number;

/** log2 of the page size: a page has 2^12 bytes. Linux arch/x86/include/asm/page_types.h:PAGE_SHIFT */
export const PAGE_SHIFT = 12;
/** Bytes in a page, 4096. Linux arch/x86/include/asm/page_types.h:PAGE_SIZE */
export const PAGE_SIZE = 4096;
/** Entries in one table of 4- or 5-level paging. Intel SDM vol. 3A, 4-Level Paging */
export const ENTRIES_PER_TABLE = 512;
/** Bytes that one level-2 entry maps as a leaf: 2 MiB. */
export const PMD_SIZE = 0x20_0000;
/** Bytes that one level-3 entry maps as a leaf: 1 GiB. */
export const PUD_SIZE = 0x4000_0000;

/** Virtual page number of `va` (negative in the kernel half). Not in Linux: `va >> PAGE_SHIFT` there. */
export function vpnOf(va: Vaddr): number {
  if (typeof va !== "number") throw notANumber("vpnOf(): va", va);
  return Math.floor(va / PAGE_SIZE);
}

/** Byte offset of `va` inside its 4 KiB page, 0 to 4095. Linux include/linux/mm.h:offset_in_page() */
export function offsetInPage(va: Vaddr): number {
  if (typeof va !== "number") throw notANumber("offsetInPage(): va", va);
  return va - Math.floor(va / PAGE_SIZE) * PAGE_SIZE;
}

/** Of `sizeBytes` bytes from `va` on, those that lie on the first page. Not in Linux. */
export function firstPart(va: Vaddr, sizeBytes: number): number {
  const left = PAGE_SIZE - (va - Math.floor(va / PAGE_SIZE) * PAGE_SIZE);
  return left < sizeBytes ? left : sizeBytes;
}

/** `va` rounded down to its page. Linux PAGE_ALIGN_DOWN() */
export function pageAlignDown(va: Vaddr): number {
  if (typeof va !== "number") throw notANumber("pageAlignDown(): va", va);
  return Math.floor(va / PAGE_SIZE) * PAGE_SIZE;
}

/** `va` rounded up to a page. Linux include/linux/mm.h:PAGE_ALIGN() */
export function pageAlign(va: Vaddr): number {
  if (typeof va !== "number") throw notANumber("pageAlign(): va", va);
  return Math.ceil(va / PAGE_SIZE) * PAGE_SIZE;
}

/**
 * Index into the table of `level` (1 = PT, 2 = PD, 3 = PDPT, 4 = PML4, 5 = PML5) for `va`, 0 to 511.
 * Intel SDM vol. 3A, 4-Level Paging and 5-Level Paging
 */
export function tableIndex(va: Vaddr, level: number): number {
  if (typeof va !== "number") throw notANumber("tableIndex(): va", va);
  if (typeof level !== "number") throw notANumber("tableIndex(): level", level);
  // After the division `&` is safe: it takes its operand modulo 2^32, and only nine bits are kept.
  return Math.floor(va * LEVEL_SCALE[level]!) & 511;
}

/** 1 / LEVEL_SIZE, exact: the host multiplies faster than it divides. */
const LEVEL_SCALE = [1, 2 ** -12, 2 ** -21, 2 ** -30, 2 ** -39, 2 ** -48];

/** Bytes mapped by one entry of each level; index 1 is a page. LEVEL_SIZE[2] is 2 MiB, [3] 1 GiB. */
export const LEVEL_SIZE: readonly number[] = [1, 2 ** 12, 2 ** 21, 2 ** 30, 2 ** 39, 2 ** 48];

/**
 * Whether the processor accepts `va`: all bits above the highest translated one equal that bit.
 * Intel SDM vol. 1, Canonical Addressing. `levels` is 4 (48 bits) or 5 (57 bits).
 */
export function isCanonical(va: Vaddr, levels = 4): boolean {
  const half = levels === 5 ? 2 ** 56 : 2 ** 47;
  return Number.isInteger(va) && va >= -half && va < half;
}

/**
 * `value` in hexadecimal with 0x; negative numbers as the 64-bit two's complement that the processor holds.
 */
export function hex(value: number | bigint, digits = 1): string {
  checkArguments("hex()", { value: "value", digits: "count?" }, [value, digits]);
  if (digits > 1000) throw new RangeError(`hex(): ${digits} digits are more than 1000`);
  const big = BigInt(value);
  const text = (big < 0n ? big + (1n << 64n) : big).toString(16);
  return `0x${text.padStart(digits, "0")}`;
}
