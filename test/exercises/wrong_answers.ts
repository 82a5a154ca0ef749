import { existsSync } from "node:fs";
import type { Lab } from "../../lib/course/exercises/labs.js";
import type { WrongAnswer } from "../../lib/course/grading/wrong.js";

/** The list that a lab's file in test/exercises/wrong/ exports; empty where there is no such file. */
export async function wrongAnswersOf(lab: Lab): Promise<WrongAnswer[]> {
  if (!existsSync(lab.wrong)) return [];
  const exported = Object.values((await import(lab.wrong)) as Record<string, unknown>);
  return (exported.find(Array.isArray) ?? []) as WrongAnswer[];
}
