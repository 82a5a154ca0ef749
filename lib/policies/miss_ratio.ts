/**
 * Miss-ratio curves: how many accesses miss, for each size of memory.
 *
 *    miss ratio
 *      1 |*
 *        | *                       where the curve falls steeply, a little more memory helps much:
 *        |  ***                    a working set has just found room
 *        |     *
 *        |      *********          where it is flat, more memory is wasted
 *      0 +---------------- pages
 *
 * For LRU the whole curve comes from the stack distances of one pass: an access hits in every memory that is
 * at least as large as its distance.
 *
 *    distance    1    2    3    4          misses(n) = accesses - the number of distances up to n
 *    how often   1    1    2    0
 *
 * A cloud provider asks this curve how much memory a guest can spare, and a practitioner asks it whether more
 * RAM would help at all.
 *
 * Read first: stack_distance.ts. Read next: belady_anomaly.ts.
 */
import { checkKind } from "../hw/signature.js";
import type { AnyPageTrace } from "./numbered_trace.js";
import { checkCapacity } from "./run_policy.js";
import { FIRST_USE, stackDistances } from "./stack_distance.js";

/** LRU's misses for every capacity. */
export class MissRatioCurve {
  readonly accesses: number;
  /** Different pages in the trace: more memory than that changes nothing. */
  readonly nrPages: number;
  /** Misses by capacity: 0 (everything misses) to `nrPages` (only first uses do). */
  readonly misses: Float64Array;

  /** `hitsAtDistance[d]` accesses have the stack distance d; `nrPages` accesses are first uses. */
  constructor(accesses: number, hitsAtDistance: Float64Array) {
    this.accesses = accesses;
    this.nrPages = hitsAtDistance.length - 1;
    this.misses = new Float64Array(hitsAtDistance.length);
    let misses = accesses;
    for (let capacity = 0; capacity < hitsAtDistance.length; capacity++) {
      misses -= hitsAtDistance[capacity]!;
      this.misses[capacity] = misses;
    }
  }

  /** Misses with `capacity` pages of memory. RangeError for a capacity that memory cannot have. */
  missesAt(capacity: number): number {
    checkCapacity(capacity);
    return this.misses[Math.min(capacity, this.nrPages)]!;
  }

  /** Misses for each access, 0 to 1. */
  missRatioAt(capacity: number): number {
    return this.missesAt(capacity) / this.accesses;
  }
}

/** LRU's miss-ratio curve of `trace`, exact, from one pass over it. Not in Linux. */
export function missRatioCurve(trace: AnyPageTrace): MissRatioCurve {
  return curveOfDistances(stackDistances(trace));
}

/** The curve of a trace whose stack distances are known. RangeError when they are none. Not in Linux. */
export function curveOfDistances(distances: Uint32Array): MissRatioCurve {
  checkKind("curveOfDistances(): distances", distances, Uint32Array);
  let nrPages = 0;
  for (const distance of distances) if (distance === FIRST_USE) nrPages++;
  const hits = new Float64Array(nrPages + 1);
  for (const [i, distance] of distances.entries()) {
    if (distance === FIRST_USE) continue;
    if (distance < 1 || distance > nrPages)
      throw new RangeError(
        `distance ${distance} of access ${i} is not 1 to the ${nrPages} pages of the trace`,
      );
    hits[distance]!++;
  }
  return new MissRatioCurve(distances.length, hits);
}
