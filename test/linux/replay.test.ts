import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Comparison, formatDifference } from "../../lib/replay/compare_records.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import {
  familyOf,
  findRecorded,
  guestNames,
  loadNotApplicable,
  recordedNames,
  replayRecorded,
} from "../../lib/replay/recordings.js";

const excuses = loadNotApplicable();
const results: Comparison[] = [];

describe("recorded runs of Linux 6.18", () => {
  it.each(recordedNames())("%s is equal in every step", (name) => {
    const { comparison } = replayRecorded(name, newHost(), excuses);
    results.push(comparison);
    expect(comparison.different.map(formatDifference).join("\n")).toBe("");
    expect(comparison.equal).toBeGreaterThan(20);
  });

  it("cover every family from a to j and the random ones", () => {
    const families = [...new Set(recordedNames().map(familyOf))];
    expect(families).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
      "f",
      "g",
      "h",
      "i",
      "j",
      "z-anon",
      "z-mixed",
      "z-thp",
    ]);
    const compared = results.reduce((sum, result) => sum + result.equal, 0);
    expect(compared).toBeGreaterThan(55_000);
  });

  it("excuse nothing that is equal or not there", () => {
    const used = results.flatMap((result) => result.notApplicable.map((difference) => difference.reason));
    for (const { scenario, reason } of excuses) {
      if (guestNames().includes(scenario)) continue; // guest.test.ts looks at those
      expect(reason.length).toBeGreaterThan(20);
      expect(used).toContain(reason);
    }
  });
});

describe("finding a recording", () => {
  it("takes the beginning of a name that fits only one", () => {
    expect(findRecorded("c01")).toBe("c01-fork-parent-writes");
    expect(() => findRecorded("c")).toThrow(/may mean c01-fork-parent-writes, c03/);
    expect(() => findRecorded("x99")).toThrow(/there is no recorded scenario "x99"/);
  });

  it("keeps scenario texts as they were recorded", () => {
    const text = readFileSync(new URL("./scenarios/a01-zero-read-then-write.vms", import.meta.url), "utf8");
    expect(text).toContain("spawn P");
  });
});
