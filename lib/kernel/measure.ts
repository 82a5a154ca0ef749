/**
 * Measuring: what something cost, on each CPU and in each counter.
 *
 *   const m = machine.measure(() => alice.store(a, 8, 1));
 *
 *   m.value       what the function returned
 *   m.ns          simulated time that passed
 *   m.cpus        [{ cpu: 0, counters: { accesses: 2, walks: 2, exceptions: 1, ... } }]   only what is not 0
 *   m.ram         { framesCopied: 1, framesZeroed: 4 }                             whole pages that were written
 *   m.processes   [{ pid: 2, name: "alice", minFlt: 1, majFlt: 0 }]                only who faulted
 *   m.vmstat      { pgfault: 1, pgalloc_normal: 4, nr_anon_pages: 1, ... }         only what changed
 *   m.events      { "kmem:mm_page_alloc": 4 }                                      of tracepoints that are on
 *
 *   before: takeStock   --  act  --   after: costSince(before)
 *
 * Numbers are differences, so measurements may lie in each other.
 *
 * The counters are read, never changed, so measuring costs the machine nothing. A process that is born and
 * gone within one measurement has no line of its own under `processes`; in vmstat it counts.
 *
 * Not in Linux: perf stat, with /proc/vmstat before and after. Read first: hw/mmu_stats.ts, mm/vmstat.ts.
 */
import type { Cpu } from "../hw/cpu.js";
import type { MmuStats } from "../hw/mmu_stats.js";
import { nrFreePages } from "../mm/pages/page_alloc.js";
import type { MemorySystem } from "../mm/system.js";
import { NODE_STAT_NAMES, VM_EVENT_NAMES } from "../mm/vmstat.js";
import type { Kernel } from "./kernel.js";
import type { Task } from "./task.js";

/** Counters by name. */
export type Counts = Readonly<Record<string, number>>;

/** What one CPU counted. */
export interface MeasuredCpu {
  readonly cpu: number;
  /**
   * Differences that are not 0: of its MMU (hw/mmu_stats.ts), its TLBs together, and the CPU itself
   * (CpuCounters).
   */
  readonly counters: Counts;
}

/** Faults of one task. */
export interface MeasuredProcess {
  readonly pid: number;
  readonly name: string;
  readonly minFlt: number;
  readonly majFlt: number;
}

/** What something cost. */
export interface Cost {
  readonly ns: number;
  readonly cpus: readonly MeasuredCpu[];
  readonly ram: Counts;
  readonly processes: readonly MeasuredProcess[];
  readonly vmstat: Counts;
  readonly events: Counts;
}

/** What there is to measure. */
interface Measured {
  readonly clock: { readonly nowNs: number };
  readonly cpus: readonly Cpu[];
  readonly ram: { readonly framesCopied: number; readonly framesZeroed: number };
}

/** All counters at one moment. */
interface Stock {
  readonly nowNs: number;
  readonly cpus: readonly Counts[];
  readonly ram: Counts;
  readonly tasks: ReadonlyMap<Task, { readonly minFlt: number; readonly majFlt: number }>;
  readonly vmstat: Counts;
  readonly nrEvents: number;
}

/** Everything a CPU counts, by name. */
function cpuCounts(cpu: Cpu): Counts {
  const { tlbs, ...mmu } = cpu.mmu.stats();
  return { ...mmu, ...tlbTotals(tlbs), ...cpu.counters };
}

/** What the TLBs of a CPU did together; hits are l1Hits and l2Hits already. */
function tlbTotals(tlbs: MmuStats["tlbs"]): Counts {
  const sum = (of: (tlb: MmuStats["tlbs"][number]) => number): number =>
    tlbs.reduce((total, tlb) => total + of(tlb), 0);
  return {
    tlbFills: sum((tlb) => tlb.fills.reduce((total, n) => total + n, 0)),
    tlbEvictions: sum((tlb) => tlb.evictions),
    tlbFlushed: sum((tlb) => tlb.flushed),
  };
}

/** Pages that were written as a whole, whoever did it. */
function ramCounts({ ram: { framesCopied, framesZeroed } }: Measured): Counts {
  return { framesCopied, framesZeroed };
}

function vmCounts(sys: MemorySystem | undefined): Counts {
  if (sys === undefined) return {};
  const counts: Record<string, number> = { nr_free_pages: nrFreePages(sys) };
  for (const [i, name] of NODE_STAT_NAMES.entries()) counts[name] = sys.vmStat.nodeStat[i]!;
  for (const [i, name] of VM_EVENT_NAMES.entries()) counts[name] = sys.vmStat.events[i]!;
  return counts;
}

/** Number of events that the machine's tracepoints have ever put into the ring since it was emptied. */
function nrEvents(kernel: Kernel | undefined): number {
  if (kernel === undefined) return 0;
  return kernel.sys.trace.events.length + kernel.sys.trace.overrun;
}

/** The counters of `machine` now; `kernel` only if it runs. Not in Linux. */
export function takeStock(machine: Measured, kernel: Kernel | undefined): Stock {
  const tasks = [...(kernel?.tasks.values() ?? [])];
  return {
    nowNs: machine.clock.nowNs,
    cpus: machine.cpus.map(cpuCounts),
    ram: ramCounts(machine),
    tasks: new Map(tasks.map((task) => [task, { minFlt: task.minFlt, majFlt: task.majFlt }])),
    vmstat: vmCounts(kernel?.sys),
    nrEvents: nrEvents(kernel),
  };
}

/** What of `after` is not as in `before`, as differences; a counter that was not there counts from 0. */
function difference(before: Counts, after: Counts): Counts {
  const changed: Record<string, number> = {};
  for (const [name, value] of Object.entries(after)) {
    const delta = value - (before[name] ?? 0);
    if (delta !== 0) changed[name] = delta;
  }
  return changed;
}

/** What happened since `before`. Not in Linux. */
export function costSince(before: Stock, machine: Measured, kernel: Kernel | undefined): Cost {
  const cpus = machine.cpus.map((cpu, i) => ({
    cpu: cpu.id,
    counters: difference(before.cpus[i]!, cpuCounts(cpu)),
  }));
  return {
    ns: machine.clock.nowNs - before.nowNs,
    cpus: cpus.filter(({ counters }) => Object.keys(counters).length > 0),
    ram: difference(before.ram, ramCounts(machine)),
    processes: faultsSince(before, kernel),
    vmstat: difference(before.vmstat, vmCounts(kernel?.sys)),
    events: eventsSince(before, kernel),
  };
}

/** Tasks that faulted; those that ended meanwhile included. */
function faultsSince(before: Stock, kernel: Kernel | undefined): MeasuredProcess[] {
  const tasks = new Set([...before.tasks.keys(), ...(kernel?.tasks.values() ?? [])]);
  const lines = [...tasks].map((task) => {
    const old = before.tasks.get(task) ?? { minFlt: 0, majFlt: 0 };
    const { minFlt, majFlt } = task;
    return { pid: task.pid, name: task.comm, minFlt: minFlt - old.minFlt, majFlt: majFlt - old.majFlt };
  });
  return lines.filter(({ minFlt, majFlt }) => minFlt !== 0 || majFlt !== 0);
}

/** Events by name, of those that the ring still holds. */
function eventsSince(before: Stock, kernel: Kernel | undefined): Counts {
  const nr = nrEvents(kernel) - before.nrEvents;
  if (kernel === undefined || nr <= 0) return {};
  const counts: Record<string, number> = {};
  for (const { name } of kernel.sys.trace.events.slice(-nr)) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What `machine.measure` found: what the function returned, and what it cost. */
export class Measurement<T = unknown> implements Cost {
  /** What the measured function returned. */
  readonly value: T;
  /** Simulated nanoseconds that passed. */
  readonly ns: number;
  /** CPUs that counted something. */
  readonly cpus: readonly MeasuredCpu[];
  /** Frames that were copied or zeroed as a whole. */
  readonly ram: Counts;
  /** Tasks that faulted. */
  readonly processes: readonly MeasuredProcess[];
  /** Counters of /proc/vmstat that changed. */
  readonly vmstat: Counts;
  /** Events of enabled tracepoints by name. */
  readonly events: Counts;

  constructor(value: T, cost: Cost) {
    this.value = value;
    this.ns = cost.ns;
    this.cpus = cost.cpus;
    this.ram = cost.ram;
    this.processes = cost.processes;
    this.vmstat = cost.vmstat;
    this.events = cost.events;
  }

  /** Counter `name` of all CPUs together, 0 where none counted it. */
  total(name: string): number {
    return this.cpus.reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0);
  }

  /** The measurement as lines of "where, counter, change", for a table. */
  get rows(): { where: string; counter: string; change: number }[] {
    const of = (where: string, counts: Counts): { where: string; counter: string; change: number }[] =>
      Object.entries(counts).map(([counter, change]) => ({ where, counter, change }));
    return [
      { where: "clock", counter: "ns", change: this.ns },
      ...this.cpus.flatMap(({ cpu, counters }) => of(`CPU ${cpu}`, counters)),
      ...of("RAM", this.ram),
      ...this.processes.flatMap(({ pid, name, minFlt, majFlt }) =>
        of(`${name}[${pid}]`, difference({}, { minFlt, majFlt })),
      ),
      ...of("vmstat", this.vmstat),
      ...of("events", this.events),
    ];
  }

  toString(): string {
    const { rows } = this;
    const wide = (texts: string[]): number => Math.max(...texts.map((text) => text.length));
    const where = wide(rows.map((row) => row.where));
    const counter = wide(rows.map((row) => row.counter));
    const change = wide(rows.map((row) => String(row.change)));
    return rows
      .map((row) =>
        [row.where.padEnd(where), row.counter.padEnd(counter), String(row.change).padStart(change)].join(
          "  ",
        ),
      )
      .join("\n");
  }
}
