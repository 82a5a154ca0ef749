/**
 * Draw areas: a map of one address space, highest address on top as in most books, with the gaps between the
 * areas.
 *
 *    0x7ffffffff000 +--------------------+
 *                   | [stack]       rw-p |  132 KiB
 *    0x7ffffffde000 +--------------------+
 *                     ~ 127 TiB unused ~
 *    0x404000       +--------------------+
 *                   | /bin/cat      r-xp |  16 KiB    [#][#][.][.]   a square for each page
 *    0x400000       +--------------------+
 *
 * Heights are not to scale, or a stack would be thinner than an atom beside 128 TiB: every area is high
 * enough for its text. The squares show what each page holds at the moment, where the data say so. The text
 * form has the lowest address first, as /proc/PID/maps does.
 */

import type { Vaddr } from "../hw/address.js";
import { hex, PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf, required, shape } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { formatBytes } from "./scale.js";
import { fitText, group, INK, label, line, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

const AREA = shape({
  start: "integer",
  end: "integer",
  name: "text",
  perms: "text?",
  note: "text?",
  pages: "list?",
  highlight: "flag?",
});
const POINTER = shape({ va: "integer", label: "text" });

/** What one page of an area holds now. */
export type PageState = "absent" | "present" | "dirty" | "zero" | "file" | "swapped" | "locked";

/** One area, [start, end). */
export interface Area {
  readonly start: number;
  readonly end: number;
  /** Such as "[heap]" or "/usr/bin/cat"; "" for anonymous memory. */
  readonly name: string;
  /** As in /proc/PID/maps: "rw-p". */
  readonly perms?: string;
  readonly note?: string;
  /** A square for each page, lowest first; at most 256 of them. */
  readonly pages?: readonly PageState[];
  readonly highlight?: boolean;
}

export interface AreasData {
  readonly title: string;
  readonly areas: readonly Area[];
  /** Addresses to point at, such as the one that faulted or the program break. */
  readonly pointers?: readonly { readonly va: Vaddr; readonly label: string }[];
  readonly alt?: string;
}

const BOX = { left: 172, width: 250 };
const SQUARE = 13;
const PER_LINE = 20;
const STATES: Readonly<Record<PageState, { fill: string; sign: string; text: string }>> = {
  absent: { fill: INK.card, sign: ".", text: "not present" },
  present: { fill: OKABE_ITO.sky, sign: "P", text: "present" },
  dirty: { fill: OKABE_ITO.blue, sign: "D", text: "dirty" },
  zero: { fill: "#C3C8CE", sign: "0", text: "zero page" },
  file: { fill: OKABE_ITO.green, sign: "F", text: "page cache" },
  swapped: { fill: OKABE_ITO.orange, sign: "S", text: "swapped out" },
  locked: { fill: OKABE_ITO.purple, sign: "L", text: "locked" },
};

/**
 * A picture of an address space: `drawAreas({ title, areas: [{ start, end, name: "[heap]", perms: "rw-p" }]
 * })`.
 */
export function drawAreas(data: AreasData): Picture {
  checkArguments(
    "drawAreas()",
    { data: required({ title: "any", areas: listOf(AREA), pointers: listOf(POINTER), alt: "text" }) },
    [data],
  );
  const title = requireText(data.title, "drawAreas' title", "what the picture shows");
  const areas = [...data.areas].sort((a, b) => b.start - a.start);
  areas.forEach(checkArea);
  const body: string[] = [];
  const titleLines = wrap(title, 700, 16);
  titleLines.forEach((text, i) => {
    body.push(label(16, 28 + i * 20, text, { size: 16, bold: true }));
  });
  let y = 34 + titleLines.length * 20;
  areas.forEach((area, i) => {
    const above = areas[i - 1];
    if (above && above.start < area.end) {
      throw new RangeError(`areas at ${hex(area.start)} and ${hex(above.start)} overlap`);
    }
    const gap = above ? above.start - area.end : 0;
    if (gap > 0) y = drawGap(body, y, area.end, gap, data);
    const height = heightOf(area, inside(data, area.start, area.end).length);
    body.push(...areaMarkup(area, y, height, i === 0 || gap > 0, data));
    body.push(...pointersIn(data, area, y, height));
    y += height;
  });
  const states = [...new Set(areas.flatMap((a) => a.pages ?? []))];
  body.push(group(legend(states, y + 14)));
  const desc =
    data.alt ?? `${title}. From low to high: ${[...areas].reverse().map(areaSentence).join("; ")}.`;
  return new Picture(
    { width: 736, height: y + (states.length > 0 ? 40 : 16), title, desc },
    body,
    areasText(data, areas),
  );
}

function checkArea(area: Area): void {
  if (!(area.start < area.end))
    throw new RangeError(
      `area ${area.name} ends at ${hex(area.end)}, not after its start ${hex(area.start)}`,
    );
  if ((area.pages?.length ?? 0) > 256)
    throw new RangeError(`area ${area.name} has ${area.pages!.length} squares; the limit is 256`);
}

type Pointer = { readonly va: Vaddr; readonly label: string };

/** The pointers to [start, end), highest first. */
function inside(data: AreasData, start: number, end: number): Pointer[] {
  return (data.pointers ?? []).filter((p) => p.va >= start && p.va < end).sort((a, b) => b.va - a.va);
}

function squaresHeight(area: Area): number {
  return Math.ceil((area.pages?.length ?? 0) / PER_LINE) * (SQUARE + 2);
}

function heightOf(area: Area, nrPointers: number): number {
  return Math.max(38, 14 + squaresHeight(area) + nrPointers * 18);
}

function drawGap(body: string[], y: number, end: number, gap: number, data: AreasData): number {
  const pointers = inside(data, end, end + gap);
  const height = 34 + Math.max(0, pointers.length - 1) * 18;
  const middle = BOX.left + BOX.width / 2;
  for (const x of [BOX.left + 0.5, BOX.left + BOX.width - 0.5]) {
    body.push(line(x, y, x, y + height, { stroke: "#9AA3AD", "stroke-dasharray": "2 4" }));
  }
  const text = `${formatBytes(gap)} not mapped`;
  body.push(label(middle, y + height / 2 + 4, text, { size: 11, anchor: "middle", fill: INK.faint }));
  pointers.forEach((pointer, i) => {
    body.push(...pointerMarkup(pointer, y + 20 + i * 18));
  });
  return y + height;
}

/** Beside the area; below its squares where it has some. */
function pointersIn(data: AreasData, area: Area, y: number, height: number): string[] {
  const pointers = inside(data, area.start, area.end);
  const squares = squaresHeight(area);
  return pointers.flatMap((pointer, i) => {
    const at = squares > 0 ? y + squares + 19 + i * 18 : y + (height * (i + 1)) / (pointers.length + 1) + 4;
    return pointerMarkup(pointer, at);
  });
}

function pointerMarkup(pointer: Pointer, y: number): string[] {
  const text = fitText(`${pointer.label} ${hex(pointer.va)}`, 270, 12);
  const style = { size: 12, bold: true, fill: INK.alarm };
  const x = BOX.left + BOX.width + 6;
  return [label(x, y, "◀", { ...style, size: 11 }), label(x + 16, y, text, style)];
}

function areaMarkup(area: Area, y: number, height: number, withEnd: boolean, data: AreasData): string[] {
  const fill = area.highlight
    ? "#FBE3B0"
    : area.perms?.includes("x")
      ? "#BFE5D6"
      : area.perms?.includes("w")
        ? "#BFE3F7"
        : INK.fill;
  const address = { size: 11.5, mono: true, anchor: "end", fill: INK.faint } as const;
  const bytes = area.end - area.start;
  const [left, right] = [BOX.left + 10, BOX.left + BOX.width - 10];
  const stroke = area.highlight ? { stroke: OKABE_ITO.vermilion, "stroke-width": 2 } : { stroke: "#9AA3AD" };
  const out = [
    rect(BOX.left, y, BOX.width, height, { fill, ...stroke }),
    label(BOX.left - 8, y + height - 1, hex(area.start), address),
    label(left, y + height / 2 - 2, nameOf(area), { bold: true }),
    label(left, y + height / 2 + 13, fitText(area.note ?? "", BOX.width - 20, 11), {
      size: 11,
      fill: INK.faint,
    }),
    label(right, y + height / 2 - 2, area.perms ?? "", { size: 12, mono: true, anchor: "end" }),
    label(right, y + height / 2 + 13, area.note && textWidth(area.note, 11) > 150 ? "" : formatBytes(bytes), {
      size: 11,
      anchor: "end",
    }),
  ];
  if (withEnd) out.push(label(BOX.left - 8, y + 9, hex(area.end), address));
  (area.pages ?? []).forEach((state, i) => {
    const x = BOX.left + BOX.width + 14 + (i % PER_LINE) * (SQUARE + 1);
    const top = y + 7 + Math.floor(i / PER_LINE) * (SQUARE + 2);
    const page = area.start + i * PAGE_SIZE;
    const pointed = inside(data, page, page + PAGE_SIZE).length > 0;
    const frame = pointed ? { stroke: INK.alarm, "stroke-width": 2.5 } : { stroke: "#6B7480" };
    out.push(rect(x, top, SQUARE, SQUARE, { fill: STATES[state].fill, ...frame }));
    if (state !== "absent") out.push(letter(x, top, state));
  });
  return out;
}

/** A path that is too long loses its folders first. */
function nameOf(area: Area): string {
  const name = area.name || "anonymous";
  const short = textWidth(name, 13) <= 160 ? name : name.replace(/^.*\//, "…/");
  return fitText(short, 160, 13);
}

/** The letter in a square says what its colour says, for eyes that do not tell the colours apart. */
function letter(x: number, y: number, state: PageState): string {
  const fill = state === "dirty" ? INK.card : INK.onColour;
  return label(x + SQUARE / 2, y + 10, STATES[state].sign, { size: 9, anchor: "middle", fill });
}

function legend(states: readonly PageState[], y: number): string[] {
  let x = 16;
  return states.flatMap((state) => {
    const { fill, text } = STATES[state];
    const out = [
      rect(x, y, SQUARE, SQUARE, { fill, stroke: "#6B7480" }),
      label(x + SQUARE + 6, y + 11, text, { size: 12 }),
    ];
    if (state !== "absent") out.push(letter(x, y, state));
    x += SQUARE + 22 + textWidth(text, 12);
    return out;
  });
}

function areaSentence(area: Area): string {
  const pages = area.pages === undefined ? "" : `, pages ${area.pages.map((s) => STATES[s].sign).join("")}`;
  return `${area.name || "anonymous"} ${area.perms ?? ""} ${hex(area.start)} to ${hex(area.end)}${pages}`.replace(
    / +/g,
    " ",
  );
}

function areasText(data: AreasData, areas: readonly Area[]): string {
  const lines = [...areas].reverse().map((area) => {
    const range = `${hex(area.start)}-${hex(area.end)}`.padEnd(33);
    const pages = area.pages === undefined ? "" : `  ${area.pages.map((s) => STATES[s].sign).join("")}`;
    const rest = [
      area.perms ?? "",
      formatBytes(area.end - area.start).padStart(8),
      area.name || "anonymous",
      area.note ?? "",
    ];
    return `  ${range} ${rest.join("  ").trimEnd()}${pages}`;
  });
  const pointers = (data.pointers ?? []).map((p) => `  ${hex(p.va).padEnd(33)} <-- ${p.label}`);
  return [data.title, ...lines, ...pointers].join("\n");
}
