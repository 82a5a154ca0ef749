/**
 * Compares a learner's machine with the reference machine on random workloads, and shows the shortest one on
 * which they differ.
 *
 *     workload (random, seeded)      [ fork, store, store, munmap, load, ... ]
 *          | runs differ
 *          v
 *     cut it to the first difference, then leave out halves, quarters, ... single operations,
 *     then make the operations that are left simpler, as long as the runs still differ
 *          |
 *          v
 *     The shortest workload on which they differ (2 operations):
 *       1. fork
 *       2. store at 0x1000          <- here they part
 *
 * The method is Zeller's delta debugging. The same seed gives the same workloads, so a learner sees the same
 * counterexample until the code changes. A workload whose operations do not fit together (an unmapped
 * address, a dead task) must still run on the reference: let `run` skip such an operation or observe the
 * error.
 */

import { isDeepStrictEqual } from "node:util";
import { Random } from "../../hw/random.js";
import { isNotWrittenYet } from "../exercises/not_written_yet.js";
import { DifferenceError } from "./difference.js";
import { effort } from "./effort.js";
import { type AsText, asValue } from "./values.js";

/**
 * Boots a machine and carries out `operations` on it; returns or yields one observation for each (what the
 * operation returned, a counter, a dump of the tables). A generator is best: what it yielded before it throws
 * is kept.
 */
type Run<Op> = (operations: readonly Op[]) => Iterable<unknown>;

/** What to compare, and how to tell it. */
interface RunComparison<Op> {
  /** One random operation; `at` is its place in the workload. */
  operation: (random: Random, at: number) => Op;
  reference: Run<Op>;
  submission: Run<Op>;
  /** `store 1 byte at 0x1000`; `asValue` by default. */
  describe?: (op: Op) => string;
  /** Simpler operations to try in place of one, simplest first. */
  simplify?: (op: Op) => readonly Op[];
  /** Writes an observation; `asValue` by default. */
  as?: AsText;
  /**
   * The mistake in a sentence, from the two observations that differ, where it can be told; printed above the
   * workload.
   */
  explain?: (got: never, expected: never) => string | undefined;
  /** Workloads to try (default 50), and the operations in each (default 30). */
  workloads?: number;
  length?: number;
  seed?: number;
  /** How many runs may be spent on a shorter workload (400): fewer where a run takes long. */
  shrinkRuns?: number;
  /** Workloads to try first, before the random ones: known hard cases. */
  first?: readonly (readonly Op[])[];
}

interface Difference {
  /** The operation at which the runs part. */
  at: number;
  got: Observation;
  expected: Observation;
}

type Observation = { value: unknown } | { threw: unknown } | { ended: true };

/**
 * How many runs shrinking may take: enough for a few hundred operations, and well within a test's time limit.
 */
const MAX_SHRINK_RUNS = 400;

/** Throws a `DifferenceError` with the shortest difference found. Not in Linux: a helper of the course. */
export function expectSameRuns<Op>(comparison: RunComparison<Op>): void {
  const found = findDifference(comparison);
  if (!found) return;
  const { describe = (op: Op) => asValue(op), as } = comparison;
  const { operations, difference } = shrink(comparison, found);
  const lines = operations.map(
    (op, at) => `  ${at + 1}. ${describe(op)}${at === difference.at ? "   <- here they part" : ""}`,
  );
  const count = operations.length === 1 ? "1 operation" : `${operations.length} operations`;
  const { got: gotAll, expected: expectedAll } = difference;
  const { explain } = comparison;
  const both = explain && "value" in gotAll && "value" in expectedAll;
  const why = both ? explain(gotAll.value as never, expectedAll.value as never) : undefined;
  const message = `${why === undefined ? "" : `${why}.\n`}The shortest workload on which your code and the reference differ (${count}):\n${lines.join("\n")}`;
  const [got, expected] = as ? [gotAll, expectedAll] : onlyDifferent(gotAll, expectedAll);
  throw new DifferenceError(message, observationText(got, as), observationText(expected, as));
}

/** Two observations that are objects, without the fields that agree. */
function onlyDifferent(got: Observation, expected: Observation): [Observation, Observation] {
  if (!("value" in got && "value" in expected)) return [got, expected];
  const [a, b] = [got.value, expected.value];
  if (!isRecord(a) || !isRecord(b)) return [got, expected];
  const differs = (key: string): boolean => !isDeepStrictEqual(a[key], b[key]);
  const rest = (side: Record<string, unknown>): Observation => ({
    value: Object.fromEntries(Object.entries(side).filter(([key]) => differs(key))),
  });
  return [rest(a), rest(b)];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function findDifference<Op>(comparison: RunComparison<Op>): readonly Op[] | undefined {
  const { operation, workloads = 50, length = 30, seed = 1, first = [] } = comparison;
  for (const operations of first) if (compare(comparison, operations)) return operations;
  const random = new Random(seed);
  for (let nr = 0; nr < workloads; nr++) {
    const operations = Array.from({ length }, (_, at) => operation(random, at));
    if (compare(comparison, operations)) return operations;
  }
  return undefined;
}

function compare<Op>(
  { reference, submission }: RunComparison<Op>,
  operations: readonly Op[],
): Difference | undefined {
  const expected = observe(reference, operations, true);
  const got = observe(submission, operations, false);
  for (let at = 0; at < Math.max(got.length, expected.length); at++) {
    const [a, b] = [got[at] ?? { ended: true as const }, expected[at] ?? { ended: true as const }];
    if (!sameObservation(a, b)) return { at, got: a, expected: b };
  }
  return undefined;
}

function observe<Op>(run: Run<Op>, operations: readonly Op[], isReference: boolean): Observation[] {
  const observations: Observation[] = [];
  try {
    for (const value of run(operations)) observations.push({ value });
  } catch (error) {
    if (isReference || isNotWrittenYet(error)) throw error;
    observations.push({ threw: error });
  }
  return observations;
}

function sameObservation(a: Observation, b: Observation): boolean {
  if ("value" in a && "value" in b) return isDeepStrictEqual(a.value, b.value);
  return "ended" in a && "ended" in b;
}

/** Delta debugging: the shortest workload reached that still shows a difference. */
function shrink<Op>(
  comparison: RunComparison<Op>,
  found: readonly Op[],
): { operations: readonly Op[]; difference: Difference } {
  let operations = found;
  let difference = compare(comparison, operations)!;
  let runs = 0;
  const { shrinkRuns = MAX_SHRINK_RUNS } = comparison;
  const keep = (candidate: readonly Op[]): boolean => {
    if (runs++ >= shrinkRuns) return false;
    const still = compare(comparison, candidate);
    if (!still) return false;
    operations = candidate;
    difference = still;
    return true;
  };
  keep(operations.slice(0, difference.at + 1));
  for (let again = effort.shrink; again; ) {
    again = dropChunks(() => operations, keep);
    again = simplifyEach(() => operations, keep, comparison.simplify) || again;
    if (runs >= shrinkRuns) break;
  }
  return { operations, difference };
}

/** Tries to leave out ever smaller pieces; returns whether any could go. */
function dropChunks<Op>(current: () => readonly Op[], keep: (candidate: readonly Op[]) => boolean): boolean {
  let dropped = false;
  for (let size = Math.ceil(current().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < current().length; ) {
      const candidate = [...current().slice(0, from), ...current().slice(from + size)];
      if (candidate.length < current().length && keep(candidate)) dropped = true;
      else from += size;
    }
  }
  return dropped;
}

function simplifyEach<Op>(
  current: () => readonly Op[],
  keep: (candidate: readonly Op[]) => boolean,
  simplify: ((op: Op) => readonly Op[]) | undefined,
): boolean {
  let simpler = false;
  if (!simplify) return simpler;
  for (let at = 0; at < current().length; at++) {
    for (const op of simplify(current()[at]!)) {
      if (!keep(replaced(current(), at, op))) continue;
      simpler = true;
      break;
    }
  }
  return simpler;
}

function replaced<Op>(operations: readonly Op[], at: number, op: Op): readonly Op[] {
  return operations.map((old, place) => (place === at ? op : old));
}

function observationText(observation: Observation, as: AsText | undefined): string {
  if ("ended" in observation) return "(nothing: the run ended before)";
  if ("value" in observation) return as ? as(observation.value as never) : asValue(observation.value);
  const { threw } = observation;
  return `it threw ${asValue(threw)}`;
}
