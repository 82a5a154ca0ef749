/**
 * Tendencies: what a figure that no two runs of Linux have in common still says.
 *
 *   a range    {"~": [3120, 4053]}: the recorded runs lay between; does ours?
 *   an order   two recordings that differ in settings only; a figure that is larger with one of them in Linux,
 *              beyond what its own runs differ by, must be larger with the same one in ours
 *
 *     ra05, two lists      refaults of step 20 in Linux: 3307 to 4076    ours 3600
 *     ra15, generations    the same step and field:      1200 to 1350    ours 2900    the order is right
 *
 * Which recordings belong together is found by comparing their scripts: all lines must be equal but those
 * that write settings. Where a field differs by less than a fifth, or its ranges overlap, no order is
 * expected. The counters of vmstat are compared step by step, and as sums of the whole run. Only figures
 * that need not be equal (fairness.ts) count: an order among equal figures would say nothing more.
 *
 * Read first: record.ts, fairness.ts. Read next: course/commands/replay.ts.
 */
import { FairnessRules } from "./fairness.js";
import type { Json, Recording } from "./record.js";
import type { Scenario } from "./scenario.js";

/** A part of the larger figure; a smaller difference is no order. */
const CLEAR_DIFFERENCE = 0.2;

/** Begins the name of a figure that is a sum of all steps. */
const WHOLE_RUN = "all steps";

/** The value in each run; one alone is that of all. */
type Values = readonly number[];

/** The figures of a scenario by step and path; steps that write settings are not counted. */
type Figures = ReadonlyMap<string, Values>;

/** A counter that did not move is not in the record. */
const NOTHING: Values = [0];

/** One scenario, run by Linux and here. */
interface Run {
  readonly name: string;
  /** Equal in runs that differ in settings only. */
  readonly key: string;
  readonly linux: Figures;
  readonly ours: Figures;
}

/** An order that is not the same here. Not in Linux. */
interface WrongOrder {
  readonly names: readonly [string, string];
  /** Step and path of the figure. */
  readonly figure: string;
  readonly linux: readonly [readonly number[], readonly number[]];
  readonly ours: readonly [number, number];
}

/** How many tendencies were looked for, and found here, too. Not in Linux. */
export interface TendencyCount {
  rangesMet: number;
  ranges: number;
  ordersRight: number;
  orders: number;
  /** Those of them that are about sums of the whole run. */
  sumsRight: number;
  sums: number;
}

function newCount(): TendencyCount {
  return { rangesMet: 0, ranges: 0, ordersRight: 0, orders: 0, sumsRight: 0, sums: 0 };
}

/** What of a scenario must be equal for an order: all but the settings that it writes or boots with. */
function keyOf({ lines }: Scenario, { boot }: Recording): string {
  const { mem_MB, swap_MB, disk_MB, rotational, cpus = 1 } = boot ?? {};
  const script = lines.filter(({ what }) => what.kind !== "control" || what.op.op !== "write");
  return JSON.stringify([mem_MB, swap_MB, disk_MB, rotational, cpus, script.map(({ text }) => text)]);
}

function valuesOf(value: Json): Values | undefined {
  if (typeof value === "number") return [value];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const seen = (value as { readonly [key: string]: Json })["~"];
  return Array.isArray(seen) && seen.every((one) => typeof one === "number") ? seen : undefined;
}

/** Calls `visit` for each figure of `value`. */
function eachFigure(value: Json, path: string[], visit: (path: string[], values: Values) => void): void {
  const values = valuesOf(value);
  if (values !== undefined) visit(path, values);
  else if (typeof value === "object" && value !== null && !Array.isArray(value))
    for (const [key, part] of Object.entries(value)) eachFigure(part, [...path, key], visit);
}

/** Run by run. */
function plus(a: Values, b: Values): Values {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return long.map((value, run) => value + short[run % short.length]!);
}

/** The figures of a run that need not be equal, and the sums of its counters. */
function figuresOf(run: Recording, rules: FairnessRules): Figures {
  const figures = new Map<string, Values>();
  let nr = 0;
  for (const [index, { i: _, line, ...fields }] of run.steps.entries()) {
    if (line.startsWith("write ")) continue;
    eachFigure(fields as Json, [], (path, values) => {
      if (rules.of(index, path) !== "tendency") return;
      figures.set(`step ${nr} (${line}): ${path.join(".")}`, values);
      if (path[0] !== "vmstat") return;
      const whole = `${WHOLE_RUN}: ${path.join(".")}`;
      figures.set(whole, plus(figures.get(whole) ?? NOTHING, values));
    });
    nr++;
  }
  return figures;
}

/** -1 or 1 for a clear order, 0 for none. */
function order(a: Values, b: Values): number {
  const gap = Math.max(Math.min(...b) - Math.max(...a), Math.min(...a) - Math.max(...b));
  const size = Math.max(...a.map(Math.abs), ...b.map(Math.abs));
  if (gap <= CLEAR_DIFFERENCE * size) return 0;
  return Math.max(...a) < Math.min(...b) ? -1 : 1;
}

/** Collects runs, and counts their tendencies. Not in Linux. */
export class Tendencies {
  private readonly runs: Run[] = [];

  /** A scenario that has been run here. */
  add(scenario: Scenario, recorded: Recording, ours: Recording): void {
    const rules = new FairnessRules(recorded);
    const linux = figuresOf(recorded, rules);
    const key = keyOf(scenario, recorded);
    this.runs.push({ name: scenario.name, key, linux, ours: figuresOf(ours, rules) });
  }

  /** Of all scenarios, or of those that `of` chooses; `wrong` is told of orders that differ. */
  count(of: (name: string) => boolean = () => true, wrong?: (order: WrongOrder) => void): TendencyCount {
    const count = newCount();
    const runs = this.runs.filter(({ name }) => of(name));
    for (const [i, run] of runs.entries()) {
      countRanges(run, count);
      for (const other of runs.slice(i + 1)) if (other.key === run.key) countOrders(run, other, count, wrong);
    }
    return count;
  }
}

function countRanges({ linux, ours }: Run, count: TendencyCount): void {
  for (const [figure, values] of linux) {
    if (values.length === 1 || figure.startsWith(WHOLE_RUN)) continue;
    const our = (ours.get(figure) ?? NOTHING)[0]!;
    count.ranges++;
    if (our >= Math.min(...values) && our <= Math.max(...values)) count.rangesMet++;
  }
}

function countOrders(a: Run, b: Run, count: TendencyCount, wrong?: (order: WrongOrder) => void): void {
  for (const figure of new Set([...a.linux.keys(), ...b.linux.keys()])) {
    const linux = [a.linux.get(figure) ?? NOTHING, b.linux.get(figure) ?? NOTHING] as const;
    const wanted = order(...linux);
    if (wanted === 0) continue;
    const ours = [(a.ours.get(figure) ?? NOTHING)[0]!, (b.ours.get(figure) ?? NOTHING)[0]!] as const;
    const right = Math.sign(ours[0] - ours[1]) === wanted ? 1 : 0;
    const sum = figure.startsWith(WHOLE_RUN) ? 1 : 0;
    count.orders++;
    count.ordersRight += right;
    count.sums += sum;
    count.sumsRight += sum * right;
    if (right === 0) wrong?.({ names: [a.name, b.name], figure, linux, ours });
  }
}

function rangeText(values: Values): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? String(least) : `${least} to ${most}`;
}

/** A wrong order as two lines. Not in Linux. */
export function formatWrongOrder({ names, figure, linux, ours }: WrongOrder): string {
  const both = `Linux has ${rangeText(linux[0])} and ${rangeText(linux[1])}, the machine ${ours.join(" and ")}`;
  return `${names.join(" against ")}, ${figure}\n    ${both}`;
}
