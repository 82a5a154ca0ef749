/** Messages and values of any size and shape, on their way into a report. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectSame } from "../../../lib/course/grading/expect.js";
import { errorInfo, oneLine, readable } from "../../../lib/course/grading/texts.js";
import { asValue, isSmall } from "../../../lib/course/grading/values.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be shown
const CONTROL = /[\0-\x09\x0b-\x1f\x7f-\x9f]/;

describe("a text for a report", () => {
  it("is cut, and says how much is gone", () => {
    expect(readable("short\ntext")).toBe("short\ntext");
    expect(readable("x".repeat(100_000))).toMatch(
      /^x{500}\.\.\. \(5500 more characters\)\n\.\.\. \(94000 more characters\)$/,
    );
    expect(readable("a line\n".repeat(50_000)).split("\n")).toHaveLength(101);
    expect(oneLine("y".repeat(5000), 80)).toBe(`${"y".repeat(80)}... (4920 more characters)`);
  });

  it("has no colours, no links and no other control characters", () => {
    expect(readable("\x1b[1;31mred\x1b[0m \u009b32mgreen\x1b]8;;http://x\x07link\x1b]8;;\x07")).toBe(
      "red greenlink",
    );
    expect(readable("\x07\r\x00\u202e\ttab")).toBe("\\x07\\x0d\\x00\\u202e  tab");
  });

  it("is the same when it is made readable twice", () => {
    const text = fc.array(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("x".repeat(900), "\x1b[31m", "\n".repeat(99))),
    );
    fc.assert(
      fc.property(text, (parts) => {
        const once = readable(parts.join(""));
        expect(once).not.toMatch(CONTROL);
        expect(once.length).toBeLessThan(40_000);
        expect(readable(once).length).toBeLessThanOrEqual(once.length + 80);
      }),
      { seed: 1 },
    );
  });
});

describe("what was thrown", () => {
  it("keeps its frames, wherever the message ends", () => {
    const error = new Error(`${"at x (y:1:1)\n".repeat(10_000)}end`);
    const { message, stack } = errorInfo(error);
    expect(message.length).toBeLessThan(7000);
    expect(stack).toMatch(/^\n\s+at .*texts\.test\.ts/);
    expect(stack.length).toBeLessThan(20_001);
  });

  it("may be anything, and may misbehave", () => {
    const trap = {
      get message(): string {
        throw new Error("inside");
      },
      toString(): string {
        throw new Error("inside");
      },
    };
    expect(errorInfo(trap).message).toBe("something that cannot be written as text");
    for (const thrown of [undefined, null, 7, "text", Symbol("s"), {}, Object.create(null), () => 1]) {
      const { name, message, stack } = errorInfo(thrown);
      expect([typeof name, typeof message, typeof stack]).toEqual(["string", "string", "string"]);
    }
    expect(errorInfo(Object.assign(new Error("m"), { name: "N".repeat(1000) })).name.length).toBeLessThan(
      120,
    );
  });
});

describe("a value for a report", () => {
  const huge = {
    list: Array.from({ length: 1_000_000 }, (_, i) => i),
    bytes: new Uint8Array(10_000_000),
    map: new Map(Array.from({ length: 100_000 }, (_, i) => [i, i])),
    set: new Set(Array.from({ length: 100_000 }, (_, i) => i)),
    object: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i])),
    text: "x".repeat(1_000_000),
    bigint: 16n ** 100_000n,
    symbol: Symbol("x".repeat(100_000)),
    error: new Error("x".repeat(100_000)),
    key: { ["k".repeat(100_000)]: 1 },
    view: new DataView(new ArrayBuffer(100_000)),
  };

  it.each(Object.entries(huge))("is cut before it is written: a huge %s", (_what, value) => {
    expect(asValue(value).length).toBeLessThan(3000);
    expect(() => expectSame(value, 6)).toThrow("The result is wrong.");
    expect(() => expectSame(6, value)).toThrow("The result is wrong.");
  });

  it("is cut where it is deep, wide at every level, or contains itself", () => {
    const wide = (depth: number): unknown =>
      depth === 0 ? 1 : Array.from({ length: 20 }, () => wide(depth - 1));
    expect(asValue(wide(4)).length).toBeLessThan(20_000);
    const self: Record<string, unknown> = {};
    Object.assign(self, { self, list: [self, self] });
    const deep: Record<string, unknown> = {};
    for (let at = deep, nr = 0; nr < 100_000; nr++) at = at.in = {};
    for (const value of [self, deep]) {
      expect(asValue(value).length).toBeLessThan(3000);
      expect(() => expectSame(value, { in: 1 })).toThrow("The result is wrong");
      expect(() => expectSame({ in: 1 }, value)).toThrow("The result is wrong");
    }
  });

  it("says how many are left out", () => {
    expect(asValue(huge.list)).toMatch(/, \.\.\. 999976 more\s*\]$|\.\.\. 999976 more\n\]$/);
    expect(asValue(huge.map)).toContain("... 99976 more");
    expect(asValue([1, [2, { a: "x" }], new Set([3])])).toBe('[ 1, [ 2, { a: "x" } ], Set { 3 } ]');
  });

  it("is small when everybody may look through it", () => {
    expect([1, "x", null, [1, { a: new Map([[1, 2]]) }], new Uint8Array(9)].map(isSmall)).not.toContain(
      false,
    );
    expect(
      Object.values(huge)
        .filter((value) => typeof value === "object" && !(value instanceof Error))
        .map(isSmall),
    ).not.toContain(true);
  });
});
