/**
 * Step through a page cache being filled: who asks for which pages, what comes, and what gets into the page
 * table.
 *
 *    mmu:access                            page 20 is read: a fault
 *    readahead:page_cache_ra_order         the window: pages 4 to 35 are asked for
 *    filemap:mm_filemap_add_to_page_cache  the last page of the window: now all have a frame
 *    do_fault()                            the disk has delivered
 *    filemap:mm_filemap_map_pages          fault-around has put its pages into the page table
 *
 * Reads by read(2) go the same way, without the faults. Steps after which nothing is different are left out.
 *
 * Not in Linux. Read first: record.ts, draw_cache.ts, ../mm/filemap/readahead.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { AddressSpace } from "../mm/filemap/mapping.js";
import { PG_readahead, PG_uptodate } from "../mm/pages/folio.js";
import { type CacheData, type CachedPage, type CacheWindow, drawCache } from "./draw_cache.js";
import { pageStates } from "./mm_data.js";
import { type RecordedEvent, record } from "./record.js";
import { type Stepper, stepper } from "./stepper.js";

const EVENTS = [
  ...["mmu:access", "do_fault()", "readahead:page_cache_ra_order"],
  ...["filemap:mm_filemap_add_to_page_cache", "filemap:mm_filemap_map_pages"],
];
/** Most pages of a file that are drawn. */
const MAX_PAGES = 256;

/**
 * The page cache of the file `path` to step through while `act` reads it: `stepCache(machine, "/data/book",
 * () => dora.load(book))`. RangeError for a file that is not there, or has over 256 pages.
 */
export function stepCache(
  machine: Machine,
  path: string,
  act: () => void,
  options: { readonly title?: string } = {},
): Stepper {
  checkArguments(
    "stepCache()",
    { machine: Machine, path: "text", act: "function", options: { title: "text" } },
    [machine, path, act, options],
  );
  const mapping = mappingOf(machine, path);
  const title = options.title ?? `The page cache of ${path}`;
  let window: CacheWindow | undefined;
  let reading: number | undefined;
  const { steps } = record(machine, act, {
    events: EVENTS,
    capture: (event): CacheData => {
      window = windowOf(event) ?? window;
      reading = pageRead(machine, mapping, event) ?? reading;
      return { title, ...pagesOf(mapping), window, reading };
    },
  });
  let last = "";
  const told = steps.filter(({ event, state }) => {
    if (isHalfWindow(event, state)) return false;
    const text = JSON.stringify(state);
    const changed = text !== last;
    last = text;
    return changed;
  });
  const states = told.map(({ state }) => state);
  const labels = told.map(({ event, label, state }) =>
    event !== undefined ? labelOf(event, state) : label === "after" ? deliveredText(state.pages) : label,
  );
  return stepper(states, drawCache, { title, labels });
}

function mappingOf({ kernel }: Machine, path: string): AddressSpace {
  const inode = kernel.files.lookup(path);
  if (inode === undefined) throw new RangeError(`stepCache(): there is no file ${valueText(path)}`);
  const { iSize } = inode;
  if (iSize > MAX_PAGES * PAGE_SIZE)
    throw new RangeError(
      `stepCache() shows at most ${MAX_PAGES} pages; ${path} has ${Math.ceil(iSize / PAGE_SIZE)}`,
    );
  return inode.mapping;
}

function windowOf(event: RecordedEvent | undefined): CacheWindow | undefined {
  if (event?.name !== "readahead:page_cache_ra_order") return undefined;
  const { index, size, async_size: asyncSize } = event.fields;
  return { start: Number(index), size: Number(size), asyncSize: Number(asyncSize) };
}

/** The page of the file that an access reads. */
function pageRead(
  { kernel }: Machine,
  mapping: AddressSpace,
  event: RecordedEvent | undefined,
): number | undefined {
  if (event?.name !== "mmu:access") return undefined;
  const va = Number(event.fields.va);
  const vma = kernel.current?.mm?.mmMt.find(va);
  if (vma?.vmFile?.fMapping !== mapping) return undefined;
  return vma.vmPgoff + Math.floor((va - vma.vmStart) / PAGE_SIZE);
}

/** Where each page is now. */
function pagesOf(mapping: AddressSpace): { pages: CachedPage[]; marked: number[] } {
  const nrPages = Math.ceil(mapping.host.iSize / PAGE_SIZE);
  const marked: number[] = [];
  const pages = Array.from({ length: nrPages }, (_, page): CachedPage => {
    const folio = mapping.pages.get(page);
    if (folio === undefined) return "absent";
    if ((folio.flags & PG_readahead) !== 0) marked.push(page);
    return (folio.flags & PG_uptodate) === 0 ? "coming" : "cached";
  });
  for (const vma of mapping.iMmap)
    for (const [i, state] of pageStates(vma).entries()) {
      const page = vma.vmPgoff + i;
      if (state !== "absent" && pages[page] === "cached") pages[page] = "mapped";
    }
  return { pages, marked };
}

/** Pages come one by one; only when the last of a window is there, all of it is shown. */
function isHalfWindow(event: RecordedEvent | undefined, { window, pages }: CacheData): boolean {
  if (event?.name !== "filemap:mm_filemap_add_to_page_cache") return false;
  const end = Number(event.fields.index) + 2 ** Number(event.fields.order);
  return window === undefined || end < Math.min(window.start + window.size, pages.length);
}

/** The first page that is ahead of need. */
function markOf({ start, size, asyncSize }: CacheWindow): number {
  return start + size - asyncSize;
}

function labelOf({ name, fields }: RecordedEvent, { reading, window, pages }: CacheData): string {
  const last = (start: unknown, size: unknown): number => Number(start) + Number(size) - 1;
  if (name === "mmu:access")
    return fields.source === "fault"
      ? `page ${reading} is read: it is not in the page table, a fault`
      : `page ${reading} is read: it is in the page table, no fault`;
  if (name === "readahead:page_cache_ra_order")
    return `readahead asks for pages ${fields.index} to ${last(fields.index, fields.size)}`;
  if (name === "filemap:mm_filemap_add_to_page_cache")
    return `all have frames now, and the disk is busy; the mark is on page ${markOf(window!)}`;
  if (name === "filemap:mm_filemap_map_pages")
    return `fault-around: what is cached of pages ${fields.index} to ${fields.last_index} goes into the page table`;
  return deliveredText(pages);
}

/** Who reads waits for his own pages; those asked for ahead of need may still be on their way. */
function deliveredText(pages: readonly CachedPage[]): string {
  return pages.includes("coming")
    ? "the disk has delivered what is read; what is ahead of need is on its way"
    : "the disk has delivered";
}
