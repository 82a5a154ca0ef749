/**
 * Draw a walk: from CR3 through one entry of each table to the frame, or to the step at which it faults.
 *
 *            index 0     index 0     index 2     index 1     offset
 *    CR3 --> [table] --> [table] --> [table] --> [table] --> [frame]
 *            level 4     level 3     level 2     level 1
 *
 * Takes what `explain` returns, or the steps that a walker notes (WalkWatch), as plain data. A step that ends
 * in a fault is drawn in a thick frame with its reason, and tables that were not reached are dashed.
 *
 * Read first: draw_address.ts, hw/walk.ts.
 */

import type { Vaddr } from "../hw/address.js";
import { hex, PAGE_SIZE } from "../hw/address.js";
import { entryText } from "../hw/entry.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import type { WalkStep } from "../hw/translation.js";
import { bitFields, LEVEL_COLOURS, tableName } from "./draw_address.js";
import { Picture } from "./picture.js";
import { arrow, BOLD, fitText, INK, label, line, rect, textWidth, wrap } from "./svg.js";

const WALK = shape({
  va: "integer",
  levels: "number",
  rootPfn: "count",
  steps: listOf("object"),
  pa: "count?",
  verdict: "text?",
});

/** One walk: an Explanation fits, and so does what a notebook puts together itself. */
export interface WalkData {
  readonly va: Vaddr;
  /** Levels of page tables: 2, 4 or 5. */
  readonly levels: number;
  /** Frame of the top table, from CR3. */
  readonly rootPfn: number;
  /** Every entry that the walk read, from the top. */
  readonly steps: readonly WalkStep[];
  /** Where it led; left out when it faulted. */
  readonly pa?: number | undefined;
  /** The end of the walk in a sentence. */
  readonly verdict?: string;
}

const COLUMN = 138;
const BOX = 104;
const TOP = 118;
const TALL = 150;

/** What may be said about the drawing. */
export interface WalkOptions {
  readonly title?: string;
  /** Draws the walk as it stands after so many entries were read, from 0; the whole walk unless given. */
  readonly upTo?: number;
}

/** A picture of `walk`: `drawWalk(explain(va))`. */
export function drawWalk(walk: WalkData, options: WalkOptions = {}): Picture {
  checkArguments("drawWalk()", { walk: WALK, options: { title: "text", upTo: "count" } }, [walk, options]);
  const levels = walk.levels as 2 | 4 | 5;
  if (![2, 4, 5].includes(levels))
    throw new RangeError(`drawWalk() draws 2, 4 or 5 levels; got ${walk.levels}`);
  const digits = levels === 2 ? 8 : 16;
  const title = options.title ?? `The walk of ${hex(walk.va, digits)}`;
  const last = walk.steps[walk.steps.length - 1];
  const leafLevel = walk.pa === undefined ? 1 : (last?.level ?? 1);
  const fields = bitFields(walk.va, levels, leafLevel).filter((f) => f.level >= 0);
  const width = 96 + (fields.length - 1) * COLUMN + BOX + 32;
  const upTo = options.upTo ?? walk.steps.length;
  const going = upTo < walk.steps.length;
  const seen = going ? { ...walk, steps: walk.steps.slice(0, upTo), pa: undefined } : walk;
  const verdict = going ? nextText(walk, upTo) : verdictOf(walk);
  const notes = wrap(verdict, width - 32, 14);

  const body = [label(16, 28, title, { size: 16, bold: true }), ...cr3(walk.rootPfn)];
  fields.forEach((field, i) => {
    const x = 96 + i * COLUMN;
    body.push(...chip(x, field.level, field.level === 0 ? hex(field.value) : String(field.value)));
    const step = seen.steps.find((s) => s.level === field.level);
    if (field.level === 0) body.push(...frame(x, seen, going));
    else if (step) body.push(...tableBox(x, field.level, levels, step));
    else body.push(...unreadBox(x, field.level, levels, going ? walk.steps[upTo] : undefined, going));
    if (step) body.push(...leave(x, step, levels));
  });
  const fill = !going && walk.pa === undefined ? INK.alarm : INK.text;
  notes.forEach((text, i) => {
    body.push(label(16, TOP + TALL + 76 + i * 20, text, { size: 14, bold: true, fill }));
  });
  const read = seen.steps.map((s) => `Level ${s.level}: entry ${s.index}, ${s.verdict}`).join(". ");
  const desc = `${title}. ${read}${read === "" ? "" : ". "}${going ? verdict : `Result: ${verdict}`}.`;
  const height = TOP + TALL + 70 + notes.length * 20;
  return new Picture({ width, height, title, desc }, body, walkText(seen, digits, verdict));
}

/** The end of the walk in a sentence. */
function verdictOf(walk: WalkData): string {
  return walk.verdict ?? (walk.pa === undefined ? "page fault" : `physical address ${hex(walk.pa)}`);
}

/** What is read next, after `upTo` entries. */
function nextText(walk: WalkData, upTo: number): string {
  const { level, index, tablePfn } = walk.steps[upTo]!;
  return `next: entry ${index} of the table of level ${level}, in frame ${hex(tablePfn)}`;
}

function cr3(rootPfn: number): string[] {
  return [
    rect(16, TOP, 52, 38, { fill: INK.fill, stroke: "#9AA3AD", rx: 3 }),
    label(42, TOP + 16, "CR3", { size: 13, bold: true, anchor: "middle" }),
    label(42, TOP + 31, fitText(hex(rootPfn), 50, 11, true), { size: 11, mono: true, anchor: "middle" }),
    arrow([
      [68, TOP + 12],
      [96, TOP + 12],
    ]),
  ];
}

/** The group of bits of the address above its table. */
function chip(x: number, level: number, value: string): string[] {
  return [
    label(x + BOX / 2, 56, level === 0 ? "offset" : `level ${level} index`, {
      size: 12,
      anchor: "middle",
      fill: INK.faint,
    }),
    rect(x, 62, BOX, 24, { fill: LEVEL_COLOURS[level], stroke: "#9AA3AD", rx: 3 }),
    label(x + BOX / 2, 79, value, { size: 14, bold: true, mono: true, anchor: "middle" }),
    line(x + BOX / 2, 86, x + BOX / 2, TOP, { stroke: INK.edge, "stroke-dasharray": "3 3" }),
  ];
}

/** Where the row of an entry stands in its table: in proportion to its index, clear of the headings. */
function rowY(step: WalkStep, levels: number): number {
  return TOP + 42 + (step.index / (levels === 2 ? 1023 : 511)) * (TALL - 66);
}

function isFault(step: WalkStep): boolean {
  return step.verdict !== "table" && step.verdict !== "leaf";
}

function tableHead(middle: number, level: number, levels: number, fill: string): string {
  const name = tableName(level, levels);
  const size = textWidth(name, 12) * BOLD > BOX - 8 ? 11 : 12;
  return label(middle, TOP + 16, name, { size, bold: true, anchor: "middle", fill });
}

/** A table of which no entry was read; `next` is the step that reads one, where the walk goes on. */
function unreadBox(
  x: number,
  level: number,
  levels: number,
  next: WalkStep | undefined,
  going: boolean,
): string[] {
  const middle = x + BOX / 2;
  const dashed = { fill: INK.card, stroke: INK.edge, "stroke-dasharray": "5 4", rx: 3 };
  const isNext = next?.level === level;
  const text = isNext ? `frame ${hex(next.tablePfn)}` : going ? "not read yet" : "not reached";
  const style = { size: 11, anchor: "middle", mono: isNext, fill: isNext ? INK.text : INK.faint } as const;
  return [
    rect(x, TOP, BOX, TALL, dashed),
    tableHead(middle, level, levels, style.fill),
    label(middle, TOP + 32, text, style),
  ];
}

function tableBox(x: number, level: number, levels: number, step: WalkStep): string[] {
  const middle = x + BOX / 2;
  const y = rowY(step, levels);
  const bad = isFault(step);
  const [head, ...flags] = entryText(step.entry).split(/ (?=P\b)/);
  const under = step.entry === 0n ? ["empty"] : [head!, ...flags];
  return [
    rect(x, TOP, BOX, TALL, { fill: INK.card, stroke: "#9AA3AD", rx: 3 }),
    tableHead(middle, level, levels, INK.text),
    label(middle, TOP + 32, `frame ${hex(step.tablePfn)}`, { size: 11, mono: true, anchor: "middle" }),
    rect(x, y, BOX, 22, {
      fill: bad ? INK.card : LEVEL_COLOURS[level],
      stroke: bad ? INK.alarm : "#9AA3AD",
      "stroke-width": bad ? 3 : 1,
    }),
    label(middle, y + 15, `entry ${step.index}`, { size: 12, bold: true, anchor: "middle" }),
    ...under.slice(0, 2).map((text, i) =>
      label(middle, TOP + TALL + 16 + i * 15, fitText(text, COLUMN - 6, 11, true), {
        size: 11,
        mono: true,
        anchor: "middle",
      }),
    ),
    ...(bad
      ? [
          label(middle, TOP + TALL + 46, step.verdict, {
            size: 12,
            bold: true,
            anchor: "middle",
            fill: INK.alarm,
          }),
        ]
      : []),
  ];
}

/** The arrow from an entry to the top of the next table, or the cross of a fault. */
function leave(x: number, step: WalkStep, levels: number): string[] {
  const y = rowY(step, levels) + 11;
  if (isFault(step)) {
    const cross = { stroke: INK.alarm, "stroke-width": 3 };
    return [
      line(x + BOX + 8, y - 7, x + BOX + 22, y + 7, cross),
      line(x + BOX + 8, y + 7, x + BOX + 22, y - 7, cross),
    ];
  }
  const bend = x + BOX + (COLUMN - BOX) / 2 - 2;
  return [
    arrow([
      [x + BOX, y],
      [bend, y],
      [bend, TOP + 12],
      [x + COLUMN, TOP + 12],
    ]),
  ];
}

function frame(x: number, walk: WalkData, going: boolean): string[] {
  const middle = x + BOX / 2;
  const { pa } = walk;
  const dashed = pa === undefined ? { stroke: INK.edge, "stroke-dasharray": "5 4" } : { stroke: "#9AA3AD" };
  const out = [
    rect(x, TOP, BOX, TALL, { fill: pa === undefined ? INK.card : LEVEL_COLOURS[0], rx: 3, ...dashed }),
    label(middle, TOP + 16, pageName(walk), {
      size: 12,
      bold: true,
      anchor: "middle",
      fill: pa === undefined ? INK.faint : INK.text,
    }),
  ];
  if (pa === undefined) {
    const text = going ? "not known yet" : "not reached";
    return [...out, label(middle, TOP + 32, text, { size: 11, anchor: "middle", fill: INK.faint })];
  }
  out.push(
    label(middle, TOP + 32, `frame ${hex(Math.floor(pa / PAGE_SIZE))}`, {
      size: 11,
      mono: true,
      anchor: "middle",
    }),
    rect(x, TOP + 84, BOX, 22, { fill: INK.card, stroke: "#9AA3AD" }),
    label(middle, TOP + 99, "the byte", { size: 12, bold: true, anchor: "middle" }),
    label(middle, TOP + TALL + 16, fitText(hex(pa), COLUMN, 12, true), {
      size: 12,
      mono: true,
      anchor: "middle",
      bold: true,
    }),
  );
  return out;
}

/** "page frame", or the size of a larger page. */
function pageName(walk: WalkData): string {
  const level = walk.steps[walk.steps.length - 1]?.level ?? 1;
  if (walk.pa === undefined || level === 1) return "page frame";
  if (walk.levels === 2) return "4 MiB page";
  return level === 2 ? "2 MiB page" : "1 GiB page";
}

function walkText(walk: WalkData, digits: number, verdict: string): string {
  const lines = [`walk of ${hex(walk.va, digits)}`, `  CR3      table in frame ${hex(walk.rootPfn)}`];
  for (const step of walk.steps) {
    const mark = isFault(step) ? `  <-- ${step.verdict}` : "";
    lines.push(
      `  level ${step.level}  frame ${hex(step.tablePfn)}, entry ${step.index}: ${entryText(step.entry)}${mark}`,
    );
  }
  lines.push(`  => ${verdict}`);
  return lines.join("\n");
}
