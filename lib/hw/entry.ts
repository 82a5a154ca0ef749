/**
 * Entries: the 8 bytes that fill every slot of every page table, bit for bit as the processor reads them.
 *
 *   63  62-59 58-52   51                            12 11-9  8 7  6 5 4   3   2   1   0
 *  +---+-----+-------+--------------------------------+----+-+--+-+-+---+---+---+---+---+
 *  |XD | key | free  |     page frame number          |free|G|PS|D|A|PCD|PWT|U/S|R/W| P |
 *  +---+-----+-------+--------------------------------+----+-+--+-+-+---+---+---+---+---+
 *
 * Bit 7 means "this entry is a leaf" (PS) in a level-2 or level-3 table; in a level-1 table it selects
 * a memory type (PAT). An entry whose P bit is clear belongs to the operating system: all other 63 bits are
 * free.
 *
 * A large leaf maps 2 MiB or 1 GiB, so the low bits of its frame number would always be 0. The processor uses
 * the lowest of them (bit 12) for PAT, because bit 7 is taken, and demands that the others are 0.
 *
 * The constants fit the low 32 bits and are plain numbers. Whole entries are bigints here: exact, slower,
 * pleasant in a notebook. `unpackEntry` takes one apart, `packEntry` puts one together. The processor's own
 * path (walk.ts) reads two 32-bit halves instead.
 *
 * Read first: address.ts. Read next: walk.ts.
 */

import type { Pfn } from "./address.js";
import { hex } from "./address.js";
import { checkArguments } from "./signature.js";

/**
 * One table entry, all 64 bits as an unsigned number as far as they are used here.
 * Linux arch/x86/include/asm/pgtable_types.h:pte_t
 */
export type Pte = number;

/** P: the entry maps something; when clear the processor faults and ignores all other bits. */
export const PAGE_PRESENT = 0x001;
/** R/W: writes are allowed below this entry. */
export const PAGE_RW = 0x002;
/** U/S: user mode may use what lies below this entry. */
export const PAGE_USER = 0x004;
/** PWT: page-level write-through. */
export const PAGE_PWT = 0x008;
/** PCD: page-level cache disable. */
export const PAGE_PCD = 0x010;
/** A: set by the processor when the entry is used for a translation. */
export const PAGE_ACCESSED = 0x020;
/** D: set by the processor in a leaf when it is written through. */
export const PAGE_DIRTY = 0x040;
/** PS: this level-2 or level-3 entry is a leaf (2 MiB, 1 GiB). */
export const PAGE_PSE = 0x080;
/** PAT in a level-1 entry, the same bit as PS: selects a memory type. */
export const PAGE_PAT = 0x080;
/** G: the translation survives a CR3 write. */
export const PAGE_GLOBAL = 0x100;
/** PAT in a large leaf, where bit 7 is taken by PS. */
export const PAGE_PAT_LARGE = 0x1000;
/** Bit 63, XD or NX: no instruction fetches below this entry. In the high 32-bit half it is the sign bit. */
export const PAGE_NX = 1n << 63n;
/** Bits 12 to 51: the physical address that the entry points to. */
export const PHYSICAL_MASK = 0x000f_ffff_ffff_f000n;

/**
 * Width of a physical address on this processor (MAXPHYADDR). Bits 51 down to this one of an entry are
 * reserved: a present entry that sets one of them faults. Intel SDM vol. 3A, Table 4-14 and CPUID leaf
 * 80000008H
 */
export const MAXPHYADDR = 46;
/** The reserved physical-address bits 51 to 46 as they lie in the high 32-bit half of an entry. */
export const RESERVED_HI = 0x000f_c000;

/** An entry taken apart: one field for each bit or group of bits. */
export interface EntryFields {
  /** Bit 0, P. */
  present: boolean;
  /** Bit 1, R/W. */
  writable: boolean;
  /** Bit 2, U/S. */
  user: boolean;
  /** Bit 3, PWT. */
  writeThrough: boolean;
  /** Bit 4, PCD. */
  cacheDisable: boolean;
  /** Bit 5, A. */
  accessed: boolean;
  /** Bit 6, D (leaves only; free in an entry that points to a table). */
  dirty: boolean;
  /** Bit 7: PS at levels 2 and 3, PAT at level 1. */
  pageSize: boolean;
  /** Bit 8, G (leaves only). */
  global: boolean;
  /** Bits 9 to 11, free for the operating system. */
  software: number;
  /** Bits 12 to 51: the frame the entry points to (for a large leaf with PAT set, bit 12 is counted in). */
  pfn: Pfn;
  /** Bits 52 to 58, free for the operating system. */
  softwareHigh: number;
  /** Bits 59 to 62, protection key (leaves only; ignored while CR4.PKE is 0). */
  protectionKey: number;
  /** Bit 63, XD/NX. */
  noExecute: boolean;
}

/** Every field of the 64-bit entry `entry`. Inverse of `packEntry`. Intel SDM vol. 3A, Figure 4-11 */
export function unpackEntry(entry: bigint): EntryFields {
  checkArguments("unpackEntry()", { entry: "entry" }, [entry]);
  const lo = Number(entry & 0xfffn);
  return {
    present: (lo & PAGE_PRESENT) !== 0,
    writable: (lo & PAGE_RW) !== 0,
    user: (lo & PAGE_USER) !== 0,
    writeThrough: (lo & PAGE_PWT) !== 0,
    cacheDisable: (lo & PAGE_PCD) !== 0,
    accessed: (lo & PAGE_ACCESSED) !== 0,
    dirty: (lo & PAGE_DIRTY) !== 0,
    pageSize: (lo & PAGE_PSE) !== 0,
    global: (lo & PAGE_GLOBAL) !== 0,
    software: lo >> 9,
    pfn: Number((entry & PHYSICAL_MASK) >> 12n),
    softwareHigh: Number((entry >> 52n) & 0x7fn),
    protectionKey: Number((entry >> 59n) & 0xfn),
    noExecute: (entry & PAGE_NX) !== 0n,
  };
}

/**
 * The 64-bit entry with the given fields; what is left out is 0. Inverse of `unpackEntry`.
 * `packEntry({ present: true, writable: true, pfn: 5 })` is 0x5003n.
 */
export function packEntry(fields: Partial<EntryFields>): bigint {
  checkArguments("packEntry()", { fields: "object" }, [fields]);
  const lo =
    (fields.present ? PAGE_PRESENT : 0) |
    (fields.writable ? PAGE_RW : 0) |
    (fields.user ? PAGE_USER : 0) |
    (fields.writeThrough ? PAGE_PWT : 0) |
    (fields.cacheDisable ? PAGE_PCD : 0) |
    (fields.accessed ? PAGE_ACCESSED : 0) |
    (fields.dirty ? PAGE_DIRTY : 0) |
    (fields.pageSize ? PAGE_PSE : 0) |
    (fields.global ? PAGE_GLOBAL : 0) |
    (inRange("software", fields.software ?? 0, 8) << 9);
  return (
    BigInt(lo) |
    (BigInt(inRange("pfn", fields.pfn ?? 0, 2 ** 40)) << 12n) |
    (BigInt(inRange("softwareHigh", fields.softwareHigh ?? 0, 128)) << 52n) |
    (BigInt(inRange("protectionKey", fields.protectionKey ?? 0, 16)) << 59n) |
    (fields.noExecute ? PAGE_NX : 0n)
  );
}

/**
 * The entry that maps frame `pfn` with the low flag bits `flags` (`PAGE_PRESENT | PAGE_RW`), and NX when
 * asked.
 */
export function makeEntry(pfn: Pfn, flags: number, noExecute = false): bigint {
  checkArguments("makeEntry()", { pfn: "number", flags: "number", noExecute: "flag?" }, [
    pfn,
    flags,
    noExecute,
  ]);
  inRange("pfn", pfn, 2 ** 40);
  inRange("flags", flags, 0x1000);
  return (BigInt(pfn) << 12n) | BigInt(flags) | (noExecute ? PAGE_NX : 0n);
}

/** Whether a present entry of `level` is a leaf: it maps memory itself instead of pointing to a table. */
export function isLeaf(entry: bigint, level: number): boolean {
  checkArguments("isLeaf()", { entry: "entry", level: "count" }, [entry, level]);
  return level === 1 || (level <= 3 && (entry & BigInt(PAGE_PSE)) !== 0n);
}

/**
 * `entry` in words, as a kernel would print it: `pfn 0x5 P RW US A`. An entry that is not present is "not
 * present".
 */
export function entryText(entry: bigint): string {
  checkArguments("entryText()", { entry: "entry" }, [entry]);
  const f = unpackEntry(entry);
  if (!f.present) return entry === 0n ? "empty" : `not present (${hex(entry)})`;
  const names = [
    "P",
    f.writable ? "RW" : "RO",
    f.user ? "US" : "SV",
    f.writeThrough && "PWT",
    f.cacheDisable && "PCD",
    f.accessed && "A",
    f.dirty && "D",
    f.pageSize && "PS",
    f.global && "G",
    f.noExecute && "NX",
  ];
  return `pfn ${hex(f.pfn)} ${names.filter(Boolean).join(" ")}`;
}

function inRange(name: string, value: number, limit: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value < limit))
    throw new RangeError(`entry field ${name} ${value} is not an integer from 0 to ${limit - 1}`);
  return value;
}
