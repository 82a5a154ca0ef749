/**
 * Was the folio used through a mapping since reclaim last looked?
 *
 *   the processor sets the accessed bit in the entry when it walks to the page
 *   folioReferenced clears it everywhere and counts the VMAs in which it was set
 *
 * This is all that is known of the use of mapped memory: how often, and when in between, no one can say. And
 * the bit is only set by a walk: while a TLB holds the entry, the page may be used a thousand times and still
 * look old. Linux does not flush here, since to take the page away it must flush anyway, and a mistake costs
 * one fault.
 *
 * Linux mm/rmap.c. Read first: rmap.ts, page_vma_mapped.ts. Read next: mm/lru/shrink_folio_list.ts.
 */
import { folioIsLocked } from "../filemap/folio_wait.js";
import { lruGenLookAround } from "../lru/gen/look_around.js";
import type { Memcg } from "../lru/lruvec.js";
import { mlockFolio } from "../lru/mlock_batch.js";
import { vmaHasRecency } from "../lru/mm_inline.js";
import { memCgroupIsDescendant } from "../memcg/charge.js";
import { VM_LOCKED, VM_SPECIAL, type VmAreaStruct } from "../mm_types.js";
import { type Folio, folioMapcount, folioNrPages, folioTestAnon } from "../pages/folio.js";
import { pteMkold, pteYoung, setPte } from "../pgtable/pgtable.js";
import type { MemorySystem } from "../system.js";
import { pageVmaMappedWalk } from "./page_vma_mapped.js";
import { rmapWalk } from "./rmap.js";

/** What a reverse walk has seen of a folio's use. Linux mm/rmap.c:struct folio_referenced_arg */
interface FolioReferences {
  /** VMAs that have used it. */
  referenced: number;
  /** All their flags; VM_LOCKED alone if one of them has locked it. */
  vmFlags: number;
}

/**
 * Counts the VMAs that have used the folio, and forgets that they have. `isLocked`: the caller holds the
 * folio's lock. With `memcg` only the use by processes of that group counts: it is the one that must shrink.
 * Linux mm/rmap.c:folio_referenced()
 */
export function folioReferenced(
  sys: MemorySystem,
  folio: Folio,
  isLocked: boolean,
  memcg?: Memcg,
): FolioReferences {
  const found: FolioReferences = { referenced: 0, vmFlags: 0 };
  if (folioMapcount(folio) === 0 || folio.mapping === undefined) return found;
  if (!isLocked && !folioTestAnon(folio) && folioIsLocked(sys, folio)) {
    found.referenced = 1;
    return found;
  }
  let left = folioMapcount(folio);
  rmapWalk(folio, (vma) => {
    if (!vmaHasRecency(vma)) return true;
    if (memcg !== undefined && !memCgroupIsDescendant(vma.vmMm.memcg, memcg)) return true;
    left -= folioReferencedOne(sys, folio, vma, found);
    return left > 0 && (found.vmFlags & VM_LOCKED) === 0;
  });
  return found;
}

/** One VMA; how many of its entries map the folio. Linux mm/rmap.c:folio_referenced_one() */
function folioReferencedOne(
  sys: MemorySystem,
  folio: Folio,
  vma: VmAreaStruct,
  found: FolioReferences,
): number {
  let ptes = 0;
  let young = false;
  pageVmaMappedWalk(folio, vma, (address, ptep, pte) => {
    ptes++;
    if ((vma.vmFlags & VM_LOCKED) !== 0 || !pteYoung(pte)) return true;
    if (sys.lruGen.enabled) {
      young = lruGenLookAround(vma, address, ptep);
      return true;
    }
    setPte(sys.ram, ptep, pteMkold(pte));
    young = true;
    return true;
  });
  if ((vma.vmFlags & VM_LOCKED) !== 0) {
    if (ptes < folioNrPages(folio)) return ptes;
    // The lock may have missed it. Linux mm/internal.h:mlock_vma_folio()
    if ((vma.vmFlags & VM_SPECIAL) === 0) mlockFolio(sys, folio);
    found.vmFlags |= VM_LOCKED;
  } else if (young) {
    found.referenced++;
    found.vmFlags |= vma.vmFlags;
  }
  return ptes;
}
