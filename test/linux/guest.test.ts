import { describe, expect, it } from "vitest";
import { type Comparison, formatDifference } from "../../lib/replay/compare_records.js";
import type { Json, StepRecord } from "../../lib/replay/record.js";
import { guestNames, loadNotApplicable, loadRecorded, replayRecorded } from "../../lib/replay/recordings.js";
import { NotYetError } from "../../lib/replay/scenario.js";

/** Scenarios that have a second zram device, or make groups: the machine has neither. */
const needsMore = (name: string): boolean => name === "sx16-two-areas" || makesGroups(name);
/** Under pressure, how much is in swap in the end is not yet what it is in Linux; all else that is exact is. */
const SWAPS = /^(ra03|ra04|sb|sc|sd)/;
const excuses = loadNotApplicable();
const names = guestNames();

function makesGroups(name: string): boolean {
  return loadRecorded(name).scenario.lines.some(({ what }) => what.op.op === "mkdir");
}

const replayed = new Map<string, ReturnType<typeof replayRecorded>>();

/** The replay of a recording; each is run once. */
function replay(name: string): ReturnType<typeof replayRecorded> {
  const done = replayed.get(name) ?? replayRecorded(name, undefined, excuses);
  replayed.set(name, done);
  return done;
}

describe("recorded runs of Linux 6.18 in a virtual machine", () => {
  const results: Comparison[] = [];

  it.each(names.filter((name) => !needsMore(name) && !SWAPS.test(name)))(
    "%s is equal in every step",
    (name) => {
      const { comparison } = replay(name);
      results.push(comparison);
      expect(comparison.different.map(formatDifference).join("\n")).toBe("");
      expect(comparison.equal).toBeGreaterThan(30);
    },
  );

  it("show the watermarks and sizes of all zones, before and after the settings change", () => {
    const marks = results.filter(({ scenario }) => scenario.startsWith("wa-"));
    expect(marks.length).toBeGreaterThanOrEqual(9);
    for (const { equal } of marks) expect(equal).toBeGreaterThan(100);
  });

  it.each(names.filter((name) => SWAPS.test(name)))("%s is equal but for how much is in swap", (name) => {
    const paths = replay(name).comparison.different.map(({ path }) => path);
    expect(paths.filter((path) => !/^meminfo\.Swap(Free|Cached)$/.test(path))).toEqual([]);
    expect(replay(name).comparison.equal).toBeGreaterThan(100);
  });

  it.each(names.filter(makesGroups))("%s says that it needs groups", (name) => {
    expect(() => replay(name)).toThrow(NotYetError);
    expect(() => replay(name)).toThrow(/no cgroups before lab 08/);
  });

  it("are excused only where they differ", () => {
    for (const excuse of excuses.filter(({ scenario }) => names.includes(scenario))) {
      expect(excuse.reason.length).toBeGreaterThan(20);
      const { notApplicable } = replay(excuse.scenario).comparison;
      expect(
        notApplicable.filter(({ step, path }) => step === excuse.step && path === excuse.path),
      ).toHaveLength(1);
    }
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
