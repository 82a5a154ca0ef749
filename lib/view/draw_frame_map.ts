/**
 * Draw the frame map: every frame of RAM, a row for each page block of 512 frames, coloured by who has it,
 * and the free blocks with their order.
 *
 *      0 MiB  |kkkkkkkkk|tt|aaaaaaa|      9      |aaa|  5  |bbbb|   Unmovable
 *      2 MiB  |aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|   Movable       a line below: one large folio
 *      4 MiB  |a| |b| |a|  |a| | a|  4  |b |a   |  3  |a| |a| |a|   Movable
 *
 *    drawFrameMap(machine)                            now
 *    drawFrameMap({ before, after })                  moments side by side, each a frameMap(machine)
 *    stepFrameMap(machine, () => compact())           step by step
 *
 * White is free; a number in it is the order of the block, where there is room for it: a block of order 9 is
 * a row. On a large machine a row stands for several page blocks, and a point of it for several frames, which
 * takes the colour of most of them.
 *
 * Not in Linux. Read first: frame_map.ts. Read next: draw_free_blocks.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { PAGEBLOCK_NR_PAGES } from "../mm/pages/migratetype.js";
import { type FrameBlock, type FrameKind, type FrameMap, frameMap } from "./frame_map.js";
import { Picture } from "./picture.js";
import { type RecordedEvent, record } from "./record.js";
import { formatBytes } from "./scale.js";
import { type Stepper, stepper } from "./stepper.js";
import { element, INK, label, OKABE_ITO, px, rect, textWidth, wrap } from "./svg.js";

/** What may be said about the map. */
export interface FrameMapOptions {
  readonly title?: string;
  readonly alt?: string;
}

/** What may be said about a map that is stepped through. */
export interface StepFrameMapOptions {
  readonly title?: string;
  /** Events after which to look, as in record(). */
  readonly events?: readonly string[];
  /** A few words on each event. */
  readonly label?: (event: RecordedEvent) => string;
}

const LEFT = 76;
const RIGHT = 96;
const GAP = 24;
/** Pixels of a row, of which ROW_GAP stay empty. */
const ROW = 15;
const ROW_GAP = 4;
const MOST_ROWS = 64;
/** Pixels of a row of 512 frames: one map alone, and each of several. */
const WIDE = 768;
const NARROW = 400;
const FRAME_LINE = "#9AA3AD";

const FILLS: Readonly<Record<string, string>> = {
  kernel: "#6B7480",
  slab: "#414A55",
  "page tables": OKABE_ITO.purple,
  file: OKABE_ITO.sky,
  "shared memory, tmpfs": "#8A6D00",
  hugetlb: OKABE_ITO.black,
  "several processes": OKABE_ITO.yellow,
  "anonymous, unmapped": "#F7CDB0",
};
const ANON_FILLS = [OKABE_ITO.vermilion, OKABE_ITO.blue, OKABE_ITO.green, OKABE_ITO.orange];
const OTHERS = { name: "anonymous, other processes", fill: "#B9C0C8" };

/** How a kind of frame is called and drawn. */
interface Look {
  readonly name: string;
  readonly fill: string;
}

type Looks = (kind: FrameKind) => Look;

/** Where one map stands. */
interface Panel {
  readonly left: number;
  readonly width: number;
  /** Page blocks of one row. */
  readonly perRow: number;
}

const MAP = shape({ kinds: "list", free: listOf("object"), large: listOf("object"), blocks: listOf("text") });

/** The frames of a machine as they are now, or moments of it side by side, by name. Not in Linux. */
export function drawFrameMap(
  what: Machine | Readonly<Record<string, FrameMap>>,
  options: FrameMapOptions = {},
): Picture {
  checkArguments("drawFrameMap()", { what: "object", options: { title: "text", alt: "text" } }, [
    what,
    options,
  ]);
  const maps: Readonly<Record<string, FrameMap>> = what instanceof Machine ? { "": frameMap(what) } : what;
  const names = Object.keys(maps);
  if (names.length === 0 || names.length > 3)
    throw new RangeError(`drawFrameMap() draws one to three maps; got ${names.length}`);
  checkArguments("drawFrameMap()", { maps: listOf(MAP) }, [Object.values(maps)]);
  const nrBlocks = Math.max(...Object.values(maps).map(({ blocks }) => blocks.length));
  const perRow = Math.max(1, 2 ** Math.ceil(Math.log2(nrBlocks / MOST_ROWS)));
  const width = names.length === 1 ? WIDE : NARROW;
  const whole = LEFT + names.length * (width + RIGHT) + (names.length - 1) * GAP;
  const looks = looksOf(Object.values(maps));
  const title = options.title ?? "Who has which frame of RAM, and which blocks are free";
  const lines = wrap(title, whole - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const legend = legendMarkup(looks.all, 26 + lines.length * 20, whole);
  body.push(...legend.markup);
  let top = legend.bottom;
  if (names.length > 1) top += 18;
  const rows = Math.ceil(nrBlocks / perRow);
  names.forEach((name, i) => {
    const panel = { left: LEFT + i * (width + RIGHT + GAP), width, perRow };
    if (names.length > 1) body.push(label(panel.left, top - 8, name, { size: 13, bold: true }));
    body.push(...mapMarkup(maps[name]!, looks.look, panel, top));
  });
  body.push(...addresses(rows, perRow, top));
  const bottom = top + rows * ROW;
  const each = perRow === 1 ? "a row is a page block: 512 frames, 2 MiB" : `a row is ${perRow} page blocks`;
  const said = `${each}; a number is the order of a free block, a dark line a large folio; right: the type of page blocks that are not Movable`;
  const said2 = wrap(said, whole - LEFT - 16, 12);
  body.push(...said2.map((text, i) => label(LEFT, bottom + 18 + i * 16, text, { size: 12 })));
  const told = names.map((name) => `${name === "" ? "" : `${name}: `}${mapText(maps[name]!, looks.look)}`);
  const text = [title, ...told.map((one) => `  ${one}`)].join("\n");
  const desc = options.alt ?? told.join(". ");
  const height = bottom + 18 + said2.length * 16;
  return new Picture({ width: whole, height, title, desc }, body, text);
}

/** The looks of all kinds in `maps`, and those in the order of the legend. */
function looksOf(maps: readonly FrameMap[]): { look: Looks; all: readonly Look[] } {
  const kinds = new Set(maps.flatMap((map) => [...new Set(map.kinds)]));
  const looks = new Map<FrameKind, Look>();
  const anon = [...kinds].filter((kind) => kind.startsWith("anon:")).sort();
  anon.forEach((kind, i) => {
    const name = `anonymous, ${kind.slice("anon:".length)}`;
    looks.set(kind, i < ANON_FILLS.length ? { name, fill: ANON_FILLS[i]! } : OTHERS);
  });
  for (const [name, fill] of Object.entries(FILLS))
    if (kinds.has(name as FrameKind)) looks.set(name as FrameKind, { name, fill });
  looks.set("free", { name: "free", fill: INK.card });
  return { look: (kind) => looks.get(kind)!, all: [...new Set(looks.values())] };
}

function mapMarkup(map: FrameMap, look: Looks, panel: Panel, top: number): string[] {
  const { left, width, perRow } = panel;
  const perRowFrames = perRow * PAGEBLOCK_NR_PAGES;
  const out: string[] = [];
  for (let first = 0; first < map.kinds.length; first += perRowFrames) {
    const y = top + (first / perRowFrames) * ROW;
    const frames = map.kinds.slice(first, first + perRowFrames);
    const across = (frames.length / perRowFrames) * width;
    out.push(rect(left, y, across, ROW - ROW_GAP, { fill: INK.card, stroke: FRAME_LINE }));
    out.push(...runs(frames, look, panel, y));
    const types = [...new Set(map.blocks.slice(first / PAGEBLOCK_NR_PAGES).slice(0, perRow))];
    const type = types.length === 1 ? types[0]! : "mixed";
    if (type !== "Movable")
      out.push(label(left + width + 8, y + ROW - ROW_GAP - 2, type, { size: 10, fill: INK.faint }));
  }
  out.push(...marks(map, panel, top));
  return out;
}

/**
 * One rectangle for each run of points with the same look; a point stands for as many frames as fit a pixel.
 */
function runs(frames: readonly FrameKind[], look: Looks, panel: Panel, y: number): string[] {
  const { left, width, perRow } = panel;
  const perPoint = perRow;
  const point = width / PAGEBLOCK_NR_PAGES;
  const points: Look[] = [];
  for (let at = 0; at < frames.length; at += perPoint)
    points.push(most(frames.slice(at, at + perPoint), look));
  const out: string[] = [];
  for (let from = 0; from < points.length; ) {
    let to = from + 1;
    while (to < points.length && points[to] === points[from]) to++;
    if (points[from]!.name !== "free")
      out.push(
        rect(left + from * point, y, (to - from) * point, ROW - ROW_GAP, { fill: points[from]!.fill }),
      );
    from = to;
  }
  return out;
}

function most(frames: readonly FrameKind[], look: Looks): Look {
  if (frames.length === 1) return look(frames[0]!);
  const count = new Map<Look, number>();
  for (const kind of frames) count.set(look(kind), (count.get(look(kind)) ?? 0) + 1);
  return [...count].sort((a, b) => b[1] - a[1])[0]![0];
}

/**
 * The orders of free blocks that have room for a number, their borders, and a line below each large folio.
 */
function marks({ free, large }: FrameMap, { left, width, perRow }: Panel, top: number): string[] {
  const perRowFrames = perRow * PAGEBLOCK_NR_PAGES;
  const frame = width / perRowFrames;
  const place = ({ pfn, order }: FrameBlock) => {
    const x = left + (pfn % perRowFrames) * frame;
    const across = Math.min(2 ** order * frame, left + width - x);
    return { x, y: top + Math.floor(pfn / perRowFrames) * ROW, across };
  };
  const out: string[] = [];
  let borders = "";
  for (const block of free) {
    const { x, y, across } = place(block);
    if (across < 6) continue;
    borders += `M${px(x)} ${px(y)}v${ROW - ROW_GAP}`;
    const text = String(block.order);
    if (across >= textWidth(text, 10) + 4)
      out.push(
        label(x + across / 2, y + ROW - ROW_GAP - 2, text, { size: 10, anchor: "middle", fill: INK.faint }),
      );
  }
  if (borders !== "") out.push(element("path", { d: borders, stroke: FRAME_LINE, fill: "none" }));
  let lines = "";
  for (const block of large) {
    const { x, y, across } = place(block);
    if (across < 3) continue;
    for (let row = 0; row < Math.max(1, 2 ** block.order / perRowFrames); row++)
      lines += `M${px(x + 0.5)} ${px(y + row * ROW + ROW - ROW_GAP + 1.75)}h${px(across - 1)}`;
  }
  if (lines !== "")
    out.push(element("path", { d: lines, stroke: INK.text, "stroke-width": 2, fill: "none" }));
  return out;
}

function addresses(rows: number, perRow: number, top: number): string[] {
  const every = rows <= 16 ? 2 : 4;
  const bytes = perRow * PAGEBLOCK_NR_PAGES * PAGE_SIZE;
  return Array.from({ length: Math.ceil(rows / every) }, (_, i) =>
    label(LEFT - 8, top + i * every * ROW + ROW - ROW_GAP - 1, formatBytes(i * every * bytes), {
      ...{ size: 11, anchor: "end" as const, fill: INK.faint },
    }),
  );
}

function legendMarkup(
  looks: readonly Look[],
  top: number,
  width: number,
): { markup: string[]; bottom: number } {
  let [x, y] = [16, top];
  const markup = looks.flatMap(({ name, fill }) => {
    const room = 40 + textWidth(name, 12);
    if (x + room > width - 8 && x > 16) [x, y] = [16, y + 20];
    const item = [
      rect(x, y, 14, 12, { fill, stroke: FRAME_LINE }),
      label(x + 20, y + 11, name, { size: 12 }),
    ];
    x += room;
    return item;
  });
  return { markup, bottom: y + 28 };
}

/** "free 12 MiB, largest block of order 9, 3 of them; kernel 2 MiB; ..." */
function mapText({ kinds, free, large }: FrameMap, look: Looks): string {
  const sizes = new Map<string, number>();
  for (const kind of kinds) sizes.set(look(kind).name, (sizes.get(look(kind).name) ?? 0) + 1);
  const told = [...sizes].map(([name, frames]) => `${name} ${formatBytes(frames * PAGE_SIZE)}`);
  const largest = Math.max(-1, ...free.map(({ order }) => order));
  const blocks =
    largest < 0
      ? "no free block"
      : `largest free block of order ${largest}, ${free.filter(({ order }) => order === largest).length} of them`;
  return `${told.join("; ")}; ${blocks}; ${large.length} large folios`;
}

/**
 * The frame map to step through while `act` runs: a step for each event that changed it, each frame given or
 * freed unless `options.events` names others (compaction: "compaction:mm_compaction_migratepages", a step for
 * each batch). At most 200 steps. Not in Linux.
 */
export function stepFrameMap(machine: Machine, act: () => void, options: StepFrameMapOptions = {}): Stepper {
  checkArguments(
    "stepFrameMap()",
    {
      machine: Machine,
      act: "function",
      options: { title: "text", events: listOf("text"), label: "function" },
    },
    [machine, act, options],
  );
  const { title = "Who has which frame of RAM, step by step", events = ["kmem:*"] } = options;
  const recorded = record(machine, act, {
    ...{ events, onlyChanges: true, capture: () => frameMap(machine) },
    ...(options.label && { label: options.label }),
  });
  const draw = (map: FrameMap): Picture => drawFrameMap({ "": map }, { title });
  return stepper(recorded, draw, { title, marks: false });
}
