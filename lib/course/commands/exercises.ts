/**
 * `pagewalk exercises cut`: writes `exercises/` from `solutions/`; `pagewalk exercises check` tells whether
 * they match. A file in `exercises/` that a learner has worked on is replaced by the cut, so this is for
 * instructors.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { outdatedLabs, writeCuts } from "../exercises/cut.js";

/** Writes or compares; the exit status. Not in Linux: a helper of the course. */
export function exercises(what: "cut" | "check"): number {
  const labs = what === "cut" ? writeCuts() : outdatedLabs();
  const says = what === "cut" ? "written" : "differs from what solutions/ gives";
  for (const { name } of labs) console.log(`exercises/${name}.ts ${says}`);
  if (labs.length === 0) console.log("exercises/ is what solutions/ gives");
  return what === "check" && labs.length > 0 ? 1 : 0;
}
