/**
 * Draw a moment of reclaim: free memory against its marks, and every page of the two lists of files.
 *
 *    free     [############----|min----|low--------------|high----]   75 pages: kswapd works
 *
 *    inactive [A3  ][A4 U][A5 D] ... [B2  ]     left: the tail, where the scan looks next; right: the head
 *    active   [A0 R] ...
 *    freed    [B0  ][B1  ]                           what went since the step before
 *
 * Behind a page stand letters: U its accessed bit is set in a page table, R the flag "referenced", D dirty, W
 * on its way to the disk; x4 is a folio of four pages. A page that the scan has just looked at and kept has a
 * thick edge.
 *
 * Not in Linux: page-types(1) shows the flags of each page, nothing shows the order of the lists.
 *
 * Read first: picture.ts, ../mm/lru/shrink_lists.ts. Read next: step_reclaim.ts.
 */
import { Picture } from "./picture.js";
import { group, INK, label, line, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

/** What the last scan did with a page that is still there. */
export type ScanVerdict = "kept" | "activated" | "deactivated";

/** One page of a file. */
export interface ReclaimPage {
  /** Letter of the file and number of the page: "A12". */
  readonly name: string;
  /** U, R, D, W, as far as they apply; before them its size, if it is a folio of several pages. */
  readonly signs: string;
  readonly verdict?: ScanVerdict;
}

/** One moment of reclaim. */
export interface ReclaimData {
  readonly title: string;
  readonly free: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly kswapd: "sleeps" | "works";
  /** Tail first. */
  readonly inactive: readonly ReclaimPage[];
  readonly active: readonly ReclaimPage[];
  /** In a batch of 31, on the way to a list. */
  readonly coming: readonly ReclaimPage[];
  /** Freed since the step before. */
  readonly freed: readonly ReclaimPage[];
  /** Pages of anonymous memory on lists of their own. */
  readonly anonymous: number;
}

const PER_ROW = 19;
const CELL = { width: 38, height: 34, left: 16 };
const WIDTH = CELL.left + PER_ROW * CELL.width + 16;
const LOOK = {
  inactive: { fill: "#BFE3F7", text: "inactive" },
  active: { fill: "#BFE5D6", text: "active" },
  dirty: { fill: "#FBE3B0", text: "dirty" },
  freed: { fill: "#D5D9DE", text: "freed" },
} as const;
const EDGE: Readonly<Record<ScanVerdict, string>> = {
  kept: OKABE_ITO.vermilion,
  activated: OKABE_ITO.green,
  deactivated: OKABE_ITO.purple,
};

/** A picture of one moment of reclaim. `rows` is how much room each list has, in rows of 22 pages. */
export function drawReclaim(data: ReclaimData, rows = rowsOf([data])): Picture {
  const lines = wrap(data.title, WIDTH - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  let y = 26 + lines.length * 20;
  body.push(...gauge(data, y));
  y += 62;
  for (const { name, words, pages, room } of listsOf(data, rows)) {
    if (room === 0) continue;
    body.push(label(CELL.left, y + 12, words, { size: 12 }));
    body.push(...pages.flatMap((page, i) => cell(page, name, i, y + 18)));
    y += 22 + room * CELL.height + 6;
  }
  body.push(group(legend(y + 4)));
  const text = reclaimText(data);
  return new Picture(
    { width: WIDTH, height: y + 46, title: data.title, desc: text.replace(/\n\s*/g, "; ") },
    body,
    text,
  );
}

/** Rows that each list needs at most in any of `moments`. */
export function rowsOf(moments: readonly ReclaimData[]): Readonly<Record<ListName, number>> {
  const most = (name: ListName): number =>
    Math.max(...moments.map((data) => Math.ceil(data[name].length / PER_ROW)));
  return {
    inactive: most("inactive"),
    active: most("active"),
    coming: most("coming"),
    freed: most("freed"),
  };
}

type ListName = "inactive" | "active" | "coming" | "freed";

function listsOf(
  data: ReclaimData,
  rows: Readonly<Record<ListName, number>>,
): { name: ListName; words: string; pages: readonly ReclaimPage[]; room: number }[] {
  const { inactive, active, coming, freed } = data;
  const words: Readonly<Record<ListName, string>> = {
    inactive: `inactive list: ${inactive.length} pages; the scan looks at the left end first`,
    active: `active list: ${active.length} pages`,
    coming: `in a batch, on the way to a list: ${coming.length} pages`,
    freed: `freed since the step before: ${freed.length} pages`,
  };
  return (["inactive", "active", "coming", "freed"] as const).map((name) => {
    return { name, words: words[name], pages: data[name], room: rows[name] };
  });
}

function gauge({ free, min, low, high, kswapd, anonymous }: ReclaimData, y: number): string[] {
  const full = WIDTH - 32;
  const most = high * 1.6;
  const at = (pages: number): number => CELL.left + (Math.min(pages, most) / most) * full;
  const colour = kswapd === "works" ? OKABE_ITO.orange : OKABE_ITO.sky;
  const state = `${free} pages are free; kswapd ${kswapd}; ${anonymous} pages are anonymous memory`;
  const marks = Object.entries({ min, low, high }).flatMap(([name, pages]) => [
    line(at(pages), y + 16, at(pages), y + 44, { stroke: INK.text, "stroke-width": 2 }),
    label(at(pages), y + 56, `${name} ${pages}`, { size: 11, anchor: "middle" }),
  ]);
  return [
    label(CELL.left, y + 10, state, { size: 12, bold: true }),
    rect(CELL.left, y + 20, full, 20, { fill: INK.card, stroke: "#9AA3AD" }),
    rect(CELL.left, y + 20, at(free) - CELL.left, 20, { fill: colour, stroke: "#9AA3AD" }),
    ...marks,
  ];
}

function cell({ name, signs, verdict }: ReclaimPage, list: ListName, i: number, top: number): string[] {
  const x = CELL.left + (i % PER_ROW) * CELL.width;
  const y = top + Math.floor(i / PER_ROW) * CELL.height;
  const look = list === "freed" ? LOOK.freed : /[DW]/.test(signs) ? LOOK.dirty : undefined;
  const { fill } = look ?? (list === "active" ? LOOK.active : LOOK.inactive);
  const edge = verdict === undefined ? { stroke: "#9AA3AD" } : { stroke: EDGE[verdict], "stroke-width": 3 };
  const middle = x + CELL.width / 2;
  return [
    rect(x + 2, y + 2, CELL.width - 4, CELL.height - 4, { fill, ...edge }),
    label(middle, y + 15, name, { size: 10, anchor: "middle" }),
    ...(signs === "" ? [] : [label(middle, y + 27, signs, { size: 10, anchor: "middle", bold: true })]),
  ];
}

function legend(y: number): string[] {
  let x = 16;
  const box = (text: string, attributes: Record<string, string | number>): string[] => {
    const item = [rect(x, y, 14, 12, attributes), label(x + 20, y + 11, text, { size: 12 })];
    x += 34 + textWidth(text, 12);
    return item;
  };
  const fills = Object.values(LOOK).flatMap(({ fill, text }) => box(text, { fill, stroke: "#9AA3AD" }));
  const edges = Object.entries(EDGE).flatMap(([text, stroke]) =>
    box(text, { fill: INK.card, stroke, "stroke-width": 3 }),
  );
  const words =
    "U: used, its accessed bit is set;  R: referenced;  D: dirty;  W: being written;  ×4: a folio of four pages";
  return [...fills, ...edges, label(16, y + 30, words, { size: 12 })];
}

function reclaimText(data: ReclaimData): string {
  const { title, free, min, low, high, kswapd } = data;
  const list = (name: string, pages: readonly ReclaimPage[]): string =>
    `  ${name}: ${pages.map(({ name: page, signs }) => page + (signs === "" ? "" : `/${signs}`)).join(" ") || "none"}`;
  return [
    title,
    `  ${free} pages free (min ${min}, low ${low}, high ${high}); kswapd ${kswapd}`,
    list("inactive, tail first", data.inactive),
    list("active, tail first", data.active),
    ...(data.coming.length > 0 ? [list("in a batch", data.coming)] : []),
    list("freed", data.freed),
  ].join("\n");
}
