import { describe, expect, it } from "vitest";
import { Random } from "../../../../lib/hw/random.js";
import { tryToIncMaxSeq } from "../../../../lib/mm/lru/gen/aging.js";
import { setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import { newScanControl } from "../../../../lib/mm/lru/scan_control.js";
import { lruAddDrainAll } from "../../../../lib/mm/lru/swap.js";
import { shrinkNode } from "../../../../lib/mm/lru/vmscan.js";
import { GFP_HIGHUSER_MOVABLE, GFP_NOFS, GFP_NOIO } from "../../../../lib/mm/pages/gfp.js";
import type { MemorySystem } from "../../../../lib/mm/system.js";
import { PGSTEAL_DIRECT } from "../../../../lib/mm/vmstat.js";
import {
  asScript,
  HUNGRY_KINDS,
  KINDS,
  type Operation,
  randomOperations,
  shortest,
} from "../../operations.js";
import { World } from "../../world.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 10);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 400;

type Caps = (random: Random) => number;

/** What reclaim does by itself, at a time that nobody expects. */
function disturb(sys: MemorySystem, random: Random, caps: Caps): void {
  const what = random.below(10);
  if (what === 0) setLruGenCaps(sys, caps(random));
  else if (what === 1 && sys.lruGen.enabled) {
    const { lrugen } = sys.lruvec;
    tryToIncMaxSeq(sys, lrugen, lrugen.maxSeq, random.pick([0, 60, 201]), random.chance(30));
  } else if (what === 2) lruAddDrainAll(sys);
  else if (what < 6) {
    const gfpMask = random.pick([GFP_HIGHUSER_MOVABLE, GFP_HIGHUSER_MOVABLE, GFP_NOFS, GFP_NOIO]);
    const [nrToReclaim, priority] = [random.pick([1, 32, 100]), random.pick([0, 0, 1, 2, 4, 12])];
    const mayUnmap = random.chance(90);
    shrinkNode(sys, newScanControl({ gfpMask, nrToReclaim, priority, mayUnmap, reclaimIdx: 3 }));
  }
}

/** Runs the steps with reclaim in between; how many pages it freed. */
function run(ops: readonly Operation[], seed: number, caps: Caps): number {
  const random = new Random(seed);
  const world = new World({ ramMib: 16 });
  const { sys } = world.kernel;
  setLruGenCaps(sys, caps(random));
  for (const [i, op] of ops.entries()) {
    try {
      world.run(op);
      disturb(sys, random, caps);
      world.check();
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  world.finish();
  return sys.vmStat.events[PGSTEAL_DIRECT]!;
}

/** Runs a script that was made at random, and fails with the shortest that fails. */
function expectRight(seed: number, caps: Caps): number {
  const kinds = seed % 2 === 0 ? KINDS : HUNGRY_KINDS;
  const ops = randomOperations(new Random(7000 + seed), STEPS, [...kinds, "free", "load", "load"]);
  try {
    return run(ops, seed, caps);
  } catch (first) {
    const why = (part: readonly Operation[]): string | undefined => {
      try {
        run(part, seed, caps);
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    };
    const script = shortest(ops, (part) => why(part) !== undefined);
    throw new Error(`seed ${seed}: ${why(script)}\nshortest script:\n${asScript(script)}`, { cause: first });
  }
}

describe("with reclaim at any time", () => {
  it.each<[string, Caps]>([
    ["on the two lists", () => 0],
    ["on generations", () => 7],
    ["on generations without walks", () => 1],
    ["switched to and fro", (random) => random.below(8)],
  ])(
    "%s every process sees its own bytes, and every count is right",
    (_name, caps) => {
      let freed = 0;
      for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS / 3; seed++) freed += expectRight(seed, caps);
      expect(freed).toBeGreaterThan(WORLDS * 10);
    },
    3_600_000,
  );
});
