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

import { PAGE_SIZE, PF_PROT, PF_WRITE } from "pagewalk";
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

// HINT 03.1: The first VMA that ENDS above the address. Whether it starts below or above it is for the caller to see.
// HINT 03.1: Halve the list: keep `lo` and `hi` so that the answer is in [lo, hi]. Look at the middle one. Ends
//   it above the address? Then the answer is it or one before it; else it is after it.
// HINT 03.1: while (lo < hi) { const mid = (lo + hi) >> 1; if (vmas[mid]!.vmEnd > address) hi = mid; else lo = mid + 1; }
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
  // SOLUTION BEGIN
  let lo = 0;
  let hi = vmas.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (vmas[mid]!.vmEnd > address) hi = mid;
    else lo = mid + 1;
  }
  return vmas[lo];
  // SOLUTION END
}

// HINT 03.2: First where, then what: is there a VMA at all, and does it hold the address? A VMA that starts above
//   the address is a neighbour, not the one that was hit.
// HINT 03.2: Of the neighbour only one thing matters: a stack (VM_GROWSDOWN) may grow down to the address.
// HINT 03.2: A write needs VM_WRITE, and nothing else. P in the error code says nothing against a write: it may
//   be a copy on write that is due.
// HINT 03.2: Not a write: with P set an entry is there and refused the access, so it stays refused. With P
//   clear any of VM_READ, VM_WRITE and VM_EXEC is enough.
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
  // SOLUTION BEGIN
  if (vma === undefined) return "maperr";
  if (vma.vmStart > address) return vma.vmFlags & VM_GROWSDOWN ? "grow" : "maperr";
  if (errorCode & PF_WRITE) return vma.vmFlags & VM_WRITE ? "good" : "accerr";
  if (errorCode & PF_PROT) return "accerr";
  return vma.vmFlags & (VM_READ | VM_WRITE | VM_EXEC) ? "good" : "accerr";
  // SOLUTION END
}

// HINT 03.3: Two cases that end early: a shared mapping has no business here (VM_FAULT_SIGBUS); no table
//   (vmfPteAlloc(vmf) is false): VM_FAULT_OOM.
// HINT 03.3: A read: setPte(sys.ram, vmf.ptep, pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vma)))), and return 0. No
//   counter changes: the zero page belongs to nobody.
// HINT 03.3: A write: anonVmaPrepare(vma); folio = allocPages(sys, GFP_HIGHUSER_MOVABLE | __GFP_ZERO, 0); undefined
//   means VM_FAULT_OOM. Without __GFP_ZERO the process would read what another one left behind.
// HINT 03.3: Its entry: pfnPte(folio.pfn, vmaPageProt(vma)), made dirty (pteMkdirty) and, if the VMA may be written,
//   writable (maybeMkwrite(entry, vma)). vmaPageProt alone gives a read-only entry for private memory.
// HINT 03.3: Before the entry is set, the page gets its papers: folio.flags |= PG_uptodate,
//   addMmCounter(vma.vmMm, MM_ANONPAGES, 1), folioAddNewAnonRmap(folio, vma, vmf.address, true),
//   folioAddLruVma(folio, vma).
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
  // SOLUTION BEGIN
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  if (vma.vmFlags & VM_SHARED) return VM_FAULT_SIGBUS;
  if (!vmfPteAlloc(vmf)) return VM_FAULT_OOM;
  if (!(vmf.flags & FAULT_FLAG_WRITE)) {
    setPte(sys.ram, vmf.ptep, pteMkspecial(pfnPte(sys.zeroPfn, vmaPageProt(vma))));
    return 0;
  }
  anonVmaPrepare(vma);
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE | __GFP_ZERO, 0);
  if (folio === undefined) return VM_FAULT_OOM;
  folio.flags |= PG_uptodate;
  addMmCounter(vma.vmMm, MM_ANONPAGES, 1);
  folioAddNewAnonRmap(folio, vma, vmf.address, true);
  folioAddLruVma(folio, vma);
  setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pfnPte(folio.pfn, vmaPageProt(vma))), vma));
  return 0;
  // SOLUTION END
}

// HINT 03.4: The window is aligned by address, not by file page. How many pages lie between its start and the fault?
//   pteIndex(vmf.address) % nrPages. That many pages before vmf.pgoff it begins.
// HINT 03.4: Then cut it: not before the VMA's first page (vma.vmPgoff), not beyond its last (vma.vmPgoff +
//   vmaPages(vma) - 1). A window of 64 KiB, aligned, never leaves its table of 512 entries, so that needs no cut
//   unless faultAroundPages is larger than PTRS_PER_PTE.
// HINT 03.4: vma.vmOps!.mapPages!(vmf, first, last) maps what the cache has, `last` included. If its result is not 0, the
//   fault is over: return it.
// HINT 03.4: Else ret = vma.vmOps!.fault!(vmf) brings the page in. If ret has VM_FAULT_ERROR, VM_FAULT_NOPAGE or
//   VM_FAULT_RETRY, there is no page to map: return it.
// HINT 03.4: vmf.page now comes with a reference. finishFault(vmf) maps it, and the reference stays with the entry. If finishFault
//   fails (the same three bits), nobody holds the page: folioPut(sys, pageFolio(vmf.page!)). Return ret |
//   what finishFault said.
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
  // SOLUTION BEGIN
  const { vma } = vmf;
  const { sys } = vma.vmMm;
  const noPage = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY;
  if (vma.vmOps!.mapPages !== undefined && sys.faultAroundPages > 1) {
    const [first, last] = faultAroundWindow(vmf, sys.faultAroundPages);
    const around = vma.vmOps!.mapPages(vmf, first, last);
    if (around !== 0) return around;
  }
  const ret = vma.vmOps!.fault!(vmf);
  if (ret & noPage) return ret;
  const finished = finishFault(vmf);
  if (finished & noPage) folioPut(sys, pageFolio(vmf.page!));
  return ret | finished;
  // SOLUTION END
}

// SOLUTION BEGIN
function faultAroundWindow(vmf: VmFault, nrPages: number): [first: number, last: number] {
  const { vma, pgoff } = vmf;
  const index = pteIndex(vmf.address);
  const before = index % nrPages;
  const after = Math.min(nrPages - before, PTRS_PER_PTE - index) - 1;
  const lastOfVma = vma.vmPgoff + vmaPages(vma) - 1;
  return [Math.max(pgoff - before, vma.vmPgoff), Math.min(pgoff + after, lastOfVma)];
}

// SOLUTION END
// HINT 03.5: Rounding: the pages from floor(start / 4096) to the one that holds byte start + len - 1. A len of 0 at the start of a page
//   touches no page.
// HINT 03.5: The limit: sys.rlimit(RLIMIT_MEMLOCK) bytes, rounded down to pages. What counts is mm.lockedVm, plus
//   the pages of the range that are not locked yet. sys.capable(CAP_IPC_LOCK) means no limit.
// HINT 03.5: Walk: at = start; vma = mm.mmMt.find(at). If vma is undefined or vma.vmStart > at, there is a hole:
//   -ENOMEM. What was locked before the hole stays locked.
// HINT 03.5: For each VMA: newFlags = (vma.vmFlags & ~VM_LOCKED_MASK) | flags; changed = mlockFixup(prev, vma, at,
//   Math.min(vma.vmEnd, end), newFlags). A negative number is an errno. Otherwise `changed` is the VMA that holds
//   the piece now: go on at changed.vmEnd, with prev = changed.
// HINT 03.5: prev, at the beginning: the VMA itself if it starts before `start`, else mm.mmMt.prevOf(start).
// HINT 03.5: Last: mmPopulate(mm, start, end - start, false). -EFAULT becomes -ENOMEM, and -ENOMEM becomes -EAGAIN.
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
  // SOLUTION BEGIN
  const first = Math.floor(start / PAGE_SIZE) * PAGE_SIZE;
  const end = Math.ceil((start + len) / PAGE_SIZE) * PAGE_SIZE;
  const refused = overLimit(mm, first, end);
  if (refused !== 0) return refused;
  let at = first;
  let prev = mm.mmMt.prevOf(first);
  while (at < end) {
    const vma = mm.mmMt.find(at);
    if (vma === undefined || vma.vmStart > at) return -ENOMEM;
    if (at === first && vma.vmStart < at) prev = vma;
    const newFlags = (vma.vmFlags & ~VM_LOCKED_MASK) | flags;
    const changed = mlockFixup(prev, vma, at, Math.min(vma.vmEnd, end), newFlags);
    if (typeof changed === "number") return changed;
    prev = changed;
    at = changed.vmEnd;
  }
  const populated = mmPopulate(mm, first, end - first, false);
  if (populated === -EFAULT) return -ENOMEM;
  return populated === -ENOMEM ? -EAGAIN : populated;
  // SOLUTION END
}

// SOLUTION BEGIN
function overLimit(mm: MmStruct, start: number, end: number): number {
  const { sys } = mm;
  if (sys.capable(CAP_IPC_LOCK)) return 0;
  const limit = Math.floor(sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE);
  if (sys.rlimit(RLIMIT_MEMLOCK) === 0) return -EPERM;
  let locked = mm.lockedVm + (end - start) / PAGE_SIZE;
  for (const vma of mm.mmMt.slice(start, end))
    if (vma.vmFlags & VM_LOCKED)
      locked -= (Math.min(vma.vmEnd, end) - Math.max(vma.vmStart, start)) / PAGE_SIZE;
  return locked > limit ? -ENOMEM : 0;
}

// SOLUTION END
