import { describe, expect, it } from "vitest";
import { JUPYTER_DISPLAY } from "../../lib/view/show.js";
import { table } from "../../lib/view/table.js";
import { expectWellFormed } from "./xml.js";

const rows = [
  { level: "PML4", index: 3, entry: 0x1067 },
  { level: "PT", index: 510, entry: 0 },
];

describe("table", () => {
  it("aligns its columns in text, numbers to the right", () => {
    expect(table(rows, { caption: "Walk" }).toString()).toBe(
      [
        "Walk",
        "level | index | entry",
        "------+-------+------",
        "PML4  |     3 | 4,199",
        "PT    |   510 |     0",
      ].join("\n"),
    );
  });

  it("writes columns the way they ask for, marks rows and adds a note", () => {
    const t = table(rows, {
      caption: "Walk",
      columns: ["level", { key: "entry", label: "the entry", format: "hex" }],
      highlight: (row) => row.entry === 0,
      note: "The last entry is empty.",
    });
    expect(t.toString()).toBe(
      [
        "Walk",
        "  level | the entry",
        "  ------+----------",
        "  PML4  |    0x1067",
        "> PT    |       0x0",
        "The last entry is empty.",
      ].join("\n"),
    );
  });

  it.each([
    ["bytes", 65536, "64 KiB"],
    ["ns", 1500, "1.5 µs"],
    ["percent", 0.125, "12.5 %"],
    ["plain", 1234567, "1234567"],
    ["number", 1234567.5, "1,234,567.5"],
    [undefined, 2n ** 63n, "9223372036854775808"],
    [undefined, true, "yes"],
    [undefined, null, ""],
  ] as const)("writes %s %s as %s", (format, value, text) => {
    const t = table([{ value, end: "|" }], { caption: "c", columns: [{ key: "value", format }, "end"] });
    expect(t.toString().split("\n")[3]!.split("|")[0]!.trim()).toBe(text);
  });

  it("is well-formed HTML with a caption and column headers, everything escaped", () => {
    const t = table([{ "a<b": '<script>"&"' }], { caption: "x < y & z", note: "<i>" });
    const { "text/html": html } = t[JUPYTER_DISPLAY]();
    expectWellFormed(html!);
    expect(html).toContain("x &lt; y &amp; z</caption>");
    expect(html).toContain('<th scope="col"');
    expect(html).not.toContain("<script>");
  });

  it("shows an empty table as its headings", () => {
    expect(table([], { caption: "None", columns: ["pid"] }).toString()).toBe("None\npid\n---");
  });

  it("refuses a table without a caption, with a column that no row has, and with too many rows", () => {
    expect(() => table(rows, {} as never)).toThrow(/table's caption must be a text/);
    expect(() => table(rows, { caption: "c", columns: ["pfn"] })).toThrow(
      /no row with "pfn"; its rows have level, index, entry/,
    );
    expect(() => table(Array(2001).fill({ a: 1 }), { caption: "c" })).toThrow(/at most 2000 rows; got 2001/);
  });
});
