/**
 * Random work of processes on memory and files, in RAM and in swap, while pages are moved from frame to frame:
 * between the steps, or in the middle of each allocation.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { lruGenChangeState } from "../../../lib/mm/lru/gen/switch.js";
import { PGMIGRATE_FAIL, PGMIGRATE_SUCCESS } from "../../../lib/mm/vmstat.js";
import { asScript, HUNGRY_KINDS, KINDS, type Operation, randomOperations, shortest } from "../operations.js";
import { reclaimAll, reclaimAtRandom } from "../pressure.js";
import { SwapSetup } from "../swap/swap_setup.js";
import { World } from "../world.js";
import { compactAtRandom } from "./compact_at_random.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 16);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 200;

/** While an allocation waits: pages move, others are reclaimed, other threads run. */
function whileAllocating(world: World, random: Random): void {
  const { sys } = world.kernel;
  if (random.chance(20)) world.pressure!.spare(random.below(64));
  const what = random.below(4);
  if (what < 2) compactAtRandom(sys, random);
  else if (what === 2) reclaimAtRandom(sys, random);
  else for (let i = random.below(4); i > 0; i--) world.touchMeanwhile(random);
}

/** A device for swap in every second world. */
function newWorld(seed: number, random: Random): { world: World; setup: SwapSetup | undefined } {
  const setup = seed % 2 === 0 ? new SwapSetup(seed) : undefined;
  const { errors } = setup ?? {};
  const world = new World({
    ...(setup === undefined ? {} : { ramMib: 16, swap: (kernel: Kernel) => setup.toggle(kernel) }),
    ...(errors === undefined ? {} : { errors }),
    ...(seed % 4 > 1 ? { atReclaim: (it: World) => whileAllocating(it, random) } : {}),
  });
  lruGenChangeState(world.kernel.sys, seed % 5 >= 3);
  return { world, setup };
}

/** Runs the steps, and checks all after each; pages that were moved, and that could not be. */
function run(ops: readonly Operation[], seed: number): [number, number] {
  const random = new Random(seed);
  const { world, setup } = newWorld(seed, random);
  const { sys, sched } = world.kernel;
  for (const [i, op] of ops.entries()) {
    try {
      for (let times = random.below(4); times > 0; times--) compactAtRandom(sys, random);
      if (setup !== undefined && random.chance(10)) reclaimAll(sys);
      if (random.chance(20)) sched.idle(random.below(300_000));
      if (random.chance(2)) sched.idle(random.below(3e9));
      world.run(op);
      world.check();
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (setup === undefined) world.finish();
  const { events } = sys.vmStat;
  return [events[PGMIGRATE_SUCCESS]!, events[PGMIGRATE_FAIL]!];
}

function operations(seed: number): Operation[] {
  const kinds = seed % 3 === 0 ? HUNGRY_KINDS : KINDS;
  const swaps = seed % 2 === 0 ? ["pageout", "pageout", "pageout", "swap"] : [];
  return randomOperations(new Random(9000 + seed), STEPS, [...kinds, "free", ...swaps]);
}

/** Why the steps fail, or undefined. */
function failure(ops: readonly Operation[], seed: number): string | undefined {
  try {
    run(ops, seed);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("while pages are moved from frame to frame", () => {
  it("every process sees its own bytes, every count is right, and no frame is lost", () => {
    let moved = 0;
    let stayed = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const ops = operations(seed);
      try {
        const [success, fail] = run(ops, seed);
        moved += success;
        stayed += fail;
      } catch (error) {
        const script = shortest(ops, (part) => failure(part, seed) !== undefined);
        throw new Error(`seed ${seed}: ${failure(script, seed)}\nshortest script:\n${asScript(script)}`, {
          cause: error,
        });
      }
    }
    expect(moved).toBeGreaterThan(WORLDS * 1000);
    expect(stayed).toBeGreaterThan(0);
  }, 600_000);
});
