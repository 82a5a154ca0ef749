import { describe, expect, it } from "vitest";
import { memoryMaxWrite } from "../../../lib/mm/memcg/limits.js";
import { MEMCG_OOM } from "../../../lib/mm/memcg/memcg_types.js";
import { kernel, map, useArena } from "../arena.js";
import { swapArea } from "../swap/area.js";
import { touch } from "../swap/paged_out.js";
import { group, join, problems } from "./groups.js";

useArena();

describe("memory.max", () => {
  it("brings the group under it, at the price of swap", () => {
    swapArea(kernel, 1024);
    const a = group("/a");
    join(a);
    map(0, 200);
    touch(0, 200);
    memoryMaxWrite(kernel.sys, a, 100);
    expect(a.memory.usage).toBeLessThanOrEqual(100);
    expect(a.swap.usage).toBeGreaterThanOrEqual(100);
    touch(0, 200);
    expect(a.memory.usage).toBeLessThanOrEqual(100);
    kernel.sched.settle();
    expect(problems()).toEqual([]);
  });

  it("asks for the end of a process when there is nothing left to be reclaimed", () => {
    const a = group("/a");
    join(a);
    map(0, 10);
    touch(0, 10);
    let asked = 0;
    Object.assign(kernel.sys.memcg.operations!, {
      outOfMemory: () => {
        asked++;
        return asked < 3;
      },
    });
    memoryMaxWrite(kernel.sys, a, 5);
    expect([asked, a.memoryEvents[MEMCG_OOM], a.memory.max]).toEqual([3, 3, 5]);
  });
});
