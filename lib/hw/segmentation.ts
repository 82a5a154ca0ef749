/**
 * Segmentation: what came before paging. Each program gets one contiguous piece of RAM, a segment, described
 * by two registers.
 *
 *   program's address (offset)                 RAM
 *        |                               +--------------+
 *        |--- offset >= limit? fault     |  hole        |
 *        v                               +--------------+ base
 *   base + offset ---------------------->|  segment     |
 *                                        +--------------+ base + limit
 *                                        |  hole        |
 *
 * Protection and relocation cost one comparison and one addition. The trouble is the holes: after some
 * programs have come and gone, the free bytes lie in many pieces, and a program can be refused although
 * enough bytes are free in total (external fragmentation). Moving segments together (compaction) helps, and
 * costs a copy of all of RAM. Paging cuts everything into equal pieces instead: any free frame fits, and what
 * is lost is the unused end of each program's last page (internal fragmentation). `compareFragmentation`
 * measures both on the same programs.
 *
 * Left out: the x86 segment registers, descriptors and privilege levels. Linux on x86-64 sets all bases to
 * zero and uses paging alone.
 */

import { hex, PAGE_SIZE } from "./address.js";
import { valueText } from "./options.js";
import { Random } from "./random.js";
import { checkArguments } from "./signature.js";

/** One segment: `limitBytes` bytes of RAM from physical address `base` on. */
export interface Segment {
  readonly name: string;
  readonly base: number;
  readonly limitBytes: number;
}

/** A free piece of RAM between segments. */
export interface Hole {
  readonly base: number;
  readonly sizeBytes: number;
}

/**
 * A program reached past the end of its segment. Intel SDM vol. 3A, Limit Checking: the processor raises #GP.
 */
export class SegmentFault extends Error {
  override name = "SegmentFault";
  readonly offset: number;

  constructor(segment: Segment, offset: number) {
    super(`${segment.name}: offset ${hex(offset)} is not below the limit ${hex(segment.limitBytes)}`);
    this.offset = offset;
  }
}

/**
 * Physical address of `offset` in `segment`; throws SegmentFault at or past the limit. Intel SDM vol. 3A,
 * Logical and Linear Addresses
 */
export function translateSegment(segment: Segment, offset: number): number {
  checkArguments("translateSegment()", { segment: "object", offset: "integer" }, [segment, offset]);
  if (offset < 0 || offset >= segment.limitBytes) throw new SegmentFault(segment, offset);
  return segment.base + offset;
}

/** How a hole is chosen: the first one that is large enough, the smallest, or the largest. */
export type Fit = "first" | "best" | "worst";

const FITS: readonly Fit[] = ["first", "best", "worst"];

/** RAM shared out in segments. Not in Linux. */
export class SegmentedMemory {
  readonly sizeBytes: number;
  readonly fit: Fit;
  private segments: Segment[] = [];

  constructor(sizeBytes: number, fit: Fit = "first") {
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes > 0))
      throw new RangeError(`size ${valueText(sizeBytes)} is not positive`);
    if (!FITS.includes(fit)) throw new RangeError(`fit ${valueText(fit)} is not one of ${FITS.join(", ")}`);
    this.sizeBytes = sizeBytes;
    this.fit = fit;
  }

  /** The segments, lowest base first. */
  list(): readonly Segment[] {
    return this.segments;
  }

  /** The free pieces, lowest base first. */
  holes(): Hole[] {
    const holes: Hole[] = [];
    let end = 0;
    for (const segment of this.segments) {
      if (segment.base > end) holes.push({ base: end, sizeBytes: segment.base - end });
      end = segment.base + segment.limitBytes;
    }
    if (end < this.sizeBytes) holes.push({ base: end, sizeBytes: this.sizeBytes - end });
    return holes;
  }

  /**
   * A segment of `sizeBytes` bytes in the hole that `fit` chooses; undefined when no hole is large enough.
   */
  allocate(name: string, sizeBytes: number): Segment | undefined {
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes > 0))
      throw new RangeError(`a segment of ${sizeBytes} bytes is not possible`);
    const hole = this.chooseHole(sizeBytes);
    if (hole === undefined) return undefined;
    const segment = { name, base: hole.base, limitBytes: sizeBytes };
    this.segments = [...this.segments, segment].sort((a, b) => a.base - b.base);
    return segment;
  }

  private chooseHole(sizeBytes: number): Hole | undefined {
    const fitting = this.holes().filter((hole) => hole.sizeBytes >= sizeBytes);
    if (this.fit === "best") fitting.sort((a, b) => a.sizeBytes - b.sizeBytes || a.base - b.base);
    if (this.fit === "worst") fitting.sort((a, b) => b.sizeBytes - a.sizeBytes || a.base - b.base);
    return fitting[0];
  }

  /** Gives the segment's bytes back. */
  free(segment: Segment): void {
    const left = this.segments.filter((other) => other !== segment);
    if (left.length === this.segments.length)
      throw new RangeError(
        `${typeof segment.name === "string" ? segment.name : valueText(segment)} is not in this memory`,
      );
    this.segments = left;
  }

  /**
   * Moves all segments to the low end, leaving one hole. Returns the bytes that had to be copied; old Segment
   * objects are stale.
   */
  compact(): number {
    let end = 0;
    let copiedBytes = 0;
    this.segments = this.segments.map((segment) => {
      const moved = segment.base === end ? segment : { ...segment, base: end };
      if (moved !== segment) copiedBytes += segment.limitBytes;
      end += segment.limitBytes;
      return moved;
    });
    return copiedBytes;
  }

  /** All free bytes. */
  get freeBytes(): number {
    return this.holes().reduce((sum, hole) => sum + hole.sizeBytes, 0);
  }

  /** Bytes in the largest hole: the largest program that still fits. */
  get largestHoleBytes(): number {
    return Math.max(0, ...this.holes().map((hole) => hole.sizeBytes));
  }

  /**
   * Share of the free bytes that lie outside the largest hole, 0 to 1. Textbook definition of external
   * fragmentation.
   */
  get externalFragmentation(): number {
    const { freeBytes } = this;
    return freeBytes === 0 ? 0 : 1 - this.largestHoleBytes / freeBytes;
  }

  /**
   * RAM as one line of `width` characters: the first letter of the owner's name, `.` for free, `:` where
   * several meet.
   */
  toString(width = 64): string {
    if (!(Number.isInteger(width) && width >= 1 && width <= 1000))
      throw new RangeError(`width ${valueText(width)} is not 1 to 1000`);
    const cellBytes = this.sizeBytes / width;
    return Array.from({ length: width }, (_, cell) =>
      this.cellText(cell * cellBytes, (cell + 1) * cellBytes),
    ).join("");
  }

  private cellText(start: number, end: number): string {
    const inside = this.segments.filter((s) => s.base < end && s.base + s.limitBytes > start);
    if (inside.length > 1) return ":";
    return inside[0]?.name[0] ?? ".";
  }
}

/**
 * Bytes lost at the ends of last pages when things of `sizesBytes` are put into pages of `pageBytes`. Not in
 * Linux.
 */
export function internalFragmentation(sizesBytes: readonly number[], pageBytes = PAGE_SIZE): number {
  checkArguments("internalFragmentation()", { sizesBytes: "list", pageBytes: "count?" }, [
    sizesBytes,
    pageBytes,
  ]);
  return sizesBytes.reduce((sum, size) => sum + Math.ceil(size / pageBytes) * pageBytes - size, 0);
}

/** What `compareFragmentation` runs; every field has a default. */
export interface FragmentationOptions {
  readonly seed?: number;
  readonly ramBytes?: number;
  readonly pageBytes?: number;
  /** Programs that come or go. */
  readonly nrSteps?: number;
  /** Programs have from `minBytes` to `maxBytes` bytes. */
  readonly minBytes?: number;
  readonly maxBytes?: number;
  /** New programs come only while all of them together ask for at most this share of RAM. */
  readonly maxLoad?: number;
  readonly fit?: Fit;
}

const FRAGMENTATION_DEFAULTS: Required<FragmentationOptions> = {
  seed: 1,
  ramBytes: 2 ** 20,
  pageBytes: PAGE_SIZE,
  nrSteps: 400,
  minBytes: 2 ** 10,
  maxBytes: 2 ** 17,
  maxLoad: 0.9,
  fit: "first",
};

/** One arrival or departure, and how both machines stand after it. Sizes in bytes. */
export interface FragmentationStep {
  readonly step: number;
  /** Bytes that the programs present asked for. */
  readonly askedBytes: number;
  /** Free bytes with segments, and how many of them the largest hole has. */
  readonly freeBytes: number;
  readonly largestHoleBytes: number;
  readonly externalFragmentation: number;
  /** Bytes at the ends of last pages, on the machine with paging. */
  readonly internalBytes: number;
}

/** Totals over a whole run, and the run step by step. */
export interface FragmentationReport {
  readonly steps: readonly FragmentationStep[];
  /** Programs that asked for memory. */
  readonly arrivals: number;
  /** Programs that found no hole, although enough bytes were free in total. */
  readonly refusedBySegments: number;
  /** Programs that found too few free frames. */
  readonly refusedByPaging: number;
}

/** A program that came: its place in each memory, where it got one. */
interface Guest {
  readonly sizeBytes: number;
  readonly segment: Segment | undefined;
  readonly nrPages: number;
}

/**
 * The same programs come and go on two machines with the same RAM, one with segments and one with pages, and
 * the programs together never ask for more than `maxLoad` of it. Not in Linux.
 */
export function compareFragmentation(options: FragmentationOptions = {}): FragmentationReport {
  checkArguments(
    "compareFragmentation()",
    {
      options: {
        seed: "integer",
        ramBytes: "count",
        pageBytes: "count",
        nrSteps: "count",
        minBytes: "count",
        maxBytes: "count",
        maxLoad: "number",
        fit: "text",
      },
    },
    [options],
  );
  const o = { ...FRAGMENTATION_DEFAULTS, ...options };
  const random = new Random(o.seed);
  const memory = new SegmentedMemory(o.ramBytes, o.fit);
  const guests: Guest[] = [];
  const steps: FragmentationStep[] = [];
  const count = { arrivals: 0, refusedBySegments: 0, refusedByPaging: 0 };
  for (let step = 0; step < o.nrSteps; step++) {
    const sizeBytes = random.between(o.minBytes, o.maxBytes);
    if (random.chance(60) && askedBytes(guests) + sizeBytes <= o.maxLoad * o.ramBytes) {
      const guest = arrive(memory, guests, sizeBytes, o.pageBytes);
      count.arrivals++;
      if (guest.segment === undefined) count.refusedBySegments++;
      if (guest.nrPages === 0) count.refusedByPaging++;
      guests.push(guest);
    } else if (guests.length > 0) {
      const [gone] = guests.splice(random.below(guests.length), 1);
      if (gone?.segment !== undefined) memory.free(gone.segment);
    }
    steps.push(measure(step, memory, guests, o.pageBytes));
  }
  return { steps, ...count };
}

function askedBytes(guests: readonly Guest[]): number {
  return guests.reduce((sum, guest) => sum + guest.sizeBytes, 0);
}

function arrive(
  memory: SegmentedMemory,
  guests: readonly Guest[],
  sizeBytes: number,
  pageBytes: number,
): Guest {
  const pagesUsed = guests.reduce((sum, guest) => sum + guest.nrPages, 0);
  const nrPages = Math.ceil(sizeBytes / pageBytes);
  const fits = (pagesUsed + nrPages) * pageBytes <= memory.sizeBytes;
  return { sizeBytes, segment: memory.allocate("program", sizeBytes), nrPages: fits ? nrPages : 0 };
}

function measure(
  step: number,
  memory: SegmentedMemory,
  guests: readonly Guest[],
  pageBytes: number,
): FragmentationStep {
  const paged = guests.filter((guest) => guest.nrPages > 0).map((guest) => guest.sizeBytes);
  return {
    step,
    askedBytes: askedBytes(guests),
    freeBytes: memory.freeBytes,
    largestHoleBytes: memory.largestHoleBytes,
    externalFragmentation: memory.externalFragmentation,
    internalBytes: internalFragmentation(paged, pageBytes),
  };
}
