import { describe, expect, it } from "vitest";
import { checkOptions, nearestName, valueText } from "../../lib/hw/options.js";

interface Colours {
  readonly red?: number;
  readonly shared?: boolean;
}
const names = ["red", "shared"] as const;
const check = (options: unknown) => checkOptions<Colours>("paint", options as Colours, names);

describe("checkOptions", () => {
  it("lets known names through, and none at all", () => {
    expect(check({ red: 1 })).toEqual({ red: 1 });
    expect(check({})).toEqual({});
  });

  it("refuses a name that does not exist, and says which was meant", () => {
    expect(() => check({ share: true })).toThrow(
      new RangeError('paint has no option "share"; did you mean "shared"? it has red, shared'),
    );
    expect(() => check({ wonderful: 1 })).toThrow('paint has no option "wonderful"; it has red, shared');
  });

  it("takes an object and nothing else", () => {
    for (const wrong of [null, 5, "red", [1], true])
      expect(() => check(wrong)).toThrow(
        /^paint takes its options as an object such as \{ red: \.\.\. \}, not /,
      );
  });
});

describe("nearestName", () => {
  it("finds two changed letters, not another word", () => {
    expect(nearestName("offest", ["offset", "shared"])).toBe("offset");
    expect(nearestName("colour", ["offset", "shared"])).toBeUndefined();
  });
});

describe("valueText", () => {
  it("names any value in a few words", () => {
    expect(valueText(7)).toBe("7");
    expect(valueText(null)).toBe("null");
    expect(valueText("x".repeat(100))).toHaveLength(41);
    expect(valueText({ a: 1 })).toBe("an object with a");
    expect(valueText(Symbol("s"))).toBe("Symbol(s)");
    expect(valueText(Object.create(null))).toBe("an empty object");
  });
});
