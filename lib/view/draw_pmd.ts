/**
 * Draw a level-2 entry and what is below it: one leaf of 2 MiB, or 512 entries, and which folios their pages
 * belong to.
 *
 *    parent: a leaf             [################################################]     one box: one entry
 *    child: a table             [#][#][ ][#][#][c][#][#][#][#] ... 512 of them          half a box: read-only
 *
 *    # a folio of order 9, frame 0x1200: mapped 512 times: 1 as a whole, 511 pages singly
 *    c 1 folio of one page
 *
 * Each row is a process of the family. A full colour is a large folio, orange are folios of one page, white
 * is nothing, grey is in swap. What may only be read fills the lower half of its box. So the split of the
 * entry (one box becomes 512 lines, the colour stays) and that of the folio (the colour changes, the entries
 * stay) look different.
 *
 * stepPmd(machine, process, va, act) steps through what `act` does to it. Not in Linux.
 * Read first: pmd_data.ts, stepper.ts.
 */
import { hex, PAGE_SIZE, type Pfn, PMD_SIZE, type Vaddr } from "../hw/address.js";
import { checkArguments, listOf, shape } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { Process } from "../kernel/process.js";
import { Picture } from "./picture.js";
import { type PmdData, type PmdFolio, type PmdOwner, type PmdPage, pmdView } from "./pmd_data.js";
import { record } from "./record.js";
import { formatBytes } from "./scale.js";
import { type Stepper, stepper } from "./stepper.js";
import { element, fitText, INK, label, OKABE_ITO, px, rect, wrap } from "./svg.js";

/** What may be said about the picture. */
export interface PmdOptions {
  readonly title?: string;
  readonly alt?: string;
}

/** What may be said about the stepper. */
export interface StepPmdOptions {
  readonly title?: string;
  /** Events after which to look, as in record(). */
  readonly events?: readonly string[];
}

const LEFT = 16;
const CELL = 1.5;
const STRIP = 512 * CELL;
const WIDTH = LEFT * 2 + STRIP;
const TALL = 28;
const LINE = "#9AA3AD";
const SINGLE = OKABE_ITO.orange;
const LARGE = [OKABE_ITO.blue, OKABE_ITO.green, OKABE_ITO.purple, OKABE_ITO.sky, OKABE_ITO.vermilion];
const IN_SWAP = "#C3C9D0";
/** Large folios that have a line of their own below. */
const MOST_LINES = 6;

/**
 * The level-2 entry that covers an address, and the pages and folios below it: see pmdView(). Not in Linux.
 */
export function drawPmd(data: PmdData, options: PmdOptions = {}): Picture {
  const owner = shape({ name: "text", entry: "text", pages: "list" });
  const kinds = shape({ va: "integer", owners: listOf(owner), folios: listOf("object") });
  checkArguments("drawPmd()", { data: kinds, options: { title: "text", alt: "text" } }, [data, options]);
  const { va, owners, folios } = data;
  const title = options.title ?? `The 2 MiB at ${hex(va)}: entries and folios`;
  const lines = wrap(title, WIDTH - 40, 16);
  const body = lines.map((text, i) => label(LEFT, 28 + i * 20, text, { size: 16, bold: true }));
  let y = 34 + lines.length * 20;
  const fill = fillsOf(folios);
  for (const one of owners) {
    body.push(label(LEFT, y, fitText(ownerText(one), STRIP, 13), { size: 13, bold: true }));
    body.push(...stripMarkup(one, fill, y + 8));
    y += TALL + 36;
  }
  body.push(
    label(LEFT, y - 8, "page 0", { size: 11, fill: INK.faint }),
    label(LEFT + STRIP, y - 8, "page 511", { size: 11, fill: INK.faint, anchor: "end" }),
    label(LEFT + STRIP / 2, y - 8, "pages of 4 KiB; the lower half only: may be read, not written", {
      ...{ size: 11, fill: INK.faint, anchor: "middle" as const },
    }),
  );
  y += 16;
  const told = folioLines(folios);
  for (const { text, colour } of told) {
    body.push(rect(LEFT, y, 14, 12, { fill: colour, stroke: LINE }));
    body.push(label(LEFT + 20, y + 11, fitText(text, STRIP - 20, 12), { size: 12 }));
    y += 20;
  }
  const said = [...owners.map(ownerText), ...told.map(({ text }) => text)];
  const text = [title, ...said.map((one) => `  ${one}`)].join("\n");
  return new Picture(
    { width: WIDTH, height: y + 12, title, desc: options.alt ?? said.join("; ") },
    body,
    text,
  );
}

type Fill = (folio: Pfn) => string;

function fillsOf(folios: readonly PmdFolio[]): Fill {
  const large = folios.filter(({ order }) => order > 0);
  const colours = new Map(large.map(({ pfn }, i) => [pfn, LARGE[i % LARGE.length]!]));
  return (folio) => colours.get(folio) ?? SINGLE;
}

function ownerText({ name, entry, pages }: PmdOwner): string {
  const present = pages.filter((page): page is PmdPage => page !== null && page !== "swap");
  const swapped = pages.filter((page) => page === "swap").length;
  const writable = present.filter((page) => page.writable).length;
  const gone = swapped > 0 ? `, ${swapped} in swap` : "";
  if (entry === "empty") return `${name}: the entry is empty${gone}`;
  if (entry === "leaf")
    return `${name}: one entry, a leaf of 2 MiB at frame ${hex(present[0]!.pfn)}, ${writable > 0 ? "writable" : "read-only"}`;
  return `${name}: a table of 512 entries, ${present.length} present, ${writable} of them writable${gone}`;
}

/** One box for a leaf; for a table a box for each run of entries of the same kind, in consecutive frames. */
function stripMarkup({ entry, pages }: PmdOwner, fill: Fill, top: number): string[] {
  const out = [rect(LEFT, top, STRIP, TALL, { fill: INK.card, stroke: LINE })];
  const kind = (page: PmdPage | "swap" | null): string =>
    page === null || page === "swap" ? String(page) : `${fill(page.folio)} ${page.writable}`;
  let borders = "";
  for (let from = 0; from < pages.length; ) {
    let to = from + 1;
    while (to < pages.length && kind(pages[to]!) === kind(pages[from]!)) to++;
    const page = pages[from]!;
    const [x, across] = [LEFT + from * CELL, (to - from) * CELL];
    if (page === "swap") out.push(rect(x, top, across, TALL, { fill: IN_SWAP }));
    else if (page !== null) {
      const high = page.writable ? TALL : TALL / 2;
      out.push(rect(x, top + TALL - high, across, high, { fill: fill(page.folio) }));
      // A table has lines between its entries: every eighth, so that the colour stays to be seen.
      if (entry === "table")
        for (let i = from + 1; i < to; i++)
          if (i % 8 === 0) borders += `M${px(LEFT + i * CELL)} ${px(top + TALL - high)}v${high}`;
    }
    from = to;
  }
  if (borders !== "")
    out.push(element("path", { d: borders, stroke: INK.card, "stroke-width": 0.75, fill: "none" }));
  if (entry === "leaf")
    out.push(rect(LEFT, top, STRIP, TALL, { fill: "none", stroke: INK.text, "stroke-width": 2.5 }));
  return out;
}

function folioLines(folios: readonly PmdFolio[]): { text: string; colour: string }[] {
  const large = folios.filter(({ order }) => order > 0);
  const fill = fillsOf(folios);
  const lines = large
    .slice(0, MOST_LINES)
    .map((folio) => ({ text: folioText(folio), colour: fill(folio.pfn) }));
  if (large.length > MOST_LINES)
    lines.push({ text: `${large.length - MOST_LINES} more large folios`, colour: IN_SWAP });
  const single = folios.filter(({ order }) => order === 0);
  if (single.length > 0) {
    const shared = single.filter(({ mapcount }) => mapcount > 1).length;
    const text = `${single.length} ${single.length === 1 ? "folio" : "folios"} of one page, ${shared} of them mapped more than once`;
    lines.push({ text, colour: SINGLE });
  }
  return lines;
}

function folioText({ pfn, order, refcount, mapcount, entireMapcount, pagesMapped }: PmdFolio): string {
  const size = formatBytes(2 ** order * PAGE_SIZE);
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
  const singly = `${counted(pagesMapped, "page")} singly`;
  const mapped = `mapped ${counted(mapcount, "time")}: ${entireMapcount} as a whole, ${singly}`;
  return `folio of order ${order} (${size}), frame ${hex(pfn)}: ${counted(refcount, "reference")}; ${mapped}`;
}

/**
 * Where an entry or a folio may have become another: a fault begins (a call was before it), or has been
 * served.
 */
const EVENTS = [
  "exceptions:*",
  "handle_mm_fault()",
  "pagewalk:copy_present_ptes",
  "pagewalk:zap_present_ptes",
];

/**
 * The level-2 entry that covers `va` to step through while `act` faults, forks, writes and unmaps: a step for
 * each event that changed it, and one at the end. At most 200 steps. Not in Linux.
 */
export function stepPmd(
  machine: Machine,
  process: Process,
  va: Vaddr,
  act: () => void,
  options: StepPmdOptions = {},
): Stepper {
  checkArguments(
    "stepPmd()",
    {
      ...{ machine: Machine, process: Process, va: "integer", act: "function" },
      options: { title: "text", events: listOf("text") },
    },
    [machine, process, va, act, options],
  );
  const { events = EVENTS, title = `The 2 MiB at ${hex(va - (va % PMD_SIZE))}, step by step` } = options;
  const recorded = record(machine, act, { events, onlyChanges: true, capture: () => pmdView(process, va) });
  const steps = recorded.steps.filter(
    ({ state }, i) => i === 0 || JSON.stringify(state) !== JSON.stringify(recorded.steps[i - 1]!.state),
  );
  const labels = steps.map(({ state }, i) => (i === 0 ? "before" : changeText(steps[i - 1]!.state, state)));
  return stepper(
    steps.map(({ state }) => state),
    (data: PmdData) => drawPmd(data, { title }),
    { title, labels, marks: false },
  );
}

/** What is different now, the entries first. */
function changeText(before: PmdData, now: PmdData): string {
  const told: string[] = [];
  for (const owner of now.owners) {
    const old = before.owners.find(({ name }) => name === owner.name);
    if (old === undefined || ownerText(old) !== ownerText(owner)) told.push(ownerText(owner));
  }
  for (const { name } of before.owners)
    if (!now.owners.some((owner) => owner.name === name)) told.push(`${name} is gone`);
  const large = (data: PmdData): number => data.folios.filter(({ order }) => order > 0).length;
  if (large(now) < large(before) && now.folios.length > before.folios.length)
    told.push("the folio is split into folios of one page");
  return told.length > 0 ? told.join("; ") : (folioLines(now.folios)[0]?.text ?? "nothing is mapped");
}
