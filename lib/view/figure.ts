/**
 * Figure: plain data for a plot, and the check that it can be read.
 *
 *    const figure = {
 *      title: "A working set larger than the TLB reach misses",
 *      x: { label: "working set", unit: "bytes", scale: "log2", format: "bytes" },
 *      y: { label: "hit rate", unit: "%", range: [0, 100] },
 *      alt: "The hit rate stays near 100 % up to 256 KiB, then falls to 3 % at 4 MiB.",
 *      series: [{ kind: "line", name: "64 entries, 4 ways", x: sizes, y: rates }],
 *      marks: [{ x: 256 * 1024, label: "TLB reach" }],
 *    };
 *    plot(figure)
 *
 * A picture nobody can read teaches nothing, so title, axis labels, units and an alt text are required; an
 * axis that counts or names things has the unit "". Sizes have limits: an output of a notebook is kept in its
 * file.
 *
 * Read next: scale.ts (values to pixels), chart.ts (the static picture), plotly.ts (the live one), plot.ts
 * (both in one output).
 */

import { checkOptions, valueText } from "../hw/options.js";
import { requireText } from "./picture.js";

/** How the numbers along an axis are written. Addresses are "hex". */
export type NumberFormat = "number" | "bytes" | "hex" | "ns";

/** One axis of a figure. */
export interface Axis {
  /** What is measured, without the unit. */
  readonly label: string;
  /** The unit, written after the label in brackets; "" for a plain count or for names. */
  readonly unit: string;
  /** "linear" unless given. The logarithmic scales take values above zero only. */
  readonly scale?: "linear" | "log10" | "log2";
  /** First and last value of the axis; taken from the data unless given. */
  readonly range?: readonly [number, number];
  readonly format?: NumberFormat;
}

/** A line through points or points alone; null leaves a gap. */
export interface LineSeries {
  readonly kind: "line" | "points";
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** Draw the line as a staircase that changes its value at each x. */
  readonly steps?: boolean;
  /** Mark each value of a line. Up to 40 values are marked unless this says otherwise. */
  readonly markers?: boolean;
}

/**
 * Bars at names or numbers; several series stand side by side, or on each other where `figure.bars` is
 * "stacked".
 */
export interface BarSeries {
  readonly kind: "bars";
  readonly name: string;
  readonly x: readonly (string | number)[];
  readonly y: readonly number[];
}

/** A heat map: `z[row][column]` is the value at y[row], x[column]. The only series of its figure. */
export interface HeatSeries {
  readonly kind: "heat";
  /** What the colour means, with its unit. */
  readonly name: string;
  readonly x: readonly (string | number)[];
  readonly y: readonly (string | number)[];
  readonly z: readonly (readonly (number | null)[])[];
}

export type Series = LineSeries | BarSeries | HeatSeries;

/** A straight line across the plot at one value of x or of y, such as a watermark. */
export interface Mark {
  readonly x?: number;
  readonly y?: number;
  readonly label: string;
}

/** Everything that `plot` needs, as plain data. */
export interface Figure {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** What the picture shows, in a sentence, for a reader who cannot see it. */
  readonly alt: string;
  readonly series: readonly Series[];
  readonly bars?: "grouped" | "stacked";
  readonly marks?: readonly Mark[];
  /** Pixels; 720 by 400 unless given. */
  readonly width?: number;
  readonly height?: number;
}

/** Most values a line or bar series may hold. */
const MAX_POINTS = 20_000;
/** Most cells of a heat map. */
const MAX_HEAT_CELLS = 10_000;
/** Most series of one figure: more lines than colours cannot be told apart. */
const MAX_SERIES = 8;

const LINE_FIELDS = ["kind", "name", "x", "y", "steps", "markers"];
/** The fields of a series of each kind. */
const FIELDS: Readonly<Record<Series["kind"], readonly string[]>> = {
  line: LINE_FIELDS,
  points: LINE_FIELDS,
  bars: ["kind", "name", "x", "y"],
  heat: ["kind", "name", "x", "y", "z"],
};

/** Throws a TypeError or RangeError that names the first thing in `figure` that is missing or wrong. */
export function checkFigure(figure: Figure): void {
  if (typeof figure !== "object" || figure === null) {
    throw new TypeError(
      `plot() takes a figure, an object with title, x, y, alt and series; got ${valueText(figure)}`,
    );
  }
  checkOptions("a figure", figure, ["title", "x", "y", "alt", "series", "bars", "marks", "width", "height"]);
  requireText(figure.title, "figure.title", "what the figure shows");
  checkAxis(figure.x, "x");
  checkAxis(figure.y, "y");
  requireText(figure.alt, "figure.alt", "one sentence for a reader who cannot see the picture");
  checkSize(figure.width ?? 720, "width");
  checkSize(figure.height ?? 400, "height");
  if (!Array.isArray(figure.series) || figure.series.length === 0) {
    throw new TypeError("figure.series must be a list with at least one series");
  }
  if (figure.series.length > MAX_SERIES) {
    throw new RangeError(
      `figure.series has ${figure.series.length} series; at most ${MAX_SERIES} can be told apart`,
    );
  }
  figure.series.forEach((series, i) => {
    checkSeries(figure, series, `figure.series[${i}]`);
  });
  figure.marks?.forEach((mark, i) => {
    checkOptions(`figure.marks[${i}]`, mark, ["x", "y", "label"]);
    requireText(mark.label, `figure.marks[${i}].label`, "what the line stands for");
    if ((mark.x === undefined) === (mark.y === undefined)) {
      throw new TypeError(`figure.marks[${i}] needs either x or y, not both`);
    }
  });
}

function checkAxis(axis: Axis | undefined, name: "x" | "y"): void {
  if (typeof axis !== "object" || axis === null) {
    throw new TypeError(
      `figure.${name} must be an axis such as { label: "time", unit: "ms" }; it is missing`,
    );
  }
  checkOptions(`figure.${name}`, axis, ["label", "unit", "scale", "range", "format"]);
  requireText(axis.label, `figure.${name}.label`, "what is measured");
  if (typeof axis.unit !== "string") {
    throw new TypeError(
      `figure.${name}.unit must be a text such as "KiB", or "" for a plain count; it is missing`,
    );
  }
  const { range } = axis;
  if (range && !(Number.isFinite(range[0]) && Number.isFinite(range[1]) && range[0] < range[1])) {
    throw new RangeError(`figure.${name}.range must be [smaller, larger]; got [${range.join(", ")}]`);
  }
  if (range && isLog(axis) && range[0] <= 0) {
    throw new RangeError(`figure.${name}.range starts at ${range[0]}; a logarithmic axis starts above 0`);
  }
}

function checkSize(pixels: number, name: string): void {
  if (!(pixels >= 200 && pixels <= 2000)) {
    throw new RangeError(`figure.${name} must be 200 to 2000 pixels; got ${pixels}`);
  }
}

function checkSeries(figure: Figure, series: Series, where: string): void {
  if (!Object.hasOwn(FIELDS, series.kind)) {
    const kinds = Object.keys(FIELDS).join(", ");
    throw new TypeError(`${where}.kind must be one of ${kinds}; got ${String(series.kind)}`);
  }
  checkOptions<Partial<Record<string, unknown>>>(where, { ...series }, FIELDS[series.kind]);
  requireText(series.name, `${where}.name`, "what the series shows");
  if (series.kind === "heat") {
    if (figure.series.length > 1)
      throw new TypeError(`${where} is a heat map, which must be the only series`);
    checkHeat(series, where);
    return;
  }
  if (series.x.length !== series.y.length) {
    throw new RangeError(`${where} has ${series.x.length} values of x but ${series.y.length} of y`);
  }
  if (series.x.length === 0) throw new RangeError(`${where} has no values`);
  if (series.x.length > MAX_POINTS) {
    throw new RangeError(
      `${where} has ${series.x.length} values; the limit is ${MAX_POINTS}, so thin them out first`,
    );
  }
  if (series.kind !== "bars") checkNumbers(series.x, figure.x, `${where}.x`);
  checkNumbers(series.y, figure.y, `${where}.y`);
}

function checkNumbers(values: readonly (number | null)[], axis: Axis, where: string): void {
  values.forEach((value, i) => {
    if (value === null && where.endsWith("y")) return;
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new TypeError(`${where}[${i}] must be a finite number; got ${String(value)}`);
    }
    if (isLog(axis) && value <= 0) {
      throw new RangeError(`${where}[${i}] is ${value}; a logarithmic axis takes values above 0 only`);
    }
  });
}

function checkHeat(series: HeatSeries, where: string): void {
  const cells = series.x.length * series.y.length;
  if (cells === 0) throw new RangeError(`${where} has no cells`);
  if (cells > MAX_HEAT_CELLS) {
    throw new RangeError(`${where} has ${cells} cells; the limit is ${MAX_HEAT_CELLS}`);
  }
  const ragged = series.z.findIndex((row) => row.length !== series.x.length);
  if (series.z.length !== series.y.length || ragged >= 0) {
    const got =
      ragged >= 0 ? `z[${ragged}] has ${series.z[ragged]!.length} values` : `z has ${series.z.length} rows`;
    throw new RangeError(`${where}.z must have ${series.y.length} rows of ${series.x.length} values; ${got}`);
  }
}

/** Whether the axis is logarithmic. */
export function isLog(axis: Axis): boolean {
  return axis.scale === "log10" || axis.scale === "log2";
}

/**
 * Whether the axis stands for names or for one bar or cell after another, rather than for numbers on a
 * scale.
 */
export function hasCategories(figure: Figure, name: "x" | "y"): boolean {
  const [first] = figure.series;
  return name === "x" ? first!.kind === "bars" || first!.kind === "heat" : first!.kind === "heat";
}

/** "hit rate (%)": the label with the unit in brackets. */
export function axisTitle(axis: Axis): string {
  return axis.unit === "" ? axis.label : `${axis.label} (${axis.unit})`;
}
