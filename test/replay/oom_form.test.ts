import { describe, expect, it } from "vitest";
import { compareRecordings } from "../../lib/replay/compare_records.js";
import { inFormOf, readOomForm } from "../../lib/replay/oom_form.js";
import type { Json, Recording } from "../../lib/replay/record.js";

const scores = (a: number): Json => ({ A: { oom_score: a, VmRSS: 4 * a }, T: { oom_score: 0, VmRSS: 100 } });
const LOG = [
  "vm-T invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP), order=0, oom_score_adj=0",
  "Node 0 DMA32 free:100kB boost:2048kB min:3704kB low:4116kB high:4528kB more",
  "Free swap  = 0kB",
  "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
  "[      7]     0     7      715      194        0      194         0    57344        0         -1000 init",
  "[      9]     0     9     5835     5410     5216      194         0    90112        0             0 vm-A",
  "oom-kill:constraint=CONSTRAINT_NONE,task=vm-A,pid=9,uid=0",
  "Out of memory: Killed process 9 (vm-A) total-vm:23340kB",
];
const base = { scenario: "oa99", script_fnv: "0", env: {} };

/** A whole run: T grows twice, and A dies the second time. */
const whole: Recording = {
  ...base,
  steps: [
    { i: 0, line: "vmstat" },
    { i: 1, line: "spawn A", ok: true },
    { i: 2, line: "oomsnap", procs: scores(700) },
    { i: 3, line: "T touch A 0:256 w=5", ok: true, minflt: 256, touched: 256 },
    { i: 4, line: "oomsnap", procs: scores(701) },
    { i: 5, line: "T touch A 256:512 w=5", ok: true, touched: 256, died: "A", oom_kills: 1 },
    { i: 6, line: "oomsnap", procs: {} },
    { i: 7, line: "A touch A 0:1 w=5", ok: false, err: "DEAD" },
    { i: 8, line: "dmesg", dmesg: LOG },
    { i: 9, line: "vmstat", vmstat: { oom_kill: 1 } },
  ],
};

/** The same as a recording has it. */
const row = [5835, 5410, 5216, 194, 0, 90112, 0, 0];
const recorded = (victims: string[][]): Recording =>
  ({
    ...base,
    victims_same_in_all_runs: victims.length === 1,
    runs_detail: victims.map((one) => ({ victims: one, grown_pages: { T: 512 } })),
    steps: [
      ...whole.steps.slice(0, 3),
      {
        kills: [
          { step: "T touch A 256:512 w=5", i: 5, died: ["A"], pages_touched_by_op: 256, before: scores(701) },
        ],
      },
      {
        kernel_report: {
          invoked: LOG[0],
          table: [
            ["init", 715, 194, 0, 194, 0, 57344, 0, -1000],
            ["vm-A", ...row],
          ],
          zones: [LOG[1]],
          swap: [LOG[2]],
          columns: "name total_vm",
          constraint: LOG[6]!.replace("pid=9", "pid=118"),
          killed: LOG[7]!.replace("process 9", "process 118"),
          victim: "vm-A",
        },
      },
      { vmstat: { oom_kill: 1 } },
    ],
  }) as unknown as Recording;

describe("recordings that end in the OOM killer", () => {
  it("are read with a line and a number for every step", () => {
    const { steps } = readOomForm(recorded([["vm-A"]]));
    expect(steps.map(({ i, line }) => [i, line])).toEqual(
      ["vmstat", "spawn A", "oomsnap", "kills", "reports", "runs", "vmstat"].map((line, i) => [i, line]),
    );
    expect(steps[4]!.kernel_reports).toMatchObject([
      {
        zones: { DMA32: { free: 100, boost: 2048, min: 1656, low: 2068, high: 2480 } },
        killed: "Out of memory: Killed process (vm-A) total-vm:23340kB",
      },
    ]);
    expect(JSON.stringify(steps[4])).not.toContain("init");
  });

  it("have the form that a whole run is brought into, once", () => {
    const linux = readOomForm(recorded([["vm-A"]]));
    const ours = inFormOf(linux, whole);
    expect(ours.steps).toEqual(linux.steps);
    expect(inFormOf(linux, ours)).toBe(ours);
    expect(inFormOf(whole, whole)).toBe(whole);
    expect(readOomForm(whole)).toBe(whole);
    const { equal, different } = compareRecordings(linux, whole);
    expect([different, equal > 20]).toEqual([[], true]);
  });

  it("must be equal in scores and table, but not in the moment and what depends on it", () => {
    const linux = readOomForm(recorded([["vm-A"]]));
    const other = structuredClone(whole) as Recording & { steps: { [field: string]: Json }[] };
    other.steps[5]!.line = "T touch A 0:99 w=5";
    other.steps[4]!.procs = { ...(scores(800) as object), T: { oom_score: 0, VmRSS: 555 } };
    const { different, tendency } = compareRecordings(linux, other);
    expect(different.map(({ path }) => path)).toEqual([
      "kills.0.before.A.oom_score",
      "kills.0.before.A.VmRSS",
      "grown_pages.T",
    ]);
    expect(tendency.map(({ path }) => path)).toEqual(["kills.0.step", "kills.0.before.T.VmRSS"]);
  });

  it("need not have the same victims where Linux's own runs did not", () => {
    const linux = readOomForm(recorded([["vm-A"], ["vm-B"]]));
    const other = structuredClone(whole) as Recording & { steps: { [field: string]: Json }[] };
    other.steps[5]!.died = "B";
    const { different, tendency } = compareRecordings(linux, other);
    expect(different).toEqual([]);
    expect(tendency.map(({ path }) => path)).toContain("kills.0.died.0");
  });
});
