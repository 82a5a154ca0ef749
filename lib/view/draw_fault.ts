/**
 * Draw a fault at one moment: what the processor, the kernel, the tables and the frame hold right now.
 *
 *    +- processor ---------+  +- kernel ----------------+  +- books ------------+
 *    | kernel mode         |  | handle_mm_fault         |  | minor faults    3  |
 *    | CR2    0x30002000   |  |   do_anonymous_page     |  | RSS       2 pages  |
 *    +---------------------+  +-------------------------+  +--------------------+
 *    +- TLB ---------------+  +- page table ------------+  +- RAM --------------+
 *    | page 0x30002: none  |  | level 1, entry 2: empty |  | frame 0x1007       |
 *    +---------------------+  +-------------------------+  +--------------------+
 *
 * Six boxes that never move, so that what is different from one step to the next is a text, and only that.
 * drawFaultPath() (fault_path.ts) shows the same path along the time that each part takes.
 *
 * Not in Linux. Read first: picture.ts. Read next: step_fault.ts.
 */

import { Picture } from "./picture.js";
import { arrow, fitText, INK, label, rect, wrap } from "./svg.js";

/** One box: a heading and up to four lines, each a name (or "") and what it is now. */
export interface FaultBox {
  readonly heading: string;
  readonly lines: readonly (readonly [name: string, value: string])[];
}

/** The six boxes, row by row. */
export interface FaultData {
  readonly title: string;
  readonly boxes: readonly FaultBox[];
  /** Whether the entry names the frame: draws the arrow from one to the other. */
  readonly mapped: boolean;
}

const BOX = { width: 274, height: 118, gap: 24 };
const LINE = 20;

/** A picture of one moment of a fault. */
export function drawFault({ title, boxes, mapped }: FaultData): Picture {
  const width = 32 + 3 * BOX.width + 2 * BOX.gap;
  const titleLines = wrap(title, width - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 24 + titleLines.length * 20;
  boxes.forEach((box, i) => {
    const x = 16 + (i % 3) * (BOX.width + BOX.gap);
    const y = top + Math.floor(i / 3) * (BOX.height + BOX.gap);
    body.push(...boxMarkup(box, x, y));
  });
  if (mapped) body.push(toFrame(top));
  const height = top + 2 * BOX.height + BOX.gap + 16;
  const text = [title, ...boxes.flatMap(boxLines)].join("\n");
  const desc = text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width, height, title, desc }, body, text);
}

export function boxMarkup({ heading, lines }: FaultBox, x: number, y: number): string[] {
  const out = [
    rect(x, y, BOX.width, BOX.height, { fill: INK.fill, stroke: "#9AA3AD", rx: 4 }),
    label(x + 12, y + 20, heading, { size: 13, bold: true }),
  ];
  lines.forEach(([name, value], i) => {
    const line = y + 43 + i * LINE;
    if (name !== "") out.push(label(x + 12, line, name, { size: 12, fill: INK.faint }));
    const left = name === "" ? x + 12 : x + 92;
    if (value !== "")
      out.push(
        label(left, line, fitText(value, x + BOX.width - 8 - left, 12, true), { size: 12, mono: true }),
      );
  });
  return out;
}

/** From the page table, the fifth box, to the RAM, the sixth. */
function toFrame(top: number): string {
  const x = 16 + 2 * BOX.width + BOX.gap;
  const y = top + BOX.height + BOX.gap + BOX.height / 2;
  return arrow([
    [x, y],
    [x + BOX.gap, y],
  ]);
}

export function boxLines({ heading, lines }: FaultBox): string[] {
  const told = lines.filter(([, value]) => value !== "");
  return [`  ${heading}`, ...told.map(([name, value]) => `    ${name === "" ? "" : `${name}: `}${value}`)];
}
