/**
 * Lab 03, Demand paging: five exercises, from finding a mapping to three parts of the running kernel: the fault
 * classifier, the two most frequent fault handlers, and mlock.
 *
 * Notebook: notebooks/03-demand-paging.ipynb. Check your work there with `await check("03.1")`, or in a terminal with
 * `npx pagewalk grade 03.1`; `npx pagewalk hint 03.1` gives a hint, a second call the next one.
 *
 * Names are Linux's: what is called doAnonymousPage here is do_anonymous_page() in the kernel's mm/memory.c. A mapping is a
 * VMA (vm_area_struct): the addresses [vmStart, vmEnd), rights and more in vmFlags (VM_READ, VM_WRITE, ...). A fault on
 * its way through the kernel is a VmFault, `vmf`:
 *
 *   vmf.vma       the VMA that was hit          vmf.address   the address, rounded down to its page
 *   vmf.flags     FAULT_FLAG_WRITE, ...         vmf.pgoff     which page of the file that is
 *   vmf.ptep      pointer to the entry, 0 while there is no table for it
 *
 * The machine's globals (Linux's, too) hang off the address space: vmf.vma.vmMm.sys.
 */

import { NotWrittenYet, PAGE_SIZE, PF_PROT, PF_WRITE } from "pagewalk";
import {
  __GFP_ZERO,
  addMmCounter,
  allocPages,
  anonVmaPrepare,
  CAP_IPC_LOCK,
  EAGAIN,
  EFAULT,
  ENOMEM,
  EPERM,
  FAULT_FLAG_WRITE,
  type FaultClass,
  finishFault,
  folioAddLruVma,
  folioAddNewAnonRmap,
  folioPut,
  GFP_HIGHUSER_MOVABLE,
  MM_ANONPAGES,
  type MmStruct,
  maybeMkwrite,
  mlockFixup,
  mmPopulate,
  PG_uptodate,
  PTRS_PER_PTE,
  pageFolio,
  pfnPte,
  pteIndex,
  pteMkdirty,
  pteMkspecial,
  RLIMIT_MEMLOCK,
  setPte,
  VM_EXEC,
  VM_FAULT_ERROR,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmAreaStruct,
  type VmFault,
  type VmFaultResult,
  type VmRange,
  vmaPageProt,
  vmaPages,
  vmfPteAlloc,
} from "pagewalk/kernel";

/**
 * 03.1 Find the VMA. Returns the first of `vmas` that ends above `address`; undefined when there is none. It may start
 * above the address too.
 *
 * `vmas` are sorted by address and do not overlap; vmEnd is the first byte after a VMA. A process may have 65530 of them, and every
 * fault asks, so do not look at them all: 20 looks are enough for any list.
 *
 * With [0x1000, 0x3000) and [0x5000, 0x6000): 0x2fff gives the first; 0x3000, 0x4000 and 0x5fff the second; 0x6000 none.
 */
export function findVma(vmas: readonly VmRange[], address: number): VmRange | undefined {
  throw new NotWrittenYet("03.1");
}

/**
 * 03.2 Classify a fault. What is to be done about a page fault at `address`? `vma` is what findVma gave: the first VMA
 * that ends above the address, or undefined. `errorCode` is the processor's, made of PF_PROT (P, 1: an entry was
 * present), PF_WRITE (W, 2), PF_USER (U, 4) and PF_INSTR (I, 16).
 *
 * - "maperr": nothing is mapped there. The process gets SIGSEGV with SEGV_MAPERR.
 * - "grow": nothing is mapped there, but the VMA above grows downwards (VM_GROWSDOWN). The kernel grows it and asks again.
 * - "accerr": the VMA does not allow the access: a write without VM_WRITE; a read or a fetch that a present entry refused; any access
 *   where none is allowed. SIGSEGV with SEGV_ACCERR.
 * - "good": the access is allowed; the page only has to be brought in.
 *
 * On x86-64 a page that may be written or executed can be read too, and a fetch is found out only when the page
 * is there and its entry says NX: so without P, any right at all is enough for a read or a fetch.
 */
export function classifyFault(vma: VmAreaStruct | undefined, address: number, errorCode: number): FaultClass {
  throw new NotWrittenYet("03.2");
}

/**
 * 03.3 An anonymous fault. Serves the first touch of a page of private memory without a file: fills the entry at `vmf.ptep`. The
 * classifier has allowed the access. Linux calls this do_anonymous_page().
 *
 * - `vmfPteAlloc(vmf)` makes the table if it is missing, and sets vmf.ptep; false when there is no memory: VM_FAULT_OOM.
 * - In a shared mapping (VM_SHARED) there is nothing to serve, and no table to make: VM_FAULT_SIGBUS.
 * - A read gets the zero page (frame sys.zeroPfn), read-only and special (pteMkspecial); it is not counted as anyone's.
 * - A write gets a page of its own, full of zeros (GFP_HIGHUSER_MOVABLE | __GFP_ZERO): uptodate (PG_uptodate), counted
 *   (MM_ANONPAGES), in the reverse map as exclusive, on an LRU list. Its entry is dirty, and writable if the VMA is. VM_FAULT_OOM
 *   when there is none.
 * - `vmaPageProt(vma)` gives the other bits of an entry. 0 means done.
 */
export function doAnonymousPage(vmf: VmFault): VmFaultResult {
  throw new NotWrittenYet("03.3");
}

/**
 * 03.4 A read fault of a file, with fault-around. Serves a read of a mapped file whose entry is empty. Linux calls this do_read_fault().
 *
 * First map what is in the page cache already, around the fault: of the pages whose addresses lie in the same aligned block of
 * `sys.faultAroundPages` pages (16 by default: 64 KiB), those inside the VMA. `vma.vmOps.mapPages(vmf, first, last)` does it;
 * `first` and `last` (included) are pages of the file. If it returns anything but 0, that is the result. A VMA without mapPages, and a
 * faultAroundPages of 1, skip this.
 *
 * Otherwise `vma.vmOps.fault(vmf)` brings the page in: it fills vmf.page, with a reference, and returns VM_FAULT_* bits.
 * With VM_FAULT_ERROR, VM_FAULT_NOPAGE or VM_FAULT_RETRY there is nothing to map: return them. Else `finishFault(vmf)` maps the page;
 * if it returns one of these bits, give the reference back (folioPut). The result has the bits of both.
 */
export function doReadFault(vmf: VmFault): VmFaultResult {
  throw new NotWrittenYet("03.4");
}

/**
 * 03.5 Lock pages. mlock: keeps every page that [start, start + len) touches in RAM. `flags` are the bits that its VMAs get instead of
 * the lock bits (VM_LOCKED_MASK) they have: VM_LOCKED, or VM_LOCKED | VM_LOCKONFAULT. Returns 0 or a negative errno. Linux calls
 * this do_mlock().
 *
 * - Without the capability CAP_IPC_LOCK, RLIMIT_MEMLOCK counts: a limit of 0 is -EPERM. With more pages locked afterwards than the limit
 *   allows (mm.lockedVm are locked already; of the range only those that are not locked yet come on top): -ENOMEM, nothing changes.
 * - Every VMA of the range, in order of address: `mlockFixup(prev, vma, from, to, newFlags)` splits it if need be, sets its flags, counts, and
 *   marks the pages that are there. It returns the VMA that then holds the piece, or a negative errno, which is the result.
 *   `prev` is the VMA before the piece. Linux merges neighbours that become equal, so the VMA it returns may be larger than the piece.
 * - A hole in the range: -ENOMEM, but what lies before it stays locked.
 * - Then all pages are brought in: `mmPopulate(mm, start, len, false)`. Its -EFAULT becomes -ENOMEM, its -ENOMEM becomes -EAGAIN.
 */
export function doMlock(mm: MmStruct, start: number, len: number, flags: number): number {
  throw new NotWrittenYet("03.5");
}
