/**
 * Belady's anomaly: with FIFO, more memory can mean more misses. Here it is found by search.
 *
 *    FIFO, 1 2 3 4 1 2 5 1 2 3 4 5:      with 3 frames 9 misses, with 4 frames 10
 *
 * FIFO with more frames does not hold what FIFO with fewer frames holds: what it pushes out depends on when
 * pages came in, and with more memory they come in at other times. Where the contents with n frames are
 * always among those with n + 1, the anomaly cannot be. LRU and the optimal policy have that property (they
 * are "stack algorithms"): the search goes on to its end and finds nothing.
 *
 *    draw a trace at random --> run it with n and with n + 1 frames --> more misses with n + 1? --> shorten it
 *         ^------------------------------- no ------------------------------+        leave one out, as long as
 *                                                                                    the anomaly is still there
 *
 * Belady, Nelson and Shedler, 1969. Not in Linux. Read first: fifo.ts, lru.ts. Read next: page_traces.ts.
 */
import { Random } from "../hw/random.js";
import { checkArguments, required } from "../hw/signature.js";
import { type AnyPolicy, checkCapacity, runPolicy } from "./run_policy.js";

/** Where to look. */
export interface AnomalySearch {
  /** Different pages; 5 unless given. Fewer than 2 more than `frames` have no anomaly with FIFO. */
  readonly pages?: number;
  /** References of each trace that is tried; 20 unless given. */
  readonly length?: number;
  /** The smaller memory; 3 unless given. */
  readonly frames?: number;
  /** "FIFO" unless given. */
  readonly policy?: AnyPolicy;
  readonly seed?: number;
  /** Traces to try before giving up; 20,000 unless given. */
  readonly tries?: number;
}

/** A trace for which more memory is worse. */
export interface Anomaly {
  readonly trace: readonly number[];
  readonly frames: number;
  readonly misses: number;
  readonly moreFrames: number;
  /** More than `misses`. */
  readonly moreMisses: number;
  /** Traces tried until it was found. */
  readonly tries: number;
}

/**
 * A trace for which `policy` misses more often with `frames + 1` frames than with `frames`: none of its
 * references can be left out. Undefined when none was found. The same seed finds the same trace.
 * Not in Linux.
 */
export function findBeladyAnomaly(search: AnomalySearch = {}): Anomaly | undefined {
  checkArguments("findBeladyAnomaly()", { search: required(KINDS) }, [search]);
  const { pages = 5, length = 20, frames = 3, policy = "FIFO", seed = 1, tries = 20_000 } = search;
  checkCapacity(frames);
  if (pages < 1 || length < 1 || length > MOST_LENGTH || tries > MOST_TRIES)
    throw new RangeError(
      `a search takes 1 or more pages, 1 to ${MOST_LENGTH} references and up to ${MOST_TRIES} tries; got ${pages}, ${length}, ${tries}`,
    );
  const random = new Random(seed);
  for (let tried = 1; tried <= tries; tried++) {
    const trace = Array.from({ length }, () => 1 + random.below(pages));
    if (gap(policy, trace, frames) > 0)
      return describe(policy, shorten(policy, trace, frames), frames, tried);
  }
  return undefined;
}

const KINDS = {
  pages: "count",
  length: "count",
  frames: "count",
  policy: "any",
  seed: "integer",
  tries: "count",
} as const;
const MOST_LENGTH = 1000;
const MOST_TRIES = 1_000_000;

/** How many misses one more frame costs; below zero where it helps. */
function gap(policy: AnyPolicy, trace: readonly number[], frames: number): number {
  return runPolicy(policy, trace, frames + 1).misses - runPolicy(policy, trace, frames).misses;
}

/** `trace` without the references that the anomaly does not need. */
function shorten(policy: AnyPolicy, trace: readonly number[], frames: number): number[] {
  let shortest = [...trace];
  for (let i = 0; i < shortest.length; ) {
    const shorter = shortest.filter((_, at) => at !== i);
    if (shorter.length > 0 && gap(policy, shorter, frames) > 0) {
      shortest = shorter;
      i = 0;
    } else i++;
  }
  return shortest;
}

function describe(policy: AnyPolicy, trace: readonly number[], frames: number, tries: number): Anomaly {
  const moreFrames = frames + 1;
  const [{ misses }, { misses: moreMisses }] = [
    runPolicy(policy, trace, frames),
    runPolicy(policy, trace, moreFrames),
  ];
  return { trace, frames, misses, moreFrames, moreMisses, tries };
}
