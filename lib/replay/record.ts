/**
 * Records: what one step of a scenario did, as JSON, the same for the real kernel and for the emulated
 * machine.
 *
 *   {"i":2,"line":"P touch A 0:16 w=1","ok":true,"minflt":16,"majflt":0,"touched":16,
 *    "trace":[[0,16,1,0]],                          pages 0..15: one minor fault each
 *    "sum":{"P":{"vmas":1,"Size":64,"Rss":64,...}}} smaps of all areas of P added up, in kB
 *
 * `minflt` and `majflt` are what getrusage counted during the operation. `report` steps describe every VMA,
 * page and frame. A recording combines several runs: a leaf that differed between them is the string
 * "~varies", or an object {"~":[...]} with the values that were seen.
 *
 * Read next: executor.ts (makes them), compare.ts (compares them).
 */

/** Anything JSON can hold. Not in Linux. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One step of a run. Which fields there are depends on the operation. Not in Linux. */
export interface StepRecord {
  i: number;
  line: string;
  ok?: boolean;
  err?: string;
  minflt?: number;
  majflt?: number;
  [field: string]: Json | undefined;
}

/** The virtual machine that a recording was made in, and its command line. Not in Linux. */
export interface GuestBoot {
  readonly mem_MB: number;
  /** Its second disk, for swap; 0 for none. */
  readonly swap_MB: number;
  /** Its first disk; 0 for none. */
  readonly disk_MB: number;
  readonly thp: "always" | "madvise" | "never";
  /** "1" for a disk with an arm. */
  readonly rotational: string;
  readonly cpus?: number;
}

/** A whole run, or several combined. Not in Linux. */
export interface Recording {
  scenario: string;
  script_fnv: string;
  env: { readonly [key: string]: Json };
  /** Absent where the kernel ran on a machine of its own. */
  boot?: GuestBoot;
  runs?: number;
  /** Of recordings that end in the OOM killer: who was ended in each run, and how far each process grew. */
  victims_same_in_all_runs?: boolean;
  runs_detail?: readonly { readonly victims: readonly string[]; readonly grown_pages: Json }[];
  steps: StepRecord[];
}

/** Leaf of a recording that was not the same in all runs. Not in Linux. */
export const VARIES = "~varies";

/**
 * Runs of equal neighbours: `[start, length, ...value]`, the form of trace, pages and frames. Not in Linux.
 */
export class RunList {
  readonly runs: Json[][] = [];
  private lastKey = "";

  /** Adds `page` with `value`; joins it to the run before when it follows with an equal value. */
  add(page: number, value: readonly Json[]): void {
    const last = this.runs[this.runs.length - 1];
    const key = JSON.stringify(value);
    if (last !== undefined && key === this.lastKey && (last[0] as number) + (last[1] as number) === page)
      (last[1] as number)++;
    else this.runs.push([page, 1, ...value]);
    this.lastKey = key;
  }
}

/** A recording as text, one step a line. Not in Linux. */
export function formatRecording(recording: Recording): string {
  const { steps, ...head } = recording;
  const lines = steps.map((step) => JSON.stringify(step));
  return `${JSON.stringify(head).slice(0, -1)},"steps":[\n${lines.join(",\n")}\n]}\n`;
}

/** Reads a recording. Throws TypeError when the text is none. Not in Linux. */
export function parseRecording(text: string): Recording {
  const parsed = JSON.parse(text) as Recording;
  if (typeof parsed.scenario !== "string" || !Array.isArray(parsed.steps))
    throw new TypeError("this is not a recording: it has no scenario or no steps");
  return parsed;
}
