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
 * in swap:
 *
 *          51        47 46                                9 8 7    3 2 1 0
 *         +------------+-----------------------------------+-+------+-----+
 *         |    type    |              offset               |0|E     |    0|    E (bit 3): the page was exclusive
 *         +------------+-----------------------------------+-+------+-----+
 *
 * JavaScript's & takes an integer modulo 2^32, so the flag bits 0 to 11 of a value may be tested with &
 * directly; bits are set and cleared by adding and subtracting.
 *
 * The type says whose note it is; classifyPte() sorts every entry by it, and a walk that meets a kind it does
 * not know throws:
 *
 *   0 to 23 place in swap    25 to 27 page on the move    31 marker    others: kinds that nothing here makes
 *
 * Differs from Linux: a swap entry's type is in bits 47 to 51 instead of 59 to 63, and frame numbers are not
 * inverted.
 *
 * Read first: hw/entry.ts. Read next: pgtable_alloc.ts (tables), mm/fault/memory.ts (faults).
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
import { VM_EXEC, VM_READ, VM_SHARED, VM_WRITE, type VmAreaStruct } from "../mm_types.js";
import { VmBug } from "../mmdebug.js";

/** NX in a value: no instruction fetches. Bit 63 in RAM. */
export const PTE_NX = 2 ** 52;
/**
 * Present for Linux but not for the processor: PROT_NONE.
 * Linux arch/x86/include/asm/pgtable_types.h:_PAGE_PROTNONE
 */
export const PAGE_PROTNONE = PAGE_GLOBAL;
/** The frame has no counts to keep, as the zero page. Linux _PAGE_SPECIAL (_PAGE_BIT_SOFTW1) */
export const PAGE_SPECIAL = 0x200;
/** In a swap entry: the page belonged to this mm alone. Linux _PAGE_SWP_EXCLUSIVE */
export const PAGE_SWP_EXCLUSIVE = 0x008;
/** An entry that points to a lower table. Linux arch/x86/include/asm/pgtable_types.h:_PAGE_TABLE */
export const PAGE_TABLE = PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED | PAGE_DIRTY;
/** Entries in a table. Linux PTRS_PER_PTE */
export const PTRS_PER_PTE = 512;

const PRESENT_BITS = PAGE_PRESENT | PAGE_PROTNONE;
const TWO_32 = 2 ** 32;

/** Value of the entry at `ptep`. Linux ptep_get() */
export function ptepGet(ram: Ram, ptep: number): Pte {
  const section = ram.sectionOf((ptep / 512) >>> 0);
  if (section === undefined) return 0;
  const word = (ptep & 0x7f_ffff) << 1;
  const hi = section.words[word + 1]!;
  return (section.words[word]! >>> 0) + (hi & 0xf_ffff) * TWO_32 + (hi < 0 ? PTE_NX : 0);
}

/** Stores `pte` at `ptep`. Linux set_pte() */
export function setPte(ram: Ram, ptep: number, pte: Pte): void {
  const words = ram.touchSection((ptep / 512) >>> 0).words;
  const word = (ptep & 0x7f_ffff) << 1;
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

/** Linux pte_mkdirty() */
export function pteMkdirty(pte: Pte): Pte {
  return setBit(pte, PAGE_DIRTY);
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
 * The present entry with its protection exchanged; frame, accessed, dirty and special stay.
 * Linux pte_modify()
 */
export function pteModify(pte: Pte, prot: number): Pte {
  return (
    ptePfn(pte) * 0x1000 +
    (pte & (PAGE_ACCESSED | PAGE_DIRTY | PAGE_SPECIAL | PAGE_PSE)) +
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
  return (
    (vma.vmFlags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) && vma.vmOps?.pageMkwrite !== undefined
  );
}

/**
 * The protection new entries of `vma` get. Linux vma->vm_page_prot, set by mm/mmap.c:vma_set_page_prot().
 * Differs from Linux: computed when needed, so it cannot be out of date.
 */
export function vmaPageProt(vma: VmAreaStruct): number {
  return vmGetPageProt(vmaWantsWritenotify(vma) ? vma.vmFlags & ~VM_SHARED : vma.vmFlags);
}

/**
 * Types below are swap areas; those from here on are other notes. Linux include/linux/swap.h:MAX_SWAPFILES
 */
export const MAX_SWAPFILES = 24;
/**
 * First of the three types of a page on the move: read-only. Linux include/linux/swap.h:SWP_MIGRATION_READ
 */
export const SWP_MIGRATION_READ = 25;
/** Last of them: writable. Linux include/linux/swap.h:SWP_MIGRATION_WRITE */
export const SWP_MIGRATION_WRITE = 27;
/** Type of a swap entry that is no swap but a marker. Linux include/linux/swap.h:SWP_PTE_MARKER */
export const SWP_PTE_MARKER = 31;
/** Marker: touching it is SIGSEGV. Linux include/linux/swapops.h:PTE_MARKER_GUARD */
export const PTE_MARKER_GUARD = 4;
/** Marker: the page was lost, touching it is SIGBUS. Linux PTE_MARKER_POISONED */
export const PTE_MARKER_POISONED = 2;

/**
 * The entry of swap area `type` (0 to 31), page `offset` (below 2^38). Page 0 of area 0 has none: its entry
 * would be 0, which is the empty one, and the page is the area's header. Linux swp_entry() and
 * swp_entry_to_pte()
 */
export function swpEntryToPte(type: number, offset: number): Pte {
  const fits = type >= 0 && type < 32 && offset >= 0 && offset < 2 ** 38 && type + offset > 0;
  if (!fits) throw new VmBug(`page ${offset} of swap area ${type} has no entry`);
  return type * 2 ** 47 + offset * 512;
}

/** Not empty and not present: a marker or a place in swap. Linux is_swap_pte() */
export function isSwapPte(pte: Pte): boolean {
  return pte !== 0 && (pte & PRESENT_BITS) === 0;
}

/** Swap area of a swap entry. Linux swp_type() */
export function swpType(pte: Pte): number {
  return Math.floor(pte / 2 ** 47);
}

/** Page in the swap area. Linux swp_offset() */
export function swpOffset(pte: Pte): number {
  return Math.floor((pte % 2 ** 47) / 512);
}

/** The entry that stands for marker `marker`. Linux make_pte_marker() */
export function makePteMarker(marker: number): Pte {
  return swpEntryToPte(SWP_PTE_MARKER, marker);
}

/** A marker rather than a place in swap. Linux is_pte_marker() */
export function isPteMarker(pte: Pte): boolean {
  return isSwapPte(pte) && swpType(pte) === SWP_PTE_MARKER;
}

/** Nothing: the entry is 0. Not in Linux: a kind that classifyPte() tells, as the others below. */
export const PTE_KIND_NONE = 0;
/** A frame, reachable or (PROT_NONE) not. */
export const PTE_KIND_PRESENT = 1;
/** A place in swap. */
export const PTE_KIND_SWAP = 2;
/** A frame whose page is being moved. Linux include/linux/swapops.h:is_migration_entry() */
export const PTE_KIND_MIGRATION = 3;
/** A marker: guard or poison. */
export const PTE_KIND_MARKER = 4;

/** Bits of a note that no note of ours has: all below the offset but E. */
const NOTE_BITS_UNUSED = 0x1f7;

/**
 * Which of the PTE_KIND_ constants the entry is; throws for a note that nothing here makes.
 * Not in Linux: each walk asks pte_none(), pte_present() and is_xxx_entry() in turn.
 */
export function classifyPte(pte: Pte): number {
  if (pte === 0) return PTE_KIND_NONE;
  return (pte & PRESENT_BITS) !== 0 ? PTE_KIND_PRESENT : classifyNote(pte);
}

/** The kind of an entry that is neither empty nor present. */
function classifyNote(pte: Pte): number {
  const type = swpType(pte);
  if ((pte & NOTE_BITS_UNUSED) === 0) {
    if (type < MAX_SWAPFILES) return PTE_KIND_SWAP;
    if (type === SWP_PTE_MARKER) return PTE_KIND_MARKER;
    if (type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE) return PTE_KIND_MIGRATION;
  }
  throw unknownPte(pte);
}

/**
 * What a walk throws that meets an entry of a kind it has no answer for. Not in Linux: BUG() or bad page map
 * there.
 */
export function unknownPte(pte: Pte): VmBug {
  return new VmBug(`page-table entry ${pte.toString(16)} is of a kind that has no place here`);
}

/** A guard marker. Linux is_guard_swp_entry() */
export function isGuardPte(pte: Pte): boolean {
  return isPteMarker(pte) && (swpOffset(pte) & PTE_MARKER_GUARD) !== 0;
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
