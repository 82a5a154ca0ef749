/**
 * Swap of every kind for random work: which devices there are, what lies in front of them, and what can be
 * counted there.
 *
 *   new SwapSetup(seed)    an SSD, a disk, zram (also with mem_limit), zswap in front of an SSD (also with a
 *                          small pool, with the shrinker, with LZ4), in turn; devices that fail in two worlds
 *                          of three
 *   toggle(kernel)         switches all areas off, or on again
 *   check(sys)             pools, zram's blocks and zswap's entries, counted from scratch
 *   checkFrames(sys)       the same of all frames
 */
import { expect } from "vitest";
import { BLOCK_MODELS, BlockDevice } from "../../../lib/hw/block_device.js";
import type { Random } from "../../../lib/hw/random.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { PGTY_zsmalloc } from "../../../lib/mm/pages/folio.js";
import { swpOffset, swpType } from "../../../lib/mm/pgtable/swapops.js";
import type { SwapDevice } from "../../../lib/mm/swap/swap_types.js";
import { disableSwap } from "../../../lib/mm/swap/swapoff.js";
import { Zram } from "../../../lib/mm/swap/zram.js";
import type { ZsPool } from "../../../lib/mm/swap/zsmalloc_types.js";
import { zswapOf } from "../../../lib/mm/swap/zswap.js";
import { zswapEnable } from "../../../lib/mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { vmstatValue } from "../../../lib/procfs/vmstat.js";
import { swapArea } from "./area.js";
import { IoErrors } from "./io_errors.js";
import { checkPool } from "./pool_check.js";

const SLOTS = 1200;

/**
 * What a world has: devices with queues, frames that zram may take (0: any number), percent of RAM for zswap
 * (a few frames where it is less than one).
 */
interface Kind {
  readonly devices: readonly (keyof typeof BLOCK_MODELS)[];
  readonly zramLimit?: number;
  readonly zswapPercent?: number;
  readonly shrinker?: boolean;
  readonly compressor?: string;
}

const KINDS: readonly Kind[] = [
  { devices: ["ssd"] },
  { devices: [], zramLimit: 20 },
  { devices: ["ssd"], zswapPercent: 20 },
  { devices: ["hdd"] },
  { devices: ["ssd"], zswapPercent: 0.3, compressor: "lz4" },
  { devices: ["ssd"], zramLimit: 0 },
  { devices: ["ssd"], zswapPercent: 0.3, shrinker: true },
  { devices: [], zramLimit: 0 },
];

/** The insides of zram. */
interface ZramInside {
  readonly pool: ZsPool | undefined;
  readonly table: ReadonlyMap<number, { readonly handle: number; readonly size: number }>;
}

export class SwapSetup {
  readonly errors: IoErrors | undefined;
  private readonly kind: Kind;
  /** The same devices again each time, as after swapon(8). */
  private readonly devices: SwapDevice[] = [];
  private zram: Zram | undefined;

  constructor(seed: number) {
    this.kind = KINDS[seed % KINDS.length]!;
    this.errors = seed % 3 === 0 ? undefined : new IoErrors();
  }

  /** Switches the areas off if they are on, else on. */
  toggle(kernel: Kernel): void {
    const { sys } = kernel;
    if (this.devices.length === 0) this.setUp(kernel);
    const areas = sys.swap.swapInfo.filter((si) => si !== undefined);
    const mms = (): Iterable<NonNullable<typeof sys.initMm>> =>
      [...kernel.tasks.values()].flatMap(({ mm }) => mm ?? []);
    for (const si of areas)
      expect([0, -12]).toContain(disableSwap(sys, si, { mms, interrupted: () => false }, undefined));
    if (areas.length === 0) for (const bdev of this.devices) swapArea(kernel, SLOTS, bdev);
  }

  private setUp({ sys }: Kernel): void {
    const { kind, errors } = this;
    for (const name of kind.devices) {
      const device = new BlockDevice(sys.ram, sys.clock, sys.events, BLOCK_MODELS[name]);
      errors?.watch(device);
      const what = { synchronous: false, stableWrites: false, rotational: name === "hdd", device };
      this.devices.push({ nrBlocks: SLOTS, ...what });
    }
    if (kind.zramLimit !== undefined) {
      this.zram = new Zram(sys, "zram0");
      expect(this.zram.setDisksize(SLOTS * 4096)).toBe(0);
      this.zram.limitPages = kind.zramLimit;
      errors?.watchNow(this.zram);
      this.devices.push(this.zram);
    }
    if (kind.zswapPercent === undefined) return;
    const zswap = zswapOf(sys);
    zswap.setCompressor(kind.compressor ?? "lzo");
    zswapEnable(sys, true);
    zswap.maxPoolPercent = kind.zswapPercent;
    zswap.shrinkerEnabled = kind.shrinker === true;
  }

  /** Settings change while pages are there. */
  fiddle(sys: MemorySystem, random: Random): void {
    if (this.kind.zswapPercent === undefined) return;
    const zswap = zswapOf(sys);
    if (random.chance(50)) zswapEnable(sys, random.chance(70));
    else zswap.setCompressor(random.pick(["lzo", "lz4"]));
  }

  /** Counts all that is compressed again. */
  check(sys: MemorySystem): void {
    const pools = sys.swap.zswap === undefined ? [] : zswapOf(sys).pools.map(({ zsPool }) => zsPool);
    if (this.zram !== undefined) pools.push(this.checkZram(sys, this.zram));
    if (sys.swap.zswap !== undefined) checkZswap(sys);
    const frames = pools.reduce((sum, pool) => sum + checkPool(sys, pool), 0);
    expect(vmstatValue(sys, "nr_zspages"), "frames of pools").toBe(frames);
  }

  /** No frame is a pool's that no pool knows. */
  checkFrames(sys: MemorySystem): void {
    let found = 0;
    for (const section of sys.memMap)
      for (const page of section ?? []) if (page?.refcount === 1 && page.pageType === PGTY_zsmalloc) found++;
    expect(found, "frames of pools").toBe(vmstatValue(sys, "nr_zspages"));
  }

  /** Every block belongs to a slot, and is counted once. */
  private checkZram(sys: MemorySystem, zram: Zram): ZsPool {
    const { pool, table } = zram as unknown as ZramInside;
    const si = sys.swap.swapInfo.find((one) => one?.bdev === zram);
    const blocks = [...table];
    expect(blocks.filter(([block]) => (si?.swapMap[block] ?? 0) === 0)).toEqual([]);
    const { pagesStored, samePages, hugePages, comprDataSize } = zram.stats;
    expect([pagesStored, samePages, hugePages, comprDataSize]).toEqual([
      blocks.length,
      blocks.filter(([, { handle }]) => handle === 0).length,
      blocks.filter(([, { size }]) => size === 4096).length,
      blocks.reduce((sum, [, { size }]) => sum + size, 0),
    ]);
    expect(pool!.zspages.size).toBe(zram.memUsedPages);
    return pool!;
  }
}

/** Every entry belongs to a slot, and is counted once. */
function checkZswap(sys: MemorySystem): void {
  const zswap = zswapOf(sys);
  const entries = [...zswap.tree];
  const used = (slot: number): number => sys.swap.swapInfo[swpType(slot)]?.swapMap[swpOffset(slot)] ?? 0;
  const odd = entries.filter(
    ([slot, entry]) => used(slot) === 0 || !zswap.lru.has(entry) || entry.swpentry !== slot,
  );
  expect(odd).toEqual([]);
  expect(zswap.lru.size).toBe(entries.length);
  for (const pool of zswap.pools) {
    const mine = entries.filter(([, entry]) => entry.pool === pool).length;
    expect(pool.entries).toBe(mine);
    expect(pool.zsPool.sizeClass.reduce((sum, { objsInuse }) => sum + objsInuse, 0)).toBeGreaterThanOrEqual(
      mine,
    );
  }
  const incompressible = entries.filter(([, { length }]) => length === 4096).length;
  expect(zswap.storedIncompressiblePages).toBe(incompressible);
}
