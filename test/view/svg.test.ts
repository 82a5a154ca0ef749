import { describe, expect, it } from "vitest";
import { formatBytes, formatNs, formatNumber, makeScale } from "../../lib/view/scale.js";
import { escapeXml, fitText, INK, px, SERIES_COLOURS, textWidth, wrap } from "../../lib/view/svg.js";

describe("svg", () => {
  it("escapes what means something in XML, and makes control characters visible", () => {
    expect(escapeXml(`<a href="x">&'\u0000\n`)).toBe("&lt;a href=&quot;x&quot;&gt;&amp;&#39;\uFFFD ");
  });

  it("writes coordinates short and never as -0", () => {
    expect([px(1 / 3), px(-0), px(-0.001), px(12)]).toEqual(["0.33", "0", "0", "12"]);
  });

  it("cuts a text that does not fit, and leaves one that does", () => {
    expect(fitText("short", 200)).toBe("short");
    const cut = fitText("a rather long name of a mapping", 100);
    expect(cut.endsWith("…")).toBe(true);
    expect(textWidth(cut)).toBeLessThanOrEqual(100);
  });

  it("breaks lines between words", () => {
    expect(wrap("one two three", textWidth("one two "))).toEqual(["one two", "three"]);
  });
});

/** WCAG contrast ratio of two colours such as "#1B1F24". */
function contrast(a: string, b: string): number {
  const luminance = (colour: string) => {
    const part = (i: number) => {
      const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
  };
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

describe("colours", () => {
  it("have enough contrast to be read and seen on the card", () => {
    for (const ink of [INK.text, INK.faint]) expect(contrast(ink, INK.card)).toBeGreaterThan(7);
    expect(contrast(INK.alarm, INK.card)).toBeGreaterThan(4.5);
    expect(contrast(SERIES_COLOURS[0]!, INK.card)).toBeGreaterThan(4.5);
    for (const colour of SERIES_COLOURS) expect(contrast(colour, INK.card)).toBeGreaterThan(2);
    expect(new Set(SERIES_COLOURS).size).toBe(8);
  });
});

describe("scale", () => {
  it("starts at zero and ends on a whole tick", () => {
    const scale = makeScale({ label: "y", unit: "" }, [3, 47], 0, 100, 6);
    expect(scale.domain).toEqual([0, 50]);
    expect(scale.ticks).toEqual([0, 10, 20, 30, 40, 50]);
    expect([scale.at(0), scale.at(25), scale.at(50)]).toEqual([0, 50, 100]);
  });

  it("takes steps of powers of two for bytes", () => {
    const scale = makeScale({ label: "y", unit: "bytes", format: "bytes" }, [0, 100_000], 0, 1, 6);
    expect(scale.ticks.map((t) => scale.format(t))).toEqual(["0 B", "32 KiB", "64 KiB", "96 KiB", "128 KiB"]);
  });

  it("keeps large addresses exact", () => {
    const scale = makeScale(
      { label: "a", unit: "", format: "hex" },
      [0x5555_0000_0000, 0x5555_0040_0000],
      0,
      1,
      6,
    );
    expect(scale.format(scale.ticks[0]!)).toBe("0x555500000000");
  });

  it("shows one value, or equal values, without dividing by zero", () => {
    for (const value of [0, 7, -7])
      expect(makeScale({ label: "y", unit: "" }, [value], 0, 100, 6).at(value)).not.toBeNaN();
    expect(makeScale({ label: "y", unit: "", scale: "log2" }, [8], 0, 100, 6).domain).toEqual([8, 16]);
  });

  it.each([
    [formatNumber(1234567.891), "1,234,567.891"],
    [formatNumber(1024), "1,024"],
    [formatNumber(-0.5), "-0.5"],
    [formatNumber(0.00001), "1e-5"],
    [formatNumber(-0), "0"],
    [formatNumber(100), "100"],
    [formatBytes(1536), "1.5 KiB"],
    [formatBytes(2 ** 40 - 1), "1 TiB"],
    [formatNs(999), "999 ns"],
    [formatNs(2_500_000), "2.5 ms"],
  ])("writes %s as it should", (got, expected) => {
    expect(got).toBe(expected);
  });
});
