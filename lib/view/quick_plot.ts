/**
 * Quick plots: the figures of a lab in two or three lines, so that a cell shows its experiment and not its
 * options.
 *
 *    lines(kib, { "in turn": inTurn, "at random": (k) => rateOf(k) }, {
 *      title: "Hit rate", x: "working set (KiB)", y: "hits (%)", xScale: "log2",
 *      alt: "Both stay at 100 % up to 256 KiB, then one falls at once and the other slowly." })
 *
 *    lines, points     series by name: a value for each x, as a list or as a function of x
 *    bars              the same, at names or numbers, side by side or stacked
 *    heat              z[row][column] at y[row], x[column]
 *
 * An axis is a text that ends in its unit in brackets. A plain count has none and says so: "number of
 * processes". The unit decides how numbers are written: "bytes" as 64 KiB, "hex" in hexadecimal; "%" shows
 * the whole way from 0 to 100. Title, both axes and the alt text are demanded, and a name that is not an
 * option is refused.
 *
 * Not in Linux: a helper of the course. Read first: figure.ts, which has the whole face (several kinds in one
 * figure).
 */

import { checkOptions, type OptionNames, valueText } from "../hw/options.js";
import { type Axis, type Figure, isLog, type Mark, type NumberFormat, type Series } from "./figure.js";
import { requireText } from "./picture.js";
import { type Plot, plot } from "./plot.js";

/** How an axis is divided. */
export type AxisScale = "linear" | "log2" | "log10";

/** What every quick plot says about itself. */
export interface PlotOptions {
  readonly title: string;
  /** What lies across, with its unit: "working set (KiB)", or "number of processes". */
  readonly x: string;
  /** What goes up, with its unit. */
  readonly y: string;
  /** What the picture shows, in a sentence, for a reader who cannot see it. */
  readonly alt: string;
  readonly xScale?: AxisScale;
  readonly yScale?: AxisScale;
  /** First and last value of the axis; taken from the data unless given. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
  /** Upright lines by their labels: { "reach of L1": 256 }. */
  readonly xMarks?: Readonly<Record<string, number>>;
  /** Level lines by their labels. */
  readonly yMarks?: Readonly<Record<string, number>>;
}

/** What lines() takes besides. */
export interface LinesOptions extends PlotOptions {
  /** Staircases that change their value at each x. */
  readonly steps?: boolean;
}

/** What bars() takes besides. */
export interface BarsOptions extends PlotOptions {
  /** On each other rather than side by side. */
  readonly stacked?: boolean;
}

/** What heat() takes: `z` says what the colour means, with its unit. */
export interface HeatOptions extends Pick<PlotOptions, "title" | "x" | "y" | "alt"> {
  readonly z: string;
}

/**
 * The values of one series: a list as long as x, or a function that is asked for each x. null leaves a gap.
 */
export type Values<X, Y> = readonly Y[] | ((x: X) => Y);

/** Series by the name that the legend shows. */
export type SeriesByName<X, Y> = Readonly<Record<string, Values<X, Y>>>;

const COMMON: OptionNames<PlotOptions> = [
  ...(["title", "x", "y", "alt", "xScale", "yScale"] as const),
  ...(["xRange", "yRange", "xMarks", "yMarks"] as const),
];

/**
 * A line for each series: `lines(sizes, { fork: forkMs }, { title, x: "memory (MiB)", y: "time (ms)", alt
 * })`. Not in Linux.
 */
export function lines(
  x: readonly number[],
  series: SeriesByName<number, number | null>,
  options: LinesOptions,
): Plot {
  checkOptions("lines", options, [...COMMON, "steps"] satisfies OptionNames<LinesOptions>);
  const { steps } = options;
  const of = (name: string, y: (number | null)[]): Series => ({
    kind: "line",
    name,
    x,
    y,
    ...(steps && { steps }),
  });
  return quickPlot("lines", x, series, of, options);
}

/** A point for each value, with no line through them. Not in Linux. */
export function points(
  x: readonly number[],
  series: SeriesByName<number, number | null>,
  options: PlotOptions,
): Plot {
  checkOptions("points", options, COMMON);
  const of = (name: string, y: (number | null)[]): Series => ({ kind: "points", name, x, y });
  return quickPlot("points", x, series, of, options);
}

/**
 * A bar for each value, at names or at numbers: `bars(["fork", "vfork"], { time: [47, 40] }, { ... })`.
 * Not in Linux.
 */
export function bars<X extends string | number>(
  x: readonly X[],
  series: SeriesByName<X, number>,
  options: BarsOptions,
): Plot {
  checkOptions("bars", options, [...COMMON, "stacked"] satisfies OptionNames<BarsOptions>);
  const of = (name: string, y: number[]): Series => ({ kind: "bars", name, x, y });
  return quickPlot("bars", x, series, of, options, options.stacked ? { bars: "stacked" } : {});
}

/** A map of colours: `z[row][column]` is the value at y[row], x[column]. Not in Linux. */
export function heat(
  x: readonly (string | number)[],
  y: readonly (string | number)[],
  z: readonly (readonly (number | null)[])[],
  options: HeatOptions,
): Plot {
  checkOptions("heat", options, ["title", "x", "y", "z", "alt"]);
  checkList("heat", "x", x);
  checkList("heat", "y", y);
  checkList("heat", "z", z);
  for (const row of z) checkList("heat", "each row of z", row);
  const colour = axisOf("heat", "z", options.z, false);
  const name = colour.unit === "" ? colour.label : `${colour.label} (${colour.unit})`;
  const axes = { x: axisOf("heat", "x", options.x, named(x)), y: axisOf("heat", "y", options.y, named(y)) };
  return plot({ title: options.title, alt: options.alt, ...axes, series: [{ kind: "heat", name, x, y, z }] });
}

function quickPlot<X extends string | number, Y extends number | null>(
  of: string,
  x: readonly X[],
  series: SeriesByName<X, Y>,
  seriesOf: (name: string, y: Y[]) => Series,
  options: PlotOptions,
  more: Partial<Figure> = {},
): Plot {
  checkList(of, "x", x);
  if (
    typeof series !== "object" ||
    series === null ||
    Array.isArray(series) ||
    Object.keys(series).length === 0
  )
    throw new TypeError(
      `${of}() takes its values by name, such as { "hit rate": rates }; got ${valueText(series)}`,
    );
  const all = Object.entries(series).map(([name, values]) => seriesOf(name, valuesOf(of, name, x, values)));
  const { title, alt } = options;
  const across = axisOf(of, "x", options.x, named(x), options.xScale, options.xRange);
  const up = axisOf(of, "y", options.y, false, options.yScale, options.yRange);
  const marks = [...marksOf(of, "x", options.xMarks), ...marksOf(of, "y", options.yMarks)];
  return plot({
    title,
    alt,
    x: across,
    y: wholePercent(up, all),
    series: all,
    ...(marks.length > 0 && { marks }),
    ...more,
  });
}

function checkList(of: string, name: string, list: readonly unknown[]): void {
  if (!Array.isArray(list)) throw new TypeError(`${of}() takes ${name} as a list; got ${valueText(list)}`);
}

function named(values: readonly unknown[]): boolean {
  return values.some((value) => typeof value === "string");
}

function valuesOf<X, Y>(of: string, name: string, x: readonly X[], values: Values<X, Y>): Y[] {
  if (typeof values === "function") return x.map((value) => values(value));
  if (Array.isArray(values)) return [...values];
  throw new TypeError(`${of}() takes "${name}" as a list or as a function of x; got ${valueText(values)}`);
}

const EXAMPLE = `such as "time (ms)", or begin with "number of"`;

/** The axis that `text` describes. `names`: it stands for names, which have no unit. */
function axisOf(
  of: string,
  axis: "x" | "y" | "z",
  text: string,
  names: boolean,
  scale?: AxisScale,
  range?: readonly [number, number],
): Axis {
  requireText(text, `${of}'s ${axis}`, `what is measured with its unit, ${EXAMPLE}`);
  if (scale !== undefined && !["linear", "log2", "log10"].includes(scale))
    throw new RangeError(`${of}'s ${axis}Scale must be "linear", "log2" or "log10"; got ${valueText(scale)}`);
  const [, label, unit] = /^(.*\S)\s*\(([^()]+)\)$/.exec(text.trim()) ?? [];
  if (unit === undefined && !names && !/^number of \S/.test(text))
    throw new TypeError(
      `${of}'s ${axis} must end with its unit in brackets, ${EXAMPLE}; got ${valueText(text)}`,
    );
  const format: NumberFormat | undefined = unit === "bytes" || unit === "hex" ? unit : undefined;
  const rest = { ...(scale && { scale }), ...(range && { range }), ...(format && { format }) };
  return { label: label ?? text.trim(), unit: unit ?? "", ...rest };
}

/** Percentages are seen whole, from 0 to 100, unless a range is given or a value lies outside. */
function wholePercent(axis: Axis, all: readonly Series[]): Axis {
  if (axis.unit !== "%" || axis.range !== undefined || isLog(axis)) return axis;
  const values = all.flatMap((series) => [...series.y] as (number | null)[]);
  const inside = values.every((value) => value === null || (value >= 0 && value <= 100));
  return inside ? { ...axis, range: [0, 100] } : axis;
}

function marksOf(of: string, axis: "x" | "y", marks: Readonly<Record<string, number>> = {}): Mark[] {
  return Object.entries(marks).map(([label, value]) => {
    if (typeof value !== "number" || !Number.isFinite(value))
      throw new TypeError(`${of}'s ${axis}Marks["${label}"] must be a number; got ${valueText(value)}`);
    return axis === "x" ? { x: value, label } : { y: value, label };
  });
}
