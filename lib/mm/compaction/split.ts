/**
 * Splitting a large folio that is isolated, since no free block is large enough to move it as it is.
 *
 *   folio of 4 pages, off its list, one hold of ours    -->    4 folios of a page, one hold of ours each
 *
 * Linux mm/migrate.c, mm/huge_memory.c. Read first: mm/huge/folio_split.ts. Read next: migrate.ts.
 */
import { splitFolio } from "../huge/folio_split.js";
import type { Folio } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";

/**
 * Splits an isolated folio into single pages, which are added to `list`; false where that cannot be.
 * Linux mm/migrate.c:try_split_folio()
 */
export function splitFolioToList(sys: MemorySystem, folio: Folio, list: Folio[]): boolean {
  if (folio.order === 0 || folio.mapping === undefined) return false;
  const parts: Folio[] = [];
  if (!splitFolio(sys, folio, 1, parts)) return false;
  list.push(folio, ...parts);
  return true;
}
