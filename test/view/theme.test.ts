import { describe, expect, it } from "vitest";
import { reportHtml } from "../../lib/course/grading/report.js";
import { predict, seal } from "../../lib/course/predict.js";
import { drawOwners } from "../../lib/view/draw_owners.js";
import { drawTlb } from "../../lib/view/draw_tlb.js";
import { lines } from "../../lib/view/quick_plot.js";
import { table } from "../../lib/view/table.js";

/** The texts of a picture, without its title and description for screen readers. */
const textsOf = (svg: string) => [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map((match) => match[1]!);

const tlb = (label: string) =>
  drawTlb({
    title: "A TLB",
    sets: [[{ vpn: 0x404, pfn: 9, pcid: 0 }, null]],
    marks: [{ set: 0, way: 0, label }],
  });

describe("a picture", () => {
  it("holds the dark colours of what it draws, and leaves white letters on a full colour white", () => {
    const { svg, html } = drawOwners({
      title: "Owners",
      owners: [{ name: "alice", pages: [{ va: 0x1000, pfn: 1, writable: true }] }],
    });
    expect(svg).toContain("@media (prefers-color-scheme:dark)");
    expect(svg).toContain(':not(text)[fill="#FFFFFF"]{fill:#1F2328}');
    expect(svg).not.toContain('[fill="#FBE3B0"]');
    expect(html).toContain("color-scheme:light");
  });

  it("breaks the mark of a TLB's cell into lines instead of cutting it", () => {
    expect(textsOf(tlb("new; 0x402 gave way").svg).join(" ")).toContain("new; 0x402 gave way");
    expect(textsOf(tlb("gives way, because it was used longest ago").svg).join("")).not.toContain("…");
  });

  it("makes the cells of a TLB as wide as a kernel address needs", () => {
    const { svg } = drawTlb({ title: "A TLB", sets: [[{ vpn: -0x400, pfn: 7, global: true }]] });
    expect(textsOf(svg)).toContain("0xfffffffffffffc00→0x7");
  });

  it("writes what a frame holds in two lines where one is too short", () => {
    const frames = [{ pfn: 1, kind: "libcrypto.so page 1041" }];
    const { svg } = drawOwners({ title: "Owners", owners: [], frames });
    expect(textsOf(svg)).toEqual(expect.arrayContaining(["libcrypto.so", "page 1041"]));
  });

  it("keeps a long title of the y axis beside the plane, the unit on a line of its own", () => {
    const y = "RAM that a large program cannot use (% of 1 MiB)";
    const { svg } = lines(
      [1, 2],
      { a: [1, 2], b: [2, 1] },
      { title: "T", x: "number of steps", y, alt: "It rises." },
    );
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining(["RAM that a large program cannot use", "(% of 1 MiB)"]),
    );
  });
});

describe("text in the colours of the theme", () => {
  /** The colours that a style gives to letters. */
  const inks = (html: string) => [...html.matchAll(/[";]color:([^;"]+)/g)].map((match) => match[1]);
  const THEME = "var(--jp-content-font-color1,inherit)";

  it.each([undefined, "yes", "no"])("is what a prediction has, answered %s", (answer) => {
    const asked = predict("Is it so?", answer, seal("Is it so?", "yes"));
    const bundle = (asked as unknown as Record<symbol, () => Record<string, string>>)[
      Symbol.for("Jupyter.display")
    ]!;
    expect(inks(bundle.call(asked)["text/html"]!)).toEqual([THEME]);
  });

  it("is what a check result has", () => {
    const task = {
      id: "01.1",
      title: "Split",
      state: "failed",
      passed: 0,
      tests: 1,
      message: "wrong",
    } as const;
    const html = reportHtml({
      lab: "01",
      topic: "paging",
      file: "f.ts",
      problem: "stop",
      tasks: [task],
      passed: 0,
      total: 1,
    });
    expect(new Set(inks(html))).toEqual(new Set([THEME, "inherit"]));
  });

  it("is what a table has; a column without a heading is refused", () => {
    expect(inks(table([{ a: 1 }], { caption: "A table" }).html)).toEqual(["inherit", THEME].reverse());
    expect(() => table([{ "": 1 }], { caption: "A table" })).toThrow(/a column's heading must be a text/);
  });
});
