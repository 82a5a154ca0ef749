/**
 * One page fault on its way through the kernel: what is asked, what was found, how it ended.
 *
 *   VmFault { vma, address, flags }  -->  handleMmFault ... doAnonymousPage / doReadFault / doWpPage ...  --> VM_FAULT_*
 *           { pmdp, ptep, origPte }       filled in on the way down the tables
 *           { preallocPte }               set aside where a table is missing, before a page is held
 *           { page, cowPage }             filled in by vmOps.fault
 *
 * Read first: mm/mm_types.ts. Read next: memory.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { VmAreaStruct } from "../mm_types.js";
import type { Folio, Page } from "../pages/folio.js";

/** The access was a write. Linux include/linux/mm_types.h:enum fault_flag; so are all FAULT_FLAG_ names. */
export const FAULT_FLAG_WRITE = 1 << 0;
/** page_mkwrite is being called. */
export const FAULT_FLAG_MKWRITE = 1 << 1;
/** The handler may drop the mmap lock and ask for another try. */
export const FAULT_FLAG_ALLOW_RETRY = 1 << 2;
/** This is the second try. */
export const FAULT_FLAG_TRIED = 1 << 5;
/** From user mode. */
export const FAULT_FLAG_USER = 1 << 6;
/** The mm is not the current task's. */
export const FAULT_FLAG_REMOTE = 1 << 7;
/** An instruction fetch. */
export const FAULT_FLAG_INSTRUCTION = 1 << 8;
/** Break sharing without writing (FOLL_PIN of a read). */
export const FAULT_FLAG_UNSHARE = 1 << 10;

/** No memory. Linux include/linux/mm_types.h:enum vm_fault_reason; so are all VM_FAULT_ names. */
export const VM_FAULT_OOM = 0x01;
/** Beyond the end of the file, or an I/O error. */
export const VM_FAULT_SIGBUS = 0x02;
/** Data had to be read from a device. */
export const VM_FAULT_MAJOR = 0x04;
/** The hardware lost the page. */
export const VM_FAULT_HWPOISON = 0x10;
/** A guard marker, or no right. */
export const VM_FAULT_SIGSEGV = 0x40;
/** The handler has set the entry already. */
export const VM_FAULT_NOPAGE = 0x100;
/** The page comes locked. */
export const VM_FAULT_LOCKED = 0x200;
/** The lock was dropped: look everything up again. */
export const VM_FAULT_RETRY = 0x400;
/** The huge page could not be had: try small ones. */
export const VM_FAULT_FALLBACK = 0x800;
/** The write to a private page is done: a copy is mapped. */
export const VM_FAULT_DONE_COW = 0x1000;
/** Anything that ends the access. Linux VM_FAULT_ERROR */
export const VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON;

/** State of one fault. Linux include/linux/mm.h:struct vm_fault */
export class VmFault {
  vma: VmAreaStruct;
  /** FAULT_FLAG_* */
  flags: number;
  /** Faulting address, rounded down to its page. Linux address (real_address is not kept) */
  address: Vaddr;
  /** Page number in what the VMA maps. */
  pgoff: number;
  /** Pointer to the level-2 entry, 0 while unknown. Linux pmd */
  pmdp = 0;
  /** Pointer to the level-1 entry, 0 while there is no table. Linux pte */
  ptep = 0;
  /** The entry's value when the fault came; what was decided by it holds only as long as the entry has it. */
  origPte = 0;
  /**
   * Frame of a table set aside for the level-1 entry, 0 for none. Linux prealloc_pte
   * Invariant: 0 when the fault has ended: either it was hooked in, or it has been freed.
   */
  preallocPte = 0;
  /** The page that vmOps.fault found. */
  page: Page | undefined = undefined;
  /** The copy made for a private write. */
  cowPage: Folio | undefined = undefined;

  constructor(vma: VmAreaStruct, address: Vaddr, flags: number) {
    this.vma = vma;
    this.flags = flags;
    this.address = address;
    this.pgoff = (address - vma.vmStart) / PAGE_SIZE + vma.vmPgoff;
  }
}

/** What a page fault is. Not in Linux: labels in do_user_addr_fault() there. */
export type FaultClass = "good" | "grow" | "maperr" | "accerr";
