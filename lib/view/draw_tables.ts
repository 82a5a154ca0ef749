/**
 * Draw tables: the tree of page tables, with the entries that are in use and the pages they lead to.
 *
 *    level 4          level 3          level 2          level 1          pages
 *    [frame 0x1 ]     [frame 0x3 ]     [frame 0x4 ]     [frame 0x5 ]
 *    [entry   0 ]---->[entry   0 ]---->[entry   2 ]---->[entry   0 ]---->[0x400000 in frame 0x2]
 *    [entry 255 ]--+                                    [entry   1 ]---->[0x401000 in frame 0x6]
 *                  |  [frame 0x8 ]
 *                  +->[entry 511 ]----> ...
 *
 * Entries that are empty are not drawn: 509 of 512 would be. A walk (draw_walk.ts) is one path through this tree.
 *
 * Not in Linux: /sys/kernel/debug/page_tables shows the mappings, not the tables.
 *
 * Read first: ../hw/page_table.ts, draw_walk.ts. Read next: step_tables.ts.
 */

import type { Pfn, Vaddr } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { checkArguments, listOf, required, shape } from "../hw/signature.js";
import { LEVEL_COLOURS, tableName } from "./draw_address.js";
import { Picture, requireText } from "./picture.js";
import { formatBytes } from "./scale.js";
import { arrow, fitText, INK, label, rect, wrap } from "./svg.js";

const NODE = shape({ pfn: "count", level: "level", entries: listOf(shape({ index: "count" })) });

/** An entry in use: it names a table, or it maps a page. */
export interface TableNodeEntry {
  readonly index: number;
  readonly table?: TableNode;
  readonly page?: MappedPage;
}

/** What a leaf entry maps. */
export interface MappedPage {
  readonly va: Vaddr;
  readonly pfn: Pfn;
  readonly sizeBytes: number;
}

/** One page table with its entries in use, lowest index first. */
export interface TableNode {
  readonly pfn: Pfn;
  /** 1 is the table whose entries map 4 KiB pages. */
  readonly level: number;
  readonly entries: readonly TableNodeEntry[];
}

export interface TablesData {
  readonly title: string;
  readonly root: TableNode;
  readonly alt?: string;
}

const BOX = 112;
const COLUMN = 148;
const HEAD = 24;
const ROW = 24;
const GAP = 14;
const PAGE_BOX = 190;
/** Most entries in use in one picture, of all tables together. */
const MAX_ENTRIES = 100;

/** A picture of a tree of page tables: `drawTables({ title, root: tablesOf(table) })`. */
export function drawTables(data: TablesData): Picture {
  checkArguments("drawTables()", { data: required({ title: "any", root: NODE, alt: "text" }) }, [data]);
  const title = requireText(data.title, "drawTables' title", "what the picture shows");
  const { root } = data;
  const counts = countTree(root);
  if (counts.entries > MAX_ENTRIES)
    throw new RangeError(`drawTables() shows at most ${MAX_ENTRIES} entries in use; got ${counts.entries}`);
  const levels = root.level as 2 | 4 | 5;
  const width = 16 + levels * COLUMN + PAGE_BOX + 16;
  const lines = wrap(title, width - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const total = totalText(counts);
  body.push(label(16, 30 + lines.length * 20, total, { size: 13 }));
  const top = 68 + lines.length * 20;
  for (let level = levels as number; level >= 0; level--) {
    const middle = 16 + (levels - level) * COLUMN + (level === 0 ? PAGE_BOX : BOX) / 2;
    const name = level === 0 ? "pages" : `level ${level}: ${tableName(level, levels)}`;
    body.push(label(middle, top - 12, name, { size: 12, anchor: "middle", fill: INK.faint }));
  }
  body.push(...tableMarkup(root, top, levels));
  const height = top + Math.max(heightOf(root), HEAD + ROW) + 18;
  const text = [title, ...treeLines(root, "  "), `  ${total}`].join("\n");
  const desc = data.alt ?? text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width, height, title, desc }, body, text);
}

/** What is in a tree. */
interface Counts {
  readonly tables: number;
  readonly entries: number;
  readonly pageBytes: number;
}

function countTree(node: TableNode): Counts {
  const own = { tables: 1, entries: node.entries.length, pageBytes: 0 };
  return node.entries.reduce((sum, { table, page }) => {
    const below = table === undefined ? { tables: 0, entries: 0, pageBytes: 0 } : countTree(table);
    return {
      tables: sum.tables + below.tables,
      entries: sum.entries + below.entries,
      pageBytes: sum.pageBytes + below.pageBytes + (page?.sizeBytes ?? 0),
    };
  }, own);
}

function totalText({ tables, pageBytes }: Counts): string {
  const frames = tables === 1 ? "1 frame" : `${tables} frames`;
  return `${frames} for tables (${formatBytes(tables * 4096)}), ${formatBytes(pageBytes)} of pages`;
}

function ownHeight(node: TableNode): number {
  return HEAD + node.entries.length * ROW;
}

/** Height of a table and all that lies at the right of it. */
function heightOf(node: TableNode): number {
  const below = node.entries.flatMap(({ table }) => (table === undefined ? [] : [heightOf(table)]));
  const sum = below.reduce((total, height) => total + height + GAP, -GAP);
  return Math.max(ownHeight(node), sum);
}

function tableMarkup(node: TableNode, y: number, levels: number): string[] {
  const x = 16 + (levels - node.level) * COLUMN;
  const out = [
    rect(x, y, BOX, ownHeight(node), { fill: INK.card, stroke: "#9AA3AD", rx: 3 }),
    label(x + BOX / 2, y + 16, `frame ${hex(node.pfn)}`, { size: 12, bold: true, anchor: "middle" }),
  ];
  let childY = y;
  node.entries.forEach((entry, i) => {
    const rowY = y + HEAD + i * ROW;
    out.push(
      rect(x, rowY, BOX, ROW, { fill: LEVEL_COLOURS[node.level], stroke: "#9AA3AD" }),
      label(x + BOX / 2, rowY + 16, `entry ${entry.index}`, { size: 12, anchor: "middle" }),
    );
    if (entry.page !== undefined) out.push(...pageMarkup(entry.page, x, rowY, levels));
    if (entry.table === undefined) return;
    out.push(link(x + BOX, rowY + ROW / 2, x + COLUMN, childY + HEAD / 2, i));
    out.push(...tableMarkup(entry.table, childY, levels));
    childY += heightOf(entry.table) + GAP;
  });
  return out;
}

/** The arrow from an entry to the table that it names; neighbours bend at different places. */
function link(fromX: number, fromY: number, toX: number, toY: number, nth: number): string {
  const bend = fromX + 8 + (nth % 3) * 6;
  return arrow([
    [fromX, fromY],
    [bend, fromY],
    [bend, toY],
    [toX, toY],
  ]);
}

function pageMarkup(page: MappedPage, tableX: number, y: number, levels: number): string[] {
  const x = 16 + levels * COLUMN;
  const text = fitText(`${hex(page.va)} in frame ${hex(page.pfn)}`, PAGE_BOX - 6, 11, true);
  return [
    arrow([
      [tableX + BOX, y + ROW / 2],
      [x, y + ROW / 2],
    ]),
    rect(x, y + 2, PAGE_BOX, ROW - 4, { fill: LEVEL_COLOURS[0], stroke: "#9AA3AD", rx: 2 }),
    label(x + PAGE_BOX / 2, y + 16, text, { size: 11, mono: true, anchor: "middle" }),
  ];
}

function treeLines(node: TableNode, indent: string): string[] {
  const head = `${indent}level ${node.level}, table in frame ${hex(node.pfn)}${node.entries.length === 0 ? ": empty" : ""}`;
  const below = node.entries.flatMap(({ index, table, page }) => {
    const to = page === undefined ? "" : ` maps ${hex(page.va)} to frame ${hex(page.pfn)}`;
    return [
      `${indent}  entry ${index}${to}`,
      ...(table === undefined ? [] : treeLines(table, `${indent}    `)),
    ];
  });
  return [head, ...below];
}
