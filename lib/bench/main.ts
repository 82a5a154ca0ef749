/**
 * `npm run bench`: how fast the machine is, and whether it still counts right.
 *
 *   npm run bench                          every case
 *   npm run bench -- --json                the same as JSON
 *   npm run bench -- --only uni4M,hot128K  some of them
 *   npm run bench -- --machines 3          three machines alive, taking turns
 *   npm run bench -- --reps 7 --length 1000000
 *
 * Each repetition runs the plain loop and the case one after the other, measured in processor time; the
 * figures are medians. The exit status is 1 when a case counted wrong.
 */
import { asksFor, type CommandShape, helpOf, parseArguments, unknown } from "../course/commands/arguments.js";
import { endingOf, UsageError } from "../course/commands/errors.js";
import { versionText } from "../course/commands/version.js";
import { BENCH_GROUPS, type BenchCase, type BenchGroup, type BenchSettings } from "./cases.js";
import { FULL_LENGTH } from "./streams.js";

/** One row of the report. */
interface BenchRow {
  readonly name: string;
  readonly unit: string;
  /** Million operations a second, median. */
  readonly millionPerSecond: number;
  /** The plain loop's, measured in the same run. */
  readonly baselineMillionPerSecond: number | undefined;
  /** The first divided by the second. */
  readonly ratio: number | undefined;
  readonly counters: Record<string, number>;
  readonly problem: string | undefined;
}

/** Times `repetitions` of one case and its plain loop. */
export function measure(bench: BenchCase, repetitions: number): BenchRow {
  const speeds: number[] = [];
  const plain: number[] = [];
  for (let i = 0; i < repetitions; i++) {
    if (bench.baseline) plain.push(rate(() => bench.baseline!()));
    bench.prepare();
    speeds.push(rate(() => bench.run()));
  }
  const millionPerSecond = median(speeds);
  const baseline = plain.length > 0 ? median(plain) : undefined;
  return {
    name: bench.name,
    unit: bench.unit,
    millionPerSecond,
    baselineMillionPerSecond: baseline,
    ratio: baseline === undefined ? undefined : millionPerSecond / baseline,
    counters: bench.counters(),
    problem: bench.problem(),
  };
}

/**
 * Million operations for each second of processor time: others who use the computer count less than with a
 * wall clock.
 */
function rate(work: () => number): number {
  const start = process.cpuUsage();
  const operations = work();
  const { user, system } = process.cpuUsage(start);
  return operations / (user + system);
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function text(row: BenchRow): string {
  const speed = `${row.millionPerSecond.toFixed(row.millionPerSecond < 10 ? 3 : 1).padStart(9)} M ${row.unit}/s`;
  const ratio = row.ratio === undefined ? "" : `${row.ratio.toFixed(3).padStart(8)} of a plain loop`;
  return `${row.name.padEnd(12)}${speed}${ratio}   ${row.problem ? `WRONG: ${row.problem}` : "counters right"}`;
}

const PROGRAM = "npm run bench --";

const SHAPE: CommandShape = {
  usage: "[--json] [--only NAME,...] [--machines N] [--reps N] [--length N]",
  summary: "how fast the machine is, and whether it still counts right",
  least: 0,
  most: 0,
  missing: "",
  options: new Map([
    ["--json", { says: "print the figures as JSON" }],
    ["--only", { value: "NAMES", says: "only these cases, separated by commas" }],
    ["--machines", { value: "N", says: "machines alive at once, taking turns (1)" }],
    ["--reps", { value: "N", says: "repetitions of each case (5)" }],
    ["--length", { value: "N", says: `accesses in each stream (${FULL_LENGTH})` }],
  ]),
};

/** The cases that `--only` names; all of them without it. */
function wantedCases(only: string | undefined): { group: BenchGroup; name: string }[] {
  const all = BENCH_GROUPS.flatMap((group) => group.names.map((name) => ({ group, name })));
  if (only === undefined) return all;
  const names = only.split(",").map((name) => name.trim());
  const known = all.map(({ name }) => name);
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) throw unknown("case", strange, known);
  return all.filter(({ name }) => names.includes(name));
}

/** Runs the cases that `args` ask for; the exit status. Not in Linux: a part of the bench. */
export function runBench(args: readonly string[]): number {
  const asked = asksFor(args);
  if (asked !== undefined) {
    process.stdout.write(
      asked === "version"
        ? versionText()
        : `${helpOf(SHAPE, PROGRAM)}\nThe cases: ${BENCH_GROUPS.flatMap(({ names }) => names).join(", ")}\n`,
    );
    return 0;
  }
  const given = parseArguments(args, SHAPE);
  const settings: BenchSettings = {
    machines: given.number("--machines", 1, 1, 64),
    length: given.number("--length", FULL_LENGTH, 1, 2 ** 30),
  };
  const repetitions = given.number("--reps", 5, 1, 1000);
  const json = given.has("--json");
  const rows: BenchRow[] = [];
  for (const { group, name } of wantedCases(given.value("--only"))) {
    const row = measure(group.make(name, settings), repetitions);
    rows.push(row);
    if (!json) console.log(text(row));
  }
  if (json) console.log(JSON.stringify({ node: process.version, ...settings, rows }, null, 2));
  return rows.some((row) => row.problem !== undefined) ? 1 : 0;
}

/** `runBench` for a process of its own. */
function main(): void {
  try {
    process.exitCode = runBench(process.argv.slice(2));
  } catch (error) {
    const { text: said, status } = endingOf(error);
    process.stderr.write(`bench: ${said}\n`);
    if (error instanceof UsageError) process.stderr.write(`usage: ${PROGRAM} ${SHAPE.usage}\n`);
    process.exitCode = status;
  }
}

if (process.argv[1]?.endsWith("main.js")) main();
