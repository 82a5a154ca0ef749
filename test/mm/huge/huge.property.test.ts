/**
 * Random work on huge and small pages: two ranges of 2 MiB and their neighbourhood, forks, partial unmapping,
 * protection, moves, locks, advice, collapse by the process and by khugepaged, swap, and reclaim.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { HPAGE_PMD_ORDER, mthpStat } from "../../../lib/mm/huge/thp_state.js";
import { lruGenChangeState } from "../../../lib/mm/lru/gen/switch.js";
import {
  PSWPOUT,
  THP_COLLAPSE_ALLOC,
  THP_FAULT_ALLOC,
  THP_SPLIT_PAGE,
  THP_SPLIT_PMD,
  THP_SWPOUT,
} from "../../../lib/mm/vmstat.js";
import { asScript, type Operation, shortest } from "../operations.js";
import { reclaimAll, reclaimAtRandom } from "../pressure.js";
import { SwapSetup } from "../swap/swap_setup.js";
import { World } from "../world.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=500. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 8);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 120;

/** Pages of the arena, and those at which its whole ranges of 2 MiB begin. */
const ARENA = 80 + 2 * 512 + 40;
const RANGES = [80, 592];
const BORDERS = [...RANGES, 1104];

const HUGE_KINDS = [
  ...["store", "store", "store", "store", "store", "load", "load", "fork", "fork", "exit", "exit"],
  ...["map", "unmap", "protect", "protect", "dontneed", "free", "cold", "pageout", "pageout", "populateRead"],
  ...["populateWrite", "populateWrite", "lock", "unlock", "move", "move", "resize", "scribble", "scribble"],
  ...["hugepage", "nohugepage", "collapse", "collapse", "collapse", "collapse", "sleep", "swap"],
];

/** A step at any page, or just at the border of a range; over a few pages, or a range and more. */
function randomStep(random: Random): Operation {
  const page = (): number =>
    random.chance(40)
      ? Math.min(ARENA - 1, random.pick(BORDERS) + random.pick([0, 0, 0, -1, 1, 64]))
      : random.below(ARENA);
  const length = random.pick([1, 2, 9, random.between(1, 64), 512, 512, random.between(1, ARENA)]);
  const kind = random.pick(HUGE_KINDS);
  const some = { kind, who: random.below(5), cpu: random.below(2), value: random.between(1, 255) };
  // Only whole ranges can be collapsed, and they must be in one area; only whole huge pages go to swap whole.
  if ((kind === "collapse" || kind === "pageout") && random.chance(70)) {
    const range = random.pick(RANGES);
    return { ...some, page: range, length: 512, to: range };
  }
  return { ...some, page: page(), length, to: page() };
}

const SIZES_KINDS = [
  ...["populateWrite", "populateWrite", "pageout", "pageout", "pageout", "load", "load", "store", "store"],
  ...["dontneed", "fork", "exit", "scribble", "unmap", "map", "protect", "move", "sleep"],
];

/** A step at blocks of 32 pages, some of them cut. */
function randomSizesStep(random: Random): Operation {
  const page = 80 + 32 * random.below(16) + random.pick([0, 0, 0, 1, 5, 16]);
  const kind = random.pick(SIZES_KINDS);
  const length = kind === "load" || kind === "store" ? 1 : random.pick([3, 16, 32, 64, 96]);
  const rest = { who: random.below(3), cpu: random.below(2), value: random.between(1, 255) };
  return { kind, page, length, to: 80 + 32 * random.below(16), ...rest };
}

/** From this seed on there are folios of 16 to 128 kB, and no huge pages; swap is on zram. */
const SIZES_ONLY = 1_000_003;

/** Huge pages everywhere; in some worlds smaller folios as well, limits that matter, or generations. */
function settings(seed: number): (kernel: Kernel) => void {
  return ({ sys }) => {
    const { thp } = sys;
    thp.enabled = seed % 3 === 0 ? "madvise" : "always";
    thp.defrag = (["madvise", "always", "never", "defer"] as const)[seed % 4]!;
    if (seed % 2 === 1) thp.ordersAlways = 0x1fc & (0xb4 + 17 * seed);
    thp.useZeroPage = seed % 5 !== 4;
    thp.khugepaged.defrag = true;
    Object.assign(thp.khugepaged, { scanSleepMillisecs: 30, allocSleepMillisecs: 40, pagesToScan: 4096 });
    if (seed % 3 !== 1)
      Object.assign(thp.khugepaged, { maxPtesNone: 200, maxPtesSwap: 30, maxPtesShared: 128 });
    if (seed >= SIZES_ONLY) Object.assign(thp, { enabled: "never", ordersAlways: 0x3c });
    lruGenChangeState(sys, seed % 5 >= 3);
  };
}

/**
 * Which swap each world has: an SSD, zswap, an SSD that fails, zram, an SSD that fails, zram that fails, zram that may
 * not grow, zram; every second one has folios of all sizes.
 */
const SWAPS = [0, 4, 8, 15, 16, 55, 33, 39];
/**
 * Worlds without MADV_FREE. What a read brings from zram past the swap cache is clean, in entry and folio, though
 * nothing else has the bytes; after a fork, MADV_FREE in one process then gives them up for both. So it is in Linux's
 * source, too.
 */
const KEEPS_ALL = new Set([15, 55, 33, 39]);

/** What happened in all worlds. */
const sums = new Map<number, number>();
let swappedInLarge = 0;
const EVENTS = [THP_FAULT_ALLOC, THP_SPLIT_PMD, THP_SPLIT_PAGE, THP_COLLAPSE_ALLOC, THP_SWPOUT, PSWPOUT];

/** Runs the steps, and checks all after each. */
function run(ops: readonly Operation[], seed: number): void {
  const random = new Random(seed);
  const swap = seed >= SIZES_ONLY ? 15 : SWAPS[seed % SWAPS.length]!;
  const setup = new SwapSetup(swap);
  const world = new World({
    ...{ ramMib: 40, arena: ARENA, setUp: settings(seed), swap: (kernel: Kernel) => setup.toggle(kernel) },
  });
  const { sys } = world.kernel;
  for (const [i, op] of ops.entries()) {
    if (op.kind === "free" && KEEPS_ALL.has(swap)) continue;
    try {
      if (random.chance(6)) reclaimAll(sys);
      else if (random.chance(20)) reclaimAtRandom(sys, random);
      world.run(op);
      world.check();
      if (i % 4 === 3) world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  world.kernel.sched.settle();
  if (sys.totalSwapPages > 0) setup.toggle(world.kernel);
  world.finish();
  for (const event of EVENTS) sums.set(event, (sums.get(event) ?? 0) + sys.vmStat.events[event]!);
  for (let order = 1; order < HPAGE_PMD_ORDER; order++) swappedInLarge += mthpStat(sys, order, "swpin");
}

function failure(ops: readonly Operation[], seed: number): string | undefined {
  try {
    run(ops, seed);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Worlds from `from` on, each with random steps; the shortest script of the first that is wrong. */
function tryWorlds(from: number, worlds: number): void {
  for (let seed = from; seed < from + worlds; seed++) {
    const draw = new Random(9000 + seed);
    const step = seed >= SIZES_ONLY ? randomSizesStep : randomStep;
    const ops = Array.from({ length: STEPS }, () => step(draw));
    const why = failure(ops, seed);
    if (why === undefined) continue;
    const script =
      process.env.PAGEWALK_SHORTEST === "0"
        ? ops
        : shortest(ops, (part) => failure(part, seed) !== undefined);
    throw new Error(`seed ${seed}: ${failure(script, seed) ?? why}\nshortest script:\n${asScript(script)}`);
  }
}

describe("every process sees its own bytes, every count and every reverse map is right, no frame is lost", () => {
  it("with huge pages", () => {
    tryWorlds(FIRST_SEED, WORLDS);
    for (const event of EVENTS) expect(sums.get(event), String(event)).toBeGreaterThan(0);
  }, 300_000);

  it("with folios of other sizes, which come back from zram whole", () => {
    tryWorlds(SIZES_ONLY, Math.ceil(WORLDS / 2));
    expect(swappedInLarge).toBeGreaterThan(0);
  }, 300_000);
});
