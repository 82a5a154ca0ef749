/**
 * Exceptions: how the CPU hands a fault to the kernel, and what happens when that fails, too.
 *
 *   fault -----> handler of #PF, #GP or #SS ---- returns: the access starts again
 *                  |                        \--- throws:  the access is abandoned
 *                  | no handler, or so many faults of handlers within handlers that the kernel's stack is full
 *                  v
 *                handler of #DF, double fault (vector 8), which has a stack of its own
 *                  | none, or it faults itself
 *                  v
 *                triple fault: the CPU shuts down; a PC resets then
 *
 * A handler that faults is not a double fault yet: its fault is delivered like any other, one level deeper.
 * But every level takes a piece of the kernel's stack, and when the frame of the next one does not fit,
 * delivering it fails: this is how a kernel that faults in its page-fault handler ends.
 *
 * A machine without a kernel (`hasIdt` false) throws the fault at whoever made the access, so that a notebook
 * can look at it.
 *
 * Differs from hardware: stack and descriptors are not in RAM (trap.ts shows that in slow motion); the depth
 * is counted, and any fault of the #DF handler is the third.
 *
 * Read first: fault.ts. Read next: cpu.ts.
 */
import type { Vaddr } from "./address.js";
import { hex } from "./address.js";
import type { Cpu } from "./cpu.js";
import { type AddressFault, type Fault, FaultError, type PageFault } from "./fault.js";

/** Called on a page fault, in supervisor mode. Returning restarts the access, throwing abandons it. */
export type PageFaultHandler = (cpu: Cpu, fault: PageFault) => void;
/** Called on #GP or #SS for an address that is not canonical; same rules. */
export type AddressFaultHandler = (cpu: Cpu, fault: AddressFault) => void;
/**
 * Called on #DF with the fault that could not be delivered. It cannot mend anything: nothing starts again.
 */
export type DoubleFaultHandler = (cpu: Cpu, fault: Fault) => void;

/** Handlers within handlers that a kernel stack of 16 KiB holds, at 512 bytes each. Linux THREAD_SIZE */
export const MAX_NESTED_EXCEPTIONS = 32;

/**
 * The CPU has shut down and does nothing any more. Intel SDM vol. 3A, Interrupt 8-Double Fault Exception
 * (#DF)
 */
export class TripleFault extends Error {
  override readonly name = "TripleFault";
  /** The fault that could not be delivered. */
  readonly fault: Fault;

  constructor(cpuId: number, fault: Fault) {
    super(`CPU ${cpuId} has shut down after a triple fault; the last fault was ${fault}`);
    this.fault = fault;
  }
}

/**
 * Raises `fault` on `cpu`; returns when the access shall start again. Intel SDM vol. 3A, Exception and
 * Interrupt Handling
 */
export function deliver(cpu: Cpu, fault: Fault): void {
  cpu.counters.exceptions++;
  cpu.clock.nowNs += cpu.clock.costs.exceptionNs;
  const handler = fault.vector === 14 ? cpu.onPageFault : cpu.onAddressFault;
  if (fault.vector === 14) cpu.cr2 = fault.va;
  if (handler === undefined && !cpu.hasIdt) throw new FaultError(fault);
  if (cpu.inDoubleFault) shutDown(cpu, fault);
  if (handler === undefined || cpu.nestedExceptions >= MAX_NESTED_EXCEPTIONS) doubleFault(cpu, fault);
  const { cpl, ac } = cpu;
  cpu.cpl = 0;
  if (ac) cpu.ac = false;
  cpu.nestedExceptions++;
  try {
    (handler as (cpu: Cpu, fault: Fault) => void)(cpu, fault);
  } finally {
    cpu.nestedExceptions--;
    cpu.cpl = cpl;
    if (ac) cpu.ac = true;
  }
}

/** Raises #DF. It is an abort: even if the handler returns, the access does not start again. */
function doubleFault(cpu: Cpu, fault: Fault): never {
  const handler = cpu.onDoubleFault;
  if (handler === undefined) shutDown(cpu, fault);
  cpu.counters.exceptions++;
  const { cpl } = cpu;
  cpu.cpl = 0;
  cpu.inDoubleFault = true;
  try {
    handler(cpu, fault);
  } finally {
    cpu.inDoubleFault = false;
    cpu.cpl = cpl;
  }
  throw new FaultError(fault);
}

function shutDown(cpu: Cpu, fault: Fault): never {
  cpu.shutDownBy = new TripleFault(cpu.id, fault);
  throw cpu.shutDownBy;
}

/** What a CPU says when handlers return again and again without mending anything. Not in Linux. */
export function notMended(va: Vaddr, restarts: number): Error {
  return new Error(`access at ${hex(va)} faulted ${restarts} times: the fault handler does not mend it`);
}
