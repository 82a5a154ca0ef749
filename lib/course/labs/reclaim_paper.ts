/**
 * What lab 05 does on paper: CLOCK one use at a time, and stack distances; each worked out in another way
 * than the exercises ask for, so that the two can be compared.
 *
 *   CLOCK           here a queue: what the hand looks at next stands in front; in the exercise a hand that goes
 *                   round over frames
 *   stack distance  here the different pages since the last use, counted; in the exercise the place in a list
 *
 * Not in Linux: a helper of the course. Read first: course/grading/workload.ts.
 */

/** What a learner's CLOCK works on. */
interface ClockFrames {
  pages: (number | undefined)[];
  referenced: boolean[];
  hand: number;
}

/** What is seen after one use of a page. */
interface ClockObservation {
  readonly hit: unknown;
  readonly pages: readonly unknown[];
  readonly referenced: readonly unknown[];
  readonly hand: unknown;
}

/** A frame as it stands in the queue of the reference. */
interface Queued {
  readonly frame: number;
  page: number | undefined;
  used: boolean;
}

/** An observation in words. */
export function clockText({ hit, pages, referenced, hand }: ClockObservation): string {
  const frames = pages.map((page, i) => `${page === undefined ? "free" : page}${referenced[i] ? "*" : ""}`);
  return `returned ${String(hit)}; frames [${frames.join(", ")}] (* referenced), hand at ${String(hand)}`;
}

/** What is wrong in `got`, in a sentence. */
export function clockMistake(got: ClockObservation, expected: ClockObservation): string | undefined {
  const differ = (a: readonly unknown[], b: readonly unknown[]): boolean =>
    a.length !== b.length || a.some((one, i) => one !== b[i]);
  if (got.pages.length !== expected.pages.length) return "There are no more frames than at the beginning";
  if (differ(got.pages, expected.pages))
    return expected.hit
      ? "The page is in a frame already: no page is brought in, and none has to go"
      : "The new page takes the first frame with a clear bit, as seen from where the hand stands";
  if (expected.hit) {
    if (differ(got.referenced, expected.referenced))
      return "A hit sets the referenced bit of the page's frame, and no other";
    if (got.hand !== expected.hand) return "A hit does not move the hand";
    return got.hit === expected.hit ? undefined : "The page was in a frame: that is a hit, true";
  }
  const at = expected.pages.findIndex((_, i) => got.referenced[i] !== expected.referenced[i]);
  if (at >= 0 && at === (Number(expected.hand) + expected.pages.length - 1) % expected.pages.length)
    return "The bit of the new page's frame is clear: bringing it in does not count as a use";
  if (at >= 0) return "The hand clears the bits of the frames that it passes, and of no others";
  if (got.hand !== expected.hand)
    return "After a miss the hand stands one frame behind the new page: after the last frame comes frame 0";
  return got.hit === expected.hit ? undefined : "The page was in no frame: that is a miss, false";
}

/** Uses `pages` one after the other on `frames` frames, with a learner's CLOCK. */
export function* runClock(
  access: (state: ClockFrames, page: number) => boolean,
  frames: number,
  pages: readonly number[],
): Generator<ClockObservation> {
  const state: ClockFrames = {
    pages: new Array<number | undefined>(frames).fill(undefined),
    referenced: new Array<boolean>(frames).fill(false),
    hand: 0,
  };
  for (const page of pages) {
    const hit = access(state, page);
    yield { hit, pages: [...state.pages], referenced: [...state.referenced], hand: state.hand };
  }
}

/** The same by a queue: who was used goes to its end once more. */
export function* referenceClock(frames: number, pages: readonly number[]): Generator<ClockObservation> {
  const queue = Array.from(
    { length: frames },
    (_, frame): Queued => ({ frame, page: undefined, used: false }),
  );
  for (const page of pages) {
    const there = queue.find((one) => one.page === page);
    if (there !== undefined) there.used = true;
    else {
      while (queue[0]!.used) queue.push({ ...queue.shift()!, used: false });
      queue.push({ ...queue.shift()!, page });
    }
    const byFrame = [...queue].sort((a, b) => a.frame - b.frame);
    yield {
      hit: there !== undefined,
      pages: byFrame.map((one) => one.page),
      referenced: byFrame.map((one) => one.used),
      hand: queue[0]!.frame,
    };
  }
}

/** For each access the number of different pages since the last use of its page; Infinity at first. */
export function referenceDistances(trace: readonly number[]): number[] {
  const last = new Map<number, number>();
  return trace.map((page, at) => {
    const before = last.get(page);
    last.set(page, at);
    return before === undefined ? Infinity : new Set(trace.slice(before, at)).size;
  });
}

/** The share of accesses that miss with 0 to `maxFrames` frames, by playing LRU for each size. */
export function referenceCurve(trace: readonly number[], maxFrames: number): number[] {
  return Array.from({ length: maxFrames + 1 }, (_, frames) => {
    const inRam = new Set<number>();
    let misses = 0;
    for (const page of trace) {
      if (!inRam.delete(page)) misses++;
      inRam.add(page);
      if (inRam.size > frames) inRam.delete(inRam.values().next().value!);
    }
    return trace.length === 0 ? 0 : misses / trace.length;
  });
}
