import { describe, expect, it } from "vitest";
import { Random } from "../../lib/hw/random.js";
import { asScript, HUNGRY_KINDS, KINDS, type Operation, randomOperations, shortest } from "./operations.js";
import { reclaimAtRandom } from "./pressure.js";
import { World, type WorldOptions } from "./world.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 20);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 300;

/** Runs the steps, reclaiming at every allocation, and checks all after each step; how often was reclaimed. */
function run(ops: readonly Operation[], seed: number, options: WorldOptions = {}): number {
  const random = new Random(seed);
  const atReclaim = (world: World): void => {
    if (random.chance(50)) reclaimAtRandom(world.kernel.sys, random);
    else for (let i = random.below(6); i > 0; i--) world.touchMeanwhile(random);
  };
  const world = new World({ ...options, atReclaim });
  // The files have 20 pages: several windows of readahead.
  if (seed % 3 === 0) for (const { file } of world.files) file!.fRa.raPages = 4;
  for (const [i, op] of ops.entries()) {
    try {
      world.run(op);
      world.check();
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  world.finish();
  return world.pressure!.nrReclaims;
}

/** Why the steps fail, or undefined. */
function failure(ops: readonly Operation[], seed: number, options?: WorldOptions): string | undefined {
  try {
    run(ops, seed, options);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** All over the arena, or on a few pages, where loads meet entries that TLBs still hold. */
function operations(seed: number): Operation[] {
  const kinds = seed % 2 === 0 ? KINDS : HUNGRY_KINDS;
  const ops = randomOperations(new Random(4000 + seed), STEPS, [...kinds, "free"]);
  if (seed % 4 < 2) return ops;
  return ops.map((op) => ({ ...op, who: op.who % 3, page: 14 * (op.page % 6) + (op.length % 3) }));
}

describe("with reclaim and the flusher at work in every allocation", () => {
  it("every process sees its own bytes, every count is right, and no page is lost", () => {
    let reclaims = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const ops = operations(seed);
      try {
        reclaims += run(ops, seed);
      } catch (error) {
        const script = shortest(ops, (part) => failure(part, seed) !== undefined);
        throw new Error(`seed ${seed}: ${failure(script, seed)}\nshortest script:\n${asScript(script)}`, {
          cause: error,
        });
      }
    }
    expect(reclaims).toBeGreaterThan(WORLDS * 100);
  }, 3_600_000);
});
