/**
 * How a grader's checks speak and wait for each other.
 *
 *     const { remember, atLast } = gradedTasks();
 *
 *     it("splits a kernel address", () => remember("01.1", "the upper bits are copies", () => expectSame(...)));
 *     it("agrees on random ones", () => atLast("01.1", () => expectSameRuns(...)));
 *
 *   remember   a short check; when it fails, its sentence stands in front of what it found, and the task is failing
 *   atLast     a long check; while its task is failing it is not run, it would only take time
 *
 * What fails is kept by each grader for itself: one process grades many submissions, and loads this file once
 * for all.
 *
 * Read first: expect.ts, difference.ts.
 */

import { DifferenceError } from "./difference.js";

/** The checks of one grader, and which of its tasks are failing. */
interface GradedTasks {
  /** Runs a check of `task`; what it finds is told with `because` in front. */
  remember(task: string, because: string, check: () => void): void;
  /** A long check of `task` that waits until the short ones before it pass. */
  atLast(task: string, check: () => void): void;
  /** Says that `task` is failing, for a check that throws an error of its own. */
  fails(task: string): void;
}

/** New checks, of which none has failed. Not in Linux: a helper of the course. */
export function gradedTasks(): GradedTasks {
  const failing = new Set<string>();
  return {
    remember: (task, because, check) => {
      try {
        check();
      } catch (error) {
        failing.add(task);
        throw error instanceof DifferenceError
          ? new DifferenceError(`Remember: ${because}.\n${error.message}`, error.got, error.wanted)
          : error;
      }
    },
    atLast: (task, check) => {
      if (failing.has(task)) throw new DifferenceError("Not tried while a check before it fails.");
      check();
    },
    fails: (task) => {
      failing.add(task);
    },
  };
}
