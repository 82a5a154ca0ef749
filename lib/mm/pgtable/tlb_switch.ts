/**
 * Switching address spaces without losing the TLB: PCIDs, lazy TLB, generations.
 *
 *   CPU 0's CpuTlbState                      each mm
 *   loadedMm ------------------------------> context.ctxId   its number, never used twice
 *   loadedMmAsid  2                          context.tlbGen  counts the changes that called for a flush
 *   isLazy        false                      mmCpumask       CPUs that may hold entries of it
 *   ctxs  [0]  ctxId 7, tlbGen 3
 *         [1]  ctxId 9, tlbGen 1             ctxs[asid].tlbGen < mm.context.tlbGen:
 *         [2]  ctxId 4, tlbGen 5             this CPU's entries of that mm may be stale
 *         ... six of them
 *
 * A PCID has 12 bits, and a system has more processes than that. So each CPU keeps six slots (ASIDs) for the
 * address spaces it ran last, whose entries stay in its TLB under PCID = slot + 1. Switching to an mm that
 * has a slot keeps the entries, unless its generation went on in the meantime; an mm without one takes the
 * next slot and drops what is there.
 *
 * A CPU with nothing to do goes lazy: it leaves CR3 as it is, since the next task may well be of the same mm,
 * and is not interrupted for flushes. When it comes back it compares generations.
 *
 * Differs from Linux: no page-table isolation (KPTI), which gives each slot a second PCID for user mode; no
 * global ASIDs.
 *
 * Linux arch/x86/mm/tlb.c. Read first: hw/cpu.ts (writeCr3). Read next: tlb.ts.
 */

import type { Cpu } from "../../hw/cpu.js";
import { CR4_PCIDE } from "../../hw/registers.js";
import type { MmStruct } from "../mm_types.js";
import type { MemorySystem } from "../system.js";
import type { NewAsid, TlbContext } from "./tlb_types.js";
import { CpuTlbState } from "./tlb_types.js";

/** The PCID under which slot `asid` is tagged; 0 is never used. Linux arch/x86/mm/tlb.c:kern_pcid() */
export function kernPcid(asid: number): number {
  return asid + 1;
}

/**
 * The slot for `next` among a CPU's `ctxs`: its own if it still has one, else slot `nextAsid`, and from the
 * last on to the first.
 * Linux arch/x86/mm/tlb.c:choose_new_asid()
 */
export function chooseNewAsid(ctxs: readonly TlbContext[], nextAsid: number, next: TlbContext): NewAsid {
  const own = ctxs.findIndex((ctx) => ctx.ctxId === next.ctxId);
  if (own >= 0) return { asid: own, needFlush: ctxs[own]!.tlbGen < next.tlbGen, nextAsid };
  const asid = nextAsid < ctxs.length ? nextAsid : 0;
  return { asid, needFlush: true, nextAsid: asid + 1 };
}

/** What `sys` keeps for `cpu`. Linux per_cpu(cpu_tlbstate, cpu) */
export function cpuTlbState(sys: MemorySystem, cpuId: number): CpuTlbState {
  sys.cpuTlbstate[cpuId] ??= new CpuTlbState();
  return sys.cpuTlbstate[cpuId];
}

/** Makes `cpu` use the tables of `next`. Linux arch/x86/mm/tlb.c:switch_mm_irqs_off() */
export function switchMmIrqsOff(sys: MemorySystem, cpu: Cpu, next: MmStruct): void {
  const state = cpuTlbState(sys, cpu.id);
  const { context } = next;
  const wasLazy = state.isLazy;
  state.isLazy = false;
  next.lruGenUsed = true; // Linux kernel/sched/core.c:context_switch()
  if (state.loadedMm === next) {
    if (!wasLazy) return;
    // Nobody interrupted this CPU while it was lazy.
    if (sys.parts.catchUp(state.ctxs[state.loadedMmAsid]!.tlbGen, context.tlbGen) === "nothing") return;
    loadNewMmCr3(cpu, state, next, { asid: state.loadedMmAsid, needFlush: true, nextAsid: state.nextAsid });
    noteSwitch(sys, true);
    return;
  }
  next.mmCpumask.add(cpu.id);
  // The CPU stays in the mask of the mm it leaves: its TLB may still hold entries of it.
  const pcid = (cpu.cr4 & CR4_PCIDE) !== 0;
  const choice = pcid
    ? sys.parts.chooseNewAsid(state.ctxs, state.nextAsid, context)
    : { asid: 0, needFlush: true, nextAsid: 1 };
  loadNewMmCr3(cpu, state, next, choice);
  noteSwitch(sys, choice.needFlush);
}

/** Traces a switch, whether it flushed or not. Linux: trace_tlb_flush(TLB_FLUSH_ON_TASK_SWITCH, ...) */
function noteSwitch(sys: MemorySystem, flushed: boolean): void {
  if (sys.trace.on) sys.trace.emit("tlb:tlb_flush", { pages: flushed ? -1 : 0, reason: 0 });
}

/** Linux arch/x86/mm/tlb.c:load_new_mm_cr3() */
function loadNewMmCr3(cpu: Cpu, state: CpuTlbState, next: MmStruct, choice: NewAsid): void {
  const { asid, needFlush, nextAsid } = choice;
  const pcid = (cpu.cr4 & CR4_PCIDE) !== 0;
  if (needFlush) state.ctxs[asid] = { ...next.context };
  state.loadedMm = next;
  state.loadedMmAsid = asid;
  state.nextAsid = nextAsid;
  cpu.writeCr3(next.pgd * 4096 + (pcid ? kernPcid(asid) : 0), pcid && !needFlush);
}

/** `cpu` has nothing to do and keeps its tables. Linux arch/x86/mm/tlb.c:enter_lazy_tlb() */
export function enterLazyTlb(sys: MemorySystem, cpu: Cpu): void {
  const state = cpuTlbState(sys, cpu.id);
  if (state.loadedMm !== sys.initMm) state.isLazy = true;
}

/** `cpu` lets go of its mm. Linux arch/x86/mm/tlb.c:leave_mm() */
export function leaveMm(sys: MemorySystem, cpu: Cpu): void {
  if (sys.initMm !== undefined) switchMmIrqsOff(sys, cpu, sys.initMm);
}
