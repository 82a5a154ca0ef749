/**
 * Compaction of every kind for tests, at a moment when nobody expects it.
 */
import type { Random } from "../../../lib/hw/random.js";
import {
  COMPACT_PRIO_ASYNC,
  type CompactControl,
  MIGRATE_SYNC,
  newCompactControl,
  VIA_COMPACT_MEMORY,
} from "../../../lib/mm/compaction/compact_control.js";
import { putFreepage, releaseFreeList } from "../../../lib/mm/compaction/free_blocks.js";
import { putbackMovablePages } from "../../../lib/mm/compaction/isolate_migratepages.js";
import { compactNodes } from "../../../lib/mm/compaction/kcompactd.js";
import { migratePages } from "../../../lib/mm/compaction/migrate.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { folioIsFileLru } from "../../../lib/mm/lru/mm_inline.js";
import { lruAddDrain, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Zone } from "../../../lib/mm/pages/buddy.js";
import { type Folio, folioNrPages, PG_lru, peekPage } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { prepNewPage } from "../../../lib/mm/pages/freelist.js";
import { __GFP_MEMALLOC, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_NOWAIT } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { modNodePageState, NR_ISOLATED_ANON } from "../../../lib/mm/vmstat.js";

/** The folios of the zone that are on a list. */
function lruFolios(sys: MemorySystem, zone: Zone): Folio[] {
  const folios: Folio[] = [];
  for (let pfn = zone.zoneStartPfn; pfn < zone.zoneEndPfn; pfn++) {
    const page = peekPage(sys, pfn);
    if (page !== undefined && page.head === page && (page.flags & PG_lru) !== 0) folios.push(page);
  }
  return folios;
}

/** Gives the compaction free frames that the scanner would not have taken, one by one. */
function takeFrames(sys: MemorySystem, cc: CompactControl, nr: number): void {
  for (let i = 0; i < nr; i++) {
    const folio = allocPages(sys, GFP_NOWAIT | __GFP_MEMALLOC);
    if (folio === undefined) return;
    if (folio.pfn < cc.zone.zoneStartPfn || folio.pfn >= cc.zone.zoneEndPfn) folioPut(sys, folio);
    else putFreepage(sys, cc, folio);
  }
}

/** Moves some folios anywhere, whatever the scanners would say, and however much is free. */
export function migrateAtRandom(sys: MemorySystem, random: Random): void {
  if (random.chance(70)) lruAddDrainAll(sys);
  const zones = sys.zones.filter((one) => lruFolios(sys, one).length > 0);
  if (zones.length === 0) return;
  const zone = random.pick(zones);
  const percent = random.pick([10, 50, 100]);
  const cc = newCompactControl({
    ...{ zone, order: VIA_COMPACT_MEMORY, mode: random.below(MIGRATE_SYNC + 1), gfpMask: GFP_KERNEL },
    ...{ ignoreSkipHint: true, ignoreBlockSuitable: true, wholeZone: true },
  });
  cc.migratePfn = zone.zoneStartPfn;
  cc.freePfn = zone.zoneEndPfn - 1;
  takeFrames(sys, cc, random.below(200));
  cc.nrMigratepages = 0;
  for (const folio of lruFolios(sys, zone)) {
    if (!random.chance(percent) || !folioIsolateLru(sys, folio)) continue;
    cc.migratepages.push(folio);
    cc.nrMigratepages += folioNrPages(folio);
    modNodePageState(sys, NR_ISOLATED_ANON + (folioIsFileLru(folio) ? 1 : 0), folioNrPages(folio));
  }
  migratePages(sys, cc);
  putbackMovablePages(sys, cc);
  releaseFreeList(sys, cc);
}

/** For a block of random size, as an allocation would. */
function directCompactAtRandom(sys: MemorySystem, random: Random): void {
  const { pfMemalloc } = sys;
  const order = random.between(1, 10);
  const gfp = random.chance(50) ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE;
  sys.pfMemalloc = true;
  const request = {
    gfp,
    order,
    allocFlags: 0,
    highestZoneidx: 3,
    prio: random.below(COMPACT_PRIO_ASYNC + 1),
  };
  const { captured } = sys.parts.tryToCompactPages(sys, request);
  sys.pfMemalloc = pfMemalloc;
  if (captured >= 0) folioPut(sys, prepNewPage(sys, captured, order, 0));
}

/** One of all that. */
export function compactAtRandom(sys: MemorySystem, random: Random): void {
  const drain = random.below(3);
  if (drain === 1) lruAddDrain(sys);
  if (drain === 2) lruAddDrainAll(sys);
  const what = random.below(6);
  if (what === 0) compactNodes(sys);
  else if (what === 1) directCompactAtRandom(sys, random);
  else migrateAtRandom(sys, random);
}
