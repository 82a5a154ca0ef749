import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../../lib/hw/random.js";
import { boot } from "../../../lib/kernel/machine.js";
import { copyFromUser, copyToUser } from "../../../lib/kernel/uaccess.js";
import { EBUSY, ENOENT } from "../../../lib/mm/errno.js";
import { __GFP_NORETRY } from "../../../lib/mm/pages/gfp.js";
import { zramDevice } from "../../../lib/mm/swap/zram.js";
import { type Zswap, zswapStoredPages, zswapTotalPages } from "../../../lib/mm/swap/zswap.js";
import { zswapEnable } from "../../../lib/mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { heapPage, randomPage, recordedPages, textPage } from "./page_data.js";
import { checkPool } from "./pool_check.js";
import { swapOn } from "./zip_area.js";
import { PAGE, ZswapMachine } from "./zswap_machine.js";

const recorded = JSON.parse(readFileSync(new URL("./zswap_recorded.json", import.meta.url), "utf8"));

let m: ZswapMachine;
let sys: MemorySystem;
let zswap: Zswap;

function start(...how: ConstructorParameters<typeof ZswapMachine>): void {
  m = new ZswapMachine(...how);
  ({ sys, zswap } = m);
}

beforeEach(() => start(64));

describe("a page on its way to swap", () => {
  it("stays in RAM in fewer bytes; the device is not written", () => {
    m.pageout(0, 64);
    expect([zswapStoredPages(sys), m.count("zswpout"), m.count("pswpout")]).toEqual([64, 64, 0]);
    expect(m.device.writeBlocks).toBe(0);
    expect(m.area.inusePages).toBe(64);
    expect(zswapTotalPages(sys)).toBe(checkPool(sys, zswap.pools[0]!.zsPool));
    expect(zswapTotalPages(sys)).toBeLessThan(50);
    expect(m.count("nr_zspages")).toBe(zswapTotalPages(sys));
  });

  it("comes back without the device, and is in the pool no more", () => {
    m.pageout(0, 64);
    m.checkBytes();
    expect([zswapStoredPages(sys), zswapTotalPages(sys), m.count("zswpin"), m.count("pswpin")]).toEqual([
      0, 0, 64, 0,
    ]);
    expect(m.device.readBlocks).toBe(0);
  });

  it("of zeros is no business of zswap's", () => {
    for (let i = 0; i < 64; i++) m.put(i, new Uint8Array(PAGE));
    m.pageout(0, 64);
    expect([zswapStoredPages(sys), m.count("swpout_zero")]).toEqual([0, 64]);
    m.checkBytes();
  });

  it("that LZ4 does not make smaller is kept as it is", () => {
    for (let i = 0; i < 8; i++) m.put(i, randomPage(i));
    m.pageout(0, 64);
    expect([zswap.storedIncompressiblePages, zswapStoredPages(sys)]).toEqual([8, 64]);
    m.checkBytes();
    expect(zswap.storedIncompressiblePages).toBe(0);
  });

  it("goes to the device while zswap is off; what it has is still found", () => {
    m.pageout(0, 32);
    zswapEnable(sys, false);
    m.pageout(32, 32);
    expect([zswapStoredPages(sys), m.count("pswpout")]).toEqual([32, 32]);
    m.checkBytes();
  });

  it("is forgotten with its slot", () => {
    m.pageout(0, 64);
    m.munmap();
    expect([zswapStoredPages(sys), zswapTotalPages(sys), m.area.inusePages]).toEqual([0, 0, 0]);
  });

  it("goes to the device if there is no frame for the pool", () => {
    let nr = 0;
    sys.shouldFailAllocPage = (gfp) => (gfp & __GFP_NORETRY) !== 0 && nr++ % 2 === 0;
    m.pageout(0, 64);
    sys.shouldFailAllocPage = undefined;
    expect(zswap.stats.rejectAllocFail).toBeGreaterThan(0);
    expect(m.count("pswpout") + m.count("zswpout")).toBe(64);
    m.checkBytes();
  });
});

describe("the limit of the pool", () => {
  it("is a part of RAM: from there on pages are refused, until it has shrunk to the threshold", () => {
    start(600, (i) => (i % 2 === 0 ? randomPage(i) : heapPage(i)));
    zswap.maxPoolPercent = 2;
    const max = Math.floor(sys.totalramPages * 0.02);
    m.pageout(0, 600);
    expect(zswapTotalPages(sys)).toBeGreaterThanOrEqual(max);
    expect(zswapTotalPages(sys)).toBeLessThan(max + 8);
    expect(zswap.stats.poolLimitHit).toBeGreaterThan(0);
    expect(m.count("pswpout")).toBeGreaterThan(300);
    m.checkBytes();
  });

  it("once reached, holds pages off also below it", () => {
    start(300, (i) => randomPage(i));
    sys.sysctl.pageCluster = 0;
    zswap.worker = undefined; // nobody makes room
    zswap.maxPoolPercent = 1;
    const max = Math.floor(sys.totalramPages * 0.01);
    const threshold = Math.floor(max * 0.9);
    m.pageout(0, max + 1);
    expect([zswapStoredPages(sys), zswap.poolReachedFull]).toEqual([max, true]);
    m.checkBytes(0, max - threshold - 1);
    expect(zswapTotalPages(sys)).toBe(threshold + 1);
    m.pageout(200, 1);
    expect(zswapStoredPages(sys)).toBe(threshold + 1);
    m.checkBytes(max - threshold - 1, 1);
    m.pageout(201, 1);
    expect([zswapStoredPages(sys), zswap.poolReachedFull]).toEqual([threshold + 1, false]);
  });

  it("of none lets nothing in", () => {
    zswap.maxPoolPercent = 0;
    m.pageout(0, 64);
    expect([zswapStoredPages(sys), m.count("pswpout")]).toEqual([0, 64]);
    m.checkBytes();
  });
});

describe("zswap in front of zram", () => {
  it("keeps its copy of a page that is read past the swap cache, as long as the slot is used", () => {
    start(16);
    sys.swap.swapInfo.length = 0;
    sys.swap.availHead.length = 0;
    sys.swap.percpuSwapCluster.length = 0;
    const zram = zramDevice(sys);
    zram.setDisksize(2 ** 22);
    swapOn(sys, zram);
    m.pageout(0, 16);
    expect([zswapStoredPages(sys), zram.memUsedPages]).toEqual([16, 0]);
    m.checkBytes();
    expect(zswapStoredPages(sys)).toBe(0);
  });
});

describe("what was stored before", () => {
  it("is no longer there once the page is newer, whether it was taken again or refused", () => {
    m.pageout(0, 64);
    // Read, so that the folio keeps its slot, and changed.
    for (const [i, limit] of [20, 0].entries()) {
      m.checkBytes();
      for (let page = 0; page < 64; page++) m.put(page, heapPage(100 * i + page));
      zswap.maxPoolPercent = limit;
      m.pageout(0, 64);
      m.checkBytes();
    }
  });
});

describe("a restored snapshot", () => {
  it("has the pool as it was: pages, lists, bytes", () => {
    m.pageout(0, 40);
    const before = m.machine.snapshot();
    const model = [...m.model];
    const figures = (): number[] => [zswap.storedPages, zswap.totalPages, m.count("zswpout"), zswap.lru.size];
    const had = figures();
    zswap.setCompressor("lz4");
    m.checkBytes();
    for (let i = 0; i < 64; i++) m.put(i, randomPage(i));
    m.pageout();
    m.machine.restore(before);
    m.model.splice(0, 64, ...model);
    expect(figures()).toEqual(had);
    expect([zswap.compressor, zswap.pools.length]).toEqual(["lzo", 1]);
    checkPool(sys, zswap.pools[0]!.zsPool);
    m.checkBytes();
    expect(zswap.storedPages).toBe(0);
  });
});

describe("swapoff", () => {
  it("brings back what zswap has, too, and leaves the pool empty", () => {
    const machine = boot({ ram: "32 MiB", swap: "16 MiB" });
    const { sys } = machine.kernel;
    zswapEnable(sys, true);
    const alice = machine.spawn("alice");
    const base = alice.mmap(32 * PAGE);
    for (let i = 0; i < 32; i++) expect(copyToUser(alice.task, base + i * PAGE, textPage(i))).toBe(0);
    alice.madvise(base, 32 * PAGE, "PAGEOUT");
    expect(zswapStoredPages(sys)).toBe(32);
    machine.swapoff("/dev/vdb");
    expect([zswapStoredPages(sys), zswapTotalPages(sys), sys.totalSwapPages]).toEqual([0, 0, 0]);
    const bytes = new Uint8Array(PAGE);
    for (let i = 0; i < 32; i++) {
      expect(copyFromUser(alice.task, bytes, base + i * PAGE)).toBe(0);
      expect(Buffer.compare(bytes, textPage(i))).toBe(0);
    }
  });

  it("of zram does as much, and zram can be reset then", () => {
    const machine = boot({ ram: "32 MiB" });
    const { sys } = machine.kernel;
    const zram = zramDevice(sys);
    zram.setDisksize(2 ** 24);
    machine.mkswap("/dev/zram0");
    machine.swapon("/dev/zram0");
    const alice = machine.spawn("alice");
    const base = alice.mmap(32 * PAGE);
    for (let i = 0; i < 32; i++) expect(copyToUser(alice.task, base + i * PAGE, heapPage(i))).toBe(0);
    alice.madvise(base, 32 * PAGE, "PAGEOUT");
    expect(zram.stats.pagesStored).toBe(33);
    expect(zram.reset()).toBe(-EBUSY);
    machine.swapoff("/dev/zram0");
    expect([zram.stats.pagesStored, zram.reset(), zram.memUsedPages]).toEqual([1, 0, 0]);
    const bytes = new Uint8Array(PAGE);
    for (let i = 0; i < 32; i++) {
      expect(copyFromUser(alice.task, bytes, base + i * PAGE)).toBe(0);
      expect(Buffer.compare(bytes, heapPage(i))).toBe(0);
    }
  });
});

describe("another compressor", () => {
  it("is for the pages that come; the old pool goes with its last page", () => {
    m.pageout(0, 32);
    expect(zswap.setCompressor("zstd")).toBe(-ENOENT);
    expect(zswap.setCompressor("lz4")).toBe(0);
    m.pageout(32, 32);
    expect(zswap.pools.map(({ tfmName, entries }) => [tfmName, entries])).toEqual([
      ["lz4", 32],
      ["lzo", 32],
    ]);
    expect(zswapTotalPages(sys)).toBe(
      zswap.pools.reduce((sum, { zsPool }) => sum + checkPool(sys, zsPool), 0),
    );
    m.checkBytes(0, 40);
    expect(zswap.pools.map(({ zsPool }) => zsPool.name)).toEqual(["zswap2"]);
    expect(zswap.setCompressor("lzo")).toBe(0);
    m.pageout(0, 40);
    expect(zswap.pools.length).toBe(2);
    m.checkBytes();
    expect(zswap.pools.map(({ tfmName }) => tfmName)).toEqual(["lzo"]);
  });
});

describe("Linux 6.18", () => {
  // In a guest: 240 pages paged out one by one, every second one read again, then a pool that may have nothing.
  it.each(["lz4", "lzo"])("has the same figures after each page, compressed by %s", (compressor) => {
    const expected = recorded[compressor] as Record<string, string>;
    const pages = recordedPages();
    start(pages.length, (i) => pages[i]!);
    sys.sysctl.pageCluster = 0;
    expect(zswap.setCompressor(compressor)).toBe(0);
    const figures = (): string =>
      [
        ...[zswap.storedPages, zswap.totalPages, zswap.storedIncompressiblePages],
        ...[zswap.stats.poolLimitHit, zswap.stats.writtenBackPages, zswap.stats.rejectReclaimFail],
        ...["zswpin", "zswpout", "zswpwb", "pswpout"].map((name) => m.count(name)),
      ].join(" ");
    for (let i = 0; i < pages.length; i++) {
      m.pageout(i, 1);
      expect(`o${i}: ${figures()}`).toBe(`o${i}: ${expected[`o${i}`]}`);
    }
    for (let i = 0; i < pages.length; i += 2) m.checkBytes(i, 1);
    expect(figures()).toBe(expected.in);
    zswap.acceptThrPercent = 50;
    zswap.maxPoolPercent = 0;
    for (let i = 0; i < 40; i += 2) {
      const changed = pages[i]!.slice();
      changed[0]!++;
      m.put(i, changed);
      m.pageout(i, 1);
      m.machine.idle(300_000_000);
      expect(`l${i}: ${figures()}`).toBe(`l${i}: ${expected[`l${i}`]}`);
    }
    m.checkBytes();
  });
});

describe("any work under pressure", () => {
  it("loses no byte, no slot and no frame", () => {
    const random = new Random(5);
    const make = (seed: number): Uint8Array => [randomPage, heapPage, textPage][seed % 3]!(seed);
    start(900, make, "24 MiB");
    zswap.maxPoolPercent = 4;
    for (let step = 0; step < 3000; step++) {
      const page = random.below(900);
      if (random.chance(30)) m.pageout(page, Math.min(900 - page, 1 + random.below(40)));
      else if (random.chance(40)) m.put(page, make(random.below(1000)));
      else m.checkBytes(page, 1);
      if (step % 1000 === 0) expect(zswapTotalPages(sys)).toBe(checkPool(sys, zswap.pools[0]!.zsPool));
    }
    m.checkBytes();
    expect(m.count("zswpwb")).toBe(zswap.stats.writtenBackPages);
    expect(zswap.stats.writtenBackPages).toBeGreaterThan(20);
    m.alice.exit();
    m.machine.idle(1e9);
    expect([zswapStoredPages(sys), checkPool(sys, zswap.pools[0]!.zsPool), m.area.inusePages]).toEqual([
      0, 0, 0,
    ]);
  });
});
