/**
 * Writes `exercises/` from `solutions/`, and tells where the two do not match.
 */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { writeWhole } from "../files.js";
import { allLabs, type Lab } from "./labs.js";
import { cutExercises } from "./master.js";

/** What the exercise file of `lab` must be. Not in Linux: a helper of the course. */
export function cutOf(lab: Lab): string {
  return cutExercises(readFileSync(lab.master, "utf8"), `solutions/${lab.name}.ts`);
}

/**
 * The labs whose exercise file is missing or is not what the master gives.
 * Not in Linux: a helper of the course.
 */
export function outdatedLabs(root?: string): Lab[] {
  return allLabs(root).filter(
    (lab) => !existsSync(lab.exercises) || readFileSync(lab.exercises, "utf8") !== cutOf(lab),
  );
}

/**
 * Writes the exercise files that differ from their masters; returns those labs.
 * Not in Linux: a helper of the course.
 */
export function writeCuts(root?: string): Lab[] {
  const outdated = outdatedLabs(root);
  for (const lab of outdated) {
    mkdirSync(dirname(lab.exercises), { recursive: true });
    writeWhole(lab.exercises, cutOf(lab));
  }
  return outdated;
}
