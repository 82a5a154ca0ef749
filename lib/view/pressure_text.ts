/**
 * What the usual commands would print on this machine, made from its /proc as they make it.
 *
 *    freeText(machine)          free -m
 *    vmstatText(pressure)       vmstat 1: a line for each second (or other time) of a watched run
 *    slabText(machine)          the kernel's own caches, as slabtop shows them
 *
 * Not in Linux: procps-ng. Read first: pressure.ts, ../procfs/meminfo.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { procfsOf } from "../procfs/mount.js";
import type { Pressure, PressureSample } from "./pressure.js";

const KIB_PER_PAGE = PAGE_SIZE / 1024;

/** Every line of a file of "name: number kB" lines, in kB. */
function kbByName(text: string): Record<string, number> {
  const found = [...text.matchAll(/^([^:]+):\s+(\d+)/gm)];
  return Object.fromEntries(found.map(([, name, kb]) => [name!, Number(kb)]));
}

/** What `free -m` prints, from /proc/meminfo. man 1 free */
export function freeText(machine: Machine): string {
  checkArguments("freeText()", { machine: Machine }, [machine]);
  const info = kbByName(procfsOf(machine).read("/proc/meminfo"));
  const kb = (name: string): number => info[name] ?? 0;
  const cache = kb("Buffers") + kb("Cached") + kb("SReclaimable");
  const used = Math.max(0, kb("MemTotal") - kb("MemAvailable"));
  const row = (name: string, ...values: number[]): string =>
    name.padEnd(8) + values.map((value) => String(Math.floor(value / 1024)).padStart(12)).join("");
  const head = ["total", "used", "free", "shared", "buff/cache", "available"];
  const swapUsed = kb("SwapTotal") - kb("SwapFree");
  return [
    " ".repeat(8) + head.map((word) => word.padStart(12)).join(""),
    row("Mem:", kb("MemTotal"), used, kb("MemFree"), kb("Shmem"), cache, kb("MemAvailable")),
    row("Swap:", kb("SwapTotal"), swapUsed, kb("SwapFree")),
    "",
  ].join("\n");
}

/** A column: its head, its width, and what stands in it. */
type VmstatColumn = readonly [head: string, width: number, value: (interval: Interval) => number];

/** Two samples, and how fast counters have grown from one to the other. */
interface Interval {
  readonly to: PressureSample;
  rate(...names: (keyof PressureSample["counters"])[]): number;
}

const IN_SWAP: VmstatColumn = ["swpd", 8, ({ to }) => to.swapUsed * KIB_PER_PAGE];
const SWAPPED: readonly VmstatColumn[] = [
  ["si", 8, ({ rate }) => rate("pswpin") * KIB_PER_PAGE],
  ["so", 8, ({ rate }) => rate("pswpout") * KIB_PER_PAGE],
];
const FREE: VmstatColumn = [
  "free",
  8,
  ({ to }) => to.free.reduce((sum, pages) => sum + pages, 0) * KIB_PER_PAGE,
];
const CACHE: VmstatColumn = [
  "cache",
  8,
  ({ to }) => (to.lists.inactiveFile + to.lists.activeFile) * KIB_PER_PAGE,
];
const DIRTY: VmstatColumn = ["dirty", 8, ({ to }) => to.dirty * KIB_PER_PAGE];
const RATES: readonly VmstatColumn[] = [
  ["bi", 8, ({ rate }) => rate("pgpgin")],
  ["bo", 8, ({ rate }) => rate("pgpgout")],
  ["flt", 8, ({ rate }) => rate("pgfault")],
  ["maj", 7, ({ rate }) => rate("pgmajfault")],
  ["scank", 8, ({ rate }) => rate("pgscan_kswapd")],
  ["scand", 8, ({ rate }) => rate("pgscan_direct")],
  ["steal", 8, ({ rate }) => rate("pgsteal_kswapd", "pgsteal_direct")],
];
const STALL: VmstatColumn = ["stall", 7, ({ rate }) => rate("allocstall")];

/** With swap in use its columns take the place of two others: a line is only so wide. */
function columnsOf(samples: readonly PressureSample[]): readonly VmstatColumn[] {
  const swaps = samples.some(({ swapUsed }) => swapUsed > 0);
  return swaps ? [IN_SWAP, FREE, CACHE, ...SWAPPED, ...RATES] : [FREE, CACHE, DIRTY, ...RATES, STALL];
}

/**
 * What `vmstat 1` and `sar -B` print together, a line for each `everyMs` of the run, 1000 unless given: free,
 * cache and dirty in kB at its end; the others by the second. `bi`, `bo`: kB read from and written to disks;
 * `flt`, `maj`: faults; `scank`, `scand`: pages scanned by kswapd and by others; `stall`: allocations that
 * had to reclaim. On a run with swap in use `swpd`, kB in swap, and `si`, `so`, kB read from it and written
 * to it, take the place of dirty and stall. man 8 vmstat
 */
export function vmstatText(pressure: Pressure, everyMs = 1000): string {
  const wanted = shape({ zones: listOf("object"), samples: listOf("object") });
  checkArguments("vmstatText()", { pressure: wanted, everyMs: "number?" }, [pressure, everyMs]);
  if (!(everyMs > 0 && everyMs < Infinity))
    throw new RangeError(`vmstatText(): everyMs must be more than 0; got ${everyMs}`);
  const { samples } = pressure;
  const columns = columnsOf(samples);
  const head = `time (s) ${columns.map(([name, width]) => name.padStart(width)).join("")}`;
  const lines: string[] = [];
  let from = samples[0];
  for (const sample of samples) {
    const last = sample === samples[samples.length - 1];
    if (from === undefined || (sample.ns - from.ns < everyMs * 1e6 && !last) || sample === from) continue;
    lines.push(vmstatLine(columns, samples[0]!.ns, from, sample));
    from = sample;
  }
  return [head, ...lines, ""].join("\n");
}

function vmstatLine(
  columns: readonly VmstatColumn[],
  startNs: number,
  from: PressureSample,
  to: PressureSample,
): string {
  const seconds = (to.ns - from.ns) / 1e9;
  const rate: Interval["rate"] = (...names) =>
    names.reduce((sum, name) => sum + to.counters[name] - from.counters[name], 0) / seconds;
  const cells = columns.map(([, width, value]) => ` ${Math.round(value({ to, rate }))}`.padStart(width));
  return `${((to.ns - startNs) / 1e9).toFixed(3).padStart(8)} ${cells.join("")}`;
}

const SLAB_LINES = ["KReclaimable", "Slab", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables"];

/**
 * Memory of the kernel itself, from /proc/meminfo, and what of it can be given back. man 1 slabtop
 * Differs from slabtop: by kind, not by cache.
 */
export function slabText(machine: Machine): string {
  checkArguments("slabText()", { machine: Machine }, [machine]);
  const info = kbByName(procfsOf(machine).read("/proc/meminfo"));
  const lines = SLAB_LINES.filter((name) => name in info).map((name) => {
    const back = name.includes("eclaimable") ? "can be given back" : "";
    return `${name.padEnd(14)}${String(info[name]).padStart(9)} kB   ${back}`.trimEnd();
  });
  return [...lines, ""].join("\n");
}
