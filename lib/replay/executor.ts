/**
 * The executor: runs a scenario on a kernel, line by line, and writes one record for each step.
 *
 *   parseScenario(text) ---> runScenario(scenario, host) ---> Recording
 *                              |  a process operation: system calls of that process (process_ops.ts)
 *                              |  a controller operation: files, reports, starting processes
 *                              +- after every step: the smaps sums of all processes
 *
 * A process starts without any area. What it has besides (its image and stack) is measured once when it
 * starts, in it and in a child of it, and taken off all reported numbers. An operation that the machine lacks
 * is an error that names line and operation; nothing is ever skipped.
 *
 * Read first: scenario.ts, host.ts, process_ops.ts. Read next: compare_records.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { PM_PRESENT, PM_SWAP } from "../procfs/pagemap.js";
import { fieldOf, parseSmaps } from "../procfs/parse.js";
import { controlStep } from "./control_ops.js";
import { errnoName } from "./errno_name.js";
import type { Host } from "./host.js";
import { ReplayProc, rangeBytes, Slots } from "./layout.js";
import { VisitBudget } from "./limits.js";
import { type Fields, type OpContext, runProcessOp } from "./process_ops.js";
import type { Recording, StepRecord } from "./record.js";
import { briefSum } from "./report.js";
import { NotYetError, type ProcessOp, type Scenario, ScenarioError, type ScenarioLine } from "./scenario.js";

/** Steps without the sum after them. */
const NO_SUM = new Set(["report", "cat", "vmstat", "meminfo", "zoneinfo", "oomsnap", "dmesg", "write"]);

/** Called after every step; a test or a notebook may look at the machine. Not in Linux. */
type AfterStep = (step: StepRecord, run: ScenarioRun) => void;

/** One scenario on its way. Not in Linux. */
export class ScenarioRun {
  readonly slots = new Slots();
  readonly procs: ReplayProc[] = [];
  /** Path of each file by its name in the script. */
  readonly files = new Map<string, string>();
  readonly steps: StepRecord[] = [];
  /** What /proc/vmstat said last time. */
  vmstat: Map<string, number> | undefined = undefined;
  private readonly budget = new VisitBudget();
  /** The recorder keeps its own pages in RAM. */
  lockself = false;
  private brief = true;
  private quiet = false;
  private stepNo = 0;
  private oomKills = 0;
  private logLines = 0;
  private line: ScenarioLine | undefined;

  constructor(
    readonly host: Host,
    private readonly afterStep?: AfterStep,
  ) {}

  /** An error about the line being run. */
  fail(problem: string): ScenarioError {
    const { line, what } = this.line!;
    return new ScenarioError(line, what.op.op, problem);
  }

  /** An error about the line being run: it needs what the machine does not have yet. */
  notYet(reason: string): NotYetError {
    const { line, what } = this.line!;
    return new NotYetError(line, what.op.op, reason);
  }

  /** The living process called `name`. */
  proc(name: string): ReplayProc {
    const proc = this.procs.find((candidate) => candidate.name === name);
    if (proc === undefined) throw this.fail(`there is no process ${name}`);
    return proc;
  }

  /** Path of the scenario's file `name`. */
  filePath(name: string): string {
    const path = this.files.get(name);
    if (path === undefined) throw this.fail(`there is no file ${name}`);
    return path;
  }

  /** The processes that reports show. */
  living(): ReplayProc[] {
    return this.procs.filter((proc) => proc.alive && !proc.name.startsWith("~"));
  }

  /** What the kernel's log says since the last time. */
  newLogLines(): string[] {
    const lines = this.host.kernelLog().slice(this.logLines);
    this.logLines += lines.length;
    return lines;
  }

  /** Makes room for a process called `name`. */
  freeName(name: string): void {
    const old = this.procs.find((proc) => proc.name === name);
    if (old?.alive) throw this.fail(`process ${name} is alive already`);
    if (old !== undefined) old.name = `~${this.procs.indexOf(old)}`;
  }

  /** Runs one line. */
  run(line: ScenarioLine): void {
    this.line = line;
    if (line.what.kind === "mode") {
      const { op } = line.what;
      if (op.op === "lockself") {
        this.lockself = true;
        this.host.lockSelf();
      } else if (op.op === "brief") this.brief = op.on;
      else this.quiet = op.on;
      return;
    }
    const record = this.answered(line);
    if (!this.quiet) this.steps.push(record);
    this.afterStep?.(record, this);
  }

  /** Refuses a step that would visit too many pages. */
  visit(pages: number): void {
    const problem = this.budget.add(pages);
    if (problem !== undefined) throw this.fail(problem);
  }

  /** What the machine refuses to do at all becomes an error about the line. */
  private answered(line: ScenarioLine): StepRecord {
    try {
      return this.step(line);
    } catch (error) {
      const refused = error instanceof RangeError || error instanceof TypeError;
      throw refused && !/call stack/.test(error.message) ? this.fail(error.message) : error;
    }
  }

  private step(line: ScenarioLine): StepRecord {
    const record: StepRecord = { i: this.stepNo++, line: line.text };
    const alive = this.procs.filter((proc) => proc.alive);
    this.host.settle();
    if (line.what.kind === "control") Object.assign(record, controlStep(this, line.what.op));
    else if (line.what.kind === "process") {
      const proc = this.proc(line.proc!);
      if (!proc.alive) return Object.assign(record, { ok: false, err: "DEAD" });
      Object.assign(record, this.survived(proc, line.what.op));
      for (const other of alive) if (!other.alive && other !== proc) record.died = other.name;
    }
    const kills = this.host.oomKills - this.oomKills;
    this.oomKills += kills;
    if (kills > 0) record.oom_kills = kills;
    if (this.brief && !this.quiet && !NO_SUM.has(line.what.op.op)) record.sum = this.sums();
    return record;
  }

  /** What the process's operation did, or that it was killed in the middle, for want of memory. */
  private survived(proc: ReplayProc, op: ProcessOp): Fields {
    const fields = this.processStep(proc, op);
    const killed = !proc.alive && op.op !== "exit" && op.op !== "kill";
    if (!killed) return fields;
    const touched: Fields = fields.touched === undefined ? {} : { touched: fields.touched };
    return { ok: false, err: "KILLED", ...touched };
  }

  private sums(): Fields {
    const shown = this.living().filter((proc) => proc.areas.length > 0);
    return Object.fromEntries(shown.map((proc) => [proc.name, briefSum(this.host.procfs, proc)]));
  }

  private processStep(proc: ReplayProc, op: ProcessOp): Fields {
    const { procfs } = this.host;
    switch (op.op) {
      case "fork":
        return this.fork(proc, op.child);
      case "exit":
        proc.guest.exit(op.code);
        return { ok: true };
      case "kill":
        proc.guest.kill();
        return { ok: !proc.alive };
      case "clearrefs":
        return { ok: procfs.tryWrite(`/proc/${proc.guest.pid}/clear_refs`, op.value) >= 0 };
      case "oomadj":
        return { ok: procfs.tryWrite(`/proc/${proc.guest.pid}/oom_score_adj`, String(op.value)) >= 0 };
      case "cgroup":
        return this.moveTo(proc, op.dir);
      case "pmcount":
        return this.pmcount(proc, op);
      default:
        return runProcessOp(proc, op, this as OpContext);
    }
  }

  /** Moves the process to a group. */
  private moveTo(proc: ReplayProc, dir: string): Fields {
    const ret = this.host.procfs.tryWrite(`${dir}/cgroup.procs`, String(proc.guest.pid));
    return ret < 0 ? { ok: false, err: errnoName(ret) } : { ok: true };
  }

  /**
   * Counts pages in pagemap: of the range, or from the name's address to the end of the last mapping in its
   * area.
   */
  private pmcount(proc: ReplayProc, op: Extract<ProcessOp, { op: "pmcount" }>): Fields {
    const known = proc.find(op.area);
    if (known === undefined) throw this.fail(`process ${proc.name} has no area ${op.area}`);
    const { procfs } = this.host;
    const { pid } = proc.guest;
    const wanted = op.range === undefined ? undefined : rangeBytes(known.base, op.range);
    const start = wanted?.addr ?? known.base;
    let end = start + (wanted?.len ?? 0);
    if (wanted === undefined)
      for (const vma of parseSmaps(procfs.read(`/proc/${pid}/smaps`)))
        if (proc.areaOf(vma.start, vma.end) === known.area) end = Math.max(end, vma.end);
    this.visit((end - start) / PAGE_SIZE);
    const words = procfs.pagemap(pid, start, (end - start) / PAGE_SIZE);
    const has = (flags: number, bit: number): boolean => Math.floor(flags / bit) % 2 === 1;
    const present = words.filter(({ flags }) => has(flags, PM_PRESENT)).length;
    const swapped = words.filter(({ flags }) => !has(flags, PM_PRESENT) && has(flags, PM_SWAP)).length;
    return { present, swapped, none: words.length - present - swapped };
  }

  private fork(parent: ReplayProc, name: string): Fields {
    this.freeName(name);
    const guest = parent.guest.fork(`vm-${name}`);
    if (typeof guest === "number") return { ok: false, err: errnoName(guest) };
    const child = new ReplayProc(name, guest);
    child.inheritFrom(parent);
    this.procs.push(child);
    return { ok: true };
  }

  /** Starts a process and measures what it, and a child of it, has before any area exists. */
  spawn(name: string): Fields {
    this.freeName(name);
    const { procfs } = this.host;
    const proc = new ReplayProc(name, this.host.spawn(`vm-${name}`));
    this.procs.push(proc);
    const status = (pid: number, key: string): number => fieldOf(procfs.read(`/proc/${pid}/status`), key);
    const probe = proc.guest.fork("vm-__probe", true);
    if (typeof probe === "number") throw this.fail(`fork of the probe failed: ${errnoName(probe)}`);
    proc.childPte = status(probe.pid, "VmPTE");
    probe.exit(0);
    const { pid } = proc.guest;
    proc.base = { pte: status(pid, "VmPTE"), data: status(pid, "VmData"), size: status(pid, "VmSize") };
    return { ok: true };
  }
}

/** Runs `scenario` on `host` from beginning to end. Not in Linux. */
export function runScenario(scenario: Scenario, host: Host, afterStep?: AfterStep): Recording {
  const run = new ScenarioRun(host, afterStep);
  for (const line of scenario.lines) run.run(line);
  return { scenario: scenario.name, script_fnv: scenario.scriptFnv, env: host.env, steps: run.steps };
}
