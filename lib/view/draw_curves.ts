/**
 * Draw miss-ratio curves: the same trace under every policy, for every size of memory.
 *
 *    misses (%)
 *    100 |*
 *        | **  FIFO                     left: hardly any room, all are bad
 *        |   \**                        right: all pages have room, only first uses miss, all are equal
 *        | optimal\***                  between: the distance to "optimal" is what the future would be worth
 *      0 +------------------- pages (each mark is a doubling)
 *
 * Not in Linux. Read first: quick_plot.ts, ../policies/miss_ratio.ts. Read next: draw_policy.ts.
 */
import { valueText } from "../hw/options.js";
import { checkArguments, listOf } from "../hw/signature.js";
import { missRatioCurve } from "../policies/miss_ratio.js";
import { type AnyPageTrace, type NumberedTrace, numberPages } from "../policies/numbered_trace.js";
import { POLICY_NAMES, type PolicyName, runPolicy } from "../policies/run_policy.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatNumber } from "./scale.js";

/** What may be said about a picture of policies. */
export interface CurvesOptions {
  readonly title?: string;
  readonly alt?: string;
  /** Which policies; all eight unless given. */
  readonly policies?: readonly PolicyName[];
  /** Sizes of memory in pages; a dozen from 1 % of the trace's pages to all of them unless given. */
  readonly capacities?: readonly number[];
}

/** Sizes at which each policy is run unless the caller names some. */
const POINTS = 12;

/** The misses of every policy on `trace` over the size of memory. Not in Linux. */
export function drawPolicyCurves(trace: AnyPageTrace, options: CurvesOptions = {}): Plot {
  checkArguments(
    "drawPolicyCurves()",
    {
      trace: "any",
      options: { title: "text", alt: "text", policies: listOf("text"), capacities: listOf("integer") },
    },
    [trace, options],
  );
  const numbered = numberPages(trace);
  const { policies = POLICY_NAMES, capacities = sizesFor(numbered) } = options;
  if (policies.length === 0 || capacities.length === 0)
    throw new RangeError(
      `drawPolicyCurves() needs a policy and a size; got ${valueText(policies)} and ${valueText(capacities)}`,
    );
  const series = policies.map((name): LineSeries => {
    return { kind: "line", name, x: capacities, y: percentOf(name, numbered, capacities) };
  });
  return plot({
    title: options.title ?? "The same trace under every policy",
    alt: options.alt ?? series.map(lineText).join(" "),
    x: { label: "memory", unit: "pages", scale: "log2" },
    y: { label: "accesses that miss", unit: "%", range: [0, 100] },
    series,
  });
}

/** Sizes in equal steps of the logarithm, each a whole number, and each once. */
function sizesFor({ nrPages }: NumberedTrace): number[] {
  const least = Math.max(1, Math.round(nrPages / 100));
  const ratio = nrPages / least;
  const sizes = Array.from({ length: POINTS }, (_, i) => Math.round(least * ratio ** (i / (POINTS - 1))));
  return [...new Set(sizes)];
}

/** LRU needs one pass for all sizes; every other policy one for each. */
function percentOf(policy: PolicyName, trace: NumberedTrace, capacities: readonly number[]): number[] {
  if (policy !== "LRU") return capacities.map((pages) => 100 * runPolicy(policy, trace, pages).missRatio);
  const curve = missRatioCurve(trace);
  return capacities.map((pages) => 100 * curve.missRatioAt(pages));
}

function lineText({ name, x, y }: LineSeries): string {
  const middle = Math.floor(x.length / 2);
  const told = [0, middle, x.length - 1].map((i) => `${formatNumber(y[i]!, 1)} % with ${x[i]} pages`);
  return `${name}: ${told.join(", ")}.`;
}
