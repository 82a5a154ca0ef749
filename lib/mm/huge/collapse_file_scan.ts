/**
 * Collapse of shared memory: may the pages of 2 MiB of a file become one folio, and then?
 *
 *   hpageCollapseScanFile(vma, haddr)    it is the file's cache that is looked at, not anybody's entries:
 *      in swap                           at most max_ptes_swap                    (khugepaged only)
 *      missing                           at most max_ptes_none                    (khugepaged only)
 *      not on a list, or held by somebody    no
 *      one folio of 2 MiB already        nothing to be copied: only entries are to be changed
 *
 *   khugepaged      a new folio in the cache (collapse_file.ts); whoever touches it next gets a leaf
 *   MADV_COLLAPSE   the same, and a leaf at once (collapse_pte_mapped.ts)
 *
 * So one process that collapses does it for all that map the file, and a page that only one of them ever
 * touched counts as present.
 *
 * Left out: files on a disk. A kernel without CONFIG_READ_ONLY_THP_FOR_FS, as Debian's, refuses them with
 * EINVAL; ext4 has large folios of its own.
 *
 * Linux mm/khugepaged.c. Read first: collapse_scan.ts, mm/filemap/shmem.ts. Read next: collapse_file.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { linearPageIndex } from "../fault/rmap.js";
import type { AddressSpace } from "../filemap/mapping.js";
import type { VmAreaStruct } from "../mm_types.js";
import { type Folio, folioNrPages, PG_lru } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { countVmEvent, THP_SCAN_EXCEED_NONE_PTE, THP_SCAN_EXCEED_SWAP_PTE } from "../vmstat.js";
import { collapseFile } from "./collapse_file.js";
import { collapsePteMappedThp } from "./collapse_pte_mapped.js";
import { folioExpectedRefCount, isHugeAt } from "./collapse_scan.js";
import { HPAGE_PMD_NR } from "./thp_state.js";
import type { ScanResult } from "./thp_types.js";

/** One folio of the cache: why it cannot be collapsed, or undefined. */
function scanFolio(folio: Folio, start: number): ScanResult | undefined {
  if (isHugeAt(folio, start)) return "pte_mapped_hugepage";
  if ((folio.flags & PG_lru) === 0) return "page_lru";
  return folioExpectedRefCount(folio) === folio.refcount ? undefined : "page_count";
}

/** The pages [start, start + 512) of the file. Linux mm/khugepaged.c:hpage_collapse_scan_file() */
function scanCache(mapping: AddressSpace, start: number, khugepaged: boolean): ScanResult {
  const { sys } = mapping.host;
  const { maxPtesNone, maxPtesSwap } = sys.thp.khugepaged;
  let present = 0;
  let swap = 0;
  for (let index = start; index < start + HPAGE_PMD_NR; ) {
    const folio = mapping.pages.get(index);
    if (folio === undefined) {
      if (mapping.swapEntries.has(index) && ++swap > maxPtesSwap && khugepaged)
        return exceeds(sys, "exceed_swap_pte", THP_SCAN_EXCEED_SWAP_PTE);
      index++;
      continue;
    }
    const result = scanFolio(folio, start);
    if (result !== undefined) return result;
    present += folioNrPages(folio);
    index = folio.index + folioNrPages(folio);
  }
  sys.clock.advance(sys.costs.walkEntryNs * HPAGE_PMD_NR);
  if (khugepaged && present < HPAGE_PMD_NR - maxPtesNone)
    return exceeds(sys, "exceed_none_pte", THP_SCAN_EXCEED_NONE_PTE);
  return "succeed";
}

function exceeds(sys: MemorySystem, result: ScanResult, event: number): ScanResult {
  countVmEvent(sys, event);
  return result;
}

/**
 * vmOps.collapse of shared memory: the range of 2 MiB at `haddr` of the VMA. Linux mm/khugepaged.c:
 * khugepaged_scan_mm_slot(), madvise_collapse(), their cases of a file
 */
export function collapseShmem(vma: VmAreaStruct, haddr: Vaddr, khugepaged: boolean): ScanResult {
  const { vmMm: mm } = vma;
  const mapping = vma.vmFile!.fMapping;
  const start = linearPageIndex(vma, haddr);
  let result = scanCache(mapping, start, khugepaged);
  if (result === "succeed") result = collapseFile(mm, mapping, start, khugepaged);
  if (result !== "pte_mapped_hugepage") return result;
  result = collapsePteMappedThp(mm, haddr, !khugepaged);
  return result === "pmd_mapped" ? "succeed" : result;
}
