/**
 * What an address space, khugepaged and those who ask have to do with huge pages: plain data.
 *
 *   MmThp            of each address space: may it have some, and the tables set aside for its leaves
 *   KhugepagedScan   which address spaces khugepaged looks through, and where it is
 *   TvaType          who asks whether a huge page may be somewhere
 *   ScanResult       how a look at a range of 2 MiB ended
 *
 * Linux include/linux/huge_mm.h, mm/khugepaged.c. Read next: thp_state.ts.
 */

/** Who asks: smaps, a fault, khugepaged, MADV_COLLAPSE. Linux include/linux/huge_mm.h:enum tva_type */
export type TvaType = "smaps" | "pagefault" | "khugepaged" | "forced_collapse";

/** How the look at a range ended; names without SCAN_. Linux mm/khugepaged.c:enum scan_result */
export type ScanResult =
  | "succeed"
  | "fail"
  | "pmd_null"
  | "pmd_none"
  | "pmd_mapped"
  | "exceed_none_pte"
  | "exceed_swap_pte"
  | "exceed_shared_pte"
  | "pte_non_present"
  | "pte_mapped_hugepage"
  | "page_null"
  | "page_compound"
  | "page_anon"
  | "page_count"
  | "page_lru"
  | "page_lock"
  | "del_page_lru"
  | "lack_referenced_page"
  | "vma_check"
  | "address_range"
  | "alloc_huge_page_fail"
  | "cgroup_charge_fail"
  | "page_has_private"
  | "store_failed"
  | "truncated";

/** Where khugepaged is in its round through address spaces M. Linux mm/khugepaged.c:struct khugepaged_scan */
export class KhugepagedScan<M> {
  /** In the order in which they came. */
  readonly mms = new Set<M>();
  /** The one it is in, and the next address there; undefined: a new round begins. */
  mm: M | undefined = undefined;
  address = 0;
  /** Of the go under way: pages looked at, times that it began with the first mm, and whether it has slept
   * because there was no huge page. Linux: variables of khugepaged_do_scan() */
  progress = 0;
  passThroughHead = 0;
  allocSlept = false;
  /** Until then nobody wakes the thread. Linux khugepaged_sleep_expire */
  sleepExpireNs = 0;
  working = false;
}

/** What one address space has to do with huge pages. Linux: MMF_ flags of an mm, and fields of its tables */
export class MmThp {
  /** Whether it must do without. Linux MMF_DISABLE_THP_COMPLETELY, MMF_DISABLE_THP_EXCEPT_ADVISED */
  disabled: "" | "completely" | "except advised" = "";
  /** It maps, or has mapped, the huge page of zeros. Linux MMF_HUGE_ZERO_FOLIO */
  hasHugeZero = false;
  /** khugepaged looks through it. Linux MMF_VM_HUGEPAGE */
  inKhugepaged = false;
  /**
   * Tables set aside for the day on which a leaf of level 2 is split, by the frame of the table that the leaf
   * is in: then no memory is needed. Linux pmd_huge_pte of a table
   * Invariant: as many as there are leaves in that table that map anonymous memory.
   */
  readonly pmdHugePte = new Map<number, number[]>();
}
