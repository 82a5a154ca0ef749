/**
 * /proc/PID/pagemap: one 64-bit word for each page of the address space.
 *
 *   63 62 61 60 59  58    57 56   55    54                                        0
 *  +--+--+--+--+--+-----+--+----+-----+--------------------------------------------+
 *  |P |S |F |     |guard|  |excl|dirty|  frame number, or swap area and offset      |
 *  +--+--+--+-----+-----+--+----+-----+--------------------------------------------+
 *
 *   P present   S in swap (or a marker)   F file or shared memory   excl: mapped by nobody else   dirty: soft-dirty
 *
 * Words are split into two 32-bit halves and a frame number, because a JavaScript number holds 53 bits
 * exactly.
 *
 * Read first: mm/pgtable/pagewalk.ts. Read next: page.ts (what /proc says about the frame).
 */

import { PAGE_SIZE, PMD_SIZE } from "../hw/address.js";
import type { Pte } from "../hw/entry.js";
import { type MmStruct, VM_SOFTDIRTY } from "../mm/mm_types.js";
import {
  folioMapcount,
  folioNrPages,
  folioTestAnon,
  pageFolio,
  pageMapcount,
  pfnToPage,
} from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { ptePfn, ptePresent, pteSpecial, unknownPte } from "../mm/pgtable/pgtable.js";
import { pteSoftDirty, pteSwpSoftDirty } from "../mm/pgtable/soft_dirty.js";
import {
  isGuardPte,
  PTE_KIND_MIGRATION,
  PTE_KIND_PRESENT,
  pteToSwpEntry,
  swpOffset,
  swpType,
} from "../mm/pgtable/swapops.js";

/** Bit 63: a frame is mapped. Linux fs/proc/task_mmu.c:PM_PRESENT; so are all PM_ names below. */
export const PM_PRESENT = 2 ** 31;
/** Bit 62: the entry names a place in swap, or is a marker. */
export const PM_SWAP = 2 ** 30;
/** Bit 61: page of a file or of shared memory. */
export const PM_FILE = 2 ** 29;
/** Bit 58: a guard marker. */
export const PM_GUARD_REGION = 2 ** 26;
/** Bit 56: mapped exactly once. */
export const PM_MMAP_EXCLUSIVE = 2 ** 24;
/** Bit 55: written since the last clear_refs 4. */
export const PM_SOFT_DIRTY = 2 ** 23;
/** log2 of the number of swap areas that a word can name. Linux include/linux/swap.h:MAX_SWAPFILES_SHIFT */
const MAX_SWAPFILES_SHIFT = 5;

/**
 * One word of pagemap: `flags` are its bits 32 to 63 that are PM_ bits, `frame` its bits 0 to 54.
 * Not in Linux.
 */
export interface PagemapEntry {
  /** PM_ bits added up. */
  flags: number;
  /** Frame number of a present page; area and offset of one in swap. */
  frame: number;
}

const NOTHING: PagemapEntry = Object.freeze({ flags: 0, frame: 0 });

/**
 * The word for page `subpage` of a 2 MiB leaf. Whether it is mapped exclusively is asked of the first page
 * for all of them, as Linux does. Linux fs/proc/task_mmu.c:pagemap_pmd_range()
 */
function pmdToPagemapEntry(mm: MmStruct, pmd: Pte, subpage: number): PagemapEntry {
  const page = pfnToPage(mm.sys, ptePfn(pmd));
  const softDirty = pteSoftDirty(pmd) ? PM_SOFT_DIRTY : 0;
  const file = folioTestAnon(pageFolio(page)) ? 0 : PM_FILE; // so is the huge page of zeros
  const exclusive = pageMapcount(page) === 1 ? PM_MMAP_EXCLUSIVE : 0;
  return { flags: PM_PRESENT + file + exclusive + softDirty, frame: page.pfn + subpage };
}

/** The word for one entry of level 1. Linux fs/proc/task_mmu.c:pte_to_pagemap_entry() */
function pteToPagemapEntry(mm: MmStruct, pte: Pte, kind: number): PagemapEntry {
  if (kind === PTE_KIND_PRESENT) {
    const frame = ptePfn(pte);
    const softDirty = pteSoftDirty(pte) ? PM_SOFT_DIRTY : 0;
    if (pteSpecial(pte)) return { flags: PM_PRESENT + softDirty, frame };
    const page = pfnToPage(mm.sys, frame);
    const file = folioTestAnon(pageFolio(page)) ? 0 : PM_FILE;
    const exclusive = pageMapcount(page) === 1 ? PM_MMAP_EXCLUSIVE : 0;
    return { flags: PM_PRESENT + file + exclusive + softDirty, frame };
  }
  if (kind === PTE_KIND_MIGRATION) throw unknownPte(pte);
  const entry = pteToSwpEntry(pte);
  const frame = swpType(entry) + swpOffset(entry) * 2 ** MAX_SWAPFILES_SHIFT;
  const softDirty = pteSwpSoftDirty(pte) ? PM_SOFT_DIRTY : 0;
  return { flags: PM_SWAP + (isGuardPte(pte) ? PM_GUARD_REGION : 0) + softDirty, frame };
}

/**
 * The word for the small page at `addr` of a huge page of a pool. Linux
 * fs/proc/task_mmu.c:pagemap_hugetlb_range()
 */
function hugetlbToPagemapEntry(mm: MmStruct, pte: Pte, addr: number): PagemapEntry {
  if (!ptePresent(pte)) return NOTHING;
  const folio = pageFolio(pfnToPage(mm.sys, ptePfn(pte)));
  const file = folioTestAnon(folio) ? 0 : PM_FILE;
  const exclusive = folioMapcount(folio) === 1 ? PM_MMAP_EXCLUSIVE : 0;
  const frame = ptePfn(pte) + ((addr / PAGE_SIZE) % folioNrPages(folio));
  return { flags: PM_PRESENT + file + exclusive, frame };
}

/** The words of `nrPages` pages from address `start` on. Linux fs/proc/task_mmu.c:pagemap_read() */
export function pagemapRead(mm: MmStruct, start: number, nrPages: number): PagemapEntry[] {
  const words = new Array<PagemapEntry>(nrPages).fill(NOTHING);
  walkPageRange(mm, start, start + nrPages * PAGE_SIZE, {
    pteEntry(pte, addr, _ptep, kind) {
      words[(addr - start) / PAGE_SIZE] = pteToPagemapEntry(mm, pte, kind);
    },
    hugetlbEntry(pte, addr, _ptep, next) {
      for (let at = addr; at < next; at += PAGE_SIZE)
        words[(at - start) / PAGE_SIZE] = hugetlbToPagemapEntry(mm, pte, at);
    },
    pmdEntry(pmd, addr, _pmdp, next) {
      for (let at = addr; at < next; at += PAGE_SIZE) {
        const subpage = (at % PMD_SIZE) / PAGE_SIZE;
        words[(at - start) / PAGE_SIZE] = pmdToPagemapEntry(mm, pmd, subpage);
      }
    },
  });
  if (mm.sys.pageSoftDirty !== 0) addSoftDirtyVmas(mm, start, words);
  return words;
}

/**
 * All of a new mapping counts as written, also where nothing is. Linux fs/proc/task_mmu.c:pagemap_pte_hole()
 */
function addSoftDirtyVmas(mm: MmStruct, start: number, words: PagemapEntry[]): void {
  for (const vma of mm.mmMt.slice(start, start + words.length * PAGE_SIZE)) {
    if ((vma.vmFlags & VM_SOFTDIRTY) === 0) continue;
    const from = Math.max(0, (vma.vmStart - start) / PAGE_SIZE);
    const to = Math.min(words.length, (vma.vmEnd - start) / PAGE_SIZE);
    for (let i = from; i < to; i++) {
      const { flags, frame } = words[i]!;
      const marked = (flags & PM_SOFT_DIRTY) !== 0;
      words[i] = { flags: marked ? flags : flags + PM_SOFT_DIRTY, frame };
    }
  }
}

/**
 * The words as the bytes that reading the file gives: 8 each, little-endian. Not in Linux: copied to user
 * space there.
 */
export function pagemapBytes(words: readonly PagemapEntry[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint32(i * 8, word.frame % 2 ** 32, true);
    view.setUint32(i * 8 + 4, word.flags + Math.floor(word.frame / 2 ** 32), true);
  });
  return bytes;
}
