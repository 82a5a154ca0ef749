/**
 * What a command of `pagewalk` is. The list of them is commands/table.ts, which loads each one's file when it
 * is called; the files themselves need only the types here.
 *
 * Not in Linux: part of the course, not of the machine. Read first: commands/arguments.ts.
 * Read next: commands/table.ts.
 */
import type { Arguments, CommandShape } from "./commands/arguments.js";

/** Carries out a command; the result is the exit status of the process. */
export type CommandRun = (args: Arguments) => Promise<number>;

/** A command that does something. */
export interface Command extends CommandShape {
  run: CommandRun;
}

/** A command that is one of several, named by the next word: `exercises cut`. */
export interface CommandGroup {
  usage: string;
  summary: string;
  parts: ReadonlyMap<string, Command>;
}
