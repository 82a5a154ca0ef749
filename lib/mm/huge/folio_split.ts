/**
 * Splitting a large folio of the page cache where a file is cut.
 *
 *   order 3, cut at page 2   [0 1 2 3 4 5 6 7]
 *                            [0 1 2 3][4 5 6 7]      halves that do not hold the cut stay as large as they are
 *                            [0 1][2 3][4 5 6 7]
 *                            [0 1][2][3][4 5 6 7]
 *
 * A folio that is still mapped is unmapped first; later faults map the parts.
 *
 * Anonymous memory is split another way: its pages must be mapped again (split_anon.ts).
 *
 * (Linux has this in mm/huge_memory.c.)
 *
 * Read first: mm/pages/folio.ts, mm/filemap/address_space.ts. Read next: mm/filemap/truncate.ts.
 */

import { unmapMappingPages } from "../fault/zap.js";
import { folioIsLocked, folioIsWriteback } from "../filemap/folio_wait.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { lruvecAddFolio, lruvecDelFolio } from "../lru/mm_inline.js";
import { lruAddDrain } from "../lru/swap.js";
import {
  type Folio,
  folioMapped,
  folioNrPages,
  folioTestAnon,
  PG_head,
  PG_lru,
  pfnToPage,
} from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { splitAnonFolio } from "./split_anon.js";

/**
 * Splits a cache folio so that page `at` of it stands alone; halves without it stay whole. False when it is
 * dirty, on its way to or from the device, or somebody else holds it.
 * The folio must be held by the cache alone apart from `extraRefs`. Linux mm/huge_memory.c:folio_split()
 */
export function folioSplit(folio: Folio, at: number, extraRefs: number): boolean {
  const mapping = folio.mapping as AddressSpace;
  const { sys } = mapping.host;
  // A dirty folio of a disk has buffers to be written, which cannot be taken from it.
  // Linux filemap_release_folio()
  if (mapping.dirtyFolios.has(folio)) return false;
  if (folioIsLocked(sys, folio) || folioIsWriteback(sys, folio)) return false;
  if (folioMapped(folio)) unmapMappingPages(mapping, folio.index, folioNrPages(folio), false);
  lruAddDrain(sys);
  if (folio.refcount !== folioNrPages(folio) + extraRefs) return false;
  let part = folio;
  while (part.order > 0) {
    const half = splitInHalf(sys, mapping, part);
    if (at >= half.index - folio.index) part = half;
  }
  return true;
}

/**
 * Splits a large folio into single pages; false when it cannot be. The caller has `extraRefs` holds of it.
 * With `list` the pages behind the first go there, held, instead of on the LRU. Linux mm/huge_memory.c:
 * split_folio_to_list()
 */
export function splitFolio(sys: MemorySystem, folio: Folio, extraRefs: number, list?: Folio[]): boolean {
  if (folioTestAnon(folio)) return splitAnonFolio(sys, folio, extraRefs, list);
  return splitCacheFolio(folio, extraRefs);
}

/** The same for a folio of the page cache. */
function splitCacheFolio(folio: Folio, extraRefs: number): boolean {
  const nrPages = folioNrPages(folio);
  if (!folioSplit(folio, 0, extraRefs)) return false;
  const { pages, host } = folio.mapping as AddressSpace;
  for (let i = 1; i < nrPages; i++) {
    const part = pages.get(folio.index + i)!;
    while (part.order > 0) splitInHalf(host.sys, part.mapping as AddressSpace, part);
  }
  return true;
}

/** Makes two folios of one and returns the upper. Linux mm/huge_memory.c:__split_folio_to_order() */
function splitInHalf(sys: MemorySystem, mapping: AddressSpace, folio: Folio): Folio {
  const nr = folioNrPages(folio) / 2;
  const onLru = (folio.flags & PG_lru) !== 0;
  if (onLru) lruvecDelFolio(sys, folio);
  folio.order--;
  const upper = pfnToPage(sys, folio.pfn + nr);
  upper.order = folio.order;
  if (folio.order === 0) folio.flags &= ~PG_head;
  folio.large = undefined; // nobody maps it
  upper.flags = folio.flags;
  upper.mlockCount = 0;
  upper.mapping = mapping;
  upper.index = folio.index + nr;
  upper.refcount = nr;
  folio.refcount -= nr;
  for (let i = 0; i < nr; i++) {
    pfnToPage(sys, upper.pfn + i).head = upper;
    mapping.pages.set(upper.index + i, upper);
  }
  if (mapping.dirtyFolios.has(folio)) mapping.dirtyFolios.add(upper);
  if (onLru) {
    lruvecAddFolio(sys, folio);
    lruvecAddFolio(sys, upper);
  }
  return upper;
}
