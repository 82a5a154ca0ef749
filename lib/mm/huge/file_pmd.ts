/**
 * A folio of 2 MiB of a file or of shared memory, mapped by one entry of level 2.
 *
 *   the page is in the cache, in a folio of order 9
 *      level 2 is empty, and the folio's 2 MiB lie in the VMA, aligned there as in the file --> doSetPmd: a leaf
 *      anything else                                                                        --> entries of level 1
 *
 *   fault-around     filemapMapPmd, before entries of level 1 are set
 *   the file's fault finishFault (mm/fault/file_fault.ts)
 *   collapse         setHugePmd (collapse_pte_mapped.ts)
 *
 * Unlike in anonymous memory nothing is set aside for the day on which the leaf is split: it is just taken
 * away then, since the file still knows its pages, and the next fault maps what is needed. So VmPTE falls by
 * the table that is not needed.
 *
 * The leaf is made whatever `enabled` says, as the folio is there already; only who has asked for no huge
 * pages at all gets small entries. A folio that reaches over the end of a file on a disk gets small entries
 * as well, so that a touch behind the end is SIGBUS; shared memory is mapped over its end.
 *
 * Linux mm/memory.c, mm/filemap.c. Read first: huge_pmd.ts, mm/fault/file_fault.ts. Read next: shmem_huge.ts.
 */

import { folioAddFileRmapPmd } from "../fault/rmap_pmd.js";
import { FAULT_FLAG_WRITE, VM_FAULT_FALLBACK, type VmFault } from "../fault/vm_fault.js";
import { mmCounterFile } from "../lru/mm_inline.js";
import { addMmCounter, type VmFaultResult } from "../mm_types.js";
import { type Folio, folioGet, folioTestPmdMappable } from "../pages/folio.js";
import { maybeMkwrite, pmdLeaf, pteMkdirty, ptepGet, setPte, vmaPageProt } from "../pgtable/pgtable.js";
import { countVmEvent, THP_FILE_MAPPED } from "../vmstat.js";
import { mkHugePmd } from "./huge_pmd.js";
import { hugeAlignDown, vmaThpDisabled } from "./thp_orders.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "./thp_state.js";

/**
 * Maps the folio, of which the caller gives one hold, by a leaf; VM_FAULT_FALLBACK if that cannot be, and
 * then the hold is still the caller's. Linux mm/memory.c:do_set_pmd()
 */
export function doSetPmd(vmf: VmFault, folio: Folio): VmFaultResult {
  const { vma } = vmf;
  const { vmMm: mm } = vma;
  const { sys } = mm;
  const haddr = hugeAlignDown(vmf.address);
  if (vmaThpDisabled(vma, true)) return VM_FAULT_FALLBACK;
  if (!sys.parts.thpVmaSuitableOrder(vma, haddr, HPAGE_PMD_ORDER)) return VM_FAULT_FALLBACK;
  if (folio.order !== HPAGE_PMD_ORDER || ptepGet(sys.ram, vmf.pmdp) !== 0) return VM_FAULT_FALLBACK;
  let entry = mkHugePmd(folio.pfn, vmaPageProt(vma));
  if ((vmf.flags & FAULT_FLAG_WRITE) !== 0) entry = maybeMkwrite(pteMkdirty(entry, sys.pageSoftDirty), vma);
  addMmCounter(mm, mmCounterFile(folio), HPAGE_PMD_NR);
  folioAddFileRmapPmd(folio, vma);
  setPte(sys.ram, vmf.pmdp, entry);
  countVmEvent(sys, THP_FILE_MAPPED);
  return 0;
}

/**
 * Fault-around has found a first folio: whether a leaf maps the place now, so that there is nothing more to
 * do. Linux mm/filemap.c:filemap_map_pmd()
 */
export function filemapMapPmd(vmf: VmFault, folio: Folio): boolean {
  const { ram } = vmf.vma.vmMm.sys;
  const pmd = ptepGet(ram, vmf.pmdp);
  if (pmdLeaf(pmd)) return true;
  if (pmd !== 0 || !folioTestPmdMappable(folio) || doSetPmd(vmf, folio) !== 0) return false;
  folioGet(folio);
  return true;
}
