/**
 * Page tables, built by hand: the mapper that a machine uses before it has a kernel.
 *
 *   CR3 -> [ root ]                       level 4 (PML4, Linux: pgd)
 *             |  index = bits 47-39
 *             v
 *          [ table ]                      level 3 (PDPT, Linux: pud)      entry with PS: 1 GiB leaf
 *             |  bits 38-30
 *             v
 *          [ table ]                      level 2 (PD, Linux: pmd)        entry with PS: 2 MiB leaf
 *             |  bits 29-21
 *             v
 *          [ table ]                      level 1 (PT, Linux: pte)        entry: 4 KiB leaf
 *                bits 20-12 -> frame
 *
 * Only the tables on the way to something mapped exist. A missing one is taken from the frame allocator and
 * cleared: the frame may still hold the bytes of its last owner, and every garbage byte would be an entry. A
 * table that holds nothing any more is given back. The frames spent on tables are counted, because that is
 * the price of paging.
 *
 * 32-bit paging has two levels of 1024 4-byte entries (4 MiB leaves), 5-level paging one level more on top.
 * Left out: TLB flushes (whoever changes a live table must flush) and everything a kernel adds, see lib/mm.
 *
 * Read first: address.ts, entry.ts. Read next: walk.ts, explain.ts.
 */
import type { Pfn, Vaddr } from "./address.js";
import { hex, isCanonical, LEVEL_SIZE, PAGE_SIZE, tableIndex } from "./address.js";
import {
  isLeaf,
  makeEntry,
  PAGE_GLOBAL,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
  PHYSICAL_MASK,
} from "./entry.js";
import type { FrameAllocator } from "./frames.js";
import { valueText } from "./options.js";
import { Ram } from "./ram.js";
import { checkArguments, type Signature, shape } from "./signature.js";

/** No frame was left. Linux include/uapi/asm-generic/errno-base.h:ENOMEM */
const ENOMEM = 12;
/** Something is mapped there already. Linux EEXIST */
const EEXIST = 17;

/** What a mapping allows. Everything left out is not allowed, except reading by the supervisor. */
export interface MapFlags {
  /** R/W: writes are allowed. */
  readonly writable?: boolean;
  /** U/S: user mode may use it. */
  readonly user?: boolean;
  /** Instructions may be fetched: bit 63 (NX) stays clear. 32-bit paging has no such bit. */
  readonly executable?: boolean;
  /** G: stays in the TLB when CR3 is written. */
  readonly global?: boolean;
}

/**
 * Maps the 4 KiB page of `va` to frame `pfn` in the four-level table whose root is frame `rootPfn`,
 * allocating the tables that are missing. 0, or -ENOMEM when `frames` has none left, or -EEXIST when the page
 * is mapped already. The replaceable part `mapPage`.
 */
export type MapPage = (
  ram: Ram,
  rootPfn: number,
  va: Vaddr,
  pfn: Pfn,
  flags: MapFlags,
  frames: FrameAllocator,
) => number;

/** The low flag bits of a leaf with `flags`. */
export function leafFlags(flags: MapFlags): number {
  return (
    PAGE_PRESENT |
    (flags.writable ? PAGE_RW : 0) |
    (flags.user ? PAGE_USER : 0) |
    (flags.global ? PAGE_GLOBAL : 0)
  );
}

/**
 * Flags of an entry that points to a table: everything is allowed, the leaf below decides. Linux
 * arch/x86/include/asm/pgtable_types.h:_PAGE_TABLE. Differs from Linux: A and D are left for the processor to
 * set.
 */
export const TABLE_FLAGS = PAGE_PRESENT | PAGE_RW | PAGE_USER;

/** The lib's own `mapPage`. Linux mm/memory.c:vm_insert_page() does as much with a struct page. */
export const mapPage: MapPage = (ram, rootPfn, va, pfn, flags, frames) => {
  let table = rootPfn;
  for (let level = 4; level > 1; level--) {
    const slot = table * PAGE_SIZE + tableIndex(va, level) * 8;
    const entry = ram.readEntry(slot);
    if ((entry & 1n) === 0n) {
      const fresh = allocTable(ram, frames);
      if (fresh === undefined) return -ENOMEM;
      ram.writeEntry(slot, makeEntry(fresh, TABLE_FLAGS));
      table = fresh;
    } else if (isLeaf(entry, level)) return -EEXIST;
    else table = pfnOf(entry);
  }
  const slot = table * PAGE_SIZE + tableIndex(va, 1) * 8;
  if ((ram.readEntry(slot) & 1n) !== 0n) return -EEXIST;
  ram.writeEntry(slot, makeEntry(pfn, leafFlags(flags), !flags.executable));
  return 0;
};

function pfnOf(entry: bigint): number {
  return Number((entry & PHYSICAL_MASK) >> 12n);
}

function allocTable(ram: Ram, frames: FrameAllocator): number | undefined {
  const pfn = frames.allocFrame();
  if (pfn !== undefined) ram.zeroFrame(pfn);
  return pfn;
}

/** How many levels a table has: 2 is 32-bit paging. */
export type TableLevels = 2 | 4 | 5;

/** Sizes of one 32-bit page and one 32-bit large page. */
const LEVEL_SIZE_32: readonly number[] = [1, 2 ** 12, 2 ** 22, 2 ** 32];

/** Bytes that one entry of `level` maps in a table of `levels` levels. */
export function entrySpan(levels: TableLevels, level: number): number {
  return levels === 2 ? LEVEL_SIZE_32[level]! : LEVEL_SIZE[level]!;
}

/** One mapping found in a table. */
export interface Mapping {
  readonly va: Vaddr;
  readonly pfn: Pfn;
  readonly sizeBytes: number;
  readonly entry: bigint;
}

/** What a PageTable needs besides RAM. */
export interface PageTableOptions {
  readonly levels?: TableLevels;
  readonly name?: string;
  /** Used instead of the lib's own for 4 KiB pages in four levels. */
  readonly mapPage?: MapPage;
}

function checkErrno(answer: number): number {
  if (Number.isInteger(answer) && answer <= 0) return answer;
  throw new TypeError(`the part mapPage must return 0 or a negative errno; it returned ${valueText(answer)}`);
}

const PAGE_TABLE: Signature = {
  ram: Ram,
  frames: shape({ allocFrame: "function", freeFrame: "function" }),
  options: { levels: "levels", name: "text", mapPage: "function" },
};

/**
 * One tree of page tables: what a process has, and what CR3 points to. Linux
 * include/linux/mm_types.h:mm_struct.pgd is its root.
 * `map` and `unmap` answer 0 or a negative errno; a bad argument is a RangeError.
 */
export class PageTable {
  readonly ram: Ram;
  readonly name: string;
  readonly levels: TableLevels;
  /** Frame of the top table. */
  readonly rootPfn: number;
  private readonly frames: FrameAllocator;
  private readonly mapPagePart: MapPage;
  private readonly tables = new Set<number>();
  /** Hands out frames for tables, and remembers them. */
  private readonly tableFrames: FrameAllocator;

  /** A table with nothing in it but its root. RangeError when there is no frame for that. */
  constructor(ram: Ram, frames: FrameAllocator, options: PageTableOptions = {}) {
    checkArguments("new PageTable()", PAGE_TABLE, [ram, frames, options]);
    this.ram = ram;
    this.frames = frames;
    this.levels = options.levels ?? 4;
    this.name = options.name ?? "table";
    this.mapPagePart = options.mapPage ?? mapPage;
    this.tableFrames = {
      allocFrame: () => {
        const pfn = frames.allocFrame();
        if (pfn !== undefined) this.tables.add(pfn);
        return pfn;
      },
      freeFrame: (pfn) => {
        this.tables.delete(pfn);
        frames.freeFrame(pfn);
      },
    };
    const root = allocTable(ram, this.tableFrames);
    if (root === undefined) throw new RangeError("RAM is full: there is no frame for the top table");
    this.rootPfn = root;
  }

  /** What belongs into CR3 (without a PCID). */
  get cr3(): number {
    return this.rootPfn * PAGE_SIZE;
  }

  /** Frames spent on tables, the root included. Linux counts all but the root in VmPTE. */
  get nrTables(): number {
    return this.tables.size;
  }

  /**
   * Maps `sizeBytes` (4 KiB, or 2 MiB and 1 GiB; 4 MiB with two levels) at `va` to the frames from `pfn` on.
   */
  map(va: Vaddr, pfn: Pfn, flags: MapFlags = {}, sizeBytes = PAGE_SIZE): number {
    const leafLevel = this.leafLevelOf(sizeBytes);
    this.checkPlace(va, pfn, sizeBytes);
    if (this.levels === 4 && leafLevel === 1)
      return checkErrno(this.mapPagePart(this.ram, this.rootPfn, va, pfn, flags, this.tableFrames));
    const slot = this.slotFor(va, leafLevel);
    if (typeof slot === "number") return slot;
    if (this.read(slot.pfn, slot.index) & 1n) return -EEXIST;
    const large = leafLevel > 1 ? PAGE_PSE : 0;
    const noExecute = this.levels !== 2 && !flags.executable;
    this.write(slot.pfn, slot.index, makeEntry(pfn, leafFlags(flags) | large, noExecute));
    return 0;
  }

  /**
   * Maps `nrPages` new frames from `va` on. Their old bytes are cleared. 0 or -ENOMEM or -EEXIST (what was
   * mapped before stays).
   */
  mapNew(va: Vaddr, nrPages = 1, flags: MapFlags = {}): number {
    for (let i = 0; i < nrPages; i++) {
      const pfn = allocTable(this.ram, this.frames);
      if (pfn === undefined) return -ENOMEM;
      const error = this.map(va + i * PAGE_SIZE, pfn, flags);
      if (error !== 0) {
        this.frames.freeFrame(pfn);
        return error;
      }
    }
    return 0;
  }

  /**
   * Takes the leaf that maps `va` away, and the tables that hold nothing any more. The mapping it was, or
   * undefined when there was none. The frame itself is not freed, and no TLB is flushed.
   */
  unmap(va: Vaddr): Mapping | undefined {
    const path: { pfn: Pfn; index: number }[] = [];
    let table = this.rootPfn;
    for (let level = this.levels as number; level >= 1; level--) {
      const index = this.indexOf(va, level);
      const entry = this.read(table, index);
      if ((entry & 1n) === 0n) return undefined;
      path.push({ pfn: table, index });
      if (this.isLeaf(entry, level)) {
        this.write(table, index, 0n);
        this.freeEmptyTables(path);
        const sizeBytes = entrySpan(this.levels, level);
        return { va: Math.floor(va / sizeBytes) * sizeBytes, pfn: pfnOf(entry), sizeBytes, entry };
      }
      table = pfnOf(entry);
    }
    return undefined;
  }

  /** Every leaf, lowest index first (the user half before the kernel half). */
  mappings(): Mapping[] {
    const found: Mapping[] = [];
    this.collect(this.rootPfn, this.levels, 0, found);
    return found;
  }

  /** Gives all table frames back, the root too. The mapped frames are not freed. */
  destroy(): void {
    for (const pfn of [...this.tables]) this.tableFrames.freeFrame(pfn);
  }

  toString(): string {
    const kib = (this.nrTables * PAGE_SIZE) / 1024;
    const lines = this.mappings().map(
      (m) =>
        `  ${hex(m.va, 12)} -> frame ${hex(m.pfn)}${m.sizeBytes > PAGE_SIZE ? ` (${m.sizeBytes / 2 ** 20} MiB)` : ""}`,
    );
    return [
      `${this.name}: ${this.levels} levels, root in frame ${hex(this.rootPfn)}, ${this.nrTables} table frames (${kib} KiB)`,
      ...lines,
    ].join("\n");
  }

  private collect(table: number, level: number, base: number, found: Mapping[]): void {
    const sizeBytes = entrySpan(this.levels, level);
    const nrEntries = this.levels === 2 ? 1024 : 512;
    const top = nrEntries * sizeBytes;
    for (let index = 0; index < nrEntries; index++) {
      const entry = this.read(table, index);
      if ((entry & 1n) === 0n) continue;
      const isUpperHalf = level === this.levels && level > 2 && index >= nrEntries / 2;
      const va = base + index * sizeBytes - (isUpperHalf ? top : 0);
      if (this.isLeaf(entry, level)) found.push({ va, pfn: pfnOf(entry), sizeBytes, entry });
      else this.collect(pfnOf(entry), level - 1, va, found);
    }
  }

  private slotFor(va: Vaddr, leafLevel: number): { pfn: Pfn; index: number } | number {
    let table = this.rootPfn;
    for (let level = this.levels as number; level > leafLevel; level--) {
      const index = this.indexOf(va, level);
      const entry = this.read(table, index);
      if ((entry & 1n) === 0n) {
        const fresh = allocTable(this.ram, this.tableFrames);
        if (fresh === undefined) return -ENOMEM;
        this.write(table, index, makeEntry(fresh, TABLE_FLAGS));
        table = fresh;
      } else if (this.isLeaf(entry, level)) return -EEXIST;
      else table = pfnOf(entry);
    }
    return { pfn: table, index: this.indexOf(va, leafLevel) };
  }

  private freeEmptyTables(path: { pfn: Pfn; index: number }[]): void {
    for (let step = path.length - 1; step > 0; step--) {
      const table = path[step]!.pfn;
      if (this.ram.frame(table).some((byte) => byte !== 0)) return;
      const above = path[step - 1]!;
      this.write(above.pfn, above.index, 0n);
      this.tableFrames.freeFrame(table);
    }
  }

  private isLeaf(entry: bigint, level: number): boolean {
    return isLeaf(entry, level) && level < 4;
  }

  private indexOf(va: Vaddr, level: number): number {
    if (this.levels !== 2) return tableIndex(va, level);
    return Math.floor(va / LEVEL_SIZE_32[level]!) % 1024;
  }

  private read(table: number, index: number): bigint {
    if (this.levels === 2) return BigInt(this.ram.word(table, index) >>> 0);
    return this.ram.readEntry(table * PAGE_SIZE + index * 8);
  }

  private write(table: number, index: number, entry: bigint): void {
    if (this.levels === 2) this.ram.setWord(table, index, Number(entry & 0xffff_ffffn) | 0);
    else this.ram.writeEntry(table * PAGE_SIZE + index * 8, entry);
  }

  private leafLevelOf(sizeBytes: number): number {
    const top = this.levels === 2 ? 2 : 3;
    for (let level = 1; level <= top; level++) if (entrySpan(this.levels, level) === sizeBytes) return level;
    const sizes = Array.from({ length: top }, (_, i) => entrySpan(this.levels, i + 1));
    throw new RangeError(
      `no leaf has ${sizeBytes} bytes; with ${this.levels} levels there are ${sizes.join(", ")}`,
    );
  }

  private checkPlace(va: Vaddr, pfn: Pfn, sizeBytes: number): void {
    const inside =
      this.levels === 2 ? Number.isInteger(va) && va >= 0 && va < 2 ** 32 : isCanonical(va, this.levels);
    if (!inside) throw new RangeError(`${va} is not an address that ${this.levels} levels can map`);
    if (va % sizeBytes !== 0)
      throw new RangeError(`address ${hex(va)} is not a multiple of ${hex(sizeBytes)}`);
    if (!Number.isInteger(pfn) || pfn < 0 || (pfn * PAGE_SIZE) % sizeBytes !== 0)
      throw new RangeError(`frame ${pfn} cannot start a page of ${hex(sizeBytes)} bytes`);
    if (pfn * PAGE_SIZE + sizeBytes > this.ram.sizeBytes)
      throw new RangeError(`frame ${hex(pfn)} is outside RAM, which has ${hex(this.ram.nrFrames)} frames`);
  }
}
