/**
 * Entries: the 8 bytes that fill every slot of every page table, bit for bit as the processor reads them.
 *
 *   63  62-59 58-52   51                            12 11-9  8 7  6 5 4   3   2   1   0
 *  +---+-----+-------+--------------------------------+----+-+--+-+-+---+---+---+---+---+
 *  |XD | key | free  |     page frame number          |free|G|PS|D|A|PCD|PWT|U/S|R/W| P |
 *  +---+-----+-------+--------------------------------+----+-+--+-+-+---+---+---+---+---+
 *
 * Bit 7 means "this entry is a leaf" (PS) in a level-2 or level-3 table; in a level-1 table it selects
 * a memory type (PAT). An entry whose P bit is clear belongs to the operating system: all other 63 bits are free.
 *
 * Read first: address.ts. Read next: walk.ts.
 */

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
/** G: the translation survives a CR3 write. */
export const PAGE_GLOBAL = 0x100;
/** Bit 63, XD or NX: no instruction fetches below this entry. In the high 32-bit half it is the sign bit. */
export const PAGE_NX = 1n << 63n;
