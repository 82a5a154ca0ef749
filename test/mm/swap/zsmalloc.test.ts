import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { Random } from "../../../lib/hw/random.js";
import { EINVAL, ENOMEM, ENOSPC } from "../../../lib/mm/errno.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { __GFP_HIGHMEM, __GFP_MOVABLE, GFP_NOWAIT } from "../../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { zsCompact, zsCreatePool, zsDestroyPool } from "../../../lib/mm/swap/zs_compact.js";
import {
  newZsPool,
  zsFree,
  zsGetTotalPages,
  zsHugeClassSize,
  zsMalloc,
  zsObjReadBegin,
  zsObjWrite,
} from "../../../lib/mm/swap/zsmalloc.js";
import type { ZsPool } from "../../../lib/mm/swap/zsmalloc_types.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_ZSPAGES } from "../../../lib/mm/vmstat.js";
import { checkPool } from "./pool_check.js";

const GFP = GFP_NOWAIT | __GFP_HIGHMEM | __GFP_MOVABLE;
let sys: MemorySystem;
let pool: ZsPool;
let free: number;

beforeEach(() => {
  sys = new MemorySystem(new Ram(8 * 2 ** 20), new Clock());
  mmInit(sys);
  free = nrUnusedPages(sys);
  pool = zsCreatePool(sys, "test");
});

/** A new object with `bytes`. */
function store(bytes: Uint8Array): number {
  const handle = zsMalloc(sys, pool, bytes.length, GFP);
  if (handle > 0) zsObjWrite(sys, pool, handle, bytes);
  return handle;
}

const buffer = new Uint8Array(4096);
const bytesOf = (handle: number, length: number): Uint8Array =>
  zsObjReadBegin(sys, pool, handle, length, buffer).slice();

function pattern(size: number, seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: size }, () => random.below(256));
}

describe("the classes of a pool", () => {
  const classes = [...new Set(newZsPool("x").sizeClass)];

  it("are 255 sizes, of which 119 are left when those are merged that are cut alike", () => {
    expect(newZsPool("x").sizeClass.length).toBe(255);
    expect(classes.length).toBe(119);
  });

  it("serve each size, and waste less than any other number of frames would", () => {
    for (const [i, { size, pagesPerZspage, objsPerZspage }] of newZsPool("x").sizeClass.entries()) {
      expect(size).toBeGreaterThanOrEqual(32 + 16 * i);
      expect(objsPerZspage).toBe(Math.floor((pagesPerZspage * 4096) / size));
      if (Number.isInteger(Math.log2(size))) expect(pagesPerZspage).toBe(1);
      else
        for (let pages = 1; pages <= 8; pages++)
          expect((pagesPerZspage * 4096) % size).toBeLessThanOrEqual((pages * 4096) % size);
    }
  });

  it("are huge from 3625 bytes on: an object has a frame of its own", () => {
    expect(zsHugeClassSize(pool)).toBe(3625);
    const last = store(new Uint8Array(3624));
    expect(zsGetTotalPages(pool)).toBeGreaterThan(1);
    zsFree(sys, pool, last);
    store(new Uint8Array(3625));
    store(new Uint8Array(4096));
    expect(zsGetTotalPages(pool)).toBe(2);
  });
});

describe("zsMalloc", () => {
  it("gives out handles, which are multiples of 8 and never 0", () => {
    const handles = [store(pattern(100, 1)), store(pattern(100, 2)), store(pattern(4096, 3))];
    expect(new Set(handles).size).toBe(3);
    for (const handle of handles) expect([handle > 0, handle % 8]).toEqual([true, 0]);
  });

  it("refuses nothing, and more than a page", () => {
    expect(zsMalloc(sys, pool, 0, GFP)).toBe(-EINVAL);
    expect(zsMalloc(sys, pool, 4097, GFP)).toBe(-ENOSPC);
  });

  it("takes real frames, and says so in nr_zspages", () => {
    store(pattern(1736, 1));
    const frames = checkPool(sys, pool);
    expect(frames).toBe(3);
    expect(nrUnusedPages(sys)).toBe(free - frames);
    expect(globalNodePageState(sys, NR_ZSPAGES)).toBe(frames);
  });

  it("puts further objects where there is room before it takes frames", () => {
    const per = pool.sizeClass.find(({ size }) => size >= 1744)!.objsPerZspage;
    for (let i = 0; i < per; i++) store(pattern(1736, i));
    expect(zsGetTotalPages(pool)).toBe(3);
    store(pattern(1736, 99));
    expect(zsGetTotalPages(pool)).toBe(6);
  });

  it("prefers the fullest zspage, so that others can get empty", () => {
    const per = pool.sizeClass.find(({ size }) => size >= 1744)!.objsPerZspage;
    const handles = Array.from({ length: 2 * per }, (_, i) => store(pattern(1736, i)));
    for (const handle of handles.slice(0, per - 2)) zsFree(sys, pool, handle);
    zsFree(sys, pool, handles[per]!);
    store(pattern(1736, 1));
    const groups = pool.sizeClass.find(({ size }) => size >= 1744)!.nrZspages;
    expect(groups[11]).toBe(1);
  });

  it("of a whole zspage or nothing: without memory it says -ENOMEM and keeps no frame", () => {
    let left = 2;
    sys.shouldFailAllocPage = () => left-- <= 0;
    expect(store(pattern(600, 1))).toBe(-ENOMEM);
    sys.shouldFailAllocPage = undefined;
    expect(checkPool(sys, pool)).toBe(0);
    expect(nrUnusedPages(sys)).toBe(free);
  });

  it("of a handle that was freed is a mistake of the machine's", () => {
    const handle = store(pattern(600, 1));
    zsFree(sys, pool, handle);
    expect(() => bytesOf(handle, 10)).toThrow(/no handle/);
  });
});

describe("an object in RAM", () => {
  it("begins with its handle and the bit that says in use", () => {
    const handle = store(Uint8Array.of(1, 2, 3));
    const [[pfn]] = [...pool.zspages] as [[number, unknown]];
    expect(sys.ram.readEntry(pfn * 4096)).toBe(BigInt(handle + 1));
    expect(sys.ram.readUint(pfn * 4096 + 8, 3)).toBe(0x030201);
  });

  it("says where the next free one is once it is free", () => {
    const handles = [0, 1, 2].map((i) => store(pattern(100, i)));
    const [[pfn]] = [...pool.zspages] as [[number, unknown]];
    zsFree(sys, pool, handles[1]!);
    expect(sys.ram.readEntry(pfn * 4096 + 112)).toBe(3n << 1n);
  });
});

/** Stores, frees, compactions. */
const steps = fc.array(
  fc.record({
    what: fc.integer({ min: 0, max: 9 }),
    size: fc.oneof(fc.integer({ min: 1, max: 4096 }), fc.constantFrom(24, 600, 1500, 2048, 3624, 3625, 4096)),
    which: fc.nat(1000),
  }),
  { minLength: 20, maxLength: 250 },
);

describe("a pool", () => {
  it("keeps every byte of every object, whatever is stored, freed and moved; nothing is left over", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const model = new Map<number, Uint8Array>();
        for (const [i, { what, size, which }] of list.entries()) {
          const victim = [...model.keys()][which % Math.max(1, model.size)];
          if (what < 6) {
            const bytes = pattern(size, i);
            const handle = store(bytes);
            if (handle > 0) expect(model.has(handle)).toBe(false);
            else expect(handle).toBe(-ENOMEM);
            if (handle > 0) model.set(handle, bytes);
          } else if (what < 9) {
            if (victim === undefined) continue;
            zsFree(sys, pool, victim);
            model.delete(victim);
          } else zsCompact(sys, pool);
          if (i % 20 === 0) checkPool(sys, pool);
        }
        for (const [handle, bytes] of model)
          expect(Buffer.compare(bytesOf(handle, bytes.length), bytes)).toBe(0);
        expect(globalNodePageState(sys, NR_ZSPAGES)).toBe(checkPool(sys, pool));
        for (const handle of model.keys()) zsFree(sys, pool, handle);
        expect(checkPool(sys, pool)).toBe(0);
        expect(nrUnusedPages(sys)).toBe(free);
      }),
      { numRuns: 60 },
    );
  });

  it("must be empty when it ends; then reclaim asks for it no more", () => {
    const shrinkers = sys.shrinkers.length;
    const handle = store(pattern(10, 1));
    expect(() => zsDestroyPool(sys, pool)).toThrow(/ends with 1 frames/);
    zsFree(sys, pool, handle);
    zsDestroyPool(sys, pool);
    expect(sys.shrinkers.length).toBe(shrinkers - 1);
  });
});
