/**
 * The kernel's entry for page faults: from the processor's exception to a mapped page, or to a signal.
 *
 *   CPU: #PF(address in CR2, error code)
 *     excPageFault
 *       kernel address, or the kernel's own mistake ---> badAreaNosemaphore / oops
 *       doUserAddrFault
 *         findVma, classifyFault ------- maperr, accerr --> SIGSEGV
 *         handleMmFault ---------------- RETRY -----------> once more, as FAULT_FLAG_TRIED
 *                                        SIGBUS, OOM -----> SIGBUS, out of memory
 *         return: the processor repeats the instruction
 *
 * When the kernel itself touches user memory (copyFromUser), the same code serves it; only instead of a
 * signal the copy ends early, and the system call says EFAULT. Any other fault in the kernel is an oops.
 *
 * Read first: mm/fault/classify_fault.ts, mm/fault/memory.ts. Read next: hw/cpu.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { type Fault, type PageFault, PF_INSTR, PF_RSVD, PF_USER, PF_WRITE } from "../hw/fault.js";
import { handleMmFault } from "../mm/fault/memory.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_INSTRUCTION,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGSEGV,
} from "../mm/fault/vm_fault.js";
import type { MmStruct, VmAreaStruct } from "../mm/mm_types.js";
import { outOfSteps, STEP_BUDGET } from "../mm/mmdebug.js";
import type { CurrentTask, MemorySystem } from "../mm/system.js";
import { findExtendVma } from "../mm/vma/expand_stack.js";

/** Bus error: the mapping is there, its object is not. Linux include/uapi/asm-generic/signal.h:SIGBUS */
export const SIGBUS = 7;
/** Segmentation violation. */
export const SIGSEGV = 11;
/** Nothing is mapped at the address. Linux include/uapi/asm-generic/siginfo.h:SEGV_MAPERR */
export const SEGV_MAPERR = 1;
/** The mapping does not allow the access. */
export const SEGV_ACCERR = 2;
/** Beyond the end of the mapped file. */
export const BUS_ADRERR = 2;

/** The task that faulted, as the fault entry sees it. */
export interface FaultingTask extends CurrentTask {
  readonly mm: MmStruct | undefined;
  /**
   * Delivers a signal that the access caused; returning would repeat the access, so it throws unless the
   * cause is gone.
   * Linux kernel/signal.c:force_sig_fault()
   */
  forceSigFault(signo: number, code: number, address: Vaddr): void;
  /** No memory for the fault: the OOM killer's turn. Linux mm/oom_kill.c:pagefault_out_of_memory() */
  outOfMemory(address: Vaddr): void;
}

/** The kernel touched user memory that is not there, under an entry of the exception table: the copy ends. */
export class UserAccessFault extends Error {
  override readonly name = "UserAccessFault";
  readonly va: Vaddr;
  constructor(va: Vaddr) {
    super(`the kernel cannot reach user address ${hex(va)}`);
    this.va = va;
  }
}

/** The kernel faulted where it must not: the machine stops. Linux arch/x86/mm/fault.c:page_fault_oops() */
class KernelOops extends Error {
  override readonly name = "KernelOops";
  readonly va: Vaddr;
  constructor(va: Vaddr, what: string) {
    super(`BUG: unable to handle page fault for address: ${hex(va, 16)}: ${what}`);
    this.va = va;
  }
}

/**
 * Entry of vector 14. `task` is the one that runs on the CPU. Linux arch/x86/mm/fault.c:exc_page_fault(),
 * handle_page_fault()
 */
export function excPageFault(task: FaultingTask | undefined, fault: PageFault): void {
  if (fault.va < 0) doKernAddrFault(task, fault);
  else doUserAddrFault(task, fault);
}

/**
 * Entry of vector 8: a fault could not be delivered; the kernel dies.
 * Linux arch/x86/kernel/traps.c:exc_double_fault()
 */
export function excDoubleFault(fault: Fault): never {
  throw new KernelOops(fault.va, "double fault, the kernel's stack is full");
}

/** A fault on an address of the kernel half. Linux arch/x86/mm/fault.c:do_kern_addr_fault() */
function doKernAddrFault(task: FaultingTask | undefined, fault: PageFault): void {
  badAreaNosemaphore(task, fault, SEGV_MAPERR);
}

/** A fault on an address of the user half. Linux arch/x86/mm/fault.c:do_user_addr_fault() */
export function doUserAddrFault(task: FaultingTask | undefined, fault: PageFault): void {
  const { errorCode, va } = fault;
  const mm = task?.mm;
  if ((errorCode & PF_RSVD) !== 0) throw new KernelOops(va, "reserved bit set in a page-table entry");
  if (task === undefined || mm === undefined) throw new KernelOops(va, "no address space");
  let flags = FAULT_FLAG_ALLOW_RETRY;
  if ((errorCode & PF_USER) !== 0) flags |= FAULT_FLAG_USER;
  if ((errorCode & PF_WRITE) !== 0) flags |= FAULT_FLAG_WRITE;
  if ((errorCode & PF_INSTR) !== 0) flags |= FAULT_FLAG_INSTRUCTION;
  const { trace } = mm.sys;
  if (trace.on) tracePageFault(mm.sys, fault);
  // A program's fault is first tried under the lock of its VMA alone; that try counts as one only if it had
  // to read.
  let vmaLock = (errorCode & PF_USER) !== 0;
  for (let tries = 0; ; tries++) {
    if (tries > STEP_BUDGET) throw outOfSteps(`the fault at ${hex(va)} (handle_mm_fault)`);
    const vma = vmaForFault(mm, task, fault);
    if (vma === undefined) return;
    if (trace.graph) trace.enter("handle_mm_fault");
    const ret = handleMmFault(vma, va, flags);
    if (trace.graph) trace.exit("handle_mm_fault", ret);
    if ((ret & VM_FAULT_RETRY) !== 0) {
      if (!vmaLock || (ret & VM_FAULT_MAJOR) !== 0) flags |= FAULT_FLAG_TRIED;
      vmaLock = false;
      continue;
    }
    if ((ret & VM_FAULT_ERROR) !== 0) mmFaultError(task, fault, ret);
    return;
  }
}

/** Linux arch/x86/mm/fault.c:trace_page_fault_entries() */
function tracePageFault(sys: MemorySystem, { va, errorCode }: PageFault): void {
  const name = (errorCode & PF_USER) !== 0 ? "exceptions:page_fault_user" : "exceptions:page_fault_kernel";
  sys.trace.emit(name, { address: hex(va), error_code: hex(errorCode) });
}

/** The VMA that allows the access; undefined after a signal. Linux lock_mm_and_find_vma(), access_error() */
function vmaForFault(mm: MmStruct, task: FaultingTask, fault: PageFault): VmAreaStruct | undefined {
  const { va, errorCode } = fault;
  const { parts } = mm.sys;
  let vma = mm.mmMt.find(va);
  let kind = parts.classifyFault(vma, va, errorCode);
  if (kind === "grow") {
    vma = findExtendVma(mm, va);
    kind = parts.classifyFault(vma, va, errorCode);
  }
  if (kind === "good") return vma;
  badAreaNosemaphore(task, fault, kind === "accerr" ? SEGV_ACCERR : SEGV_MAPERR);
  return undefined;
}

/**
 * SIGSEGV for a program, EFAULT for the kernel on a program's behalf.
 * Linux arch/x86/mm/fault.c:__bad_area_nosemaphore()
 */
function badAreaNosemaphore(task: FaultingTask | undefined, fault: PageFault, code: number): void {
  if ((fault.errorCode & PF_USER) === 0) {
    if (fault.va >= 0) throw new UserAccessFault(fault.va);
    throw new KernelOops(fault.va, "not mapped");
  }
  if (task === undefined) throw new KernelOops(fault.va, "no task");
  task.forceSigFault(SIGSEGV, code, fault.va);
}

/** The fault could not be served. Linux arch/x86/mm/fault.c:do_user_addr_fault(), do_sigbus() */
function mmFaultError(task: FaultingTask, fault: PageFault, ret: number): void {
  if ((ret & VM_FAULT_OOM) !== 0) {
    if ((fault.errorCode & PF_USER) === 0) throw new UserAccessFault(fault.va);
    task.outOfMemory(fault.va);
  } else if ((ret & VM_FAULT_SIGSEGV) !== 0) badAreaNosemaphore(task, fault, SEGV_MAPERR);
  else if ((fault.errorCode & PF_USER) === 0) throw new UserAccessFault(fault.va);
  else task.forceSigFault(SIGBUS, BUS_ADRERR, fault.va);
}
