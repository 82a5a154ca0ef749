/**
 * Draw what programs did that ran at the same time: who worked, who wanted to, and who waited for what.
 *
 *   reader, CPU 0   |run|=========== io ===========|run|
 *   writer, CPU 0   |ready|===== run =====|
 *                   0 us                           200 us
 *
 * Read first: kernel/programs.ts, draw_timeline.ts.
 */
import { checkArguments, required } from "../hw/signature.js";
import type { ProgramResult, ProgramsRun } from "../kernel/programs.js";
import { drawTimeline, type TimelineEvent } from "./draw_timeline.js";
import { type Picture, requireText } from "./picture.js";

/** What to draw. */
export interface ProgramsData {
  readonly title: string;
  /** What machine.runPrograms() returned. */
  readonly run: ProgramsRun;
  readonly alt?: string;
}

/** Parts of the run that a span must last to be seen, and to have room for its name. */
const VISIBLE = 1 / 2000;
const NAMED = 1 / 12;

/** Longer names of what a program was doing. */
const WORDS: Record<string, string> = {
  run: "runs",
  ready: "its CPU is taken",
  io: "waits for the disk",
  reclaim: "waits for free memory",
  throttled: "writes too fast, waits",
  sleep: "sleeps",
};

/**
 * A picture of a run of programs, one lane for each; time counts from the run's start. Spans too short to be
 * seen are left out.
 * Not in Linux: perf sched timehist, kernelshark.
 */
export function drawPrograms(data: ProgramsData): Picture {
  checkArguments("drawPrograms()", { data: required({ title: "any", run: "object", alt: "text" }) }, [data]);
  const title = requireText(data.title, "drawPrograms's title", "what the picture shows");
  if (typeof data.run?.programs !== "object" || data.run.programs === null)
    throw new TypeError("drawPrograms's run is what machine.runPrograms() returned");
  const programs = Object.values(data.run.programs);
  const startNs = Math.min(...programs.map((program) => program.startNs));
  const events = programs.flatMap((program) => spansOf(program, startNs, data.run.ns));
  return drawTimeline({
    title,
    events,
    lanes: programs.map(laneOf),
    ...(data.alt === undefined ? {} : { alt: data.alt }),
  });
}

function laneOf({ name, cpu }: ProgramResult): string {
  return `${name}, CPU ${cpu}`;
}

function spansOf(program: ProgramResult, startNs: number, totalNs: number): TimelineEvent[] {
  return program.spans
    .filter(({ fromNs, toNs }) => toNs - fromNs >= totalNs * VISIBLE)
    .map(({ what, fromNs, toNs }) => {
      const kind = WORDS[what] ?? what;
      const label = toNs - fromNs >= totalNs * NAMED ? kind : "";
      return { atNs: fromNs - startNs, endNs: toNs - startNs, lane: laneOf(program), label, kind };
    });
}
