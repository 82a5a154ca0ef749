/**
 * Optimal: the page whose next use is furthest away goes. No policy can miss less often (Belady, 1966).
 *
 *    time      ... 12   13   14   15   16   17   18   19   20   21 ...
 *    trace         now   a    b    a    .    c    .    b    d    .
 *    next use            *    *              *              *              pages in memory: a 13, b 14, c 17, d 20
 *                                                           ^ d goes
 *
 * It needs the future, so no machine can run it; it is the measure for those that can. Two observations make
 * it simple. A next use is a point of time, and at each time one page is used: the times alone say which
 * pages are in memory, and an access hits exactly when its own time is among them. And a page that is never
 * used again can go at once, whichever it is.
 *
 * So the state is a set of times, from which the largest is wanted. It is a bitmap with bitmaps above it: bit
 * i of a level tells whether word i of the level below has any bit set.
 *
 *    level 2                        1                 the largest time: from the top down, always to the
 *    level 1            ...0010     0110              highest bit, 32 times narrower at each step
 *    level 0    ...0000 0100  ...0011  0000 ...
 *
 * Read first: policy.ts, lru.ts. Read next: two_q.ts.
 */
import type { Policy } from "./policy.js";

/** A set of times, 0 to `limit - 1`. */
class Times {
  /** The bitmap itself, then the bitmap of its words, and so on up to a single word. */
  private readonly levels: Int32Array[] = [];

  constructor(limit: number) {
    let bits = limit;
    do {
      bits = Math.ceil(bits / 32);
      this.levels.push(new Int32Array(bits));
    } while (bits > 1);
  }

  has(time: number): boolean {
    return (this.levels[0]![time >>> 5]! & (1 << (time & 31))) !== 0;
  }

  add(time: number): void {
    for (let at = time, level = 0; level < this.levels.length; level++, at >>>= 5) {
      const words = this.levels[level]!;
      const before = words[at >>> 5]!;
      words[at >>> 5] = before | (1 << (at & 31));
      if (before !== 0) return; // known above
    }
  }

  remove(time: number): void {
    for (let at = time, level = 0; level < this.levels.length; level++, at >>>= 5) {
      const words = this.levels[level]!;
      words[at >>> 5]! &= ~(1 << (at & 31));
      if (words[at >>> 5] !== 0) return; // others are left
    }
  }

  /** The largest; only of a set that is not empty. */
  last(): number {
    let at = 0;
    for (let level = this.levels.length - 1; level >= 0; level--)
      at = at * 32 + 31 - Math.clz32(this.levels[level]![at]!);
    return at;
  }
}

/** Belady's MIN, in the form that brings every page in. */
export class Optimal implements Policy {
  private readonly capacity: number;
  private readonly requests: Uint32Array;
  private readonly nextUse: Uint32Array;
  /** Next uses of the pages in memory that have one. */
  private readonly coming: Times;
  /** Pages in memory that are never used again; the first `nrDone` of them. */
  private readonly done: Uint32Array;
  private nrDone = 0;
  private nrPresent = 0;
  private now = 0;

  constructor(capacity: number, nrPages: number, requests: Uint32Array) {
    this.capacity = capacity;
    this.requests = requests;
    this.nextUse = nextUses(requests, nrPages);
    this.coming = new Times(requests.length);
    this.done = new Uint32Array(capacity);
  }

  access(page: number): boolean {
    const { coming } = this;
    const now = this.now++;
    if (this.requests[now] !== page)
      throw new RangeError(`access ${now} to page ${page} is not in the trace`);
    const hit = coming.has(now);
    if (hit) coming.remove(now);
    else if (this.nrPresent < this.capacity) this.nrPresent++;
    else if (this.nrDone > 0) this.nrDone--;
    else coming.remove(coming.last());
    const next = this.nextUse[now]!;
    if (next < this.requests.length) coming.add(next);
    else this.done[this.nrDone++] = page;
    return hit;
  }

  contents(): number[] {
    const present = [...this.done.subarray(0, this.nrDone)];
    this.requests.forEach((page, time) => {
      if (this.coming.has(time)) present.push(page);
    });
    return present;
  }

  /** In how many accesses it is used next. */
  tag(page: number): string {
    const next = this.requests.indexOf(page, this.now);
    return next < 0 ? "never" : `in ${next - this.now + 1}`;
  }
}

/** When the page of each request is used next; the length of the trace for never. */
function nextUses(requests: Uint32Array, nrPages: number): Uint32Array {
  const next = new Uint32Array(requests.length);
  const soonest = new Uint32Array(nrPages).fill(requests.length);
  for (let time = requests.length - 1; time >= 0; time--) {
    const page = requests[time]!;
    next[time] = soonest[page]!;
    soonest[page] = time;
  }
  return next;
}
