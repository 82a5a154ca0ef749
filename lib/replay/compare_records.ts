/**
 * Comparing two runs of a scenario, leaf by leaf.
 *
 *   kernel  {"ok":true,"minflt":16,"sum":{"P":{"Rss":64,"Pss":64}}}
 *   ours    {"ok":true,"minflt":16,"sum":{"P":{"Rss":64,"Pss":32}}}
 *                                                        ^^ one difference: sum.P.Pss, kernel 64, ours 32
 *
 * A leaf is a number, a word or one of the run lists (trace, pages, frames, ...) as a whole. Objects are
 * compared by their keys, a key that only one side has is a difference; lists of objects (VMAs, areas) are
 * compared position by position.
 *
 * Read first: record.ts, fairness.ts. Read next: course/commands/replay.ts.
 */
import { FairnessRules } from "./fairness.js";
import { inFormOf } from "./oom_form.js";
import { type Json, type Recording, VARIES } from "./record.js";

/** One leaf that is not equal. Not in Linux. */
export interface Difference {
  scenario: string;
  /** Number of the step, from 0. */
  step: number;
  /** The operation. */
  line: string;
  /** Where in the record, for instance `sum.P.Pss`. */
  path: string;
  /** The kernel's value; undefined where it has none. */
  kernel: Json | undefined;
  ours: Json | undefined;
}

/** An entry of not-applicable.json: leaves that cannot be equal, with the reason. Not in Linux. */
export interface NotApplicable {
  /** Name of the scenario, or the beginning of names with a star at the end. */
  scenario: string;
  /** Step number; absent for all steps. */
  step?: number;
  /** Path of the leaf; a star at the end stands for anything. */
  path: string;
  reason: string;
}

/** Outcome of one scenario. Not in Linux. */
export interface Comparison {
  scenario: string;
  /** Leaves that had to be equal and are. */
  equal: number;
  /** Those of them that lie within the range of several runs. */
  withinRange: number;
  different: Difference[];
  /** Leaves that differ and are listed in not-applicable.json. */
  notApplicable: (Difference & { reason: string })[];
  /** Leaves that show a tendency only: how many agree, and those that do not. */
  tendencyEqual: number;
  tendency: Difference[];
  /** Leaves that the kernel itself did not reproduce. */
  varies: number;
}

/** Lists compared as one leaf. */
const WHOLE_LISTS = new Set(["trace", "pages", "frames", "kept", "resident", "bytes", "first_bad"]);

function matches(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether `ours` meets a recorded `{"~":[...]}`: inside the range of the numbers, or equal to one of the
 * values. A run that did not have the leaf counts as null, or as 0 among others. Not in Linux.
 */
function meetsRange(seen: readonly Json[], ours: Json | undefined): boolean {
  if (ours === undefined) return seen.some((value) => value === null || value === 0);
  const numbers = seen.filter((value): value is number => typeof value === "number");
  if (typeof ours === "number" && numbers.length === seen.length)
    return ours >= Math.min(...numbers) && ours <= Math.max(...numbers);
  return seen.some((value) => JSON.stringify(value) === JSON.stringify(ours));
}

/** What /proc/zoneinfo shows with the zone's boost added. */
const WATERMARKS = ["min", "low", "high", "promo"];

/** What a leaf was in each run; one value is that of all. */
function valueOfRuns(leaf: Json | undefined): readonly Json[] {
  return isObject(leaf) && Array.isArray(leaf["~"]) ? leaf["~"] : [leaf ?? 0];
}

/** `mark` less `boost`, run by run; one value where that is the same in all. */
function lessBoost(mark: Json | undefined, boost: Json | undefined): Json | undefined {
  if (mark === undefined || mark === VARIES || boost === VARIES) return mark;
  const [marks, boosts] = [valueOfRuns(mark), valueOfRuns(boost)];
  const runs = marks.length >= boosts.length ? marks : boosts;
  const less = runs.map((_, i) => Number(marks[i % marks.length]) - Number(boosts[i % boosts.length]));
  return less.every((one) => one === less[0]) ? less[0] : { "~": less };
}

/**
 * A step with the watermarks of its zones as they are without a boost. Whether there is one just then is a
 * matter of chance; what it is added to is not.
 */
function withoutBoost(step: Json | undefined): Json | undefined {
  if (!isObject(step) || !isObject(step.zones)) return step;
  const zones = Object.entries(step.zones).map(([name, zone]) => {
    if (!isObject(zone)) return [name, zone] as const;
    const marks = WATERMARKS.filter((mark) => mark in zone);
    const less = marks.map((mark) => [mark, lessBoost(zone[mark], zone.boost) ?? null] as const);
    return [name, { ...zone, ...Object.fromEntries(less) }] as const;
  });
  return { ...step, zones: Object.fromEntries(zones) };
}

/** A step that shows memory.stat, with its text line by line: not all of them can be equal. */
function byLine(line: string, step: Json | undefined): Json | undefined {
  if (!/^cat .*memory\.stat$/.test(line) || !isObject(step) || typeof step.text !== "string") return step;
  const lines = step.text.split("\n").map((one) => one.split(" "));
  return { ...step, text: Object.fromEntries(lines.map(([name, value]) => [name, Number(value)])) };
}

/** What the recorder has itself, which it takes off all other figures. */
const RECORDERS_OWN = "runner_own";

/** Whether a list was cut where it was recorded: its last element says how many there were. */
const CUT = /^\.\.\. (\d+) runs in all$/;

/** Whether two leaves say the same; of a list that was cut, only its beginning and its length are known. */
function sameLeaf(kernel: Json | undefined, ours: Json | undefined): boolean {
  if (Array.isArray(kernel) && Array.isArray(ours)) {
    const last = kernel[kernel.length - 1];
    const cut = typeof last === "string" ? CUT.exec(last) : null;
    if (cut !== null)
      return (
        ours.length === Number(cut[1]) &&
        JSON.stringify(kernel.slice(0, -1)) === JSON.stringify(ours.slice(0, kernel.length - 1))
      );
  }
  return JSON.stringify(kernel) === JSON.stringify(ours);
}

/** Scores are made of counters that Linux has not added up over all CPUs: they may be off by one. */
function sameScore(kernel: Json | undefined, ours: Json | undefined): boolean {
  return Math.abs(Number(kernel) - Number(ours)) <= 1;
}

/** The release whose smaps do not tell that a mapping may have guard pages; 6.18.44 does. */
const NO_GUARD_FLAG = /^6\.18\.15\b/;

/** Walks two records side by side. */
class Walker {
  readonly result: Comparison;
  private readonly rules: FairnessRules;
  private step = 0;
  private line = "";
  private readonly noGuardFlag: boolean;

  constructor(
    recorded: Recording,
    private readonly excuses: readonly NotApplicable[],
  ) {
    this.rules = new FairnessRules(recorded);
    this.noGuardFlag = NO_GUARD_FLAG.test(String(recorded.env.release));
    this.result = {
      scenario: recorded.scenario,
      equal: 0,
      withinRange: 0,
      different: [],
      notApplicable: [],
      tendencyEqual: 0,
      tendency: [],
      varies: 0,
    };
  }

  stepPair(step: number, line: string, kernel: Json | undefined, ours: Json | undefined): void {
    this.step = step;
    this.line = line;
    const shown = (record: Json | undefined): Json | undefined => byLine(line, withoutBoost(record));
    this.node(shown(kernel), shown(ours), []);
  }

  private node(kernel: Json | undefined, ours: Json | undefined, path: string[]): void {
    if (kernel === VARIES) this.result.varies++;
    else if (isObject(kernel) && Array.isArray(kernel["~"]))
      this.leaf(kernel, ours, path, meetsRange(kernel["~"] as Json[], ours));
    else if (isObject(kernel) && isObject(ours))
      for (const key of new Set([...Object.keys(kernel), ...Object.keys(ours)])) {
        if (key !== RECORDERS_OWN) this.node(kernel[key], ours[key], [...path, key]);
      }
    else if (Array.isArray(kernel) && Array.isArray(ours) && !WHOLE_LISTS.has(path[path.length - 1] ?? ""))
      for (let i = 0; i < Math.max(kernel.length, ours.length); i++)
        this.node(kernel[i] as Json, ours[i] as Json, [...path, String(i)]);
    else if (path[path.length - 1] === "oom_score") this.leaf(kernel, ours, path, sameScore(kernel, ours));
    else this.leaf(kernel, ours, path, sameLeaf(kernel, this.asShown(ours, path)));
  }

  /** A leaf of ours as the recorded release would show it. */
  private asShown(ours: Json | undefined, path: readonly string[]): Json | undefined {
    if (!this.noGuardFlag || typeof ours !== "string" || path[path.length - 1] !== "flags") return ours;
    return ours.replace(/ gu\b/, "");
  }

  private leaf(kernel: Json | undefined, ours: Json | undefined, path: string[], same: boolean): void {
    const { result } = this;
    const tendency = this.rules.of(this.step, path) === "tendency";
    if (same) {
      if (tendency) result.tendencyEqual++;
      else result.equal++;
      if (!tendency && isObject(kernel)) result.withinRange++;
      return;
    }
    const at = { scenario: result.scenario, step: this.step, line: this.line };
    const difference = { ...at, path: path.join("."), kernel, ours };
    if (tendency) result.tendency.push(difference);
    else {
      const excuse = this.excuses.find(
        (entry) =>
          matches(entry.scenario, result.scenario) &&
          (entry.step ?? this.step) === this.step &&
          matches(entry.path, difference.path),
      );
      if (excuse === undefined) result.different.push(difference);
      else result.notApplicable.push({ ...difference, reason: excuse.reason });
    }
  }
}

/** Compares our run with the recorded one. Not in Linux. */
export function compareRecordings(
  recorded: Recording,
  ours: Recording,
  excuses: readonly NotApplicable[] = [],
): Comparison {
  const walker = new Walker(recorded, excuses);
  const left = new Map(inFormOf(recorded, ours).steps.map((step) => [step.i, step]));
  recorded.steps.forEach((kernel, i) => {
    const our = left.get(kernel.i);
    left.delete(kernel.i);
    walker.stepPair(i, kernel.line, kernel as Json, our as Json | undefined);
  });
  // Some recordings leave out what a dead process was asked to do.
  for (const our of left.values())
    if (our.err !== "DEAD") walker.stepPair(recorded.steps.length, our.line, undefined, our as Json);
  return walker.result;
}

/** One difference as a line: scenario, step, operation, leaf, the kernel's value, ours. Not in Linux. */
export function formatDifference(difference: Difference): string {
  const { scenario, step, line, path, kernel, ours } = difference;
  const show = (value: Json | undefined): string => (value === undefined ? "nothing" : JSON.stringify(value));
  return `${scenario} step ${step} (${line})\n    ${path}: Linux has ${show(kernel)}, the machine ${show(ours)}`;
}
