import { describe, expect, it } from "vitest";
import {
  currentMemcg,
  drainAllStock,
  MEMCG_CHARGE_BATCH,
  memCgroupCharge,
  memCgroupIsDescendant,
  memCgroupMargin,
  memCgroupUncharge,
} from "../../../lib/mm/memcg/charge.js";
import { MEMCG_MAX, MEMCG_OOM } from "../../../lib/mm/memcg/memcg_types.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { kernel, map, mm, task, useArena } from "../arena.js";
import { touch } from "../swap/paged_out.js";
import { group, join, problems } from "./groups.js";

useArena();

const newFolio = (): Folio => allocPages(kernel.sys, GFP_KERNEL, 0)!;

describe("charging", () => {
  it("takes 64 pages at a time, in the group and all above it, and gives back exactly what is freed", () => {
    const a = group("/a");
    const b = group("/a/b", a);
    const { sys } = kernel;
    const first = newFolio();
    expect(memCgroupCharge(sys, first, b, GFP_KERNEL)).toBe(true);
    expect([first.memcg, a.memory.usage, b.memory.usage]).toEqual([b, 64, 64]);
    const more = Array.from({ length: MEMCG_CHARGE_BATCH }, newFolio);
    for (const folio of more) memCgroupCharge(sys, folio, b, GFP_KERNEL);
    expect(b.memory.usage).toBe(128);
    folioPut(sys, first);
    expect([b.memory.usage, a.memory.usage, first.memcg]).toEqual([127, 127, undefined]);
    expect(problems()).toEqual([]);
    drainAllStock(sys, a);
    expect([b.memory.usage, problems()]).toEqual([64, []]);
  });

  it("keeps stocks for seven groups on a CPU", () => {
    const { sys } = kernel;
    const groups = Array.from({ length: 8 }, (_, i) => group(`/${i}`));
    for (const memcg of groups) memCgroupCharge(sys, newFolio(), memcg, GFP_KERNEL);
    expect(groups.map(({ memory }) => memory.usage)).toEqual([1, 64, 64, 64, 64, 64, 64, 64]);
    expect(problems()).toEqual([]);
  });

  it("charges nobody for the root", () => {
    const folio = newFolio();
    expect([memCgroupCharge(kernel.sys, folio, undefined, GFP_KERNEL), folio.memcg]).toEqual([
      true,
      undefined,
    ]);
    expect(kernel.sys.memcg.root.memory.usage).toBe(0);
  });

  it("charges exactly one page where 64 do not fit, and then refuses who may not wait", () => {
    const { sys } = kernel;
    const a = group("/a");
    a.memory.max = 2;
    expect(memCgroupCharge(sys, newFolio(), a, GFP_NOWAIT)).toBe(true);
    expect(memCgroupCharge(sys, newFolio(), a, GFP_NOWAIT)).toBe(true);
    expect([a.memory.usage, memCgroupMargin(a)]).toEqual([2, 0]);
    expect(memCgroupCharge(sys, newFolio(), a, GFP_NOWAIT)).toBe(false);
    expect(a.memoryEvents[MEMCG_MAX]).toBe(0);
    expect(memCgroupCharge(sys, newFolio(), a, GFP_ATOMIC)).toBe(true); // what must be, must be
    expect([a.memory.usage, a.memoryEvents[MEMCG_MAX]]).toEqual([3, 1]);
  });

  it("reclaims from the group that refuses, and tries 18 times before somebody must be ended", () => {
    const { sys } = kernel;
    const a = group("/a");
    const b = group("/a/b", a);
    a.memory.max = 1;
    memCgroupCharge(sys, newFolio(), b, GFP_KERNEL);
    const asked: string[] = [];
    sys.memcg.operations = {
      tryToFreePages: ({ path }) => asked.push(path) * 0,
      outOfMemory: ({ path }) => {
        asked.push(`oom ${path}`);
        return false;
      },
    };
    expect(memCgroupCharge(sys, newFolio(), b, GFP_KERNEL)).toBe(false);
    expect(asked).toEqual([...new Array<string>(18).fill("/a"), "oom /a"]);
    expect([a.memoryEvents[MEMCG_MAX], b.memoryEvents[MEMCG_MAX], a.memoryEvents[MEMCG_OOM]]).toEqual([
      18, 0, 1,
    ]);
  });

  it("goes on as soon as reclaim has made room", () => {
    const { sys } = kernel;
    const a = group("/a");
    a.memory.max = 1;
    const old = newFolio();
    memCgroupCharge(sys, old, a, GFP_KERNEL);
    sys.memcg.operations = {
      tryToFreePages() {
        folioPut(sys, old);
        return 1;
      },
    };
    expect([memCgroupCharge(sys, newFolio(), a, GFP_KERNEL), a.memory.usage]).toEqual([true, 1]);
  });

  it("lets who frees memory pass the limit", () => {
    const { sys } = kernel;
    const a = group("/a");
    a.memory.max = 0;
    sys.pfMemalloc = true;
    expect([memCgroupCharge(sys, newFolio(), a, GFP_KERNEL), a.memory.usage]).toEqual([true, 1]);
    sys.pfMemalloc = false;
  });

  it("charges the process's group for pages and page tables at first touch, where they stay", () => {
    const a = group("/a");
    join(a);
    map(0, 10);
    touch(0, 10);
    expect([a.memory.usage, a.nrKmem]).toEqual([64, 4]); // three tables, and a page of small objects
    join(undefined);
    touch(0, 10);
    expect([problems(), a.lruvec.lruZoneSize.reduce((sum, pages) => sum + pages, 0)]).toEqual([[], 10]);
    kernel.doExit(task, 0);
    drainAllStock(kernel.sys, a);
    expect([a.memory.usage, a.nrKmem, problems()]).toEqual([0, 0, []]);
  });

  it("knows who is served, and who is below whom", () => {
    const a = group("/a");
    const b = group("/a/b", a);
    join(b);
    expect(currentMemcg(kernel.sys)).toBe(b);
    kernel.sys.current = undefined;
    expect(currentMemcg(kernel.sys)).toBeUndefined();
    expect([memCgroupIsDescendant(b, a), memCgroupIsDescendant(a, b)]).toEqual([true, false]);
    expect([memCgroupIsDescendant(undefined, a), memCgroupIsDescendant(undefined, a.parent!)]).toEqual([
      false,
      true,
    ]);
    const folio = newFolio();
    memCgroupUncharge(kernel.sys, folio); // nothing to be given back
    expect(mm.memcg).toBe(b);
  });
});
