/**
 * Chart series: lines, points, bars and heat maps inside the plane of a chart.
 *
 *    plane:  left, right, top, bottom in pixels; x.at(value) and y.at(value) give the pixel
 *
 * A series is told apart by colour and by a second sign as well: the dashes of its line, the shape of its
 * points, the hatching of its bars. A line of many values is thinned to what a screen can show: in each
 * column of pixels its first, lowest, highest and last value, so that no spike is lost.
 *
 * Read first: chart.ts.
 */

import type { BarSeries, Figure, HeatSeries, LineSeries, Series } from "./figure.js";
import { formatNumber, type Scale } from "./scale.js";
import { element, fitText, INK, label, px, rect, SERIES_COLOURS } from "./svg.js";

/** The part of a chart in which values have pixels. */
export interface Plane {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: Scale;
  readonly y: Scale;
}

const DASHES: readonly (string | undefined)[] = [
  undefined,
  "8 4",
  "2 3",
  "10 3 2 3",
  "4 2",
  "12 4",
  "6 2 2 2 2 2",
  "1 2",
];
/** Beyond this many values of a line, points on it are left out unless asked for. */
const MANY = 40;

/** The markup of series number `index`. */
export function seriesMarkup(plane: Plane, figure: Figure, series: Series, index: number): string {
  if (series.kind === "heat") return heatMarkup(plane, series);
  if (series.kind === "bars") return barsMarkup(plane, figure, series, index);
  return lineMarkup(plane, series, index);
}

/** The sample of a series that stands in the legend, 28 pixels wide, centred on `y`. */
export function swatch(series: Series, index: number, x: number, y: number): string {
  const colour = SERIES_COLOURS[index]!;
  if (series.kind === "bars") return bar(x + 6, y - 6, 16, 12, index);
  if (series.kind === "heat") return "";
  const path = element("path", { d: `M${px(x)} ${px(y)}h28`, ...strokeOf(index) });
  if (series.kind === "points") return shape(x + 14, y, index, colour);
  return hasMarkers(series) ? path + shape(x + 14, y, index, colour) : path;
}

function strokeOf(index: number): Record<string, string | number | undefined> {
  return {
    fill: "none",
    stroke: SERIES_COLOURS[index],
    "stroke-width": 2,
    "stroke-dasharray": DASHES[index],
    "stroke-linejoin": "round",
  };
}

function hasMarkers(series: LineSeries): boolean {
  return series.markers ?? (series.x.length <= MANY && !series.steps);
}

/**
 * A point whose shape tells the series as well: circle, square, triangle, diamond, then these again hollow.
 */
function shape(x: number, y: number, index: number, colour: string): string {
  const paint =
    index < 4 ? { fill: colour, stroke: INK.card } : { fill: INK.card, stroke: colour, "stroke-width": 2 };
  if (index % 4 === 0) return element("circle", { cx: x, cy: y, r: 4, ...paint });
  if (index % 4 === 1) return rect(x - 3.5, y - 3.5, 7, 7, paint);
  const d =
    index % 4 === 2
      ? `M${px(x)} ${px(y - 4.5)}L${px(x + 4.5)} ${px(y + 3.5)}H${px(x - 4.5)}Z`
      : `M${px(x)} ${px(y - 5)}L${px(x + 5)} ${px(y)}L${px(x)} ${px(y + 5)}L${px(x - 5)} ${px(y)}Z`;
  return element("path", { d, ...paint });
}

type Point = readonly [number, number];

/** The pixels of a series, cut into runs where a value is missing. */
function runsOf(plane: Plane, series: LineSeries): Point[][] {
  const runs: Point[][] = [[]];
  series.x.forEach((x, i) => {
    const y = series.y[i]!;
    if (y === null) runs.push([]);
    else runs[runs.length - 1]!.push([plane.x.at(x), plane.y.at(y)]);
  });
  return runs.filter((run) => run.length > 0);
}

/** At most four points in each column of pixels: the first, the highest, the lowest and the last. */
function thin(points: readonly Point[]): Point[] {
  const out: Point[] = [];
  let i = 0;
  while (i < points.length) {
    const column = Math.floor(points[i]![0]);
    let [end, low, high] = [i, i, i];
    while (end < points.length && Math.floor(points[end]![0]) === column) {
      if (points[end]![1] < points[low]![1]) low = end;
      if (points[end]![1] > points[high]![1]) high = end;
      end++;
    }
    for (const k of [...new Set([i, low, high, end - 1])].sort((a, b) => a - b)) out.push(points[k]!);
    i = end;
  }
  return out;
}

function pathOf(points: readonly Point[], steps: boolean): string {
  let d = "";
  points.forEach(([x, y], i) => {
    if (i === 0) d += `M${px(x)} ${px(y)}`;
    else d += steps ? `H${px(x)}V${px(y)}` : `L${px(x)} ${px(y)}`;
  });
  return d;
}

function lineMarkup(plane: Plane, series: LineSeries, index: number): string {
  const runs = runsOf(plane, series);
  const colour = SERIES_COLOURS[index]!;
  let out = "";
  if (series.kind === "line") {
    const d = runs.map((run) => pathOf(thin(run), series.steps ?? false)).join("");
    out += element("path", { d, ...strokeOf(index) });
  }
  if (series.kind === "line" && !hasMarkers(series)) return out;
  const points = runs.flat();
  if (points.length <= 300) return out + points.map(([x, y]) => shape(x, y, index, colour)).join("");
  const places = new Set(points.map(([x, y]) => `M${Math.round(x)} ${Math.round(y)}h0`));
  const dots = { fill: "none", stroke: colour, "stroke-width": 4, "stroke-linecap": "round" };
  return out + element("path", { d: [...places].join(""), ...dots });
}

/** One bar, hatched from the second series on. */
function bar(x: number, y: number, width: number, height: number, index: number): string {
  const colour = SERIES_COLOURS[index]!;
  const solid = rect(x, y, width, height, { fill: colour });
  if (index === 0 || width < 5) return solid;
  let d = "";
  const gap = 4 + index * 2;
  for (let at = gap; at < width + height; at += gap) {
    const [x1, y1] = at <= height ? [0, at] : [at - height, height];
    const [x2, y2] = at <= width ? [at, 0] : [width, at - width];
    d += `M${px(x + x1!)} ${px(y + y1!)}L${px(x + x2!)} ${px(y + y2!)}`;
  }
  return solid + element("path", { d, stroke: INK.card, "stroke-width": 1, fill: "none", opacity: 0.7 });
}

function barsMarkup(plane: Plane, figure: Figure, series: BarSeries, index: number): string {
  const bars = figure.series.filter((s): s is BarSeries => s.kind === "bars");
  const stacked = figure.bars === "stacked";
  const place = bars.indexOf(series);
  const [low, high] = plane.x.domain;
  const band = (plane.right - plane.left) / (high - low);
  const width = (band * 0.76) / (stacked ? 1 : bars.length);
  const below = stacked ? bars.slice(0, place) : [];
  let out = "";
  series.y.forEach((value, i) => {
    const key = series.x[i]!;
    const base = sumAt(below, key);
    const left = plane.x.at(indexOf(bars, key)) - band * 0.38 + (stacked ? 0 : place * width);
    const foot = plane.y.at(Math.max(base, plane.y.domain[0]));
    const head = plane.y.at(base + value);
    out += bar(left, Math.min(foot, head), width - (stacked ? 0 : 1), Math.abs(foot - head), index);
  });
  return out;
}

function sumAt(bars: readonly BarSeries[], key: string | number): number {
  let sum = 0;
  for (const series of bars) {
    const i = series.x.indexOf(key);
    if (i >= 0) sum += series.y[i]!;
  }
  return sum;
}

/** The place of `key` among the categories of all bar series, in order of first occurrence. */
function indexOf(bars: readonly BarSeries[], key: string | number): number {
  return [...new Set(bars.flatMap((b) => b.x))].indexOf(key);
}

/**
 * The scale "cividis", made to look the same to people with and without colour blindness; 0 is dark, 1 is
 * light.
 */
export const CIVIDIS: readonly (readonly [number, string])[] = [
  [0, "#00224e"],
  [0.2, "#35456c"],
  [0.4, "#666970"],
  [0.6, "#948e77"],
  [0.8, "#c8b866"],
  [1, "#fee838"],
];

/** The colour of `share` (0 to 1) on the cividis scale. */
function heatColour(share: number): string {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const i = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const part = (hexColour: string, k: number) => Number.parseInt(hexColour.slice(1 + 2 * k, 3 + 2 * k), 16);
  const [from, to] = [CIVIDIS[i]![1], CIVIDIS[i + 1]![1]];
  const mixed = [0, 1, 2].map((k) => Math.round(part(from, k) + (part(to, k) - part(from, k)) * (at - i)));
  return `#${mixed.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

/** Smallest and largest value of a heat map. */
function heatRange(series: HeatSeries): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const row of series.z) {
    for (const value of row) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > high ? [0, 1] : low === high ? [low, low + 1] : [low, high];
}

/** Cells of one colour share one path; 64 colours are enough for an eye. */
function heatMarkup(plane: Plane, series: HeatSeries): string {
  const [low, high] = heatRange(series);
  const width = (plane.right - plane.left) / series.x.length;
  const height = (plane.bottom - plane.top) / series.y.length;
  const paths = new Map<number, string>();
  series.z.forEach((row, r) => {
    row.forEach((value, c) => {
      if (value === null) return;
      const bucket = Math.round(((value - low) / (high - low)) * 63);
      const corner = `M${px(plane.left + c * width)} ${px(plane.bottom - (r + 1) * height)}`;
      const d = `${corner}h${px(width)}v${px(height)}h${px(-width)}z`;
      paths.set(bucket, (paths.get(bucket) ?? "") + d);
    });
  });
  return [...paths]
    .sort((a, b) => a[0] - b[0])
    .map(([bucket, d]) =>
      element("path", { d, fill: heatColour(bucket / 63), "shape-rendering": "crispEdges" }),
    )
    .join("");
}

/** The strip to the right of a heat map that says which colour is which value. */
export function heatBar(plane: Plane, series: HeatSeries): string[] {
  const [low, high] = heatRange(series);
  const x = plane.right + 22;
  const step = (plane.bottom - plane.top) / 32;
  const out: string[] = [];
  for (let i = 0; i < 32; i++) {
    out.push(rect(x, plane.bottom - (i + 1) * step, 14, step + 0.5, { fill: heatColour(i / 31) }));
  }
  const ends: [number, number][] = [
    [low, plane.bottom],
    [(low + high) / 2, (plane.top + plane.bottom) / 2 + 4],
    [high, plane.top + 10],
  ];
  for (const [value, y] of ends)
    out.push(label(x + 20, y, fitText(formatNumber(value, 2), 58, 12), { size: 12 }));
  const name = fitText(series.name, plane.bottom - plane.top, 12);
  const middle = (plane.top + plane.bottom) / 2;
  out.push(label(plane.right + 112, middle, name, { size: 12, anchor: "middle", rotate: -90 }));
  return out;
}
