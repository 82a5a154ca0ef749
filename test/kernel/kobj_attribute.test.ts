import { describe, expect, it } from "vitest";
import { boot } from "../../lib/index.js";
import { fixed, flag, number, words } from "../../lib/kernel/kobj_attribute.js";

const { sys } = boot({ ram: "16 MiB" }).kernel;

describe("a file of /sys with one value", () => {
  it("keeps a word, and shows the one that holds in brackets", () => {
    const file = words("a/b", "red green", "green", "nothing at all");
    expect(file.show(sys)).toBe("red [green]");
    expect([file.store(sys, "red\n"), file.show(sys), file.store(sys, "blue"), file.show(sys)]).toEqual([
      0,
      "[red] green",
      -22,
      "[red] green",
    ]);
  });

  it("keeps a number within its range, or puts it where it is told to", () => {
    let place = "5";
    const at = {
      get: () => place,
      set(_sys: unknown, text: string) {
        place = text;
      },
    };
    const file = number("a/c", at, "nothing at all", { min: 2, max: 9 });
    expect([file.store(sys, "1"), file.store(sys, "10"), file.store(sys, "x"), file.show(sys)]).toEqual([
      -22,
      -22,
      -22,
      "5",
    ]);
    expect([file.store(sys, "9"), file.show(sys), place, sys.kernelMm.has("a/c")]).toEqual([
      0,
      "9",
      "9",
      false,
    ]);
  });

  it("keeps yes or no, or can only be read", () => {
    const file = flag("a/d", "0", "nothing at all");
    expect([file.store(sys, "on"), file.show(sys), file.store(sys, "maybe")]).toEqual([0, "1", -22]);
    const constant = fixed("a/e", ({ totalramPages }) => String(totalramPages > 0), "nothing at all");
    expect([constant.show(sys), constant.mode, constant.store(sys, "1")]).toEqual(["true", 0o444, -22]);
  });
});
