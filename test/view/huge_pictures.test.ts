import { describe, expect, it } from "vitest";
import {
  boot,
  drawBloat,
  drawFaultDistribution,
  drawPageSizes,
  drawPmd,
  type FaultTime,
  faultTimes,
  measureBloat,
  pmdView,
  stepPmd,
} from "../../lib/index.js";
import type { BarSeries, LineSeries } from "../../lib/view/figure.js";

function withHuge(word = "always") {
  const machine = boot({ ram: "64 MiB" });
  machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", word);
  const alice = machine.spawn("alice");
  const at = Math.ceil(alice.mmap("8 MiB") / 2 ** 21) * 2 ** 21;
  return { machine, alice, at };
}

describe("the picture of a level-2 entry", () => {
  it("tells the split of the entry from that of the folio", () => {
    const { alice, at } = withHuge();
    expect(pmdView(alice, at).owners).toMatchObject([{ name: "alice", entry: "empty" }]);
    alice.store(at, 1, 1);
    const { owners, folios } = pmdView(alice, at + 12345);
    expect(owners).toMatchObject([{ entry: "leaf" }]);
    expect(folios).toMatchObject([{ order: 9, mapcount: 1, entireMapcount: 1, pagesMapped: 0 }]);
    const bob = alice.fork("bob");
    bob.store(at + 5 * 4096, 1, 2);
    const split = pmdView(alice, at);
    expect(split.owners.map(({ entry }) => entry)).toEqual(["leaf", "table"]);
    expect(split.folios.map(({ order }) => order).sort()).toEqual([0, 9]);
    const large = split.folios.find(({ order }) => order === 9);
    expect(large).toMatchObject({ mapcount: 512, entireMapcount: 1, pagesMapped: 511 });
    expect(String(drawPmd(split))).toMatch(/bob: a table of 512 entries, 512 present, 1 of them writable/);
  });

  it("is stepped through from the fault to fork, write and unmap", () => {
    const { machine, alice, at } = withHuge();
    const steps = stepPmd(machine, alice, at, () => {
      alice.store(at, 1, 1);
      const bob = alice.fork("bob");
      bob.store(at, 1, 2);
    });
    expect(steps.captions.map((text) => text.replace(/ at frame 0x[0-9a-f]+/g, ""))).toEqual([
      "step 1 of 4: before",
      "step 2 of 4: alice: one entry, a leaf of 2 MiB, writable",
      expect.stringMatching(/^step 3 of 4: alice: one entry, .* read-only; bob: one entry, .* read-only$/),
      "step 4 of 4: bob: a table of 512 entries, 512 present, 1 of them writable",
    ]);
  });
});

describe("the distribution of fault times", () => {
  const fault = (tookNs: number): FaultTime => ({ ns: 0, tookNs, pid: 1, reason: "minor" });

  it("rises to 100 % at the longest, and counts time instead if it is asked to", () => {
    const runs = { a: [...Array(99).fill(100), 9900].map(fault) };
    const [faults] = drawFaultDistribution(runs).figure.series as LineSeries[];
    expect(faults!.x).toEqual([0.1, 0.1, 9.9]);
    expect(faults!.y).toEqual([0, 99, 100]);
    const [time] = drawFaultDistribution(runs, { weight: "time" }).figure.series as LineSeries[];
    expect(time!.y).toEqual([0, 50, 100]);
    expect(drawFaultDistribution(runs).alt).toMatch(
      /100 faults, half take at most 100 ns, 99 % at most 9.9 µs/,
    );
    expect(() => drawFaultDistribution({})).toThrow(/at least one run/);
  });

  it("has few and long faults where pages are huge", () => {
    const run = (word: string) => {
      const { machine, alice } = withHuge(word);
      return faultTimes(machine, () => alice.touch(alice.mmap("8 MiB"), "8 MiB", "w"));
    };
    const [never, always] = [run("never"), run("always")];
    expect(always.length).toBeLessThan(never.length / 3);
    const longest = (times: FaultTime[]) => Math.max(...times.map(({ tookNs }) => tookNs));
    expect(longest(always)).toBeGreaterThan(10 * longest(never));
  });
});

describe("memory bloat", () => {
  it("is what smaps says: whole pages of 2 MiB for one byte in each, with huge pages", () => {
    const rows = measureBloat({ everyBytes: [65536, 2 ** 21], mappingBytes: 2 ** 22 });
    expect(rows.map(({ huge, residentBytes }) => [huge, residentBytes])).toEqual([
      ["never", 64 * 4096],
      ["never", 2 * 4096],
      ["always", 2 ** 22],
      ["always", 2 ** 22],
    ]);
    expect(rows.map(({ hugeBytes }) => hugeBytes)).toEqual([0, 0, 2 ** 22, 2 ** 22]);
    const [written, never] = drawBloat(rows).figure.series as BarSeries[];
    expect(written!.y).toEqual(never!.y);
    expect(() => measureBloat({ mappingBytes: 4096 })).toThrow(/multiples of 2 MiB/);
  });
});

describe("the picture of page sizes", () => {
  it("has a curve for each size of pages of each processor, and tells where each begins to walk", () => {
    const plot = drawPageSizes({ tlbs: ["skylake", "zen2"], sizes: [2 ** 20, 2 ** 24], accesses: 200 });
    expect(plot.figure.series.map(({ name }) => name)).toEqual(
      ["skylake", "zen2"].flatMap((tlb) =>
        ["4 KiB", "2 MiB", "1 GiB"].map((size) => `${tlb}, ${size} pages`),
      ),
    );
    expect(plot.alt).toMatch(/skylake, 4 KiB pages: no walks up to 1 MiB, \d+(\.\d)? % at 16 MiB\./);
    expect(plot.alt).toMatch(/skylake, 2 MiB pages: no walks up to 16 MiB\./);
  });
});
