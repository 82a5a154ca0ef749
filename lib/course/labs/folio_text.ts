/**
 * Folios in words, for lab 05: how one was before reclaim looked at it, and what became of it.
 *
 *   before    page 5 (of a mapped file), dirty, mapped                        stateText
 *   after     made active, dirty, marked PG_reclaim, not mapped               verdictText
 *             free                                     nobody holds it, and it is not in folioList
 *             lost: not free, and not in folioList     nobody will ever free it
 *             kept, but without your hold              it stays, and was let go of: holdsOf
 *
 * Only what a verdict should say is said: the order of words never changes, so that texts can be compared.
 *
 * Not in Linux: a helper of the course. Read next: reclaim.ts.
 */
import {
  type Folio,
  folioMapcount,
  folioMapped,
  folioNrPages,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_writeback,
} from "../../mm/pages/folio.js";

const STATES: readonly [number, string][] = [
  [PG_locked, "locked"],
  [PG_writeback, "being written"],
  [PG_dirty, "dirty"],
  [PG_referenced, "used before"],
  [PG_reclaim, "marked PG_reclaim"],
  [PG_mlocked, "held by mlock"],
];

/** How a folio is, in words. Not in Linux: a helper of the course. */
export function stateText(folio: Folio): string {
  const words = STATES.filter(([flag]) => (folio.flags & flag) !== 0).map(([, word]) => word);
  const lazyfree =
    folio.mapping?.isAnon && (folio.flags & PG_swapbacked) === 0 ? ["given up by MADV_FREE"] : [];
  return [...["", ...lazyfree, ...words], folioMapped(folio) ? "mapped" : "not mapped"].join(", ");
}

/**
 * References that an isolated folio must have: whoever isolated it, the cache for each page, and entries.
 * Not in Linux: a helper of the course.
 */
export function holdsOf(folio: Folio): number {
  const { mapping } = folio;
  const cached = mapping !== undefined && !mapping.isAnon ? folioNrPages(folio) : 0;
  return 1 + cached + folioMapcount(folio);
}

/**
 * What became of a folio that was given to reclaim; `list` has those that stay.
 * Not in Linux: a helper of the course.
 */
export function verdictText(folio: Folio, list: readonly Folio[]): string {
  const stays = list.includes(folio);
  if (folio.refcount === 0) return stays ? "free, and still in folioList" : "free";
  if (!stays) return "lost: not free, and not in folioList";
  const flags = [PG_dirty, PG_reclaim, PG_referenced];
  const marks = STATES.filter(([flag]) => flags.includes(flag) && (folio.flags & flag) !== 0);
  const kept = (folio.flags & PG_active) !== 0 ? "made active" : "kept";
  if (folio.refcount < holdsOf(folio)) return `${kept}, but without your hold: folioPut is for what is free`;
  return [kept, ...marks.map(([, word]) => word), folioMapped(folio) ? "mapped" : "not mapped"].join(", ");
}
