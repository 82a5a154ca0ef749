/**
 * Draw a page on its way to swap or back, at one moment: its entry, its frame, the swap cache, the device,
 * and the slots around its own.
 *
 *    The process is in the page fault
 *
 *    entry   [type 0][ offset, inverted ][G]...[E][F][S][P]        or [XD][ frame ][G]...[U][W][P]
 *
 *    +- frame --------------+  +- swap cache ---------+  +- device -----------+
 *    | inactive, the next   |  | slot 5: frame 0x1f3  |  | 1 request on its   |
 *    | dirty                |  | 3 others             |  | way                |
 *    +----------------------+  +----------------------+  +--------------------+
 *
 *    slots   [4 |1][5 |1 C][6 |  ]...             count of entries; C: swap cache; Z: zeros; z: in zswap
 *
 * The places never move, so that what is different from one step to the next is a text, and only that.
 *
 * Not in Linux. Read first: draw_swap_entry.ts, draw_fault.ts. Read next: step_swap.ts.
 */
import { hex } from "../hw/address.js";
import { unpackEntry } from "../hw/entry.js";
import { boxLines, boxMarkup, type FaultBox } from "./draw_fault.js";
import { placeText, swapEntryFields, swapEntryStrip } from "./draw_swap_entry.js";
import { Picture } from "./picture.js";
import { group, INK, label, line, OKABE_ITO, rect, wrap } from "./svg.js";

/** A slot near the page's own. */
export interface NearSlot {
  readonly offset: number;
  /** What stands in its box: "1 C", "bad", "" for a free one. */
  readonly text: string;
}

/** One moment. */
export interface SwapStepData {
  readonly title: string;
  /** What the process does; undefined where it has no part in it. */
  readonly doing?: string;
  /** Address of the page. */
  readonly page: string;
  /** The entry as it stands in the table. */
  readonly entry: bigint;
  /** Frame, swap cache, device. */
  readonly boxes: readonly FaultBox[];
  /** "/dev/vdb, area 0"; the slots from left to right. */
  readonly area: string;
  readonly slots: readonly NearSlot[];
  /** The page's own slot, once it has one. */
  readonly own: number | undefined;
}

const WIDTH = 902;
const BOX = { width: 274, height: 118, gap: 24 };
const STRIP = { width: 704, height: 70 };
/** Boxes of slots in one row. */
export const SLOTS_SHOWN = 24;
const SLOT = { width: 36, height: 30 };

/** A picture of one moment of a page's way to swap or back. */
export function drawSwapStep(data: SwapStepData): Picture {
  const { title, doing, page, entry, boxes, area, slots } = data;
  const lines = wrap(title, WIDTH - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  let y = 32 + lines.length * 20;
  if (doing !== undefined) {
    body.push(label(16, y, `The process ${doing}`, { size: 13 }));
    y += 24;
  }
  const said = `${hex(entry, 16)}: ${entryWords(entry)}`;
  body.push(label(16, y, `Table entry of page ${page}`, { size: 13, bold: true }));
  body.push(label(330, y, said, { size: 12, mono: true }), ...entryStrip(entry, 16, y + 12));
  y += STRIP.height + 24;
  boxes.forEach((box, i) => {
    body.push(...boxMarkup(box, 16 + i * (BOX.width + BOX.gap), y));
  });
  y += BOX.height + 26;
  body.push(label(16, y, `Slots of ${area}`, { size: 13, bold: true }), ...slotRow(data, y + 10));
  y += 10 + 16 + SLOT.height + 20;
  body.push(group([label(16, y, LEGEND, { size: 12, fill: INK.faint })]));
  const told = slots.filter(({ text }) => text !== "").map(({ offset, text }) => `${offset}: ${text}`);
  const text = [
    ...[title, ...(doing === undefined ? [] : [`  the process ${doing}`])],
    ...[`  entry of ${page}: ${said}`, ...boxes.flatMap(boxLines)],
    `  slots of ${area}: ${told.length === 0 ? "all free" : told.join(", ")}`,
  ].join("\n");
  const desc = text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width: WIDTH, height: y + 16, title, desc }, body, text);
}

const LEGEND =
  "In a box: how many entries stand for the slot;  C: a frame has the bytes, too (swap cache);  " +
  "Z: all zeros;  z: in zswap.  Thick: this page's slot";

/** What the entry says, in words. */
function entryWords(entry: bigint): string {
  if (entry === 0n) return "empty";
  if ((entry & 1n) === 0n) return placeText(swapEntryFields(entry));
  const { pfn, writable, dirty, accessed } = unpackEntry(entry);
  const words = [
    writable ? "writable" : "read-only",
    ...(accessed ? ["used"] : []),
    ...(dirty ? ["written"] : []),
  ];
  return `frame ${hex(pfn)}, ${words.join(", ")}`;
}

function entryStrip(entry: bigint, left: number, top: number): string[] {
  if (entry !== 0n && (entry & 0x101n) === 0n) return swapEntryStrip(entry, left, top);
  const { pfn, noExecute, global, pageSize, dirty, accessed, user, writable, present, writeThrough } =
    unpackEntry(entry);
  const flag = (bits: string, name: string, set: boolean, width = 48) => ({
    bits,
    name,
    value: set ? "1" : "0",
    width,
    set,
  });
  const parts = [
    flag("63", "XD", noExecute, 64),
    { bits: "51-12", name: "frame", value: entry === 0n ? "" : hex(pfn), width: 280, set: entry !== 0n },
    ...[flag("8", "G", global), flag("7", "PAT", pageSize, 56)],
    {
      bits: "6-5",
      name: "D A",
      value: `${dirty ? 1 : 0} ${accessed ? 1 : 0}`,
      width: 64,
      set: dirty || accessed,
    },
    ...[
      flag("3", "PWT", writeThrough),
      flag("2", "U/S", user),
      flag("1", "R/W", writable),
      flag("0", "P", present),
    ],
  ];
  let x = left;
  const out = parts.flatMap(({ bits, name, value, width, set }) => {
    const middle = x + width / 2;
    const fill =
      name === "frame" ? (present ? "#BFE5D6" : INK.fill) : set && name !== "D A" ? "#0072B2" : INK.card;
    const boxes = [
      label(middle, top + 10, bits, { size: 11, anchor: "middle", fill: INK.faint }),
      rect(x, top + 16, width, 26, { fill, stroke: "#9AA3AD" }),
      label(middle, top + 34, value, {
        ...{ size: 13, mono: true, anchor: "middle" as const, bold: set },
        fill: fill === "#0072B2" ? INK.card : INK.text,
      }),
      label(middle, top + 56, name, { size: 11, anchor: "middle", bold: set }),
    ];
    x += width;
    return boxes;
  });
  return [...out, line(left, top + 66, left + STRIP.width, top + 66, { stroke: INK.grid })];
}

function slotRow({ slots, own }: SwapStepData, top: number): string[] {
  return slots.flatMap(({ offset, text }, i) => {
    const x = 16 + i * SLOT.width;
    const mine = offset === own;
    const fill = text === "" ? INK.card : text === "bad" ? "#D5D9DE" : /C/.test(text) ? "#FBE3B0" : "#BFE3F7";
    const edge = mine ? { stroke: OKABE_ITO.vermilion, "stroke-width": 3 } : { stroke: "#9AA3AD" };
    const middle = x + SLOT.width / 2;
    return [
      label(middle, top + 11, String(offset), { size: 10, anchor: "middle", fill: INK.faint, bold: mine }),
      rect(x + 2, top + 16, SLOT.width - 4, SLOT.height, { fill, ...edge }),
      ...(text === "" ? [] : [label(middle, top + 36, text, { size: 12, anchor: "middle", bold: mine })]),
    ];
  });
}
