/**
 * The words of a command line: which belong to the command, which are options, and what to say when they do
 * not fit.
 *
 *     pagewalk grade 01 --file mine.ts          words ["01"], options --file "mine.ts"
 *     pagewalk grade --sollutions               there is no option --sollutions; did you mean --solutions?
 *
 * A command describes what it takes as plain data (CommandShape), from which its help is written too. Both
 * `--file F` and `--file=F` are understood; after `--` everything is a word.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { nearestName, valueText } from "../../hw/options.js";
import { UsageError } from "./errors.js";

/** One option. */
export interface OptionShape {
  /** What its value is called in the help; without it the option stands alone. */
  value?: string;
  says: string;
}

/** What a command takes. */
export interface CommandShape {
  /** As the help shows it, without `pagewalk`: "hint 01.3". */
  usage: string;
  summary: string;
  /** How many words, and what to say when there are too few. */
  least: number;
  most: number;
  missing: string;
  /** By name, with its dashes. */
  options: ReadonlyMap<string, OptionShape>;
}

/** Takes part in every command. */
const HELP = new Map<string, OptionShape>([
  ["--help", { says: "show this" }],
  ["--version", { says: "show the version of Pagewalk" }],
]);

/** A command line that was understood. */
export class Arguments {
  constructor(
    readonly words: readonly string[],
    private readonly options: ReadonlyMap<string, string>,
  ) {}

  /** Whether the option was given. */
  has(name: string): boolean {
    return this.options.has(name);
  }

  /** The option's value, if it was given. */
  value(name: string): string | undefined {
    return this.options.get(name);
  }

  /** The option's value as a whole number from `least` to `most`. Throws a `UsageError` for anything else. */
  number(name: string, otherwise: number, least: number, most: number): number {
    const text = this.options.get(name);
    return text === undefined ? otherwise : wholeNumber(name, text, least, most);
  }
}

/**
 * `text` as a whole number; `name` says whose it is. Throws a `UsageError` that names the limits.
 * Not in Linux: a helper of the course.
 */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${name} is a whole number from ${least} to ${most}, not ${valueText(text)}`);
}

/**
 * Whether `args` ask for help or the version instead of the command. Not in Linux: a helper of the course.
 */
export function asksFor(args: readonly string[]): "help" | "version" | undefined {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (own.includes("--help") || own.includes("-h")) return "help";
  return own.includes("--version") ? "version" : undefined;
}

/**
 * Sorts `args` into words and options. Throws a `UsageError` where they are not what `shape` takes.
 * Not in Linux: a helper of the course.
 */
export function parseArguments(args: readonly string[], shape: CommandShape): Arguments {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") words.push(arg);
    else if (takeOption(arg, args[at + 1], shape, options)) at++;
  }
  if (words.length < shape.least) throw new UsageError(shape.missing);
  if (words.length > shape.most)
    throw new UsageError(
      `${valueText(words[shape.most])} is a word too many${shape.most === 0 ? "" : `; ${shape.missing}`}`,
    );
  return new Arguments(words, options);
}

/** Adds the option `arg` to `options`; whether `next` was its value. */
function takeOption(
  arg: string,
  next: string | undefined,
  shape: CommandShape,
  options: Map<string, string>,
): boolean {
  const [, name = arg, value] = /^([^=]*)=(.*)$/s.exec(arg) ?? [];
  const option = shape.options.get(name);
  if (option === undefined) throw unknown("option", name, [...shape.options.keys(), ...HELP.keys()]);
  if (options.has(name)) throw new UsageError(`${name} is given twice`);
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`${name} takes no value`);
    options.set(name, "");
    return false;
  }
  const given = value ?? next;
  if (given === undefined || given === "") throw new UsageError(`${name} needs its ${option.value}`);
  options.set(name, given);
  return value === undefined;
}

/**
 * A `UsageError` on a name that does not exist, with the nearest one that does.
 * Not in Linux: a helper of the course.
 */
export function unknown(kind: string, name: string, known: readonly string[]): UsageError {
  const shown = name.length > 40 || /[^ -~]/.test(name) ? valueText(name) : name;
  const near = nearestName(name, known);
  return new UsageError(`there is no ${kind} ${shown}${near === undefined ? "" : `; did you mean ${near}?`}`);
}

/** The help of one command of `program`. Not in Linux: a helper of the course. */
export function helpOf(shape: CommandShape, program = "pagewalk"): string {
  const options = [...shape.options, ...HELP].map(([name, { value, says }]) => ({
    name: value === undefined ? name : `${name} ${value}`,
    says,
  }));
  const width = Math.max(...options.map(({ name }) => name.length));
  return [
    `usage: ${program} ${shape.usage}`,
    "",
    `${shape.summary[0]!.toUpperCase()}${shape.summary.slice(1)}.`,
    "",
    ...options.map(({ name, says }) => `  ${name.padEnd(width)}  ${says}`),
    "",
  ].join("\n");
}
