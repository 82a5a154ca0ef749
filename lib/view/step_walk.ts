/**
 * Step through a walk: the picture of drawWalk, entry by entry.
 *
 *    step 1    CR3 names the top table
 *    step 2    entry 0 of level 4 names the table of level 3
 *    ...
 *    step 5    entry 1 of level 1 names the frame; the offset is added
 *
 * No event tells of a walk: the processor makes it by itself, in a few nanoseconds, and a kernel learns only
 * of one that failed. So the steps are those that explain() finds when it walks the same tables slowly.
 *
 * Not in Linux. Read first: draw_walk.ts, stepper.ts, ../hw/explain.ts.
 */

import { hex } from "../hw/address.js";
import { entryText } from "../hw/entry.js";
import { checkArguments } from "../hw/signature.js";
import { drawWalk, type WalkData } from "./draw_walk.js";
import { type Stepper, stepper } from "./stepper.js";

/** A walk to step through, one entry at a time: `stepWalk(machine.explain(va))`. */
export function stepWalk(walk: WalkData, options: { readonly title?: string } = {}): Stepper {
  checkArguments("stepWalk()", { walk: "object", options: { title: "text" } }, [walk, options]);
  const whole = drawWalk(walk, options);
  const states = Array.from({ length: walk.steps.length + 1 }, (_, upTo) => upTo);
  const labels = states.map((upTo) => labelOf(walk, upTo));
  return stepper(states, (upTo) => drawWalk(walk, { title: whole.title, upTo }), { labels });
}

function labelOf(walk: WalkData, upTo: number): string {
  if (upTo === 0) {
    const end = walk.steps.length === 0 ? `; ${walk.verdict ?? "no table is read"}` : "";
    return `CR3 names frame ${hex(walk.rootPfn)}, the table of level ${walk.levels}${end}`;
  }
  const { level, index, entry, verdict } = walk.steps[upTo - 1]!;
  const where = `level ${level}, entry ${index}`;
  if (verdict !== "table" && verdict !== "leaf")
    return `${where}: ${verdict}; ${walk.verdict ?? "page fault"}`;
  const next = walk.steps[upTo]?.tablePfn;
  if (next !== undefined) return `${where} names frame ${hex(next)}, the table of level ${level - 1}`;
  return `${where}: ${entryText(entry)}; with the offset, ${walk.verdict ?? hex(walk.pa ?? 0)}`;
}
