/**
 * Where the areas of a scenario lie, and what the replay remembers about each process.
 *
 *   0x1000_0000_0000  slot 0   slot 1   slot 2 ...        1 GiB each; area k of a script takes the next slot
 *                     [A ]     [B    ]  [C]
 *
 * So every area starts on a 2 MiB boundary and has level-1 and level-2 tables of its own: the first touched
 * area costs VmPTE 12 kB, each further one 8 kB. A mapping that failed uses up its slot too. `at=B+n` puts a
 * mapping into B's slot, and it is reported inside B's area.
 *
 * An area is a range of addresses that is reported together; names are aliases of a base address inside an
 * area.
 *
 * Read first: scenario.ts. Read next: executor.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Guest } from "./host.js";
import type { PageRange } from "./scenario.js";

/** Address of slot 0: 16 TiB. Not in Linux: chosen by the recorder. */
const FIRST_SLOT = 0x1000_0000_0000;
/** Bytes of a slot: 1 GiB. */
export const SLOT_BYTES = 2 ** 30;
/** A range of addresses that is reported as one. Not in Linux. */
export interface Area {
  name: string;
  base: number;
  lo: number;
  hi: number;
  isAuto: boolean;
  /** Frame of each page at this process's previous report. */
  last: ReadonlyMap<number, number> | undefined;
}

interface Alias {
  name: string;
  base: number;
  area: number;
}

/** Hands out slots. Not in Linux. */
export class Slots {
  private next = 0;

  /** Room for `bytes`, and always at least a byte more, so that neighbours never touch. */
  take(bytes: number): { lo: number; hi: number } {
    const exact = bytes > 0 && bytes % SLOT_BYTES === 0 ? 1 : 0;
    const nr = Math.max(1, Math.ceil(bytes / SLOT_BYTES) + exact);
    const lo = FIRST_SLOT + this.next * SLOT_BYTES;
    this.next += nr;
    return { lo, hi: lo + nr * SLOT_BYTES };
  }
}

/** What a process costs before it has any area, in kB: taken off what /proc shows. Not in Linux. */
interface Baseline {
  pte: number;
  data: number;
  size: number;
}

/** One process of a scenario. Not in Linux. */
export class ReplayProc {
  areas: Area[] = [];
  private aliases: Alias[] = [];
  heapBase = 0;
  heapCur = 0;
  base: Baseline = { pte: 0, data: 0, size: 0 };
  /** VmPTE of a child before it has any area. */
  childPte = 0;

  constructor(
    /** Name in the script; starts with ~ once another process took the name. */
    public name: string,
    readonly guest: Guest,
  ) {}

  get alive(): boolean {
    return this.guest.alive;
  }

  /** Base address of the area called `name`. */
  find(name: string): { base: number; area: number } | undefined {
    return this.aliases.find((alias) => alias.name === name);
  }

  /** Makes `name` mean `base` from now on, inside area number `area`. */
  addAlias(name: string, base: number, area: number): void {
    const old = this.aliases.find((alias) => alias.name === name);
    if (old !== undefined) old.name = `~${old.name}`;
    this.aliases.push({ name, base, area });
  }

  /** A new area. */
  addArea(name: string, base: number, lo: number, hi: number, isAuto = false): void {
    this.areas.push({ name, base, lo, hi, isAuto, last: undefined });
    this.addAlias(name, base, this.areas.length - 1);
  }

  /** Takes over what the parent knows about its areas. */
  inheritFrom(parent: ReplayProc): void {
    this.areas = parent.areas.map((area) => ({ ...area, last: undefined }));
    this.aliases = parent.aliases.map((alias) => ({ ...alias }));
    this.heapBase = parent.heapBase;
    this.heapCur = parent.heapCur;
    this.base = { ...parent.base, pte: parent.childPte };
    this.childPte = parent.childPte;
  }

  /** Number of the area that [start, end) overlaps, -1 when it lies outside all. */
  areaOf(start: number, end: number): number {
    return this.areas.findIndex((area) => start < area.hi && end > area.lo);
  }
}

/** Address and length of `range` from `base` on. Not in Linux. */
export function rangeBytes(base: number, range: PageRange): { addr: number; len: number } {
  return { addr: base + range.start * PAGE_SIZE, len: (range.end - range.start) * PAGE_SIZE };
}

/** The pages of the ranges in order. Not in Linux. */
export function* pagesOf(ranges: readonly PageRange[]): IterableIterator<number> {
  for (const { start, end, step } of ranges)
    for (let page = start; step > 0 ? page < end : page > end; page += step) yield page;
}
