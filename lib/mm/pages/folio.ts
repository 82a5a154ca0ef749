/**
 * Page structs and folios: what the kernel knows about each frame of RAM.
 *
 *   memMap[pfn]   Page  Page  Page  Page  Page  Page  Page  Page        one for each frame, made when first needed
 *                 order0      \____________________________/
 *                             a folio of order 2 ... : head + tails; tails say only who their head is,
 *                             how often they are mapped by themselves, and whether they are exclusive
 *
 * A folio is a block of 2^order frames handled as one: cached, dirtied, locked and freed together. Its fields
 * are those of its first page (the head), so here a Folio is a Page that is its own head. A single page is a
 * folio of order 0.
 *
 * Two counts must never be confused:
 *   refcount   who holds the folio in any way: each mapping entry, the page cache (one for each page), LRU batches, I/O.
 *              At 0 the frames go back to the buddy allocator.
 *   mapcount   how many page-table entries map this page. Shown in /proc/kpagecount; decides Pss, shared or private.
 *              Entries for a large folio as a whole (level 2) are counted in entireMapcount.
 *
 * Differs from Linux: counts start at 0 where Linux stores mapcount - 1; a Page object has every field, Linux
 * squeezes them into 64 bytes by overlaying.
 *
 * Read next: page_alloc.ts (where folios come from), free_pages.ts (where they go), mm/fault/rmap.ts (who
 * maps them), mm/lru/swap.ts (LRU).
 */
import type { Pfn } from "../../hw/address.js";
import type { AddressSpace } from "../filemap/mapping.js";
import type { Memcg } from "../lru/lruvec.js";
import type { AnonVma } from "../mm_types.js";
import type { MemorySystem } from "../system.js";

/**
 * Someone works on the folio's contents. Linux include/linux/page-flags.h:PG_locked; so are all PG_ names
 * below.
 */
export const PG_locked = 1 << 0;
/** A writer is sending it to disk. */
export const PG_writeback = 1 << 1;
/** Seen used once. */
export const PG_referenced = 1 << 2;
/** Its bytes are valid. */
export const PG_uptodate = 1 << 3;
/** Differs from what is on disk. */
export const PG_dirty = 1 << 4;
/** On an LRU list. */
export const PG_lru = 1 << 5;
/** It is the first page of a folio of order > 0. */
export const PG_head = 1 << 6;
/** On the active list. */
export const PG_active = 1 << 8;
/** Was part of the working set when it was evicted. */
export const PG_workingset = 1 << 9;
/** Not for user mappings: reserved by the kernel. */
export const PG_reserved = 1 << 12;
/** The file system keeps something in `private`. */
export const PG_private = 1 << 13;
/** To be reclaimed as soon as writeback ends; in a clean cache page: start the next readahead here. */
export const PG_reclaim = 1 << 16;
/** The same bit read the other way. Linux PG_readahead = PG_reclaim */
export const PG_readahead = PG_reclaim;
/** Its backing is swap (anonymous or shmem memory). */
export const PG_swapbacked = 1 << 17;
/** Never to be reclaimed. */
export const PG_unevictable = 1 << 18;
/** Locked by mlock. */
export const PG_mlocked = 1 << 19;
/** In the swap cache. */
export const PG_swapcache = 1 << 20;
/** Some page of the large folio may be mapped no more. */
export const PG_partially_mapped = 1 << 21;

/** What a frame is used for when it is no folio. Linux include/linux/page-flags.h:enum pagetype */
export const PGTY_none = 0;
/** Free, in the buddy allocator, first frame of its block. */
export const PGTY_buddy = 1;
/** A page table. */
export const PGTY_table = 2;
/** Kernel data. */
export const PGTY_slab = 3;
/** Compressed pages (mm/swap/zsmalloc.ts). */
export const PGTY_zsmalloc = 4;

/** What only a folio of several pages has; Linux keeps it in the structs of its tails. Linux struct folio */
export class LargeFolio {
  /** Two address spaces that map it (0: none), and how many entries of each do. Linux _mm_id */
  readonly mmIds: [number, number] = [0, 0];
  readonly mmIdMapcounts: [number, number] = [0, 0];
  /** More than one address space may map it. Linux FOLIO_MM_IDS_SHARED_BIT */
  maybeMappedShared = false;
  /** It waits to be split (mm/huge/deferred_queue.ts). Linux: _deferred_list is not empty */
  onDeferredList = false;
}
/** A page of a pool of huge pages (mm/hugetlb/pool.ts), in use or not. */
export const PGTY_hugetlb = 5;

/** One frame of RAM. Linux include/linux/mm_types.h:struct page and struct folio */
export class Page {
  /** Frame number. */
  readonly pfn: Pfn;
  /** PG_* bits; valid in the head only. */
  flags = 0;
  /**
   * Holders of the folio; 0 = free. Valid in the head only.
   * Invariant: at least the entries that map it, as each of them is a holder.
   */
  refcount = 0;
  /** Entries that map this very page. Linux _mapcount + 1 */
  mapcount = 0;
  /** The first page of the folio; itself for a head. Linux compound_head */
  head: Page = this;
  /** log2 of the pages in the folio. Linux folio_order() */
  order = 0;
  /**
   * The page is mapped by one mm only and nobody else may see its bytes. Linux PG_anon_exclusive
   * Invariant: then mapcount <= 1; and where an entry lets anonymous memory be written, this is true.
   */
  anonExclusive = false;
  /** Level-2 entries that map the whole folio. Linux _entire_mapcount + 1 */
  entireMapcount = 0;
  /** All entries that map any part of it. Linux folio_large_mapcount(), folio_mapcount() */
  largeMapcount = 0;
  /** How many of its pages are mapped by entries of their own. Linux _nr_pages_mapped */
  nrPagesMapped = 0;
  /** The rest of what a large folio has, from when it is first mapped or queued. */
  large: LargeFolio | undefined = undefined;
  /**
   * The cache that holds it, or the reverse map of anonymous memory. Linux mapping
   * Invariant: a folio that mapping.pages holds at some index has that mapping, and covers that index.
   */
  mapping: AddressSpace | AnonVma | undefined = undefined;
  /**
   * Page number in the mapping. Linux index
   * Invariant: a page mapped at an address of a VMA has the index vmPgoff + its distance from vmStart in
   * pages.
   */
  index = 0;
  /** Neighbours on the list it is on (LRU or free list). Linux lru */
  prev: Page | undefined = undefined;
  next: Page | undefined = undefined;
  /**
   * Index of the LRU list it is on, -1 on none. Not in Linux: told by flags there
   * Invariant: a folio on a list has refcount > 0.
   */
  lruList = -1;
  /**
   * Its generation modulo 4, -1 on none (mm/lru/gen/lru_gen.ts). Linux LRU_GEN_MASK in flags
   * Invariant: it has one as long as it stands on a list of generations, though not always that one's.
   */
  lruGen = -1;
  /** Uses through descriptors after PG_referenced, 0 to 3. Linux LRU_REFS_MASK in flags */
  lruRefs = 0;
  /**
   * Locked VMAs that map it, as far as they were counted; valid on the unevictable list only. Linux
   * mlock_count
   */
  mlockCount = 0;
  /** The group that pays for it; undefined: none, or the root. Linux memcg_data */
  memcg: Memcg | undefined = undefined;
  /** PGTY_*: what a frame that is no folio is used for. Linux page_type */
  pageType = PGTY_none;
  /** Swap entry, file system data, or the order of a free block. Linux private */
  private = 0;

  constructor(pfn: Pfn) {
    this.pfn = pfn;
  }
}

/** A Page that is its own head. Linux include/linux/mm_types.h:struct folio */
export type Folio = Page;

/** The folio `page` belongs to. Linux page_folio() */
export function pageFolio(page: Page): Folio {
  return page.head;
}

/**
 * Takes one more hold of the folio; folioPut() lets go of it (free_pages.ts).
 * Linux include/linux/mm.h:folio_get()
 */
export function folioGet(folio: Folio): void {
  folio.refcount++;
}

/** Takes `nr` more holds, one for each entry or cache slot. Linux include/linux/page_ref.h:folio_ref_add() */
export function folioRefAdd(folio: Folio, nr: number): void {
  folio.refcount += nr;
}

/** Whether an entry of level 2 can map it as a whole. Linux folio_test_pmd_mappable() */
export function folioTestPmdMappable(folio: Folio): boolean {
  return folio.order >= 9;
}

/** Number of pages in the folio. Linux folio_nr_pages() */
export function folioNrPages(folio: Folio): number {
  return 1 << folio.order;
}

/** Whether it has more than one page. Linux folio_test_large() */
export function folioTestLarge(folio: Folio): boolean {
  return folio.order > 0;
}

/** Page `n` of the folio. Linux folio_page() */
export function folioPage(sys: MemorySystem, folio: Folio, n: number): Page {
  return n === 0 ? folio : pfnToPage(sys, folio.pfn + n);
}

/** Index in the cache of the first page after the folio. Linux folio_next_index() */
export function folioNextIndex(folio: Folio): number {
  return folio.index + (1 << folio.order);
}

/** Whether it is a page of a pool of huge pages. Linux folio_test_hugetlb() */
export function folioTestHugetlb(folio: Folio): boolean {
  return folio.pageType === PGTY_hugetlb;
}

/** Whether it is anonymous memory. Linux folio_test_anon() */
export function folioTestAnon(folio: Folio): boolean {
  return folio.mapping?.isAnon === true;
}

/** Whether any entry maps any part of it. Linux folio_mapped() */
export function folioMapped(folio: Folio): boolean {
  return folioMapcount(folio) > 0;
}

/** How many entries map any part of it. Linux folio_mapcount() */
export function folioMapcount(folio: Folio): number {
  return folio.order === 0 ? folio.mapcount : folio.largeMapcount;
}

/**
 * How often this page is mapped, alone or with its folio: /proc/kpagecount.
 * Linux folio_precise_page_mapcount()
 */
export function pageMapcount(page: Page): number {
  return page.mapcount + (page.head.order > 0 ? page.head.entireMapcount : 0);
}

/** log2 of the frames in one section of the memory map. */
const SECTION_SHIFT = 14;

/** The Page of frame `pfn`. Linux pfn_to_page() */
export function pfnToPage(sys: MemorySystem, pfn: Pfn): Page {
  const section = sys.memMap[pfn >>> SECTION_SHIFT];
  const page = section === undefined ? undefined : section[pfn & 0x3fff];
  return page === undefined ? makePage(sys, pfn) : page;
}

function makePage(sys: MemorySystem, pfn: Pfn): Page {
  const index = pfn >>> SECTION_SHIFT;
  let section = sys.memMap[index];
  if (section === undefined) {
    section = new Array<Page | undefined>(1 << SECTION_SHIFT).fill(undefined);
    sys.memMap[index] = section;
  }
  const page = new Page(pfn);
  section[pfn & 0x3fff] = page;
  return page;
}

/** The Page of frame `pfn` if the kernel ever looked at it. Not in Linux: memory maps are full there. */
export function peekPage(sys: MemorySystem, pfn: Pfn): Page | undefined {
  return sys.memMap[pfn >>> SECTION_SHIFT]?.[pfn & 0x3fff];
}
