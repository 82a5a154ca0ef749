/**
 * Draw accesses: which addresses a program uses when, as a heat map.
 *
 *    address
 *      ^   ....####....        a colour for each piece of the address space and each piece of time:
 *      |   ##..........##      how many accesses fall into it
 *      |   ############
 *      +------------------> time
 *
 * What is bright all the time is the working set; what is bright once is a scan, which reclaim should not
 * keep.
 *
 * Not in Linux: damo report heatmap draws the same from DAMON's samples. Read first: quick_plot.ts.
 */
import { hex, PAGE_SIZE } from "../hw/address.js";
import { checkArguments, listOf } from "../hw/signature.js";
import type { PressureOptions } from "./draw_pressure.js";
import { type Plot, plot } from "./plot.js";

const COLUMNS = 60;
const MOST_ROWS = 40;

/**
 * A heat map of accesses: `addresses` in the order in which they were used. Time is counted in accesses. Gaps
 * in the address space are drawn as they are, so the accesses should be to one area or to neighbours.
 * Not in Linux.
 */
export function drawAccesses(addresses: ArrayLike<number>, options: PressureOptions = {}): Plot {
  checkArguments(
    "drawAccesses()",
    { addresses: listOf("integer"), options: { title: "text", alt: "text" } },
    [addresses, options],
  );
  if (addresses.length === 0) throw new RangeError("drawAccesses() needs at least one access");
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < addresses.length; i++) {
    const page = Math.floor(addresses[i]! / PAGE_SIZE);
    low = Math.min(low, page);
    high = Math.max(high, page);
  }
  const perRow = Math.max(1, Math.ceil((high - low + 1) / MOST_ROWS));
  const perColumn = Math.max(1, Math.ceil(addresses.length / COLUMNS));
  const rows = Math.ceil((high - low + 1) / perRow);
  const columns = Math.ceil(addresses.length / perColumn);
  const z = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  for (let i = 0; i < addresses.length; i++) {
    const row = Math.floor((Math.floor(addresses[i]! / PAGE_SIZE) - low) / perRow);
    z[row]![Math.floor(i / perColumn)]!++;
  }
  const most = Math.max(...z.flat());
  const alt = `${addresses.length} accesses to ${high - low + 1} pages from ${hex(low * PAGE_SIZE)} on; at most ${most} in one cell.`;
  return plot({
    title: options.title ?? "Which addresses are used when",
    alt: options.alt ?? alt,
    x: { label: "accesses so far", unit: "" },
    y: { label: "address", unit: "", format: "hex" },
    series: [
      {
        kind: "heat",
        name: "number of accesses",
        x: Array.from({ length: columns }, (_, i) => i * perColumn),
        y: Array.from({ length: rows }, (_, i) => hex((low + i * perRow) * PAGE_SIZE)),
        z,
      },
    ],
  });
}
