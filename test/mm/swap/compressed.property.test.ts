/**
 * A program whose memory does not fit, on compressed swap: every byte that it reads is the one it wrote.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import { boot } from "../../../lib/kernel/machine.js";
import { copyFromUser, copyToUser } from "../../../lib/kernel/uaccess.js";
import { zramDevice } from "../../../lib/mm/swap/zram.js";
import type { ZsPool } from "../../../lib/mm/swap/zsmalloc_types.js";
import { zswapOf } from "../../../lib/mm/swap/zswap.js";
import { zswapEnable } from "../../../lib/mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { vmstatValue } from "../../../lib/procfs/vmstat.js";
import { heapPage, randomPage, textPage } from "./page_data.js";
import { checkPool } from "./pool_check.js";
import { ssd, swapOn } from "./zip_area.js";

const PAGE = 4096;
const NR_PAGES = 7000;
const STEPS = 16_000;

/** Pages of 300 kinds, of which `random` in 10 are random. */
function kinds(random: number): Uint8Array[] {
  return Array.from({ length: 300 }, (_, i) => {
    if (i % 10 < random) return randomPage(i);
    return i % 2 === 0 ? heapPage(i) : textPage(i);
  });
}

/** 28 MB in a machine of 24 MiB; `prepare` makes its swap, and says where the pool is. */
function run(prepare: (sys: MemorySystem) => () => ZsPool, random: number, seed: number): MemorySystem {
  const machine = boot({ ram: "24 MiB" });
  const { sys } = machine.kernel;
  const pool = prepare(sys);
  const alice = machine.spawn("alice");
  const base = alice.mmap(NR_PAGES * PAGE);
  const pages = kinds(random);
  const model: number[] = [];
  const draw = new Random(seed);
  const bytes = new Uint8Array(PAGE);
  for (let i = 0; i < STEPS; i++) {
    machine.kernel.enter(alice.task);
    const at = i < NR_PAGES ? i : draw.below(NR_PAGES);
    if (i < NR_PAGES || draw.chance(40)) {
      model[at] = draw.below(300);
      expect(copyToUser(alice.task, base + at * PAGE, pages[model[at]!]!)).toBe(0);
    } else {
      expect(copyFromUser(alice.task, bytes, base + at * PAGE)).toBe(0);
      expect(Buffer.compare(bytes, pages[model[at]!]!), `page ${at} in step ${i}`).toBe(0);
    }
  }
  expect(vmstatValue(sys, "nr_zspages")).toBe(checkPool(sys, pool()));
  alice.exit();
  machine.idle(1e9);
  expect(sys.swap.swapInfo[0]!.inusePages).toBe(0);
  expect(checkPool(sys, pool())).toBe(0);
  return sys;
}

const onZram = (limitPages: number) => (sys: MemorySystem) => {
  const zram = zramDevice(sys);
  zram.setDisksize(64 * 2 ** 20);
  zram.limitPages = limitPages;
  swapOn(sys, zram);
  return () => (zram as unknown as { pool: ZsPool }).pool;
};

const behindZswap = (percent: number, shrinker: boolean) => (sys: MemorySystem) => {
  swapOn(sys, ssd(sys, 16384));
  zswapEnable(sys, true);
  zswapOf(sys).maxPoolPercent = percent;
  zswapOf(sys).shrinkerEnabled = shrinker;
  return () => zswapOf(sys).pools[0]!.zsPool;
};

describe("a program that needs more memory than there is", () => {
  it("reads what it wrote from zram", () => {
    const sys = run(onZram(0), 1, 1);
    expect(vmstatValue(sys, "pswpin")).toBeGreaterThan(1000);
  });

  it("loses nothing where zram may not grow: what is refused stays in memory", () => {
    const sys = run(onZram(1800), 1, 2);
    expect(zramDevice(sys).stats.failedWrites).toBeGreaterThan(0);
  });

  it.each([
    [20, false],
    [20, true],
    [2, false],
  ])(
    "reads what it wrote from zswap of $0 percent and the device behind it (shrinker: $1)",
    (percent, shrinker) => {
      const sys = run(behindZswap(percent, shrinker), 2, 3);
      expect(vmstatValue(sys, "zswpin")).toBeGreaterThan(50);
      if (shrinker) expect(vmstatValue(sys, "zswpwb")).toBeGreaterThan(100);
    },
  );
});
