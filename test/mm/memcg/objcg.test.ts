import { describe, expect, it } from "vitest";
import { drainAllStock } from "../../../lib/mm/memcg/charge.js";
import {
  ANON_VMA_BYTES,
  ANON_VMA_CHAIN_BYTES,
  objCgroupCharge,
  objCgroupUncharge,
  VMA_BYTES,
} from "../../../lib/mm/memcg/objcg.js";
import { kernel, map, task, useArena } from "../arena.js";
import { touch } from "../swap/paged_out.js";
import { group, join, problems } from "./groups.js";

useArena();

describe("small objects of the kernel", () => {
  it("are charged a page at a time, whose rest is used first", () => {
    const { sys } = kernel;
    const a = group("/a");
    for (let i = 0; i < 20; i++) expect(objCgroupCharge(sys, a, 200)).toBe(a);
    expect([a.nrKmem, a.memory.usage, a.slabBytes]).toEqual([1, 64, 0]);
    objCgroupCharge(sys, a, 200);
    expect([a.nrKmem, a.slabBytes]).toEqual([2, 4200]);
    for (let i = 0; i < 21; i++) objCgroupUncharge(sys, a, 200);
    expect(a.nrKmem).toBe(1); // a whole page is kept at hand
    drainAllStock(sys, a);
    expect([a.nrKmem, a.memory.usage, a.slabBytes, problems()]).toEqual([0, 0, 0, []]);
  });

  it("are nobody's in the root, nor where there is no room", () => {
    const { sys } = kernel;
    const a = group("/a");
    a.memory.max = 0;
    expect([objCgroupCharge(sys, undefined, 200), objCgroupCharge(sys, a, 200)]).toEqual([
      undefined,
      undefined,
    ]);
    objCgroupUncharge(sys, undefined, 200);
    expect(a.memory.usage).toBe(0);
  });

  it("of two groups take turns at the CPU's rest", () => {
    const { sys } = kernel;
    const [a, b] = [group("/a"), group("/b")];
    objCgroupCharge(sys, a, 100);
    objCgroupCharge(sys, b, 100);
    expect([a.nrChargedBytes, a.slabBytes, b.slabBytes]).toEqual([3996, 100, 0]);
    objCgroupUncharge(sys, a, 100);
    expect([a.nrChargedBytes, a.nrKmem, b.nrChargedBytes, b.nrKmem]).toEqual([0, 1, 3996, 1]);
  });

  it("are mappings, anon_vmas and the links between them", () => {
    const a = group("/a");
    join(a);
    map(0, 8);
    touch(0, 8);
    drainAllStock(kernel.sys, a);
    expect(a.slabBytes).toBe(VMA_BYTES + ANON_VMA_BYTES + ANON_VMA_CHAIN_BYTES);
    kernel.doExit(task, 0);
    drainAllStock(kernel.sys, a);
    expect([a.slabBytes, a.nrKmem, problems()]).toEqual([0, 0, []]);
  });
});
