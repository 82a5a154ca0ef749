/**
 * `pagewalk exercises cut`: writes `exercises/` from `solutions/`; `pagewalk exercises check` tells whether they match.
 * A file in `exercises/` that a learner has worked on is replaced by the cut, so this is for instructors.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { type CommandRun, UsageError } from "../cli.js";
import { outdatedLabs, writeCuts } from "../exercises/cut.js";

export const run: CommandRun = async ([what, ...more]) => {
  if (more.length > 0 || (what !== "cut" && what !== "check")) throw new UsageError("cut or check?");
  const labs = what === "cut" ? writeCuts() : outdatedLabs();
  const says = what === "cut" ? "written" : "differs from what solutions/ gives";
  for (const { name } of labs) console.log(`exercises/${name}.ts ${says}`);
  if (labs.length === 0) console.log("exercises/ is what solutions/ gives");
  return what === "check" && labs.length > 0 ? 1 : 0;
};
