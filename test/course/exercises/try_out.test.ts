import { describe, expect, it } from "vitest";
import { NotWrittenYet } from "../../../lib/course/exercises/not_written_yet.js";
import { tryOut } from "../../../lib/course/exercises/try_out.js";

describe("tryOut", () => {
  it("gives what the code gives", () => {
    expect(tryOut(() => 42)).toBe(42);
  });

  it("says which exercise is not written yet", () => {
    const note = tryOut(() => {
      throw new NotWrittenYet("01.3");
    });
    expect(String(note)).toContain("Exercise 01.3 is not written yet");
  });

  it("lets every other error through", () => {
    expect(() => tryOut(() => ["x"].at(0)!.repeat(-1))).toThrow(RangeError);
  });
});
