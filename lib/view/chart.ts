/**
 * Chart: the static picture of a figure, the one that is seen where no script may run.
 *
 *    +--------------------------------------------------+
 *    | Title                                            |   every strip is as tall as its own text needs,
 *    | --o-- series 1   --s-- series 2                  |   and the plane takes what is left: nothing
 *    |            mark of x                             |   can lie on anything else
 *    |  y  +-----------:---------------------+          |
 *    |     |           :                     | mark     |
 *    |     |- - - - - -:- - - - - - - - - - -| of y     |
 *    |     +-----------:---------------------+          |
 *    |        tick   tick   tick   tick                 |
 *    |                  x (unit)                        |
 *    +--------------------------------------------------+
 *
 * drawChart() -> planOf() measures the strips -> axes() and seriesMarkup() fill the plane.
 * Read first: figure.ts and scale.ts. Read next: chart_series.ts (lines, bars and heat maps in the plane).
 */

import { heatBar, type Plane, seriesMarkup, swatch } from "./chart_series.js";
import { axisTitle, type Figure, hasCategories, isLog, type Mark } from "./figure.js";
import { formatNumber, formatter, makeScale, type Scale } from "./scale.js";
import { BOLD, element, fitText, INK, label, line, rect, textWidth, wrap } from "./svg.js";

const TITLE = 16;
const TEXT = 13;
const TICK = 12;
const ROW = 20;
/** Between two lines of the title of the y axis. */
const UP_LINE = 16;
/** Room for what stands above and below the plane, where the title of the y axis must not reach. */
const UNDER = 40;
/** Degrees by which names are tilted that are too long to stand side by side. */
export const TILT = -35;

/** Where everything of a chart stands. */
export interface Plan extends Plane {
  readonly figure: Figure;
  readonly width: number;
  readonly height: number;
  readonly titleLines: readonly string[];
  readonly legend: readonly LegendItem[];
  readonly legendTop: number;
  readonly markRows: readonly number[];
  readonly tilted: boolean;
  /** The title of the y axis, broken so that it stays beside the plane. */
  readonly up: readonly string[];
}

interface LegendItem {
  readonly name: string;
  readonly x: number;
  readonly row: number;
}

/** The body of the SVG of `figure`, which checkFigure() has accepted. */
export function drawChart(figure: Figure): string[] {
  const plan = planOf(figure);
  const clip = element(
    "clipPath",
    { id: "plane" },
    rect(plan.left - 6, plan.top - 6, plan.right - plan.left + 12, plan.bottom - plan.top + 12),
  );
  return [
    ...plan.titleLines.map((text, i) => label(16, 28 + i * ROW, text, { size: TITLE, bold: true })),
    ...legendMarkup(plan),
    ...axes(plan),
    element("defs", {}, clip),
    element(
      "g",
      { "clip-path": "url(#plane)" },
      figure.series.map((s, i) => seriesMarkup(plan, figure, s, i)).join(""),
    ),
    ...(figure.series[0]!.kind === "heat" ? heatBar(plan, figure.series[0]!) : []),
    ...marksMarkup(plan),
  ];
}

/** The names or numbers along a category axis, each once, in the order in which they first occur. */
export function categoriesOf(figure: Figure, name: "x" | "y"): string[] {
  const seen = new Set<string>();
  const write = formatter(figure[name].format);
  for (const series of figure.series) {
    for (const value of series[name] as readonly (string | number)[]) {
      seen.add(typeof value === "number" ? write(value) : value);
    }
  }
  return [...seen];
}

/** Every number that the axis must have room for, marks included. */
function valuesOf(figure: Figure, name: "x" | "y"): number[] {
  const values: number[] = [];
  for (const series of figure.series) {
    for (const value of series[name] as readonly (number | null)[]) if (value !== null) values.push(value);
  }
  if (name === "y" && figure.series.some((s) => s.kind === "bars")) {
    if (!isLog(figure.y)) values.push(0);
    if (figure.bars === "stacked") values.push(...stackTops(figure));
  }
  for (const mark of figure.marks ?? []) if (mark[name] !== undefined) values.push(mark[name]);
  return values.length === 0 ? [isLog(figure[name]) ? 1 : 0] : values;
}

function stackTops(figure: Figure): number[] {
  const sums = new Map<string | number, number>();
  for (const series of figure.series) {
    if (series.kind !== "bars") continue;
    series.x.forEach((key, i) => {
      sums.set(key, (sums.get(key) ?? 0) + series.y[i]!);
    });
  }
  return [...sums.values()];
}

/** A scale on which category number i lies in the middle of its band. */
function categoryScale(names: readonly string[], from: number, to: number, room: number): Scale {
  const band = (to - from) / names.length;
  const stride = Math.max(1, Math.ceil(room / Math.abs(band)));
  const ticks = names.map((_, i) => i).filter((i) => i % stride === 0);
  return {
    at: (i) => from + (i + 0.5) * band,
    domain: [-0.5, names.length - 0.5],
    ticks,
    format: (i) => names[i] ?? "",
  };
}

/**
 * Both scales are built twice: once to learn how wide their labels are, once on the pixels that this leaves.
 */
export function planOf(figure: Figure): Plan {
  const width = figure.width ?? 720;
  const height = figure.height ?? 400;
  // The live figure shows its buttons to the right of the title.
  const titleLines = wrap(figure.title, (width - 180) / BOLD, TITLE);
  const legend = legendOf(figure, width - 32);
  const legendTop = 24 + titleLines.length * ROW;
  const legendRows = legend.length === 0 ? 0 : legend[legend.length - 1]!.row + 1;

  const yDraft = yScale(figure, 300, 0);
  const yLabels = Math.max(...yDraft.ticks.map((t) => textWidth(yDraft.format(t), TICK)));
  const up = upLines(figure, height - legendTop - legendRows * ROW - UNDER);
  const left = 44 + Math.min(yLabels, 150) + (up.length - 1) * UP_LINE;
  const right = width - rightMargin(figure);

  const xNames = hasCategories(figure, "x") ? categoriesOf(figure, "x") : [];
  const longest = Math.max(0, ...xNames.map((n) => textWidth(n, TICK)));
  // Of numbers in a row some will do, and those are read upright.
  const heat = figure.series[0]!.kind === "heat";
  const numbers = heat && xNames.every((name) => /^[\d.,]+$/.test(name));
  const tilted = !numbers && xNames.length > 0 && longest + 8 > (right - left) / xNames.length;
  const bottom = height - 50 - (tilted ? Math.min(longest, 150) * 0.57 : 0);
  const x =
    xNames.length > 0
      ? categoryScale(xNames, left, right, numbers ? longest + 12 : heat ? 24 : 16)
      : xScale(figure, left, right);
  const markRows = markRowsOf(figure, x, left, right);
  const top = legendTop + legendRows * ROW + 10 + Math.max(0, ...markRows.map((row) => row + 1)) * 17;
  const y = yScale(figure, bottom, top);
  return {
    figure,
    width,
    height,
    titleLines,
    legend,
    legendTop,
    markRows,
    tilted,
    up,
    left,
    right,
    top,
    bottom,
    x,
    y,
  };
}

/**
 * The title of the y axis in lines of at most `room` pixels, the unit on the second where that is enough;
 * what is longer than two lines is shortened.
 */
function upLines(figure: Figure, room: number): string[] {
  const { label: name, unit } = figure.y;
  const whole = axisTitle(figure.y);
  if (unit !== "" && textWidth(whole, TEXT) > room && textWidth(name, TEXT) <= room)
    return [name, fitText(`(${unit})`, room, TEXT)];
  const [first, ...rest] = wrap(whole, room, TEXT);
  const lines = rest.length === 0 ? [first!] : [first!, rest.join(" ")];
  return lines.map((text) => fitText(text, room, TEXT));
}

function rightMargin(figure: Figure): number {
  if (figure.series[0]!.kind === "heat") return 120;
  const marks = (figure.marks ?? []).filter((m) => m.y !== undefined);
  return 24 + Math.min(160, Math.max(0, ...marks.map((m) => textWidth(m.label, TICK))));
}

function yScale(figure: Figure, bottom: number, top: number): Scale {
  if (hasCategories(figure, "y")) return categoryScale(categoriesOf(figure, "y"), bottom, top, 16);
  return makeScale(figure.y, valuesOf(figure, "y"), bottom, top, 6);
}

/** Fewer ticks where their labels are wide, so that two labels never touch. */
function xScale(figure: Figure, left: number, right: number): Scale {
  const values = valuesOf(figure, "x");
  for (let most = 10; ; most--) {
    const scale = makeScale(figure.x, values, left, right, most);
    const widest = Math.max(0, ...scale.ticks.map((t) => textWidth(scale.format(t), TICK)));
    const gap = scale.ticks.length < 2 ? right - left : scale.at(scale.ticks[1]!) - scale.at(scale.ticks[0]!);
    if (most <= 2 || gap >= widest + 10) return scale;
  }
}

function legendOf(figure: Figure, room: number): LegendItem[] {
  if (figure.series.length < 2) return [];
  let [x, row] = [16, 0];
  return figure.series.map((series) => {
    const name = fitText(series.name, room - 40, TEXT);
    const width = 36 + textWidth(name, TEXT) + 18;
    if (x > 16 && x + width > room + 16) {
      x = 16;
      row++;
    }
    const item = { name, x, row };
    x += width;
    return item;
  });
}

function legendMarkup(plan: Plan): string[] {
  return plan.legend.map((item, i) => {
    const y = plan.legendTop + item.row * ROW + 4;
    return (
      swatch(plan.figure.series[i]!, i, item.x, y) + label(item.x + 36, y + 4, item.name, { size: TEXT })
    );
  });
}

/** Grid lines, ticks and the two axis titles. */
function axes(plan: Plan): string[] {
  const { left, right, top, bottom, x, y, figure } = plan;
  const out = [rect(left, top, right - left, bottom - top, { fill: INK.card })];
  for (const tick of y.ticks) {
    const at = y.at(tick);
    if (!hasCategories(figure, "y")) out.push(line(left, at, right, at, { stroke: INK.grid }));
    out.push(
      label(left - 8, at + 4, fitText(y.format(tick), 150, TICK), {
        size: TICK,
        anchor: "end",
        fill: INK.faint,
      }),
    );
  }
  for (const tick of x.ticks) {
    const at = x.at(tick);
    if (!hasCategories(figure, "x")) out.push(line(at, top, at, bottom, { stroke: INK.grid }));
    const text = x.format(tick);
    out.push(
      plan.tilted
        ? label(at + 4, bottom + 16, fitText(text, 150, TICK), {
            size: TICK,
            anchor: "end",
            fill: INK.faint,
            rotate: -35,
          })
        : label(at, bottom + 18, text, { size: TICK, anchor: "middle", fill: INK.faint }),
    );
  }
  out.push(
    line(left, bottom, right, bottom, { stroke: INK.faint }),
    line(left, top, left, bottom, { stroke: INK.faint }),
  );
  const across = fitText(axisTitle(figure.x), right - left, TEXT);
  out.push(label((left + right) / 2, plan.height - 12, across, { size: TEXT, anchor: "middle" }));
  const half = Math.max(...plan.up.map((text) => textWidth(text, TEXT))) / 2;
  const middle = Math.min(Math.max((top + bottom) / 2, top + half), plan.height - half - 12);
  plan.up.forEach((text, i) => {
    out.push(label(22 + i * UP_LINE, middle, text, { size: TEXT, anchor: "middle", rotate: -90 }));
  });
  return out;
}

/** The row above the plane in which each mark of x writes its label, so that no two of them touch. */
function markRowsOf(figure: Figure, x: Scale, left: number, right: number): number[] {
  const ends: number[] = [];
  return (figure.marks ?? []).map((mark) => {
    if (mark.x === undefined) return -1;
    const [start, end] = markSpan(mark, x, left, right);
    let row = ends.findIndex((used) => used + 12 <= start);
    if (row < 0) row = ends.length;
    ends[row] = end;
    return row;
  });
}

function markSpan(mark: Mark, x: Scale, left: number, right: number): [number, number] {
  const width = Math.min(textWidth(mark.label, TICK), right - left);
  const start = Math.min(Math.max(x.at(mark.x!) - width / 2, left), right - width);
  return [start, start + width];
}

function marksMarkup(plan: Plan): string[] {
  const { figure, left, right, top, bottom, x, y } = plan;
  const dashed = { stroke: INK.text, "stroke-width": 1.5, "stroke-dasharray": "5 4" };
  const out: string[] = [];
  (figure.marks ?? []).forEach((mark, i) => {
    if (mark.x === undefined) return;
    const [start, end] = markSpan(mark, x, left, right);
    const base = top - 6 - plan.markRows[i]! * 17;
    out.push(line(x.at(mark.x), base + 3, x.at(mark.x), bottom, dashed));
    out.push(
      label((start + end) / 2, base, fitText(mark.label, right - left, TICK), {
        size: TICK,
        anchor: "middle",
      }),
    );
  });
  for (const { mark, shift } of marksAcross(plan)) {
    const at = y.at(mark.y!);
    out.push(line(left, at, right, at, dashed));
    out.push(label(right + 6, at + shift + 4, fitText(mark.label, 160, TICK), { size: TICK }));
  }
  return out;
}

/**
 * The marks of y from the lowest up, and how many pixels (upwards is negative) each label moves to stay
 * clear of the one below.
 */
export function marksAcross(plan: Plan): { mark: Mark; shift: number }[] {
  let lowest = Infinity;
  const marks = (plan.figure.marks ?? []).filter((m) => m.y !== undefined).sort((a, b) => a.y! - b.y!);
  return marks.map((mark) => {
    const at = plan.y.at(mark.y!);
    lowest = Math.min(at, lowest - 15);
    return { mark, shift: lowest - at };
  });
}

/** The figure as text: its title, axes, and up to `most` values of each series. */
export function chartText(figure: Figure, most = 12): string {
  const lines = [
    `Figure: ${figure.title}`,
    `  across: ${axisTitle(figure.x)}`,
    `  up:     ${axisTitle(figure.y)}`,
  ];
  for (const series of figure.series) {
    const cells =
      series.kind === "heat" ? `${series.y.length} by ${series.x.length} cells` : listed(series, most);
    lines.push(`  ${series.name}: ${cells}`);
  }
  for (const mark of figure.marks ?? []) {
    const at = mark.x !== undefined ? `across at ${formatNumber(mark.x)}` : `up at ${formatNumber(mark.y!)}`;
    lines.push(`  mark ${at}: ${mark.label}`);
  }
  lines.push(`  ${figure.alt}`);
  return lines.join("\n");
}

function listed(
  series: { x: readonly (string | number)[]; y: readonly (number | null)[] },
  most: number,
): string {
  const stride = Math.max(1, Math.ceil(series.x.length / most));
  const pairs: string[] = [];
  for (let i = 0; i < series.x.length; i += stride) {
    const x = series.x[i]!;
    const y = series.y[i]!;
    pairs.push(`${typeof x === "number" ? formatNumber(x) : x} -> ${y === null ? "none" : formatNumber(y)}`);
  }
  const shown = stride === 1 ? "" : `  (every ${stride}th of ${series.x.length})`;
  return pairs.join(", ") + shown;
}
