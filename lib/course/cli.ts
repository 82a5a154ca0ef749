/**
 * The `pagewalk` command: a table of commands, each in a file of its own under `commands/`, loaded when asked for.
 *
 * To add one: write `commands/NAME.ts` that exports `run: CommandRun`, and add a line to COMMANDS.
 *
 * Not in Linux: part of the course, not of the machine.
 */

/** Carries out a command with the words after its name; the result is the exit status of the process. */
export type CommandRun = (args: string[]) => Promise<number>;

interface Command {
  /** The words after `pagewalk`, as the help shows them. */
  usage: string;
  summary: string;
  load: () => Promise<{ run: CommandRun }>;
}

const COMMANDS: Record<string, Command> = {
  start: {
    usage: "start [--no-browser] [--port N]",
    summary: "open the labs in Jupyter",
    load: () => import("./commands/start.js"),
  },
  doctor: {
    usage: "doctor",
    summary: "say what is found, what is missing and what to do",
    load: () => import("./commands/doctor.js"),
  },
  grade: {
    usage: "grade [01[.2]] [--solutions|--file F] [--json]",
    summary: "run the checks of your exercises; status 0 when all pass",
    load: () => import("./commands/grade.js"),
  },
  hint: {
    usage: "hint 01.3",
    summary: "a hint for an exercise, one more at each call",
    load: () => import("./commands/hint.js"),
  },
  reset: {
    usage: "reset 01[.3]",
    summary: "put an exercise back to how it was handed out; keeps a copy",
    load: () => import("./commands/reset.js"),
  },
  exercises: {
    usage: "exercises cut|check",
    summary: "for instructors: write exercises/ from solutions/, or see whether they match",
    load: () => import("./commands/exercises.js"),
  },
  notebooks: {
    usage: "notebooks check|run|strip|new [FILE...]",
    summary: "check the shape of notebooks, run them, clear their outputs, start a new one",
    load: () => import("./commands/notebooks.js"),
  },
  replay: {
    usage: "replay FILE.vms|NAME [--json] | --all | --linux=RUNNER",
    summary: "run a memory scenario on the emulated machine and compare it with recorded Linux",
    load: () => import("./commands/replay.js"),
  },
};

/** A mistake in how a command was called: the message is all that is printed. Exit status 2. */
export class UsageError extends Error {}

/** A plain sentence that ends the command with exit status 1. */
export class CommandFailure extends Error {}

/** Runs the command named by the first word. */
export async function main(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(helpText());
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`pagewalk: there is no command "${name}"\n\n${helpText()}`);
    return 2;
  }
  try {
    return await (await command.load()).run(rest);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CommandFailure)) throw error;
    process.stderr.write(`pagewalk: ${error.message}\n`);
    if (error instanceof UsageError) process.stderr.write(`usage: pagewalk ${command.usage}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function helpText(): string {
  const width = Math.max(...Object.values(COMMANDS).map((command) => command.usage.length));
  const lines = Object.values(COMMANDS).map(
    ({ usage, summary }) => `  pagewalk ${usage.padEnd(width)}  ${summary}`,
  );
  return ["Pagewalk: labs on Linux virtual memory.", "", ...lines, ""].join("\n");
}
