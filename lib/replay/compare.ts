/**
 * compare("c01"): a recorded run of Linux and the same run on the emulated machine, side by side, step by
 * step.
 *
 *   step | operation              | Linux 6.18                      | this machine                    | equal
 *      2 | P touch A 0:16 w=1     | ok, 16 minor; P Rss 64 Pss 64   | ok, 16 minor; P Rss 64 Pss 64   | yes
 *
 * A row says what the step returned, its page faults, and the memory of each process after it (kB). The last
 * column compares all leaves of the step, also those that the row has no room for; `differences` lists them.
 *
 * Read first: recordings.ts.
 */
import { checkArguments, shape } from "../hw/signature.js";
import { Table } from "../view/table.js";
import { type Comparison, type Difference, formatDifference } from "./compare_records.js";
import type { Host } from "./host.js";
import type { Json, StepRecord } from "./record.js";
import { findRecorded, replayRecorded } from "./recordings.js";

function faultText(step: StepRecord): string {
  if (step.minflt === undefined) return "";
  const major = step.majflt ? `, ${step.majflt} major` : "";
  return `, ${step.minflt} minor${major}`;
}

function sumText(sum: Json | undefined): string {
  if (typeof sum !== "object" || sum === null) return "";
  const procs = Object.entries(sum as { [proc: string]: { [field: string]: Json } });
  return procs.map(([name, { Rss = 0, Pss = 0 }]) => `; ${name} Rss ${Rss} Pss ${Pss}`).join("");
}

/** What a step did, in a few words. Not in Linux. */
export function outcomeText(step: StepRecord | undefined): string {
  if (step === undefined) return "(no such step)";
  const outcome = step.ok === undefined ? "" : step.ok ? "ok" : String(step.err ?? step.signal ?? "failed");
  const code = typeof step.code === "string" ? ` ${step.code}` : "";
  return `${outcome}${code}${faultText(step)}${sumText(step.sum)}`.replace(/^[,;] /, "");
}

/** A comparison as a table. Not in Linux. */
export class SideBySide extends Table {
  /** Leaves that differ, and must not. */
  readonly differences: readonly Difference[];
  readonly comparison: Comparison;

  constructor(name: string, comparison: Comparison, steps: readonly [StepRecord?, StepRecord?][]) {
    const differ = new Set(comparison.different.map((difference) => difference.step));
    const rows = steps.map(([kernel, ours], i) => ({
      step: i,
      operation: kernel?.line ?? ours?.line ?? "",
      linux: outcomeText(kernel),
      machine: outcomeText(ours),
      equal: differ.has(i) ? "no" : "yes",
    }));
    super(rows, {
      caption: `${name}: recorded Linux 6.18 and this machine`,
      columns: [
        "step",
        { key: "operation", mono: true },
        { key: "linux", label: "Linux 6.18" },
        { key: "machine", label: "this machine" },
        "equal",
      ],
      highlight: (_, i) => differ.has(i),
      note: noteOf(comparison),
    });
    this.comparison = comparison;
    this.differences = comparison.different;
  }
}

function noteOf({ equal, different }: Comparison): string {
  if (different.length === 0) return `All ${equal} values are equal. Memory is in kB.`;
  return `${different.length} of ${equal + different.length} values differ. The first: ${formatDifference(different[0]!)}`;
}

/**
 * Runs the recorded scenario whose name begins with `start` and shows both kernels side by side. `host` is a
 * machine of the caller's own, for instance one with replaced parts; else it is like the recorded one.
 * RangeError when no scenario, or several, fit. Not in Linux.
 */
export function compare(start: string, host?: Host): SideBySide {
  if (host === undefined) checkArguments("compare()", { start: "text" }, [start]);
  else checkArguments("compare()", { start: "text", host: shape({ spawn: "function" }) }, [start, host]);
  const name = findRecorded(start);
  const { ours, recorded, comparison } = replayRecorded(name, host);
  const nrSteps = Math.max(ours.steps.length, recorded.steps.length);
  const steps = Array.from({ length: nrSteps }, (_, i): [StepRecord?, StepRecord?] => [
    recorded.steps[i],
    ours.steps[i],
  ]);
  return new SideBySide(name, comparison, steps);
}
