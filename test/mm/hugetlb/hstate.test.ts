import { describe, expect, it } from "vitest";
import {
  HugetlbState,
  hstateIsGigantic,
  hstateSizelog,
  hugetlbTotalPages,
  sizeToHstate,
  unsignedLongText,
} from "../../../lib/mm/hugetlb/hstate.js";

describe("the pools of a machine", () => {
  it("are one of 2 MiB, which is the default, and one of 1 GiB", () => {
    const state = new HugetlbState<object>();
    expect(state.hstates.map(({ name, order }) => [name, order])).toEqual([
      ["hugepages-2048kB", 9],
      ["hugepages-1048576kB", 18],
    ]);
    expect(state.hstates.map(hstateIsGigantic)).toEqual([false, true]);
    expect([0, 21, 30, 16].map((log) => hstateSizelog(state, log)?.order)).toEqual([9, 9, 18, undefined]);
    expect(sizeToHstate(state, 4096)).toBeUndefined();
  });

  it("say what is persistent, what is available, and how much they have in all", () => {
    const state = new HugetlbState<object>();
    const h = state.defaultHstate;
    Object.assign(h, { nrHugePages: 8, freeHugePages: 5, resvHugePages: 2, surplusHugePages: 3 });
    expect([h.persistentHugePages, h.availableHugePages]).toEqual([5, 3]);
    state.hstates[1]!.nrHugePages = 1;
    expect(hugetlbTotalPages(state)).toBe(8 * 512 + 262144);
  });

  it("print a count below 0 as C prints it unsigned", () => {
    expect([3, 0, -1].map(unsignedLongText)).toEqual(["3", "0", "18446744073709551615"]);
  });
});
