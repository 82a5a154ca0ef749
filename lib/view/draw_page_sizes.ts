/**
 * Draw what the size of pages is worth: how many accesses miss every TLB, over the working set, with pages of
 * 4 KiB, 2 MiB and 1 GiB.
 *
 *    accesses that walk (%)
 *    100 |        ____________ 4 KiB
 *        |      /                      ____ 2 MiB
 *      0 +-----'----------------------'-------- 1 GiB       working set (bytes, each mark is a doubling)
 *
 * Of one processor, or of several in one picture: then each curve has the processor's name, too.
 *
 * Not in Linux. Read first: ../hw/page_sweep.ts, figure.ts.
 */
import { type PageSweep, type SweepCurve, sweepPages } from "../hw/page_sweep.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { type TlbModelName, tlbModel } from "../hw/tlb_model.js";
import type { LineSeries } from "./figure.js";
import { type Plot, plot } from "./plot.js";
import { formatBytes, formatNumber } from "./scale.js";

/** What to sweep over, and what to say about the picture. */
export interface PageSizesOptions extends Omit<PageSweep, "tlb"> {
  readonly title?: string;
  readonly alt?: string;
  /** Processors; skylake unless given. */
  readonly tlbs?: readonly TlbModelName[];
}

/** Walks below this share are none: the first touch of a page in a long run. */
const NONE = 0.005;

/** Accesses that miss every TLB over the working set, a curve for each size of pages. Not in Linux. */
export function drawPageSizes(options: PageSizesOptions = {}): Plot {
  const texts = { title: "text?", alt: "text?", tlbs: listOf("text", true) } as const;
  checkArguments("drawPageSizes()", { options: shape(texts) }, [options]);
  const { title, alt, tlbs = ["skylake"], ...sweep } = options;
  if (tlbs.length === 0) throw new RangeError("drawPageSizes() needs a processor");
  const series = tlbs.flatMap((tlb) =>
    sweepPages({ ...sweep, tlb }).map((curve) => lineOf(curve, tlbs.length > 1 ? `${tlb}, ` : "")),
  );
  const order = sweep.order ?? "random";
  const how =
    order === "random"
      ? "at random places"
      : `one every ${formatBytes(sweep.strideBytes ?? 4096)}, round and round`;
  const names = tlbs.map((tlb) => tlbModel(tlb).name).join(" and ");
  return plot({
    title: title ?? `Accesses ${how} that miss every TLB of ${names}`,
    alt: alt ?? series.map(lineText).join(" "),
    x: { label: "working set", unit: "bytes", scale: "log2", format: "bytes" },
    y: { label: "accesses that walk the page tables", unit: "%", range: [0, 100] },
    series,
  });
}

function lineOf({ pageBytes, points }: SweepCurve, prefix: string): LineSeries {
  const x = points.map(({ sizeBytes }) => sizeBytes);
  const y = points.map(({ walks }) => 100 * walks);
  return { kind: "line", name: `${prefix}${formatBytes(pageBytes)} pages`, x, y };
}

/** "4 KiB pages: no walks up to 4 MiB, 50 % at 12 MiB, 99 % at 64 GiB." */
function lineText({ name, x, y }: LineSeries): string {
  const last = x.length - 1;
  const first = y.findIndex((percent) => percent! > 100 * NONE);
  if (first < 0) return `${name}: no walks up to ${formatBytes(x[last]!)}.`;
  const end = `${formatNumber(y[last]!, 1)} % at ${formatBytes(x[last]!)}`;
  return first === 0
    ? `${name}: ${formatNumber(y[0]!, 1)} % at ${formatBytes(x[0]!)}, ${end}.`
    : `${name}: no walks up to ${formatBytes(x[first - 1]!)}, ${end}.`;
}
