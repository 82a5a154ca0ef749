/**
 * A policy step by step: which page is in which frame after each reference. The table of every textbook.
 *
 *    reference   7    0    1    2    0    3
 *    frame 0     7    7    7    2    2    2         a page stays in its frame until it leaves
 *    frame 1          0    0    0    0    3
 *    frame 2               1    1    1    1
 *    fault       F    F    F    F         F
 *
 * A policy says what is in memory, not where; the new page takes the frame of the one that has gone.
 *
 * Not in Linux. Read first: run_policy.ts. Read next: view/draw_policy.ts.
 */
import { type AnyPageTrace, numberPages } from "./numbered_trace.js";
import { type AnyPolicy, answerError, makePolicy, policyName } from "./run_policy.js";

/** One reference, and memory after it. */
export interface PolicyStep {
  readonly page: number;
  readonly hit: boolean;
  /** The page that had to go. */
  readonly evicted: number | undefined;
  /** The page in each frame; undefined for one still empty. */
  readonly frames: readonly (number | undefined)[];
  /** What the policy remembers of each, in a few letters; "" where it says nothing. */
  readonly tags: readonly string[];
}

/** A whole run. */
export interface PolicySteps {
  readonly policy: string;
  readonly capacity: number;
  readonly steps: readonly PolicyStep[];
  readonly misses: number;
}

/** Most references and frames that can be followed. */
const MOST_STEPS = 1000;
const MOST_FRAMES = 64;

/**
 * Runs `policy` on a short `trace` and keeps what was in memory after each reference. RangeError for more
 * than 1000 references or 64 frames; a policy of your own needs contents(). Not in Linux.
 */
export function policySteps(policy: AnyPolicy, trace: AnyPageTrace, capacity: number): PolicySteps {
  const numbered = numberPages(trace);
  const { requests, pages } = numbered;
  const made = makePolicy(policy, numbered, capacity);
  if (requests.length > MOST_STEPS || capacity > MOST_FRAMES)
    throw new RangeError(
      `${requests.length} references to ${capacity} frames are more than ${MOST_STEPS} and ${MOST_FRAMES}: use runPolicy()`,
    );
  const name = policyName(policy);
  if (typeof made.contents !== "function")
    throw new TypeError(`${name} needs contents(), the pages in memory, to be followed step by step`);
  const frames: (number | undefined)[] = Array(capacity).fill(undefined);
  let misses = 0;
  const steps = Array.from(requests, (number): PolicyStep => {
    const hit = made.access(number);
    if (hit !== true && hit !== false) throw answerError(hit);
    if (!hit) misses++;
    const evicted = update(frames, made.contents!(), name);
    return {
      page: pages[number]!,
      hit,
      evicted: evicted === undefined ? undefined : pages[evicted]!,
      frames: frames.map((page) => (page === undefined ? undefined : pages[page]!)),
      tags: frames.map((page) => (page === undefined ? "" : String(made.tag?.(page) ?? ""))),
    };
  });
  return { policy: name, capacity, steps, misses };
}

/** Brings `frames` in line with what is in memory now; the page that has gone. */
function update(frames: (number | undefined)[], contents: unknown, name: string): number | undefined {
  if (!Array.isArray(contents) || contents.length > frames.length)
    throw new TypeError(`${name}'s contents() must be a list of at most ${frames.length} pages`);
  let evicted: number | undefined;
  for (const [frame, page] of frames.entries()) {
    if (page === undefined || contents.includes(page)) continue;
    evicted = page;
    frames[frame] = undefined;
  }
  for (const page of contents as number[])
    if (!frames.includes(page)) frames[frames.indexOf(undefined)] = page;
  return evicted;
}
