/**
 * Splitting a large folio of the page cache, where a file is cut or its pages go to swap one by one.
 *
 *   order 3, cut at page 2   [0 1 2 3 4 5 6 7]
 *                            [0 1 2 3][4 5 6 7]      halves that do not hold the cut stay as large as they are
 *                            [0 1][2 3][4 5 6 7]
 *                            [0 1][2][3][4 5 6 7]
 *
 * A folio that is still mapped is unmapped first, where it is locked as well; later faults map the parts.
 * Parts that lie behind the end of the file are dropped at once.
 *
 * It fails, and the folio stays as it is (though unmapped), while somebody else holds it; and while a disk
 * has to write it, since it keeps something for each of its blocks.
 *
 * Anonymous memory is split another way: its pages must be mapped again (split_anon.ts).
 *
 * (Linux has this in mm/huge_memory.c.)
 *
 * Read first: mm/pages/folio.ts, mm/filemap/address_space.ts. Read next: mm/filemap/truncate.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { newTlbflushUnmapBatch, tryToUnmap, tryToUnmapFlush } from "../fault/rmap_unmap.js";
import { filemapRemoveFolio } from "../filemap/address_space.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { lruAddSplitFolio } from "../lru/mm_inline.js";
import { lruAddDrain } from "../lru/swap.js";
import { lruvecStatModFolio } from "../memcg/stats.js";
import {
  type Folio,
  folioMapped,
  folioNrPages,
  folioTestAnon,
  folioTestPmdMappable,
  PG_head,
  PG_lru,
  pfnToPage,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  NR_FILE_THPS,
  NR_SHMEM_THPS,
  THP_SPLIT_PAGE,
  THP_SPLIT_PAGE_FAILED,
} from "../vmstat.js";
import { INHERITED, splitAnonFolio } from "./split_anon.js";
import { HPAGE_PMD_ORDER, modMthpStat } from "./thp_state.js";

/**
 * Splits a cache folio so that page `at` of it stands alone; halves without it stay whole. False when it is
 * dirty, on its way to or from the device, or somebody else holds it.
 * The folio must be held by the cache alone apart from `extraRefs`. Linux mm/huge_memory.c:folio_split()
 */
export function folioSplit(folio: Folio, at: number, extraRefs: number): boolean {
  return splitCacheFolio(folio, extraRefs, (sys) => {
    const parts: Folio[] = [];
    for (let part = folio; part.order > 0; ) {
      const upper = cutTo(sys, part, part.order - 1);
      parts.push(...upper);
      if (at >= upper[0]!.index - folio.index) part = upper[0]!;
    }
    return parts.sort((a, b) => a.index - b.index);
  });
}

/**
 * Splits a large folio into single pages; false when it cannot be. The caller has `extraRefs` holds of it.
 * With `list` the pages behind the first go there, held, instead of on the LRU. Linux mm/huge_memory.c:
 * split_folio_to_list()
 */
export function splitFolio(sys: MemorySystem, folio: Folio, extraRefs: number, list?: Folio[]): boolean {
  if (folioTestAnon(folio)) return splitAnonFolio(sys, folio, extraRefs, list);
  return splitCacheFolio(folio, extraRefs, () => cutTo(sys, folio, 0), list);
}

/** Makes smaller folios of an unmapped one: those behind the first, in order. */
type Cut = (sys: MemorySystem) => Folio[];

/** Splits a folio of a file and counts. Linux mm/huge_memory.c:__folio_split(), for one with a mapping */
function splitCacheFolio(folio: Folio, extraRefs: number, cut: Cut, list?: Folio[]): boolean {
  const { order } = folio;
  if (order === 0) return true;
  const { sys } = (folio.mapping as AddressSpace).host;
  const done = trySplit(sys, folio, extraRefs, cut, list);
  if (order === HPAGE_PMD_ORDER) countVmEvent(sys, done ? THP_SPLIT_PAGE : THP_SPLIT_PAGE_FAILED);
  modMthpStat(sys, order, done ? "split" : "split_failed");
  return done;
}

function trySplit(sys: MemorySystem, folio: Folio, extraRefs: number, cut: Cut, list?: Folio[]): boolean {
  const mapping = folio.mapping as AddressSpace;
  // A dirty folio of a disk has buffers to be written, which cannot be taken from it.
  // Linux filemap_release_folio()
  if (mapping.dirtyFolios.has(folio)) return false;
  if (folioIsLocked(sys, folio) || folioIsWriteback(sys, folio)) return false;
  if (folioMapped(folio)) {
    const batch = newTlbflushUnmapBatch();
    tryToUnmap(sys, folio, batch, true);
    tryToUnmapFlush(sys, batch);
  }
  lruAddDrain(sys);
  const nrPages = folioNrPages(folio);
  if (folio.refcount !== nrPages + extraRefs) return false;
  if (folioTestPmdMappable(folio))
    lruvecStatModFolio(sys, folio, mapping.aOps.swapBacked ? NR_SHMEM_THPS : NR_FILE_THPS, -nrPages);
  const parts = cut(sys);
  const end = Math.ceil(mapping.host.iSize / PAGE_SIZE);
  for (const part of parts) {
    if (list !== undefined) {
      part.refcount++;
      list.push(part);
    } else if ((folio.flags & PG_lru) !== 0) lruAddSplitFolio(sys, folio, part);
    if (part.index >= end) filemapRemoveFolio(part);
  }
  return true;
}

/**
 * Makes folios of `order` of one that nobody maps; all but the first, each held by the cache alone, off the
 * LRU. Linux mm/huge_memory.c:__split_folio_to_order()
 */
function cutTo(sys: MemorySystem, folio: Folio, order: number): Folio[] {
  const mapping = folio.mapping as AddressSpace;
  const nrPages = folioNrPages(folio);
  const nr = 1 << order;
  const parts: Folio[] = [];
  folio.order = order;
  if (order === 0) folio.flags &= ~PG_head;
  folio.large = undefined; // nobody maps it
  folio.refcount -= nrPages - nr;
  for (let i = nr; i < nrPages; i += nr) {
    const part = pfnToPage(sys, folio.pfn + i);
    part.order = order;
    part.flags = (folio.flags & INHERITED) | (order > 0 ? PG_head : 0);
    part.lruRefs = folio.lruRefs;
    part.mlockCount = 0;
    part.private = 0;
    part.mapping = mapping;
    part.index = folio.index + i;
    part.memcg = folio.memcg;
    part.refcount = nr;
    part.large = undefined;
    for (let k = 0; k < nr; k++) {
      pfnToPage(sys, part.pfn + k).head = part;
      mapping.pages.set(part.index + k, part);
    }
    parts.push(part);
  }
  return parts;
}
