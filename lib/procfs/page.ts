/**
 * /proc/kpagecount and /proc/kpageflags: one 64-bit word for each frame of RAM.
 *
 *   kpagecount[pfn]   how many page-table entries map the frame
 *   kpageflags[pfn]   what it is: bits KPF_LRU, KPF_ANON, KPF_DIRTY, KPF_BUDDY, ...
 *
 * With the frame numbers of pagemap they answer "what is behind this page, and who else has it" from outside
 * the kernel. The bits are Linux's stable numbers for user space, not the kernel's own flag bits.
 *
 * Read first: pagemap.ts.
 */
import type { Pfn } from "../hw/address.js";
import {
  folioTestAnon,
  folioTestHugetlb,
  folioTestLarge,
  type Page,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_reserved,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_writeback,
  PGTY_none,
  PGTY_slab,
  PGTY_table,
  pageFolio,
  pageMapcount,
  peekPage,
} from "../mm/pages/folio.js";
import type { MemorySystem } from "../mm/system.js";

/** Linux include/uapi/linux/kernel-page-flags.h; so are all KPF_ names below. */
export const KPF_LOCKED = 0;
export const KPF_REFERENCED = 2;
export const KPF_UPTODATE = 3;
export const KPF_DIRTY = 4;
export const KPF_LRU = 5;
export const KPF_ACTIVE = 6;
export const KPF_SLAB = 7;
export const KPF_WRITEBACK = 8;
export const KPF_RECLAIM = 9;
/** Free, first frame of its block. */
export const KPF_BUDDY = 10;
/** Some entry maps it. */
export const KPF_MMAP = 11;
export const KPF_ANON = 12;
export const KPF_SWAPCACHE = 13;
export const KPF_SWAPBACKED = 14;
export const KPF_COMPOUND_HEAD = 15;
export const KPF_COMPOUND_TAIL = 16;
export const KPF_HUGE = 17;
export const KPF_UNEVICTABLE = 18;
export const KPF_NOPAGE = 20;
/** Part of a large folio of anonymous memory or page cache. */
export const KPF_THP = 22;
export const KPF_ZERO_PAGE = 24;
export const KPF_PGTABLE = 26;
export const KPF_RESERVED = 32;
export const KPF_MLOCKED = 33;
export const KPF_PRIVATE = 35;

/** Kernel flag bits that become one KPF_ bit each. */
const COPIED: readonly (readonly [number, number])[] = [
  [PG_locked, KPF_LOCKED],
  [PG_referenced, KPF_REFERENCED],
  [PG_uptodate, KPF_UPTODATE],
  [PG_dirty, KPF_DIRTY],
  [PG_lru, KPF_LRU],
  [PG_active, KPF_ACTIVE],
  [PG_writeback, KPF_WRITEBACK],
  [PG_reclaim, KPF_RECLAIM],
  [PG_swapbacked, KPF_SWAPBACKED],
  [PG_unevictable, KPF_UNEVICTABLE],
  [PG_reserved, KPF_RESERVED],
  [PG_mlocked, KPF_MLOCKED],
  [PG_private, KPF_PRIVATE],
];

/** Word of /proc/kpagecount for frame `pfn`. Linux fs/proc/page.c:kpagecount_read() */
export function kpagecount(sys: MemorySystem, pfn: Pfn): number {
  const page = peekPage(sys, pfn);
  if (page === undefined || (page.pageType !== PGTY_none && !folioTestHugetlb(page)) || pfn === sys.zeroPfn)
    return 0;
  return pageMapcount(page);
}

/**
 * Word of /proc/kpageflags for frame `pfn`: KPF_ bits (2^KPF_x) added up.
 * Linux fs/proc/page.c:stable_page_flags()
 */
export function kpageflags(sys: MemorySystem, pfn: Pfn): number {
  if (pfn >= sys.ram.nrFrames) return 2 ** KPF_NOPAGE;
  if (sys.zones.some((zone) => zone.isFreeBlock(pfn))) return 2 ** KPF_BUDDY;
  const page = peekPage(sys, pfn);
  return page === undefined ? 0 : stablePageFlags(sys, page);
}

function stablePageFlags(sys: MemorySystem, page: Page): number {
  const folio = pageFolio(page);
  const large = folioTestHugetlb(folio) ? 2 ** KPF_HUGE : 2 ** KPF_THP;
  let u = 0;
  if (pageMapcount(page) > 0) u += 2 ** KPF_MMAP;
  if (folioTestAnon(folio)) u += 2 ** KPF_ANON;
  if (folioTestLarge(folio)) u += 2 ** (page === folio ? KPF_COMPOUND_HEAD : KPF_COMPOUND_TAIL) + large;
  if (page.pfn === sys.zeroPfn || folio === sys.thp.hugeZeroFolio) u += 2 ** KPF_ZERO_PAGE;
  if (page.pageType === PGTY_table) u += 2 ** KPF_PGTABLE;
  if (page.pageType === PGTY_slab) u += 2 ** KPF_SLAB;
  for (const [flag, kpf] of COPIED) if ((folio.flags & flag) !== 0) u += 2 ** kpf;
  if ((folio.flags & (PG_swapcache | PG_swapbacked)) === (PG_swapcache | PG_swapbacked))
    u += 2 ** KPF_SWAPCACHE;
  return u;
}

/** Whether bit `kpf` is set in a word of kpageflags. Not in Linux. */
export function hasKpf(word: number, kpf: number): boolean {
  return Math.floor(word / 2 ** kpf) % 2 === 1;
}

/** `nrFrames` words from `fn` as the bytes of the file. Not in Linux: copied to user space there. */
export function wordBytes(nrFrames: number, fn: (pfn: Pfn) => number): Uint8Array {
  const bytes = new Uint8Array(nrFrames * 8);
  const view = new DataView(bytes.buffer);
  for (let pfn = 0; pfn < nrFrames; pfn++) {
    const word = fn(pfn);
    view.setUint32(pfn * 8, word % 2 ** 32, true);
    view.setUint32(pfn * 8 + 4, Math.floor(word / 2 ** 32), true);
  }
  return bytes;
}
