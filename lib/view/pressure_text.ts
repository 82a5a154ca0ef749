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

const COLUMNS: readonly [head: string, width: number][] = [
  ...([
    ["free", 8],
    ["cache", 8],
    ["dirty", 8],
  ] as [string, number][]),
  ...([
    ["bi", 8],
    ["bo", 8],
    ["flt", 8],
    ["maj", 7],
  ] as [string, number][]),
  ...([
    ["scank", 8],
    ["scand", 8],
    ["steal", 8],
    ["stall", 7],
  ] as [string, number][]),
];

/**
 * What `vmstat 1` and `sar -B` print together, a line for each `everyMs` of the run, 1000 unless given: free,
 * cache and dirty in kB at its end; the others by the second. `bi`, `bo`: kB read from and written to disks;
 * `flt`, `maj`: faults; `scank`, `scand`: pages scanned by kswapd and by others; `stall`: allocations that
 * had to reclaim. man 8 vmstat
 */
export function vmstatText(pressure: Pressure, everyMs = 1000): string {
  const wanted = shape({ zones: listOf("object"), samples: listOf("object") });
  checkArguments("vmstatText()", { pressure: wanted, everyMs: "number?" }, [pressure, everyMs]);
  if (!(everyMs > 0 && everyMs < Infinity))
    throw new RangeError(`vmstatText(): everyMs must be more than 0; got ${everyMs}`);
  const head = `time (s) ${COLUMNS.map(([name, width]) => name.padStart(width)).join("")}`;
  const lines: string[] = [];
  const { samples } = pressure;
  let from = samples[0];
  for (const sample of samples) {
    const last = sample === samples[samples.length - 1];
    if (from === undefined || (sample.ns - from.ns < everyMs * 1e6 && !last) || sample === from) continue;
    lines.push(vmstatLine(samples[0]!.ns, from, sample));
    from = sample;
  }
  return [head, ...lines, ""].join("\n");
}

function vmstatLine(startNs: number, from: PressureSample, to: PressureSample): string {
  const seconds = (to.ns - from.ns) / 1e9;
  const rate = (...names: (keyof PressureSample["counters"])[]): number =>
    names.reduce((sum, name) => sum + to.counters[name] - from.counters[name], 0) / seconds;
  const free = to.free.reduce((sum, pages) => sum + pages, 0) * KIB_PER_PAGE;
  const cache = (to.lists.inactiveFile + to.lists.activeFile) * KIB_PER_PAGE;
  const values = [
    ...[free, cache, to.dirty * KIB_PER_PAGE, rate("pgpgin"), rate("pgpgout"), rate("pgfault")],
    ...[rate("pgmajfault"), rate("pgscan_kswapd"), rate("pgscan_direct")],
    ...[rate("pgsteal_kswapd", "pgsteal_direct"), rate("allocstall")],
  ];
  const cells = values.map((value, i) => String(Math.round(value)).padStart(COLUMNS[i]![1]));
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
