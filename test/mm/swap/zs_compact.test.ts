import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { shrinkSlab } from "../../../lib/mm/lru/shrinker.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { zsCanCompact, zsCompact, zsCreatePool } from "../../../lib/mm/swap/zs_compact.js";
import { zsFree, zsMalloc, zsObjReadBegin, zsObjWrite } from "../../../lib/mm/swap/zsmalloc.js";
import type { ZsPool } from "../../../lib/mm/swap/zsmalloc_types.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { checkPool } from "./pool_check.js";

const SIZE = 600;
const NR = 400;
let sys: MemorySystem;
let pool: ZsPool;
/** By handle: the byte that the object is full of. */
let model: Map<number, number>;

/** 400 objects, of which every third is left. */
beforeEach(() => {
  sys = new MemorySystem(new Ram(8 * 2 ** 20), new Clock());
  mmInit(sys);
  pool = zsCreatePool(sys, "test");
  model = new Map();
  for (let i = 0; i < NR; i++) {
    const handle = zsMalloc(sys, pool, SIZE, GFP_KERNEL);
    zsObjWrite(sys, pool, handle, new Uint8Array(SIZE).fill(i));
    model.set(handle, i & 0xff);
  }
  for (const [i, handle] of [...model.keys()].entries()) {
    if (i % 3 === 0) continue;
    zsFree(sys, pool, handle);
    model.delete(handle);
  }
});

function checkBytes(): void {
  const buffer = new Uint8Array(4096);
  for (const [handle, value] of model)
    expect(zsObjReadBegin(sys, pool, handle, SIZE, buffer).every((byte) => byte === value)).toBe(true);
}

describe("zsCompact", () => {
  it("gives back as many frames as zsCanCompact says, and keeps every object", () => {
    const free = nrUnusedPages(sys);
    const before = checkPool(sys, pool);
    const can = zsCanCompact(pool);
    expect(can).toBeGreaterThan(before / 2);
    expect(zsCompact(sys, pool)).toBe(can);
    expect(checkPool(sys, pool)).toBe(before - can);
    expect(nrUnusedPages(sys)).toBe(free + can);
    expect(pool.pagesCompacted).toBe(can);
    checkBytes();
  });

  it("has nothing to do afterwards", () => {
    zsCompact(sys, pool);
    expect([zsCanCompact(pool), zsCompact(sys, pool)]).toEqual([0, 0]);
  });

  it("leaves frames that objects fill as they are", () => {
    zsCompact(sys, pool);
    for (let i = 0; i < 3; i++) zsMalloc(sys, pool, 4096, GFP_KERNEL);
    expect(zsCanCompact(pool)).toBe(0);
  });
});

describe("reclaim", () => {
  it("compacts pools like any other cache of the kernel", () => {
    const before = checkPool(sys, pool);
    shrinkSlab(sys, GFP_KERNEL, 0);
    expect(checkPool(sys, pool)).toBeLessThan(before);
    checkBytes();
  });
});
