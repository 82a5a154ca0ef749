/**
 * Draw pressure over time: the lists of pages, the free pages between the watermarks, and counters as rates.
 *
 *    drawLists(pressure)                 how many MiB stand on each LRU list, are free, are dirty
 *    drawWatermarks(pressure)            free pages of a zone as a level between min, low and high
 *    drawRates(pressure, ["pgfault"])    how fast counters of /proc/vmstat grow
 *    drawSwapActivity(pressure)          pages that go to swap and come back, by the second
 *
 *    high ....................._____...............
 *          \                  /     \                  while kswapd works the line has another colour
 *    low  ..\................/.......\.............
 *            \______________/
 *    min  .........................................
 *
 * The alt text is made from the data where none is given: where each line begins, ends, and its extremes.
 *
 * Not in Linux. Read first: pressure.ts, figure.ts. Read next: fault_times.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import type { LineSeries, Mark } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { PRESSURE_COUNTERS, type Pressure, type PressureCounter, type PressureSample } from "./pressure.js";
import { formatNumber } from "./scale.js";

/** What may be said about a picture of pressure. */
export interface PressureOptions {
  readonly title?: string;
  readonly alt?: string;
}

/** What may be said about the levels of a zone. */
export interface WatermarkOptions extends PressureOptions {
  /** Name of the zone; the one with the most pages unless given. */
  readonly zone?: string;
}

const PRESSURE = shape({ zones: listOf("object"), samples: listOf("object") });
const MIB = 2 ** 20 / PAGE_SIZE;
/** Pieces into which a run is cut to count events in each. */
const PIECES = 40;

/** Times of samples in the unit that suits the length of the run, counted from its start. */
interface TimeAxis {
  readonly unit: "µs" | "ms" | "s";
  at(ns: number): number;
}

function timeAxis(of: string, samples: readonly PressureSample[]): TimeAxis {
  if (samples.length < 2)
    throw new RangeError(`${of} needs two samples or more; while the machine was watched nothing happened`);
  const startNs = samples[0]!.ns;
  const span = samples[samples.length - 1]!.ns - startNs;
  const [unit, size] =
    span >= 5e9 ? (["s", 1e9] as const) : span >= 5e6 ? (["ms", 1e6] as const) : (["µs", 1e3] as const);
  return { unit, at: (ns) => (ns - startNs) / size };
}

/** "free: 57 at first, 1.2 at least, 60 at most, 3 at the end". */
function lineText({ name, y }: LineSeries): string {
  const values = y.filter((value): value is number => value !== null);
  if (values.length === 0) return `${name}: nothing.`;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const told = [values[0]!, low, high, values[values.length - 1]!].map((value) => formatNumber(value, 1));
  return `${name}: ${told[0]} at first, ${told[1]} at least, ${told[2]} at most, ${told[3]} at the end.`;
}

function altText(series: readonly LineSeries[]): string {
  return series.map(lineText).join(" ");
}

const LISTS: Readonly<Record<string, (sample: PressureSample) => number>> = {
  free: ({ free }) => free.reduce((sum, pages) => sum + pages, 0),
  "inactive, files": ({ lists }) => lists.inactiveFile,
  "active, files": ({ lists }) => lists.activeFile,
  "inactive, anonymous": ({ lists }) => lists.inactiveAnon,
  "active, anonymous": ({ lists }) => lists.activeAnon,
  unevictable: ({ lists }) => lists.unevictable,
  "dirty or being written": ({ dirty, writeback }) => dirty + writeback,
  "in swap": ({ swapUsed }) => swapUsed,
};

/**
 * The LRU lists, free and dirty memory and what is in swap over time, in MiB; what is never there is left
 * out. Not in Linux.
 */
export function drawLists(pressure: Pressure, options: PressureOptions = {}): Plot {
  checkArguments("drawLists()", { pressure: PRESSURE, options: { title: "text", alt: "text" } }, [
    pressure,
    options,
  ]);
  const { samples } = pressure;
  const time = timeAxis("drawLists()", samples);
  const x = samples.map(({ ns }) => time.at(ns));
  const all = Object.entries(LISTS).map(([name, pages]): LineSeries => {
    return { kind: "line", name, x, y: samples.map((sample) => pages(sample) / MIB), markers: false };
  });
  const series = all.filter(({ name, y }) => name === "free" || y.some((value) => value! >= 0.02));
  return plot({
    title: options.title ?? "Where the memory is",
    alt: options.alt ?? altText(series),
    x: { label: "simulated time", unit: time.unit },
    y: { label: "memory", unit: "MiB" },
    series,
  });
}

/**
 * The free pages of a zone over time, with its watermarks as levels, up to a few times the high one: there it
 * is decided who works and who waits. Not in Linux.
 */
export function drawWatermarks(pressure: Pressure, options: WatermarkOptions = {}): Plot {
  checkArguments(
    "drawWatermarks()",
    { pressure: PRESSURE, options: { title: "text", alt: "text", zone: "text" } },
    [pressure, options],
  );
  const { zones, samples } = pressure;
  const time = timeAxis("drawWatermarks()", samples);
  const most = Math.max(...zones.map(({ managed }) => managed));
  const at = zones.findIndex(({ name, managed }) =>
    options.zone === undefined ? managed === most : name === options.zone,
  );
  if (at < 0)
    throw new RangeError(
      `drawWatermarks(): there is no zone ${valueText(options.zone)}; there are ${zones.map(({ name }) => name).join(", ")}`,
    );
  const { name, min, low, high } = zones[at]!;
  const series = [false, true].flatMap((works): LineSeries[] => {
    const line = workingLine(samples, at, works, time);
    return line.y.some((value) => value !== null) ? [line] : [];
  });
  const marks: Mark[] = [
    { y: min, label: `min ${min}` },
    { y: low, label: `low ${low}` },
    { y: high, label: `high ${high}` },
  ];
  return plot({
    title: options.title ?? `Free pages of zone ${name}, and its watermarks`,
    alt: options.alt ?? `min ${min}, low ${low}, high ${high} pages. ${altText(series)}`,
    x: { label: "simulated time", unit: time.unit },
    y: { label: "number of free pages", unit: "", range: [0, Math.max(8, high * 2.5)] },
    series,
    marks,
  });
}

/** The free pages while kswapd works, or while it sleeps; a piece ends where the next one begins. */
function workingLine(
  samples: readonly PressureSample[],
  zone: number,
  works: boolean,
  time: TimeAxis,
): LineSeries {
  const y = samples.map(({ kswapdWorks, free }, i) =>
    kswapdWorks === works || samples[i - 1]?.kswapdWorks === works ? free[zone]! : null,
  );
  const name = works ? "while kswapd works" : "while kswapd sleeps";
  return { kind: "line", name, x: samples.map(({ ns }) => time.at(ns)), y, markers: false };
}

/**
 * How fast counters of /proc/vmstat grow, in events a second. RangeError for a counter that samples do not
 * hold. Not in Linux: sar -B.
 */
export function drawRates(
  pressure: Pressure,
  counters: readonly PressureCounter[],
  options: PressureOptions = {},
): Plot {
  checkArguments(
    "drawRates()",
    { pressure: PRESSURE, counters: listOf("text"), options: { title: "text", alt: "text" } },
    [pressure, counters, options],
  );
  if (counters.length === 0) throw new RangeError("drawRates() needs the name of a counter");
  for (const name of counters)
    if (!PRESSURE_COUNTERS.includes(name))
      throw new RangeError(
        `drawRates(): samples hold no counter ${valueText(name)}; they hold ${PRESSURE_COUNTERS.join(", ")}`,
      );
  const { series, time } = ratesOf("drawRates()", pressure.samples, counters.map(byItsName));
  return plot({
    title: options.title ?? "Counters of /proc/vmstat as rates",
    alt: options.alt ?? altText(series),
    x: { label: "simulated time", unit: time.unit },
    y: { label: "rate", unit: "pages or events/s" },
    series,
  });
}

/** A counter, and what the legend calls it. */
interface NamedCounter {
  readonly counter: PressureCounter;
  readonly name: string;
}

function byItsName(counter: PressureCounter): NamedCounter {
  return { counter, name: counter };
}

/** A line for each counter: how fast it grows. */
function ratesOf(
  of: string,
  samples: readonly PressureSample[],
  counters: readonly NamedCounter[],
): { series: LineSeries[]; time: TimeAxis } {
  const time = timeAxis(of, samples);
  const pieces = inPieces(samples);
  const x = pieces.map(({ from, to }) => time.at((from.ns + to.ns) / 2));
  const series = counters.map(({ counter, name }): LineSeries => {
    const y = pieces.map(
      ({ from, to }) => ((to.counters[counter] - from.counters[counter]) / (to.ns - from.ns)) * 1e9,
    );
    return { kind: "line", name, x, y };
  });
  return { series, time };
}

/** What goes to swap and comes back. The first two are always drawn. */
const SWAP_COUNTERS: readonly NamedCounter[] = [
  { counter: "pswpout", name: "so: written to the device" },
  { counter: "pswpin", name: "si: read from the device" },
  { counter: "zswpout", name: "compressed by zswap" },
  { counter: "zswpin", name: "decompressed by zswap" },
  { counter: "swpout_zero", name: "found to be zeros" },
  { counter: "swpin_zero", name: "filled with zeros" },
];

/**
 * Pages that go to swap and come back over time, by the second: `so` and `si` of vmstat, and what zswap and
 * the zero map have saved the device, if there is any. drawLists() shows how much lies there.
 * Not in Linux: vmstat 1, sar -W.
 */
export function drawSwapActivity(pressure: Pressure, options: PressureOptions = {}): Plot {
  checkArguments("drawSwapActivity()", { pressure: PRESSURE, options: { title: "text", alt: "text" } }, [
    pressure,
    options,
  ]);
  const { samples } = pressure;
  const grows = ({ counter }: NamedCounter): boolean =>
    (samples.at(-1)?.counters[counter] ?? 0) > (samples[0]?.counters[counter] ?? 0);
  const counters = SWAP_COUNTERS.filter((one, i) => i < 2 || grows(one));
  const { series, time } = ratesOf("drawSwapActivity()", samples, counters);
  return plot({
    title: options.title ?? "Pages to swap and back",
    alt: options.alt ?? altText(series),
    x: { label: "simulated time", unit: time.unit },
    y: { label: "rate", unit: "pages/s" },
    series,
  });
}

/** The run cut into pieces of equal time, by the samples that lie nearest. */
function inPieces(samples: readonly PressureSample[]): { from: PressureSample; to: PressureSample }[] {
  const [first, last] = [samples[0]!, samples[samples.length - 1]!];
  const pieces: { from: PressureSample; to: PressureSample }[] = [];
  let from = first;
  for (const sample of samples) {
    if (sample !== last && sample.ns - from.ns < (last.ns - first.ns) / PIECES) continue;
    if (sample.ns > from.ns) pieces.push({ from, to: sample });
    from = sample;
  }
  return pieces;
}
