/**
 * Draw how long page faults take as a distribution: how many of them took at most so long.
 *
 *    faults (%)
 *    100 |            ________.---- always        of 100 faults, 99 are quick with huge pages, too;
 *        |      .----'                            but each of the others clears 2 MiB, or compacts
 *        |     |    never                         memory first
 *      0 +-----'---------------------- time of one fault (µs, logarithmic)
 *
 *    drawFaultDistribution({ never: faultTimes(...), always: faultTimes(...) })
 *
 * A curve that rises further to the right is slower. What fork or mmap take is not in it: only what lies
 * between the processor's exception and the return of its handler. By `weight: "time"` the curves count the
 * time that was spent in faults instead: where a few long ones are most of it, that shows.
 *
 * Not in Linux. Read first: fault_times.ts, figure.ts.
 */

import { valueText } from "../hw/options.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import type { FaultTime } from "./fault_times.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatNs } from "./scale.js";

/** What may be said about the picture. */
export interface FaultDistributionOptions {
  readonly title?: string;
  readonly alt?: string;
  /** What the curves count: each fault once (the default), or the time it took. */
  readonly weight?: "faults" | "time";
}

/** Points of one curve, at most. */
const MOST_POINTS = 300;

/** How many faults took at most so long, a curve for each run, by name. Not in Linux. */
export function drawFaultDistribution(
  runs: Readonly<Record<string, readonly FaultTime[]>>,
  options: FaultDistributionOptions = {},
): Plot {
  const texts = { title: "text", alt: "text", weight: "text" } as const;
  checkArguments("drawFaultDistribution()", { runs: "object", options: texts }, [runs, options]);
  const each = listOf(shape({ tookNs: "number" }));
  const names = Object.keys(runs);
  for (const name of names) checkArguments("drawFaultDistribution()", { [name]: each }, [runs[name]]);
  if (names.length === 0 || names.some((name) => runs[name]!.length === 0))
    throw new RangeError("drawFaultDistribution() needs at least one run, and of each at least one fault");
  const { weight = "faults" } = options;
  if (weight !== "faults" && weight !== "time")
    throw new RangeError(`drawFaultDistribution(): weight is "faults" or "time"; got ${valueText(weight)}`);
  const sorted = names.map((name) =>
    runs[name]!.map(({ tookNs }) => Math.max(tookNs, 1)).sort((a, b) => a - b),
  );
  const series = names.map((name, i) => curve(name, sorted[i]!, weight));
  const what =
    weight === "faults" ? "faults that took at most so long" : "time in faults of at most that length";
  return plot({
    title: options.title ?? "How long page faults take",
    alt: options.alt ?? names.map((name, i) => runText(name, sorted[i]!)).join(" "),
    x: { label: "time of one fault", unit: "µs", scale: "log10" },
    y: { label: what, unit: "%", range: [0, 100] },
    series,
  });
}

/** From 0 to 100 %, at every length at which the share has grown by a point's worth, and at the last. */
function curve(name: string, took: readonly number[], weight: "faults" | "time"): LineSeries {
  const weightOf = (ns: number): number => (weight === "faults" ? 1 : ns);
  const all = took.reduce((sum, ns) => sum + weightOf(ns), 0);
  const [x, y] = [[took[0]! / 1e3], [0]];
  let sum = 0;
  let shown = 0;
  for (const [i, ns] of took.entries()) {
    sum += weightOf(ns);
    if (took[i + 1] === ns) continue;
    const first = x.length === 1;
    if (!first && i < took.length - 1 && (sum - shown) / all < 1 / MOST_POINTS) continue;
    shown = sum;
    x.push(ns / 1e3);
    y.push((100 * sum) / all);
  }
  return { kind: "line", name, x, y, steps: true, markers: false };
}

function runText(name: string, took: readonly number[]): string {
  const at = (share: number): string =>
    formatNs(took[Math.min(took.length - 1, Math.floor(share * took.length))]!);
  return `${name}: ${took.length} faults, half take at most ${at(0.5)}, 99 % at most ${at(0.99)}, the longest ${at(1)}.`;
}
