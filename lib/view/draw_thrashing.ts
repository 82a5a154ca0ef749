/**
 * Draw thrashing: curves of what measureThrashing() has measured.
 *
 *    drawThrashing({ disk: [run, run, ...], zram: [...] })                     work done over programs at once
 *    drawThrashing(curves, { y: "useful" })                                    useful work of the CPUs, in %
 *    drawThrashing({ ssd: runs }, { x: "ram" })                                over the size of memory
 *
 *    pages used/s
 *       |       /\            the mark: so many programs fit into memory
 *       |     /   :\___
 *       |   /     :    ----
 *       +---------:---------- programs at once
 *
 * Not in Linux. Read first: thrashing.ts, quick_plot.ts.
 */
import { valueText } from "../hw/options.js";
import { checkArguments } from "../hw/signature.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatNumber } from "./scale.js";
import type { Thrashing } from "./thrashing.js";

/** What may be said about curves of thrashing. */
export interface ThrashingPlotOptions {
  /** What lies across: programs at once (the default) or the size of RAM. */
  readonly x?: "programs" | "ram";
  /**
   * What goes up: pages used by the second (the default), the CPUs' time with useful work, the same with the
   * kernel's work for programs, the programs' time waiting for a device, or major faults by the second.
   */
  readonly y?: keyof typeof HEIGHTS;
  /** Equal factors are equally far apart: for devices that are far apart. Not for percentages. */
  readonly log?: boolean;
  readonly title?: string;
  readonly alt?: string;
}

interface Height {
  readonly label: string;
  readonly unit: string;
  of(run: Thrashing): number;
}

const HEIGHTS = {
  throughput: { label: "work done", unit: "pages used/s", of: (run: Thrashing) => run.accessesPerSecond },
  useful: { label: "CPU time with useful work", unit: "%", of: (run: Thrashing) => 100 * run.usefulCpu },
  busy: {
    label: "CPU time of programs and kernel",
    unit: "%",
    of: (run: Thrashing) => 100 * run.busyCpu,
  },
  waiting: { label: "programs waiting for a device", unit: "%", of: (run: Thrashing) => 100 * run.waiting },
  faults: {
    label: "major faults",
    unit: "faults/s",
    of: (run: Thrashing) => (run.majorFaults / run.ns) * 1e9,
  },
} as const satisfies Record<string, Height>;

const WIDTHS = {
  programs: { label: "programs at once", unit: "", of: (run: Thrashing) => run.atOnce },
  ram: { label: "memory", unit: "MiB", of: (run: Thrashing) => run.ramBytes / 2 ** 20 },
} as const;

/**
 * Curves of runs, each by a name, in one picture; RangeError for a curve without a run. Not in Linux.
 */
export function drawThrashing(
  curves: Readonly<Record<string, readonly Thrashing[]>>,
  options: ThrashingPlotOptions = {},
): Plot {
  checkArguments(
    "drawThrashing()",
    { curves: "object", options: { x: "text", y: "text", log: "flag", title: "text", alt: "text" } },
    [curves, options],
  );
  const across = choice("x", options.x ?? "programs", WIDTHS);
  const up: Height = choice("y", options.y ?? "throughput", HEIGHTS);
  const log = options.log === true && up.unit !== "%";
  const series = Object.entries(curves).map(([name, runs]): LineSeries => {
    if (!Array.isArray(runs) || runs.length === 0)
      throw new RangeError(
        `drawThrashing(): curve ${valueText(name)} needs a list of runs; got ${valueText(runs)}`,
      );
    const y = (runs as readonly Thrashing[]).map((run) => (log ? Math.max(up.of(run), 1e-3) : up.of(run)));
    return { kind: "line", name, x: (runs as readonly Thrashing[]).map(across.of), y, markers: true };
  });
  return plot({
    title: options.title ?? `${capital(up.label)}, over ${across.label}`,
    alt: options.alt ?? series.map(curveText).join(" "),
    x: { label: across.label, unit: across.unit },
    y: {
      label: up.label,
      unit: up.unit,
      ...(log ? { scale: "log10" } : up.unit === "%" ? { range: [0, 100] } : {}),
    },
    series,
    marks: marksOf(Object.values(curves).flat(), options.x ?? "programs"),
  });
}

function choice<T>(option: string, name: string, among: Readonly<Record<string, T>>): T {
  if (!Object.hasOwn(among, name))
    throw new RangeError(
      `drawThrashing(): ${option} is one of ${Object.keys(among).join(", ")}; got ${valueText(name)}`,
    );
  return among[name]!;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Where memory is full, if that is the same for all runs. */
function marksOf(runs: readonly Thrashing[], x: keyof typeof WIDTHS): { x: number; label: string }[] {
  const fits = new Set(runs.map(({ fit }) => fit));
  const [fit] = fits;
  const most = Math.max(...runs.map(({ atOnce }) => atOnce));
  return x === "programs" && fits.size === 1 && fit! < most && fit! > 0
    ? [{ x: fit!, label: `${fit} fit into memory` }]
    : [];
}

/** "disk: 121,175 at 1, at most 711,735 at 6, 633 at 12." */
function curveText({ name, x, y }: LineSeries): string {
  const values = y as readonly number[];
  const most = values.indexOf(Math.max(...values));
  const last = values.length - 1;
  const told = (i: number): string => `${formatNumber(values[i]!, 1)} at ${formatNumber(x[i]!, 1)}`;
  return `${name}: ${told(0)}, at most ${told(most)}, ${told(last)}.`;
}
