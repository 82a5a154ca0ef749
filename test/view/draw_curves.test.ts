import { describe, expect, it } from "vitest";
import {
  boot,
  drawGenerations,
  drawPolicyCurves,
  POLICY_NAMES,
  runPolicy,
  samplePressure,
} from "../../lib/index.js";
import type { HeatSeries, LineSeries } from "../../lib/view/figure.js";

describe("drawPolicyCurves", () => {
  const trace = Array.from({ length: 3000 }, (_, i) => (i % 3 === 0 ? i % 300 : (i * i) % 37));
  const { series } = drawPolicyCurves(trace).figure;

  it("has a line for every policy, and each point is what the policy misses", () => {
    expect(series.map(({ name }) => name)).toEqual(POLICY_NAMES);
    for (const { name, x, y } of series as LineSeries[])
      for (const [i, pages] of x.entries())
        expect(y[i]).toBeCloseTo(
          100 * runPolicy(name as (typeof POLICY_NAMES)[number], trace, pages).missRatio,
        );
  });

  it("ends where every page has room, and nobody is below optimal", () => {
    const lines = series as LineSeries[];
    const optimal = lines.find(({ name }) => name === "optimal")!;
    const last = optimal.x.length - 1;
    for (const { y } of lines) {
      expect(y[last]).toBeCloseTo(optimal.y[last]!);
      for (const [i, percent] of y.entries()) expect(percent!).toBeGreaterThanOrEqual(optimal.y[i]! - 1e-9);
    }
  });

  it("takes some policies and sizes only, and tells the curve in words", () => {
    const plot = drawPolicyCurves([1, 2, 1, 3], { policies: ["LRU"], capacities: [1, 2, 3] });
    expect(plot.alt).toBe("LRU: 100 % with 1 pages, 75 % with 2 pages, 75 % with 3 pages.");
    expect(() => drawPolicyCurves([1], { policies: [] })).toThrow(/needs a policy and a size/);
  });
});

describe("drawGenerations", () => {
  it("shows at the end what the machine says of each generation", () => {
    const machine = boot({ ram: "64 MiB" });
    machine.procfs.write("/sys/kernel/mm/lru_gen/enabled", "y");
    const p = machine.spawn("p");
    const at = p.mmap("8 MiB");
    const pressure = samplePressure(machine, () => p.touch(at, "8 MiB", "w"));
    const heat = drawGenerations(pressure).figure.series[0] as HeatSeries;
    for (const { seq, anonPages, filePages } of machine.lruGenerations()) {
      const row = heat.z[heat.y.indexOf(String(seq))]!;
      expect(row[row.length - 1]).toBeCloseTo((anonPages + filePages) / 256);
    }
  });

  it("has nothing to show of two lists", () => {
    const machine = boot({ ram: "16 MiB" });
    const p = machine.spawn("p");
    const pressure = samplePressure(machine, () => p.touch(p.mmap("64 KiB"), "64 KiB", "w"));
    expect(() => drawGenerations(pressure)).toThrow(/write y to \/sys\/kernel\/mm\/lru_gen\/enabled first/);
  });
});
