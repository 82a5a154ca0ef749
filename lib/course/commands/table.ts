/**
 * Every command of `pagewalk`: what it takes, and where it is. A command's file is loaded when the command is
 * called.
 *
 * To add one: write `commands/NAME.ts` with a function of type CommandRun, and add an entry to COMMANDS.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import type { Command, CommandGroup, CommandRun } from "../command.js";
import type { OptionShape } from "./arguments.js";

const ANY = Number.POSITIVE_INFINITY;

function command(
  usage: string,
  summary: string,
  words: readonly [least: number, most: number, missing: string],
  run: CommandRun,
  options: Readonly<Record<string, OptionShape>> = {},
): Command {
  const [least, most, missing] = words;
  return { usage, summary, least, most, missing, options: new Map(Object.entries(options)), run };
}

const exercises = (part: "cut" | "check", summary: string): [string, Command] => [
  part,
  command(`exercises ${part}`, summary, [0, 0, ""], async () =>
    (await import("./exercises.js")).exercises(part),
  ),
];

const FILES = [0, ANY, ""] as const;

const notebookParts = new Map<string, Command>([
  [
    "check",
    command("notebooks check [FILE|01...]", "check the shape of notebooks", FILES, async (args) =>
      (await import("./notebooks.js")).check(args),
    ),
  ],
  [
    "run",
    command(
      "notebooks run [--output DIR] [FILE|01...]",
      "run every cell of notebooks, and say what fails",
      FILES,
      async (args) => (await import("./notebooks.js")).runAll(args),
      { "--output": { value: "DIR", says: "keep copies with their outputs in this folder" } },
    ),
  ],
  [
    "strip",
    command("notebooks strip [FILE|01...]", "clear the outputs of notebooks", FILES, async (args) =>
      (await import("./notebooks.js")).strip(args),
    ),
  ],
  [
    "new",
    command(
      "notebooks new NN-topic [TITLE]",
      "write a notebook with all the sections of a lab",
      [1, 2, "new needs a name such as 05-reclaim, and a title if you like"],
      async (args) => (await import("./notebooks.js")).create(args),
    ),
  ],
]);

const grade = command(
  "grade [01[.2]...] [--solutions|--file F] [--json]",
  "run the checks of your exercises; status 0 when all pass",
  [0, ANY, ""],
  async (args) => (await import("./grade.js")).run(args),
  {
    "--solutions": { says: "grade solutions/ instead of exercises/" },
    "--file": { value: "F", says: "grade this file as the exercises of the lab that is named" },
    "--json": { says: "print the report as JSON" },
  },
);

const replay = command(
  "replay FILE.vms|NAME... [--json] | --all | --linux RUNNER",
  "run a memory scenario on the emulated machine and compare it with recorded Linux",
  [0, ANY, ""],
  async (args) => (await import("./replay.js")).run(args),
  {
    "--json": { says: "print the records as JSON" },
    "--all": { says: "a table of all recorded scenarios, or of the families that are named" },
    "--limit": { value: "N", says: "show so many differences of each scenario (20)" },
    "--linux": {
      value: "RUNNER",
      says: "compare random scenarios with this computer's own Linux 6.18, on which RUNNER runs them",
    },
    "--seeds": { value: "A:B", says: "the random scenarios A to B-1 (0:20)" },
    "--steps": { value: "N", says: "steps of each random scenario (60)" },
    "--files": { says: "random scenarios with files" },
    "--thp": { says: "random scenarios with huge pages" },
  },
);

/** By name, in the order of the help. */
export const COMMANDS: ReadonlyMap<string, Command | CommandGroup> = new Map<string, Command | CommandGroup>([
  [
    "start",
    command(
      "start [--no-browser] [--port N]",
      "open the labs in Jupyter",
      [0, 0, ""],
      async (args) => (await import("./start.js")).run(args),
      {
        "--no-browser": { says: "print the address only" },
        "--port": { value: "N", says: "serve at this port; otherwise the first free one from 8888 on" },
      },
    ),
  ],
  [
    "doctor",
    command("doctor", "say what is found, what is missing and what to do", [0, 0, ""], async () =>
      (await import("./doctor.js")).run(),
    ),
  ],
  ["grade", grade],
  [
    "hint",
    command(
      "hint 01.3",
      "a hint for an exercise, one more at each call",
      [1, 1, "name one exercise"],
      async (args) => (await import("./hint.js")).run(args),
    ),
  ],
  [
    "reset",
    command(
      "reset 01[.3]",
      "put an exercise back to how it was handed out; keeps a copy",
      [1, 1, "name one exercise or lab"],
      async (args) => (await import("./reset.js")).run(args),
    ),
  ],
  [
    "exercises",
    {
      usage: "exercises cut|check",
      summary: "for instructors: write exercises/ from solutions/, or see whether they match",
      parts: new Map([
        exercises("cut", "write exercises/ from solutions/"),
        exercises("check", "say which files of exercises/ are not what solutions/ gives"),
      ]),
    },
  ],
  [
    "notebooks",
    {
      usage: "notebooks check|run|strip|new [FILE...]",
      summary: "check the shape of notebooks, run them, clear their outputs, start a new one",
      parts: notebookParts,
    },
  ],
  ["replay", replay],
]);
