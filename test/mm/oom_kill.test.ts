import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { OOM_SCORE_ADJ_MIN, oomBadness, oomTotalPages } from "../../lib/mm/oom_kill.js";

const PAGE = 4096;
/** Of which a thousandth is 250, the fraction dropped. */
const TOTAL = 250_999;

/** 100 file pages, 50 of its own, 30 swapped out, 20 of shared memory; 3 pages of page tables: 203. */
const mm = { rssStat: [100, 50, 30, 20], rssLag: { kept: [], held: undefined }, pgtablesBytes: 3 * PAGE };

describe("badness", () => {
  it("counts what is resident, what is swapped out and the page tables", () => {
    expect(oomBadness({ mm, oomScoreAdj: 0 }, TOTAL)).toBe(203);
  });

  it("misses what a CPU has not handed in yet", () => {
    expect(
      oomBadness({ mm: { ...mm, rssLag: { kept: [7, 0, 0, 20], held: undefined } }, oomScoreAdj: 0 }, TOTAL),
    ).toBe(203 - 27);
  });

  it("moves by a thousandth of the machine with each step of oom_score_adj", () => {
    expect(oomBadness({ mm, oomScoreAdj: 10 }, TOTAL)).toBe(203 + 10 * 250);
    expect(oomBadness({ mm, oomScoreAdj: -1 }, TOTAL)).toBe(203 - 250);
  });

  it("is that of nobody who has no memory or an adj of -1000", () => {
    expect(oomBadness({ mm: undefined, oomScoreAdj: 1000 }, TOTAL)).toBeUndefined();
    expect(oomBadness({ mm, oomScoreAdj: OOM_SCORE_ADJ_MIN }, TOTAL)).toBeUndefined();
    expect(oomBadness({ mm, oomScoreAdj: OOM_SCORE_ADJ_MIN + 1 }, TOTAL)).toBe(203 - 999 * 250);
  });

  it("is not that of a child of vfork, as long as the memory is its parent's", () => {
    expect(oomBadness({ mm, oomScoreAdj: 0, vforkParent: { mm } }, TOTAL)).toBeUndefined();
    expect(oomBadness({ mm, oomScoreAdj: 0, vforkParent: { mm: { ...mm } } }, TOTAL)).toBe(203);
  });
});

describe("a machine", () => {
  it("measures badness by its RAM and its swap", () => {
    const { sys } = boot({ ram: "32 MiB" }).kernel;
    expect(oomTotalPages(sys)).toBe(8192 - 256); // the first MiB is the firmware's
    sys.totalSwapPages = 1000;
    expect(oomTotalPages(sys)).toBe(8192 - 256 + 1000);
  });

  it("may end the parent that waits in vfork, not its child", () => {
    const machine = boot({ ram: "32 MiB" });
    const total = oomTotalPages(machine.kernel.sys);
    const parent = machine.spawn("parent");
    const child = parent.vfork("child");
    expect(oomBadness(child.task, total)).toBeUndefined();
    expect(oomBadness(parent.task, total)).toBeTypeOf("number");
    child.exit(0);
    expect(oomBadness(parent.fork("forked").task, total)).toBeTypeOf("number");
  });
});
