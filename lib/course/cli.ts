/**
 * The `pagewalk` command: finds the command that the first words name, and lets it end in a sentence whatever
 * happens.
 *
 *     runCommandLine()  -->  main(words)  -->  course/commands/table.ts  -->  commands/NAME.ts
 *
 * Not in Linux: part of the course, not of the machine.
 */

import type { Command, CommandGroup } from "./command.js";
import { asksFor, helpOf, parseArguments, unknown } from "./commands/arguments.js";
import { endingOf, UsageError } from "./commands/errors.js";
import { COMMANDS } from "./commands/table.js";
import { versionText } from "./commands/version.js";
import { endInOrder } from "./temporary.js";

export type { CommandRun } from "./command.js";
export { CommandFailure, UsageError } from "./commands/errors.js";

/**
 * Runs the command that `args` name; the result is the exit status. Never throws.
 * Not in Linux: a helper of the course.
 */
export async function main(args: readonly string[]): Promise<number> {
  let found: Found | undefined;
  try {
    found = find(args);
    const { command, rest } = found;
    const asked = asksFor(rest);
    if (asked !== undefined) return answer(asked === "help" ? helpFor(command) : versionText());
    if (command === undefined) return answer(helpText());
    if ("parts" in command) throw noPart(command, rest[0]);
    return await command.run(parseArguments(rest, command));
  } catch (error) {
    return refuse(error, found?.command);
  }
}

/** `main` for a process of its own: sets its exit status. Not in Linux: a helper of the course. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // `pagewalk ... | head`: who does not listen any more needs no answer.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  process.on("uncaughtException", (error) => process.exit(refuse(error, undefined)));
  endInOrder();
  process.exitCode = await main(args);
}

/** What the first words mean: a command, a group without a part, or nothing (`pagewalk` alone). */
interface Found {
  command: Command | CommandGroup | undefined;
  rest: readonly string[];
}

function find(args: readonly string[]): Found {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name.startsWith("-")) return findWithout(args);
  const command = COMMANDS.get(name);
  if (command === undefined) throw unknown("command", name, [...COMMANDS.keys()]);
  if (!("parts" in command)) return { command, rest };
  const part = command.parts.get(rest[0] ?? "");
  return part === undefined ? { command, rest } : { command: part, rest: rest.slice(1) };
}

/** `pagewalk`, `pagewalk --help`, `pagewalk help grade`. */
function findWithout(args: readonly string[]): Found {
  const [name, ...rest] = args;
  if (name === "help" && rest.length > 0) {
    const { command } = find(rest);
    return { command, rest: ["--help"] };
  }
  if (name?.startsWith("-") && asksFor([name]) === undefined)
    throw unknown("option", name, ["--help", "--version"]);
  return { command: undefined, rest: name?.startsWith("-") ? args : [] };
}

function noPart({ usage, parts }: CommandGroup, word: string | undefined): UsageError {
  const names = [...parts.keys()];
  const name = usage.split(" ")[0]!;
  if (word === undefined) return new UsageError(`${name} what? ${names.join(", ")}`);
  if (word.startsWith("-")) return unknown("option", word, ["--help", "--version"]);
  return unknown(`command ${name}`, word, names);
}

function answer(text: string): number {
  process.stdout.write(text);
  return 0;
}

function refuse(error: unknown, command: Found["command"]): number {
  const { text, status } = endingOf(error);
  process.stderr.write(`pagewalk: ${text}\n`);
  if (error instanceof UsageError)
    process.stderr.write(`usage: pagewalk ${command?.usage ?? "COMMAND; pagewalk --help lists them"}\n`);
  return status;
}

function helpFor(command: Found["command"]): string {
  if (command === undefined) return helpText();
  if (!("parts" in command)) return helpOf(command);
  return [`usage: pagewalk ${command.usage}`, "", ...listed([...command.parts.values()])].join("\n");
}

function helpText(): string {
  const more = "pagewalk COMMAND --help says more about one of them.";
  return ["Pagewalk: labs on Linux virtual memory.", "", ...listed([...COMMANDS.values()]), more, ""].join(
    "\n",
  );
}

function listed(commands: readonly (Command | CommandGroup)[]): string[] {
  const width = Math.max(...commands.map(({ usage }) => usage.length));
  return [...commands.map(({ usage, summary }) => `  pagewalk ${usage.padEnd(width)}  ${summary}`), ""];
}
