/**
 * `pagewalk reset 01.3`: puts an exercise back to how it was handed out; `pagewalk reset 01` all of the lab.
 *
 * Not in Linux: part of the course, not of the machine.
 */

import type { CommandRun } from "../command.js";
import { reset } from "../exercises/reset.js";
import { understood } from "./understood.js";

export const run: CommandRun = async ({ words: [wanted] }) => {
  console.log(understood(() => reset(wanted!)).text.replaceAll("`", ""));
  return 0;
};
