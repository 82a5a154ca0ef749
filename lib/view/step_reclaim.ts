/**
 * Step through reclaim: what kswapd, or a program that has to reclaim by itself, does with each page of a few
 * small files, batch by batch.
 *
 *    vmscan:mm_vmscan_wakeup_kswapd        an allocation has found the zone below low
 *    vmscan:mm_vmscan_lru_shrink_inactive  the tail of the inactive list: freed, kept, made active
 *    vmscan:mm_vmscan_lru_shrink_active    the tail of the active list: made inactive
 *    vmscan:mm_vmscan_direct_reclaim_end   a program had to do it
 *    back above high                       kswapd sleeps
 *
 * What the scan did with a page follows from where it was a step before and where it is now. Between two
 * wake-ups the program goes on, so the first step of each shows what it did meanwhile.
 *
 * Left out: lists of anonymous memory, which are only counted; passes that look at no page, because the list
 * shifted by the priority is 0.
 *
 * Not in Linux. Read first: record.ts, draw_reclaim.ts, ../mm/lru/kswapd.ts.
 */
import { valueText } from "../hw/options.js";
import { checkArguments, listOf } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { AddressSpace } from "../mm/filemap/mapping.js";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_FILE } from "../mm/lru/lruvec.js";
import { type Folio, folioNrPages, PG_dirty, PG_referenced, PG_writeback } from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { ptePfn, ptePresent, pteYoung } from "../mm/pgtable/pgtable.js";
import type { MemorySystem } from "../mm/system.js";
import { NR_ACTIVE_ANON, NR_INACTIVE_ANON } from "../mm/vmstat.js";
import { drawReclaim, type ReclaimData, type ReclaimPage, rowsOf, type ScanVerdict } from "./draw_reclaim.js";
import { type RecordedEvent, type RecordedStep, record } from "./record.js";
import { type Stepper, stepper } from "./stepper.js";

const EVENTS = [
  ...["vmscan:mm_vmscan_wakeup_kswapd", "vmscan:mm_vmscan_kswapd_wake"],
  ...["vmscan:mm_vmscan_lru_shrink_inactive", "vmscan:mm_vmscan_lru_shrink_active"],
  ...["vmscan:mm_vmscan_direct_reclaim_begin", "vmscan:mm_vmscan_direct_reclaim_end"],
];
/** Most pages on the lists that are drawn, and most steps that anybody would walk. */
const MOST_PAGES = 200;
const MOST_STEPS = 60;

type List = "inactive" | "active" | "coming";

/** A page and where it is. */
interface Place extends ReclaimPage {
  readonly list: List;
  readonly nrPages: number;
}

/** One look at the machine, before it is compared with the one before. */
interface Look extends Omit<ReclaimData, "title" | "inactive" | "active" | "coming" | "freed"> {
  /** The pages of all files, each list from its tail on. */
  readonly pages: readonly Place[];
}

/**
 * What reclaim does with the pages of `files` while `act` runs, to step through: `stepReclaim(machine,
 * ["/data/hot", "/data/once"], () => grow())`. The first file's pages are A0, A1, ..., the second's B0 on.
 * RangeError for a file that is not there, for over 200 pages, and where generations are on. Not in Linux.
 */
export function stepReclaim(
  machine: Machine,
  files: readonly string[],
  act: () => void,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments(
    "stepReclaim()",
    { machine: Machine, files: listOf("text"), act: "function", options: { title: "text" } },
    [machine, files, act, options],
  );
  const { sys } = machine.kernel;
  if (sys.lruGen.enabled)
    throw new RangeError("stepReclaim() shows two lists; this machine keeps its pages in generations");
  const mappings = files.map((path) => mappingOf(machine, path));
  const { steps } = record(machine, act, { events: EVENTS, capture: () => lookAt(sys, mappings) });
  const title = options.title ?? "What reclaim does with each page";
  const told = steps.filter(({ event }, i) => !isSilent(event, steps[i - 1]));
  if (told.length > MOST_STEPS)
    throw new RangeError(`stepReclaim() shows at most ${MOST_STEPS} steps; got ${told.length}: do less`);
  const states = told.map(({ state, event }, i) => dataOf(title, state, told[i - 1]?.state, event));
  const rows = rowsOf(states);
  const labels = told.map((step, i) => labelOf(step, states[i]!));
  return stepper(states, (data) => drawReclaim(data, rows), { title, labels, marks: false });
}

function mappingOf({ kernel }: Machine, path: string): AddressSpace {
  const inode = kernel.files.lookup(path);
  if (inode === undefined) throw new RangeError(`stepReclaim(): there is no file ${valueText(path)}`);
  return inode.mapping;
}

/** kswapd begins right after it was woken: one step says both. */
function isSilent(event: RecordedEvent | undefined, before: RecordedStep<Look> | undefined): boolean {
  return (
    event?.name === "vmscan:mm_vmscan_kswapd_wake" && before?.event?.name.endsWith("wakeup_kswapd") === true
  );
}

// ---------------------------------------------------------------- looking

function lookAt(sys: MemorySystem, mappings: readonly AddressSpace[]): Look {
  const zone = sys.zones.reduce((a, b) => (b.managedPages > a.managedPages ? b : a));
  const { min, low, high } = zone.watermark;
  const { nodeStat } = sys.vmStat;
  const works = sys.pgdat.kswapdRun.phase === "balance";
  return {
    ...{ free: zone.nrFreePages, min, low, high, kswapd: works ? "works" : "sleeps" },
    anonymous: nodeStat[NR_ACTIVE_ANON]! + nodeStat[NR_INACTIVE_ANON]!,
    pages: placesOf(sys, mappings),
  };
}

function placesOf(sys: MemorySystem, mappings: readonly AddressSpace[]): Place[] {
  const used = new Set<number>();
  for (const mapping of mappings) addUsed(mapping, used);
  const places: Place[] = [];
  const seen = new Set<Folio>();
  const add = (folio: Folio, list: List): void => {
    const file = mappings.indexOf(folio.mapping as AddressSpace);
    if (file < 0 || seen.has(folio)) return;
    seen.add(folio);
    const name = `${letterOf(file)}${folio.index}`;
    places.push({ name, signs: signsOf(folio, used), list, nrPages: folioNrPages(folio) });
  };
  const lists = [
    [LRU_INACTIVE_FILE, "inactive"],
    [LRU_ACTIVE_FILE, "active"],
  ] as const;
  for (const [lru, list] of lists)
    for (let folio = sys.lruvec.tail[lru]; folio !== undefined; folio = folio.prev) add(folio, list);
  for (const mapping of mappings) {
    const nrPages = Math.ceil(mapping.host.iSize / 4096);
    for (let page = 0; page < nrPages; page++) {
      const folio = mapping.pages.get(page);
      if (folio !== undefined) add(folio, "coming");
    }
  }
  if (places.length > MOST_PAGES)
    throw new RangeError(`stepReclaim() shows at most ${MOST_PAGES} pages; the files have ${places.length}`);
  return places;
}

function letterOf(file: number): string {
  return String.fromCharCode(65 + file);
}

/** Frames of the file that a page table has marked as used. */
function addUsed(mapping: AddressSpace, used: Set<number>): void {
  for (const vma of mapping.iMmap)
    walkPageRange(vma.vmMm, vma.vmStart, vma.vmEnd, {
      pteEntry(pte) {
        if (ptePresent(pte) && pteYoung(pte)) used.add(ptePfn(pte));
      },
    });
}

function signsOf({ pfn, flags, order }: Folio, used: ReadonlySet<number>): string {
  const sign = (bit: number, letter: string): string => ((flags & bit) !== 0 ? letter : "");
  const large = order > 0 ? `×${2 ** order}` : "";
  const young = used.has(pfn) ? "U" : "";
  return large + young + sign(PG_referenced, "R") + sign(PG_dirty, "D") + sign(PG_writeback, "W");
}

// ---------------------------------------------------------------- telling

function dataOf(
  title: string,
  look: Look,
  before: Look | undefined,
  event: RecordedEvent | undefined,
): ReclaimData {
  const { pages, ...rest } = look;
  const was = new Map((before?.pages ?? []).map((page) => [page.name, page]));
  const kept = keptPages(look, before, event);
  const on = (wanted: List): ReclaimPage[] =>
    pages
      .filter(({ list }) => list === wanted)
      .map(({ name, signs, list }) => {
        const verdict = verdictOf(was.get(name)?.list, list, kept.has(name));
        return { name, signs, ...(verdict !== undefined && { verdict }) };
      });
  const here = new Set(pages.map(({ name }) => name));
  const freed = (before?.pages ?? [])
    .filter(({ name }) => !here.has(name))
    .map(({ name, signs }) => ({ name, signs }));
  return {
    ...{ title, ...rest, freed },
    ...{ inactive: on("inactive"), active: on("active"), coming: on("coming") },
  };
}

function verdictOf(was: List | undefined, is: List, kept: boolean): ScanVerdict | undefined {
  if (was === "inactive" && is === "active") return "activated";
  if (was === "active" && is === "inactive") return "deactivated";
  return kept ? "kept" : undefined;
}

/**
 * Pages that a batch took from the inactive list and put back at its head: among those that were scanned, and
 * still on the list.
 */
function keptPages(look: Look, before: Look | undefined, event: RecordedEvent | undefined): Set<string> {
  if (event?.name !== "vmscan:mm_vmscan_lru_shrink_inactive") return new Set();
  let left = Number(event.fields.nr_scanned);
  const scanned = new Set<string>();
  for (const { name, list, nrPages } of before?.pages ?? []) {
    if (list !== "inactive" || left <= 0) continue;
    scanned.add(name);
    left -= nrPages;
  }
  const still = look.pages.filter(({ name, list }) => list === "inactive" && scanned.has(name));
  return new Set(still.map(({ name }) => name));
}

function labelOf({ event, label }: RecordedStep<Look>, data: ReclaimData): string {
  if (event === undefined) return label === "before" ? "before" : "afterwards the program has gone on";
  const { name, fields } = event;
  const free = `${data.free} pages are free`;
  if (name.endsWith("wakeup_kswapd")) return `${free}, below low: kswapd is woken`;
  if (name.endsWith("kswapd_wake")) return `${free}, not above high: kswapd goes on`;
  if (name.endsWith("reclaim_begin")) return `${free}, below min: the program must free pages itself`;
  if (name.endsWith("reclaim_end")) return `the program has freed ${fields.nr_reclaimed} pages and goes on`;
  if (name.endsWith("shrink_active"))
    return `active list: ${fields.nr_taken} looked at, ${fields.nr_deactivated} made inactive`;
  const activated = Number(fields.nr_activate_file);
  const rest = Number(fields.nr_scanned) - Number(fields.nr_reclaimed) - activated;
  return (
    `priority ${fields.priority}: ${fields.nr_scanned} looked at, ${fields.nr_reclaimed} freed, ` +
    `${rest} kept, ${activated} made active`
  );
}
