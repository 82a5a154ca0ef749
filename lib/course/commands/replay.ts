/**
 * `pagewalk replay`: runs scenario scripts on the emulated machine and compares them with the recorded Linux.
 *
 *   pagewalk replay c01                 a recorded scenario: what differs, step by step
 *   pagewalk replay my.vms              any script: what each step did
 *   pagewalk replay my.vms --json       the same as records, in the form of the recordings
 *   pagewalk replay --all [FAMILY...]   a table: what of each family is equal, different, within the range that
 *                                       several runs of Linux had, or shows a tendency only; which scenarios
 *                                       need what the machine does not have yet; and, apart from equality,
 *                                       how many tendencies are met (with FAMILY, which are not)
 *   pagewalk replay --linux=RUNNER --seeds=0:50 [--files] [--thp]
 *                                       random scenarios on this computer's own Linux 6.18 and on the machine;
 *                                       RUNNER runs a script natively and prints records
 *
 * The exit status is 1 when a leaf differs that must be equal.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { valueText } from "../../hw/options.js";
import {
  type Comparison,
  compareRecordings,
  type Difference,
  formatDifference,
} from "../../replay/compare_records.js";
import { runScenario } from "../../replay/executor.js";
import { hostFor, newHost } from "../../replay/kernel_host.js";
import { parseScenario } from "../../replay/parse.js";
import { formatRecording, type Recording, type StepRecord } from "../../replay/record.js";
import {
  familyOf,
  findRecorded,
  guestNames,
  loadNotApplicable,
  loadRecorded,
  loadRecording,
  recordedNames,
  replayRecorded,
} from "../../replay/recordings.js";
import { NotYetError, type Scenario, ScenarioError } from "../../replay/scenario.js";
import { formatWrongOrder, Tendencies, type TendencyCount } from "../../replay/tendencies.js";
import type { CommandRun } from "../command.js";
import { readInput } from "../files.js";
import { compareWithLinux } from "./against.js";
import { type Arguments, unknown, wholeNumber } from "./arguments.js";
import { CommandFailure, faultText, UsageError } from "./errors.js";
import { understood } from "./understood.js";

const MOST = 1_000_000_000;

export const run: CommandRun = async (args) => {
  const limit = args.number("--limit", 20, 0, MOST);
  const runner = args.value("--linux");
  if (runner !== undefined) {
    if (args.words.length > 0) throw new UsageError("--linux makes its own scenarios; it takes no names");
    return compareRandom(runner, args, limit);
  }
  const alone = ["--seeds", "--steps", "--files", "--thp"].find((option) => args.has(option));
  if (alone !== undefined) throw new UsageError(`${alone} goes with --linux`);
  if (args.has("--all")) return replayAll(args.words, limit);
  if (args.words.length === 0)
    throw new UsageError("replay what? a .vms file, a recorded scenario, or --all");
  let status = 0;
  for (const name of args.words) status = Math.max(status, replayOne(name, args.has("--json"), limit));
  return status;
};

/** "10:20" as numbers. */
function seedsOf(text: string): [number, number] {
  const [first, end, ...more] = text
    .split(":")
    .map((part) => wholeNumber("each side of --seeds A:B", part, 0, MOST));
  if (first === undefined || end === undefined || more.length > 0 || end <= first)
    throw new UsageError(`--seeds is A:B with A less than B, such as 0:20, not ${valueText(text)}`);
  return [first, end];
}

/**
 * Compares random scenarios with the kernel of this computer; prints the shortest account of each that
 * differs.
 */
async function compareRandom(runner: string, args: Arguments, limit: number): Promise<number> {
  const [first, end] = seedsOf(args.value("--seeds") ?? "0:20");
  const steps = args.number("--steps", 60, 1, 100_000);
  let different = 0;
  let equal = 0;
  for (let seed = first; seed < end; seed++) {
    const host = newHost();
    try {
      const options = { seed, steps, files: args.has("--files"), thp: args.has("--thp") };
      const { comparison } = await compareWithLinux(runner, options, host);
      equal += comparison.equal;
      if (comparison.different.length === 0) continue;
      different++;
      console.log(`seed ${seed}: ${comparison.different.length} leaves differ`);
      for (const each of comparison.different.slice(0, limit)) console.log(`  ${formatDifference(each)}`);
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      different++;
      console.log(`seed ${seed} stopped: ${faultText(error)}`);
    }
  }
  console.log(`${end - first} scenarios, ${different} differ; ${equal} leaves equal`);
  return different === 0 ? 0 : 1;
}

function readScenario(nameOrFile: string): Scenario {
  if (existsSync(nameOrFile)) {
    const name = basename(nameOrFile).replace(/\.vms$/, "");
    return parseScenario(readInput(nameOrFile), name);
  }
  if (nameOrFile.endsWith(".vms")) throw new UsageError(`there is no file ${valueText(nameOrFile)}`);
  return loadRecorded(understood(() => findRecorded(nameOrFile))).scenario;
}

function replayOne(nameOrFile: string, json: boolean, limit: number): number {
  try {
    const scenario = readScenario(nameOrFile);
    const recorded = loadRecording(scenario.name);
    const same = recorded !== undefined && recorded.script_fnv === scenario.scriptFnv;
    const ours = runScenario(scenario, same ? hostFor(recorded) : newHost());
    if (json) {
      process.stdout.write(formatRecording(ours));
      return 0;
    }
    if (!same) {
      for (const step of ours.steps) console.log(stepLine(step));
      return 0;
    }
    return showComparison(recorded, ours, limit);
  } catch (error) {
    if (error instanceof ScenarioError) throw new CommandFailure(`${nameOrFile}: ${error.message}`);
    throw error;
  }
}

/** Fields of a record that are shown by themselves, or are too long for a line. */
const NOT_ON_LINE = new Set(["i", "line", "ok", "sum", "report"]);

/** One step as two lines: the operation and how it ended. */
function stepLine(step: StepRecord): string {
  const outcome = step.ok === undefined ? "" : step.ok ? "ok" : "FAILED";
  const fields = Object.entries(step).filter(([key]) => !NOT_ON_LINE.has(key));
  const rest = fields.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(" ");
  return `${String(step.i).padStart(3)}  ${step.line}\n       ${outcome} ${rest}`.trimEnd();
}

function showComparison(recorded: Recording, ours: Recording, limit: number): number {
  const result = compareRecordings(recorded, ours, loadNotApplicable());
  const list = (title: string, differences: readonly Difference[]): void => {
    if (differences.length === 0) return;
    console.log(`${title}:`);
    for (const difference of differences.slice(0, limit)) console.log(`  ${formatDifference(difference)}`);
    if (differences.length > limit) console.log(`  ... and ${differences.length - limit} more`);
  };
  list("different", result.different);
  list("tendency only, not counted", result.tendency);
  list("not applicable", result.notApplicable);
  const range = result.withinRange > 0 ? ` (${result.withinRange} of them within a range)` : "";
  console.log(
    `${recorded.scenario}: ${result.equal} leaves equal${range}, ${result.different.length} different`,
  );
  return result.different.length === 0 ? 0 : 1;
}

/** One line of the table: a family, or the total. */
interface FamilyRow {
  family: string;
  scenarios: number;
  exact: number;
  equal: number;
  different: number;
  withinRange: number;
  notApplicable: number;
  tendency: string;
  /** What is missing for scenarios that were not run, and for how many. */
  notYet: Map<string, number>;
  errors: string[];
}

function emptyRow(family: string): FamilyRow {
  const zero = { scenarios: 0, exact: 0, equal: 0, different: 0, withinRange: 0, notApplicable: 0 };
  return { family, ...zero, tendency: "", notYet: new Map(), errors: [] };
}

function addTo(row: FamilyRow, result: Comparison): void {
  row.scenarios++;
  if (result.different.length === 0) row.exact++;
  row.equal += result.equal;
  row.different += result.different.length;
  row.withinRange += result.withinRange;
  row.notApplicable += result.notApplicable.length;
  const [same = 0, all = 0] = row.tendency.split("/").map(Number);
  row.tendency = `${same + result.tendencyEqual}/${all + result.tendencyEqual + result.tendency.length}`;
}

function replayAll(families: readonly string[], limit: number): number {
  const names = [...recordedNames(), ...guestNames()];
  const known = [...new Set(names.map(familyOf))];
  const strange = families.find((family) => !known.includes(family));
  if (strange !== undefined) throw unknown("family of scenarios", strange, known);
  const rows = new Map<string, FamilyRow>();
  const total = emptyRow("all");
  const excuses = loadNotApplicable();
  const tendencies = new Tendencies();
  for (const name of names) {
    const family = familyOf(name);
    if (families.length > 0 && !families.includes(family)) continue;
    const row = rows.get(family) ?? emptyRow(family);
    rows.set(family, row);
    try {
      const { comparison, scenario, recorded, ours } = replayRecorded(name, undefined, excuses);
      tendencies.add(scenario, recorded, ours);
      addTo(row, comparison);
      addTo(total, comparison);
    } catch (error) {
      for (const each of [row, total]) {
        each.scenarios++;
        if (error instanceof NotYetError)
          each.notYet.set(error.reason, (each.notYet.get(error.reason) ?? 0) + 1);
      }
      if (!(error instanceof NotYetError))
        row.errors.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  printTable([...rows.values(), total]);
  const errors = [...rows.values()].flatMap((row) => row.errors);
  for (const { family, notYet } of rows.values())
    for (const [reason, count] of notYet)
      console.log(`not yet: ${family}, ${count} scenario${count === 1 ? "" : "s"}: ${reason}`);
  for (const error of errors) console.log(`stopped: ${error}`);
  printTendencies(tendencies, [...rows.keys()], families.length > 0 ? limit : 0);
  return total.different === 0 && errors.length === 0 ? 0 : 1;
}

/** What is not equal and need not be, but should tend the same way; up to `limit` orders that do not. */
function printTendencies(tendencies: Tendencies, families: readonly string[], limit: number): void {
  const text = ({ rangesMet, ranges, ordersRight, orders, sumsRight, sums }: TendencyCount): string =>
    `${rangesMet} of ${ranges} ranges met; ${ordersRight} of ${orders} orders right` +
    (sums > 0 ? ` (${sumsRight} of ${sums} where the whole run is summed up)` : "");
  let shown = 0;
  for (const family of families) {
    const count = tendencies.count((name) => familyOf(name) === family);
    if (count.ranges + count.orders > 0) console.log(`tendencies of ${family}: ${text(count)}`);
  }
  const all = tendencies.count(undefined, (order) => {
    if (shown++ < limit) console.log(`  ${formatWrongOrder(order)}`);
  });
  if (shown > limit && limit > 0) console.log(`  ... and ${shown - limit} more`);
  console.log(`tendencies: ${text(all)}`);
}

const HEADINGS = [
  "family",
  "scenarios",
  "all equal",
  "equal",
  "in range",
  "different",
  "not appl.",
  "tendency",
  "not yet",
  "stopped",
];

function printTable(rows: readonly FamilyRow[]): void {
  const cells = rows.map((row) =>
    [
      row.family,
      row.scenarios,
      row.exact,
      row.equal,
      row.withinRange,
      row.different,
      row.notApplicable,
      row.tendency || "0/0",
      [...row.notYet.values()].reduce((sum, count) => sum + count, 0),
      row.errors.length,
    ].map(String),
  );
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map((row) => row[i]!.length)),
  );
  for (const row of [HEADINGS, ...cells])
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
    );
}
