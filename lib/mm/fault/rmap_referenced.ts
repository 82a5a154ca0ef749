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
import type { Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import { folioIsLocked } from "../filemap/folio_wait.js";
import { lruGenLookAround } from "../lru/gen/look_around.js";
import type { Memcg } from "../lru/lruvec.js";
import { mlockFolio } from "../lru/mlock_batch.js";
import { vmaHasRecency } from "../lru/mm_inline.js";
import { memCgroupIsDescendant } from "../memcg/charge.js";
import { VM_LOCKED, VM_SPECIAL, type VmAreaStruct } from "../mm_types.js";
import { type Folio, folioMapcount, folioNrPages, folioTestAnon } from "../pages/folio.js";
import { pmdLeaf, pteMkold, pteYoung, setPte } from "../pgtable/pgtable.js";
import type { MemorySystem } from "../system.js";
import { pageVmaMappedWalk } from "./page_vma_mapped.js";
import { rmapWalk } from "./rmap.js";

/** What a reverse walk has seen of a folio's use. Linux mm/rmap.c:struct folio_referenced_arg */
interface FolioReferences {
  readonly sys: MemorySystem;
  readonly folio: Folio;
  /** The group whose processes count; undefined: all count. */
  readonly memcg: Memcg | undefined;
  /** Entries that have not been found yet. */
  mapcount: number;
  /** VMAs that have used it. */
  referenced: number;
  /** All their flags; VM_LOCKED alone if one of them has locked it. */
  vmFlags: number;
  /** The VMA at hand, its entries that map the folio, and whether one of them was used. */
  vma: VmAreaStruct | undefined;
  ptes: number;
  /** They map all of it. */
  whole: boolean;
  young: boolean;
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
): Readonly<FolioReferences> {
  const mapcount = folioMapcount(folio);
  const found: FolioReferences = {
    sys,
    folio,
    memcg,
    mapcount,
    referenced: 0,
    vmFlags: 0,
    vma: undefined,
    ptes: 0,
    whole: false,
    young: false,
  };
  if (mapcount === 0 || folio.mapping === undefined) return found;
  if (!isLocked && !folioTestAnon(folio) && folioIsLocked(sys, folio)) {
    found.referenced = 1;
    return found;
  }
  rmapWalk(folio, folioReferencedOne, found);
  return found;
}

/** One VMA; false to end the walk. Linux mm/rmap.c:folio_referenced_one(), invalid_folio_referenced_vma() */
function folioReferencedOne(vma: VmAreaStruct, _address: Vaddr, found: FolioReferences): boolean {
  if (!vmaHasRecency(vma)) return true;
  const { folio, memcg } = found;
  if (memcg !== undefined && !memCgroupIsDescendant(vma.vmMm.memcg, memcg)) return true;
  found.vma = vma;
  found.ptes = 0;
  found.whole = false;
  found.young = false;
  pageVmaMappedWalk(folio, vma, entryReferenced, found);
  found.mapcount -= found.ptes;
  if ((vma.vmFlags & VM_LOCKED) === 0) {
    if (found.young) {
      found.referenced++;
      found.vmFlags |= vma.vmFlags;
    }
  } else if (found.whole) {
    // The lock may have missed it. Linux mm/internal.h:mlock_vma_folio()
    if ((vma.vmFlags & VM_SPECIAL) === 0) mlockFolio(found.sys, folio);
    found.vmFlags |= VM_LOCKED;
  }
  return found.mapcount > 0 && (found.vmFlags & VM_LOCKED) === 0;
}

/** One entry: whether the processor has used it, and that is forgotten. */
function entryReferenced(
  address: Vaddr,
  ptep: number,
  pte: Pte,
  _index: number,
  found: FolioReferences,
): boolean {
  const { sys } = found;
  const vma = found.vma!;
  found.ptes++;
  found.whole = pmdLeaf(pte) || found.ptes === folioNrPages(found.folio);
  if ((vma.vmFlags & VM_LOCKED) !== 0 || !pteYoung(pte)) return true;
  if (sys.lruGen.enabled && !pmdLeaf(pte)) {
    found.young = lruGenLookAround(vma, address, ptep);
    return true;
  }
  setPte(sys.ram, ptep, pteMkold(pte));
  found.young = true;
  return true;
}
