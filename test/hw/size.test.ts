import { describe, expect, it } from "vitest";
import { formatSize, parseSize } from "../../lib/hw/size.js";

describe("parseSize", () => {
  it.each([
    ["16 MiB", 2 ** 24],
    ["4096", 4096],
    ["64KiB", 65536],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["0x1000", 4096],
    [" 2 TiB ", 2 ** 41],
  ])("reads %j as %i bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it("takes a number as bytes", () => {
    expect(parseSize(12)).toBe(12);
  });

  it.each([
    ["16 MB", /unknown unit "MB"; use B, KiB, MiB, GiB or TiB/],
    ["lots", /"lots" is not a size; write it like "16 MiB"/],
    ["", /is not a size/],
    ["-1 KiB", /is not a size/],
    ["0.3 B", /not a whole number of bytes/],
    [-1, /not a whole number of bytes/],
    [Number.NaN, /not a whole number of bytes/],
  ])("refuses %j and says why", (size, message) => {
    expect(() => parseSize(size)).toThrow(message);
  });

  it("names what the size is for", () => {
    expect(() => parseSize("x", "ram")).toThrow(/^ram "x"/);
  });
});

describe("formatSize", () => {
  it.each([
    [0, "0 B"],
    [512, "512 B"],
    [4096, "4 KiB"],
    [1.5 * 2 ** 30, "1.5 GiB"],
    [2 ** 20 + 2 ** 18, "1.25 MiB"],
  ])("writes %i as %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
