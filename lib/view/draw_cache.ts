/**
 * Draw a page cache: every page of one file, whether it is in RAM, and which pages readahead has asked for.
 *
 *    pages  0-15   [ 0   ][ 1   ][ 2   ][ 3   ][ 4  C][ 5  C] ...
 *                                              ==============     readahead's window: asked for together
 *    pages 16-31   [16  M][17  M][18  M] ...         [28  R]      the mark: whoever comes here makes readahead go on
 *                      ^ read now
 *
 * Sixteen pages in a row: 64 KiB, which is what fault-around looks at.
 *
 * Not in Linux: fincore shows which pages are in RAM, nothing shows the window.
 *
 * Read first: picture.ts, ../mm/filemap/readahead.ts. Read next: step_cache.ts.
 */

import { Picture } from "./picture.js";
import { group, INK, label, line, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

/** Where a page of a file is: not in RAM, being read, in the page cache, and in some page table, too. */
export type CachedPage = "absent" | "coming" | "cached" | "mapped";

/** The pages that readahead has asked for last: [start, start + size), of which the last `asyncSize` are ahead of need. */
export interface CacheWindow {
  readonly start: number;
  readonly size: number;
  readonly asyncSize: number;
}

/** One moment of a page cache. */
export interface CacheData {
  readonly title: string;
  readonly pages: readonly CachedPage[];
  /** Pages with the mark of readahead. */
  readonly marked: readonly number[];
  readonly window: CacheWindow | undefined;
  /** The page that is read now. */
  readonly reading: number | undefined;
}

const PER_ROW = 16;
const CELL = { width: 44, height: 22, left: 76 };
/** From the top of one row to the top of the next: below the cells lie the window's line and the pointer. */
const ROW = 42;

const LOOK: Readonly<Record<CachedPage, { fill: string; sign: string; text: string }>> = {
  absent: { fill: INK.card, sign: "", text: "on disk only" },
  coming: { fill: "#FBE3B0", sign: "~", text: "~ being read" },
  cached: { fill: "#BFE5D6", sign: "C", text: "C in the page cache" },
  mapped: { fill: "#BFE3F7", sign: "M", text: "M mapped, too" },
};

/** A picture of one moment of a page cache. */
export function drawCache(data: CacheData): Picture {
  const { title, pages } = data;
  const width = CELL.left + PER_ROW * CELL.width + 24;
  const lines = wrap(title, width - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 26 + lines.length * 20;
  for (let first = 0; first < pages.length; first += PER_ROW) {
    const y = top + (first / PER_ROW) * ROW;
    const end = Math.min(first + PER_ROW, pages.length);
    const name = { size: 12, anchor: "end", fill: INK.faint } as const;
    body.push(label(CELL.left - 8, y + 15, `${first}-${end - 1}`, name));
    for (let page = first; page < end; page++) body.push(...cellMarkup(data, page, y));
    body.push(...windowMarkup(data.window, first, end, y + CELL.height + 5));
    if (data.reading !== undefined && data.reading >= first && data.reading < end)
      body.push(...pointer(data.reading - first, y + CELL.height));
  }
  const bottom = top + Math.ceil(pages.length / PER_ROW) * ROW + 4;
  body.push(group(legend(bottom)));
  const text = cacheText(data);
  const desc = text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width, height: bottom + 44, title, desc }, body, text);
}

function cellMarkup({ pages, marked }: CacheData, page: number, y: number): string[] {
  const x = CELL.left + (page % PER_ROW) * CELL.width;
  const { fill, sign } = LOOK[pages[page]!];
  const text = `${page}${marked.includes(page) ? " R" : sign === "" ? "" : ` ${sign}`}`;
  const bold = marked.includes(page);
  return [
    rect(x, y, CELL.width - 1, CELL.height, { fill, stroke: "#9AA3AD" }),
    label(x + CELL.width / 2, y + 15, text, { size: 11, anchor: "middle", bold }),
  ];
}

/** A line below the cells of the window: full where the pages are needed, dashed where they are ahead of need. */
function windowMarkup(window: CacheWindow | undefined, first: number, end: number, y: number): string[] {
  if (window === undefined) return [];
  const { start, size, asyncSize } = window;
  const ahead = start + size - asyncSize;
  const piece = (from: number, to: number, dashed: boolean): string[] => {
    const [a, b] = [Math.max(from, first), Math.min(to, end)];
    if (a >= b) return [];
    const [x1, x2] = [CELL.left + (a - first) * CELL.width, CELL.left + (b - first) * CELL.width - 1];
    const stroke = {
      stroke: OKABE_ITO.blue,
      "stroke-width": 4,
      "stroke-dasharray": dashed ? "6 4" : undefined,
    };
    return [line(x1, y, x2, y, stroke)];
  };
  const drawn = group([...piece(start, ahead, false), ...piece(ahead, start + size, true)]);
  return drawn === "" ? [] : [drawn];
}

function pointer(column: number, y: number): string[] {
  const middle = CELL.left + (column + 0.5) * CELL.width;
  const style = { size: 11, bold: true, fill: INK.alarm, anchor: "middle" } as const;
  return [group([label(middle, y + 17, "▲ read", style)])];
}

function legend(y: number): string[] {
  let x = 16;
  const out = Object.values(LOOK).flatMap(({ fill, text }) => {
    const item = [rect(x, y, 14, 12, { fill, stroke: "#9AA3AD" }), label(x + 20, y + 11, text, { size: 12 })];
    x += 40 + textWidth(text, 12);
    return item;
  });
  const stroke = { stroke: OKABE_ITO.blue, "stroke-width": 4 };
  const words =
    "readahead's window, dashed where it is ahead of need; R: its mark, which fault-around leaves out";
  return [...out, line(16, y + 27, 44, y + 27, stroke), label(52, y + 31, words, { size: 12 })];
}

function cacheText({ title, pages, marked, window, reading }: CacheData): string {
  const rows: string[] = [];
  for (let first = 0; first < pages.length; first += PER_ROW) {
    const row = pages.slice(first, first + PER_ROW);
    const signs = row.map((page, i) => (marked.includes(first + i) ? "R" : LOOK[page].sign || "."));
    rows.push(
      `  pages ${String(first).padStart(3)}-${String(first + row.length - 1).padEnd(3)} ${signs.join("")}`,
    );
  }
  const asked =
    window === undefined ? [] : [`  window: pages ${window.start} to ${window.start + window.size - 1}`];
  return [title, ...rows, ...asked, ...(reading === undefined ? [] : [`  page ${reading} is read`])].join(
    "\n",
  );
}
