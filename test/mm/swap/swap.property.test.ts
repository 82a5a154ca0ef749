/**
 * Random work of processes whose memory goes to swap and comes back all the time: anonymous and shared memory, copies of files,
 * over fork, mremap, mlock, advice and swapoff, on devices of every kind.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { disableSwap } from "../../../lib/mm/swap/swapoff.js";
import { Zram } from "../../../lib/mm/swap/zram.js";
import { PSWPIN, PSWPOUT } from "../../../lib/mm/vmstat.js";
import { asScript, KINDS, type Operation, randomOperations, shortest } from "../operations.js";
import { reclaimAll, reclaimAtRandom } from "../pressure.js";
import { World } from "../world.js";
import { swapArea } from "./area.js";

/** Worlds, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 20);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);
const STEPS = 300;
const SLOTS = 1200;

const SWAP_KINDS = [...KINDS, "pageout", "pageout", "pageout", "pageout", "free", "swap"];

/** Switches the areas off if they are on, else on: an SSD, zram, or both, in turn. */
function toggle(seed: number): (kernel: Kernel) => void {
  return (kernel) => {
    const { sys } = kernel;
    const areas = sys.swap.swapInfo.filter((si) => si !== undefined);
    const mms = (): Iterable<NonNullable<typeof sys.initMm>> =>
      [...kernel.tasks.values()].flatMap(({ mm }) => mm ?? []);
    for (const si of areas) {
      const users = { mms, interrupted: () => false };
      expect([0, -12]).toContain(disableSwap(sys, si, users, undefined));
    }
    if (areas.length > 0) return;
    if (seed % 3 !== 1) swapArea(kernel, SLOTS);
    if (seed % 3 === 0) return;
    const zram = new Zram(sys, "zram0");
    expect(zram.setDisksize(SLOTS * 4096)).toBe(0);
    swapArea(kernel, SLOTS, zram);
  };
}

/** Runs the steps, and checks all after each; how many pages were moved. */
function run(ops: readonly Operation[], seed: number): number {
  const random = new Random(seed);
  const swap = toggle(seed);
  const world = new World({ swap });
  const { sys } = world.kernel;
  for (const [i, op] of ops.entries()) {
    try {
      if (random.chance(10)) reclaimAll(sys);
      else if (random.chance(30)) reclaimAtRandom(sys, random);
      world.run(op);
      world.check();
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  const moved = sys.vmStat.events[PSWPIN]! + sys.vmStat.events[PSWPOUT]!;
  // All of it comes back, and so do the frames that the areas took.
  if (sys.swap.swapInfo.some((si) => si !== undefined)) swap(world.kernel);
  expect(sys.totalSwapPages).toBe(0);
  world.finish();
  return moved;
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
  it("every process sees its own bytes, every slot is counted, and none is lost", () => {
    let moved = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const ops = randomOperations(new Random(7000 + seed), STEPS, SWAP_KINDS);
      try {
        moved += run(ops, seed);
      } catch (error) {
        const script = shortest(ops, (part) => failure(part, seed) !== undefined);
        throw new Error(`seed ${seed}: ${failure(script, seed)}\nshortest script:\n${asScript(script)}`, {
          cause: error,
        });
      }
    }
    expect(moved).toBeGreaterThan(WORLDS * 50);
  }, 3_600_000);
});
