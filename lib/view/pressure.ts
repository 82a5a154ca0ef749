/**
 * Pressure: a machine watched over time while programs run, as plain data for pictures and texts.
 *
 *    samplePressure(machine, act)
 *      |
 *      +-- zones     [{ name, managed, min, low, high }]           the levels, as they stand at the end
 *      '-- samples   [{ ns, free: [...], lists, dirty, kswapdWorks, counters }, ...]
 *
 * A sample is taken when something happens (a tracepoint fires) and the last one is old enough; how old
 * follows from the run: when there are too many, every second one is dropped, and from then on half as many
 * are taken. So a run of a microsecond and one of an hour both end with a few hundred. Looking costs no
 * simulated time.
 *
 * Not in Linux: vmstat, sar and /proc/zoneinfo, read in a loop.
 *
 * Read next: draw_pressure.ts (lists, levels and rates over time), draw_generations.ts, pressure_text.ts
 * (what vmstat 1 would print).
 */
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { type LruGeneration, lruGenerations } from "../mm/lru/gen/observe.js";
import type { Zone } from "../mm/pages/buddy.js";
import type { MemorySystem } from "../mm/system.js";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_FILE_DIRTY,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
} from "../mm/vmstat.js";
import { vmstatValue } from "../procfs/vmstat.js";

/** Counters that every sample holds, by their names in /proc/vmstat; allocstall is the sum over the zones. */
export const PRESSURE_COUNTERS = [
  ...["pgfault", "pgmajfault", "pgpgin", "pgpgout", "pgactivate", "pgdeactivate", "pgrefill", "pgrotated"],
  ...["pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "pgsteal_direct", "allocstall", "pageoutrun"],
  ...["workingset_refault_anon", "workingset_refault_file", "workingset_activate_file"],
  ...["workingset_restore_file", "nr_dirtied", "nr_written", "oom_kill"],
  ...["pswpin", "pswpout", "zswpin", "zswpout", "swpin_zero", "swpout_zero", "swap_ra", "swap_ra_hit"],
] as const;

/** Name of a counter of every sample. */
export type PressureCounter = (typeof PRESSURE_COUNTERS)[number];

/** Pages on each LRU list. */
export interface ListSizes {
  readonly inactiveAnon: number;
  readonly activeAnon: number;
  readonly inactiveFile: number;
  readonly activeFile: number;
  readonly unevictable: number;
}

/** One moment. */
export interface PressureSample {
  /** Simulated time. */
  readonly ns: number;
  /** Free pages of each zone. */
  readonly free: readonly number[];
  readonly lists: ListSizes;
  /** Pages that differ from the disk, and those on their way there. */
  readonly dirty: number;
  readonly writeback: number;
  /** Slots of swap that are taken, in all areas. */
  readonly swapUsed: number;
  /** Pages that have a slot and a frame with the same bytes: the swap cache. */
  readonly swapCached: number;
  /** Whether kswapd is freeing memory just now. */
  readonly kswapdWorks: boolean;
  /** The generations, the oldest first; none while the machine keeps two lists. */
  readonly generations: readonly LruGeneration[];
  readonly counters: Readonly<Record<PressureCounter, number>>;
}

/** A zone and its watermarks, in pages, without a boost. */
export interface PressureZone {
  readonly name: string;
  readonly managed: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
}

/** What samplePressure() returns. */
export interface Pressure {
  readonly zones: readonly PressureZone[];
  readonly samples: readonly PressureSample[];
}

/** Samples at which half of them are dropped. */
const MOST_SAMPLES = 800;

function counterOf(sys: MemorySystem, name: PressureCounter): number {
  if (name !== "allocstall") return vmstatValue(sys, name);
  return ["dma", "dma32", "normal", "movable"].reduce(
    (sum, zone) => sum + vmstatValue(sys, `allocstall_${zone}`),
    0,
  );
}

function sampleOf(sys: MemorySystem): PressureSample {
  const { nodeStat } = sys.vmStat;
  const counters = PRESSURE_COUNTERS.map((name) => [name, counterOf(sys, name)] as const);
  return {
    ns: sys.clock.nowNs,
    free: sys.zones.map((zone) => zone.nrFreePages),
    lists: {
      inactiveAnon: nodeStat[NR_INACTIVE_ANON]!,
      activeAnon: nodeStat[NR_ACTIVE_ANON]!,
      inactiveFile: nodeStat[NR_INACTIVE_FILE]!,
      activeFile: nodeStat[NR_ACTIVE_FILE]!,
      unevictable: nodeStat[NR_UNEVICTABLE]!,
    },
    dirty: nodeStat[NR_FILE_DIRTY]!,
    writeback: nodeStat[NR_WRITEBACK]!,
    swapUsed: sys.swap.swapInfo.reduce((sum, si) => sum + (si?.inusePages ?? 0), 0),
    swapCached: nodeStat[NR_SWAPCACHE]!,
    generations: sys.lruGen.enabled ? lruGenerations(sys) : [],
    kswapdWorks: sys.pgdat.kswapdRun.phase === "balance",
    counters: Object.fromEntries(counters) as Record<PressureCounter, number>,
  };
}

function zoneOf({ name, managedPages, watermark: { min, low, high } }: Zone): PressureZone {
  return { name, managed: managedPages, min, low, high };
}

/** Takes samples that are far enough apart. */
class Sampler {
  samples: PressureSample[] = [];
  private everyNs = 100;

  constructor(private readonly sys: MemorySystem) {}

  /** Takes one if it is time, as the programs have it: the CPU of a kernel thread has a time of its own. */
  look(always = false): void {
    if (this.sys.currentKthread !== undefined) return;
    const last = this.samples[this.samples.length - 1];
    const ago = last === undefined ? Number.POSITIVE_INFINITY : this.sys.clock.nowNs - last.ns;
    const turned = last !== undefined && last.kswapdWorks !== (this.sys.pgdat.kswapdRun.phase === "balance");
    if (ago <= 0 || (ago < this.everyNs && !(turned && ago > this.everyNs / 8) && !always)) return;
    this.samples.push(sampleOf(this.sys));
    if (this.samples.length < MOST_SAMPLES) return;
    this.samples = this.samples.filter((_, i) => i % 2 === 0);
    this.everyNs *= 2;
  }
}

/**
 * Runs `act` and takes a few hundred samples of the machine meanwhile, the first before it and the last after
 * it. An error of `act` goes on to the caller.
 */
export function samplePressure(machine: Machine, act: () => void): Pressure {
  checkArguments("samplePressure()", { machine: Machine, act: "function" }, [machine, act]);
  const { sys } = machine.kernel;
  const sampler = new Sampler(sys);
  sampler.look();
  sys.trace.watch(() => sampler.look(), act);
  sampler.look(true);
  return { zones: sys.zones.map(zoneOf), samples: sampler.samples };
}
