/**
 * `pagewalk hint 01.3`: a hint for an exercise, one more at each call.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { type CommandRun, UsageError } from "../cli.js";
import { hint } from "../exercises/hint.js";
import { understood } from "./understood.js";

export const run: CommandRun = async ([wanted, ...more]) => {
  if (!wanted || more.length > 0) throw new UsageError("name one exercise");
  console.log(understood(() => hint(wanted)).text.replaceAll("`", ""));
  return 0;
};
