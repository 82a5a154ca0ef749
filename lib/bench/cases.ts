/**
 * Bench cases: what `npm run bench` measures, one row each.
 *
 * A case prepares a machine once, then `run` does the work and says how many operations it did; only the work
 * is timed. `baseline` is a plain loop over typed arrays that does a comparable amount of work without any
 * model, timed in the same breath: computers differ and drift, the ratio of the two much less. `problem` says
 * what was wrong with the result; a fast wrong answer is worth nothing.
 *
 * To add a case, write a function that returns a BenchCase and a BenchGroup for it into BENCH_GROUPS.
 */
import { kernelCases } from "./kernel_cases.js";
import { lz4Cases } from "./lz4_cases.js";
import { policyCases } from "./policy_cases.js";
import { streamCases } from "./stream_cases.js";

/** One thing to measure. */
export interface BenchCase {
  readonly name: string;
  /** What is counted: "accesses", "minor faults", "forks". */
  readonly unit: string;
  /** Brings the case into its starting state; not timed. */
  prepare(): void;
  /** The work; returns the number of operations done. */
  run(): number;
  /** A plain loop for comparison; returns the number of operations done. */
  baseline?(): number;
  /** After a run: what it counted, for --json. */
  counters(): Record<string, number>;
  /** After a run: what differs from what must come out, or undefined. */
  problem(): string | undefined;
}

/** How cases are made. */
export interface BenchSettings {
  /** Machines alive at once; the work goes round among them. */
  readonly machines: number;
  /** Accesses in each stream; a full run has 2^24. */
  readonly length: number;
}

/** A group of cases: `names` without any work, `make` when one of them is wanted. */
export interface BenchGroup {
  readonly names: readonly string[];
  make(name: string, settings: BenchSettings): BenchCase;
}

/** Every group, in the order of the report. */
export const BENCH_GROUPS: readonly BenchGroup[] = [streamCases, kernelCases, policyCases, lz4Cases];
