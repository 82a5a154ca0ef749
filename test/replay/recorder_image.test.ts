/** What the recorder's own memory shows through in a record; the numbers are worked out by hand in the comments. */
import { describe, expect, it } from "vitest";
import { runScenario } from "../../lib/replay/executor.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import { parseScenario } from "../../lib/replay/parse.js";
import type { StepRecord } from "../../lib/replay/record.js";

function steps(...lines: string[]): StepRecord[] {
  return runScenario(parseScenario(lines.join("\n"), "test"), newHost()).steps;
}

describe("the recorder's own memory", () => {
  it("is locked and faulted in by mlockall(MCL_CURRENT)", () => {
    const [, lock, report] = steps("spawn P", "P mlockall current", "report nopages");
    // 33-18 stack pages and 2 of the vdso; of 384 channel pages 8 are present, and fault-around brings the probe's 8 with one fault
    expect(lock!.minflt).toBe(15 + 2 + (384 - 8 - 7));
    // 206 pages of code and constants, 50 of data, 34 of heap, 384 of channels, 33 of stack; not the vdso, which is special
    const status = (report!.report as { procs: { P: { status: { VmLck: number } } } }).procs.P.status;
    expect(status.VmLck).toBe(4 * (206 + 50 + 34 + 384 + 33));
  });

  it("finds shared pages that another process brought in sixteen at a time", () => {
    const [, , first, second] = steps("spawn P", "P fork C", "C mlockall current", "P mlockall current");
    expect(first!.minflt).toBe(15 + 2 + (384 - 16));
    // P has its own 8 channel pages: one fault for the rest of the first sixteen, one for each of the other 23 windows
    expect(second!.minflt).toBe(15 + 2 + 24);
  });

  it("keeps startBrk below the scenario's heap, so that any limit on data stops the break", () => {
    const result = steps(
      "spawn P",
      "P brk +4",
      "P rlimit data 64",
      "P brk +1",
      "P rlimit data inf",
      "P brk +1",
    );
    expect(result.map(({ ok }) => ok)).toEqual([true, true, true, false, true, true]);
    expect(result[3]!.err).toBe("ENOMEM");
  });

  it("cannot move the break to the scenario's heap when the address space is limited", () => {
    const result = steps("spawn P", "P rlimit as 400", "P brk +4", "P rlimit as inf", "P brk +4");
    expect(result.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
  });
});

describe("pmcount", () => {
  it("counts present pages from the area's first page to the end of its last mapping, or of a range", () => {
    const result = steps(
      "spawn P",
      "P map A anon private 8",
      "P touch A 0:5 w",
      "P pmcount A",
      "P pmcount A 4:10",
    );
    expect(result[3]).toMatchObject({ present: 5, swapped: 0, none: 3 });
    expect(result[4]).toMatchObject({ present: 1, swapped: 0, none: 5 });
  });
});

describe("shared anonymous memory", () => {
  it("is promised when it is mapped, unless MAP_NORESERVE, and given back with its last mapping", () => {
    // 2 GiB are 524288 frames: one mapping larger than that is refused
    const result = steps("spawn P", "P map A anon shared 600000", "P map B anon shared 600000 noreserve");
    expect(result.map(({ ok }) => ok)).toEqual([true, false, true]);
    const host = newHost("256 MiB");
    const before = host.kernel.sys.vmCommittedAs;
    const promised: number[] = [];
    runScenario(
      parseScenario("spawn P\nP map A anon shared 10\nP munmap A 0:5\nP munmap A 5:10\n", "test"),
      host,
      () => promised.push(host.kernel.sys.vmCommittedAs - before),
    );
    const [start, mapped, half, gone] = promised as [number, number, number, number];
    expect([mapped - start, half - start, gone - start]).toEqual([10, 10, 0]);
  });
});

describe("the batch of lazily freed pages", () => {
  it("is emptied when pages are cut from a file", () => {
    // batches hold 31 pages: of 40, nine wait until the batch is full or emptied
    const result = steps(
      "spawn P",
      "P map A anon private 40",
      "P map S anon shared 4",
      "P touch A 0:40 w",
      "P touch S 0:4 w",
      "P madvise A 0:40 FREE",
      "P munmap S 0:4",
    );
    const lazy = result.map(({ sum }) => (sum as { P: { LazyFree?: number } })?.P?.LazyFree ?? 0);
    expect([lazy[5], lazy[6]]).toEqual([4 * 31, 4 * 40]);
  });
});
