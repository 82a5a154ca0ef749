/**
 * Draw the path of one page fault: what the kernel did, step inside step, and how long each step took.
 *
 *    MMU refuses, exception 14        |======|
 *    page_fault_user                         * address=0x20000000 error_code=0x6
 *    handle_mm_fault                         |===============|
 *      do_anonymous_page                               |=====|
 *        mm_page_alloc                                 * pfn=4141 order=0
 *    the access again                                        |=|
 *
 * The steps are the machine's tracepoints; none is written down here.
 *
 * Read first: mm/trace.ts, draw_timeline.ts.
 */

import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { type TraceEvent, traceCalls } from "../mm/trace.js";
import { Picture } from "./picture.js";
import { formatNs, makeScale, type Scale } from "./scale.js";
import { element, INK, label, line, px, rect, SERIES_COLOURS, textWidth, wrap } from "./svg.js";

/** What may be said about the drawing. */
export interface FaultPathOptions {
  readonly title?: string;
  readonly alt?: string;
}

/** One row of the drawing. Times count from the start of the access. */
interface Step {
  readonly name: string;
  readonly depth: number;
  readonly atNs: number;
  /** Absent for a moment. */
  readonly endNs?: number;
  readonly note: string;
}

/** Most steps of one picture. */
const MAX_STEPS = 60;
const WIDTH = 760;
const ROW = 26;

/**
 * Runs `access`, which must take exactly one page fault, and draws what the kernel did about it. RangeError
 * for none, for several, and for more than 60 steps. An error that `access` throws goes on to the caller.
 */
export function drawFaultPath(machine: Machine, access: () => void, options: FaultPathOptions = {}): Picture {
  checkArguments(
    "drawFaultPath()",
    { machine: Machine, access: "function", options: { title: "text", alt: "text" } },
    [machine, access, options],
  );
  const { clock, trace } = machine.kernel.sys;
  const startNs = clock.nowNs;
  const events = trace.record(access);
  const faults = events.filter(({ name }) => name.startsWith("exceptions:")).length;
  if (faults !== 1)
    throw new RangeError(`drawFaultPath() draws one page fault; the access took ${faults || "none"}`);
  const steps = stepsOf(events, startNs, clock.nowNs);
  if (steps.length > MAX_STEPS)
    throw new RangeError(`drawFaultPath() shows at most ${MAX_STEPS} steps; the fault took ${steps.length}`);
  return picture(options.title ?? "The path of one page fault", steps, options.alt);
}

/** The steps in the order in which they began. */
function stepsOf(events: readonly TraceEvent[], startNs: number, endNs: number): Step[] {
  const calls = traceCalls(events);
  const entryNs = events.find(({ name }) => name.startsWith("exceptions:"))!.timeNs;
  const doneNs = Math.max(entryNs, ...calls.map((call) => call.endNs));
  let call = 0;
  const kernel = events.flatMap((event): Step[] => {
    if (event.name === "ftrace:funcgraph_exit") return [];
    if (event.name === "ftrace:funcgraph_entry") return [callStep(calls[call++]!, startNs)];
    const note = Object.entries(event.fields).map(([key, value]) => `${key}=${value}`);
    const name = event.name.slice(event.name.indexOf(":") + 1);
    return [{ name, depth: event.depth, atNs: event.timeNs - startNs, note: note.join(" ") }];
  });
  return [
    { name: "MMU refuses, exception 14", depth: 0, atNs: 0, endNs: entryNs - startNs, note: "" },
    ...kernel,
    { name: "the access again", depth: 0, atNs: doneNs - startNs, endNs: endNs - startNs, note: "" },
  ];
}

function callStep(call: ReturnType<typeof traceCalls>[number], startNs: number): Step {
  const note =
    call.ret === "" ? "" : `returns ${typeof call.ret === "number" ? hexOrZero(call.ret) : call.ret}`;
  return {
    name: call.func,
    depth: call.depth,
    atNs: call.startNs - startNs,
    endNs: call.endNs - startNs,
    note,
  };
}

function hexOrZero(value: number): string {
  return value === 0 ? "0" : `0x${value.toString(16)}`;
}

function picture(title: string, steps: readonly Step[], alt: string | undefined): Picture {
  const left = 40 + Math.max(...steps.map((s) => s.depth * 16 + textWidth(s.name, 12)));
  const axis = { label: "time", unit: "ns", format: "ns" } as const;
  const times = steps.flatMap((s) => [s.atNs, s.endNs ?? s.atNs]);
  const scale = makeScale(axis, times, left, WIDTH - 30, 5);
  const titleLines = wrap(title, WIDTH - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 22 + titleLines.length * 20;
  const bottom = top + steps.length * ROW;
  steps.forEach((_, i) => {
    if (i % 2 === 0) body.push(rect(1, top + i * ROW, WIDTH - 2, ROW, { fill: INK.fill }));
  });
  for (const tick of scale.ticks) {
    const x = scale.at(tick);
    body.push(line(x, top, x, bottom, { "stroke-dasharray": "2 4" }));
    body.push(label(x, bottom + 18, formatNs(tick), { size: 12, anchor: "middle", fill: INK.faint }));
  }
  body.push(label((left + WIDTH - 30) / 2, bottom + 37, "simulated time", { size: 12, anchor: "middle" }));
  steps.forEach((step, i) => {
    body.push(stepMarkup(step, top + i * ROW, scale));
  });
  const text = stepsText(title, steps);
  const desc = alt ?? text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width: WIDTH, height: bottom + 46, title, desc }, body, text);
}

/** The name at the left, its bar or diamond at its time, the note on the side where there is room. */
function stepMarkup(step: Step, y: number, scale: Scale): string {
  const colour = SERIES_COLOURS[step.endNs === undefined ? 1 : 0]!;
  const x = scale.at(step.atNs);
  const end = step.endNs === undefined ? x + 5 : Math.max(x + 2, scale.at(step.endNs));
  const start = step.endNs === undefined ? x - 5 : x;
  const d = `M${px(x)} ${px(y + 8)}L${px(x + 5)} ${px(y + 13)}L${px(x)} ${px(y + 18)}L${px(x - 5)} ${px(y + 13)}Z`;
  const mark =
    step.endNs === undefined
      ? element("path", { d, fill: colour })
      : rect(x, y + 7, end - x, 12, { fill: colour, rx: 2 });
  const took = step.endNs === undefined ? "" : formatNs(step.endNs - step.atNs);
  const note = [took, step.note].filter((part) => part !== "").join(", ");
  const right = end + 6 + textWidth(note, 11) <= WIDTH - 8;
  return (
    label(16 + step.depth * 16, y + 17, step.name, { size: 12 }) +
    mark +
    label(right ? end + 6 : start - 6, y + 17, note, { size: 11, anchor: right ? "start" : "end" })
  );
}

function stepsText(title: string, steps: readonly Step[]): string {
  const at = steps.map((s) => `at ${formatNs(s.atNs)}`);
  const took = steps.map((s) => (s.endNs === undefined ? "" : `takes ${formatNs(s.endNs - s.atNs)}`));
  const names = steps.map((s) => "  ".repeat(s.depth) + s.name);
  const [wideAt, wideTook, wideName] = [at, took, names].map((all) => Math.max(...all.map((t) => t.length)));
  const lines = steps.map((s, i) =>
    `  ${at[i]!.padEnd(wideAt!)}  ${names[i]!.padEnd(wideName!)}  ${took[i]!.padEnd(wideTook!)}  ${s.note}`.trimEnd(),
  );
  return [title, ...lines].join("\n");
}
