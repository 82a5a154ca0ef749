import { describe, expect, it } from "vitest";
import { DifferenceError } from "../../../lib/course/grading/difference.js";
import { gradedTasks } from "../../../lib/course/grading/remember.js";

const wrong = () => {
  throw new DifferenceError("It is 1.", "1", "2");
};

describe("the checks of a grader", () => {
  it("tell what is at stake in front of what they found", () => {
    const { remember } = gradedTasks();
    expect(() => remember("01.1", "pages have 4096 bytes", wrong)).toThrow(
      "Remember: pages have 4096 bytes.\nIt is 1.",
    );
  });

  it("leave other errors as they are", () => {
    const error = new RangeError("too far");
    const fail = () => {
      throw error;
    };
    expect(() => gradedTasks().remember("01.1", "pages have 4096 bytes", fail)).toThrow(error);
  });

  it("do not run a long check while its task is failing, and run those of other tasks", () => {
    const { remember, atLast, fails } = gradedTasks();
    expect(() => remember("01.1", "pages have 4096 bytes", wrong)).toThrow();
    fails("01.3");
    const ran: string[] = [];
    expect(() => atLast("01.1", () => ran.push("01.1"))).toThrow("Not tried");
    expect(() => atLast("01.3", () => ran.push("01.3"))).toThrow("Not tried");
    atLast("01.2", () => ran.push("01.2"));
    expect(ran).toEqual(["01.2"]);
  });

  it("keep what failed apart from another grader's", () => {
    gradedTasks().fails("01.1");
    let ran = false;
    gradedTasks().atLast("01.1", () => {
      ran = true;
    });
    expect(ran).toBe(true);
  });
});
