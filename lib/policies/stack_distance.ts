/**
 * Stack distances: LRU for every size of memory at once, in one pass over the trace.
 *
 *    trace              a  b  c  b  a  a  c
 *                                               LRU's list just before the last access:   a  b  c
 *    stack distance     -  -  -  2  3  1  3                                               1  2  3
 *                                                                                               ^ c is at place 3
 *
 * The distance of an access is the place of its page in LRU's list: how many different pages were used since
 * its last use, itself included. With n frames LRU holds the first n of the list, so the access hits exactly
 * when its distance is at most n. Count the distances, and the misses of every capacity follow
 * (miss_ratio.ts). That is Mattson, Gecsei, Slutz and Traiger, 1970.
 *
 * Walking the list takes as long as the list. Here, as by Olken (1981), each page marks the time of its last
 * use, and the distance is the number of marks from there on:
 *
 *    time         0  1  2  3  4  5  6                a tree of sums (Fenwick) counts marks in log(n) steps,
 *    mark               c  b     a                   and when the times are used up, the marks that are left
 *                       |--------|  3 from c on      move together to the start
 *
 * Read first: lru.ts. Read next: miss_ratio.ts.
 */
import { type AnyPageTrace, numberPages } from "./numbered_trace.js";

/** The distance of the first use of a page: further than any memory is large. */
export const FIRST_USE = 0xffff_ffff;

/** Marks on a line of `length` places, and how many there are up to a place: a Fenwick tree. */
class Marks {
  private readonly sums: Int32Array;

  constructor(length: number) {
    this.sums = new Int32Array(length + 1);
  }

  /** Adds `by` marks at `place`, from 0. */
  add(place: number, by: number): void {
    const { sums } = this;
    for (let i = place + 1; i < sums.length; i += i & -i) sums[i]! += by;
  }

  /** The marks at `place` and before it. */
  upTo(place: number): number {
    let count = 0;
    for (let i = place + 1; i > 0; i -= i & -i) count += this.sums[i]!;
    return count;
  }

  /** One mark at each of the first `count` places, and none behind them. */
  set(count: number): void {
    const { sums } = this;
    for (let i = 1; i < sums.length; i++) sums[i] = Math.max(0, Math.min(i, count) - (i - (i & -i)));
  }
}

/**
 * The LRU stack distance of each access: 1 for the page that was used last, FIRST_USE for one never used
 * before. Not in Linux: its refault distance, `mm/workingset.c:workingset_refault()`, estimates it.
 */
export function stackDistances(trace: AnyPageTrace): Uint32Array {
  const { requests, nrPages } = numberPages(trace);
  const distances = new Uint32Array(requests.length);
  const times = 4 * nrPages + 64;
  const marks = new Marks(times);
  const lastUse = new Int32Array(nrPages).fill(-1);
  const pageAt = new Int32Array(times).fill(-1);
  let now = 0;
  let seen = 0;
  for (let i = 0; i < requests.length; i++) {
    if (now === times) {
      now = moveTogether(pageAt, lastUse);
      marks.set(now);
    }
    const page = requests[i]!;
    const last = lastUse[page]!;
    if (last < 0) {
      distances[i] = FIRST_USE;
      seen++;
    } else {
      distances[i] = seen - marks.upTo(last) + 1;
      marks.add(last, -1);
      pageAt[last] = -1;
    }
    marks.add(now, 1);
    pageAt[now] = page;
    lastUse[page] = now++;
  }
  return distances;
}

/** Moves the marks that are left to the first places, in their order; how many they are. */
function moveTogether(pageAt: Int32Array, lastUse: Int32Array): number {
  let count = 0;
  for (let time = 0; time < pageAt.length; time++) {
    const page = pageAt[time]!;
    if (page < 0) continue;
    pageAt[time] = -1;
    pageAt[count] = page;
    lastUse[page] = count++;
  }
  return count;
}
