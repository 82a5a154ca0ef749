import { expect, it } from "vitest";
import { withManyTimers } from "../../../lib/course/kernel/rebuild_timers.js";

/** A system with room for one timer, as tslab's; `cell()` runs it, as a new cell does. */
function oneTimer() {
  let timer: { callback: () => void } | undefined;
  return {
    system: {
      setTimeout(callback: () => void): unknown {
        if (timer !== undefined) throw new Error("there is one already");
        timer = { callback };
        return timer;
      },
      clearTimeout(which: unknown): void {
        if (which !== timer) throw new Error("not this one");
        timer = undefined;
      },
    },
    cell(): void {
      if (timer === undefined) throw new Error("nothing to do");
      timer.callback();
      timer = undefined;
    },
    isSet: () => timer !== undefined,
  };
}

it("runs all timers when a cell comes, and those that they set meanwhile", () => {
  const tslab = oneTimer();
  const { setTimeout } = withManyTimers(tslab.system);
  const ran: string[] = [];
  setTimeout(() => {
    ran.push("look again");
    setTimeout(() => ran.push("compile again"));
  });
  setTimeout(() => ran.push("compile"));
  tslab.cell();
  expect(ran).toEqual(["look again", "compile", "compile again"]);
  setTimeout(() => ran.push("next"));
  tslab.cell();
  expect(ran.at(-1)).toBe("next");
});

it("keeps going after a timer that fails, as tslab keeps its own timer then", () => {
  const tslab = oneTimer();
  const { setTimeout } = withManyTimers(tslab.system);
  const ran: string[] = [];
  setTimeout(() => {
    throw new Error("no program");
  });
  setTimeout(() => ran.push("compile"));
  expect(tslab.cell).toThrow("no program");
  setTimeout(() => ran.push("next"));
  tslab.cell();
  expect(ran).toEqual(["compile", "next"]);
});

it("takes one timer back and keeps the others; with the last one tslab's is gone", () => {
  const tslab = oneTimer();
  const { setTimeout, clearTimeout } = withManyTimers(tslab.system);
  const ran: number[] = [];
  const timers = [1, 2, 3].map((n) => setTimeout(() => ran.push(n)));
  clearTimeout(timers[1]);
  expect(tslab.isSet()).toBe(true);
  tslab.cell();
  expect(ran).toEqual([1, 3]);
  clearTimeout(setTimeout(() => ran.push(4)));
  expect(tslab.isSet()).toBe(false);
});
