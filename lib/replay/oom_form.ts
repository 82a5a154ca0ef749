/**
 * The short form of recordings that end in the OOM killer (family oa).
 *
 *   setup steps, the first `oomsnap` with them      as in every recording
 *   kills       one entry for each process ended    the step, who died, and the scores before it
 *   reports     the kernel's own table each time       one row a process, and what was said about the victim
 *   runs        victims and how far each grew       of all runs; a range where they differ
 *   vmstat      of the last step
 *
 * Such a script makes a process grow a megabyte at a time, with a snapshot of all scores after each, until
 * there is no memory left. All those snapshots but the one before a kill say nothing new, so they are not
 * kept. A run of ours is brought into the same form, and then both are compared as ever.
 *
 * Kept of the kernel's table are the scenario's processes: `init` is the recorder itself, another program
 * here. Numbers of processes are left out of its sentences.
 *
 * Read first: record.ts, guest_ops.ts (oomsnap, dmesg). Read next: compare_records.ts.
 */
import type { Json, Recording, StepRecord } from "./record.js";

type Fields = { [field: string]: Json };

/** What of one run the short form is made from. */
interface OomRun {
  setup: StepRecord[];
  kills: Fields[];
  reports: Fields[];
  grown: { [proc: string]: number };
  vmstat: Json | undefined;
}

/** Columns of the kernel's table behind the name. */
const COLUMNS = [
  "total_vm",
  "rss",
  "rss_anon",
  "rss_file",
  "rss_shmem",
  "pgtables_bytes",
  "swapents",
  "oom_score_adj",
];
/** The recorder in the table: the first program of a recorded machine. */
const RECORDER = "init";
/** Step by which processes grow. */
const GROWS = /^(\w+) touch \w+ \d+:(\d+) w=5$/;
/** A row of the table: number, uid, tgid, columns, name. */
const ROW = /^\[ *\d+\] +\d+ +\d+ +(.*)$/;
/** Fields of a report that hold a whole line. */
const LINES: readonly (readonly [field: string, line: RegExp])[] = [
  ["constraint", /^oom-kill:/],
  ["killed", /[Oo]ut of memory.*: Killed process/],
];
/** Fields that hold a list of lines. */
const LISTS: readonly (readonly [field: string, line: RegExp])[] = [
  ["zones", /^Node \d+ \w+ free:.* min:/],
  ["swap", /^(Free|Total) swap/],
];
/** The state of a zone in a report, as far as the recorder keeps it. */
const ZONE = /^Node \d+ (\w+) free:(\d+)kB boost:(\d+)kB min:(\d+)kB low:(\d+)kB high:(\d+)kB/;

/** A sentence of the kernel's without numbers of processes. */
function withoutPids(line: string): string {
  return line.replace(/\bpid=\d+/, "pid=").replace(/Killed process \d+/, "Killed process");
}

/** The table by name and column. */
function byName(rows: readonly Json[]): Fields {
  const shown = (rows as (readonly Json[])[]).filter(([name]) => name !== RECORDER);
  return Object.fromEntries(
    shown.map(([name, ...values]) => [
      String(name),
      Object.fromEntries(COLUMNS.map((column, i) => [column, values[i] ?? null])),
    ]),
  );
}

/** The zones by name: what is free, and the watermarks as they are without a boost. */
function zonesByName(lines: readonly string[]): Fields {
  const found = lines.map((line) => {
    const [, name, ...numbers] = ZONE.exec(line) ?? [];
    const [free = 0, boost = 0, min = 0, low = 0, high = 0] = numbers.map(Number);
    return [String(name), { free, boost, min: min - boost, low: low - boost, high: high - boost }] as const;
  });
  return Object.fromEntries(found);
}

/** A report as it was recorded, in the form that is compared: without the counters of the whole machine. */
function readReport({ columns: _, lists: _lists, ...fields }: Fields): Fields {
  const table = byName(fields.table as readonly Json[]);
  const shown: Fields = { ...fields, table, zones: zonesByName((fields.zones ?? []) as readonly string[]) };
  for (const name of ["constraint", "killed"])
    if (typeof shown[name] === "string") shown[name] = withoutPids(shown[name]);
  return shown;
}

/** The reports in the lines of a kernel's log. */
function reportsIn(log: readonly string[]): Fields[] {
  const reports: { [field: string]: Json }[] = [];
  for (const line of log) {
    if (line.includes("invoked oom-killer")) reports.push({ invoked: line, table: [] });
    const report = reports[reports.length - 1];
    if (report === undefined) continue;
    const words = ROW.exec(line)?.[1]?.trim().split(/ +/);
    if (words !== undefined)
      (report.table as Json[]).push([words[words.length - 1]!, ...words.slice(0, -1).map(Number)]);
    for (const [field, pattern] of LINES) if (pattern.test(line)) report[field] = line;
    for (const [field, pattern] of LISTS)
      if (pattern.test(line)) report[field] = [...((report[field] as Json[]) ?? []), line];
    const victim = /Killed process \d+ \(([^)]*)\)/.exec(line)?.[1];
    if (victim !== undefined) report.victim = victim;
  }
  return reports.map(readReport);
}

/** The entry of a step in which processes were ended, if it is one. */
function killOf(step: StepRecord, before: Json): Fields | undefined {
  const itself = step.err === "KILLED" ? [step.line.split(" ")[0]!] : [];
  if (step.oom_kills === undefined && step.died === undefined && itself.length === 0) return undefined;
  const died = [...(step.died === undefined ? [] : [step.died]), ...itself];
  return { step: step.line, i: step.i, died, pages_touched_by_op: step.touched ?? null, before };
}

/** Sorts the steps of a whole run. */
function readRun(steps: readonly StepRecord[]): OomRun {
  const run: OomRun = { setup: [], kills: [], reports: [], grown: {}, vmstat: undefined };
  let before: Json | undefined;
  for (const step of steps) {
    if (step.line === "oomsnap") {
      if (before === undefined) run.setup.push(step);
      before = step.procs;
      continue;
    }
    if (step.err === "DEAD") continue;
    const grows = GROWS.exec(step.line);
    if (before === undefined) run.setup.push(step);
    else if (grows !== null && step.ok === true) run.grown[grows[1]!] = Number(grows[2]);
    const kill = killOf(step, before ?? null);
    if (kill !== undefined) run.kills.push(kill);
    if (step.vmstat !== undefined && before !== undefined) run.vmstat = step.vmstat;
    if (step.dmesg !== undefined) run.reports.push(...reportsIn(step.dmesg as readonly string[]));
  }
  return run;
}

/** One value where all runs have the same, else a range. */
function ofRuns(values: readonly Json[]): Json {
  const same = values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));
  return same ? (values[0] ?? null) : { "~": values };
}

/** The steps of the short form, numbered on. */
function shortSteps(run: OomRun, victims: Json, grown: Json): StepRecord[] {
  const rest: Fields[] = [
    { line: "kills", kills: run.kills },
    { line: "reports", kernel_reports: run.reports },
    { line: "runs", victims, grown_pages: grown },
    { line: "vmstat", vmstat: run.vmstat ?? {} },
  ];
  const next = (run.setup[run.setup.length - 1]?.i ?? -1) + 1;
  return [...run.setup, ...rest.map((fields, i) => ({ i: next + i, ...fields }) as StepRecord & Fields)];
}

/** Whether a recording has the short form. */
function isShort({ steps }: Recording): boolean {
  return steps.some((step) => step.kills !== undefined);
}

/**
 * A recording of the short form with a number and a line for every step; others are as they are.
 * Not in Linux.
 */
export function readOomForm(recording: Recording): Recording {
  if (!isShort(recording)) return recording;
  const { steps, runs_detail: runs = [] } = recording;
  const of = (field: string): readonly Json[] => steps.flatMap((step) => step[field] ?? []);
  const run: OomRun = {
    setup: steps.filter((step) => (step.line as string | undefined) !== undefined),
    kills: of("kills") as Fields[],
    reports: (of("kernel_report") as Fields[]).map(readReport),
    grown: {},
    vmstat: steps[steps.length - 1]!.vmstat,
  };
  const victims = ofRuns(runs.map((one) => one.victims));
  return { ...recording, steps: shortSteps(run, victims, ofRuns(runs.map((one) => one.grown_pages))) };
}

/** A run of ours in the form of the recording that it is compared with. Not in Linux. */
export function inFormOf(recorded: Recording, ours: Recording): Recording {
  if (!isShort(recorded) || isShort(ours)) return ours;
  const run = readRun(ours.steps);
  const victims = run.reports.map(({ victim }) => victim ?? null);
  return { ...ours, steps: shortSteps(run, victims, run.grown) };
}
