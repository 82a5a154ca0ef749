import { describe, expect, it } from "vitest";
import type { LineSeries } from "../../lib/view/figure.js";
import { grep } from "../../lib/view/grep.js";
import { bars, heat, type LinesOptions, lines, points } from "../../lib/view/quick_plot.js";

const said: LinesOptions = {
  title: "Hit rate",
  x: "working set (KiB)",
  y: "hits (%)",
  alt: "The hit rate falls from 100 % to 0 %.",
};

describe("lines", () => {
  it("makes the figure that plot() takes, with labels, units and marks", () => {
    const { figure } = lines(
      [4, 8],
      { "in turn": [100, 0] },
      { ...said, xScale: "log2", xMarks: { reach: 5 } },
    );
    expect(figure).toEqual({
      title: "Hit rate",
      x: { label: "working set", unit: "KiB", scale: "log2" },
      y: { label: "hits", unit: "%", range: [0, 100] },
      alt: said.alt,
      series: [{ kind: "line", name: "in turn", x: [4, 8], y: [100, 0] }],
      marks: [{ x: 5, label: "reach" }],
    });
  });

  it("asks a function for the value at each x", () => {
    const { figure } = lines([1, 2, 3], { square: (n) => n * n }, said);
    expect((figure.series[0] as LineSeries).y).toEqual([1, 4, 9]);
  });

  it("takes a plain count without a unit when it says so", () => {
    const { figure } = lines([1, 2], { a: [1, 2] }, { ...said, x: "number of processes" });
    expect(figure.x).toEqual({ label: "number of processes", unit: "" });
  });

  it("writes bytes and addresses as their unit says", () => {
    const { figure } = lines([1, 2], { a: [1, 2] }, { ...said, x: "size (bytes)", y: "address (hex)" });
    expect([figure.x.format, figure.y.format]).toEqual(["bytes", "hex"]);
  });

  it("shows percentages beyond 100 as they are", () => {
    expect(lines([1, 2], { a: [90, 120] }, said).figure.y.range).toBeUndefined();
  });
});

describe("points, bars and heat", () => {
  it("draw the other kinds", () => {
    expect(points([1, 2], { a: [3, 4] }, said).figure.series[0]!.kind).toBe("points");
    const stacked = bars(["fork", "vfork"], { a: [1, 2] }, { ...said, x: "call", stacked: true });
    expect(stacked.figure).toMatchObject({ bars: "stacked", x: { label: "call", unit: "" } });
    const map = heat([1, 2], ["a"], [[5, 6]], { ...said, x: "set (index)", y: "process", z: "time (ns)" });
    expect(map.figure.series).toEqual([
      { kind: "heat", name: "time (ns)", x: [1, 2], y: ["a"], z: [[5, 6]] },
    ]);
  });
});

describe("a quick plot that lacks something", () => {
  const without = (name: string) => Object.fromEntries(Object.entries(said).filter(([key]) => key !== name));
  it.each(["title", "x", "y", "alt"])("names what is missing: %s", (name) => {
    expect(() => lines([1], { a: [1] }, without(name) as never)).toThrow(
      new RegExp(`${name} must be a text`),
    );
  });

  it.each([
    ["a unit", { ...said, y: "time" }, /y must end with its unit in brackets, such as "time \(ms\)"/],
    ["a misspelt option", { ...said, titel: "x" }, /lines has no option "titel"; did you mean "title"/],
    [
      "a scale that does not exist",
      { ...said, xScale: "log" },
      /xScale must be "linear", "log2" or "log10"; got "log"/,
    ],
    [
      "a mark without a value",
      { ...said, xMarks: { reach: "64" } },
      /xMarks\["reach"\] must be a number; got "64"/,
    ],
  ])("refuses %s", (_what, options, message) => {
    expect(() => lines([1], { a: [1] }, options as never)).toThrow(message);
  });

  it.each([
    ["no list of x", () => lines(5 as never, { a: [1] }, said), /takes x as a list; got 5/],
    ["no names", () => lines([1], [[1]] as never, said), /takes its values by name/],
    [
      "no values",
      () => lines([1], { a: 7 } as never, said),
      /takes "a" as a list or as a function of x; got 7/,
    ],
    ["too few values", () => lines([1, 2], { a: [1] }, said), /2 values of x but 1 of y/],
    ["no options", () => lines([1], { a: [1] }, undefined as never), /takes its options as an object/],
  ])("refuses %s", (_what, act, message) => {
    expect(act).toThrow(message);
  });
});

describe("grep", () => {
  it("keeps the lines that match, and refuses what is no text", () => {
    expect(grep(/^b|c/, "a\nb\nac\nd")).toBe("b\nac");
    expect(grep("a", "a\nb")).toBe("a");
    expect(() => grep(5 as never, "a")).toThrow(/takes a pattern such as \/VmRSS\/; got 5/);
    expect(() => grep("a", undefined as never)).toThrow(/looks into a text; got undefined/);
  });
});
