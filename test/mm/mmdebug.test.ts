import { describe, expect, it } from "vitest";
import { outOfSteps, STEP_BUDGET, VmBug, vmBugOn } from "../../lib/mm/mmdebug.js";

describe("vmBugOn", () => {
  it("throws what is wrong when the condition holds, else does nothing", () => {
    expect(() => vmBugOn(true, "two and two are five")).toThrow(new VmBug("two and two are five"));
    expect(() => vmBugOn(false, "two and two are four")).not.toThrow();
  });
});

describe("VmBug", () => {
  it("says that the kernel is to blame, and can be told from other errors", () => {
    const bug = new VmBug("a frame is lost");
    expect([bug.name, bug.message]).toEqual(["VmBug", "kernel BUG: a frame is lost"]);
    expect(bug).toBeInstanceOf(Error);
    expect(new RangeError("7")).not.toBeInstanceOf(VmBug);
  });
});

describe("outOfSteps", () => {
  it("names the step and how often it was tried", () => {
    const bug = outOfSteps("the fault at 1000");
    expect(bug).toBeInstanceOf(VmBug);
    expect(bug.message).toBe(
      `kernel BUG: the fault at 1000 was repeated ${STEP_BUDGET} times and has got nowhere`,
    );
  });
});
