/**
 * `npm run bench`: how fast the machine is, and whether it still counts right.
 *
 *   npm run bench                          every case
 *   npm run bench -- --json                the same as JSON
 *   npm run bench -- --only uni4M,hot128K  some of them
 *   npm run bench -- --machines 3          three machines alive, taking turns
 *   npm run bench -- --reps 7 --length 1000000
 *
 * Each repetition runs the plain loop and the case one after the other, measured in processor time; the figures are medians. The exit
 * status is 1 when a case counted wrong.
 */
import { parseArgs } from "node:util";
import { BENCH_GROUPS, type BenchCase, type BenchSettings } from "./cases.js";
import { FULL_LENGTH } from "./streams.js";

/** One row of the report. */
export interface BenchRow {
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

/** Million operations for each second of processor time: others who use the computer count less than with a wall clock. */
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

function main(): void {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      only: { type: "string" },
      machines: { type: "string", default: "1" },
      reps: { type: "string", default: "5" },
      length: { type: "string", default: String(FULL_LENGTH) },
    },
  });
  const settings: BenchSettings = { machines: Number(values.machines), length: Number(values.length) };
  const wanted = values.only?.split(",");
  const rows: BenchRow[] = [];
  for (const group of BENCH_GROUPS)
    for (const name of group.names) {
      if (wanted && !wanted.includes(name)) continue;
      const row = measure(group.make(name, settings), Number(values.reps));
      rows.push(row);
      if (!values.json) console.log(text(row));
    }
  if (values.json) console.log(JSON.stringify({ node: process.version, ...settings, rows }, null, 2));
  if (rows.some((row) => row.problem !== undefined)) process.exitCode = 1;
}

if (process.argv[1]?.endsWith("main.js")) main();
