/**
 * TLB flushing: making the processors forget translations that the page tables no longer say.
 *
 *   entry changed --> flushTlbRange(mm, start, end) --> every CPU whose CR3 is mm.pgd: invlpg page by page, or all at
 *                                                       once when the range is longer than 33 pages
 *
 * The processor never looks whether a cached translation is still right. Whenever the kernel takes rights away
 * (unmap, write-protect, another frame), it must flush before anyone may rely on it; giving more rights needs none, a
 * stale entry only causes a fault that finds nothing to do.
 *
 * The policy is replaceable: sys.tlb is an object with flushRange and flushMm; a lab may count, delay or forget
 * flushes there.
 *
 * Differs from Linux: CPUs are flushed directly where Linux sends interrupts; a CPU that runs another mm holds nothing
 * of this one, because switching flushes (no PCIDs).
 *
 * Read first: hw/mmu.ts. Read next: zap.ts.
 */
import type { MmStruct } from "./mm_types.js";
import type { MemorySystem } from "./system.js";
import {
  countVmEvent,
  NR_TLB_LOCAL_FLUSH_ALL,
  NR_TLB_LOCAL_FLUSH_ONE,
  NR_TLB_REMOTE_FLUSH,
  NR_TLB_REMOTE_FLUSH_RECEIVED,
} from "./vmstat.js";

/** What flushing needs of a processor. Not in Linux. */
export interface TlbCpu {
  readonly id: number;
  /** Physical address of the top table in use. */
  readonly cr3: number;
  invlpg(va: number): void;
  writeCr3(value: number): void;
}

/** How translations are flushed on all processors. Not in Linux: functions that only an architecture replaces there. */
export interface TlbPolicy {
  /** Pages of [start, end) of `mm` changed. */
  flushRange(mm: MmStruct, start: number, end: number): void;
  /** Anything of `mm` may have changed, tables included. */
  flushMm(mm: MmStruct): void;
}

/** Longest range that is flushed page by page. Linux arch/x86/mm/tlb.c:tlb_single_page_flush_ceiling */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;

/** Linux's policy: Linux arch/x86/mm/tlb.c:flush_tlb_mm_range() */
export class LinuxTlbPolicy implements TlbPolicy {
  private readonly sys: MemorySystem;

  constructor(sys: MemorySystem) {
    this.sys = sys;
  }

  flushRange(mm: MmStruct, start: number, end: number): void {
    const all = (end - start) / 4096 > TLB_SINGLE_PAGE_FLUSH_CEILING;
    for (const cpu of this.sys.cpus) {
      if (Math.floor(cpu.cr3 / 4096) !== mm.pgd) continue;
      this.count(cpu, all);
      if (all) cpu.writeCr3(cpu.cr3);
      else for (let addr = start; addr < end; addr += 4096) cpu.invlpg(addr);
    }
  }

  flushMm(mm: MmStruct): void {
    for (const cpu of this.sys.cpus) {
      if (Math.floor(cpu.cr3 / 4096) !== mm.pgd) continue;
      this.count(cpu, true);
      cpu.writeCr3(cpu.cr3);
    }
  }

  private count(cpu: TlbCpu, all: boolean): void {
    if (cpu.id !== this.sys.thisCpu) {
      countVmEvent(this.sys, NR_TLB_REMOTE_FLUSH);
      countVmEvent(this.sys, NR_TLB_REMOTE_FLUSH_RECEIVED);
    } else countVmEvent(this.sys, all ? NR_TLB_LOCAL_FLUSH_ALL : NR_TLB_LOCAL_FLUSH_ONE);
  }
}

/** Flushes [start, end) of `mm` on all CPUs that use it. Linux arch/x86/include/asm/tlbflush.h:flush_tlb_range() */
export function flushTlbRange(mm: MmStruct, start: number, end: number): void {
  mm.sys.tlb.flushRange(mm, start, end);
}

/** Flushes one page. Linux arch/x86/include/asm/tlbflush.h:flush_tlb_page() */
export function flushTlbPage(mm: MmStruct, addr: number): void {
  mm.sys.tlb.flushRange(mm, addr, addr + 4096);
}

/** Flushes everything of `mm`. Linux arch/x86/include/asm/tlbflush.h:flush_tlb_mm() */
export function tlbFlushMm(mm: MmStruct): void {
  mm.sys.tlb.flushMm(mm);
}
