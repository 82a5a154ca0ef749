/**
 * Draw the frames of RAM: a map of all of them, coloured by what each is used for and which list it is on.
 *
 *    0 MiB   [kernel][tables][anonymous, active][anonymous, inactive] ...
 *            [file, active][file, inactive][file, dirty][unevictable][free      ]
 *    8 MiB   ...                                     one small box for one or more frames, in order of address
 *
 * A box for several frames has the colour of what most of them are.
 *
 * Not in Linux: page-types(1) of tools/mm, which reads /proc/kpageflags. Read first: ../mm/pages/folio.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import {
  folioTestAnon,
  type Page,
  PG_active,
  PG_dirty,
  PG_swapbacked,
  PG_unevictable,
  PG_writeback,
  PGTY_table,
  pageFolio,
  pfnToPage,
} from "../mm/pages/folio.js";
import type { MemorySystem } from "../mm/system.js";
import type { PressureOptions } from "./draw_pressure.js";
import { Picture, requireText } from "./picture.js";
import { formatBytes } from "./scale.js";
import { INK, label, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

/** What a frame is used for, and its colour. Light and dark of one colour are inactive and active. */
const USES = {
  free: { text: "free", fill: INK.card },
  kernel: { text: "kernel", fill: "#6B7480" },
  tables: { text: "page tables", fill: OKABE_ITO.purple },
  activeAnon: { text: "anonymous, active", fill: OKABE_ITO.vermilion },
  inactiveAnon: { text: "anonymous, inactive", fill: "#F7CDB0" },
  activeFile: { text: "file, active", fill: OKABE_ITO.blue },
  inactiveFile: { text: "file, inactive", fill: OKABE_ITO.sky },
  dirtyFile: { text: "file, dirty", fill: OKABE_ITO.orange },
  shmem: { text: "shared memory, tmpfs", fill: OKABE_ITO.green },
  unevictable: { text: "unevictable", fill: OKABE_ITO.black },
} as const;

/** What a frame is used for. */
export type FrameUse = keyof typeof USES;

const COLUMNS = 128;
const MOST_ROWS = 64;
const BOX = 6;
const LEFT = 70;
const RIGHT = 22;

/** What each frame is used for, from frame 0 up. Not in Linux. */
export function frameUses(machine: Machine): FrameUse[] {
  checkArguments("frameUses()", { machine: Machine }, [machine]);
  const { sys } = machine.kernel;
  const free = freeFrames(sys);
  return Array.from({ length: sys.ram.nrFrames }, (_, pfn) =>
    free[pfn] === 1 ? "free" : useOf(pfnToPage(sys, pfn)),
  );
}

/** A 1 for each frame that the allocator has to give away; what the kernel took at boot is nobody's. */
function freeFrames(sys: MemorySystem): Uint8Array {
  const free = new Uint8Array(sys.ram.nrFrames);
  for (const zone of sys.zones)
    zone.forEachFreeBlock((pfn, order) => {
      free.fill(1, pfn, pfn + 2 ** order);
    });
  return free;
}

function useOf(page: Page): FrameUse {
  const folio = pageFolio(page);
  const { flags, pageType, mapping } = folio;
  if (pageType === PGTY_table) return "tables";
  if (mapping === undefined) return "kernel";
  if ((flags & PG_unevictable) !== 0) return "unevictable";
  const active = (flags & PG_active) !== 0;
  if (folioTestAnon(folio)) return active ? "activeAnon" : "inactiveAnon";
  if ((flags & PG_swapbacked) !== 0) return "shmem";
  if ((flags & (PG_dirty | PG_writeback)) !== 0) return "dirtyFile";
  return active ? "activeFile" : "inactiveFile";
}

/** A map of all frames of `machine` by use. Not in Linux. */
export function drawFrames(machine: Machine, options: PressureOptions = {}): Picture {
  checkArguments("drawFrames()", { machine: Machine, options: { title: "text", alt: "text" } }, [
    machine,
    options,
  ]);
  const title = requireText(options.title ?? "What each frame of RAM is used for", "drawFrames's title", "");
  const uses = frameUses(machine);
  const perBox = Math.max(1, Math.ceil(uses.length / (COLUMNS * MOST_ROWS)));
  const boxes = boxesOf(uses, perBox);
  const width = LEFT + COLUMNS * BOX + RIGHT;
  const titleLines = wrap(title, width - 40, 16);
  const body = titleLines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const counted = (Object.keys(USES) as FrameUse[])
    .map((use) => ({ use, frames: uses.filter((one) => one === use).length }))
    .filter(({ frames }) => frames > 0);
  const legend = legendMarkup(counted, 26 + titleLines.length * 20, width);
  body.push(...legend.markup);
  const top = legend.bottom;
  const rows = Math.ceil(boxes.length / COLUMNS);
  body.push(
    rect(LEFT - 1, top - 1, COLUMNS * BOX + 2, rows * BOX + 2, { fill: INK.card, stroke: "#9AA3AD" }),
  );
  body.push(...runsMarkup(boxes, top));
  for (let row = 0; row < rows; row += 8) {
    const at = formatBytes(row * COLUMNS * perBox * PAGE_SIZE);
    body.push(label(LEFT - 8, top + row * BOX + 9, at, { size: 11, anchor: "end", fill: INK.faint }));
  }
  const bottom = top + rows * BOX;
  const scale = `physical address, from left to right and down; one box is ${perBox === 1 ? "one frame" : `${perBox} frames`}`;
  body.push(label(LEFT, bottom + 20, scale, { size: 12 }));
  const sizes = counted.map(({ use, frames }) => `${USES[use].text} ${formatBytes(frames * PAGE_SIZE)}`);
  const text = [title, ...sizes.map((size) => `  ${size}`)].join("\n");
  return new Picture(
    { width, height: bottom + 34, title, desc: options.alt ?? sizes.join("; ") },
    body,
    text,
  );
}

/** For each box what most of its frames are. */
function boxesOf(uses: readonly FrameUse[], perBox: number): FrameUse[] {
  if (perBox === 1) return [...uses];
  const boxes: FrameUse[] = [];
  for (let from = 0; from < uses.length; from += perBox) {
    const count = new Map<FrameUse, number>();
    for (const use of uses.slice(from, from + perBox)) count.set(use, (count.get(use) ?? 0) + 1);
    boxes.push([...count].sort((a, b) => b[1] - a[1])[0]![0]);
  }
  return boxes;
}

/** One rectangle for each run of equal boxes in a row. */
function runsMarkup(boxes: readonly FrameUse[], top: number): string[] {
  const out: string[] = [];
  for (let from = 0; from < boxes.length; ) {
    const rowEnd = Math.min(boxes.length, (Math.floor(from / COLUMNS) + 1) * COLUMNS);
    let to = from + 1;
    while (to < rowEnd && boxes[to] === boxes[from]) to++;
    const [x, y] = [LEFT + (from % COLUMNS) * BOX, top + Math.floor(from / COLUMNS) * BOX];
    if (boxes[from] !== "free")
      out.push(rect(x, y, (to - from) * BOX, BOX, { fill: USES[boxes[from]!].fill }));
    from = to;
  }
  return out;
}

function legendMarkup(
  counted: readonly { use: FrameUse; frames: number }[],
  top: number,
  width: number,
): { markup: string[]; bottom: number } {
  let [x, y] = [16, top];
  const markup = counted.flatMap(({ use, frames }) => {
    const text = `${USES[use].text}: ${formatBytes(frames * PAGE_SIZE)}`;
    const room = 40 + textWidth(text, 12);
    if (x + room > width - 8 && x > 16) [x, y] = [16, y + 20];
    const item = [
      rect(x, y, 14, 12, { fill: USES[use].fill, stroke: "#9AA3AD" }),
      label(x + 20, y + 11, text, { size: 12 }),
    ];
    x += room;
    return item;
  });
  return { markup, bottom: y + 28 };
}
