/**
 * Draw the slots of swap: a map of every area, cluster by cluster, coloured by who has each slot.
 *
 *    /dev/vdb: type 0, priority -2, 700 of 4095 pages in use
 *    0     [#][alice][alice][bob]...[ ][ ]        512 slots: a cluster
 *    512   [bob o][bob o] ...                     o: the same bytes are in a frame, too (swap cache)
 *
 * A cluster is a band of its own. A dot says where the bytes are besides, or instead: dark, a frame has them,
 * too; white, they are all zeros, and nothing is on the device; yellow, zswap has them. On an area so large
 * that a box stands for several slots, it has the colour of most of them, and no dot.
 *
 * Not in Linux: /proc/swaps has one line for an area. Read first: swap_slots.ts. Read next: step_swap.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { SWAPFILE_CLUSTER, type SwapInfoStruct } from "../mm/swap/swap_types.js";
import { Picture } from "./picture.js";
import { formatBytes, formatNumber } from "./scale.js";
import { element, group, INK, label, OKABE_ITO, px, rect, textWidth, wrap } from "./svg.js";
import { SHMEM_OWNER, type SwapSlot, slotOwners, swapSlot } from "./swap_slots.js";

/** What may be said about the map. */
export interface SwapMapOptions {
  readonly title?: string;
  readonly alt?: string;
}

/** One area and its slots. */
interface AreaSlots {
  readonly si: SwapInfoStruct;
  readonly slots: readonly SwapSlot[];
}

/** How large boxes are, and how many slots each stands for. */
interface Grid {
  readonly columns: number;
  readonly box: number;
  readonly perBox: number;
}

const LEFT = 70;
const WIDTH = LEFT + 768 + 22;
/** Most rows of small boxes in all areas together. */
const MOST_ROWS = 96;
/** Slots up to which boxes are large. */
const LARGE_UP_TO = 2048;
const OWNER_COLOURS = [
  ...[OKABE_ITO.blue, OKABE_ITO.orange, OKABE_ITO.green, OKABE_ITO.sky, OKABE_ITO.vermilion],
];
const FREE = { key: "free", fill: INK.card };
const BAD = { key: "header or bad", fill: "#6B7480" };
const SHARED = { key: "several processes", fill: OKABE_ITO.purple };
const CACHE_ONLY = { key: "swap cache only", fill: "#D5D9DE" };
const OTHERS = { key: "others", fill: "#9AA3AD" };
const DOTS = { cached: INK.onColour, zero: "#FEFEFE", zswap: OKABE_ITO.yellow };
const DOT_WORDS = {
  cached: "a frame has the bytes, too",
  zero: "all zeros, not on the device",
  zswap: "in zswap",
};

/** What a slot is drawn as. */
interface Look {
  readonly key: string;
  readonly fill: string;
}

/**
 * A map of all slots of all swap areas of `machine`, by owner; RangeError where no swap is on.
 * Not in Linux.
 */
export function drawSwapMap(machine: Machine, options: SwapMapOptions = {}): Picture {
  checkArguments("drawSwapMap()", { machine: Machine, options: { title: "text", alt: "text" } }, [
    machine,
    options,
  ]);
  const areas = areasOf(machine);
  if (areas.length === 0) throw new RangeError("drawSwapMap(): no swap area is on; see machine.swapon()");
  const all = areas.flatMap(({ slots }) => slots);
  const looks = looksOf(all);
  const grid = gridFor(all.length);
  const title = options.title ?? "Who has which slot of swap";
  const lines = wrap(title, WIDTH - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const counted = countedLooks(all, looks);
  const legend = legendMarkup(counted, dotsOf(all, grid), 26 + lines.length * 20);
  body.push(group(legend.markup));
  let y = legend.bottom;
  for (const area of areas) {
    body.push(label(16, y + 12, areaText(area), { size: 12, bold: true }));
    const drawn = areaMarkup(area, looks, grid, y + 20);
    body.push(...drawn.markup);
    y = drawn.bottom + 10;
  }
  const each = grid.perBox === 1 ? "one slot of 4 KiB" : `${grid.perBox} slots`;
  body.push(
    label(
      LEFT,
      y + 8,
      `slots from left to right and down, a band for each cluster of 512; one box is ${each}`,
      { size: 12 },
    ),
  );
  const sizes = counted.map(([{ key }, nr]) => `${key} ${nr}`);
  const told = areas.map((area) => `${areaText(area)}: ${statesText(area.slots)}`);
  const text = [title, ...told.map((one) => `  ${one}`), `  ${sizes.join("; ")}`].join("\n");
  const desc = options.alt ?? `${told.join("; ")}. Slots: ${sizes.join("; ")}.`;
  return new Picture({ width: WIDTH, height: y + 24, title, desc }, body, text);
}

function areasOf(machine: Machine): AreaSlots[] {
  const { sys } = machine.kernel;
  const owners = slotOwners(machine);
  return sys.swap.swapInfo.flatMap((si) => {
    if (si === undefined) return [];
    return [{ si, slots: Array.from({ length: si.max }, (_, offset) => swapSlot(sys, si, offset, owners)) }];
  });
}

function gridFor(nrSlots: number): Grid {
  if (nrSlots <= LARGE_UP_TO) return { columns: 64, box: 12, perBox: 1 };
  let perBox = 1;
  while (nrSlots / perBox / 128 > MOST_ROWS) perBox *= 2;
  return { columns: 128, box: 6, perBox };
}

/** The look of each owner, in the order in which they are met; too many share one. */
function looksOf(slots: readonly SwapSlot[]): (slot: SwapSlot) => Look {
  const byOwner = new Map<string, Look>([[SHMEM_OWNER, { key: SHMEM_OWNER, fill: OKABE_ITO.black }]]);
  const names = [...new Set(slots.flatMap(({ owners }) => (owners.length === 1 ? owners : [])))]
    .filter((name) => name !== SHMEM_OWNER)
    .sort();
  names.forEach((name, i) => {
    byOwner.set(name, i < OWNER_COLOURS.length ? { key: name, fill: OWNER_COLOURS[i]! } : OTHERS);
  });
  return ({ bad, count, cached, owners }) => {
    if (bad) return BAD;
    if (owners.length > 1) return SHARED;
    if (owners.length === 1) return byOwner.get(owners[0]!)!;
    if (count > 0) return OTHERS;
    return cached ? CACHE_ONLY : FREE;
  };
}

function countedLooks(slots: readonly SwapSlot[], look: (slot: SwapSlot) => Look): [Look, number][] {
  const counted = new Map<Look, number>();
  for (const slot of slots) counted.set(look(slot), (counted.get(look(slot)) ?? 0) + 1);
  return [...counted].sort(([a], [b]) => Number(a === FREE) - Number(b === FREE));
}

type Dot = keyof typeof DOTS;

function dotOf({ cached, zero, zswap }: SwapSlot): Dot | undefined {
  if (zswap) return "zswap";
  if (zero) return "zero";
  return cached ? "cached" : undefined;
}

/** The dots that are drawn somewhere, and how many. */
function dotsOf(slots: readonly SwapSlot[], { perBox }: Grid): [Dot, number][] {
  if (perBox > 1) return [];
  return (Object.keys(DOTS) as Dot[])
    .map((dot): [Dot, number] => [dot, slots.filter((slot) => dotOf(slot) === dot).length])
    .filter(([, nr]) => nr > 0);
}

function areaText({ si: { path, type, prio, inusePages, pages } }: AreaSlots): string {
  const used = `${formatNumber(inusePages)} of ${formatNumber(pages)} slots in use (${formatBytes(inusePages * PAGE_SIZE)})`;
  return `${path}: area ${type}, priority ${prio}, ${used}`;
}

function statesText(slots: readonly SwapSlot[]): string {
  const nr = (is: (slot: SwapSlot) => boolean): number => slots.filter(is).length;
  const states = {
    "counted twice or more": nr(({ count }) => count > 1),
    "in the swap cache": nr(({ cached }) => cached),
    "all zeros": nr(({ zero }) => zero),
    "in zswap": nr(({ zswap }) => zswap),
  };
  const told = Object.entries(states).filter(([, count]) => count > 0);
  return told.length === 0
    ? "none in the swap cache"
    : told.map(([name, count]) => `${count} ${name}`).join(", ");
}

/** One band for each cluster. */
function areaMarkup(
  { slots }: AreaSlots,
  look: (slot: SwapSlot) => Look,
  grid: Grid,
  top: number,
): { markup: string[]; bottom: number } {
  const { columns, box, perBox } = grid;
  const perBand = Math.max(SWAPFILE_CLUSTER, columns * perBox);
  const markup: string[] = [];
  let y = top;
  for (let first = 0; first < slots.length; first += perBand) {
    const boxes = boxesOf(slots.slice(first, first + perBand), look, perBox);
    const rows = Math.ceil(boxes.length / columns);
    const width = Math.min(boxes.length, columns) * box;
    markup.push(rect(LEFT - 1, y - 1, width + 2, rows * box + 2, { fill: INK.card, stroke: "#9AA3AD" }));
    markup.push(...boxesMarkup(boxes, y, grid));
    if (perBox === 1 || (first / perBand) % 4 === 0)
      markup.push(
        label(LEFT - 8, y + Math.min(10, rows * box + 2), String(first), {
          size: 11,
          anchor: "end",
          fill: INK.faint,
        }),
      );
    y += rows * box + (perBox === 1 ? 5 : 0);
  }
  return { markup, bottom: y + 6 };
}

interface Box {
  readonly look: Look;
  readonly dot: Dot | undefined;
}

function boxesOf(slots: readonly SwapSlot[], look: (slot: SwapSlot) => Look, perBox: number): Box[] {
  if (perBox === 1) return slots.map((slot) => ({ look: look(slot), dot: dotOf(slot) }));
  const boxes: Box[] = [];
  for (let from = 0; from < slots.length; from += perBox) {
    const [[most]] = countedLooks(slots.slice(from, from + perBox), look).sort((a, b) => b[1] - a[1]) as [
      [Look, number],
    ];
    boxes.push({ look: most, dot: undefined });
  }
  return boxes;
}

/**
 * One rectangle for each run of equal boxes in a row, or for each box if they are large; one path for all
 * dots.
 */
function boxesMarkup(boxes: readonly Box[], top: number, { columns, box }: Grid): string[] {
  const large = box > 6;
  const out: string[] = [];
  const dots = new Map<Dot, string>();
  const [inner, gap] = [box / 3, large ? 0.5 : 0];
  for (let from = 0; from < boxes.length; ) {
    const { look } = boxes[from]!;
    const rowEnd = large ? from + 1 : Math.min(boxes.length, (Math.floor(from / columns) + 1) * columns);
    let to = from + 1;
    while (to < rowEnd && boxes[to]!.look === look) to++;
    const [x, y] = [LEFT + (from % columns) * box, top + Math.floor(from / columns) * box];
    if (look !== FREE)
      out.push(rect(x + gap, y + gap, (to - from) * box - 2 * gap, box - 2 * gap, { fill: look.fill }));
    for (let i = from; i < to; i++) {
      const { dot } = boxes[i]!;
      if (dot === undefined) continue;
      const at = `M${px(x + (i - from) * box + inner)} ${px(y + inner)}`;
      dots.set(dot, `${dots.get(dot) ?? ""}${at}h${px(inner)}v${px(inner)}h${px(-inner)}z`);
    }
    from = to;
  }
  return [...out, ...[...dots].map(([dot, d]) => element("path", { d, fill: DOTS[dot] }))];
}

function legendMarkup(
  counted: readonly (readonly [Look, number])[],
  dots: readonly (readonly [Dot, number])[],
  top: number,
): { markup: string[]; bottom: number } {
  let [x, y] = [16, top];
  const item = (text: string, box: (x: number, y: number) => string[]): string[] => {
    const room = 40 + textWidth(text, 12);
    if (x + room > WIDTH - 8 && x > 16) [x, y] = [16, y + 20];
    const out = [...box(x, y), label(x + 20, y + 11, text, { size: 12 })];
    x += room;
    return out;
  };
  const boxes = counted.flatMap(([{ key, fill }, nr]) =>
    item(`${key}: ${formatNumber(nr)}`, (left, at) => [rect(left, at, 14, 12, { fill, stroke: "#9AA3AD" })]),
  );
  const marks = dots.flatMap(([dot, nr]) =>
    item(`dot: ${DOT_WORDS[dot]}: ${formatNumber(nr)}`, (left, at) => [
      rect(left, at, 14, 12, { fill: "#9AA3AD" }),
      rect(left + 5, at + 4, 4, 4, { fill: DOTS[dot] }),
    ]),
  );
  return { markup: [...boxes, ...marks], bottom: y + 28 };
}
