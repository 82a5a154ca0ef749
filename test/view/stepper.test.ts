import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { drawAreas } from "../../lib/view/draw_areas.js";
import { drawTlb, type TlbCell } from "../../lib/view/draw_tlb.js";
import { nameOf } from "../../lib/view/embed.js";
import { stepWalk } from "../../lib/view/step_walk.js";
import { stepper } from "../../lib/view/stepper.js";
import { changesBetween, splitElements } from "../../lib/view/stepper_marks.js";
import { packElements } from "../../lib/view/stepper_script.js";
import { line, rect, label as words } from "../../lib/view/svg.js";
import { expectWellFormed } from "./xml.js";

type Sets = (TlbCell | null)[][];
const cell = (vpn: number): TlbCell => ({ vpn, pfn: vpn - 0x3f0 });
const SETS: Sets[] = [
  [
    [null, null],
    [null, null],
  ],
  [
    [cell(0x400), null],
    [null, null],
  ],
  [
    [cell(0x400), null],
    [cell(0x401), null],
  ],
  [
    [null, null],
    [cell(0x401), null],
  ],
];
const draw = (sets: Sets) => drawTlb({ title: "A small TLB", sets });
const marksOf = (svg: string) =>
  [...svg.matchAll(/<rect [^>]*fill="none"[^>]*stroke-width="3"[^>]*>/g)].map(String);
const scriptOf = (html: string) => /<script>([\s\S]*?)<\/script>/.exec(html)![1]!;

describe("a stepper", () => {
  it("has a caption, a picture and an alt text for each step, all of one size", () => {
    const shown = stepper(SETS, draw, { labels: ["empty", "0x400", "0x401", "invlpg"] });
    expect(shown.length).toBe(4);
    expect(shown.captions[2]).toBe("step 3 of 4: 0x401");
    expect(shown.at(3).alt).toMatch(/^step 3 of 4: 0x401\. New: 0x401→0x11\. A small TLB/);
    expect(shown.at(4).alt).toContain("Gone: 0x400→0x10");
    for (let step = 1; step <= 4; step++) {
      expectWellFormed(shown.at(step).svg);
      expect([shown.at(step).width, shown.at(step).height]).toEqual([shown.width, shown.height]);
    }
    expect(String(shown)).toMatch(/^A small TLB, in 4 steps\n {2}step 1 of 4: empty\n/);
  });

  it("marks the cell that was filled and the cell that was emptied, and nothing in the first step", () => {
    const shown = stepper(SETS, draw);
    expect([1, 2, 3, 4].map((step) => marksOf(shown.at(step).svg).length)).toEqual([0, 1, 1, 1]);
    const [filled, emptied] = [2, 4].map((step) => marksOf(shown.at(step).svg)[0]);
    expect(filled).toBe(emptied);
    expect(marksOf(stepper(SETS, draw, { marks: false }).at(2).svg)).toEqual([]);
  });

  it("shows the first and the last picture where no script runs, and ends its own script only once", () => {
    const { html } = stepper(SETS, draw, { labels: ["</script><b>", "b", "c", "d"] });
    const strip = html.slice(0, html.indexOf("<script>"));
    expect(strip.match(/<img /g)).toHaveLength(2);
    expect(strip).toContain('alt="step 1 of 4: &lt;/script&gt;&lt;b&gt;.');
    expect(strip).toContain("step 4 of 4: d");
    expect(html.match(/<\/script>/g)).toHaveLength(2); // the stepper's, and the theme's
    expect(() => new Function(scriptOf(html))).not.toThrow();
    expect(html).not.toMatch(/https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
  });

  it("carries each element once: forty steps weigh less than ten pictures", () => {
    const many: Sets[] = Array.from({ length: 40 }, (_, i) =>
      Array.from({ length: 4 }, (_, set) => [cell(0x400 + set + 4 * (i % 5)), null]),
    );
    const shown = stepper(many, draw);
    expect(shown.html.length).toBeLessThan(10 * shown.at(1).html.length);
    const { parts, runs } = packElements([
      ["a", "b", "c"],
      ["a", "b", "d"],
      ["d", "b"],
    ]);
    expect(parts).toEqual(["a", "b", "c", "d"]);
    expect(runs).toEqual([
      [0, 3],
      [0, 2, 3, 1],
      [3, 1, 1, 1],
    ]);
    expect(nameOf("a")).not.toBe(nameOf("b"));
  });

  it("says what is wrong with its arguments, and at which state", () => {
    expect(() => stepper([], draw)).toThrow(/at least one state/);
    expect(() => stepper(7 as never, draw)).toThrow(TypeError);
    expect(() => stepper(Array(201).fill(SETS[0]), draw)).toThrow(/at most 200 states; got 201/);
    expect(() => stepper(SETS, () => "x" as never)).toThrow(/for state 1 of 4 it returned "x"/);
    const bad = (sets: Sets, index: number) => {
      if (index === 2) throw new RangeError("no such set");
      return draw(sets);
    };
    expect(() => stepper(SETS, bad)).toThrow(RangeError);
    expect(() => stepper(SETS, bad)).toThrow("draw failed for state 3 of 4: no such set");
    expect(() => stepper(SETS, draw, { labels: ["one"] })).toThrow(/a label for each of 4 states; got 1/);
    expect(() => stepper(SETS, draw).at(5)).toThrow(/steps 1 to 4; got 5/);
  });
});

describe("what has changed from picture to picture", () => {
  const box = (x: number, y: number, text: string) => [
    rect(x, y, 100, 30, { fill: "#FFFFFF", stroke: "#000000" }),
    words(x + 50, y + 20, text, { anchor: "middle" }),
  ];

  it("is found by place, kind and text", () => {
    const { marks, texts, gone } = changesBetween(box(10, 50, "old"), box(10, 50, "new"));
    expect([texts, gone]).toEqual([["new"], ["old"]]);
    expect(marks).toHaveLength(1);
    expect(marks[0]).toMatch(/x="9" y="49" width="102" height="32"/);
  });

  it("is not what has only made room, nor a title, nor a legend", () => {
    const three = [1, 2, 3].flatMap((n) => box(10, 50 * n, `row ${n}`));
    const lower = [1, 2, 3].flatMap((n) => box(10, 50 * n + 40, `row ${n}`));
    expect(changesBetween(three, lower).marks).toEqual([]);
    const title = (text: string) => words(16, 28, text, { size: 16, bold: true });
    expect(changesBetween([title("one")], [title("two")]).marks).toEqual([]);
    expect(changesBetween(["<g><text>a</text></g>"], ["<g><text>b</text></g>"]).marks).toEqual([]);
  });

  it("is a thicker line for a line, and a dashed frame where something was and nothing is", () => {
    expect(changesBetween([], [line(0, 0, 9, 9)]).marks[0]).toMatch(/^<line .*stroke-width="3.5"/);
    expect(changesBetween(box(10, 50, "old"), []).marks[0]).toContain("stroke-dasharray");
  });

  it("reads elements as they are written", () => {
    expect(splitElements('<rect x="1"/><g><text>a</text></g><text>b</text>')).toEqual([
      '<rect x="1"/>',
      "<g><text>a</text></g>",
      "<text>b</text>",
    ]);
  });

  it("joins the squares of pages that came together", () => {
    const area = (pages: readonly ("absent" | "dirty")[]) =>
      drawAreas({ title: "t", areas: [{ start: 0, end: 4096 * pages.length, name: "", pages }] });
    const none = ["absent", "absent", "absent", "absent"] as const;
    const two = ["absent", "dirty", "dirty", "absent"] as const;
    const shown = stepper([none, two], area);
    const small = shown.at(2).svg.match(/<rect [^>]*fill="none"[^>]*>/g)!;
    expect(small).toHaveLength(1);
    expect(small[0]).toMatch(/width="29"/);
  });
});

describe("stepWalk", () => {
  const machine = boot({ ram: "1 MiB" });
  const table = machine.newPageTable("t");
  table.mapNew(0x40_1000, 1, { user: true });
  machine.switchMm(table);

  it("reads one entry more in each step", () => {
    const shown = stepWalk(machine.explain(0x40_1abc));
    expect(shown.length).toBe(5);
    expect(shown.captions[0]).toBe("step 1 of 5: CR3 names frame 0x1, the table of level 4");
    expect(shown.captions[4]).toMatch(/level 1, entry 1: .* physical address 0x/);
    expect(String(shown.at(1).svg)).toContain(">not known yet<");
    expect(String(shown.at(5).svg)).not.toContain(">not known yet<");
  });

  it("ends where the walk ends in a fault", () => {
    const shown = stepWalk(machine.explain(0x8000_0000));
    expect(shown.captions.at(-1)).toMatch(/not present; page fault, error code/);
    expect(stepWalk(machine.explain(0x8000_0000_0000)).length).toBe(1);
  });
});
