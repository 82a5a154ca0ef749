/**
 * Draw a TLB: its sets as rows, its ways as columns, and which translation lies where.
 *
 *            way 0                 way 1
 *    set 0   0x400 -> 0x12         -
 *    set 1   0x401 -> 0x13         0x7f1 -> 0x99  G
 *
 * The cell that the story is about (just filled, hit, or evicted) has a thick frame. Sets that are empty are
 * left out when there are more than sixteen, and the picture says how many.
 */

import type { Pfn } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { checkArguments, listOf, type OptionKinds, required, shape } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { BOLD, fitText, INK, label, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

const MARK = shape({ set: "count", way: "count", label: "text" });

/** One translation in a TLB. */
export interface TlbCell {
  /** Virtual page number. */
  readonly vpn: number;
  readonly pfn: Pfn;
  /** Process-context identifier. */
  readonly pcid?: number;
  readonly global?: boolean;
  readonly writable?: boolean;
  /** A few words, such as "oldest", "stale", "2 MiB". */
  readonly note?: string;
}

export interface TlbData {
  readonly title: string;
  /** `sets[set][way]`; null where nothing lies. Every set has the same number of ways. */
  readonly sets: readonly (readonly (TlbCell | null)[])[];
  /** Cells to mark, with a word for each: { set: 1, way: 0, label: "hit" }. */
  readonly marks?: readonly TlbMark[];
  /** A line below the title, such as whose address space is in CR3. */
  readonly head?: string;
  /** A line below the picture, after what an arrow means. */
  readonly foot?: string;
  readonly alt?: string;
}

/** A word on one cell. */
export interface TlbMark {
  readonly set: number;
  readonly way: number;
  readonly label: string;
}

const CELL = { width: 132, most: 240, left: 76 };
/** Between a text and the frames at both sides of it. */
const ROOM = 18;
/** Height of a line of a mark. */
const LINE = 14;
/** Most sets of one picture. */
const MAX_SETS = 64;
/** From this many sets on, empty ones are left out. */
const MANY_SETS = 16;

/** What must be equal in pictures that are to be compared: the size of a cell, and which sets are there. */
interface Layout {
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Numbers of the sets that are drawn. */
  readonly shown: readonly number[];
}

/** A picture of a TLB's sets and ways. */
export function drawTlb(data: TlbData): Picture {
  return drawTlbs([data])[0]!;
}

/** Pictures of one TLB at several moments, with every cell at the same place in all of them. */
export function drawTlbs(moments: readonly TlbData[]): Picture[] {
  const kinds = {
    title: "any",
    sets: listOf(listOf("any")),
    marks: listOf(MARK),
    head: "text",
    foot: "text",
    alt: "text",
  };
  for (const data of moments) {
    checkArguments("drawTlb()", { data: required(kinds as OptionKinds) }, [data]);
    requireText(data.title, "drawTlb's title", "what the picture shows");
    checkSets(data.sets);
  }
  const layout = layoutOf(moments);
  return moments.map((data) => picture(data, layout));
}

function checkSets(sets: TlbData["sets"]): void {
  const ways = sets[0]?.length ?? 0;
  if (ways === 0 || ways > 12) throw new RangeError(`drawTlb() draws 1 to 12 ways; got ${ways}`);
  const ragged = sets.findIndex((set) => set.length !== ways);
  if (ragged >= 0) throw new RangeError(`set ${ragged} has ${sets[ragged]!.length} ways, set 0 has ${ways}`);
}

function layoutOf(moments: readonly TlbData[]): Layout {
  const { sets } = moments[0]!;
  const inUse = (set: number): boolean =>
    moments.some(
      ({ sets, marks }) => marks?.some((m) => m.set === set) || sets[set]?.some((cell) => cell !== null),
    );
  const shown = sets.map((_, set) => set).filter((set) => sets.length <= MANY_SETS || inUse(set));
  if (shown.length > MAX_SETS)
    throw new RangeError(`drawTlb() shows at most ${MAX_SETS} sets; got ${shown.length}`);
  const cellWidth = Math.max(...moments.map(cellWidthOf));
  const labels = moments.flatMap(({ marks }) => (marks ?? []).map((mark) => mark.label));
  const lines = Math.max(0, ...labels.map((text) => wrapMark(text, cellWidth).length));
  return { cellWidth, cellHeight: 42 + lines * LINE, shown };
}

function picture(data: TlbData, { cellWidth, cellHeight, shown }: Layout): Picture {
  const { title } = data;
  const ways = data.sets[0]!.length;
  const width = Math.max(CELL.left + ways * cellWidth + 20, 480);
  const titleLines = wrap(title, width - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  if (data.head !== undefined) body.push(label(16, 31 + titleLines.length * 20, data.head, { bold: true }));
  const top = 34 + titleLines.length * 20 + (data.head === undefined ? 0 : 26);
  const heading = { size: 12, anchor: "middle", fill: INK.faint } as const;
  for (let way = 0; way < ways; way++)
    body.push(label(CELL.left + (way + 0.5) * cellWidth, top, `way ${way}`, heading));
  shown.forEach((set, row) => {
    const y = top + 8 + row * cellHeight;
    const name = { size: 13, bold: true, anchor: "end" } as const;
    body.push(label(CELL.left - 10, y + cellHeight / 2 + 4, `set ${set}`, name));
    data.sets[set]!.forEach((cell, way) => {
      const mark = data.marks?.find((m) => m.set === set && m.way === way);
      const box = { x: CELL.left + way * cellWidth, y, width: cellWidth, height: cellHeight };
      body.push(...cellMarkup(cell, box, mark?.label));
    });
  });
  const left = data.sets.length - shown.length;
  const notes = ["virtual page → frame", data.foot ?? "", left > 0 ? `${left} empty sets are not shown` : ""];
  const foot = wrap(notes.filter((note) => note !== "").join("; "), width - CELL.left - 16, 12);
  const bottom = top + 26 + shown.length * cellHeight;
  const small = { size: 12, fill: INK.faint };
  body.push(...foot.map((text, i) => label(CELL.left, bottom + i * 16, text, small)));
  const text = tlbText(data, shown, left);
  const desc = data.alt ?? text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width, height: bottom + foot.length * 16 - 2, title, desc }, body, text);
}

/** Where a cell stands. */
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function pairText(cell: TlbCell): string {
  return `${hex(cell.vpn)}→${hex(cell.pfn)}`;
}

/** The words of a mark, in bold letters of 11 pixels. */
function wrapMark(text: string, width: number): string[] {
  return wrap(text, (width - ROOM) / BOLD, 11);
}

/** Wide enough for the longest address and the longest word of a mark, so that nothing has to be cut. */
function cellWidthOf(data: TlbData): number {
  const cells = data.sets.flat().filter((cell) => cell !== null);
  const texts = cells.flatMap((cell) => [
    textWidth(pairText(cell), 12, true),
    textWidth(flagsText(cell), 11),
  ]);
  const words = (data.marks ?? []).flatMap((mark) => mark.label.split(/\s+/));
  const widest = Math.max(0, ...texts, ...words.map((word) => textWidth(word, 11) * BOLD));
  return Math.min(CELL.most, Math.max(CELL.width, Math.ceil(widest) + ROOM));
}

function cellMarkup(cell: TlbCell | null, box: Box, mark: string | undefined): string[] {
  const { x, y, width, height } = box;
  const stroke = mark ? { stroke: OKABE_ITO.vermilion, "stroke-width": 3 } : { stroke: INK.edge };
  const fill = cell === null ? INK.card : cell.global ? "#FBE3B0" : "#BFE3F7";
  const out = [rect(x + 3, y + 3, width - 6, height - 6, { fill, rx: 3, ...stroke })];
  const middle = x + width / 2;
  const centre = { size: 11, anchor: "middle" } as const;
  const room = width - ROOM;
  if (cell !== null) {
    const pair = fitText(pairText(cell), room, 12, true);
    out.push(label(middle, y + 18, pair, { size: 12, mono: true, anchor: "middle" }));
  }
  const flags = flagsText(cell);
  if (flags !== "") out.push(label(middle, y + 33, fitText(flags, room, 11), centre));
  const lines = mark === undefined ? [] : wrapMark(mark, width);
  const first = cell === null ? y + height / 2 + 4 - ((lines.length - 1) * LINE) / 2 : y + 34 + LINE;
  lines.forEach((text, i) => {
    const words = fitText(text, room / BOLD, 11);
    out.push(label(middle, first + i * LINE, words, { ...centre, bold: true, fill: INK.alarm }));
  });
  return out;
}

function flagsText(cell: TlbCell | null): string {
  if (cell === null) return "";
  const words = [
    cell.pcid === undefined ? "" : `pcid ${cell.pcid}`,
    cell.global ? "global" : "",
    cell.writable === undefined ? "" : cell.writable ? "rw" : "read-only",
    cell.note ?? "",
  ];
  return words.filter((w) => w !== "").join(", ");
}

function tlbText(data: TlbData, shown: readonly number[], left: number): string {
  const rows = shown.map((set) => [
    `set ${set}`,
    ...data.sets[set]!.map((cell, way) => {
      const mark = data.marks?.find((m) => m.set === set && m.way === way);
      const pair = cell === null ? "-" : `${hex(cell.vpn)}->${hex(cell.pfn)}`;
      return [pair, flagsText(cell), mark ? `<${mark.label}>` : ""].filter((t) => t !== "").join(" ");
    }),
  ]);
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const lines = rows.map((row) => `  ${row.map((t, c) => t.padEnd(widths[c]!)).join("  ")}`.trimEnd());
  const head = data.head === undefined ? [] : [`  ${data.head}`];
  return [data.title, ...head, ...lines, ...(left > 0 ? [`  ${left} empty sets are not shown`] : [])].join(
    "\n",
  );
}
