/**
 * Grader of lab 05. 05.1 and 05.2 are compared with the same things worked out in another way; from 05.3 on each part runs in a
 * whole kernel: first known hard cases, each with a sentence that says what is at stake, then random workloads.
 */

import { describe, it } from "vitest";
import { expectSame, expectSameRuns, expectSameSteps } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import { reclaimMistake, reclaimText, runReclaim } from "../../lib/course/labs/reclaim.js";
import {
  type ReclaimHow,
  type ReclaimOp,
  randomReclaimOp,
  reclaimOpText,
  simplerReclaimOps,
} from "../../lib/course/labs/reclaim_ops.js";
import {
  clockMistake,
  clockText,
  referenceClock,
  referenceCurve,
  referenceDistances,
  runClock,
} from "../../lib/course/labs/reclaim_paper.js";
import {
  type RefaultScene,
  randomRefault,
  refaultScene,
  refaultText,
  runRefault,
} from "../../lib/course/labs/refault.js";
import {
  randomScene,
  randomWatermarkOp,
  runWatermarks,
  sceneText,
  type WatermarkOp,
  type WatermarkScene,
  watermarkMistake,
  watermarkObservationText,
  watermarkOpText,
  watermarkScene,
  zoneOf,
} from "../../lib/course/labs/watermarks.js";
import { Random } from "../../lib/hw/random.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
} from "../../lib/mm/pages/alloc_flags.js";
import type { ZoneWatermarks } from "../../lib/mm/pages/buddy.js";
import { zoneWatermarkOk } from "../../lib/mm/pages/watermark_ok.js";
import { zoneWatermarks } from "../../lib/mm/pages/wmark.js";
import type { MemorySystem } from "../../lib/mm/system.js";
import * as submission from "../../solutions/05-reclaim.js";

const { remember, atLast } = gradedTasks();

// ---------------------------------------------------------------- 05.1

function compareClocks(frames: number, first: number[][], workloads = 0, pages = 8): void {
  expectSameRuns<number>({
    operation: (random) => random.below(pages),
    first,
    workloads,
    length: 24,
    seed: 105,
    reference: (trace) => referenceClock(frames, trace),
    submission: (trace) => runClock(submission.clockAccess, frames, trace),
    describe: (page) => `use page ${page}`,
    simplify: (page) => (page > 0 ? [page - 1] : []),
    as: clockText,
    explain: clockMistake,
  });
}

function checkClock(because: string, frames: number, ...traces: number[][]): void {
  remember("05.1", because, () => compareClocks(frames, traces));
}

describe("05.1 CLOCK", () => {
  it("fills free frames one after the other", () => {
    checkClock(
      "a free frame's bit is clear, so the new page takes it, and the hand goes on by one",
      3,
      [1, 2, 3],
    );
    checkClock("after the last frame comes frame 0", 3, [1, 2, 3, 4, 5, 6, 7]);
  });
  it("sets the referenced bit at a hit, and moves nothing", () => {
    checkClock(
      "a hit sets the bit of the page's frame, and nothing else",
      3,
      [1, 1],
      [1, 2, 3, 2],
      [1, 2, 3, 3, 3],
    );
  });
  it("gives a second chance", () => {
    checkClock(
      "a page whose bit is set is spared once: the bit is cleared, and the hand goes on",
      3,
      [1, 2, 3, 1, 9],
      [1, 2, 3, 1, 3, 9],
    );
    checkClock(
      "a page whose bit is clear goes, though it may have been there longest or not",
      3,
      [1, 2, 3, 2, 9, 8],
    );
  });
  it("does not count bringing a page in as a use", () => {
    checkClock(
      "the new page's bit is clear: it must be used again before the hand comes round",
      2,
      [1, 2, 3, 4],
    );
  });
  it("goes round when every bit is set", () => {
    checkClock(
      "when every bit is set, the hand clears them all and takes the frame where it started",
      3,
      [1, 2, 3, 1, 2, 3, 4],
    );
  });
  it("works with one frame", () => {
    checkClock("with one frame, the hand comes back to it at once", 1, [1, 1, 2, 2, 3]);
  });
  it("knows page 0", () => {
    checkClock("page 0 is a page like any other, and a free frame holds no page", 2, [0, 0, 1, 0, 2]);
  });
  it("agrees with a queue on random traces", () => {
    atLast("05.1", () => {
      for (const frames of [2, 3, 5]) compareClocks(frames, [], 60);
      compareClocks(7, [], 30, 20);
    });
  });
});

// ---------------------------------------------------------------- 05.2

function checkDistances(trace: readonly number[], because?: string): void {
  expectSameSteps(submission.stackDistances([...trace]), referenceDistances(trace), {
    what: `stackDistances([${trace.join(", ")}])`,
    ...(because === undefined ? {} : { because }),
  });
}

function checkCurve(trace: readonly number[], maxFrames: number, because?: string): void {
  const distances = referenceDistances(trace);
  expectSameSteps(submission.missRatioCurve([...distances], maxFrames), referenceCurve(trace, maxFrames), {
    what: `missRatioCurve([${distances.join(", ")}], ${maxFrames}) (step 1 is the one with 0 frames)`,
    ...(because === undefined ? {} : { because }),
  });
}

const smallTrace = (random: Random, length: number, pages: number): number[] =>
  Array.from({ length }, () => Math.min(random.below(pages), random.below(pages)));

describe("05.2 Stack distances", () => {
  it("says Infinity at the first use of each page", () => {
    checkDistances([], "a trace without accesses has no distances");
    checkDistances([5, 4, 3], "a page that was never used before has no distance: Infinity");
  });
  it("counts the page itself", () => {
    checkDistances([7, 7, 7], "a page that was used just before has the distance 1: itself");
    checkDistances(
      [1, 2, 1],
      "between the two uses of page 1 lies page 2: with page 1 itself the distance is 2",
    );
  });
  it("counts different pages, not accesses", () => {
    checkDistances([1, 2, 2, 2, 1], "page 2 counts once, however often it was used");
    checkDistances([1, 2, 3, 2, 3, 2, 1], "pages 2 and 3 count once each");
  });
  it("counts from the last use, not from the first", () => {
    checkDistances([1, 2, 3, 1, 1], "the last use of page 1 was just before");
    checkDistances([1, 2, 3, 2, 4, 1, 2], "after a use the page is in front again");
  });
  it("knows page 0", () => {
    checkDistances([0, 1, 0, 0], "page 0 is a page like any other");
  });
  it("leaves the trace as it is", () => {
    const trace = [3, 1, 3, 2, 1];
    submission.stackDistances(trace);
    const [what, because] = ["the trace after stackDistances(trace)", "the trace is only read"];
    expectSame(trace, [3, 1, 3, 2, 1], { what, because });
  });
  it("measures random traces", () => {
    const random = new Random(205);
    for (let i = 0; i < 40; i++) checkDistances(smallTrace(random, 2 + random.below(40), 9));
  });
  it("counts misses for every size", () => {
    checkCurve(
      [1, 1, 2, 3, 1],
      3,
      "an access is a hit if its distance is not more than the number of frames",
    );
    checkCurve([1, 2, 1, 2], 3, "with no frame at all, every access misses: the ratio is 1");
    checkCurve([1, 2, 3, 4], 2, "a first use misses with any number of frames");
  });
  it("has a value for each size from 0 to maxFrames", () => {
    checkCurve([1, 2, 1], 0, "there are maxFrames + 1 values");
    checkCurve([1, 2, 1, 3, 2], 6, "more frames than pages: only first uses still miss");
    checkCurve([], 2, "without accesses every share is 0, not NaN");
  });
  it("agrees with LRU played for each size", () => {
    const random = new Random(206);
    for (let i = 0; i < 30; i++) checkCurve(smallTrace(random, 60, 12), random.below(14));
  });
});

// ---------------------------------------------------------------- 05.3

const WATERMARKS: Partial<MachineParts> = {
  zoneWatermarks: submission.zoneWatermarks,
  zoneWatermarkOk: submission.zoneWatermarkOk,
};

const MIN = ["min"] as const;
const LOW = ["min", "low"] as const;
const ALL = ["min", "low", "high", "promo"] as const;

type Marks = [managedPages: number, minFreeKbytes: number, lowmemPages: number, factor: number];

/** Compares the marks from `names`: what is wrong first says most. */
function checkMarks(because: string, names: readonly (keyof ZoneWatermarks)[], ...cases: Marks[]): void {
  const only = (marks: ZoneWatermarks) => Object.fromEntries(names.map((name) => [name, marks[name]]));
  remember("05.3", because, () => {
    for (const [managedPages, ...rest] of cases)
      expectSame(
        only(submission.zoneWatermarks({ managedPages }, ...rest)),
        only(zoneWatermarks({ managedPages }, ...rest)),
        { what: `zoneWatermarks({ managedPages: ${managedPages} }, ${rest.join(", ")})` },
      );
  });
}

function checkScenes(because: string | undefined, scenes: readonly WatermarkScene[]): void {
  for (const scene of scenes) {
    const { order, mark, highestZoneidx, allocFlags, freePages } = scene;
    const ask = (part: typeof zoneWatermarkOk): boolean =>
      part({} as MemorySystem, zoneOf(scene), order, mark, highestZoneidx, allocFlags, freePages);
    expectSame(ask(submission.zoneWatermarkOk), ask(zoneWatermarkOk), {
      what: sceneText(scene),
      ...(because === undefined ? {} : { because }),
    });
  }
}

function checkOk(because: string, ...scenes: Partial<WatermarkScene>[]): void {
  remember("05.3", because, () => checkScenes(because, scenes.map(watermarkScene)));
}

function compareWatermarks(first: WatermarkOp[][], workloads = 0, seed = 305): void {
  expectSameRuns<WatermarkOp>({
    operation: randomWatermarkOp,
    first,
    workloads,
    length: 8,
    seed,
    reference: (operations) => runWatermarks({}, operations),
    submission: (operations) => runWatermarks(WATERMARKS, operations),
    describe: watermarkOpText,
    as: watermarkObservationText,
    explain: watermarkMistake,
  });
}

describe("05.3 Watermarks", () => {
  it("gives a zone its part of min_free_kbytes", () => {
    checkMarks("min_free_kbytes is in kB, the marks are in pages of 4 kB", MIN, [60000, 1797, 60000, 10]);
    checkMarks(
      "a zone's part is in proportion to its pages, of all lowmem pages",
      MIN,
      [3840, 3937, 245000, 10],
      [241160, 3937, 245000, 10],
    );
  });
  it("takes the larger of two gaps", () => {
    checkMarks("the gap is a quarter of min where that is more", LOW, [10000, 4000, 10000, 10]);
    checkMarks(
      "the gap is watermark_scale_factor / 10000 of the zone where that is more",
      LOW,
      [250000, 4000, 250000, 150],
    );
    checkMarks(
      "there is one gap from min to low, and one more from low to high",
      ["high"],
      [60000, 1797, 60000, 10],
    );
    checkMarks("promo lies above high as high lies above low", ALL, [60000, 1797, 60000, 3000]);
  });
  it("rounds every division down at once", () => {
    checkMarks(
      "min_free_kbytes is rounded down to pages first",
      MIN,
      [1000, 4099, 1000, 10],
      [999, 4099, 1000, 1],
    );
    checkMarks(
      "the zone's part and the gap are whole pages, rounded down",
      ALL,
      [1001, 128, 3003, 10],
      [77, 133, 100, 1],
    );
  });
  it("works for random zones", () => {
    const random = new Random(305);
    const cases = Array.from({ length: 200 }, (): Marks => {
      const lowmem = 1 + random.below(1_000_000);
      return [random.below(lowmem + 1), random.below(70_000), lowmem, random.between(1, 3000)];
    });
    checkMarks("as in every zone", ALL, ...cases);
  });
  it("wants more than the mark, not just as much", () => {
    checkOk(
      "the free pages must be MORE than the mark: strictly greater",
      { freePages: 100 },
      { freePages: 101 },
    );
    checkOk(
      "no page free is not enough for the mark 0",
      { mark: 0, freePages: 0 },
      { mark: 0, freePages: 1 },
    );
  });
  it("keeps lowmem reserves", () => {
    const reserve = [0, 0, 50, 80, 80];
    for (const highestZoneidx of [0, 1, 2, 3])
      checkOk(
        "the reserve counts on top of the mark, and it is the one for highestZoneidx: the highest zone that could serve the request",
        ...[140, 150, 151, 180, 181].map((freePages) => ({ highestZoneidx, reserve, freePages })),
      );
  });
  it("lets the block fit", () => {
    checkOk(
      "a request for 2^order pages leaves 2^order - 1 pages fewer for the test",
      ...[100, 107, 108, 109].map((freePages) => ({ order: 3, freePages })),
    );
  });
  it("asks for a free block", () => {
    checkOk(
      "many free pages do not help when they are all in small pieces: a block of this order or a larger one must be free",
      { order: 3, blocks: [0, 1, 2] },
      { order: 3, blocks: [0, 3] },
      { order: 3, blocks: [10] },
      { order: 10, blocks: [10], freePages: 5000 },
      { order: 0, blocks: [] },
    );
    checkOk(
      "blocks kept for urgent requests count only with ALLOC_HIGHATOMIC or ALLOC_OOM",
      ...[0, ALLOC_HIGHATOMIC, ALLOC_OOM, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK].map((allocFlags) => ({
        ...{ order: 2, blocks: [0, 1], urgentBlocks: [2], allocFlags },
      })),
    );
  });
  it("lets the urgent go deeper", () => {
    const deeper = (allocFlags: number) =>
      Array.from({ length: 90 }, (_, i) => ({ allocFlags, mark: 101, freePages: 18 + i }));
    checkOk("ALLOC_MIN_RESERVE: half of the mark is taken off, rounded down", ...deeper(ALLOC_MIN_RESERVE));
    checkOk(
      "with ALLOC_NON_BLOCK, too, a quarter of what is left is taken off",
      ...deeper(ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK),
    );
    checkOk("ALLOC_NON_BLOCK alone is not urgent: it takes nothing off", ...deeper(ALLOC_NON_BLOCK));
    checkOk("a victim of the OOM killer (ALLOC_OOM) gets half of the mark", ...deeper(ALLOC_OOM));
    checkOk(
      "ALLOC_OOM takes half of what the others have left",
      ...deeper(ALLOC_OOM | ALLOC_MIN_RESERVE),
      ...deeper(ALLOC_OOM | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK),
      ...Array.from({ length: 12 }, (_, i) => ({
        ...{ allocFlags: ALLOC_OOM | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK, mark: 10, freePages: i },
      })),
    );
    checkOk("the reserve is not reduced: only the mark is", {
      ...{ allocFlags: ALLOC_MIN_RESERVE, freePages: 120, reserve: [0, 80, 80, 0, 0] },
    });
  });
  it("keeps nrFreeHighatomic from ordinary requests", () => {
    const ordinary = [0, ALLOC_WMARK_LOW, ALLOC_KSWAPD];
    for (const allocFlags of [...ordinary, ALLOC_MIN_RESERVE, ALLOC_NON_BLOCK, ALLOC_OOM, ALLOC_HIGHATOMIC])
      checkOk(
        "pages in blocks kept for urgent requests are of no use, unless the request has one of ALLOC_RESERVES",
        ...[60, 100, 101, 130, 131].map((freePages) => ({ allocFlags, highatomic: 30, freePages })),
      );
  });
  it("answers random questions", () => {
    const random = new Random(306);
    checkScenes(
      undefined,
      Array.from({ length: 1500 }, () => randomScene(random)),
    );
  });
  it("drives a machine whose settings change", () => {
    remember("05.3", "the marks follow the settings", () =>
      compareWatermarks([
        [{ op: "min_free_kbytes", value: 4096 }],
        [
          { op: "watermark_scale_factor", value: 500 },
          { op: "write", pages: 1500 },
        ],
      ]),
    );
  });
  it("drives a machine whose memory runs short", () => {
    const write = (pages: number) => ({ op: "write", pages }) as const;
    remember("05.3", "which zone an allocation gets, and when it reclaims, follows from your answers", () =>
      compareWatermarks([
        [
          { op: "min_free_kbytes", value: 16_000 },
          { op: "read", pages: 400 },
          ...[1500, 1000, 1500].map(write),
        ],
      ]),
    );
  });
  it("drives a machine through random workloads", () => {
    atLast("05.3", () => compareWatermarks([], 3));
  });
  it("drives a machine through other random workloads, too", () => {
    atLast("05.3", () => compareWatermarks([], 3, 1305));
  });
});

// ---------------------------------------------------------------- 05.4, 05.5

const SHRINK: Partial<MachineParts> = { shrinkFolioList: submission.shrinkFolioList };
const REFAULT: Partial<MachineParts> = { workingsetRefault: submission.workingsetRefault };

function compareReclaim(parts: Partial<MachineParts>, first: ReclaimOp[][], workloads = 0, seed = 405): void {
  expectSameRuns<ReclaimOp>({
    operation: randomReclaimOp,
    first,
    workloads,
    length: 24,
    seed,
    reference: (operations) => runReclaim({}, operations),
    submission: (operations) => runReclaim(parts, operations),
    describe: reclaimOpText,
    simplify: simplerReclaimOps,
    as: reclaimText,
    explain: reclaimMistake,
  });
}

/** The script "r4 w5 R": reads page 4, writes page 5, reclaims; see WORDS. */
function reclaimScript(text: string): ReclaimOp[] {
  const words: Readonly<Record<string, ReclaimOp["op"]>> = {
    ...{ r: "read", w: "write", l: "look", f: "free", m: "mlock", u: "munlock", h: "hold", b: "busy" },
    ...{ d: "written", p: "pinned", s: "sync", B: "bulk" },
  };
  const ways: Readonly<Record<string, ReclaimHow>> = {
    ...{ R: "plain", I: "no io", U: "no unmap", A: "whatever was used", K: "kswapd" },
    ...{ W: "kswapd, writeback", D: "kswapd, dirty", C: "kswapd, calm", F: "flagged" },
  };
  return text.split(" ").map((word): ReclaimOp => {
    if (word in ways) return { op: "reclaim", page: 0, how: ways[word]! };
    return { op: words[word[0]!]!, page: Number(word.slice(1)) };
  });
}

function checkShrink(because: string, ...scripts: string[]): void {
  remember("05.4", because, () => compareReclaim(SHRINK, scripts.map(reclaimScript)));
}

describe("05.4 Shrink the inactive list", () => {
  it("frees clean pages of files", () => {
    checkShrink(
      "a clean page of the cache that nobody uses is freed, and a shadow is left",
      "r12 R",
      "r12 r13 R r12",
    );
    checkShrink("a mapped page is unmapped first; it comes back by a fault", "r4 A r4", "r4 r5 R R r4");
  });
  it("flushes before it frees", () => {
    checkShrink(
      "another processor's TLB may still lead to the page: tryToUnmapFlush before the first folioPut",
      "r4 l4 A",
      "r4 l4 r5 l5 A l4",
    );
  });
  it("gives used pages a second chance", () => {
    checkShrink("a page used once is kept, used again it is made active", "r4 R", "r4 R r4 R", "r12 r12 R");
    checkShrink("with ignoreReferences use does not protect", "r4 A", "r4 R r4 A");
  });
  it("keeps what is locked, and does not count it as looked at", () => {
    checkShrink(
      "somebody works on it (folioIsLocked): keep, before anything is counted",
      "r4 b4 A",
      "r12 b12 R",
    );
  });
  it("knows what mlock holds", () => {
    checkShrink(
      "a page held by mlock is never taken, and never made active",
      "r4 p4 A",
      "r12 p12 R",
      "r4 m4 A",
      "r4 R m4 A",
      "w0 m0 R",
    );
  });
  it("does not unmap where it may not", () => {
    checkShrink("sc.mayUnmap false: mapped pages stay, unmapped ones may go", "r4 r12 U", "w0 U");
    checkShrink("a mapped page that may not be unmapped is not counted as dirty", "w4 U", "w4 d4 U");
  });
  it("leaves pages that are being written to the disk", () => {
    checkShrink(
      "on its way to the device: PG_reclaim, counted in stat.nrWriteback, activate",
      "w12 d12 R",
      "r4 d4 R",
      "w4 d4 A",
      "w12 d12 A d12 A",
    );
    checkShrink(
      "kswapd that meets it a second time counts it in stat.nrImmediate",
      "w4 d4 K",
      "r12 d12 R d12 K K",
    );
  });
  it("counts nrImmediate for kswapd alone, and only while the node says so", () => {
    checkShrink(
      "PG_reclaim from before, and the node's flag PGDAT_WRITEBACK: but it is not kswapd that meets it",
      "w4 d4 A d4 F",
      "r12 d12 A d12 F",
    );
    checkShrink(
      "kswapd meets PG_reclaim, but sys.pgdat.flags has no PGDAT_WRITEBACK",
      "w4 d4 A d4 C",
      "w4 d4 A d4 D",
    );
    checkShrink("kswapd meets PG_reclaim, and PGDAT_WRITEBACK is set: nrImmediate", "w4 d4 A d4 W");
    checkShrink("kswapd, PGDAT_WRITEBACK, but no PG_reclaim yet: nrWriteback", "w4 d4 W");
  });
  it("has nowhere to put anonymous memory", () => {
    checkShrink("there is no swap: private memory stays, and is not even unmapped", "w0 A", "w0 w1 A R A r0");
    checkShrink("without __GFP_IO it is kept, not made active", "w0 I", "w0 R I");
  });
  it("drops what was given up by MADV_FREE", () => {
    checkShrink(
      "anonymous without PG_swapbacked: it may be dropped, unless it was written since",
      "w0 f0 A r0",
    );
    checkShrink("written after MADV_FREE: it is wanted again", "w0 f0 w0 A r0");
  });
  it("never drops dirty pages", () => {
    checkShrink(
      "a dirty page of a file is not written here: PG_reclaim, NR_VMSCAN_IMMEDIATE, activate; the flusher will write it",
      "w12 A",
      "w4 A",
      "w4 w5 r6 A s A",
    );
    checkShrink(
      "look at PG_dirty after tryToUnmap: it has collected the dirty bits of the entries",
      "r4 s A w4 A",
      "r4 w4 A",
    );
    checkShrink(
      "shared memory is dirty and has no file on a disk: pageout() decides",
      "w10 A",
      "w10 w11 A A",
    );
    checkShrink(
      "kswapd that finds it with PG_reclaim a second time asks pageout()",
      "w12 K",
      "w12 A K",
      "w4 K K",
    );
  });
  it("asks pageout for kswapd alone, and only while the node says so", () => {
    checkShrink(
      "PG_reclaim from before, and the node's flag PGDAT_DIRTY: but it is not kswapd that meets it",
      "w12 A F",
      "w4 A F",
    );
    checkShrink("kswapd meets PG_reclaim, but sys.pgdat.flags has no PGDAT_DIRTY", "w12 A C", "w12 A W");
    checkShrink(
      "kswapd meets PG_reclaim, and PGDAT_DIRTY is set: pageout()",
      "w12 A D",
      "w4 A D",
      "w12 A r12 D",
    );
    checkShrink("pageout() is told what folioCheckReferences said, and keeps what was used", "r12 w12 A D");
  });
  it("counts pages, not folios", () => {
    checkShrink(
      "a folio has folioNrPages(folio) pages: in what is returned, in sc.nrScanned and in every field of stat",
      "B12 s A",
      "B12 A",
      "B12 s B12 d12 A",
      "B12 d12 A d12 W",
      "B12 s r12 r13 R R",
      "B12 s h12 A",
    );
    checkShrink(
      "so does a mapped folio of several pages: in stat.nrRefKeep, and in stat.nrUnmapFail",
      "B4 s r4 R",
      "B4 s r4 R R A",
      "B4 s r4 r5 R R",
      "B4 r4 w5 A",
      "B4 s r4 m4 A",
    );
  });
  it("flushes once for all", () => {
    checkShrink(
      "tryToUnmap(sys, folio, flush) only notes what to flush: one tryToUnmapFlush for all folios, not one each",
      "r4 l4 r5 l5 r6 l6 A",
    );
  });
  it("keeps what somebody else holds", () => {
    checkShrink(
      "a driver has a reference: removeMapping says no, and the page is kept",
      "r12 h12 A",
      "r4 h4 A",
    );
  });
  it("counts", () => {
    checkShrink(
      "every folio but locked ones counts in sc.nrScanned; verdicts count in stat",
      "r12 r13 w14 r4 w5 w0 w10 R A",
    );
  });
  it("shrinks random lists as Linux does", () => {
    atLast("05.4", () => compareReclaim(SHRINK, [], 15));
  });
});

function checkRefault(because: string, ...scenes: Partial<RefaultScene>[]): void {
  remember("05.5", because, () => {
    for (const scene of scenes.map(refaultScene))
      expectSame(runRefault(REFAULT, scene), runRefault({}, scene), { what: refaultText(scene) });
  });
}

describe("05.5 Refault activation", () => {
  it("takes the shadow apart", () => {
    checkRefault(
      "eviction lies above the lowest 17 bits",
      { eviction: 1000 },
      { eviction: 70_000, clock: 70_050 },
    );
    checkRefault(
      "the cgroup in bits 1 to 16 does not matter here",
      { cgroup: 0 },
      { cgroup: 1 },
      { cgroup: 65535 },
    );
    checkRefault("shadows are larger than 32 bits: no bit operators", {
      eviction: 2 ** 33,
      clock: 2 ** 33 + 5,
    });
  });
  it("compares the distance with the active file pages", () => {
    checkRefault(
      "a distance of just the size is near enough: not more than",
      ...[99, 100, 101, 500].map((distance) => ({ clock: 1000 + distance, activeFile: 100 })),
    );
    checkRefault(
      "the cgroup's bits are cut off, not rounded: a large one does not make the eviction later",
      ...[99, 100, 101].map((distance) => ({ cgroup: 65535, clock: 1000 + distance, activeFile: 100 })),
    );
    checkRefault("what lies on other lists does not count for a file without swap", {
      ...{ clock: 1200, activeFile: 100, inactiveFile: 900, activeAnon: 900, inactiveAnon: 900 },
    });
  });
  it("counts anonymous lists only where there is swap", () => {
    for (const swap of [0, 1, 50])
      checkRefault(
        "with free swap, anonymous pages compete, too: the active ones, and for a file the inactive ones",
        ...[50, 110, 150, 210, 350].map((distance) => ({
          ...{
            swap,
            clock: 1000 + distance,
            activeFile: 100,
            inactiveFile: 10,
            activeAnon: 50,
            inactiveAnon: 100,
          },
        })),
      );
  });
  it("knows anonymous memory", () => {
    for (const swap of [0, 50])
      checkRefault(
        "for anonymous memory the inactive file pages count, and the type is 0",
        ...[50, 115, 170, 171, 200, 350].map((distance) => ({
          ...{ anon: true, swap, clock: 1000 + distance },
          ...{ activeFile: 100, inactiveFile: 20, activeAnon: 50, inactiveAnon: 100 },
        })),
      );
  });
  it("turns round with the clock", () => {
    checkRefault(
      "the clock is compared modulo 2^36",
      { eviction: 2 ** 36 - 10, clock: 2 ** 36 + 20 },
      { eviction: 2 ** 36 - 10, clock: 500 },
      { eviction: 10, clock: 2 ** 35 + 20 },
    );
    checkRefault(
      "a distance of 0, just after the eviction or a whole turn later, is not more than any size",
      { eviction: 1000, clock: 1000, activeFile: 0 },
      { eviction: 1000, clock: 2 ** 36 + 1000, cgroup: 65535 },
    );
  });
  it("restores what had been active before", () => {
    checkRefault(
      "the lowest bit of the shadow: PG_workingset, a cost, and WORKINGSET_RESTORE, but only if it is made active",
      { wasActive: true },
      { wasActive: true, clock: 9000 },
      { wasActive: false },
    );
  });
  it("counts pages, not folios", () => {
    checkRefault(
      "a folio has folioNrPages(folio) pages, in every counter and for the clock",
      { order: 2 },
      { order: 2, wasActive: true },
      { order: 2, clock: 9000 },
    );
  });
  it("works for random refaults", () => {
    const random = new Random(505);
    checkRefault("as in every refault", ...Array.from({ length: 150 }, () => randomRefault(random)));
  });
  it("drives a machine", () => {
    atLast("05.5", () =>
      compareReclaim(REFAULT, [
        reclaimScript("r12 r13 R r12 r12 R A r12 r13"),
        reclaimScript("r4 A r4 R r4 R A A r4 A r4"),
      ]),
    );
  });
  it("drives a machine through random workloads", () => {
    atLast("05.5", () => compareReclaim(REFAULT, [], 8));
  });
  it("drives a machine through other random workloads, too", () => {
    atLast("05.5", () => compareReclaim(REFAULT, [], 8, 1405));
  });
});
