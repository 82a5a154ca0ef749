import { describe, expect, it } from "vitest";
import { type Comparison, formatDifference } from "../../lib/replay/compare_records.js";
import { familyOf, guestNames, loadNotApplicable, replayRecorded } from "../../lib/replay/recordings.js";
import { NotYetError } from "../../lib/replay/scenario.js";

/** Families that are equal in all that is not a tendency. */
const EQUAL = new Set(["bu", "fa", "rd", "wa", "wb"]);
/** Scenarios that need swap, which the machine does not have before lab 06. */
const NEED_SWAP = /^(ra03|ra04|sb|sc|sd)/;
const excuses = loadNotApplicable();
const names = guestNames();

describe("recorded runs of Linux 6.18 in a virtual machine", () => {
  const results: Comparison[] = [];

  it.each(names.filter((name) => EQUAL.has(familyOf(name))))("%s is equal in every step", (name) => {
    const { comparison } = replayRecorded(name, undefined, excuses);
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
    expect(() => replayRecorded(name, undefined, excuses)).toThrow(NotYetError);
    expect(() => replayRecorded(name, undefined, excuses)).toThrow(/no swap before lab 06/);
  });

  it("are all run, or refused by name", () => {
    const known = names.filter((name) => EQUAL.has(familyOf(name)) || NEED_SWAP.test(name));
    // What is evicted under pressure is a tendency.
    for (const name of names.filter((each) => !known.includes(each))) expect(name).toMatch(/^(ra|qd)\d/);
  });
});
