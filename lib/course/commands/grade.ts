/**
 * `pagewalk grade [01[.2]...] [--solutions | --file FILE] [--json]`: runs the graders.
 * Exit status 0 when every exercise that was graded passed, 1 when not, 2 when the command was not
 * understood.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { resolve } from "node:path";
import type { CommandRun } from "../command.js";
import { allLabs, findLab, type Lab } from "../exercises/labs.js";
import { readInput } from "../files.js";
import { gradeLab } from "../grading/check.js";
import { allPassed, type GradeReport, reportText } from "../grading/report.js";
import type { Arguments } from "./arguments.js";
import { UsageError } from "./errors.js";
import { understood } from "./understood.js";

export const run: CommandRun = async (args) => {
  const file = fileOf(args);
  const groups = groupByLab(args.words);
  if (file !== undefined && groups.length !== 1)
    throw new UsageError("--file needs the lab that it belongs to: pagewalk grade 01 --file FILE");
  const reports: GradeReport[] = [];
  for (const { lab, tasks } of groups) {
    const path = file ?? (args.has("--solutions") ? lab.master : lab.exercises);
    const text = understood(() => readInput(path));
    reports.push(await gradeLab(lab, { file: path, text, ...(tasks ? { tasks } : {}) }));
  }
  if (args.has("--json")) console.log(JSON.stringify(reports, null, 2));
  else console.log(reports.map((report) => reportText(report)).join("\n\n"));
  return reports.length > 0 && reports.every(allPassed) ? 0 : 1;
};

function fileOf(args: Arguments): string | undefined {
  const file = args.value("--file");
  if (file === undefined) return undefined;
  if (args.has("--solutions")) throw new UsageError("--file and --solutions exclude each other");
  return resolve(file);
}

/** The labs that `wanted` names, each with the tasks to run; undefined tasks are all of them. */
function groupByLab(wanted: readonly string[]): { lab: Lab; tasks?: string[] }[] {
  if (wanted.length === 0) return allLabs().map((lab) => ({ lab }));
  const groups = new Map<string, { lab: Lab; tasks?: string[] }>();
  for (const name of wanted) {
    const { lab, task } = understood(() => findLab(name));
    const group = groups.get(lab.name);
    if (!task) groups.set(lab.name, { lab });
    else if (!group) groups.set(lab.name, { lab, tasks: [task.id] });
    else group.tasks?.push(task.id);
  }
  return [...groups.values()];
}
