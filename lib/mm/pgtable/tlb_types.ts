/**
 * What the kernel notes down about TLBs: for each CPU, for a flush that is being gathered, for one that is
 * asked for.
 *
 *   CpuTlbState    one for each CPU: which mm is loaded, and up to which generation it knows the last six
 *   MmuGather      one for each mm that is being changed: the smallest range that holds all changes
 *   FlushTlbInfo   one for each flush
 *
 * Linux arch/x86/include/asm/tlbflush.h, include/asm-generic/tlb.h. Read next: tlb_switch.ts, tlb.ts,
 * mmu_gather.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { MmStruct } from "../mm_types.js";

/** Slots for address spaces on each CPU. Linux arch/x86/include/asm/tlbflush.h:TLB_NR_DYN_ASIDS */
export const TLB_NR_DYN_ASIDS = 6;

/** An address space and the generation up to which somebody knows its tables. Linux struct tlb_context */
export interface TlbContext {
  readonly ctxId: number;
  readonly tlbGen: number;
}

/** The answer of chooseNewAsid. Linux arch/x86/mm/tlb.c:struct new_asid */
export interface NewAsid {
  /** Slot, 0 to 5; its PCID is one more. */
  readonly asid: number;
  /** Whether the entries under this PCID must go. */
  readonly needFlush: boolean;
  /** The slot that the next mm without one takes. Linux cpu_tlbstate.next_asid */
  readonly nextAsid: number;
}

/** What a CPU knows about its TLB. Linux arch/x86/include/asm/tlbflush.h:struct tlb_state */
export class CpuTlbState {
  loadedMm: MmStruct | undefined = undefined;
  loadedMmAsid = 0;
  /** Nothing runs here; CR3 is still that of loadedMm. Linux cpu_tlbstate_shared.is_lazy */
  isLazy = false;
  nextAsid = 1;
  readonly ctxs: TlbContext[] = Array.from({ length: TLB_NR_DYN_ASIDS }, () => ({ ctxId: 0, tlbGen: 0 }));
}

/** What is to be flushed. Linux arch/x86/include/asm/tlbflush.h:struct flush_tlb_info */
export interface FlushTlbInfo {
  readonly mm: MmStruct;
  readonly start: number;
  /** TLB_FLUSH_ALL for everything. */
  readonly end: number;
  /** The mm's generation after this change. */
  readonly newTlbGen: number;
  /**
   * Bytes of the smallest page that has changed: so far apart are the addresses to flush. Linux stride_shift
   */
  readonly stride: number;
  /** Page tables go, too, so that even a lazy CPU may not look at them any more. */
  readonly freedTables: boolean;
}

/** What shootdownTargets sees of a CPU in the mm's mask. Not in Linux: it reads per-CPU variables. */
export interface ShootdownCpu {
  readonly id: number;
  /** It is the one that asks. */
  readonly isSelf: boolean;
  /** CR3 holds the tables of the mm in question. */
  readonly usesMm: boolean;
  /** It has nothing to do, and will compare generations before it runs a program again. */
  readonly isLazy: boolean;
}

/** What a CPU does about its TLB. */
export type CatchUp = "nothing" | "pages" | "all";

/** What has been changed and not been flushed. Linux include/asm-generic/tlb.h:struct mmu_gather */
export class MmuGather {
  start = Number.POSITIVE_INFINITY;
  end = 0;
  freedTables = false;
  /** Bytes of the smallest page that has changed. Linux cleared_ptes, cleared_pmds */
  stride = Number.POSITIVE_INFINITY;
  /** Gathers within gathers: only the outermost flushes. */
  depth = 1;

  /**
   * Pages of `stride` bytes have changed in [start, end). Linux
   * include/asm-generic/tlb.h:__tlb_adjust_range()
   */
  addRange(start: number, end: number, stride = PAGE_SIZE): void {
    this.stride = Math.min(this.stride, stride);
    this.start = Math.min(this.start, start);
    this.end = Math.max(this.end, end);
  }
}
