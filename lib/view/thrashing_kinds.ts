/**
 * Four ways to be slow, told apart by their counters: the same loop, a page used and a page used again, where
 *
 *    calm      a few pages                                    hits
 *    TLB       more pages than the TLB reaches, all in RAM    a walk for each; no fault
 *    heap      memory taken and given back at its edge        a minor fault for each page, and system calls; no I/O
 *    paging    more pages than RAM                            major faults; pages from swap and to it
 *
 *                time each   walks   minor faults   major faults   from swap
 *
 * All of them are called thrashing, because what was just thrown away is needed next: an entry, a page of the
 * heap, a page of memory. Only the last one is cured by more memory.
 *
 * Left out: thrashing of data caches. This machine's caches have no lines; a real one shows it by
 * `perf stat -e cache-misses`, with none of the counters here.
 *
 * Not in Linux: perf stat, vmstat 1, strace -c. Read first: thrashing.ts, ../kernel/measure.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { Random } from "../hw/random.js";
import { checkArguments, listOf } from "../hw/signature.js";
import { boot, type Machine } from "../kernel/machine.js";
import type { Process } from "../kernel/process.js";
import { type Plot, plot } from "./plot.js";
import { formatNumber } from "./scale.js";
import { type Table, table } from "./table.js";

/** What was counted for one loop, for each 1000 pages used. */
export interface ThrashingKind {
  readonly kind: "calm" | "TLB" | "heap" | "paging";
  /** Simulated time for each page used. */
  readonly nsEach: number;
  readonly walks: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** brk(2). */
  readonly systemCalls: number;
  /** Pages read from swap and written to it. */
  readonly pswpin: number;
  readonly pswpout: number;
}

const RAM = "16 MiB";
const SWAP = "64 MiB";
/** Pages used by each loop. */
const USES = 4096;
/** Pages of the loops: a few; more than 1536 entries of a second-level TLB; more than RAM. */
const PAGES = { calm: 8, TLB: 2048, paging: 5120 };
/** Pages that the heap grows by and shrinks by. */
const HEAP_PAGES = 16;

/** A loop ready to run; it answers how many system calls it made. */
type Loop = (process: Process) => () => number;

/** Over `nr` pages, in turn or at random, all of which it has used before. */
function over(nr: number, atRandom: boolean): Loop {
  return (process) => {
    const at = process.mmap(nr * PAGE_SIZE);
    for (let page = 0; page < nr; page++) process.store(at + page * PAGE_SIZE, 4, page + 1);
    const random = new Random(1);
    return () => {
      for (let i = 0; i < USES; i++) process.load(at + (atRandom ? random.below(nr) : i % nr) * PAGE_SIZE);
      return 0;
    };
  };
}

/**
 * The heap grows, is used, and shrinks again: what a careless malloc makes of a loop with one large array.
 */
function atEdge(process: Process): () => number {
  let end = process.sbrk(0);
  return () => {
    let calls = 0;
    for (let used = 0; used < USES; used += HEAP_PAGES) {
      end = process.sbrk(HEAP_PAGES * PAGE_SIZE);
      for (let page = 0; page < HEAP_PAGES; page++) process.store(end + page * PAGE_SIZE, 4, 1);
      process.sbrk(-HEAP_PAGES * PAGE_SIZE);
      calls += 2;
    }
    return calls;
  };
}

const LOOPS: readonly (readonly [ThrashingKind["kind"], Loop])[] = [
  ["calm", over(PAGES.calm, false)],
  ["TLB", over(PAGES.TLB, false)],
  ["heap", atEdge],
  ["paging", over(PAGES.paging, true)],
];

/** Runs each loop on a fresh machine, and counts. Not in Linux. */
export function thrashingKinds(): ThrashingKind[] {
  return LOOPS.map(([kind, loop]) => {
    const machine = boot({ ram: RAM, swap: SWAP });
    return measureLoop(machine, kind, loop(machine.spawn(kind)));
  });
}

function measureLoop(machine: Machine, kind: ThrashingKind["kind"], run: () => number): ThrashingKind {
  const measured = machine.measure(run);
  const each = (count: number | undefined): number => ((count ?? 0) / USES) * 1000;
  const { minFlt = 0, majFlt = 0 } = measured.processes[0] ?? {};
  return {
    ...{ kind, nsEach: measured.ns / USES },
    walks: each(measured.cpus[0]?.counters.walks),
    ...{ minorFaults: each(minFlt), majorFaults: each(majFlt), systemCalls: each(measured.value) },
    ...{ pswpin: each(measured.vmstat.pswpin), pswpout: each(measured.vmstat.pswpout) },
  };
}

/** The counters that tell the kinds apart, and their names. */
const COUNTERS = {
  walks: "walks",
  systemCalls: "system calls",
  minorFaults: "minor faults",
  majorFaults: "major faults",
  pswpin: "pages from swap (si)",
  pswpout: "pages to swap (so)",
} as const satisfies Partial<Record<keyof ThrashingKind, string>>;

/** The kinds as a table: time for each page used, and the counters for each 1000. */
export function thrashingKindsTable(kinds: readonly ThrashingKind[]): Table {
  checkArguments("thrashingKindsTable()", { kinds: listOf("object") }, [kinds]);
  const number = (value: unknown): string => formatNumber(Number(value), 1);
  return table(
    kinds.map((one) => ({ ...one })),
    {
      caption: "Four loops, for each 1000 pages used",
      columns: [
        { key: "kind", label: "loop" },
        { key: "nsEach", label: "time for each (ns)", align: "right", format: number },
        ...Object.entries(COUNTERS).map(([key, label]) => ({
          key,
          label,
          align: "right" as const,
          format: number,
        })),
      ],
    },
  );
}

/** The counters of each kind side by side. Not in Linux. */
export function drawThrashingKinds(
  kinds: readonly ThrashingKind[],
  options: { readonly title?: string; readonly alt?: string } = {},
): Plot {
  checkArguments(
    "drawThrashingKinds()",
    { kinds: listOf("object"), options: { title: "text", alt: "text" } },
    [...[kinds, options]],
  );
  if (kinds.length === 0) throw new RangeError("drawThrashingKinds() needs what thrashingKinds() returned");
  const names = Object.entries(COUNTERS) as [keyof typeof COUNTERS, string][];
  const told = kinds.map(({ kind, ...one }) => {
    const counts = names
      .filter(([key]) => one[key] >= 1)
      .map(([key, name]) => `${name} ${formatNumber(one[key], 0)}`);
    return `${kind}: ${counts.join(", ") || "hardly anything"}.`;
  });
  return plot({
    title: options.title ?? "What gives each kind of thrashing away",
    alt: options.alt ?? `For each 1000 pages used: ${told.join(" ")}`,
    x: { label: "counter", unit: "" },
    y: { label: "for each 1000 pages used", unit: "events" },
    series: kinds.map((one) => {
      return {
        kind: "bars",
        name: one.kind,
        x: names.map(([, name]) => name),
        y: names.map(([key]) => one[key]),
      };
    }),
  });
}
