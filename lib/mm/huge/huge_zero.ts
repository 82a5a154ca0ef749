/**
 * The huge page of zeros: one for the machine, mapped wherever 2 MiB are read that nobody wrote.
 *
 *   first read      allocated; refcount 2: the reader's mm, and one so that it is not freed at once
 *   other mm reads  refcount + 1, once for each mm
 *   mm ends         refcount - 1
 *   memory short, refcount 1        the shrinker frees it
 *
 * It counts in no process's resident set. A write to it gets a huge page of its own at once.
 *
 * Linux mm/huge_memory.c. Read first: thp_state.ts. Read next: huge_fault.ts.
 */
import type { ShrinkControl, Shrinker } from "../lru/shrink_control.js";
import type { MmStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import type { Folio } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { __GFP_MOVABLE, __GFP_ZERO, GFP_TRANSHUGE } from "../pages/gfp.js";
import { allocPages } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_ZERO_PAGE_ALLOC, THP_ZERO_PAGE_ALLOC_FAILED } from "../vmstat.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "./thp_state.js";

/** One more who has it; false if there is no memory for it. Linux mm/huge_memory.c:get_huge_zero_folio() */
function getHugeZeroFolio(sys: MemorySystem): boolean {
  const { thp } = sys;
  if (thp.hugeZeroRefcount > 0) {
    thp.hugeZeroRefcount++;
    return true;
  }
  const folio = allocPages(sys, (GFP_TRANSHUGE | __GFP_ZERO) & ~__GFP_MOVABLE, HPAGE_PMD_ORDER);
  if (folio === undefined) {
    countVmEvent(sys, THP_ZERO_PAGE_ALLOC_FAILED);
    return false;
  }
  if (thp.hugeZeroFolio !== undefined) {
    folioPut(sys, folio); // somebody was faster
    thp.hugeZeroRefcount++;
    return true;
  }
  thp.hugeZeroFolio = folio;
  thp.hugeZeroRefcount = 2;
  countVmEvent(sys, THP_ZERO_PAGE_ALLOC);
  return true;
}

/**
 * The huge page of zeros for `mm`, undefined without memory. Linux mm/huge_memory.c:mm_get_huge_zero_folio()
 */
export function mmGetHugeZeroFolio(mm: MmStruct): Folio | undefined {
  const { sys } = mm;
  if (!mm.thp.hasHugeZero) {
    if (!getHugeZeroFolio(sys)) return undefined;
    if (mm.thp.hasHugeZero) sys.thp.hugeZeroRefcount--; // another thread has counted this mm
    mm.thp.hasHugeZero = true;
  }
  return sys.thp.hugeZeroFolio;
}

/** The mm ends. Linux mm/huge_memory.c:mm_put_huge_zero_folio() */
export function mmPutHugeZeroFolio(mm: MmStruct): void {
  if (!mm.thp.hasHugeZero) return;
  mm.thp.hasHugeZero = false;
  vmBugOn(--mm.sys.thp.hugeZeroRefcount === 0, "the huge page of zeros is put more often than got");
}

/** Frees it when nobody has it. Linux mm/huge_memory.c:huge_zero_folio_shrinker, "thp-zero" */
export class HugeZeroShrinker implements Shrinker {
  readonly name = "thp-zero";
  readonly seeks = 2;
  readonly batch = 0;
  nrDeferred = 0;

  constructor(private readonly sys: MemorySystem) {}

  countObjects(): number {
    return this.sys.thp.hugeZeroRefcount === 1 ? HPAGE_PMD_NR : 0;
  }

  scanObjects(_sc: ShrinkControl): number {
    const { thp } = this.sys;
    if (thp.hugeZeroRefcount !== 1) return 0;
    folioPut(this.sys, thp.hugeZeroFolio!);
    thp.hugeZeroFolio = undefined;
    thp.hugeZeroRefcount = 0;
    return HPAGE_PMD_NR;
  }
}
