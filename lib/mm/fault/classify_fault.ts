/**
 * The first question of every page fault: was the access allowed at all?
 *
 *   no VMA at the address, and none above that grows down       "maperr"   SIGSEGV, SEGV_MAPERR
 *   the VMA above grows down                                    "grow"     extend it, then ask again
 *   write, VMA not writable                                     "accerr"   SIGSEGV, SEGV_ACCERR
 *   read or fetch of a page that is present (P in the code)     "accerr"   the entry says no, e.g. NX
 *   read of a VMA without any right (PROT_NONE)                 "accerr"
 *   else                                                        "good"     the kernel brings the page in
 *
 * A fetch from memory that may not be executed passes the first time: the page comes in, and the second fault
 * is a violation.
 *
 * Read first: mm/mm_types.ts. Read next: kernel/fault.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PF_PROT, PF_WRITE } from "../../hw/fault.js";
import { VM_EXEC, VM_GROWSDOWN, VM_READ, VM_WRITE, type VmAreaStruct } from "../mm_types.js";
import type { FaultClass } from "./vm_fault.js";

/**
 * What to do about a fault at `address`: `vma` is the first VMA that ends above it (findVma), `errorCode` the
 * processor's.
 * Linux arch/x86/mm/fault.c:do_user_addr_fault()
 */
export function classifyFault(vma: VmAreaStruct | undefined, address: Vaddr, errorCode: number): FaultClass {
  if (vma === undefined) return "maperr";
  if (vma.vmStart > address) return (vma.vmFlags & VM_GROWSDOWN) !== 0 ? "grow" : "maperr";
  return accessError(errorCode, vma) ? "accerr" : "good";
}

/** Whether the VMA forbids the access. Linux arch/x86/mm/fault.c:access_error() */
export function accessError(errorCode: number, vma: VmAreaStruct): boolean {
  if ((errorCode & PF_WRITE) !== 0) return (vma.vmFlags & VM_WRITE) === 0;
  if ((errorCode & PF_PROT) !== 0) return true;
  return (vma.vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) === 0;
}
