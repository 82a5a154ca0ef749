import { beforeEach, describe, expect, it } from "vitest";
import { EEXIST, ENOMEM } from "../../../lib/mm/errno.js";
import { removeMapping } from "../../../lib/mm/lru/shrink_folio_list.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { PG_dirty, PG_uptodate } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL, GFP_NOIO } from "../../../lib/mm/pages/gfp.js";
import { swpEntry } from "../../../lib/mm/pgtable/swapops.js";
import { folioOfSlot } from "../../../lib/mm/swap/swap_readahead.js";
import { swapCacheGetFolio } from "../../../lib/mm/swap/swap_state.js";
import type { Zswap, ZswapEntry } from "../../../lib/mm/swap/zswap.js";
import { shrinkWorker, zswapEnable, zswapWritebackEntry } from "../../../lib/mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { randomPage } from "./page_data.js";
import { ZswapMachine } from "./zswap_machine.js";

let m: ZswapMachine;
let sys: MemorySystem;
let zswap: Zswap;

/** 64 pages in the pool. */
beforeEach(() => {
  m = new ZswapMachine(64);
  ({ sys, zswap } = m);
  m.pageout();
});

const oldest = (): ZswapEntry => [...zswap.lru][0]!;
/** Runs the worker until it sleeps; batches. */
function run(): number {
  let batches = 1;
  while (shrinkWorker(sys) !== Number.POSITIVE_INFINITY) batches++;
  return batches;
}

describe("zswapWritebackEntry", () => {
  it("sends the page to its slot on the device; the pool has it no more", () => {
    const entry = oldest();
    expect(zswapWritebackEntry(sys, zswap, entry)).toBe(0);
    expect([zswap.storedPages, m.count("zswpwb"), m.count("pswpout")]).toEqual([63, 1, 1]);
    m.machine.idle(10_000_000);
    expect(m.device.writeBlocks).toBe(1);
    m.checkBytes();
    expect(m.count("zswpin")).toBe(63);
  });

  it("leaves alone what the swap cache has: that is not cold", () => {
    const entry = oldest();
    zswap.enabled = false;
    const folio = folioOfSlot(sys, entry.swpentry, GFP_KERNEL)!.folio;
    expect(zswapWritebackEntry(sys, zswap, entry)).toBe(-EEXIST);
    expect(zswap.tree.get(entry.swpentry)).toBe(entry);
    expect(folio.refcount).toBeGreaterThan(1);
  });

  it("gives up where there is no frame to decompress to", () => {
    sys.shouldFailAllocPage = () => true;
    expect(zswapWritebackEntry(sys, zswap, oldest())).toBe(-ENOMEM);
    sys.shouldFailAllocPage = undefined;
    expect(zswap.storedPages).toBe(64);
    m.checkBytes();
  });

  it("gives up an entry that was replaced meanwhile, and keeps the new one", () => {
    const entry = oldest();
    const other: ZswapEntry = { ...entry };
    expect(zswapWritebackEntry(sys, zswap, other)).toBe(-ENOMEM);
    expect(swapCacheGetFolio(sys, entry.swpentry)).toBeUndefined();
    expect(zswap.tree.get(entry.swpentry)).toBe(entry);
    m.checkBytes();
  });

  it("loses nothing when the device fails: the folio is dirty again", () => {
    const entry = oldest();
    m.device.failRequests("write");
    expect(zswapWritebackEntry(sys, zswap, entry)).toBe(0);
    m.machine.idle(10_000_000);
    const folio = swapCacheGetFolio(sys, entry.swpentry)!;
    expect(folio.flags & (PG_dirty | PG_uptodate)).toBe(PG_dirty | PG_uptodate);
    folioPut(sys, folio);
    m.checkBytes();
  });
});

describe("the worker", () => {
  it("gives each entry a second chance, and has enough after 16 of them", () => {
    expect(zswap.worker!.state).toBe("S");
    zswap.maxPoolPercent = 0;
    expect(run()).toBe(16);
    expect([zswap.storedPages, [...zswap.lru].filter(({ referenced }) => referenced).length]).toEqual([
      64, 48,
    ]);
  });

  it("writes what had its chance, oldest first, until the pool is as small as it shall be", () => {
    zswap.maxPoolPercent = 0;
    for (let i = 0; i < 4; i++) run();
    expect(zswap.stats.writtenBackPages).toBe(0);
    const order = [...zswap.lru].map(({ swpentry }) => swpentry);
    expect(run()).toBe(64);
    expect([zswap.storedPages, zswap.totalPages, zswap.stats.writtenBackPages]).toEqual([0, 0, 64]);
    const written = order.map((entry) => swapCacheGetFolio(sys, entry));
    for (const folio of written) if (folio !== undefined) folioPut(sys, folio);
    m.machine.idle(100_000_000);
    m.checkBytes();
  });

  it("stops at the threshold", () => {
    zswap.maxPoolPercent = 0.45; // 36 frames of 8192, of which 32
    for (let i = 0; i < 5; i++) run();
    expect(zswap.totalPages).toBeLessThanOrEqual(zswap.acceptThrPages);
    expect(zswap.storedPages).toBeGreaterThan(20);
  });

  it("is woken by a page that is refused, and works beside the program", () => {
    m = new ZswapMachine(600, randomPage);
    ({ sys, zswap } = m);
    zswap.maxPoolPercent = 1;
    for (let i = 0; i < 60; i++) {
      m.pageout(i * 10, 10);
      m.machine.idle(2_000_000);
    }
    expect(zswap.stats.writtenBackPages).toBeGreaterThan(30);
    expect(m.count("zswpwb")).toBe(zswap.stats.writtenBackPages);
    m.checkBytes();
  });

  it("counts as failed what is in the swap cache", () => {
    for (const entry of zswap.lru) entry.referenced = false;
    zswap.maxPoolPercent = 0;
    const entry = oldest();
    const { folio } = folioOfSlot(sys, entry.swpentry, GFP_KERNEL)!;
    shrinkWorker(sys);
    expect([zswap.stats.rejectReclaimFail, zswap.run!.failures]).toEqual([1, 1]);
    expect([...zswap.lru].at(-1)).toBe(entry);
    folioPut(sys, folio);
  });
});

describe("the shrinker", () => {
  const shrinker = () => sys.shrinkers.find(({ name }) => name === "mm-zswap")!;
  const control = (gfpMask: number, nrToScan = 0) => ({ gfpMask, nrToScan, nrScanned: nrToScan });

  it("offers nothing unless it is switched on and may write", () => {
    expect(shrinker().countObjects(control(GFP_KERNEL))).toBe(0);
    zswap.shrinkerEnabled = true;
    expect(shrinker().countObjects(control(GFP_NOIO))).toBe(0);
    expect(shrinker().countObjects(control(GFP_KERNEL))).toBeGreaterThan(0);
  });

  it("offers fewer, the better the pages compress, and the more were read from the device", () => {
    zswap.shrinkerEnabled = true;
    const all = Math.floor((64 * zswap.totalPages) / 64);
    expect(shrinker().countObjects(control(GFP_KERNEL))).toBe(all);
    zswap.nrDiskSwapins = 40;
    expect(shrinker().countObjects(control(GFP_KERNEL))).toBe(Math.floor((24 * zswap.totalPages) / 64));
    expect(zswap.nrDiskSwapins).toBe(0);
    zswap.nrDiskSwapins = 100;
    expect(shrinker().countObjects(control(GFP_KERNEL))).toBe(0);
    expect(zswap.nrDiskSwapins).toBe(36);
  });

  it("writes entries that had their chance, and stops at one that the swap cache has", () => {
    zswap.shrinkerEnabled = true;
    expect(shrinker().scanObjects(control(GFP_KERNEL, 64))).toBe(-1);
    expect(shrinker().scanObjects(control(GFP_KERNEL, 10))).toBe(10);
    const { folio } = folioOfSlot(sys, oldest().swpentry, GFP_KERNEL)!;
    expect(shrinker().scanObjects(control(GFP_KERNEL, 10))).toBe(-1);
    expect(zswap.storedPages).toBe(54);
    folioPut(sys, folio);
  });

  it("is told of each page that is read from the device", () => {
    m.checkBytes();
    zswapEnable(sys, false);
    m.pageout();
    m.machine.idle(10_000_000);
    lruAddDrainAll(sys);
    for (let slot = 1; slot < m.area.max; slot++) {
      const folio = swapCacheGetFolio(sys, swpEntry(m.area.type, slot));
      if (folio === undefined) continue;
      expect(removeMapping(sys, folio)).toBe(true);
      folioPut(sys, folio);
    }
    expect(zswap.nrDiskSwapins).toBe(0);
    m.checkBytes();
    expect(m.count("pswpin")).toBe(64);
    expect(zswap.nrDiskSwapins).toBe(64);
  });
});
