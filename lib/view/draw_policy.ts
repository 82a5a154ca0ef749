/**
 * Draw a policy at work: the table of textbooks, frames as rows and references as columns.
 *
 *    page      1   2   3   4   1   2
 *    frame 0  [1]  1   1  [4]  4   4         [ ] has just come in: a miss
 *    frame 1      [2]  2   2  [1]  1
 *    frame 2          [3]  3   3  [2]
 *    miss      x   x   x   x   x   x         6 misses
 *
 * A page keeps its frame while it stays. A small mark behind its number is the policy's own, such as CLOCK's
 * referenced bit and hand.
 *
 * Not in Linux. Read first: picture.ts, ../policies/policy_steps.ts.
 */
import type { AnyPageTrace } from "../policies/numbered_trace.js";
import { type PolicyStep, type PolicySteps, policySteps } from "../policies/policy_steps.js";
import type { AnyPolicy } from "../policies/run_policy.js";
import { Picture } from "./picture.js";
import { group, INK, label, rect, wrap } from "./svg.js";

const CELL = { width: 34, height: 26, left: 76 };
/** Columns beyond these do not fit a notebook. */
const MOST_COLUMNS = 24;
const MOST_ROWS = 16;
const COME_IN = "#FBE3B0";

/**
 * A table of `policy` at work on a short `trace` with `capacity` frames. RangeError for more than 24
 * references or 16 frames, which nobody can read. Not in Linux.
 */
export function drawPolicy(policy: AnyPolicy, trace: AnyPageTrace, capacity: number): Picture {
  return tableOf(policySteps(policy, trace, capacity));
}

function tableOf(run: PolicySteps): Picture {
  const { policy, capacity, steps, misses } = run;
  if (steps.length === 0 || steps.length > MOST_COLUMNS || capacity > MOST_ROWS)
    throw new RangeError(
      `a table shows 1 to ${MOST_COLUMNS} references and up to ${MOST_ROWS} frames, not ${steps.length} and ${capacity}`,
    );
  const frames = capacity === 1 ? "1 frame" : `${capacity} frames`;
  const title = `${policy} with ${frames}: ${misses} misses of ${steps.length} references`;
  const width = Math.max(420, CELL.left + steps.length * CELL.width + 24);
  const lines = wrap(title, width - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 22 + lines.length * 20;
  body.push(...rowNames(capacity, top));
  for (const [i, step] of steps.entries()) body.push(group(column(step, i, capacity, top)));
  const height = top + (capacity + 2) * CELL.height + 34;
  body.push(rect(CELL.left, height - 26, 14, 14, { fill: COME_IN, stroke: "#9AA3AD" }));
  body.push(label(CELL.left + 20, height - 14, "has just come in", { size: 12, fill: INK.faint }));
  return new Picture(
    { width, height, title, desc: policyText(run).replace(/\n/g, "; ") },
    body,
    policyText(run),
  );
}

function rowNames(capacity: number, top: number): string[] {
  const names = ["page", ...Array.from({ length: capacity }, (_, i) => `frame ${i}`), "miss"];
  const style = { size: 12, anchor: "end", fill: INK.faint } as const;
  return names.map((name, row) => label(CELL.left - 10, top + row * CELL.height + 17, name, style));
}

/** One reference: the page asked for, what is in the frames afterwards, and whether it missed. */
function column(step: PolicyStep, i: number, capacity: number, top: number): string[] {
  const x = CELL.left + i * CELL.width;
  const middle = { size: 12, anchor: "middle" } as const;
  const at = (row: number): number => top + row * CELL.height + 17;
  const cells = step.frames.map((page, row) => {
    const fill = page === step.page && !step.hit ? COME_IN : INK.card;
    return [
      rect(x, top + (row + 1) * CELL.height, CELL.width - 1, CELL.height - 1, { fill, stroke: "#9AA3AD" }),
      ...(page === undefined
        ? []
        : [label(x + CELL.width / 2, at(row + 1), `${page}`, { ...middle, bold: true })]),
      ...(step.tags[row] ? [tag(x, top + (row + 1) * CELL.height, step.tags[row])] : []),
    ];
  });
  const verdict = step.hit
    ? []
    : [label(x + CELL.width / 2, at(capacity + 1), "×", { ...middle, bold: true })];
  return [label(x + CELL.width / 2, at(0), `${step.page}`, middle), ...cells.flat(), ...verdict];
}

function tag(x: number, y: number, text: string): string {
  return label(x + CELL.width - 3, y + 10, text, { size: 9, anchor: "end", fill: INK.faint });
}

/** The same as text: a line for each reference. */
function policyText({ policy, steps }: PolicySteps): string {
  const lines = steps.map(({ page, hit, evicted, frames }) => {
    const gone = evicted === undefined ? "" : `, ${evicted} goes`;
    return `${page} ${hit ? "hits" : "misses"}${gone}: ${frames.map((one) => one ?? "-").join(" ")}`;
  });
  return [policy, ...lines].join("\n");
}
