/**
 * Words of a scenario line: reading numbers, ranges and options, with errors that name the line and the
 * operation.
 *
 *   P map A file:F private 64 prot=r pgoff=3 populate
 *   0  1  2   3       4     5    6       7       8        positions from 0; options come after the positions
 *
 * Every word must be used by somebody: `done()` refuses a line with words left over, so that a misspelt
 * option is an error and not a silently different scenario. Read first: scenario.ts. Read next: parse.ts.
 */
import { MOST_PAGES } from "./limits.js";
import { type PageRange, quoted, ScenarioError } from "./scenario.js";

/** A process, area or file. */
const NAME = /^[A-Za-z_][\w'+.-]{0,31}$/;

/**
 * One page range: `a`, `a:b` or `a:b/step`. Throws RangeError with the text when it is none. Not in Linux.
 */
function parseRange(text: string): PageRange {
  const match = /^(-?\d+)(?::(-?\d+)(?:\/(-?\d+))?)?$/.exec(text);
  if (match === null) throw new RangeError(`${quoted(text)} is not a page range (a, a:b or a:b/step)`);
  const start = Number(match[1]);
  const end = match[2] === undefined ? start + 1 : Number(match[2]);
  const step = match[3] === undefined ? 1 : Number(match[3]);
  if (step === 0) throw new RangeError(`the step of range ${quoted(text)} is 0`);
  if ([start, end, step].some((number) => Math.abs(number) > MOST_PAGES))
    throw new RangeError(`range ${quoted(text)} goes beyond ${MOST_PAGES} pages, all of an address space`);
  return { start, end, step };
}

/** The words of one line and what has been read of them. Not in Linux: part of the scenario language. */
export class LineWords {
  private readonly used: boolean[];

  constructor(
    readonly line: number,
    readonly words: readonly string[],
    /** Name of the operation, for messages. */
    public operation: string,
  ) {
    this.used = words.map(() => false);
  }

  /** A ScenarioError for this line. */
  error(problem: string): ScenarioError {
    return new ScenarioError(this.line, this.operation, problem);
  }

  /** The word at position `index`; `what` names it in the error when it is missing. */
  at(index: number, what: string): string {
    const word = this.words[index];
    if (word === undefined) throw this.error(`${what} is missing`);
    this.used[index] = true;
    return word;
  }

  /** The name of a process, area or file at position `index`. */
  name(index: number, what: string): string {
    return this.asName(this.at(index, what), what);
  }

  /** `text` when it can be a name. */
  asName(text: string, what: string): string {
    if (NAME.test(text)) return text;
    throw this.error(
      `${what} ${quoted(text)} is not a name: up to 32 letters, digits and _ ' + . - after a letter`,
    );
  }

  /** The word at `index` if there is one. */
  maybe(index: number): string | undefined {
    return index < this.words.length ? this.at(index, "word") : undefined;
  }

  /** The integer at position `index`, from `least` to `most`; a leading + is allowed. */
  int(index: number, what: string, least = -MOST_PAGES, most = MOST_PAGES): number {
    return this.toInt(this.at(index, what), what, least, most);
  }

  /** The range at position `index`. */
  range(index: number): PageRange {
    return this.asRange(this.at(index, "page range"));
  }

  /** The comma list of ranges at position `index`. */
  ranges(index: number): PageRange[] {
    return this.at(index, "page ranges")
      .split(",")
      .map((part) => this.asRange(part));
  }

  /** Whether the bare word `name` stands among the options, from position `from` on. */
  has(name: string, from: number): boolean {
    const index = this.words.indexOf(name, from);
    if (index < 0) return false;
    this.used[index] = true;
    return true;
  }

  /** The text after `name=` among the options. */
  option(name: string): string | undefined {
    const index = this.words.findIndex((word, i) => i > 0 && word.startsWith(`${name}=`));
    if (index < 0) return undefined;
    this.used[index] = true;
    return this.words[index]!.slice(name.length + 1);
  }

  /** The integer after `name=`, from `least` to `most`, or `otherwise`. */
  intOption(name: string, otherwise: number, least = -MOST_PAGES, most = MOST_PAGES): number {
    const text = this.option(name);
    return text === undefined ? otherwise : this.toInt(text, name, least, most);
  }

  /** All words from position `from` on. */
  rest(from: number): string[] {
    return this.words.slice(from).map((_, i) => this.at(from + i, "word"));
  }

  /** Refuses words that nobody has read. */
  done(): void {
    const index = this.used.indexOf(false);
    if (index >= 0) throw this.error(`${quoted(this.words[index]!)} is not understood here`);
  }

  private toInt(text: string, what: string, least: number, most: number): number {
    if (!/^[+-]?\d+$/.test(text)) throw this.error(`${what} ${quoted(text)} is not a whole number`);
    const value = Number(text);
    if (value >= least && value <= most) return value;
    throw this.error(`${what} ${quoted(text)} is not from ${least} to ${most}`);
  }

  private asRange(text: string): PageRange {
    try {
      return parseRange(text);
    } catch (error) {
      throw this.error((error as Error).message);
    }
  }
}
