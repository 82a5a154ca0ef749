/**
 * /proc/PID/smaps and smaps_rollup: what is resident behind each mapping.
 *
 * To each line of maps, smaps adds what the page tables of that range hold right now, in kB:
 *
 *   Rss      pages present                     Pss      each page divided by the number of its mappings
 *   Shared_* mapped more than once             *_Dirty  the entry's dirty bit or the page's
 *   Locked   Pss of locked mappings            Swap     entries that name a place in swap
 *
 * Pss is summed in units of 1/4096 byte: each page adds floor(4096 * 4096 / mapcount), and only the sum
 * is rounded down to kB. So 60 pages shared by three give 79 kB, not 80.
 *
 * The zero page and pages that markers stand for are not counted: they have no page struct to share.
 *
 * Read first: task_mmu.ts, mm/pgtable/pagewalk.ts. Read next: pagemap.ts.
 */
import type { Pfn } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import { linearPageIndex } from "../mm/fault/rmap.js";
import { shmemPartialSwapUsage } from "../mm/filemap/shmem_swap.js";
import { thpVmaAllowableOrders } from "../mm/huge/thp_orders.js";
import {
  type MmStruct,
  VM_DROPPABLE,
  VM_EXEC,
  VM_LOCKED,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
} from "../mm/mm_types.js";
import {
  type Folio,
  folioMapcount,
  folioNrPages,
  folioTestAnon,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  pageFolio,
  pageMapcount,
  pfnToPage,
} from "../mm/pages/folio.js";
import { type MmWalkOps, walkPageRangeVma } from "../mm/pgtable/pagewalk.js";
import { pteDirty, ptePfn, pteSpecial, pteYoung, unknownPte } from "../mm/pgtable/pgtable.js";
import { PTE_KIND_MIGRATION, PTE_KIND_PRESENT, PTE_KIND_SWAP, pteToSwpEntry } from "../mm/pgtable/swapops.js";
import { swpSwapcount } from "../mm/swap/swap_map.js";
import type { SwpEntry } from "../mm/swap/swap_types.js";
import type { MemorySystem } from "../mm/system.js";
import { kbLine, putHex } from "./seq_file.js";
import { gateLine, showMapVma } from "./task_mmu.js";

/** Two-letter names of VM_ bits, by bit number. Linux fs/proc/task_mmu.c:show_smap_vma_flags() */
const VM_FLAG_NAMES: readonly (string | undefined)[] = [
  "rd",
  "wr",
  "ex",
  "sh",
  "mr",
  "mw",
  "me",
  "ms",
  "gd",
  "um",
  "pf",
  "gu",
  "uw",
  "lo",
  "io",
  "sr",
  "rr",
  "dc",
  "de",
  "lf",
  "ac",
  "nr",
  "ht",
  "sf",
  undefined, // VM_DROPPABLE
  "wf",
  "dd",
  "sd",
  "mm",
  "hg",
  "nh",
  "mg",
];

/** log2 of the fractions of a byte in which Pss is summed. Linux fs/proc/task_mmu.c:PSS_SHIFT */
const PSS_SHIFT = 12;
const PSS_UNIT = 2 ** PSS_SHIFT;

/**
 * What smaps adds up over the pages of a mapping: bytes, Pss in 1/4096 bytes. Linux fs/proc/task_mmu.c:struct
 * mem_size_stats
 */
class MemSizeStats {
  resident = 0;
  sharedClean = 0;
  sharedDirty = 0;
  privateClean = 0;
  privateDirty = 0;
  referenced = 0;
  anonymous = 0;
  lazyfree = 0;
  anonymousThp = 0;
  shmemThp = 0;
  fileThp = 0;
  sharedHugetlb = 0;
  privateHugetlb = 0;
  swap = 0;
  pss = 0;
  pssAnon = 0;
  pssFile = 0;
  pssShmem = 0;
  pssLocked = 0;
  pssDirty = 0;
  swapPss = 0;
}

/**
 * Adds `nrPages` pages from frame `pfn` on, as one entry maps them. Linux fs/proc/task_mmu.c:smaps_account()
 */
function smapsAccount(
  mss: MemSizeStats,
  sys: MemorySystem,
  pfn: Pfn,
  nrPages: number,
  entry: number,
  locked: boolean,
): void {
  const folio = pageFolio(pfnToPage(sys, pfn));
  const size = nrPages * PAGE_SIZE;
  if (folioTestAnon(folio)) {
    mss.anonymous += size;
    if ((folio.flags & (PG_swapbacked | PG_dirty)) === 0 && !pteDirty(entry)) mss.lazyfree += size;
  }
  mss.resident += size;
  if (pteYoung(entry) || (folio.flags & PG_referenced) !== 0) mss.referenced += size;
  const dirty = pteDirty(entry) || (folio.flags & PG_dirty) !== 0;
  for (let i = 0; i < nrPages; i++)
    smapsPageAccumulate(mss, folio, pageMapcount(pfnToPage(sys, pfn + i)), dirty, locked);
}

/** Adds one page by how often it is mapped. Linux fs/proc/task_mmu.c:smaps_page_accumulate() */
function smapsPageAccumulate(
  mss: MemSizeStats,
  folio: Folio,
  mapcount: number,
  dirty: boolean,
  locked: boolean,
): void {
  const shared = mapcount >= 2;
  const pss = shared ? Math.floor((PAGE_SIZE * PSS_UNIT) / mapcount) : PAGE_SIZE * PSS_UNIT;
  mss.pss += pss;
  if (folioTestAnon(folio)) mss.pssAnon += pss;
  else if ((folio.flags & PG_swapbacked) !== 0) mss.pssShmem += pss;
  else mss.pssFile += pss;
  if (locked) mss.pssLocked += pss;
  if (dirty) mss.pssDirty += pss;
  if (shared && dirty) mss.sharedDirty += PAGE_SIZE;
  else if (shared) mss.sharedClean += PAGE_SIZE;
  else if (dirty) mss.privateDirty += PAGE_SIZE;
  else mss.privateClean += PAGE_SIZE;
}

/** Adds what the page tables hold for `vma` to `mss`. Linux fs/proc/task_mmu.c:smap_gather_stats() */
function smapGatherStats(vma: VmAreaStruct, mss: MemSizeStats): void {
  const { sys } = vma.vmMm;
  const locked = (vma.vmFlags & VM_LOCKED) !== 0;
  walkPageRangeVma(vma, vma.vmStart, vma.vmEnd, {
    ...shmemSwapOps(vma, mss),
    pteEntry(pte, _addr, _ptep, kind) {
      if (kind === PTE_KIND_SWAP) smapsSwapEntry(mss, sys, pteToSwpEntry(pte));
      else if (kind === PTE_KIND_MIGRATION) throw unknownPte(pte);
      else if (kind === PTE_KIND_PRESENT && !pteSpecial(pte))
        smapsAccount(mss, sys, ptePfn(pte), 1, pte, locked);
    },
    hugetlbEntry(pte) {
      if (pte === 0) return;
      const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
      const size = folioNrPages(folio) * PAGE_SIZE;
      if (folioMapcount(folio) > 1) mss.sharedHugetlb += size;
      else mss.privateHugetlb += size;
    },
    pmdEntry(pmd) {
      if (pteSpecial(pmd)) return;
      const folio = pageFolio(pfnToPage(sys, ptePfn(pmd)));
      if (folioTestAnon(folio)) mss.anonymousThp += 512 * PAGE_SIZE;
      else if ((folio.flags & PG_swapbacked) !== 0) mss.shmemThp += 512 * PAGE_SIZE;
      else mss.fileThp += 512 * PAGE_SIZE;
      smapsAccount(mss, sys, ptePfn(pmd), 512, pmd, locked);
    },
  });
}

/**
 * Adds what a file in memory has in swap. A private writable mapping may have copies of its own of such
 * pages, so there only the places where nothing is mapped count.
 * Linux fs/proc/task_mmu.c:smap_gather_stats(), smaps_pte_hole()
 */
function shmemSwapOps(vma: VmAreaStruct, mss: MemSizeStats): MmWalkOps {
  const mapping = vma.vmFile?.fMapping;
  if (mapping === undefined || mapping.swapEntries.size === 0) return {};
  const add = (start: number, end: number): void => {
    const first = linearPageIndex(vma, start);
    mss.swap += shmemPartialSwapUsage(mapping, first, first + (end - start) / PAGE_SIZE) * PAGE_SIZE;
  };
  if ((vma.vmFlags & (VM_SHARED | VM_WRITE)) === VM_WRITE) return { pteHole: add };
  add(vma.vmStart, vma.vmEnd);
  return {};
}

/** One page in swap, which those who have its slot share. Linux fs/proc/task_mmu.c:smaps_pte_entry() */
function smapsSwapEntry(mss: MemSizeStats, sys: MemorySystem, entry: SwpEntry): void {
  mss.swap += PAGE_SIZE;
  mss.swapPss += Math.floor((PAGE_SIZE * PSS_UNIT) / Math.max(1, swpSwapcount(sys, entry)));
}

function kb(bytes: number): number {
  return Math.floor(bytes / 1024);
}

/** The lines that smaps and smaps_rollup have in common. Linux fs/proc/task_mmu.c:__show_smap() */
function showSmapLines(mss: MemSizeStats, rollup: boolean): string {
  const pss = (value: number): number => Math.floor(Math.floor(value / PSS_UNIT) / 1024);
  let text =
    kbLine("Rss:", kb(mss.resident)) + kbLine("Pss:", pss(mss.pss)) + kbLine("Pss_Dirty:", pss(mss.pssDirty));
  if (rollup)
    text +=
      kbLine("Pss_Anon:", pss(mss.pssAnon)) +
      kbLine("Pss_File:", pss(mss.pssFile)) +
      kbLine("Pss_Shmem:", pss(mss.pssShmem));
  return (
    text +
    kbLine("Shared_Clean:", kb(mss.sharedClean)) +
    kbLine("Shared_Dirty:", kb(mss.sharedDirty)) +
    kbLine("Private_Clean:", kb(mss.privateClean)) +
    kbLine("Private_Dirty:", kb(mss.privateDirty)) +
    kbLine("Referenced:", kb(mss.referenced)) +
    kbLine("Anonymous:", kb(mss.anonymous)) +
    kbLine("KSM:", 0) +
    kbLine("LazyFree:", kb(mss.lazyfree)) +
    kbLine("AnonHugePages:", kb(mss.anonymousThp)) +
    kbLine("ShmemPmdMapped:", kb(mss.shmemThp)) +
    kbLine("FilePmdMapped:", kb(mss.fileThp)) +
    kbLine("Shared_Hugetlb:", kb(mss.sharedHugetlb)) +
    kbLine("Private_Hugetlb:", kb(mss.privateHugetlb)) +
    kbLine("Swap:", kb(mss.swap)) +
    kbLine("SwapPss:", pss(mss.swapPss)) +
    kbLine("Locked:", pss(mss.pssLocked))
  );
}

/** Flags of a mapping as two-letter names. Linux fs/proc/task_mmu.c:show_smap_vma_flags() */
export function showVmFlags(vmFlags: number): string {
  let text = "VmFlags: ";
  for (let bit = 0; bit < 32; bit++)
    if ((vmFlags & (1 << bit)) !== 0 && VM_FLAG_NAMES[bit] !== undefined) text += `${VM_FLAG_NAMES[bit]} `;
  if ((vmFlags & VM_DROPPABLE) !== 0) text += "dp "; // last: bit 40 there
  return `${text}\n`;
}

/** Orders that a folio may have, of anonymous memory or of a file. Linux THP_ORDERS_ALL */
const THP_ORDERS_ALL = 0x3fe;

/** The block of /proc/PID/smaps for `vma`. Linux fs/proc/task_mmu.c:show_smap() */
export function showSmap(vma: VmAreaStruct): string {
  const mss = new MemSizeStats();
  smapGatherStats(vma, mss);
  const pageKb = (vma.vmOps?.pagesize?.(vma) ?? PAGE_SIZE) / 1024;
  return smapBlock(
    showMapVma(vma),
    vma.vmEnd - vma.vmStart,
    mss,
    thpVmaAllowableOrders(vma, "smaps", THP_ORDERS_ALL) !== 0,
    vma.vmFlags,
    pageKb,
  );
}

function smapBlock(
  header: string,
  size: number,
  mss: MemSizeStats,
  eligible: boolean,
  vmFlags: number,
  pageKb = PAGE_SIZE / 1024,
): string {
  return (
    header +
    kbLine("Size:", size / 1024) +
    kbLine("KernelPageSize:", pageKb) +
    kbLine("MMUPageSize:", pageKb) +
    showSmapLines(mss, false) +
    `THPeligible:    ${String(eligible ? 1 : 0).padStart(8)}\n` +
    showVmFlags(vmFlags)
  );
}

/** The blocks of /proc/PID/smaps. Linux fs/proc/task_mmu.c:pid_smaps_op */
export function pidSmapsRecords(mm: MmStruct): string[] {
  return [
    ...Array.from(mm.mmMt, showSmap),
    smapBlock(gateLine(), PAGE_SIZE, new MemSizeStats(), false, VM_EXEC),
  ];
}

/** /proc/PID/smaps. Linux fs/proc/task_mmu.c:pid_smaps_op */
export function pidSmaps(mm: MmStruct): string {
  return pidSmapsRecords(mm).join("");
}

/** /proc/PID/smaps_rollup: smaps added up over all mappings. Linux fs/proc/task_mmu.c:show_smaps_rollup() */
export function pidSmapsRollup(mm: MmStruct): string {
  const mss = new MemSizeStats();
  let start = 0;
  let end = 0;
  for (const vma of mm.mmMt) {
    if (end === 0) start = vma.vmStart;
    end = vma.vmEnd;
    smapGatherStats(vma, mss);
  }
  const header = `${putHex(start, 8)}-${putHex(end, 8)} ---p 00000000 00:00 0 `;
  return `${header.padEnd(73)}[rollup]\n${showSmapLines(mss, true)}`;
}
