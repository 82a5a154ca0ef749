import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compareRecordings, formatDifference } from "../../lib/replay/compare_records.js";
import {
  formatRecording,
  type Json,
  parseRecording,
  type Recording,
  RunList,
  type StepRecord,
} from "../../lib/replay/record.js";

const native = fileURLToPath(new URL("../linux/native/", import.meta.url));

function recording(steps: Omit<StepRecord, "i">[], scenario = "x"): Recording {
  const numbered = steps.map((step, i) => ({ ...step, i }) as StepRecord);
  return { scenario, script_fnv: "0", env: {}, steps: numbered };
}

describe("comparing records", () => {
  it("finds every recording equal to itself", () => {
    for (const name of readdirSync(native)) {
      const recorded = parseRecording(readFileSync(native + name, "utf8"));
      const result = compareRecordings(recorded, recorded);
      expect(result.different, name).toEqual([]);
      expect(result.equal, name).toBeGreaterThan(5);
    }
  });

  it("names step, operation, leaf and both values", () => {
    const kernel = recording([{ line: "P touch A 0 r", ok: true, sum: { P: { Rss: 4, Pss: 2 } } }]);
    const ours = recording([{ line: "P touch A 0 r", ok: true, sum: { P: { Rss: 4, Pss: 4 } } }]);
    const { different, equal } = compareRecordings(kernel, ours);
    expect(different.map(formatDifference)).toEqual([
      "x step 0 (P touch A 0 r)\n    sum.P.Pss: Linux has 2, the machine 4",
    ]);
    expect(equal).toBe(4);
  });

  it("counts a leaf that only one side has", () => {
    const result = compareRecordings(
      recording([{ line: "a", err: "ENOMEM" }]),
      recording([{ line: "a", calib: 1 }]),
    );
    expect(result.different.map((d) => [d.path, d.kernel, d.ours])).toEqual([
      ["err", "ENOMEM", undefined],
      ["calib", undefined, 1],
    ]);
  });

  it("knows of a list that was cut only its beginning and its length", () => {
    const runs = [
      [0, 1, 1, 0],
      [4, 1, 1, 0],
      [9, 1, 1, 0],
    ];
    const cut = (nr: number) =>
      recording([{ line: "touch", trace: [[0, 1, 1, 0], [4, 1, 1, 0], `... ${nr} runs in all`] }]);
    const ours = recording([{ line: "touch", trace: runs }]);
    expect(compareRecordings(cut(3), ours).different).toEqual([]);
    expect(compareRecordings(cut(4), ours).different).toHaveLength(1);
    expect(
      compareRecordings(cut(3), recording([{ line: "touch", trace: runs.slice(1) }])).different,
    ).toHaveLength(1);
  });

  it("takes any value within the range of several runs, and counts it apart", () => {
    const kernel = recording([{ line: "a", value: { "~": [5, 9] } }]);
    const result = (value: number) => compareRecordings(kernel, recording([{ line: "a", value }]));
    expect([result(7).equal, result(7).withinRange, result(7).different.length]).toEqual([3, 1, 0]);
    expect(result(10).different).toHaveLength(1);
  });

  it("compares watermarks without the boost, run by run, which alone is a tendency under pressure", () => {
    const zone = (min: Json, boost: Json) =>
      recording([{ line: "zoneinfo", zones: { DMA: { min, boost } } }], "ra9");
    const runs = zone({ "~": [554, 42] }, { "~": [512, 0] });
    for (const [min, boost] of [
      [42, 0],
      [554, 512],
      [142, 100],
    ] as const) {
      const { different, tendency } = compareRecordings(runs, zone(min, boost));
      expect(different).toEqual([]);
      expect(tendency).toEqual([]);
    }
    expect(compareRecordings(runs, zone(600, 558)).tendency.map(({ path }) => path)).toEqual([
      "zones.DMA.boost",
    ]);
    const wrong = compareRecordings(runs, zone(100, 0));
    expect(wrong.different.map(({ path, kernel, ours }) => [path, kernel, ours])).toEqual([
      ["zones.DMA.min", 42, 100],
    ]);
    expect(compareRecordings(zone({ "~": [554, 43] }, { "~": [512, 0] }), zone(42, 0)).different).toEqual([]);
    expect(
      compareRecordings(zone({ "~": [554, 43] }, { "~": [512, 0] }), zone(44, 0)).different,
    ).toHaveLength(1);
  });

  it("holds watermarks and sizes of zones for exact, and their lists for a tendency", () => {
    const zones = (min: number, free: number) =>
      recording([{ line: "zoneinfo", zones: { DMA: { min, managed: 3840, nr_free_pages: free } } }], "wa-1");
    const { different, tendency } = compareRecordings(zones(56, 3808), zones(57, 3840));
    expect(different.map((each) => each.path)).toEqual(["zones.DMA.min"]);
    expect(tendency.map((each) => each.path)).toEqual(["zones.DMA.nr_free_pages"]);
  });

  it("leaves out what the recorder has itself", () => {
    const kernel = recording([{ line: "r", flags: "rd mr", status: { runner_own: { Rss: 1 } } }]);
    const ours = recording([{ line: "r", flags: "rd mr", status: {} }]);
    expect(compareRecordings(kernel, ours).different).toEqual([]);
  });

  it("counts a missing step and compares lists of VMAs by position", () => {
    const vma = { off: 0, len: 4, perm: "rw-p" };
    const kernel = recording([
      { line: "report", report: { vmas: [vma, vma] } },
      { line: "P exit", ok: true },
    ]);
    const ours = recording([{ line: "report", report: { vmas: [vma] } }]);
    expect(compareRecordings(kernel, ours).different.map((d) => d.path)).toEqual(["report.vmas.1", ""]);
  });

  it("leaves out what varied, accepts what lies in the recorded range, and sets tendencies apart", () => {
    const kernel = recording([
      {
        line: "P touch A 0 r",
        minflt: "~varies" as never,
        majflt: 3,
        n: { "~": [4, 9] },
        w: { "~": ["a", "b"] },
      },
      { line: "report", Referenced: 8, vmstat: { pgfault: 3 } },
    ]);
    const ours = recording([
      { line: "P touch A 0 r", minflt: 5, majflt: 3, n: 6, w: "b" },
      { line: "report", Referenced: 4, vmstat: { pgfault: 5 } },
    ]);
    const result = compareRecordings(kernel, ours);
    expect(result.different).toEqual([]);
    expect(result.varies).toBe(1);
    expect(result.tendency.map((d) => d.path)).toEqual(["Referenced", "vmstat.pgfault"]);
  });

  it("compares kept frames strictly until something was freed", () => {
    const make = (free: string, kept: boolean): Recording =>
      recording([{ line: "report" }, { line: free }, { line: "report", kept: [[0, 1, kept]] }]);
    expect(
      compareRecordings(make("P touch A 0 w", true), make("P touch A 0 w", false)).different,
    ).toHaveLength(1);
    const freed = compareRecordings(make("P munmap A 0", true), make("P munmap A 0", false));
    expect([freed.different.length, freed.tendency.length]).toEqual([0, 1]);
  });

  it("moves a listed difference out with its reason, and only that one", () => {
    const kernel = recording([{ line: "a", x: { y: 1, z: 1 } }], "q1-name");
    const ours = recording([{ line: "a", x: { y: 2, z: 2 } }], "q1-name");
    const result = compareRecordings(kernel, ours, [
      { scenario: "q*", step: 0, path: "x.y", reason: "no such device" },
    ]);
    expect(result.notApplicable.map((d) => [d.path, d.reason])).toEqual([["x.y", "no such device"]]);
    expect(result.different.map((d) => d.path)).toEqual(["x.z"]);
  });

  it("joins neighbours into runs and writes a recording that reads back the same", () => {
    const list = new RunList();
    for (const [page, value] of [
      [0, 1],
      [1, 1],
      [3, 1],
      [4, 2],
    ])
      list.add(page!, [value!, 0]);
    expect(list.runs).toEqual([
      [0, 2, 1, 0],
      [3, 1, 1, 0],
      [4, 1, 2, 0],
    ]);
    const one = recording([{ line: "P touch A 0:4 r", ok: true, trace: list.runs }, { line: "report" }]);
    expect(parseRecording(formatRecording(one))).toEqual(one);
    expect(() => parseRecording("{}")).toThrow(TypeError);
  });
});
