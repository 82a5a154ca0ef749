import { describe, expect, it } from "vitest";
import { type Comparison, formatDifference } from "../../lib/replay/compare_records.js";
import type { Json, StepRecord } from "../../lib/replay/record.js";
import { familyOf, guestNames, loadNotApplicable, replayRecorded } from "../../lib/replay/recordings.js";
import { NotYetError } from "../../lib/replay/scenario.js";

/** Families that are equal in all that is not a tendency. */
const EQUAL = new Set(["bu", "fa", "qd", "rd", "wa", "wb"]);
/** Scenarios that need swap, which the machine does not have before lab 06. */
const NEED_SWAP = /^(ra03|ra04|sb|sc|sd)/;
/** Under pressure, what is evicted is a tendency; what a program sees of it is equal. */
const isEqual = (name: string): boolean => EQUAL.has(familyOf(name)) || /^ra(05|15)/.test(name);
const excuses = loadNotApplicable();
const names = guestNames();

const replayed = new Map<string, ReturnType<typeof replayRecorded>>();

/** The replay of a recording; each is run once. */
function replay(name: string): ReturnType<typeof replayRecorded> {
  const done = replayed.get(name) ?? replayRecorded(name, undefined, excuses);
  replayed.set(name, done);
  return done;
}

describe("recorded runs of Linux 6.18 in a virtual machine", () => {
  const results: Comparison[] = [];

  it.each(names.filter(isEqual))("%s is equal in every step", (name) => {
    const { comparison } = replay(name);
    results.push(comparison);
    expect(comparison.different.map(formatDifference).join("\n")).toBe("");
    expect(comparison.equal).toBeGreaterThan(30);
  });

  it("show the watermarks and sizes of all zones, before and after the settings change", () => {
    const marks = results.filter(({ scenario }) => scenario.startsWith("wa-"));
    expect(marks.length).toBeGreaterThanOrEqual(9);
    for (const { equal } of marks) expect(equal).toBeGreaterThan(100);
  });

  it.each(names.filter((name) => NEED_SWAP.test(name)))("%s says that it needs swap", (name) => {
    expect(() => replay(name)).toThrow(NotYetError);
    expect(() => replay(name)).toThrow(/no swap before lab 06/);
  });

  it("are all run, or refused by name", () => {
    expect(names.filter((name) => !isEqual(name) && !NEED_SWAP.test(name))).toEqual([
      "ra01-alloc-cache",
      "ra11-alloc-cache-mglru",
    ]);
  });

  it.each([
    ["ra01-alloc-cache", 29_175],
    ["ra11-alloc-cache-mglru", 29_148],
  ])("%s ends in the OOM killer, after as many pages within 0.5 %%", (name, linux) => {
    const { comparison, ours } = replay(name);
    expect(comparison.different.length).toBeLessThan(10);
    const pages = ours.steps.reduce((sum, { touched }) => sum + Number(touched ?? 0), 0);
    expect(ours.steps.reduce((sum, { oom_kills }) => sum + Number(oom_kills ?? 0), 0)).toBe(1);
    // Up to 224 may be on the CPU's list in the end, where no request finds them.
    expect(Math.abs(pages - linux)).toBeLessThan(0.005 * linux);
  });

  it("read and free, under pressure, about as much as Linux: what is lost of the cache comes back as often", () => {
    const total = (steps: readonly StepRecord[], counter: string): number[] =>
      [0, 1].map((run) =>
        steps.reduce((sum, { vmstat }) => {
          const value = (vmstat as { [name: string]: Json } | undefined)?.[counter] ?? 0;
          return sum + Number(typeof value === "object" ? (value as { "~": number[] })["~"][run] : value);
        }, 0),
      );
    const { ours, recorded } = replay("qd16-frozen");
    for (const counter of ["workingset_refault_file", "pgsteal_kswapd", "pgsteal_direct"]) {
      const [our] = total(ours.steps, counter) as [number];
      const linux = total(recorded.steps, counter);
      expect(our, counter).toBeGreaterThan(0.7 * Math.min(...linux));
      expect(our, counter).toBeLessThan(1.4 * Math.max(...linux));
    }
  });
});
