/**
 * Who maps a huge page of a pool: it is always mapped as a whole, so there is one count.
 *
 *   entireMapcount = largeMapcount     entries of level 2 or 3 that map the page
 *   anonExclusive                      private memory of one process alone, which may write it in place
 *
 * The counters of mapped pages (AnonPages, Mapped, RssAnon ...) do not know these pages: that is why a
 * database with 8 GiB of huge pages has a VmRSS of a few MiB. Only HugetlbPages in /proc/PID/status counts
 * them.
 *
 * Linux include/linux/rmap.h, mm/rmap.c. Read first: mm/fault/rmap.ts. Read next: hugetlb_wp.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { folioSetAnon } from "../fault/rmap.js";
import type { VmAreaStruct } from "../mm_types.js";
import { vmBugOnPage } from "../mmdebug.js";
import type { Folio } from "../pages/folio.js";

function addEntry(folio: Folio): void {
  folio.entireMapcount++;
  folio.largeMapcount++;
}

/** First entry of a new private page. Linux mm/rmap.c:hugetlb_add_new_anon_rmap() */
export function hugetlbAddNewAnonRmap(folio: Folio, vma: VmAreaStruct, addr: Vaddr): void {
  folioSetAnon(folio, vma, addr, true);
  folio.private = 0; // the promise it was taken on is used up for good
  folio.entireMapcount = 1;
  folio.largeMapcount = 1;
  folio.anonExclusive = true;
}

/** One more entry for a page of a file. Linux include/linux/rmap.h:hugetlb_add_file_rmap() */
export function hugetlbAddFileRmap(folio: Folio): void {
  addEntry(folio);
}

/** fork: one more entry for a private page, which is shared from now on. Linux hugetlb_try_dup_anon_rmap() */
export function hugetlbTryDupAnonRmap(folio: Folio): void {
  folio.anonExclusive = false;
  addEntry(folio);
}

/** One entry is gone. Linux include/linux/rmap.h:hugetlb_remove_rmap() */
export function hugetlbRemoveRmap(folio: Folio): void {
  vmBugOnPage(folio.entireMapcount <= 0, folio.pfn, "is unmapped more often than mapped");
  folio.entireMapcount--;
  folio.largeMapcount--;
}
