/**
 * The kernel's page-fault entry: from the processor's error code to handleMmFault, or to a signal.
 *
 *   #PF(va, error code)
 *     va in the kernel half             SIGSEGV, SEGV_MAPERR
 *     findExtendVma(mm, va)  none       SIGSEGV, SEGV_MAPERR     (a stack may grow down to va)
 *     accessError(errorCode, vma)       SIGSEGV, SEGV_ACCERR
 *     handleMmFault(vma, va, flags)     ok: the access starts again
 *        VM_FAULT_SIGBUS                SIGBUS, BUS_ADRERR
 *        VM_FAULT_SIGSEGV               SIGSEGV, SEGV_MAPERR     (a guard marker)
 *        VM_FAULT_OOM                   the OOM killer
 *   #GP (address not canonical)         SIGSEGV, SI_KERNEL
 *
 * The kernel's own reach into user memory (uaccess.ts) takes the same way, but gets a "no" instead of a signal.
 *
 * Read first: hw/fault.ts, task.ts. Read next: mm/memory.ts.
 */
import { type PageFault, PF_INSTR, PF_PROT, PF_RSVD, PF_USER, PF_WRITE } from "../hw/fault.js";
import { findExtendVma, vmaIsAccessible } from "../mm/expand_stack.js";
import { handleMmFault } from "../mm/memory.js";
import { type MmStruct, VM_WRITE, type VmAreaStruct } from "../mm/mm_types.js";
import { vmBugOn } from "../mm/mmdebug.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_INSTRUCTION,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGSEGV,
} from "../mm/vm_fault.js";
import type { SigInfo } from "./signal.js";

/** The fault could not be served for lack of memory. */
export const OUT_OF_MEMORY = "out of memory";

/** The VMA forbids what the access does. Linux arch/x86/mm/fault.c:access_error() */
function accessError(errorCode: number, vma: VmAreaStruct): boolean {
  if ((errorCode & PF_WRITE) !== 0) return (vma.vmFlags & VM_WRITE) === 0;
  if ((errorCode & PF_PROT) !== 0) return true; // a read or fetch that a present entry denies
  return !vmaIsAccessible(vma);
}

/**
 * Serves a fault at `address` in the user half of `mm`. undefined: served, try again; else the signal to send.
 * Linux arch/x86/mm/fault.c:do_user_addr_fault()
 */
export function doUserAddrFault(
  mm: MmStruct,
  address: number,
  errorCode: number,
): SigInfo | typeof OUT_OF_MEMORY | undefined {
  vmBugOn((errorCode & PF_RSVD) !== 0, `a page-table entry for ${address} has a reserved bit set`);
  let flags = FAULT_FLAG_ALLOW_RETRY;
  if ((errorCode & PF_USER) !== 0) flags |= FAULT_FLAG_USER;
  if ((errorCode & PF_WRITE) !== 0) flags |= FAULT_FLAG_WRITE;
  if ((errorCode & PF_INSTR) !== 0) flags |= FAULT_FLAG_INSTRUCTION;
  for (;;) {
    if (address < 0 || address >= mm.taskSize) return { signal: "SIGSEGV", code: "SEGV_MAPERR", address };
    const vma = findExtendVma(mm, address);
    if (vma === undefined) return { signal: "SIGSEGV", code: "SEGV_MAPERR", address };
    if (accessError(errorCode, vma)) return { signal: "SIGSEGV", code: "SEGV_ACCERR", address };
    const ret = handleMmFault(vma, address, flags);
    if ((ret & VM_FAULT_RETRY) === 0) return mmFaultError(ret, address);
    flags |= FAULT_FLAG_TRIED;
  }
}

/** Linux arch/x86/mm/fault.c:mm_fault_error() in do_user_addr_fault() */
function mmFaultError(ret: number, address: number): SigInfo | typeof OUT_OF_MEMORY | undefined {
  if ((ret & VM_FAULT_ERROR) === 0) return undefined;
  if ((ret & VM_FAULT_OOM) !== 0) return OUT_OF_MEMORY;
  if ((ret & VM_FAULT_SIGSEGV) !== 0) return { signal: "SIGSEGV", code: "SEGV_MAPERR", address };
  return { signal: "SIGBUS", code: "BUS_ADRERR", address };
}

/** A page fault of `mm` as the processor reports it. Linux arch/x86/mm/fault.c:exc_page_fault(), handle_page_fault() */
export function handlePageFault(mm: MmStruct, fault: PageFault): SigInfo | typeof OUT_OF_MEMORY | undefined {
  return doUserAddrFault(mm, fault.va, fault.errorCode);
}
