import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Clock, COSTS } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { EBUSY, EINVAL, ENOMEM } from "../../../lib/mm/errno.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { lz4Compress } from "../../../lib/mm/swap/lz4.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { type Zram, zramDevice } from "../../../lib/mm/swap/zram.js";
import type { ZsPool } from "../../../lib/mm/swap/zsmalloc_types.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { anyPage, heapPage, randomPage, recordedPages, textPage } from "./page_data.js";
import { checkPool } from "./pool_check.js";

const recorded = JSON.parse(readFileSync(new URL("./zram_recorded.json", import.meta.url), "utf8"));

const PAGE = 4096;
const BLOCKS = 256;
let sys: MemorySystem;
let zram: Zram;
let free: number;
let pfn: number;

beforeEach(() => {
  sys = new MemorySystem(new Ram(8 * 2 ** 20), new Clock());
  mmInit(sys);
  pfn = allocPages(sys, GFP_KERNEL)!.pfn;
  free = nrUnusedPages(sys);
  zram = zramDevice(sys);
  expect(zram.setDisksize(BLOCKS * PAGE)).toBe(0);
});

const poolOf = (): ZsPool => (zram as unknown as { pool: ZsPool }).pool;

function write(block: number, bytes: Uint8Array): number {
  sys.ram.frame(pfn).set(bytes);
  return zram.writeNow(block, pfn);
}

function read(block: number): Uint8Array {
  sys.ram.frame(pfn).fill(0x5a);
  expect(zram.readNow(block, pfn)).toBe(0);
  return sys.ram.frame(pfn).slice();
}

/** Numbers of mm_stat. */
const mmStat = (): number[] => zram.mmStat.trim().split(/ +/).map(Number);

/** Bytes of the page again and again the same 8. */
const repeated = (...eight: number[]): Uint8Array =>
  Uint8Array.from({ length: PAGE }, (_, i) => eight[i % 8]!);

describe("a device", () => {
  it("is there from the beginning, and is set up once", () => {
    expect(zramDevice(sys)).toBe(zram);
    expect([zram.nrBlocks, zram.synchronous, zram.stableWrites, zram.rotational]).toEqual([
      BLOCKS,
      true,
      true,
      false,
    ]);
    expect(zram.setDisksize(PAGE)).toBe(-EBUSY);
    expect(zram.setCompAlgorithm("lz4")).toBe(-EBUSY);
  });

  it("is whole pages large, and not larger than its table may be", () => {
    zram.reset();
    expect(zram.setDisksize(0)).toBe(-EINVAL);
    expect(zram.setDisksize(2 ** 40)).toBe(-ENOMEM);
    expect(zram.setDisksize(PAGE + 1)).toBe(0);
    expect(zram.disksize).toBe(2 * PAGE);
  });

  it("takes nothing before something is written, and reads as zeros", () => {
    expect(nrUnusedPages(sys)).toBe(free);
    expect(read(3)).toEqual(new Uint8Array(PAGE));
    expect(mmStat()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("cannot be reset while swap lies on it; then all is given back", () => {
    write(0, textPage(1));
    sys.swap.swapInfo[0] = { bdev: zram } as unknown as SwapInfoStruct;
    expect(zram.reset()).toBe(-EBUSY);
    sys.swap.swapInfo.length = 0;
    zram.limitPages = 7;
    expect(zram.reset()).toBe(0);
    expect([zram.disksize, zram.limitPages, nrUnusedPages(sys)]).toEqual([0, 0, free]);
    expect(mmStat()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("has no blocks behind its end", () => {
    expect(() => zram.readNow(BLOCKS, pfn)).toThrow(/zram0 has no block 256/);
  });
});

describe("a page", () => {
  it("of which 8 bytes are repeated takes no memory", () => {
    for (const [i, page] of [
      repeated(0, 0, 0, 0, 0, 0, 0, 0),
      repeated(1, 2, 3, 4, 5, 6, 7, 250),
    ].entries()) {
      expect(write(i, page)).toBe(0);
      expect(read(i)).toEqual(page);
    }
    expect(mmStat()).toEqual([2 * PAGE, 0, 0, 0, 0, 2, 0, 0, 0]);
    const almost = repeated(1, 2, 3, 4, 5, 6, 7, 250);
    almost[PAGE - 9] = 0;
    write(2, almost);
    expect(mmStat()[5]).toBe(2);
  });

  it("takes as many bytes as LZ4 makes of it", () => {
    const size = lz4Compress(textPage(1), new Uint8Array(2 * PAGE));
    write(0, textPage(1));
    expect(mmStat().slice(0, 3)).toEqual([PAGE, size, zram.memUsedPages * PAGE]);
    expect(nrUnusedPages(sys)).toBe(free - checkPool(sys, poolOf()));
  });

  it("that LZ4 makes little smaller is kept as it is: huge", () => {
    write(0, randomPage(1));
    expect(mmStat()).toEqual([PAGE, PAGE, PAGE, 0, PAGE, 0, 0, 1, 1]);
    expect(read(0)).toEqual(randomPage(1));
    write(0, textPage(1));
    expect(mmStat().slice(7)).toEqual([0, 1]);
  });

  it("costs time: a glance where it is the same bytes, LZ4 where not", () => {
    const time = (work: () => void): number => {
      const before = sys.clock.nowNs;
      work();
      return sys.clock.nowNs - before;
    };
    expect(time(() => write(0, repeated(1, 1, 1, 1, 1, 1, 1, 1)))).toBe(COSTS.zeroPageNs);
    expect(time(() => write(1, textPage(1)))).toBe(COSTS.zeroPageNs + COSTS.compressPageNs);
    expect(time(() => read(1))).toBe(COSTS.decompressPageNs);
  });
});

describe("mem_limit", () => {
  it("lets a write fail that would take more; what the block had before is still there", () => {
    write(0, textPage(1));
    zram.limitPages = zram.memUsedPages;
    expect(write(0, randomPage(2))).toBe(-ENOMEM);
    expect(read(0)).toEqual(textPage(1));
    expect(zram.ioStat).toBe("       0        1 0        0");
    expect(write(1, repeated(1, 2, 3, 4, 5, 6, 7, 8))).toBe(0);
    zram.limitPages = 0;
    expect(write(0, randomPage(2))).toBe(0);
  });

  it("is seen in mem_used_max, which counts what a refused page would have taken", () => {
    zram.limitPages = 1;
    write(0, randomPage(1));
    write(1, randomPage(2));
    expect(mmStat().slice(2, 5)).toEqual([PAGE, PAGE, 2 * PAGE]);
    zram.resetUsedMax();
    expect(mmStat()[4]).toBe(PAGE);
  });
});

describe("memory that cannot be had", () => {
  it("lets the write fail, and leaves nothing behind", () => {
    sys.shouldFailAllocPage = () => true;
    expect(write(0, textPage(1))).toBe(-ENOMEM);
    sys.shouldFailAllocPage = undefined;
    expect(checkPool(sys, poolOf())).toBe(0);
    expect(write(0, textPage(1))).toBe(0);
    expect(read(0)).toEqual(textPage(1));
  });
});

describe("a block that nobody needs", () => {
  it("gives its memory back when swap says so, or by a discard", () => {
    for (let block = 0; block < 10; block++) write(block, heapPage(block));
    zram.slotFreeNotify(0);
    zram.discard(1, 9);
    expect(nrUnusedPages(sys)).toBe(free);
    expect(mmStat().slice(0, 3)).toEqual([0, 0, 0]);
    expect(zram.ioStat).toBe("       0        0 0       10");
  });
});

describe("compact", () => {
  it("gives back frames, and says how many in mm_stat", () => {
    for (let block = 0; block < 200; block++) write(block, textPage(block));
    for (let block = 0; block < 200; block++) if (block % 4 !== 0) zram.discard(block, 1);
    const before = zram.memUsedPages;
    expect(zram.compact()).toBe(0);
    expect(mmStat()[6]).toBe(before - zram.memUsedPages);
    expect(mmStat()[6]).toBeGreaterThan(10);
    for (let block = 0; block < 200; block += 4) expect(read(block)).toEqual(textPage(block));
  });
});

describe("Linux 6.18", () => {
  // Pages written to /dev/zram0 with O_DIRECT in a guest, mm_stat read after each; then two of three blocks
  // discarded, the pool compacted, and each fifth page written once more.
  it("has the same mm_stat after each page: sizes of LZ4, frames of zsmalloc, compaction", () => {
    const expected = recorded.mmStat as Record<string, string>;
    const stat = (): string => zram.mmStat.trim().replace(/ +/g, " ");
    const pages = recordedPages();
    for (const [i, page] of pages.entries()) {
      write(i, page);
      expect(`w${i}: ${stat()}`).toBe(`w${i}: ${expected[`w${i}`]}`);
    }
    for (let i = 0; i < pages.length; i++) if (i % 3 !== 0) zram.discard(i, 1);
    expect(stat()).toBe(expected.discarded);
    zram.compact();
    expect(stat()).toBe(expected.compacted);
    for (const [i, page] of pages.entries()) if (i % 5 === 1) write(i, page);
    expect(stat()).toBe(expected.again);
    for (const [i, page] of pages.entries())
      if (i % 3 === 0 || i % 5 === 1) expect(Buffer.compare(read(i), page)).toBe(0);
  });
});

describe("any sequence of writes, discards and reads", () => {
  it("gives back every byte, and counts what there is", () => {
    const step = fc.record({ what: fc.nat(9), block: fc.nat(20), page: anyPage });
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
        const model = new Map<number, Uint8Array>();
        for (const { what, block, page } of steps) {
          if (what < 6) {
            expect(write(block, page)).toBe(0);
            model.set(block, page);
          } else if (what < 8) {
            zram.discard(block, 1);
            model.delete(block);
          } else if (what < 9) zram.compact();
          const expected = model.get(block) ?? new Uint8Array(PAGE);
          expect(Buffer.compare(read(block), expected)).toBe(0);
        }
        const frames = checkPool(sys, poolOf());
        expect(mmStat()[0]).toBe(model.size * PAGE);
        expect([zram.memUsedPages, nrUnusedPages(sys)]).toEqual([frames, free - frames]);
        zram.discard(0, BLOCKS);
        expect([nrUnusedPages(sys), ...mmStat().slice(0, 3)]).toEqual([free, 0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
