import { beforeEach, describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import {
  tlbEntryChanged,
  tlbFinishMmu,
  tlbGatherMmu,
  withGather,
} from "../../../lib/mm/pgtable/mmu_gather.js";

const PTE = 0x5000 + 0x27;
let mm: MmStruct;

beforeEach(() => {
  const { kernel } = boot({ ram: "16 MiB" });
  const task = kernel.spawn("t");
  kernel.enter(task);
  mm = task.mm!;
});

/** How many flushes of the mm `work` causes. */
function flushes(work: () => void): number {
  const before = mm.context.tlbGen;
  work();
  return mm.context.tlbGen - before;
}

describe("a gather", () => {
  it("flushes once for all changes, and holds the smallest range around them", () => {
    const nr = flushes(() => {
      const gather = tlbGatherMmu(mm);
      for (const addr of [0x8000, 0x3000, 0x5000]) tlbEntryChanged(mm, addr, PTE, 0);
      expect([gather.start, gather.end]).toEqual([0x3000, 0x9000]);
      tlbFinishMmu(mm);
    });
    expect([nr, mm.tlbGather]).toEqual([1, undefined]);
  });

  it("flushes nothing where no TLB can hold what is wrong now", () => {
    const nr = flushes(() =>
      withGather(mm, () => {
        tlbEntryChanged(mm, 0x3000, 0, PTE); // was empty
        tlbEntryChanged(mm, 0x4000, PTE, PTE + 0x40); // became dirty
      }),
    );
    expect(nr).toBe(0);
  });

  it("within another one leaves the flush to the outer", () => {
    const nr = flushes(() =>
      withGather(mm, (outer) => {
        withGather(mm, (inner) => {
          expect(inner).toBe(outer);
          tlbEntryChanged(mm, 0x3000, PTE, 0);
        });
        expect([mm.tlbGather, outer.depth]).toEqual([outer, 1]);
        tlbEntryChanged(mm, 0x4000, PTE, 0);
      }),
    );
    expect(nr).toBe(1);
  });

  it("flushes all where only tables were freed", () => {
    expect(
      flushes(() =>
        withGather(mm, (gather) => {
          gather.freedTables = true;
        }),
      ),
    ).toBe(1);
  });

  it("is closed also when the work throws", () => {
    expect(() =>
      withGather(mm, () => {
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(mm.tlbGather).toBeUndefined();
  });
});
