/**
 * Draw the free lists over time: how many MiB lie in free blocks of which order, while programs run.
 *
 *    free memory (MiB)
 *     40 |-----.            order 10 (4 MiB)
 *        |      '---.__                          the large blocks go first, and what comes
 *     10 |      .------'---- order 0 to 2        back comes in pieces: fragmentation
 *        +---------------------- simulated time (ms)
 *
 *    sampleFreeBlocks(machine, act) --samples--> drawFreeBlocks(samples)
 *
 * A sample is what /proc/buddyinfo says of all zones together; what CPUs keep for themselves is in none of
 * the lists. It is taken when something happens (a tracepoint fires) and the last one is old enough; when
 * there are too many, every second is dropped. Looking costs no simulated time.
 *
 * Not in Linux: a loop around cat /proc/buddyinfo. Read first: ../procfs/buddyinfo.ts. Read next:
 * draw_frame_map.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { PressureOptions } from "./draw_pressure.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatBytes, formatNumber } from "./scale.js";

/** The free lists at one moment. */
export interface FreeBlocks {
  /** Simulated time. */
  readonly ns: number;
  /** `free[order]` blocks of 2^order frames, in all zones. */
  readonly free: readonly number[];
}

/** Samples at which half of them are dropped. */
const MOST_SAMPLES = 400;
const MIB = 2 ** 20;

/** The orders that share a line: there are no more lines than colours that can be told apart. */
const GROUPS: readonly (readonly [number, number])[] = [
  ...([
    [0, 0],
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
    [9, 9],
    [10, 10],
  ] as const),
];

/**
 * Runs `act` and takes samples of the free lists meanwhile, the first before it and the last after it. An
 * error of `act` goes on to the caller. Not in Linux.
 */
export function sampleFreeBlocks(machine: Machine, act: () => void): FreeBlocks[] {
  checkArguments("sampleFreeBlocks()", { machine: Machine, act: "function" }, [machine, act]);
  const { sys } = machine.kernel;
  let [samples, everyNs]: [FreeBlocks[], number] = [[], 100];
  const look = (always = false): void => {
    const last = samples[samples.length - 1];
    const ago = last === undefined ? Number.POSITIVE_INFINITY : sys.clock.nowNs - last.ns;
    // A kernel thread's CPU has a time of its own.
    if (sys.currentKthread !== undefined || ago <= 0 || (ago < everyNs && !always)) return;
    const zones = machine.procfs.buddyinfo();
    const orders = Math.max(...zones.map(({ free }) => free.length));
    const free = Array.from({ length: orders }, (_, order) =>
      zones.reduce((sum, zone) => sum + (zone.free[order] ?? 0), 0),
    );
    samples.push({ ns: sys.clock.nowNs, free });
    if (samples.length < MOST_SAMPLES) return;
    samples = samples.filter((_, i) => i % 2 === 0);
    everyNs *= 2;
  };
  look();
  sys.trace.watch(() => look(), act);
  look(true);
  return samples;
}

/** How much memory lies in free blocks of which order, over time. Not in Linux. */
export function drawFreeBlocks(samples: readonly FreeBlocks[], options: PressureOptions = {}): Plot {
  const each = shape({ ns: "number", free: listOf("count") });
  checkArguments("drawFreeBlocks()", { samples: listOf(each), options: { title: "text", alt: "text" } }, [
    samples,
    options,
  ]);
  if (samples.length < 2)
    throw new RangeError(
      "drawFreeBlocks() needs two samples or more: while the machine was watched nothing happened",
    );
  const startNs = samples[0]!.ns;
  const x = samples.map(({ ns }) => (ns - startNs) / 1e6);
  const series = GROUPS.map(([low, high]): LineSeries => {
    const y = samples.map(({ free }) => bytesOf(free, low, high) / MIB);
    return { kind: "line", name: nameOf(low, high), x, y, steps: true, markers: false };
  });
  return plot({
    title: options.title ?? "Free memory, by the size of the blocks in which it lies",
    alt: options.alt ?? series.map(lineText).join(" "),
    x: { label: "simulated time", unit: "ms" },
    y: { label: "free memory in such blocks", unit: "MiB" },
    series,
  });
}

function bytesOf(free: readonly number[], low: number, high: number): number {
  let pages = 0;
  for (let order = low; order <= high; order++) pages += (free[order] ?? 0) * 2 ** order;
  return pages * PAGE_SIZE;
}

/** "order 9 (2 MiB)", "orders 1 and 2 (8, 16 KiB)". */
function nameOf(low: number, high: number): string {
  const size = (order: number): string => formatBytes(2 ** order * PAGE_SIZE);
  return low === high
    ? `order ${low} (${size(low)})`
    : `orders ${low}, ${high} (${size(low)}, ${size(high)})`;
}

function lineText({ name, y }: LineSeries): string {
  const values = y as readonly number[];
  const told = [values[0]!, Math.min(...values), Math.max(...values), values[values.length - 1]!];
  const [first, least, most, last] = told.map((value) => formatNumber(value, 1));
  return `${name}: ${first} MiB at first, ${least} at least, ${most} at most, ${last} at the end.`;
}
