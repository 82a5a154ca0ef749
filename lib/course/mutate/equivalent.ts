/**
 * Equivalent mutants: changes of a solution that are no mistakes, each with the reason why nothing can show a
 * difference.
 *
 *     export const equivalent: Equivalent[] = [
 *       {
 *         because: "an address is never negative, so both divisions round the same way",
 *         mutants: ["03.5 relative: const first = [Math.floor => Math.trunc](start / PAGE_SIZE);"],
 *       },
 *     ];
 *
 * They stand in test/exercises/equivalent/NN-topic.ts. An id that names no mutant, or one that dies, is an
 * error: the list says what is true today.
 *
 * Not in Linux: a tool of the course.
 */

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Lab } from "../exercises/labs.js";
import { evaluated } from "./trial.js";

/** Mutants that are as good as the solution, for one reason. */
export interface Equivalent {
  because: string;
  mutants: string[];
}

/**
 * The reason of each mutant that a lab's list names. Throws where one is named twice. Not in Linux: a tool of
 * the course.
 */
export function equivalentsOf(lab: Lab): Map<string, string> {
  const file = join(dirname(lab.grader), "equivalent", basename(lab.master));
  const reasons = new Map<string, string>();
  if (!existsSync(file)) return reasons;
  const { equivalent } = evaluated(readFileSync(file, "utf8")) as { equivalent: Equivalent[] };
  for (const { because, mutants } of equivalent)
    for (const id of mutants) {
      if (reasons.has(id)) throw new RangeError(`${file} names a mutant twice: ${id}`);
      reasons.set(id, because);
    }
  return reasons;
}
