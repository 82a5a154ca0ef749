/**
 * Random work of processes whose memory goes to swap and comes back all the time: anonymous and shared
 * memory, copies of files, over fork, mremap, mlock, advice and swapoff, on devices of every kind
 * (swap_setup.ts), which fail now and then (io_errors.ts).
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { lruGenChangeState } from "../../../lib/mm/lru/gen/switch.js";
import { PSWPIN, PSWPOUT, ZSWPIN, ZSWPOUT, ZSWPWB } from "../../../lib/mm/vmstat.js";
import { asScript, KINDS, type Operation, randomOperations, shortest } from "../operations.js";
import { reclaimAll, reclaimAtRandom } from "../pressure.js";
import { World } from "../world.js";
import { badFolios } from "./io_errors.js";
import { SwapSetup } from "./swap_setup.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 6);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 300;
/** The first of them give the first process something to lose. */
const FILL = 60;

const SWAP_KINDS = [
  ...KINDS,
  ...Array<string>(8).fill("pageout"),
  "free",
  "swap",
  ...Array<string>(4).fill("scribble"),
];

/** What happened in one world, or in all. */
interface Sums {
  moved: number;
  compressed: number;
  writtenBack: number;
  readErrors: number;
  writeErrors: number;
  told: number;
}

/** Whatever else goes on: reclaim, time that passes, requests that fail, settings that change. */
function meanwhile(world: World, setup: SwapSetup, random: Random): void {
  const { sys, sched } = world.kernel;
  if (random.chance(10)) reclaimAll(sys);
  else if (random.chance(30)) reclaimAtRandom(sys, random);
  if (random.chance(20)) sched.idle(random.below(300_000));
  if (random.chance(10) && sys.totalSwapPages === 0) setup.toggle(world.kernel);
  if (random.chance(5)) setup.fiddle(sys, random);
  if (random.chance(6)) setup.errors?.failAtRandom(random);
}

/** Where there is never a free frame: the world is another one after each allocation. */
function whileAllocating(world: World, random: Random): void {
  if (random.chance(50)) reclaimAtRandom(world.kernel.sys, random);
  else for (let i = random.below(6); i > 0; i--) world.touchMeanwhile(random);
}

/** Runs the steps, and checks all after each. */
function run(ops: readonly Operation[], seed: number): Sums {
  const random = new Random(seed);
  const setup = new SwapSetup(seed);
  const { errors } = setup;
  const world = new World({
    ...{ ramMib: 16, swap: (kernel: Kernel) => setup.toggle(kernel), errors },
    ...(seed % 4 === 1 ? { atReclaim: (it: World) => whileAllocating(it, random) } : {}),
  });
  const { sys } = world.kernel;
  lruGenChangeState(sys, seed % 5 >= 3);
  for (const [i, op] of ops.entries()) {
    try {
      meanwhile(world, setup, random);
      world.run(op);
      world.check();
      setup.check(sys);
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  finish(world, setup);
  const count = (...items: number[]): number =>
    items.reduce((sum, item) => sum + sys.vmStat.events[item]!, 0);
  return {
    ...{ moved: count(PSWPIN, PSWPOUT), compressed: count(ZSWPIN, ZSWPOUT), writtenBack: count(ZSWPWB) },
    ...{ readErrors: errors?.reads ?? 0, writeErrors: errors?.writes ?? 0, told: world.nrTold },
  };
}

/** Nothing fails any more: all that is not lost comes back, and so do the frames that the areas took. */
function finish(world: World, setup: SwapSetup): void {
  const { sys, sched } = world.kernel;
  setup.errors?.stop();
  sched.settle();
  reclaimAll(sys);
  setup.checkFrames(sys);
  expect(badFolios(sys), "folios that could not be read, and stay").toBe(0);
  if (sys.swap.swapInfo.some((si) => si !== undefined)) setup.toggle(world.kernel);
  expect(sys.totalSwapPages).toBe(0);
  world.finish();
  setup.check(sys);
  setup.checkFrames(sys);
}

function failure(ops: readonly Operation[], seed: number): string | undefined {
  try {
    run(ops, seed);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("with memory in swap", () => {
  it("every process sees its own bytes or is told, every slot is counted, and none is lost", () => {
    const sums = { moved: 0, compressed: 0, writtenBack: 0, readErrors: 0, writeErrors: 0, told: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const draw = new Random(7000 + seed);
      const ops = [
        ...randomOperations(draw, FILL, ["scribble"]),
        ...randomOperations(draw, STEPS - FILL, SWAP_KINDS),
      ];
      try {
        for (const [name, nr] of Object.entries(run(ops, seed))) sums[name as keyof Sums] += nr;
      } catch (error) {
        const script = shortest(ops, (part) => failure(part, seed) !== undefined);
        throw new Error(`seed ${seed}: ${failure(script, seed)}\nshortest script:\n${asScript(script)}`, {
          cause: error,
        });
      }
    }
    if (process.env.PAGEWALK_WORLDS !== undefined) console.log(WORLDS * STEPS, "operations:", sums);
    for (const [name, nr] of Object.entries(sums)) expect(nr, name).toBeGreaterThan(WORLDS / 4);
    expect(sums.moved).toBeGreaterThan(WORLDS * 50);
  }, 3_600_000);
});
