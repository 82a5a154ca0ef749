/**
 * `pagewalk hint 01.3`: a hint for an exercise, one more at each call.
 *
 * Not in Linux: part of the course, not of the machine.
 */

import type { CommandRun } from "../command.js";
import { hint } from "../exercises/hint.js";
import { understood } from "./understood.js";

export const run: CommandRun = async ({ words: [wanted] }) => {
  console.log(understood(() => hint(wanted!)).text.replaceAll("`", ""));
  return 0;
};
