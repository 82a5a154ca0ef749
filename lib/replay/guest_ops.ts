/**
 * Operations of the controller that only a virtual machine of its own may see: settings of the kernel, swap,
 * and the counters of the whole system.
 *
 *   write /proc/sys/vm/swappiness 60    as root; an error is the kernel's
 *   dropcaches [1|2|3]                  sync, then /proc/sys/vm/drop_caches
 *   zoneinfo                            watermarks, sizes and lists of each zone that has pages
 *   vmstat                              what each counter has grown by since the last time; the first shows nothing
 *   dmesg                               what the OOM killer has said since the last time
 *   oomsnap                             what the OOM killer would go by, for each living process
 *   mkswap, swapon, swapoff             as root, of a disk or zram
 *   mkdir, mount                        as root: folders, and groups of processes
 *
 * Read first: control_ops.ts, host.ts. Read next: fairness.ts.
 */
import { fieldOf } from "../procfs/parse.js";
import { errnoName } from "./errno_name.js";
import type { ScenarioRun } from "./executor.js";
import type { ReplayProc } from "./layout.js";
import type { Fields } from "./process_ops.js";
import type { Json } from "./record.js";
import type { ControlOp } from "./scenario.js";

/** Counters that the recordings keep. */
const KEPT =
  /^(pgfault|pgmajfault|pgalloc_(normal|dma32|dma)|pgfree|pswp|pgscan|pgsteal|allocstall|workingset_|pgactivate|pgdeactivate|pgrefill|pglazyfree|pageoutrun|kswapd_|slabs_scanned|thp_|nr_free_pages$|nr_inactive_|nr_active_|nr_anon_pages|nr_mapped|nr_file_pages|nr_dirty$|nr_swapcached|nr_shmem$|nr_mlock|nr_page_table_pages|nr_unevictable|nr_anon_transparent|oom_kill|compact_|swap_ra|swpin_|swpout_|drop_|ksm_|nr_vmscan|pginodesteal|pgskip|pgrotated|pgmigrate)/;

/** Lines of /proc/zoneinfo that a record shows. */
const ZONE_LINES = new Set(
  "min low high promo boost spanned present managed nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file nr_unevictable nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file nr_zone_active_file nr_free_pages".split(
    " ",
  ),
);

function outcome(ret: number): Fields {
  return ret < 0 ? { ok: false, err: errnoName(ret) } : { ok: true };
}

/** The counters of /proc/vmstat. Not in Linux. */
function counters(run: ScenarioRun): Map<string, number> {
  const lines = [...run.host.procfs.read("/proc/vmstat").matchAll(/^(\w+) (\d+)$/gm)];
  return new Map(lines.map(([, name, value]) => [name!, Number(value)]));
}

function vmstat(run: ScenarioRun, reset: boolean): Fields {
  const now = counters(run);
  const before = run.vmstat;
  run.vmstat = now;
  if (before === undefined || reset) return {};
  const grown = [...now].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  return { vmstat: Object.fromEntries(grown.filter(([name, by]) => by !== 0 && KEPT.test(name))) };
}

/** One block of /proc/zoneinfo as the record shows it. */
function zoneRecord(block: string): { [field: string]: Json } {
  const fields: { [field: string]: Json } = {};
  for (const line of block.split("\n").slice(1)) {
    const [, name, value] = /^ +(\w+) +(\d+)$/.exec(line) ?? [];
    if (name !== undefined && ZONE_LINES.has(name)) fields[name] = Number(value);
    const free = /^ +pages free +(\d+)$/.exec(line);
    if (free !== null) fields.free = Number(free[1]);
    const protection = /protection: \((.*)\)/.exec(line);
    if (protection !== null) fields.protection = protection[1]!.split(", ").map(Number);
  }
  return fields;
}

/** The zones that have pages. */
function zoneinfo(run: ScenarioRun): Json {
  const blocks = run.host.procfs.read("/proc/zoneinfo").split(/^(?=Node \d+, zone)/m);
  const zones = blocks.map((block) => [/zone +(\w+)/.exec(block)![1]!, zoneRecord(block)] as const);
  return Object.fromEntries(zones.filter(([, fields]) => Number(fields.managed) > 0));
}

/** Lines of the kernel's log that a record keeps. */
const OOM_LINES = /oom|Killed|memory: usage|^\[ *\d+\]|total_vm| min:|^(Free|Total) swap/;

/** Fields of /proc/PID/status that oomsnap shows. */
const SNAP_FIELDS = ["VmRSS", "RssAnon", "RssFile", "RssShmem", "VmSwap", "VmPTE"];

/** What the OOM killer would go by, for each living process. */
function oomsnap(run: ScenarioRun): Json {
  const { procfs } = run.host;
  const of = ({ guest, name }: ReplayProc): [string, Json] => {
    const status = procfs.read(`/proc/${guest.pid}/status`);
    const number = (file: string): number => Number(procfs.read(`/proc/${guest.pid}/${file}`));
    const fields = SNAP_FIELDS.map((field) => [field, fieldOf(status, field)]);
    const scores = { oom_score: number("oom_score"), oom_score_adj: number("oom_score_adj") };
    const order = run.procs.findIndex((proc) => proc.guest === guest);
    return [name, { ...scores, ...Object.fromEntries(fields), pid_order: order }];
  };
  return Object.fromEntries(run.living().map(of));
}

/** Runs one of these operations; the fields of its record. Not in Linux. */
export function guestStep(run: ScenarioRun, op: ControlOp): Fields {
  const { procfs } = run.host;
  switch (op.op) {
    case "write":
      return outcome(procfs.tryWrite(op.path, op.value));
    case "dropcaches":
      for (const path of run.files.values()) run.host.files.fsync(path);
      return outcome(procfs.tryWrite("/proc/sys/vm/drop_caches", op.what));
    case "vmstat":
      return vmstat(run, op.reset);
    case "zoneinfo":
      return { zones: zoneinfo(run) };
    case "mkswap":
      return outcome(run.host.swap.mkswap(op.device, op.pages));
    case "swapon":
      return outcome(run.host.swap.swapon(op.device, op.prio));
    case "swapoff":
      return outcome(run.host.swap.swapoff(op.device));
    case "oomsnap":
      return { procs: oomsnap(run) };
    case "dmesg":
      return { dmesg: run.newLogLines().filter((line) => OOM_LINES.test(line)) };
    case "mkdir":
      return { ok: run.host.mkdir(op.path) === 0 };
    case "mount":
      return { ok: run.host.mount(op.fs, op.dir) === 0 };
    default:
      throw run.fail("this is no operation of the controller");
  }
}
