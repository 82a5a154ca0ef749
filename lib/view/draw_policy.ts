/**
 * Draw a policy at work: the table of textbooks, frames as rows and references as columns.
 *
 *    reference   7    0    1    2    0    3
 *    frame 0    [7]   7    7   [2]   2    2          [ ] a page that has just come in stands out
 *    frame 1         [0]   0    0    0    0          behind a page stands what the policy remembers of it,
 *    frame 2              [1]   1    1   [3]         such as CLOCK's referenced bit and hand
 *               miss miss miss miss hit  miss
 *
 * A page keeps its frame while it stays.
 *
 * Not in Linux. Read first: picture.ts, ../policies/policy_steps.ts. Read next: step_policy.ts, which shows
 * it reference by reference.
 */
import type { AnyPageTrace } from "../policies/numbered_trace.js";
import { type PolicyStep, type PolicySteps, policySteps } from "../policies/policy_steps.js";
import type { AnyPolicy } from "../policies/run_policy.js";
import { Picture } from "./picture.js";
import { INK, label, rect, wrap } from "./svg.js";

/** Most references of one picture, and most frames. */
const MOST_COLUMNS = 24;
const MOST_FRAMES = 12;
const LEFT = 92;
const ROW = 30;
const CAME = "#FBE3B0";
const STAYS = "#BFE3F7";

/**
 * A table of `policy` at work on a short `trace` with `frames` frames. RangeError for more than 24 references
 * or 12 frames, which nobody can read. Not in Linux.
 */
export function drawPolicy(policy: AnyPolicy, trace: AnyPageTrace, frames: number): Picture {
  const run = policySteps(policy, trace, frames);
  return drawPolicyUpTo(run, run.steps.length, `${policyTitle(run)}: ${run.misses} misses`);
}

/** The policy and its frames, in words. */
export function policyTitle({ policy, capacity }: PolicySteps): string {
  return `${policy} with ${capacity} frame${capacity === 1 ? "" : "s"}`;
}

function checkSize({ steps, capacity }: PolicySteps): void {
  if (steps.length > MOST_COLUMNS || capacity > MOST_FRAMES || steps.length === 0)
    throw new RangeError(
      `a table shows 1 to ${MOST_COLUMNS} references and up to ${MOST_FRAMES} frames; got ${steps.length} and ${capacity}`,
    );
}

/**
 * The first `upTo` references of a run as a table; what comes later is still blank. RangeError as for
 * drawPolicy(). Not in Linux.
 */
export function drawPolicyUpTo(run: PolicySteps, upTo: number, title: string): Picture {
  checkSize(run);
  const { steps, capacity } = run;
  const column = steps.some(({ tags }) => tags.some((tag) => tag !== "")) ? 58 : 44;
  const width = Math.max(420, LEFT + steps.length * column + 16);
  const titleLines = wrap(title, width - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 30 + titleLines.length * 20;
  const side = { size: 12, anchor: "end", fill: INK.faint } as const;
  body.push(label(LEFT - 12, top + 16, "reference", side));
  for (let frame = 0; frame < capacity; frame++)
    body.push(label(LEFT - 12, top + (frame + 1) * ROW + 18, `frame ${frame}`, side));
  steps.forEach((step, i) => {
    const x = LEFT + i * column;
    const isNow = i === upTo - 1;
    const middle = { size: 13, bold: isNow, anchor: "middle" } as const;
    body.push(label(x + column / 2, top + 16, String(step.page), middle));
    if (i < upTo) body.push(...columnMarkup(step, steps[i - 1], x, top + ROW, column, capacity));
  });
  const misses = steps.slice(0, upTo).filter(({ hit }) => !hit).length;
  const bottom = top + (capacity + 2) * ROW;
  body.push(label(16, bottom + 18, `misses so far: ${misses} of ${upTo}`, { size: 13 }));
  const text = policyText(title, steps.slice(0, upTo), misses);
  const desc = text.replace(/\n\s*/g, "; ");
  return new Picture({ width, height: bottom + 34, title, desc }, body, text);
}

function columnMarkup(
  step: PolicyStep,
  before: PolicyStep | undefined,
  x: number,
  top: number,
  column: number,
  capacity: number,
): string[] {
  const out: string[] = [];
  step.frames.forEach((page, frame) => {
    const y = top + frame * ROW;
    const came = page !== undefined && before?.frames[frame] !== page;
    const fill = page === undefined ? INK.card : came ? CAME : STAYS;
    out.push(rect(x + 2, y + 2, column - 4, ROW - 4, { fill, stroke: "#9AA3AD", rx: 3 }));
    if (page === undefined) return;
    const tag = step.tags[frame] ?? "";
    const text = tag === "" ? String(page) : `${page} ${tag}`;
    out.push(label(x + column / 2, y + 19, text, { size: 12, bold: came, anchor: "middle" }));
  });
  const verdict = { size: 12, anchor: "middle", fill: step.hit ? INK.text : INK.alarm } as const;
  out.push(label(x + column / 2, top + capacity * ROW + 18, step.hit ? "hit" : "miss", verdict));
  return out;
}

function policyText(title: string, steps: readonly PolicyStep[], misses: number): string {
  const lines = steps.map(({ page, hit, frames, tags }) => {
    const held = frames.map((one, i) => (one === undefined ? "-" : [one, tags[i]].join(" ").trim()));
    return `  ${page}: ${hit ? "hit" : "miss"}  [${held.join(" | ")}]`;
  });
  return [title, ...lines, `  misses so far: ${misses} of ${steps.length}`].join("\n");
}
