/**
 * Draw shares: how much of each page a process may count as its own.
 *
 *              page 0        page 1        page 2          Rss      Pss
 *    P         [####  1/2]   [######## 1]  [###   1/3]     12 kB    7.3 kB
 *    C1        [####  1/2]                 [###   1/3]      8 kB    3.3 kB
 *    C2                                    [###   1/3]      4 kB    1.3 kB
 *                                                   sum    24 kB   12.0 kB     3 frames are in use: 12 kB
 *
 * A page that three processes map is counted whole in the Rss of each, and by a third in the Pss of each. So the Pss of
 * all add up to the frames in use, and the Rss do not.
 *
 * Differs from Linux: exact thirds. The kernel counts in 4096ths of a byte and rounds down (fs/proc/task_mmu.c).
 *
 * Read first: draw_owners.ts. Read next: step_shares.ts.
 */

import type { Vaddr } from "../hw/address.js";
import type { Owner } from "./draw_owners.js";
import { Picture } from "./picture.js";
import { fitText, INK, label, OKABE_ITO, rect, textWidth, wrap } from "./svg.js";

/** Who maps what at one moment. */
interface SharesData {
  readonly title: string;
  readonly owners: readonly Owner[];
  /** Addresses of the columns, one page each. */
  readonly columns: readonly Vaddr[];
}

const CELL = { width: 92, height: 32, left: 90 };
const SUM = 84;

/** A picture of what each process may count as its own. */
export function drawShares(data: SharesData): Picture {
  const { title, owners, columns } = data;
  const sums = CELL.left + columns.length * CELL.width + 14;
  const width = Math.max(sums + 2 * SUM + 20, 620);
  const lines = wrap(title, width - 40, 16);
  const body = lines.map((text, i) => label(16, 28 + i * 20, text, { size: 16, bold: true }));
  const top = 40 + lines.length * 20;
  const faint = { size: 12, fill: INK.faint } as const;
  columns.forEach((_, i) => {
    const middle = CELL.left + (i + 0.5) * CELL.width;
    body.push(label(middle, top - 10, `page ${i}`, { ...faint, anchor: "middle" }));
  });
  ["Rss", "Pss"].forEach((name, i) => {
    body.push(label(sums + (i + 1) * SUM, top - 10, name, { ...faint, anchor: "end" }));
  });
  owners.forEach((owner, row) => {
    body.push(...rowMarkup(data, owner, top + row * CELL.height, sums));
  });
  const bottom = top + owners.length * CELL.height + 20;
  const total = totals(data);
  body.push(
    label(sums - 8, bottom, "all together", { size: 13, bold: true, anchor: "end" }),
    label(sums + SUM, bottom, kb(total.rss), { size: 13, bold: true, anchor: "end" }),
    label(sums + 2 * SUM, bottom, kb(total.pss), { size: 13, bold: true, anchor: "end" }),
  );
  const frames = `frames in use: ${total.frames}, that is ${kb(total.frames)}`;
  body.push(label(sums + 2 * SUM, bottom + 24, frames, { size: 13, anchor: "end" }));
  const text = sharesText(data, frames);
  const desc = text.replace(/\n\s*/g, "; ").replace(/ +/g, " ");
  return new Picture({ width, height: bottom + 42, title, desc }, body, text);
}

/** Pages as kilobytes of 1024 bytes, as /proc writes them. */
function kb(pages: number): string {
  const value = pages * 4;
  return `${Number.isInteger(Math.round(value * 1e6) / 1e6) ? Math.round(value) : value.toFixed(1)} kB`;
}

/** How many entries map each frame. */
function sharersByFrame(owners: readonly Owner[]): Map<number, number> {
  const count = new Map<number, number>();
  for (const { pages } of owners) for (const { pfn } of pages) count.set(pfn, (count.get(pfn) ?? 0) + 1);
  return count;
}

function pssOf({ pages }: Owner, count: ReadonlyMap<number, number>): number {
  return pages.reduce((sum, { pfn }) => sum + 1 / count.get(pfn)!, 0);
}

function totals({ owners }: SharesData): { rss: number; pss: number; frames: number } {
  const count = sharersByFrame(owners);
  const rss = owners.reduce((sum, { pages }) => sum + pages.length, 0);
  const pss = owners.reduce((sum, owner) => sum + pssOf(owner, count), 0);
  return { rss, pss, frames: count.size };
}

function rowMarkup({ owners, columns }: SharesData, owner: Owner, y: number, sums: number): string[] {
  const count = sharersByFrame(owners);
  const number = { size: 13, mono: true, anchor: "end" } as const;
  const out = [
    label(CELL.left - 10, y + 21, fitText(owner.name, CELL.left - 20, 13), { bold: true, anchor: "end" }),
    label(sums + SUM, y + 21, owner.pages.length === 0 ? "-" : kb(owner.pages.length), number),
    label(sums + 2 * SUM, y + 21, owner.pages.length === 0 ? "-" : kb(pssOf(owner, count)), number),
  ];
  columns.forEach((va, i) => {
    const page = owner.pages.find((one) => one.va === va);
    out.push(...cellMarkup(CELL.left + i * CELL.width, y, page && count.get(page.pfn)!));
  });
  return out;
}

/** A box, filled to the share that counts: all of it, a half, a third. */
function cellMarkup(x: number, y: number, sharers: number | undefined): string[] {
  const [left, top, width, height] = [x + 3, y + 3, CELL.width - 6, CELL.height - 6];
  if (sharers === undefined)
    return [rect(left, top, width, height, { fill: INK.card, stroke: INK.edge, rx: 3 })];
  const text = sharers === 1 ? "1" : `1/${sharers}`;
  const room = textWidth(text, 12) + 10;
  return [
    rect(left, top, width, height, { fill: INK.fill, stroke: "#9AA3AD", rx: 3 }),
    rect(left, top + height - 8, width / sharers, 8, { fill: OKABE_ITO.blue }),
    label(left + Math.max(width / 2, room / 2), top + 13, text, { size: 12, bold: true, anchor: "middle" }),
  ];
}

function sharesText(data: SharesData, frames: string): string {
  const { title, owners, columns } = data;
  const count = sharersByFrame(owners);
  const rows = owners.map((owner) => [
    owner.name,
    ...columns.map((va) => {
      const page = owner.pages.find((one) => one.va === va);
      return page === undefined ? "-" : `1/${count.get(page.pfn)}`;
    }),
    kb(owner.pages.length),
    kb(pssOf(owner, count)),
  ]);
  const { rss, pss } = totals(data);
  const all = [
    ["", ...columns.map((_, i) => `page ${i}`), "Rss", "Pss"],
    ...rows,
    ["all", ...columns.map(() => ""), kb(rss), kb(pss)],
  ];
  const widths = all[0]!.map((_, c) => Math.max(...all.map((row) => row[c]!.length)));
  const lines = all.map((row) => `  ${row.map((text, c) => text.padEnd(widths[c]!)).join("  ")}`.trimEnd());
  return [title, ...lines, `  ${frames}`].join("\n");
}
