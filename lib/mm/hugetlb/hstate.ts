/**
 * The pools of huge pages, one for each size that the processor has: how many pages, and in which state.
 *
 *   nrHugePages      |=============================================|
 *   freeHugePages    |==================|                               on the free list, zeroed when they are taken
 *     resvHugePages  |=======|                                          of them promised to a mapping
 *     available               |=========|                               of them for everybody else
 *   in use                              |==========================|    mapped, or pages of a file
 *   surplusHugePages                                 |=============|    more than the pool shall have: go back when free
 *   persistent       |===============================|                  nrHugePages - surplusHugePages
 *
 * A page of the pool is a folio of 2^order frames that belongs to the pool whatever happens: it is on no LRU
 * list, is never reclaimed, swapped, split or merged, and when nobody uses it any more it goes back to the
 * pool and not to the buddy allocator. That is the point of it: memory that was set aside cannot be got by
 * anybody else, so a program that has mapped it has it.
 *
 * 2 MiB is the default size: what mmap takes unless told otherwise, and what /proc/meminfo and
 * /proc/sys/vm/nr_hugepages are about. All sizes are under /sys/kernel/mm/hugepages.
 *
 * Left out: nodes other than the one; the saving of page structs of huge pages (HVO).
 *
 * Linux include/linux/hugetlb.h. Read next: pool.ts (pages come and go), resv_map.ts (who was promised what).
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { ResvMap } from "./resv_map.js";
import type { Subpool } from "./subpool.js";

/** One pool; `F` is what a page of it is: a folio. Linux include/linux/hugetlb.h:struct hstate */
export class Hstate<F> {
  /** log2 of the small pages in one huge page: 9 or 18. */
  readonly order: number;
  /** Pages in the pool, whoever has them. */
  nrHugePages = 0;
  /** Of them those on the free list. Invariant: the length of hugepageFreelist. */
  freeHugePages = 0;
  /**
   * Of the free ones those that are promised. It can fall below 0, and is shown as 18446744073709551615 then,
   * as in Linux: an owner who unmaps a page that a child still has takes its promise back twice, until the
   * child lets go of the page (hugetlb_unmap.ts).
   */
  resvHugePages = 0;
  /** Of all those that go back to the buddy allocator as soon as they are free. */
  surplusHugePages = 0;
  /** How many the pool shall have: what was written, or how much of it could be had. */
  maxHugePages = 0;
  /** How many surplus pages a promise may add. */
  nrOvercommitHugePages = 0;
  /** The free pages; the last one is taken first. Linux hugepage_freelists, whose head is the end here */
  readonly hugepageFreelist: F[] = [];

  constructor(order: number) {
    this.order = order;
  }

  /** Bytes of one huge page. Linux include/linux/hugetlb.h:huge_page_size() */
  get hugePageSize(): number {
    return PAGE_SIZE * 2 ** this.order;
  }

  /** Small pages in one huge page. Linux include/linux/hugetlb.h:pages_per_huge_page() */
  get pagesPerHugePage(): number {
    return 2 ** this.order;
  }

  /** Pages that are to stay. Linux mm/hugetlb.c:persistent_huge_pages() */
  get persistentHugePages(): number {
    return this.nrHugePages - this.surplusHugePages;
  }

  /** Free pages that nobody was promised. Linux mm/hugetlb.c:available_huge_pages() */
  get availableHugePages(): number {
    return this.freeHugePages - this.resvHugePages;
  }

  /** Name of its folder in /sys/kernel/mm/hugepages. Linux mm/hugetlb.c:hugetlb_add_hstate() */
  get name(): string {
    return `hugepages-${this.hugePageSize / 1024}kB`;
  }
}

/** Largest order that the buddy allocator hands out. Linux include/linux/mmzone.h:MAX_PAGE_ORDER */
const MAX_PAGE_ORDER = 10;

/** 2 MiB: one entry of level 2. Linux HPAGE_PMD_ORDER */
export const PMD_ORDER = 9;
/** 1 GiB: one entry of level 3. */
export const PUD_ORDER = 18;

/**
 * Whether the pages are too large for the buddy allocator. Linux include/linux/hugetlb.h:hstate_is_gigantic()
 */
export function hstateIsGigantic(h: { readonly order: number }): boolean {
  return h.order > MAX_PAGE_ORDER;
}

/**
 * What a file of huge pages has beside what every file has. Differs from Linux: its pages are not in the page
 * cache proper, where each would take 512 slots (1 GiB: 262144), but in a map of their own. Nothing but
 * hugetlbfs looks at them in Linux either: they are not counted as cache, never written back and never
 * reclaimed. Linux include/linux/hugetlb.h:struct hugetlbfs_inode_info, hstate_inode(), inode_resv_map()
 */
export interface HugetlbInode<F> {
  /** The pool that its pages are of. */
  readonly h: Hstate<F>;
  /** Which of its pages were promised, or are there. */
  readonly resvMap: ResvMap;
  /** The share of its mount; undefined: no limits. Linux subpool_inode() */
  readonly spool: Subpool | undefined;
  /** Its pages, by number of huge page. Invariant: each has the file's AddressSpace as mapping. */
  readonly folios: Map<number, F>;
}

/** All pools of a machine. Linux mm/hugetlb.c:hstates */
export class HugetlbState<F> {
  /** The pool of 2 MiB pages. Linux default_hstate */
  readonly defaultHstate: Hstate<F> = new Hstate<F>(PMD_ORDER);
  /** All pools, the default one first. Linux mm/hugetlb.c:hstates */
  readonly hstates: readonly Hstate<F>[] = [this.defaultHstate, new Hstate<F>(PUD_ORDER)];
  /** The mount that a page in use counts for. Linux _hugetlb_subpool of the folio */
  readonly folioSubpools = new Map<F, Subpool>();
  /** Shares of mounts, and of which pool they are. Linux hugetlbfs_sb_info.spool */
  readonly subpools = new Map<Subpool, Hstate<F>>();
  /** All files of huge pages. Linux s_inodes of its mounts */
  readonly inodes = new Set<HugetlbInode<F>>();
}

/** The pool whose pages have `bytes` bytes. Linux mm/hugetlb.c:size_to_hstate() */
export function sizeToHstate<F>(state: HugetlbState<F>, bytes: number): Hstate<F> | undefined {
  return state.hstates.find((h) => h.hugePageSize === bytes);
}

/**
 * The pool whose pages have 2^sizeLog bytes, for 0 the default one. Linux
 * include/linux/hugetlb.h:hstate_sizelog()
 */
export function hstateSizelog<F>(state: HugetlbState<F>, sizeLog: number): Hstate<F> | undefined {
  return sizeLog === 0 ? state.defaultHstate : sizeToHstate(state, 2 ** sizeLog);
}

/** Small pages in all pools. Linux mm/hugetlb.c:hugetlb_total_pages() */
export function hugetlbTotalPages(state: HugetlbState<unknown>): number {
  return state.hstates.reduce((sum, h) => sum + h.nrHugePages * h.pagesPerHugePage, 0);
}

/** A pool at boot. Linux: hugepagesz= and hugepages= on the command line */
export interface BootPool {
  /** Bytes of one page. */
  readonly hugePageSize: number;
  /** How many. */
  readonly nr: number;
}

/** A count as C prints an unsigned long: one below 0 is a huge number. Not in Linux: %lu */
export function unsignedLongText(value: number): string {
  return String(BigInt.asUintN(64, BigInt(value)));
}
