import { describe, expect, it } from "vitest";
import type { Figure } from "../../lib/view/figure.js";
import { plot } from "../../lib/view/plot.js";
import { JUPYTER_DISPLAY } from "../../lib/view/show.js";
import { expectWellFormed } from "./xml.js";

const figure: Figure = {
  title: "Hit rate",
  x: { label: "working set", unit: "KiB" },
  y: { label: "hit rate", unit: "%", range: [0, 100] },
  alt: "The hit rate falls from 100 % to 0 %.",
  series: [{ kind: "line", name: "64 entries", x: [0, 50, 100], y: [100, 50, 0] }],
};

/** Centres of the circles of the first series. */
function circles(svg: string): [number, number][] {
  return [...svg.matchAll(/<circle cx="([\d.-]+)" cy="([\d.-]+)"/g)].map((m) => [Number(m[1]), Number(m[2])]);
}

/** Start and end of the horizontal axis line, and its height. */
function plane(svg: string): { left: number; right: number; top: number; bottom: number } {
  const [, x, y, w, h] =
    /<clipPath id="plane"><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/.exec(svg)!;
  const [left, top] = [Number(x) + 6, Number(y) + 6];
  return { left, top, right: left + Number(w) - 12, bottom: top + Number(h) - 12 };
}

describe("plot", () => {
  it("puts values on the pixel that a linear axis gives them", () => {
    const { svg } = plot(figure);
    const p = plane(svg);
    const dots = circles(svg);
    expect(dots[0]).toEqual([expect.closeTo(p.left, 1), expect.closeTo(p.top, 1)]);
    expect(dots[1]).toEqual([
      expect.closeTo((p.left + p.right) / 2, 1),
      expect.closeTo((p.top + p.bottom) / 2, 1),
    ]);
    expect(dots[2]).toEqual([expect.closeTo(p.right, 1), expect.closeTo(p.bottom, 1)]);
  });

  it("spaces equal factors equally on a logarithmic axis", () => {
    const log: Figure = {
      ...figure,
      x: { ...figure.x, scale: "log2" },
      series: [{ kind: "points", name: "s", x: [1, 4, 16], y: [10, 20, 30] }],
    };
    const [a, b, c] = circles(plot(log).svg);
    expect(b![0] - a![0]).toBeCloseTo(c![0] - b![0], 1);
  });

  it("stands bars on zero, with heights in proportion to their values", () => {
    const bars: Figure = {
      ...figure,
      y: { label: "frames", unit: "pages" },
      series: [{ kind: "bars", name: "frames", x: ["a", "b"], y: [10, 40] }],
    };
    const { svg } = plot(bars);
    const drawn = [
      ...svg.matchAll(/<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="#0072B2"/g),
    ];
    const [low, high] = drawn.map((m) => ({ y: Number(m[1]), height: Number(m[2]) }));
    expect(high!.height / low!.height).toBeCloseTo(4, 1);
    expect(low!.y + low!.height).toBeCloseTo(high!.y + high!.height, 1);
    expect(low!.y + low!.height).toBeCloseTo(plane(svg).bottom, 1);
  });

  it("stacks bars on each other", () => {
    const bars: Figure = {
      ...figure,
      bars: "stacked",
      y: { label: "frames", unit: "pages" },
      series: [
        { kind: "bars", name: "one", x: ["a"], y: [10] },
        { kind: "bars", name: "two", x: ["a"], y: [30] },
      ],
    };
    const { svg } = plot(bars);
    const rect = (fill: string) => {
      const all = [
        ...svg.matchAll(/<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="([^"]+)"/g),
      ];
      const m = all.filter((r) => r[3] === fill).pop()!;
      return { top: Number(m[1]), bottom: Number(m[1]) + Number(m[2]) };
    };
    expect(rect("#D55E00").bottom).toBeCloseTo(rect("#0072B2").top, 1);
  });

  it("colours the cells of a heat map from dark (least) to light (most)", () => {
    const heat: Figure = {
      ...figure,
      y: { label: "way", unit: "" },
      series: [{ kind: "heat", name: "hits", x: ["0", "1"], y: ["a"], z: [[0, 9]] }],
    };
    const { svg } = plot(heat);
    const dark = svg.indexOf('fill="#00224e"', svg.indexOf("<defs>"));
    expect(dark).toBeGreaterThan(0);
    expect(svg.indexOf('fill="#fee838"', dark)).toBeGreaterThan(dark);
  });

  it("keeps every spike of a long line although it thins the line out", () => {
    const y = Array.from({ length: 20_000 }, (_, i) => (i === 12_345 ? 100 : 1));
    const long: Figure = { ...figure, series: [{ kind: "line", name: "s", x: y.map((_, i) => i), y }] };
    const { svg } = plot(long);
    const top = plane(svg).top;
    const heights = [
      .../d="(M[^"]+)" fill="none" stroke="#0072B2"/.exec(svg)![1]!.matchAll(/L[\d.]+ ([\d.]+)/g),
    ];
    expect(Math.min(...heights.map((m) => Number(m[1])))).toBeCloseTo(top, 1);
    expect(svg.length).toBeLessThan(60_000);
  });

  it("leaves a gap where a value is missing", () => {
    const gap: Figure = {
      ...figure,
      series: [{ kind: "line", name: "s", x: [1, 2, 3, 4, 5], y: [1, 2, null, 4, 5] }],
    };
    expect(/d="(M[^"]+)" fill="none" stroke="#0072B2"/.exec(plot(gap).svg)![1]!.match(/M/g)).toHaveLength(2);
  });

  it("is one HTML output with the alt text on the picture and everything escaped", () => {
    const tricky: Figure = {
      ...figure,
      title: 'a < b & "c" </script>',
      alt: 'less < than & "quote"',
      series: [{ ...figure.series[0]!, name: "</script><script>alert(1)</script>" } as Figure["series"][0]],
    };
    const p = plot(tricky);
    const html = p[JUPYTER_DISPLAY]()["text/html"]!;
    expect(html).toContain('alt="less &lt; than &amp; &quot;quote&quot;"');
    expect(html.match(/<\/script>/g)).toHaveLength(1);
    expect(html.match(/<script>/g)).toHaveLength(1);
    expectWellFormed(p.svg);
    expect(p.svg).toContain("a &lt; b &amp; &quot;c&quot;");
  });

  it("hands plotly the same domain as the static picture", () => {
    const p = plot({
      ...figure,
      x: { ...figure.x, scale: "log10" },
      series: [{ kind: "line", name: "s", x: [1, 1000], y: [5, 95] }],
    });
    const json = /\}\)\((\{"id".*\})\);<\/script>/.exec(p.html)![1]!;
    const live = JSON.parse(json) as {
      layout: { xaxis: { range: number[]; type: string }; yaxis: { range: number[] } };
    };
    expect(live.layout.xaxis).toMatchObject({
      type: "log",
      range: [expect.closeTo(0, 4), expect.closeTo(3, 4)],
    });
    expect(live.layout.yaxis.range).toEqual([expect.closeTo(0, 3), expect.closeTo(100, 3)]);
  });

  it("has a script that JavaScript can read", () => {
    const script = /<script>([\s\S]*)<\/script>/.exec(plot(figure).html)![1]!;
    expect(() => new Function(script)).not.toThrow();
  });

  it("gives equal bytes for equal figures", () => {
    expect(plot(structuredClone(figure)).html).toBe(plot(figure).html);
  });

  it("weighs little", () => {
    expect(plot(figure).html.length).toBeLessThan(15_000);
  });

  it("has a text form with the values", () => {
    expect(plot({ ...figure, marks: [{ x: 64, label: "reach" }] }).toString()).toBe(
      [
        "Figure: Hit rate",
        "  across: working set (KiB)",
        "  up:     hit rate (%)",
        "  64 entries: 0 -> 100, 50 -> 50, 100 -> 0",
        "  mark across at 64: reach",
        "  The hit rate falls from 100 % to 0 %.",
      ].join("\n"),
    );
  });
});

describe("checkFigure", () => {
  const without = (key: keyof Figure) => ({ ...figure, [key]: undefined }) as unknown as Figure;

  it.each([
    [without("title"), /figure\.title must be a text/],
    [without("alt"), /figure\.alt must be a text, one sentence/],
    [without("x"), /figure\.x must be an axis/],
    [
      { ...figure, y: { label: "hits" } } as unknown as Figure,
      /figure\.y\.unit must be a text such as "KiB"/,
    ],
    [{ ...figure, y: { unit: "%" } } as unknown as Figure, /figure\.y\.label must be a text/],
    [{ ...figure, series: [] }, /at least one series/],
    [
      { ...figure, series: [{ kind: "line", name: "s", x: [1], y: [Number.NaN] }] } as Figure,
      /y\[0\] must be a finite number; got NaN/,
    ],
    [
      { ...figure, series: [{ kind: "pie", name: "s" }] } as unknown as Figure,
      /kind must be one of line, points, bars, heat; got pie/,
    ],
  ])("says with a TypeError what is missing or wrong (%#)", (broken, message) => {
    expect(() => plot(broken)).toThrow(TypeError);
    expect(() => plot(broken)).toThrow(message);
  });

  it.each([
    [
      { ...figure, series: [{ kind: "line", name: "s", x: [1, 2], y: [1] }] } as Figure,
      /has 2 values of x but 1 of y/,
    ],
    [
      { ...figure, x: { ...figure.x, scale: "log2" } } as Figure,
      /x\[0\] is 0; a logarithmic axis takes values above 0 only/,
    ],
    [{ ...figure, width: 5 }, /figure\.width must be 200 to 2000 pixels; got 5/],
    [{ ...figure, y: { ...figure.y, range: [5, 5] } } as Figure, /must be \[smaller, larger\]; got \[5, 5\]/],
    [{ ...figure, series: Array(9).fill(figure.series[0]) } as Figure, /has 9 series; at most 8/],
    [
      {
        ...figure,
        series: [{ kind: "line", name: "s", x: Array(20_001).fill(1), y: Array(20_001).fill(1) }],
      } as Figure,
      /has 20001 values; the limit is 20000/,
    ],
  ])("says with a RangeError which limit is passed (%#)", (broken, message) => {
    expect(() => plot(broken)).toThrow(RangeError);
    expect(() => plot(broken)).toThrow(message);
  });
});
