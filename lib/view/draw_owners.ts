/**
 * Draw owners: which process maps which page frame, and how. One row for each process, one column for each
 * frame.
 *
 *              frame 0x12   frame 0x13   frame 0x20
 *              anonymous    anonymous    zero page
 *    init      0x401000 r-  0x402000 r-
 *    child     0x401000 r-               0x403000 r-
 *              2 mappings   1 mapping    1 mapping
 *
 * A frame with several cells filled is shared. Blue cells may be written, light cells may only be read, "D"
 * is a dirty entry, and the frame of zeros is grey. With `before`, cells that are new or changed since then
 * have a thick frame: what did the write, the fork, the exec do?
 */

import type { Pfn, Vaddr } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { checkArguments, listOf, required, shape } from "../hw/signature.js";
import { Picture, requireText } from "./picture.js";
import { fitText, group, INK, label, OKABE_ITO, rect, wrap } from "./svg.js";

const OWNERS = listOf(shape({ name: "text", pages: listOf(shape({ va: "integer", pfn: "count" })) }));

/** One page of a process. */
export interface OwnedPage {
  /** Virtual address. */
  readonly va: Vaddr;
  /** The frame it is mapped to. */
  readonly pfn: Pfn;
  readonly writable: boolean;
  readonly dirty?: boolean;
}

/** One process and the pages it maps. */
export interface Owner {
  readonly name: string;
  readonly pages: readonly OwnedPage[];
}

/** What is known of a frame besides who maps it. */
export interface FrameFacts {
  readonly pfn: Pfn;
  /** Such as "anonymous", "libc.so page 3", "zero page", "free". */
  readonly kind: string;
  /** The frame that holds only zeros and is never written. */
  readonly zero?: boolean;
  /** References to the frame; the number of cells in its column unless given. */
  readonly refcount?: number;
}

export interface OwnersData {
  readonly title: string;
  readonly owners: readonly Owner[];
  /** Frames to show, in this order; frames that are mapped but not listed follow by number. */
  readonly frames?: readonly FrameFacts[];
  /** The owners at an earlier moment, to mark what changed. */
  readonly before?: readonly Owner[];
  /** What the picture shows, in a sentence; made from the data unless given. */
  readonly alt?: string;
}

/** Most frames of one picture. */
const MAX_FRAMES = 64;
const PER_ROW = 6;
const LINE = 13;
const CELL = { width: 104, height: 34, left: 140 };

/**
 * A picture of who maps which frame. Throws a RangeError for more than 64 frames: show those the story is
 * about.
 */
export function drawOwners(data: OwnersData): Picture {
  checkArguments(
    "drawOwners()",
    {
      data: required({
        title: "any",
        owners: OWNERS,
        frames: listOf(shape({ pfn: "count", kind: "text" })),
        before: OWNERS,
        alt: "text",
      }),
    },
    [data],
  );
  const title = requireText(data.title, "drawOwners' title", "what the picture shows");
  const frames = framesOf(data);
  if (frames.length > MAX_FRAMES)
    throw new RangeError(`drawOwners() shows at most ${MAX_FRAMES} frames; got ${frames.length}`);
  const width = CELL.left + Math.min(PER_ROW, Math.max(4, frames.length)) * CELL.width + 24;
  const titleLines = wrap(title, width - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  let y = 24 + titleLines.length * 20;
  for (let i = 0; i < frames.length; i += PER_ROW) {
    body.push(...block(data, frames.slice(i, i + PER_ROW), y));
    y += headHeight(frames.slice(i, i + PER_ROW)) + 2 + data.owners.length * CELL.height + 34;
  }
  body.push(group(legend(y + 4, data.before !== undefined)));
  const text = ownersText(data, frames);
  const desc = data.alt ?? `${title}. ${frames.map((f) => sentence(data, f)).join(". ")}.`;
  return new Picture({ width: Math.max(width, 560), height: y + 26, title, desc }, body, text);
}

function framesOf(data: OwnersData): FrameFacts[] {
  const known = new Map((data.frames ?? []).map((f) => [f.pfn, f]));
  const mapped = [...data.owners, ...(data.before ?? [])].flatMap((o) => o.pages.map((p) => p.pfn));
  const rest = [...new Set(mapped)].filter((pfn) => !known.has(pfn)).sort((a, b) => a - b);
  return [...known.values(), ...rest.map((pfn) => ({ pfn, kind: "" }))];
}

/** The pages by which `owner` maps frame `pfn`: usually one, but one process may map a frame twice. */
function pagesAt(owner: Owner | undefined, pfn: Pfn): OwnedPage[] {
  return owner?.pages.filter((p) => p.pfn === pfn) ?? [];
}

function mappings(data: OwnersData, pfn: Pfn): number {
  return data.owners.reduce((sum, owner) => sum + pagesAt(owner, pfn).length, 0);
}

function countText(data: OwnersData, frame: FrameFacts): string {
  if (frame.refcount !== undefined) return `refcount ${frame.refcount}`;
  const count = mappings(data, frame.pfn);
  return count === 0 ? "not mapped" : count === 1 ? "1 mapping" : `${count} mappings`;
}

/** What a frame holds, in two lines at most. */
function kindLines(frame: FrameFacts): string[] {
  const [first, ...rest] = wrap(frame.kind, CELL.width - 4, 11);
  const lines = first === undefined ? [] : rest.length === 0 ? [first] : [first, rest.join(" ")];
  return lines.map((text) => fitText(text, CELL.width - 4, 11));
}

/** Height of what stands above the cells of `frames`. */
function headHeight(frames: readonly FrameFacts[]): number {
  return 38 + Math.max(0, ...frames.map((frame) => kindLines(frame).length - 1)) * LINE;
}

function block(data: OwnersData, frames: readonly FrameFacts[], top: number): string[] {
  const out: string[] = [];
  const cellTop = top + headHeight(frames);
  frames.forEach((frame, c) => {
    const middle = CELL.left + c * CELL.width + CELL.width / 2;
    const shared = mappings(data, frame.pfn) > 1;
    const bottom = cellTop + data.owners.length * CELL.height;
    out.push(
      label(middle, top + 14, fitText(`frame ${hex(frame.pfn)}`, CELL.width - 2, 12), {
        size: 12,
        bold: true,
        anchor: "middle",
      }),
      ...kindLines(frame).map((text, i) =>
        label(middle, top + 30 + i * LINE, text, { size: 11, anchor: "middle", fill: INK.faint }),
      ),
      label(middle, bottom + 16, countText(data, frame), {
        size: 11,
        anchor: "middle",
        bold: shared,
        fill: shared ? INK.text : INK.faint,
      }),
    );
  });
  data.owners.forEach((owner, r) => {
    const y = cellTop + r * CELL.height;
    out.push(
      label(CELL.left - 10, y + 21, fitText(owner.name, CELL.left - 26, 13), { bold: true, anchor: "end" }),
    );
    const earlier = data.before?.find((b) => b.name === owner.name);
    frames.forEach((frame, c) => {
      out.push(...cell(CELL.left + c * CELL.width, y, frame, owner, earlier, data.before !== undefined));
    });
  });
  return out;
}

function cell(
  x: number,
  y: number,
  frame: FrameFacts,
  owner: Owner,
  earlier: Owner | undefined,
  compare: boolean,
): string[] {
  const pages = pagesAt(owner, frame.pfn);
  const changed = compare && keyOf(pages) !== keyOf(pagesAt(earlier, frame.pfn));
  const [page] = pages;
  const fill = !page ? INK.card : frame.zero ? "#D5D9DE" : page.writable ? OKABE_ITO.blue : "#BFE3F7";
  const ink = page?.writable && !frame.zero ? INK.card : INK.text;
  const frameStyle = changed ? { stroke: OKABE_ITO.vermilion, "stroke-width": 3 } : { stroke: INK.edge };
  const out = [rect(x + 3, y + 2, CELL.width - 6, CELL.height - 4, { fill, rx: 3, ...frameStyle })];
  if (!page)
    return changed
      ? [...out, label(x + CELL.width / 2, y + 21, "gone", { size: 11, anchor: "middle", fill: INK.alarm })]
      : out;
  const more = pages.length > 1 ? ` +${pages.length - 1}` : "";
  const centre = { anchor: "middle", fill: ink } as const;
  out.push(
    label(x + CELL.width / 2, y + 15, fitText(hex(page.va), CELL.width - 8, 10.5, true), {
      size: 10.5,
      mono: true,
      ...centre,
    }),
    label(x + CELL.width / 2, y + 28, rightsText(page) + more, { size: 11, bold: true, ...centre }),
  );
  return out;
}

function keyOf(pages: readonly OwnedPage[]): string {
  return pages.map((p) => `${p.va} ${p.writable} ${p.dirty ?? false}`).join(",");
}

function rightsText(page: OwnedPage): string {
  return (page.writable ? "rw" : "read-only") + (page.dirty ? " D" : "");
}

function legend(y: number, compare: boolean): string[] {
  const items: [string, string, string][] = [
    [OKABE_ITO.blue, INK.edge, "may write"],
    ["#BFE3F7", INK.edge, "read-only"],
    ["#D5D9DE", INK.edge, "zero page"],
    ...(compare ? [[INK.card, OKABE_ITO.vermilion, "changed"] as [string, string, string]] : []),
  ];
  const out = items.flatMap(([fill, stroke, text], i) => [
    rect(16 + i * 104, y, 14, 12, { fill, stroke, "stroke-width": stroke === INK.edge ? 1 : 2.5 }),
    label(36 + i * 104, y + 11, text, { size: 12 }),
  ]);
  return [...out, label(16 + items.length * 104, y + 11, "D = dirty", { size: 12 })];
}

function sentence(data: OwnersData, frame: FrameFacts): string {
  const users = data.owners.flatMap((o) =>
    pagesAt(o, frame.pfn).map((p) => `${o.name} at ${hex(p.va)} ${rightsText(p)}`),
  );
  const kind = frame.kind === "" ? "" : ` (${frame.kind})`;
  return `Frame ${hex(frame.pfn)}${kind}: ${users.length === 0 ? "not mapped" : users.join(", ")}`;
}

function ownersText(data: OwnersData, frames: readonly FrameFacts[]): string {
  const rows = frames.map((frame) => [
    `frame ${hex(frame.pfn)}`,
    frame.kind,
    countText(data, frame),
    ...data.owners.map(
      (owner) =>
        pagesAt(owner, frame.pfn)
          .map((p) => `${hex(p.va)} ${rightsText(p)}`)
          .join(", ") || "-",
    ),
  ]);
  const all = [["", "", "", ...data.owners.map((o) => o.name)], ...rows];
  const widths = all[0]!.map((_, c) => Math.max(...all.map((row) => row[c]!.length)));
  const lines = all.map((row) => `  ${row.map((text, c) => text.padEnd(widths[c]!)).join("  ")}`.trimEnd());
  return [data.title, ...lines].join("\n");
}
