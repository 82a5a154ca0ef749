/**
 * The benchmark's TLB model written for clarity alone: lists in recency order and a Map of entries. Shares no code with
 * lib/hw, so that it can say what the counters must be for streams of any length.
 */
import type { StreamCounts } from "../../lib/bench/streams.js";

interface Pte {
  readonly frame: number;
  dirty: boolean;
}

/** What a TLB keeps: the frame and the D bit as they were when it was filled. */
interface Cached {
  readonly page: number;
  frame: number;
  dirty: boolean;
}

class ListTlb {
  readonly #sets: Cached[][];
  readonly #ways: number;
  constructor(sets: number, ways: number) {
    this.#sets = Array.from({ length: sets }, () => []);
    this.#ways = ways;
  }
  peek(page: number): Cached | undefined {
    return this.#sets[page % this.#sets.length]!.find((e) => e.page === page);
  }
  use(page: number): Cached | undefined {
    const set = this.#sets[page % this.#sets.length]!;
    const at = set.findIndex((e) => e.page === page);
    if (at < 0) return undefined;
    const [entry] = set.splice(at, 1);
    set.unshift(entry!);
    return entry;
  }
  insert(entry: Cached): void {
    const set = this.#sets[entry.page % this.#sets.length]!;
    set.unshift(entry);
    if (set.length > this.#ways) set.pop();
  }
}

/** Counters and checksum of `stream` on 16 x 4 and 128 x 12 entries. */
export function countByLists(stream: Uint32Array, frameOf: (page: number) => number): StreamCounts {
  const l1 = new ListTlb(16, 4);
  const l2 = new ListTlb(128, 12);
  const tables = new Map<number, Pte>();
  const counts = { l1Hits: 0, l2Hits: 0, walks: 0, dirtyAssists: 0, checksum: 0 };
  const walk = (page: number, write: boolean): Pte => {
    const pte = tables.get(page) ?? { frame: frameOf(page), dirty: false };
    if (write) pte.dirty = true;
    tables.set(page, pte);
    return pte;
  };
  for (const element of stream) {
    const page = Math.floor(element / 4096);
    const write = element % 2 === 1;
    let entry = l1.use(page);
    if (entry) {
      counts.l1Hits++;
      if (write && !entry.dirty) {
        counts.dirtyAssists++;
        entry.dirty = walk(page, true).dirty;
        const lower = l2.peek(page);
        if (lower) lower.dirty = true;
      }
    } else {
      let lower = l2.use(page);
      if (lower) {
        counts.l2Hits++;
        if (write && !lower.dirty) {
          counts.dirtyAssists++;
          lower.dirty = walk(page, true).dirty;
        }
      } else {
        counts.walks++;
        lower = { page, ...walk(page, write) };
        l2.insert(lower);
      }
      entry = { ...lower };
      l1.insert(entry);
    }
    counts.checksum = (counts.checksum + entry.frame * 4096 + ((element % 4096) - (element % 4))) % 2 ** 32;
  }
  return counts;
}
