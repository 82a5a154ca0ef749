/**
 * Recorded accesses of real programs, made into streams.
 *
 *   valgrind --tool=lackey --trace-mem=yes --log-file=prog.lk ./prog
 *
 *     I  0401ab73,5         instruction fetch: address in hex, size in bytes
 *      L 04a17de0,8         load
 *      S 1fff000778,8       store
 *      M 0421d9b8,4         modify: load and store of the same place
 *        |
 *        v  readLackey
 *   Trace { pages, stream, counts }  --- reduce() --->  the accesses that can change a TLB
 *
 * A stream's offsets have 32 bits, a program's addresses 39 (valgrind puts the stack high). So page numbers
 * are taken modulo 2^20, if no two pages meet that way: the low bits, which choose the set of a TLB, stay as
 * they were.
 *
 * An access to the page that the same side (fetch or data) used last finds it the most recently used of its
 * set: it hits, and changes nothing, unless it is the first write since. `reduce` drops those, which leaves
 * one access in five and every walk, L2 hit and dirty assist where it was.
 *
 * Read first: stream.ts.
 */

import type { Vaddr } from "./address.js";
import { hex, PAGE_SIZE } from "./address.js";
import { checkArguments } from "./signature.js";
import { STREAM_FETCH, STREAM_WRITE } from "./stream.js";

/** Pages that a 32-bit offset reaches. */
const STREAM_PAGES = 2 ** 20;

/** How often each kind of access was recorded. */
export interface TraceCounts {
  readonly fetches: number;
  readonly loads: number;
  readonly stores: number;
  /** Load and store of the same place by one instruction; a write in the stream. */
  readonly modifies: number;
}

/** The accesses of one run of a program. */
export class Trace {
  /**
   * Every page touched, as an offset in the stream's 4 GiB, ascending: what must be mapped before a replay.
   */
  readonly pageOffsets: readonly number[];
  /** The accesses, as stream.ts wants them. */
  readonly stream: Uint32Array;
  /** What was recorded, before any reduction. */
  readonly counts: TraceCounts;
  /** Where the trace comes from, in words. */
  readonly provenance: string;

  constructor(stream: Uint32Array, counts: TraceCounts, provenance: string) {
    this.stream = stream;
    this.counts = counts;
    this.provenance = provenance;
    const pages = new Set<number>();
    for (const access of stream) pages.add(access >>> 12);
    this.pageOffsets = [...pages].sort((a, b) => a - b).map((page) => page * PAGE_SIZE);
  }

  /** The accesses that can change a TLB, their offsets cut down to the page. */
  reduce(): Trace {
    const kept = new Uint32Array(this.stream.length);
    let n = 0;
    let lastFetch = -1;
    let lastData = -1;
    let written = false;
    for (const access of this.stream) {
      const page = access >>> 12;
      const write = (access & STREAM_WRITE) !== 0;
      if (access & STREAM_FETCH) {
        if (page === lastFetch) continue;
        lastFetch = page;
      } else {
        if (page === lastData && (written || !write)) continue;
        written = write;
        lastData = page;
      }
      kept[n++] = page * PAGE_SIZE + (access & (STREAM_FETCH | STREAM_WRITE));
    }
    return new Trace(kept.slice(0, n), this.counts, this.provenance);
  }

  /** The trace as bytes: a line of JSON, then 16 bits for each access. Inverse of `unpackTrace`. */
  pack(): Uint8Array {
    const index = new Map(this.pageOffsets.map((offset, i) => [offset / PAGE_SIZE, i]));
    if (index.size > 2 ** 14)
      throw new RangeError(`${index.size} pages are more than a packed trace can name, 16384`);
    const pages = this.pageOffsets.map((offset) => offset / PAGE_SIZE);
    const { provenance, counts, stream } = this;
    const head = new TextEncoder().encode(`${JSON.stringify({ provenance, counts, pages })}\n`);
    const bytes = new Uint8Array(head.length + stream.length * 2);
    bytes.set(head);
    const words = new DataView(bytes.buffer, head.length);
    for (const [i, access] of stream.entries())
      words.setUint16(i * 2, (index.get(access >>> 12)! << 2) | (access & 3), true);
    return bytes;
  }
}

/** The trace whose `pack()` gave `bytes`. RangeError when they are something else. */
export function unpackTrace(bytes: Uint8Array): Trace {
  checkArguments("unpackTrace()", { bytes: Uint8Array }, [bytes]);
  const end = bytes.indexOf(10);
  if (end < 0 || (bytes.length - end) % 2 === 0)
    throw new RangeError("a packed trace is a line of JSON, then 16 bits for each access");
  const { provenance, counts, pages } = headOf(new TextDecoder().decode(bytes.subarray(0, end)));
  const words = new DataView(bytes.buffer, bytes.byteOffset + end + 1);
  const stream = new Uint32Array((bytes.length - end - 1) / 2);
  for (let i = 0; i < stream.length; i++) {
    const word = words.getUint16(i * 2, true);
    stream[i] = pages[word >> 2]! * PAGE_SIZE + (word & 3);
  }
  return new Trace(stream, counts, provenance);
}

interface PackedHead {
  readonly provenance: string;
  readonly counts: TraceCounts;
  readonly pages: readonly number[];
}

function headOf(line: string): PackedHead {
  try {
    return JSON.parse(line) as PackedHead;
  } catch {
    throw new RangeError(`a packed trace starts with a line of JSON, not "${line.slice(0, 40)}"`);
  }
}

/** Collects accesses one by one into a Trace. */
export class TraceBuilder {
  private stream = new Uint32Array(1 << 16);
  private length = 0;
  private readonly pageAt = new Map<number, number>();
  private last = -1;
  readonly counts = { fetches: 0, loads: 0, stores: 0, modifies: 0 };

  /** One access of `sizeBytes` bytes at `va`; one that lies on two pages counts for both. */
  add(kind: "I" | "L" | "S" | "M", va: Vaddr, sizeBytes: number): void {
    const { counts } = this;
    if (kind === "I") counts.fetches++;
    else if (kind === "L") counts.loads++;
    else if (kind === "S") counts.stores++;
    else counts.modifies++;
    const bits = kind === "I" ? STREAM_FETCH : kind === "L" ? 0 : STREAM_WRITE;
    const lastPage = Math.floor((va + sizeBytes - 1) / PAGE_SIZE);
    for (let page = Math.floor(va / PAGE_SIZE); page <= lastPage; page++) {
      const offset = page * PAGE_SIZE > va ? 0 : va - page * PAGE_SIZE;
      this.push(this.fold(page) * PAGE_SIZE + (offset - (offset % 4)) + bits);
    }
  }

  finish(provenance: string): Trace {
    return new Trace(this.stream.slice(0, this.length), { ...this.counts }, provenance);
  }

  private fold(page: number): number {
    const folded = page % STREAM_PAGES;
    if (page === this.last) return folded;
    this.last = page;
    const other = this.pageAt.get(folded);
    if (other !== undefined && other !== page)
      throw new RangeError(
        `pages ${hex(other)} and ${hex(page)} are the same modulo 2^20: the trace spans too much`,
      );
    this.pageAt.set(folded, page);
    return folded;
  }

  private push(access: number): void {
    if (this.length === this.stream.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.stream);
      this.stream = grown;
    }
    this.stream[this.length++] = access;
  }
}
