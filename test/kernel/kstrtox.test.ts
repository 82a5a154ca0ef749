import { describe, expect, it } from "vitest";
import {
  intBetween,
  kstrtobool,
  kstrtoint,
  kstrtouint,
  memparse,
  procVec,
  strstrip,
  sysfsStreq,
  ulongBetween,
} from "../../lib/kernel/kstrtox.js";

const EINVAL = -22;
const ERANGE = -34;

describe("kstrtoint", () => {
  it("reads what a real kernel reads from oom_score_adj", () => {
    // Text, and what a write of it to oom_score_adj gave on Linux 6.18: the value, or the error.
    const recorded: [string, number | "EINVAL" | "ERANGE"][] = [
      ["5", 5],
      [" 7 ", 7],
      ["7 8", "EINVAL"],
      ["0x10", 16],
      ["010", 8],
      ["+6", 6],
      ["--5", "EINVAL"],
      ["1000\n", 1000],
      ["abc", "EINVAL"],
      ["", "EINVAL"],
      ["5x", "EINVAL"],
      ["99999999999999", "ERANGE"],
      ["15\n\n", 15],
      [" ", "EINVAL"],
      ["\t20\n", 20],
      ["21\0", 21],
      ["2147483648", "ERANGE"],
      ["08", "EINVAL"],
      ["0x", "EINVAL"],
      ["-0x10", -16],
    ];
    const answers = recorded.map(([text]) => {
      const { value, error } = kstrtoint(strstrip(text), 0);
      return [text, error === 0 ? value : error === EINVAL ? "EINVAL" : "ERANGE"];
    });
    expect(answers).toEqual(recorded);
    expect(kstrtoint("0x1", 10).error).toBe(EINVAL);
    expect(kstrtoint("-2147483648", 10)).toEqual({ value: -(2 ** 31), error: 0 });
  });

  it("has an unsigned relative that knows no minus", () => {
    expect(kstrtouint("4294967295", 10)).toEqual({ value: 2 ** 32 - 1, error: 0 });
    expect(kstrtouint("4294967296", 10).error).toBe(ERANGE);
    expect(kstrtouint("-1", 10).error).toBe(EINVAL);
    expect(kstrtouint("7\n", 10).value).toBe(7);
    expect(kstrtouint("7 ", 10).error).toBe(EINVAL);
  });
});

describe("kstrtobool and sysfsStreq", () => {
  it("go by the first letters, and by the whole word", () => {
    expect(["1", "y\n", "Yes", "true", "on", "ON"].map(kstrtobool)).toEqual(Array(6).fill(true));
    expect(["0", "no", "N", "false", "off", "disabled"].map(kstrtobool)).toEqual(Array(6).fill(false));
    expect(["", "2", "o", "maybe"].map(kstrtobool)).toEqual(Array(4).fill(undefined));
    expect(sysfsStreq("never\n", "never")).toBe(true);
    expect(sysfsStreq("never ", "never")).toBe(false);
    expect(sysfsStreq("never\n\n", "never")).toBe(false);
  });
});

describe("procVec", () => {
  const int = (text: string, nr = 1) => procVec(text, nr, intBetween());

  it("takes numbers apart at white space, in three bases, and leaves the rest", () => {
    expect(int("5")).toEqual({ values: [5], taken: 1, error: 0 });
    expect(int(" \t\n-0x1f \n")).toEqual({ values: [-31], taken: 10, error: 0 });
    expect(int("010").values).toEqual([8]);
    expect(int("7 8")).toEqual({ values: [7], taken: 2, error: 0 });
    expect(int("1\t2\n3", 5)).toEqual({ values: [1, 2, 3], taken: 5, error: 0 });
  });

  it("refuses what is no number, has a tail, or does not fit", () => {
    const wrong = ["", " \n", "x", "5x", "+5", "-", "5,6", "08", "0x", "5\0", "2147483648", "-2147483649"];
    expect(wrong.map((text) => int(text).error)).toEqual(wrong.map(() => EINVAL));
    expect(int("2147483647").values).toEqual([2 ** 31 - 1]);
    expect(procVec("-1", 1, ulongBetween()).error).toBe(EINVAL);
    expect(procVec("00000000000000000000000000001", 1, ulongBetween()).error).toBe(EINVAL);
    expect(procVec("3000", 1, intBetween(1, 3000)).error).toBe(0);
    expect(procVec("3001", 1, intBetween(1, 3000)).error).toBe(EINVAL);
  });

  it("keeps the numbers before a wrong one", () => {
    expect(int("1 2 x", 5)).toMatchObject({ values: [1, 2], error: EINVAL });
  });
});

describe("memparse", () => {
  it("reads a size with a unit, and says how many characters that took", () => {
    expect(memparse("64M\n")).toEqual({ bytes: 64 * 2 ** 20, length: 3 });
    expect(memparse("0x10k")).toEqual({ bytes: 16384, length: 5 });
    expect(memparse("12345")).toEqual({ bytes: 12345, length: 5 });
    expect(memparse("2gb")).toEqual({ bytes: 2 ** 31, length: 2 });
    expect(memparse(" 1M")).toEqual({ bytes: 0, length: 0 });
    expect(memparse("M")).toEqual({ bytes: 0, length: 0 });
  });
});
