/**
 * Who khugepaged looks through: address spaces in which a huge page could be, in the order in which they
 * came.
 *
 *   a huge fault, MADV_HUGEPAGE, a mapping grows    khugepagedEnterVma(vma)
 *   the mm ends                                     khugepagedExit(mm)
 *
 * An address space stays on the list until it ends, also if nothing was found in it.
 *
 * Linux mm/khugepaged.c. Read first: thp_orders.ts. Read next: khugepaged.ts.
 */
import type { MmStruct, VmAreaStruct } from "../mm_types.js";
import { hugepagePmdEnabled, thpVmaAllowableOrder } from "./thp_orders.js";
import type { KhugepagedScan } from "./thp_types.js";

/**
 * Puts the mm of `vma` on the list, if a huge page could be in the VMA.
 * Linux mm/khugepaged.c:khugepaged_enter_vma()
 */
export function khugepagedEnterVma(vma: VmAreaStruct): void {
  const { vmMm: mm } = vma;
  if (mm.thp.inKhugepaged || !hugepagePmdEnabled(mm.sys)) return;
  if (!thpVmaAllowableOrder(vma, "khugepaged")) return;
  khugepagedEnter(mm);
}

/** Puts the mm on the list. Linux mm/khugepaged.c:__khugepaged_enter() */
export function khugepagedEnter(mm: MmStruct): void {
  mm.thp.inKhugepaged = true;
  const { khugepagedScan, thp, sched } = mm.sys;
  const idle = khugepagedScan.mms.size === 0;
  khugepagedScan.mms.add(mm);
  if (idle && thp.khugepagedThread !== undefined) sched.wakeUp(thp.khugepagedThread);
}

/** The cursor goes to the next mm of the list; after the last one, to none. */
export function nextMm(scan: KhugepagedScan<MmStruct>): void {
  const mms = [...scan.mms];
  scan.mm = mms[mms.indexOf(scan.mm!) + 1];
  scan.address = 0;
}

/** The mm ends. Linux mm/khugepaged.c:__khugepaged_exit() */
export function khugepagedExit(mm: MmStruct): void {
  if (!mm.thp.inKhugepaged) return;
  mm.thp.inKhugepaged = false;
  const { khugepagedScan: scan } = mm.sys;
  if (scan.mm === mm) nextMm(scan);
  scan.mms.delete(mm);
}
