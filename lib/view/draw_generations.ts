/**
 * Draw generations over time: how many pages each one holds from its birth until it is evicted.
 *
 *    generation
 *      7                      ########      a row for each generation, a column for a piece of time;
 *      6               ####+++++++++++::      bright: many pages
 *      5        ####++++:::::
 *      4    ####::::
 *      3  ##::                                aging adds a row on top and moves what was used up to it,
 *         +----------------------------> time eviction empties the lowest
 *
 * A working set climbs from row to row; what is used once stays in its row and fades.
 *
 * Not in Linux: /sys/kernel/debug/lru_gen, read in a loop. Read first: pressure.ts, ../mm/lru/gen/lru_gen.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import type { PressureOptions } from "./draw_pressure.js";
import { type Plot, plot } from "./plot.js";
import type { Pressure, PressureSample } from "./pressure.js";
import { formatNumber } from "./scale.js";

const COLUMNS = 24;
/** Most rows that can be told apart; older generations than these are left out. */
const MOST_ROWS = 40;
const MIB = 2 ** 20 / PAGE_SIZE;

/**
 * The sizes of all generations over time as a heat map, from what samplePressure() saw. RangeError when the
 * machine kept no generations meanwhile. Not in Linux.
 */
export function drawGenerations(pressure: Pressure, options: PressureOptions = {}): Plot {
  const wanted = shape({ zones: listOf("object"), samples: listOf("object") });
  checkArguments("drawGenerations()", { pressure: wanted, options: { title: "text", alt: "text" } }, [
    pressure,
    options,
  ]);
  const samples = pressure.samples.filter(({ generations }) => generations.length > 0);
  if (samples.length < 2)
    throw new RangeError(
      "drawGenerations() needs a run with generations: write y to /sys/kernel/mm/lru_gen/enabled first",
    );
  const [startNs, endNs] = [samples[0]!.ns, samples[samples.length - 1]!.ns];
  const columns = inColumns(samples, startNs, endNs);
  const last = Math.max(...columns.flatMap(({ generations }) => generations.map(({ seq }) => seq)));
  const lowest = Math.min(...columns.flatMap(({ generations }) => generations.map(({ seq }) => seq)));
  const first = Math.max(lowest, last - MOST_ROWS + 1);
  const rows = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const z = rows.map((seq) => columns.map((sample) => pagesOf(sample, seq)));
  return plot({
    title: options.title ?? "The generations over time",
    alt: options.alt ?? altText(rows, z),
    x: { label: "simulated time", unit: "ms" },
    y: { label: "generation, the youngest on top", unit: "" },
    series: [
      {
        kind: "heat",
        name: "memory (MiB)",
        x: columns.map(({ ns }) => formatNumber((ns - startNs) / 1e6, 1)),
        y: rows.map(String),
        z,
      },
    ],
  });
}

/** The last sample of each of so many pieces of time; a piece without one shows what was before. */
function inColumns(samples: readonly PressureSample[], startNs: number, endNs: number): PressureSample[] {
  const nrColumns = Math.min(COLUMNS, samples.length);
  let at = 0;
  return Array.from({ length: nrColumns }, (_, i) => {
    const untilNs = startNs + ((endNs - startNs) * (i + 1)) / nrColumns;
    while (at + 1 < samples.length && samples[at + 1]!.ns <= untilNs) at++;
    return { ...samples[at]!, ns: untilNs };
  });
}

/** MiB of a generation; null where it is not born yet, or gone. */
function pagesOf({ generations }: PressureSample, seq: number): number | null {
  const one = generations.find((generation) => generation.seq === seq);
  return one === undefined ? null : (one.anonPages + one.filePages) / MIB;
}

function altText(rows: readonly number[], z: readonly (readonly (number | null)[])[]): string {
  const told = rows.map((seq, i) => {
    const most = Math.max(0, ...z[i]!.map((value) => value ?? 0));
    return `${seq}: at most ${formatNumber(most, 1)} MiB`;
  });
  return `Generations and their sizes. ${told.join("; ")}.`;
}
