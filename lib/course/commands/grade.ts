/**
 * `pagewalk grade [01[.2]...] [--solutions | --file FILE] [--json]`: runs the graders.
 * Exit status 0 when every exercise that was graded passed, 1 when not, 2 when the command was not understood.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type CommandRun, UsageError } from "../cli.js";
import { allLabs, findLab, type Lab } from "../exercises/labs.js";
import { gradeLab } from "../grading/check.js";
import { allPassed, type GradeReport, reportText } from "../grading/report.js";
import { understood } from "./understood.js";

interface GradeArgs {
  /** "01" or "01.2". */
  wanted: string[];
  solutions: boolean;
  json: boolean;
  file?: string;
}

export const run: CommandRun = async (args) => {
  const { wanted, solutions, json, file } = parseArgs(args);
  const reports: GradeReport[] = [];
  for (const { lab, tasks } of groupByLab(wanted)) {
    const path = file ? resolve(file) : solutions ? lab.master : lab.exercises;
    if (!existsSync(path)) throw new UsageError(`there is no file ${path}`);
    reports.push(await gradeLab(lab, { file: path, ...(tasks ? { tasks } : {}) }));
  }
  if (json) console.log(JSON.stringify(reports, null, 2));
  else console.log(reports.map((report) => reportText(report)).join("\n\n"));
  return reports.length > 0 && reports.every(allPassed) ? 0 : 1;
};

function parseArgs(args: string[]): GradeArgs {
  const parsed: GradeArgs = { wanted: [], solutions: false, json: false };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--solutions") parsed.solutions = true;
    else if (arg === "--json") parsed.json = true;
    else if (arg === "--file") {
      const file = args[++at];
      if (!file) throw new UsageError("--file needs the file to grade");
      parsed.file = file;
    } else if (arg.startsWith("-")) throw new UsageError(`there is no option ${arg}`);
    else parsed.wanted.push(arg);
  }
  if (parsed.file && parsed.solutions) throw new UsageError("--file and --solutions exclude each other");
  if (parsed.file && new Set(parsed.wanted.map((name) => name.slice(0, 2))).size !== 1)
    throw new UsageError("--file needs the lab that it belongs to: pagewalk grade 01 --file FILE");
  return parsed;
}

/** The labs that `wanted` names, each with the tasks to run; undefined tasks are all of them. */
function groupByLab(wanted: string[]): { lab: Lab; tasks?: string[] }[] {
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
