import { describe, expect, it } from "vitest";
import { checkHugetlb } from "../../../lib/mm/hugetlb/check.js";
import { HUGE, HugeWorld } from "./huge_world.js";

describe("the checker of pools", () => {
  it.each([
    ["a counter of the pool", (w: HugeWorld) => w.machine.kernel.sys.hugetlb.defaultHstate.resvHugePages++],
    ["a lost page", (w: HugeWorld) => w.machine.kernel.sys.hugetlb.defaultHstate.hugepageFreelist.pop()],
    [
      "a wrong mapcount",
      (w: HugeWorld) => w.machine.kernel.sys.hugetlb.defaultHstate.hugepageFreelist[0]!.entireMapcount++,
    ],
    [
      "what an mm counts",
      (w: HugeWorld) => {
        for (const { mm } of w.machine.kernel.tasks.values()) if (mm !== undefined) mm.hugetlbUsage++;
      },
    ],
  ])("sees %s", (_what, spoil) => {
    const world = new HugeWorld(3);
    const p = world.spawn();
    p.store(p.mmap(2 * HUGE, { hugetlb: "2M" }), 1, 1);
    const problems = (): string[] => {
      const list: string[] = [];
      checkHugetlb(world.machine.kernel.sys, [p.mm], list, () => {});
      return list;
    };
    expect(problems()).toEqual([]);
    spoil(world);
    expect(problems()).not.toEqual([]);
  });
});
