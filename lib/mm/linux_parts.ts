/**
 * Linux's own parts: the functions that a machine runs on unless it is booted with others.
 *
 * They stand apart from the table's shape (parts.ts), so that memory management can call a part without
 * importing all of them.
 *
 * Read first: parts.ts.
 */
import { compactZone } from "./compaction/compact_zone.js";
import { tryToCompactPages } from "./compaction/direct_compact.js";
import { classifyFault } from "./fault/classify_fault.js";
import { copyPresentPte } from "./fault/copy_page_range.js";
import { doReadFault } from "./fault/file_fault.js";
import { doAnonymousPage } from "./fault/memory.js";
import { doSwapPage } from "./fault/swap_fault.js";
import { doWpPage } from "./fault/wp.js";
import { collapseHugePage } from "./huge/collapse.js";
import { doHugePmdAnonymousPage } from "./huge/huge_fault.js";
import { splitHugePmd } from "./huge/split_pmd.js";
import { thpVmaSuitableOrder } from "./huge/thp_orders.js";
import { tryToFreePages } from "./lru/direct_reclaim.js";
import { wakeupKswapd } from "./lru/kswapd.js";
import { getScanCount } from "./lru/scan_count.js";
import { shrinkFolioList } from "./lru/shrink_folio_list.js";
import { workingsetRefault } from "./lru/workingset.js";
import { freeOnePage, rmqueueSmallest } from "./pages/buddy.js";
import { zoneWatermarkOk } from "./pages/watermark_ok.js";
import { zoneWatermarks } from "./pages/wmark.js";
import type { MmParts } from "./parts.js";
import { catchUp, pteNeedsFlush, shootdownTargets } from "./pgtable/tlb.js";
import { chooseNewAsid } from "./pgtable/tlb_switch.js";
import { swapEntryDup, swapEntryPut } from "./swap/swap_map.js";
import { swapAlloc } from "./swap/swapfile.js";
import { doMlock } from "./vma/mlock.js";

/** Linux's own parts. */
export function linuxMmParts(): MmParts {
  const tlb = { pteNeedsFlush, shootdownTargets, catchUp, chooseNewAsid };
  const faults = { classifyFault, doAnonymousPage, doReadFault, doWpPage, doSwapPage };
  const pages = { zoneWatermarks, zoneWatermarkOk, wakeupKswapd, rmqueueSmallest, freeOnePage };
  const compaction = { tryToCompactPages, compactZone };
  const reclaim = { tryToFreePages, shrinkFolioList, workingsetRefault, getScanCount };
  const swap = { swapAlloc, swapEntryDup, swapEntryPut };
  const huge = { collapseHugePage, thpVmaSuitableOrder, doHugePmdAnonymousPage, splitHugePmd };
  return {
    ...tlb,
    ...faults,
    ...pages,
    ...compaction,
    ...reclaim,
    ...swap,
    ...huge,
    doMlock,
    copyPresentPte,
  };
}
