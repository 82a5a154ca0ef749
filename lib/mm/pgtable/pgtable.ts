/**
 * Page-table entries as the kernel handles them: values, pointers to them, and what each bit means to memory
 * management.
 *
 *   value   52   51                             12 11 10 9 8 7 6 5 4 3 2 1 0      a safe integer; bit 52 stands for
 *          +----+---------------------------------+--+--+-+-+-+-+-+-+-+-+-+-+     bit 63 (NX) of the entry in RAM
 *          | NX |       page frame number         |SD|WP|S|G| |D|A| | |U|W|P|
 *          +----+---------------------------------+--+--+-+-+-+-+-+-+-+-+-+-+
 *
 *   pointer ptep = table's frame number * 512 + index: the entry's physical address divided by 8. 0 is no pointer.
 *
 * An entry is one of: empty (0); present for the processor (P); present for Linux only (bit 8 without P:
 * PROT_NONE keeps the frame but makes every access fault); or not present but not empty: then the entry
 * belongs to the kernel, which keeps a note there: a guard marker (MADV_GUARD_INSTALL) or the place of a page
 * in swap (swapops.ts). In RAM such an entry looks as x86-64 wants it, with the offset inverted, so that
 * a processor that guesses ahead and takes it for a frame finds none there (L1TF); as a value it is not:
 *
 *   in RAM   63  59 58                                 9 8 7 6 5 4 3 2 1 0
 *           +------+------------------------------------+-+-+-----+-+-+-+-+
 *           | type |           NOT offset               |0|0|     |E|F|S|0|   E (bit 3): the page was exclusive
 *           +------+------------------------------------+-+-+-----+-+-+-+-+   F: uffd-wp, S: soft-dirty
 *   value    51  47 46        9
 *           | type |  offset   |        the lower bits as in RAM
 *
 * JavaScript's & takes an integer modulo 2^32, so the flag bits 0 to 11 of a value may be tested with &
 * directly; bits are set and cleared by adding and subtracting.
 *
 * Read first: hw/entry.ts. Read next: swapops.ts (notes), pgtable_alloc.ts (tables), mm/fault/memory.ts
 * (faults).
 */
import type { Pfn, Vaddr } from "../../hw/address.js";
import type { Pte } from "../../hw/entry.js";
import {
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
} from "../../hw/entry.js";
import type { Ram } from "../../hw/ram.js";
import { VM_EXEC, VM_HUGETLB, VM_READ, VM_SHARED, VM_WRITE, type VmAreaStruct } from "../mm_types.js";
import { VmBug } from "../mmdebug.js";
import { PAGE_SOFT_DIRTY, vmaSoftDirtyEnabled } from "./soft_dirty.js";

/** NX in a value: no instruction fetches. Bit 63 in RAM. */
export const PTE_NX = 2 ** 52;
/**
 * Present for Linux but not for the processor: PROT_NONE.
 * Linux arch/x86/include/asm/pgtable_types.h:_PAGE_PROTNONE
 */
export const PAGE_PROTNONE = PAGE_GLOBAL;
/** The frame has no counts to keep, as the zero page. Linux _PAGE_SPECIAL (_PAGE_BIT_SOFTW1) */
export const PAGE_SPECIAL = 0x200;
/** An entry that points to a lower table. Linux arch/x86/include/asm/pgtable_types.h:_PAGE_TABLE */
export const PAGE_TABLE = PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED | PAGE_DIRTY;
/** Entries in a table. Linux PTRS_PER_PTE */
export const PTRS_PER_PTE = 512;

/** Either of them makes an entry present. */
export const PRESENT_BITS = PAGE_PRESENT | PAGE_PROTNONE;
const TWO_32 = 2 ** 32;

/** Value of the entry at `ptep`. Linux ptep_get() */
export function ptepGet(ram: Ram, ptep: number): Pte {
  const section = ram.sectionOf((ptep / 512) >>> 0);
  if (section === undefined) return 0;
  const word = (ptep & 0x7f_ffff) << 1;
  const lo = section.words[word]!;
  const hi = section.words[word + 1]!;
  if ((lo & PRESENT_BITS) === 0) return noteOf(lo, hi);
  return (lo >>> 0) + (hi & 0xf_ffff) * TWO_32 + (hi < 0 ? PTE_NX : 0);
}

/** Value of an entry that is not present, from its two words. */
function noteOf(lo: number, hi: number): Pte {
  if (lo === 0 && hi === 0) return 0;
  const offsetHigh = ~hi & 0x7ff_ffff;
  if (offsetHigh >= 0x8000) return PTE_NX + (lo >>> 0); // no note of ours: classifyPte() throws for it
  return ((hi >>> 27) * 2 ** 38 + offsetHigh * 2 ** 23 + (~lo >>> 9)) * 512 + (lo & 0x1ff);
}

/** Stores an entry that is neither empty nor present. */
function setNote(words: Int32Array, word: number, pte: Pte): void {
  const offset = Math.floor(pte / 512) % 2 ** 38;
  words[word] = (~(offset * 512) & ~0x1ff) | (pte & 0x1ff);
  words[word + 1] = (Math.floor(pte / 2 ** 47) << 27) | (~Math.floor(offset / 2 ** 23) & 0x7ff_ffff);
}

/** Stores `pte` at `ptep`. Linux set_pte() */
export function setPte(ram: Ram, ptep: number, pte: Pte): void {
  const words = ram.touchSection((ptep / 512) >>> 0).words;
  const word = (ptep & 0x7f_ffff) << 1;
  if ((pte & PRESENT_BITS) === 0 && pte !== 0) {
    setNote(words, word, pte);
    return;
  }
  words[word] = pte | 0;
  words[word + 1] = pte >= PTE_NX ? ((pte - PTE_NX) / TWO_32) | 0x8000_0000 : (pte / TWO_32) | 0;
}

/** Empties the entry. Linux pte_clear() */
export function pteClear(ram: Ram, ptep: number): void {
  setPte(ram, ptep, 0);
}

/** Empties the entry and returns what it held. Linux ptep_get_and_clear() */
export function ptepGetAndClear(ram: Ram, ptep: number): Pte {
  const pte = ptepGet(ram, ptep);
  setPte(ram, ptep, 0);
  return pte;
}

/** Nothing there at all. Linux pte_none() */
export function pteNone(pte: Pte): boolean {
  return pte === 0;
}

/** A frame is mapped here, reachable or (PROT_NONE) not. Linux pte_present() */
export function ptePresent(pte: Pte): boolean {
  return (pte & PRESENT_BITS) !== 0;
}

/** The present entry denies every access. Linux pte_protnone() */
export function pteProtnone(pte: Pte): boolean {
  return (pte & PRESENT_BITS) === PAGE_PROTNONE;
}

/** Writes are let through. Linux pte_write() */
export function pteWrite(pte: Pte): boolean {
  return (pte & PAGE_RW) !== 0;
}

/** Written through since the bit was cleared. Linux pte_dirty() */
export function pteDirty(pte: Pte): boolean {
  return (pte & PAGE_DIRTY) !== 0;
}

/** Used since the bit was cleared. Linux pte_young() */
export function pteYoung(pte: Pte): boolean {
  return (pte & PAGE_ACCESSED) !== 0;
}

/** The frame's counts are not kept for this entry. Linux pte_special() */
export function pteSpecial(pte: Pte): boolean {
  return (pte & PAGE_SPECIAL) !== 0;
}

// Where the fields of an entry and of an address begin is written out below: 0x1000 is bit 12, 0x20_0000
// bit 21. As numbers and not as PAGE_SIZE, because an imported constant is read from memory at each use, and
// fork lost a twentieth by it.

/** Frame number of a present entry. Linux pte_pfn() */
export function ptePfn(pte: Pte): Pfn {
  return Math.floor((pte >= PTE_NX ? pte - PTE_NX : pte) / 0x1000);
}

/** The entry for frame `pfn` with protection `prot` (vmGetPageProt()). Linux pfn_pte() */
export function pfnPte(pfn: Pfn, prot: number): Pte {
  return pfn * 0x1000 + prot;
}

function setBit(pte: Pte, bit: number): number {
  return (pte & bit) !== 0 ? pte : pte + bit;
}

function clearBit(pte: Pte, bit: number): number {
  return (pte & bit) !== 0 ? pte - bit : pte;
}

/** Linux pte_mkwrite_novma() */
export function pteMkwrite(pte: Pte): Pte {
  return setBit(pte, PAGE_RW);
}

/** Linux pte_wrprotect() */
export function pteWrprotect(pte: Pte): Pte {
  return clearBit(pte, PAGE_RW);
}

/**
 * Written, and to be noticed as such: `softDirty` is sys.pageSoftDirty, 0 where nobody may ask for it
 * (soft_dirty.ts). Linux pte_mkdirty()
 */
export function pteMkdirty(pte: Pte, softDirty = 0): Pte {
  return pte + ((PAGE_DIRTY | softDirty) & ~pte);
}

/** Linux pte_mkclean() */
export function pteMkclean(pte: Pte): Pte {
  return clearBit(pte, PAGE_DIRTY);
}

/** Linux pte_mkyoung() */
export function pteMkyoung(pte: Pte): Pte {
  return setBit(pte, PAGE_ACCESSED);
}

/** Linux pte_mkold() */
export function pteMkold(pte: Pte): Pte {
  return clearBit(pte, PAGE_ACCESSED);
}

/** Linux pte_mkspecial() */
export function pteMkspecial(pte: Pte): Pte {
  return setBit(pte, PAGE_SPECIAL);
}

/**
 * The present entry with its protection exchanged; frame, accessed, dirty (soft-dirty, too) and special stay.
 * Linux pte_modify()
 */
export function pteModify(pte: Pte, prot: number): Pte {
  return (
    ptePfn(pte) * 0x1000 +
    (pte & (PAGE_ACCESSED | PAGE_DIRTY | PAGE_SOFT_DIRTY | PAGE_SPECIAL | PAGE_PSE)) +
    clearBit(prot, PAGE_ACCESSED)
  );
}

/** Sets the dirty bit if `vma` may write. Linux mm/memory.c:maybe_mkwrite() */
export function maybeMkwrite(pte: Pte, vma: VmAreaStruct): Pte {
  return (vma.vmFlags & VM_WRITE) !== 0 ? pteMkwrite(pte) : pte;
}

const PROT_NONE_BITS = PAGE_PROTNONE + PAGE_ACCESSED;
const PROT_READONLY = PAGE_PRESENT + PAGE_USER + PAGE_ACCESSED;

/**
 * Protection bits for VMA flags: private writable memory starts read-only (copy on write).
 * Linux vm_get_page_prot()
 */
export function vmGetPageProt(vmFlags: number): number {
  if ((vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) === 0) return PROT_NONE_BITS + PTE_NX;
  const writable = (vmFlags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) ? PAGE_RW : 0;
  return PROT_READONLY + writable + ((vmFlags & VM_EXEC) !== 0 ? 0 : PTE_NX);
}

/**
 * Whether the first write through each shared page must fault, to be noticed.
 * Linux mm/vma.c:vma_wants_writenotify()
 */
export function vmaWantsWritenotify(vma: VmAreaStruct): boolean {
  if ((vma.vmFlags & (VM_WRITE | VM_SHARED)) !== (VM_WRITE | VM_SHARED)) return false;
  if (vma.vmOps?.pageMkwrite !== undefined) return true;
  return vmaSoftDirtyEnabled(vma) && (vma.vmFlags & VM_HUGETLB) === 0;
}

/**
 * The protection new entries of `vma` get. Linux vma->vm_page_prot, set by mm/mmap.c:vma_set_page_prot().
 * Differs from Linux: computed when needed, so it cannot be out of date.
 */
export function vmaPageProt(vma: VmAreaStruct): number {
  return vmGetPageProt(vmaWantsWritenotify(vma) ? vma.vmFlags & ~VM_SHARED : vma.vmFlags);
}

/** Index into the table of level 1 (entries of 4 KiB). Linux pte_index() */
export function pteIndex(addr: Vaddr): number {
  return Math.floor(addr / 0x1000) & 511;
}

/** Index into the table of level 2. Linux pmd_index() */
export function pmdIndex(addr: Vaddr): number {
  return Math.floor(addr / 0x20_0000) & 511;
}

/** Index into the table of level 3. Linux pud_index() */
export function pudIndex(addr: Vaddr): number {
  return Math.floor(addr / 0x4000_0000) & 511;
}

/** Index into the top table. Linux pgd_index() */
export function pgdIndex(addr: Vaddr): number {
  return Math.floor(addr / 0x80_0000_0000) & 511;
}

/**
 * What a walk throws that meets an entry of a kind it has no answer for. Not in Linux: BUG() or bad page map
 * there.
 */
export function unknownPte(pte: Pte): VmBug {
  return new VmBug(`page-table entry ${pte.toString(16)} is of a kind that has no place here`);
}

/**
 * Whether an entry that is not empty, in a table above level 1, is a leaf and not a table; throws if it is
 * neither.
 * Not in Linux: pmd_leaf() and pmd_bad(), one after the other.
 */
export function leafNotTable(entry: Pte): boolean {
  if ((entry & (PAGE_PRESENT | PAGE_PSE)) === PAGE_PRESENT) return false;
  if (!pmdLeaf(entry)) throw unknownPte(entry);
  return true;
}

/** The entry is a leaf in a table of level 2 or 3. Linux pmd_leaf() */
export function pmdLeaf(pmd: number): boolean {
  return (
    (pmd & (PAGE_PRESENT | PAGE_PSE)) === (PAGE_PRESENT | PAGE_PSE) ||
    (pmd & (PAGE_PROTNONE | PAGE_PSE | PAGE_PRESENT)) === (PAGE_PROTNONE | PAGE_PSE)
  );
}
