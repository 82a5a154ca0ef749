/**
 * How often a large folio is mapped, and whether by more than one address space.
 *
 *   folio.largeMapcount            all entries that map any part of it
 *   folio.large.mmIds    [ A, B ]  two address spaces that have it, and how many entries each has
 *               .mmIdMapcounts  [ 500, 12 ]
 *               .maybeMappedShared
 *
 * A single page's mapcount says at once whether somebody else has it. Of a large folio some pages may be
 * mapped by one process and others by another, so counting is not enough: Linux remembers two of the address
 * spaces. If all entries are those of one it remembers, the folio is that one's alone, and a write need not
 * copy. A third address space finds no place; the folio then counts as shared until everything but the share
 * of one that is remembered is gone.
 *
 * Linux include/linux/rmap.h, with CONFIG_MM_ID. Read first: mm/pages/folio.ts. Read next: rmap.ts.
 */
import type { MmStruct } from "../mm_types.js";
import { type Folio, folioMapcount, folioTestLarge, LargeFolio } from "../pages/folio.js";

/** No address space. Linux include/linux/mm_types.h:MM_ID_DUMMY */
const MM_ID_DUMMY = 0;

/** What only large folios have; made when it is first needed. */
export function largeOf(folio: Folio): LargeFolio {
  folio.large ??= new LargeFolio();
  return folio.large;
}

/**
 * `diff` more entries, of `mm` (undefined: of somebody who is not remembered).
 * Linux include/linux/rmap.h:folio_add_return_large_mapcount()
 */
export function folioAddLargeMapcount(folio: Folio, diff: number, mm: MmStruct | undefined): void {
  const large = largeOf(folio);
  const { mmIds, mmIdMapcounts } = large;
  folio.largeMapcount += diff;
  const mmId = mm?.id ?? MM_ID_DUMMY;
  if (mmId === MM_ID_DUMMY) {
    large.maybeMappedShared = true;
    return;
  }
  let slot = mmIds.indexOf(mmId);
  if (slot < 0) {
    slot = mmIds.indexOf(MM_ID_DUMMY);
    if (slot < 0) return; // shared already, by two
    mmIds[slot] = mmId;
    mmIdMapcounts[slot] = 0;
    if (slot === 1 || folio.largeMapcount !== diff) large.maybeMappedShared = true;
  }
  mmIdMapcounts[slot]! += diff;
}

/**
 * `diff` entries of `mm` less. Linux include/linux/rmap.h:folio_sub_return_large_mapcount()
 */
export function folioSubLargeMapcount(folio: Folio, diff: number, mm: MmStruct): void {
  const large = largeOf(folio);
  const { mmIds, mmIdMapcounts } = large;
  folio.largeMapcount -= diff;
  const slot = mmIds.indexOf(mm.id);
  if (slot >= 0) {
    mmIdMapcounts[slot]! -= diff;
    if (mmIdMapcounts[slot]! > 0) return;
    mmIds[slot] = MM_ID_DUMMY;
    mmIdMapcounts[slot] = 0;
  }
  if (mmIdMapcounts.includes(folio.largeMapcount)) large.maybeMappedShared = false;
}

/**
 * Whether more than one address space may map it; "maybe", since only two are remembered.
 * Linux include/linux/mm.h:folio_maybe_mapped_shared()
 */
export function folioMaybeMappedShared(folio: Folio): boolean {
  const mapcount = folioMapcount(folio);
  if (!folioTestLarge(folio)) return mapcount > 1;
  return mapcount > 1 && folio.large?.maybeMappedShared === true;
}
