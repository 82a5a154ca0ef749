/**
 * Fault times: how long each page fault of a run took, and why: the answer to "who waits?".
 *
 *    minor             the page was there, or a free frame was          about a microsecond
 *    kswapd helped     the same, while kswapd freed pages beside it
 *    major             a device had to be waited for                    a disk read
 *    direct reclaim    no frame was free: the program freed some itself
 *    throttled         and had to wait, because that got nowhere, or for somebody else
 *
 * A fault begins where the processor reports it and ends when its handler returns. The reason is read off the
 * counters of /proc/vmstat, before and after; the gravest counts.
 *
 * Not in Linux: perf trace -F all, with the counters of PSI beside it.
 *
 * Read first: ../mm/trace.ts. Read next: pressure.ts.
 */
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { MemorySystem } from "../mm/system.js";
import type { TraceEvent } from "../mm/trace.js";
import { ALLOCSTALL, PGMAJFAULT, PGSCAN_DIRECT_THROTTLE, PGSKIP, PGSTEAL_KSWAPD } from "../mm/vmstat.js";
import type { PressureOptions } from "./draw_pressure.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatNs } from "./scale.js";

/** Why a fault took as long as it did, from the least grave to the gravest. */
const REASONS = ["minor", "kswapd helped", "major", "direct reclaim", "throttled"] as const;

/** Why a fault took as long as it did. */
export type FaultReason = (typeof REASONS)[number];

/** One page fault. */
export interface FaultTime {
  /** Simulated time at which it began, and how long it took. */
  readonly ns: number;
  readonly tookNs: number;
  readonly pid: number;
  readonly reason: FaultReason;
}

/** Most points of one reason that are drawn; of more, the longest are kept and the others thinned out. */
const MOST_POINTS = 400;

/** Counters that tell the reason, before a fault. */
interface Before {
  readonly ns: number;
  readonly pid: number;
  readonly stalls: number;
  readonly major: number;
  readonly throttled: number;
  readonly kswapd: number;
}

function countersOf(sys: MemorySystem, { timeNs, pid }: TraceEvent): Before {
  const { events } = sys.vmStat;
  let stalls = 0;
  for (let i = ALLOCSTALL; i < PGSKIP; i++) stalls += events[i]!;
  return {
    ...{ ns: timeNs, pid, stalls, major: events[PGMAJFAULT]!, kswapd: events[PGSTEAL_KSWAPD]! },
    throttled: events[PGSCAN_DIRECT_THROTTLE]!,
  };
}

function reasonOf(before: Before, after: Before, throttled: boolean): FaultReason {
  if (throttled || after.throttled > before.throttled) return "throttled";
  if (after.stalls > before.stalls) return "direct reclaim";
  if (after.major > before.major) return "major";
  return after.kswapd > before.kswapd ? "kswapd helped" : "minor";
}

/** Listens to faults: where one begins, where its handler returns, and whether it was slowed down between. */
class Listener {
  readonly times: FaultTime[] = [];
  private open: Before | undefined;
  private throttled = false;

  constructor(private readonly sys: MemorySystem) {}

  hear(event: TraceEvent): void {
    if (event.name.startsWith("exceptions:")) {
      this.open = countersOf(this.sys, event);
      this.throttled = false;
    } else if (event.name === "vmscan:mm_vmscan_throttled") this.throttled = this.open?.pid === event.pid;
    else if (event.name === "ftrace:funcgraph_exit" && event.fields.func === "handle_mm_fault")
      this.end(event);
  }

  private end(event: TraceEvent): void {
    const { open } = this;
    if (open === undefined || open.pid !== event.pid) return;
    const reason = reasonOf(open, countersOf(this.sys, event), this.throttled);
    this.times.push({ ns: open.ns, tookNs: event.timeNs - open.ns, pid: open.pid, reason });
    this.open = undefined;
  }
}

/**
 * Runs `act` and measures every page fault meanwhile, in the order in which they ended. An error of `act`
 * goes on to the caller. Not in Linux.
 */
export function faultTimes(machine: Machine, act: () => void): FaultTime[] {
  checkArguments("faultTimes()", { machine: Machine, act: "function" }, [machine, act]);
  const { sys } = machine.kernel;
  const listener = new Listener(sys);
  sys.trace.watch((event) => listener.hear(event), act);
  return listener.times;
}

/** How long each fault took and why, over time. Not in Linux. */
export function drawFaultTimes(times: readonly FaultTime[], options: PressureOptions = {}): Plot {
  const each = shape({ ns: "number", tookNs: "number", reason: "text" });
  checkArguments("drawFaultTimes()", { times: listOf(each), options: { title: "text", alt: "text" } }, [
    times,
    options,
  ]);
  if (times.length === 0) throw new RangeError("drawFaultTimes() needs at least one fault");
  const startNs = Math.min(...times.map(({ ns }) => ns));
  const found = REASONS.filter((reason) => times.some((one) => one.reason === reason));
  const series = found.map((reason): LineSeries => {
    const shown = thinned(times.filter((one) => one.reason === reason));
    const y = shown.map(({ tookNs }) => Math.max(tookNs, 1) / 1e3);
    return { kind: "points", name: reason, x: shown.map(({ ns }) => (ns - startNs) / 1e6), y };
  });
  return plot({
    title: options.title ?? "How long each page fault took, and why",
    alt: options.alt ?? found.map((reason) => reasonText(times, reason)).join(" "),
    x: { label: "simulated time", unit: "ms" },
    y: { label: "time of one fault", unit: "µs", scale: "log10" },
    series,
  });
}

/** The longest ones and an even choice of the others. */
function thinned(times: readonly FaultTime[]): readonly FaultTime[] {
  if (times.length <= MOST_POINTS) return times;
  const longest = [...times].sort((a, b) => b.tookNs - a.tookNs).slice(0, MOST_POINTS / 4);
  const stride = Math.ceil(times.length / (MOST_POINTS * 0.75));
  const kept = new Set([...longest, ...times.filter((_, i) => i % stride === 0)]);
  return times.filter((one) => kept.has(one));
}

function reasonText(times: readonly FaultTime[], reason: FaultReason): string {
  const took = times.filter((one) => one.reason === reason).map(({ tookNs }) => tookNs);
  const [low, high] = [Math.min(...took), Math.max(...took)];
  return `${took.length} faults ${reason}: ${formatNs(low)} to ${formatNs(high)}.`;
}
