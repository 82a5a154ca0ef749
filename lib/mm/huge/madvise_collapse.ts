/**
 * MADV_COLLAPSE, HUGEPAGE and NOHUGEPAGE: a process asks for huge pages.
 *
 *   madvise(HUGEPAGE)    huge pages from now on; khugepaged looks at what is there already
 *   madvise(NOHUGEPAGE)  none from now on; those there stay
 *   madvise(COLLAPSE)    make huge pages of what is there, now, whatever the settings say:
 *                        each whole 2 MiB of the range; 0 if all of them are huge afterwards
 *
 *   an error says whether trying again is worth it:
 *       ENOMEM no huge page    EBUSY the group is full    EAGAIN somebody has a page    EINVAL never
 *
 * Linux mm/khugepaged.c. Read first: collapse.ts. Read next: mm/vma/madvise.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PMD_SIZE } from "../../hw/address.js";
import { EAGAIN, EBUSY, EINVAL, ENOMEM } from "../errno.js";
import { lruAddDrainAll } from "../lru/swap.js";
import { type VmAreaStruct, vmaIsAnonymous } from "../mm_types.js";
import { hugepageVmaRevalidate } from "./collapse.js";
import { hpageCollapseScanPmd } from "./collapse_scan.js";
import { hugeAlignDown, thpVmaAllowableOrder } from "./thp_orders.js";
import type { ScanResult } from "./thp_types.js";

/** Results after which the next range is tried. Linux mm/khugepaged.c:madvise_collapse(), its switch */
const GOES_ON: ReadonlySet<ScanResult> = new Set([
  "pmd_null",
  "pte_non_present",
  "lack_referenced_page",
  "page_null",
  "page_count",
  "page_lock",
  "page_compound",
  "page_lru",
  "del_page_lru",
]);

/** Linux mm/khugepaged.c:madvise_collapse_errno() */
function madviseCollapseErrno(result: ScanResult): number {
  switch (result) {
    case "alloc_huge_page_fail":
      return -ENOMEM;
    case "cgroup_charge_fail":
    case "exceed_none_pte":
      return -EBUSY;
    case "page_count":
    case "page_lock":
    case "page_lru":
    case "del_page_lru":
      return -EAGAIN;
    default:
      return -EINVAL;
  }
}

/** One range, which may be anything. */
function collapseRange(vma: VmAreaStruct, haddr: Vaddr): ScanResult {
  const { vmMm: mm } = vma;
  if (!vmaIsAnonymous(vma)) return vma.vmOps?.collapse?.(vma, haddr, false) ?? "fail";
  const { result, unmapped } = hpageCollapseScanPmd(vma, haddr, false);
  return result === "succeed" ? mm.sys.parts.collapseHugePage(mm, haddr, unmapped, false) : result;
}

/**
 * Makes huge pages of [start, end), a part of `vma`; 0 or negative errno.
 * Linux mm/khugepaged.c:madvise_collapse()
 */
export function madviseCollapse(vma: VmAreaStruct, start: Vaddr, end: Vaddr): number {
  const { vmMm: mm } = vma;
  if (!thpVmaAllowableOrder(vma, "forced_collapse")) return -EINVAL;
  lruAddDrainAll(mm.sys);
  const first = Math.ceil(start / PMD_SIZE) * PMD_SIZE;
  let last = hugeAlignDown(end);
  let lastFail: ScanResult = "fail";
  let huge = 0;
  for (let haddr = first; haddr < last; haddr += PMD_SIZE) {
    const now = hugepageVmaRevalidate(mm, haddr, false);
    if (typeof now === "string") {
      lastFail = now;
      break;
    }
    last = Math.min(last, hugeAlignDown(now.vmEnd));
    const result = collapseRange(now, haddr);
    if (result === "succeed" || result === "pmd_mapped") huge++;
    else {
      lastFail = result;
      if (!GOES_ON.has(result)) break;
    }
  }
  return huge === (last - first) / PMD_SIZE ? 0 : madviseCollapseErrno(lastFail);
}
