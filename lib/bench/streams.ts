/**
 * The eight streams of the TLB benchmark, and the tables they run on.
 *
 *   seq64-64M   one after another, 64 bytes apart      98 % of the accesses hit in L1
 *   seq4K-1G    one page after another                 none does
 *   hot128K     32 pages at random                     all do
 *   uni4M, uni64M, uni1G     a page at random          L2 holds all, some, none
 *   zipf64M, zipf1G          a few pages much more often than the others
 *
 * Random numbers are xorshift32 with a fixed seed. A quarter of the accesses are writes. Elements are as
 * hw/stream.ts wants them. Page i of the region lies in frame 0x1000 + (i times an odd constant), so that
 * neighbours are not neighbours in RAM.
 */
import { ENTRIES_PER_TABLE, PAGE_SIZE, tableIndex } from "../hw/address.js";
import type { Ram } from "../hw/ram.js";
import { zipfRanks } from "../policies/page_traces.js";

/** Where the region of every stream begins. */
export const STREAM_BASE = 0x7f00_0000_0000;

/** Order in which a stream visits its pages. */
type StreamKind = "seq64" | "seq4K" | "uniform" | "zipf";

/** One stream and what a run of all 2^24 accesses must count. */
export interface StreamSpec {
  readonly name: string;
  readonly kind: StreamKind;
  /** Pages of the region, a power of two. */
  readonly pages: number;
  readonly expected: StreamCounts;
}

/** What the benchmark compares. */
export interface StreamCounts {
  readonly l1Hits: number;
  readonly l2Hits: number;
  readonly walks: number;
  readonly dirtyAssists: number;
  readonly checksum: number;
}

/** Accesses of a full run. */
export const FULL_LENGTH = 2 ** 24;

function spec(
  name: string,
  kind: StreamKind,
  pages: number,
  l2Hits: number,
  walks: number,
  dirtyAssists: number,
  checksum: number,
): StreamSpec {
  const l1Hits = FULL_LENGTH - l2Hits - walks;
  return { name, kind, pages, expected: { l1Hits, l2Hits, walks, dirtyAssists, checksum } };
}

/** The streams, with the counters that the reference in C prints. */
export const STREAMS: readonly StreamSpec[] = [
  spec("hot128K", "uniform", 32, 0, 32, 28, 0xeba3b79c),
  spec("seq64-64M", "seq64", 16384, 0, 262144, 12202, 0xe0000000),
  spec("seq4K-1G", "seq4K", 262144, 0, 16777216, 0, 0xfe523cb0),
  spec("uni4M", "uniform", 1024, 15728705, 1024, 761, 0x71c0279c),
  spec("uni64M", "uniform", 16384, 1507381, 15204185, 1134, 0xe690379c),
  spec("uni1G", "uniform", 262144, 94740, 16678362, 1138, 0x0b2d079c),
  spec("zipf64M", "zipf", 16384, 6211899, 5318208, 1164, 0x8982479c),
  spec("zipf1G", "zipf", 262144, 4605143, 8470235, 1136, 0x5902b79c),
];

/** The first `length` accesses of a stream. */
export function makeStream(kind: StreamKind, pages: number, length: number): Uint32Array {
  const stream = new Uint32Array(length);
  const draw = xorshift32();
  const bytesMask = pages * PAGE_SIZE - 1;
  const pageOf = kind === "zipf" ? zipfPages(pages) : (x: number) => x >>> (32 - Math.log2(pages));
  for (let i = 0; i < length; i++) {
    const x = draw();
    if (kind === "seq64") stream[i] = (Math.imul(i, 64) & bytesMask) | write(x);
    else if (kind === "seq4K") stream[i] = (Math.imul(i, PAGE_SIZE) & bytesMask) | tail(x);
    else stream[i] = (pageOf(x) << 12) | tail(draw());
  }
  return stream;
}

/** Page numbers of the zipf stream without its writes: one draw for each. */
export function makeRequests(pages: number, length: number): Uint32Array {
  const draw = xorshift32();
  const pageOf = zipfPages(pages);
  const requests = new Uint32Array(length);
  for (let i = 0; i < length; i++) requests[i] = pageOf(draw());
  return requests;
}

function xorshift32(): () => number {
  let state = 2463534242;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Bit 0 of an access: a quarter of them write. */
function write(x: number): number {
  return ((x >>> 8) & 3) === 0 ? 1 : 0;
}

/** Offset in the page, a multiple of 4, and the write bit. */
function tail(x: number): number {
  return ((x >>> 16) & 0xffc) | write(x);
}

/**
 * Maps 32 random bits to a page: rank k is drawn in proportion to 1/(k+1), and ranks are scattered over the
 * region.
 */
function zipfPages(pages: number): (x: number) => number {
  const rankOf = zipfRanks(pages);
  return (x) => Math.imul(rankOf(x / 2 ** 32), 0x85ebca6b) & (pages - 1);
}

/** Frame of page `page` of a region of `pages`. */
export function streamFrame(page: number, pages: number): number {
  return 0x1000 + (Math.imul(page, 0x9e3779b1) & (pages - 1));
}

/**
 * Builds the four levels of tables for a region: PML4 in frame 1, then PDPT, PD and the PTs; A and D clear.
 */
export function buildStreamTables(ram: Ram, pages: number): void {
  for (let pfn = 1; pfn < 4 + pages / ENTRIES_PER_TABLE; pfn++) ram.zeroFrame(pfn);
  ram.setEntry(1, tableIndex(STREAM_BASE, 4), 0x2007, 0);
  ram.setEntry(2, tableIndex(STREAM_BASE, 3), 0x3007, 0);
  for (let page = 0; page < pages; page++) {
    const table = 4 + Math.floor(page / ENTRIES_PER_TABLE);
    if (page % ENTRIES_PER_TABLE === 0) ram.setEntry(3, page / ENTRIES_PER_TABLE, (table << 12) | 7, 0);
    ram.setEntry(table, page % ENTRIES_PER_TABLE, (streamFrame(page, pages) << 12) | 7, 0);
  }
}
