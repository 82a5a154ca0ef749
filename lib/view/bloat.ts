/**
 * Memory bloat: what a program that writes here and there has in RAM, beside what it has written.
 *
 *    written    |x       |        x       x|             one page of 4 KiB every `everyBytes`
 *    never      |#       |        #       #|             as much as was written
 *    always     |########|################################   whole pages of 2 MiB: the rest is zeros
 *
 *    measureBloat({ everyBytes: [...], huge: ["never", "always"] }) --rows--> drawBloat(rows)
 *
 * Each row is a fresh machine with that word in transparent_hugepage/enabled, and one program that writes a
 * page, and goes on by `everyBytes`, through one mapping. What it has then is what smaps_rollup says of it.
 *
 * Not in Linux: smaps_rollup before and after. Read first: ../procfs/smaps.ts, ../mm/huge/README.md.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { boot } from "../kernel/machine.js";
import type { PressureOptions } from "./draw_pressure.js";
import { type Plot, plot } from "./plot.js";
import { formatBytes } from "./scale.js";

/** What is tried. */
export interface BloatOptions {
  /** Bytes from one written page to the next, multiples of 4096; 4096 to 2 MiB in fourfolds unless given. */
  readonly everyBytes?: readonly number[];
  /** Words for transparent_hugepage/enabled; never and always unless given. */
  readonly huge?: readonly string[];
  /** Size of the mapping; 32 MiB by default, a multiple of 2 MiB. */
  readonly mappingBytes?: number;
}

/** What one program has. */
export interface Bloat {
  readonly huge: string;
  readonly everyBytes: number;
  /** Bytes of the pages that it wrote. */
  readonly writtenBytes: number;
  /** Rss of its memory. */
  readonly residentBytes: number;
  /** AnonHugePages: how much of it is in pages of 2 MiB. */
  readonly hugeBytes: number;
}

const STEPS = [1, 4, 16, 64, 256, 512].map((pages) => pages * PAGE_SIZE);
const HUGE = 2 ** 21;

/** What sparse writers have in RAM, for each setting and distance. Not in Linux. */
export function measureBloat(options: BloatOptions = {}): Bloat[] {
  const fields = {
    everyBytes: listOf("count", true),
    huge: listOf("text", true),
    mappingBytes: "count?",
  } as const;
  checkArguments("measureBloat()", { options: shape(fields) }, [options]);
  const { everyBytes = STEPS, huge = ["never", "always"], mappingBytes = 2 ** 25 } = options;
  if (mappingBytes % HUGE !== 0 || mappingBytes < HUGE || mappingBytes > 2 ** 30)
    throw new RangeError(
      `measureBloat(): a mapping of ${mappingBytes} bytes; multiples of 2 MiB up to 1 GiB do`,
    );
  const bad = everyBytes.find((step) => step % PAGE_SIZE !== 0 || step < PAGE_SIZE);
  if (bad !== undefined) throw new RangeError(`measureBloat(): ${valueText(bad)} is no multiple of 4096`);
  return huge.flatMap((word) => everyBytes.map((step) => bloatOf(word, step, mappingBytes)));
}

function bloatOf(huge: string, everyBytes: number, mappingBytes: number): Bloat {
  const machine = boot({ ram: 2 * mappingBytes + 2 ** 26 });
  machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", huge);
  const writer = machine.spawn("writer");
  const at = Math.ceil(writer.mmap(mappingBytes + HUGE) / HUGE) * HUGE;
  const before = machine.procfs.smapsRollup(writer.pid);
  let pages = 0;
  for (let offset = 0; offset < mappingBytes; offset += everyBytes, pages++) writer.store(at + offset, 1, 1);
  const after = machine.procfs.smapsRollup(writer.pid);
  const grown = (field: "Rss" | "AnonHugePages"): number => (after[field] - before[field]) * 1024;
  return {
    ...{ huge, everyBytes, writtenBytes: pages * PAGE_SIZE },
    ...{ residentBytes: grown("Rss"), hugeBytes: grown("AnonHugePages") },
  };
}

/** Resident beside written memory, for each distance between the written pages. Not in Linux. */
export function drawBloat(rows: readonly Bloat[], options: PressureOptions = {}): Plot {
  const each = shape({ huge: "text", everyBytes: "count", writtenBytes: "count", residentBytes: "count" });
  checkArguments("drawBloat()", { rows: listOf(each), options: { title: "text", alt: "text" } }, [
    rows,
    options,
  ]);
  if (rows.length === 0) throw new RangeError("drawBloat() needs at least one row");
  const words = [...new Set(rows.map(({ huge }) => huge))];
  const steps = [...new Set(rows.map(({ everyBytes }) => everyBytes))].sort((a, b) => a - b);
  const rowOf = (word: string, step: number): Bloat | undefined =>
    rows.find(({ huge, everyBytes }) => huge === word && everyBytes === step);
  const x = steps.map((step) => formatBytes(step));
  const bars = (name: string, bytes: (step: number) => number) => ({
    ...{ kind: "bars" as const, name, x, y: steps.map((step) => bytes(step) / 2 ** 20) },
  });
  const written = (step: number): number =>
    Math.max(...rows.filter(({ everyBytes }) => everyBytes === step).map((row) => row.writtenBytes));
  const series = [
    bars("written", written),
    ...words.map((word) =>
      bars(`in RAM, huge pages: ${word}`, (step) => rowOf(word, step)?.residentBytes ?? 0),
    ),
  ];
  const told = rows.map(
    ({ huge, everyBytes, writtenBytes, residentBytes }) =>
      `${huge}, a page every ${formatBytes(everyBytes)}: ${formatBytes(writtenBytes)} written, ${formatBytes(residentBytes)} in RAM.`,
  );
  return plot({
    title: options.title ?? "What a sparse writer writes, and what it has in RAM",
    alt: options.alt ?? told.join(" "),
    x: { label: "one page of 4 KiB is written every", unit: "" },
    y: { label: "memory", unit: "MiB" },
    series,
  });
}
