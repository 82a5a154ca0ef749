/**
 * What of a recorded run may be different where memory is reclaimed all the time: told by the kind of field,
 * and by what the area, process or file has that reclaim may take.
 *
 *   an area without anything reclaimable            nothing
 *   an area that maps a file on disk                what is resident, and the faults that bring it back
 *   an area where MADV_FREE was called              the same, and the bytes: they may be gone
 *   a process with such an area                     its sums of what is resident; faults of operations without an area
 *   a file on disk                                  what of it is cached
 *
 * All else must be equal: results, errors, signals, VMAs, sizes, flags, rights, page tables, anonymous and
 * shared memory, who shares what with whom, and the bytes of files.
 */
import type { Difference } from "../../lib/replay/compare_records.js";
import type { ScenarioRun } from "../../lib/replay/executor.js";
import type { ReplayProc } from "../../lib/replay/layout.js";
import type { Recording, StepRecord } from "../../lib/replay/record.js";
import type { ProcessOp, Scenario, ScenarioLine } from "../../lib/replay/scenario.js";
import { keptAtLeast, shareAlike } from "./frame_runs.js";

/** Why pages of an area may be gone. */
type Kind = "file" | "lazy";
/** By number of the area. */
type Kinds = ReadonlyMap<number, Kind>;

const RESIDENT = new Set(
  ["Rss", "Pss", "Pss_Dirty", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty"].concat([
    "Referenced",
    "VmRSS",
    "RssFile",
    "count",
    "pages",
    "kept",
    "minflt",
    "majflt",
    "trace",
    "mincore",
  ]),
);
/** Where MADV_FREE was called, anonymous pages and what they held may be gone, too. */
const LAZY = new Set(["Anonymous", "LazyFree", "RssAnon", "ok", "bytes", "mismatches", "first_bad"]);
const CACHED = new Set(["resident", "cache", "dirty", "writeback", "evicted"]);

/** Watches a run, and says which of its differences from the recording reclaim explains. */
export class Reclaimable {
  private readonly lines: readonly ScenarioLine[];
  private readonly disk = new Set<string>();
  private readonly kinds = new Map<ReplayProc, Map<number, Kind>>();
  /** After each step: the processes by name. */
  private readonly after: ReadonlyMap<string, Kinds>[] = [];
  /** The area that each step was about. */
  private readonly areas: (number | undefined)[] = [];

  constructor({ lines }: Scenario) {
    this.lines = lines.filter(({ what }) => what.kind !== "mode");
  }

  /** Called after each step. */
  step({ i }: StepRecord, run: ScenarioRun): void {
    const { what, proc: name } = this.lines[i]!;
    if (what.kind === "control" && what.op.op === "file" && what.op.action.op === "create") {
      if (what.op.action.fs === "disk") this.disk.add(what.op.file);
      else this.disk.delete(what.op.file);
    }
    const proc = run.procs.find((one) => one.name === name);
    if (what.kind === "process" && proc !== undefined) this.processStep(proc, what.op, run);
    if (what.kind === "process" && proc !== undefined) this.areas[i] = areaOf(proc, what.op);
    this.after[i] = new Map(run.procs.map((one) => [one.name, new Map(this.of(one))]));
  }

  private of(proc: ReplayProc): Map<number, Kind> {
    const kinds = this.kinds.get(proc) ?? new Map<number, Kind>();
    this.kinds.set(proc, kinds);
    return kinds;
  }

  private processStep(proc: ReplayProc, op: ProcessOp, run: ScenarioRun): void {
    const kinds = this.of(proc);
    const area = areaOf(proc, op);
    if (op.op === "fork") {
      const child = run.procs.find(({ name, alive }) => alive && name === op.child);
      if (child !== undefined) this.kinds.set(child, new Map(kinds));
    } else if (area === undefined) return;
    else if (op.op === "map" && op.file !== undefined && this.disk.has(op.file)) kinds.set(area, "file");
    else if (op.op === "madvise" && op.advice === "FREE") kinds.set(area, "lazy");
    else if (op.op === "mremap" && kinds.has(area)) {
      const to = op.to === undefined ? proc.areas.length - 1 : proc.find(op.to)?.area;
      if (to !== undefined && kinds.get(to) !== "lazy") kinds.set(to, kinds.get(area)!);
    }
  }

  /** Whether reclaim explains a difference between the two runs. */
  explains({ step, path, kernel, ours: our }: Difference, recorded: Recording, ours: Recording): boolean {
    const parts = path.split(".");
    const field = parts.at(-1)!;
    if (field === "frames")
      return shareAlike(
        recorded.steps[step]!,
        ours.steps[step]!,
        (proc, area) => this.after[step]!.get(proc)?.has(area) !== true,
      );
    // Reclaim empties the CPU's batches, whose references make the last owner of a page copy it.
    if (field === "kept" && keptAtLeast(kernel, our)) return true;
    if (parts.some((part) => part === "file" || part === "files")) return CACHED.has(field);
    const kinds = this.kindsOf(step, parts);
    const may = (kind: Kind): boolean =>
      parts.some((part) => RESIDENT.has(part) || (kind === "lazy" && LAZY.has(part)));
    return kinds.some(may);
  }

  /** What may be gone of what the leaf is about: an area, or a process. */
  private kindsOf(step: number, parts: readonly string[]): Kind[] {
    const { what, proc: actor } = this.lines[step]!;
    const at = parts[0] === "report" ? parts.indexOf("procs") : parts[0] === "sum" ? 0 : undefined;
    const kinds = this.after[step]!.get(at === undefined ? actor! : parts[at + 1]!) ?? new Map();
    const areas = parts.indexOf("areas");
    let area = areas < 0 ? undefined : Number(parts[areas + 1]);
    if (at === undefined && what.kind === "process" && "area" in what.op) area = this.areas[step];
    const kind = area === undefined ? undefined : kinds.get(area);
    return area === undefined ? [...kinds.values()] : kind === undefined ? [] : [kind];
  }
}

/** Number of the area that the operation is about. */
function areaOf(proc: ReplayProc, op: ProcessOp): number | undefined {
  return "area" in op ? proc.find(op.area)?.area : undefined;
}
