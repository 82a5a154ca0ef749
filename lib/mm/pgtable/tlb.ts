/**
 * TLB flushing: making the processors forget translations that the page tables no longer say.
 *
 *   entry changed --> flushTlbMmRange(mm, start, end)
 *                        | mm.context.tlbGen + 1
 *                        +--> shootdownTargets: who must be interrupted --> sendIpi --> flushTlbFunc there
 *                        +--> flushTlbFunc here, if this CPU uses mm
 *
 *   flushTlbFunc    catchUp(generation of this CPU, of the mm, of the request):
 *                   "nothing", "pages": invlpg page by page, "all": CR3 written
 *
 * The processor never looks whether a cached translation is still right. Whenever the kernel takes rights
 * away (unmap, write-protect, another frame), it must flush before anyone may rely on it; giving more rights
 * needs none, a stale entry only causes a fault that finds nothing to do (a spurious fault; AMD walks again
 * instead, see hw/mmu.ts).
 *
 * Interrupts are dear, so Linux sends few: many changes are gathered into one flush (mmu_gather.ts), CPUs
 * that are lazy or run something else are left alone and catch up by generation when they come back
 * (tlb_switch.ts).
 *
 * The file goes that way: the three decisions (is a flush needed, who must flush, how much), the flush that
 * asks them, the forms in which callers ask for a flush, and at last its counts and events.
 *
 * Replaceable: pteNeedsFlush, shootdownTargets, catchUp here, chooseNewAsid in tlb_switch.ts.
 *
 * Differs from Linux: a CPU that left an mm is taken out of its mask only by a flush that frees tables, not
 * once a second; interrupts are answered at once, so that a CPU never receives two requests out of order.
 *
 * Linux arch/x86/mm/tlb.c, arch/x86/include/asm/tlbflush.h. Read first: tlb_switch.ts.
 * Read next: mmu_gather.ts, mm/fault/zap.ts.
 */

import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { Cpu } from "../../hw/cpu.js";
import {
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_PCD,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_PWT,
  PAGE_RW,
  PAGE_USER,
} from "../../hw/entry.js";
import { sendIpi } from "../../hw/smp.js";
import type { MmStruct } from "../mm_types.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvent,
  countVmEvents,
  NR_TLB_LOCAL_FLUSH_ALL,
  NR_TLB_LOCAL_FLUSH_ONE,
  NR_TLB_REMOTE_FLUSH,
  NR_TLB_REMOTE_FLUSH_RECEIVED,
} from "../vmstat.js";
import { PTE_NX, ptePfn } from "./pgtable.js";
import { cpuTlbState, leaveMm } from "./tlb_switch.js";
import type { CatchUp, FlushTlbInfo, ShootdownCpu } from "./tlb_types.js";

// ---------------------------------------------------------------- the three decisions

/** Flags that must not stay in a TLB when they are gone from the entry; the processor sets them by itself. */
const FLUSH_ON_CLEAR = PAGE_DIRTY | PAGE_PRESENT;
/** Flags of which any change is flushed, so that no program meets a fault that finds nothing to do. */
const FLUSH_ON_CHANGE = PAGE_RW | PAGE_USER | PAGE_PWT | PAGE_PCD | PAGE_PSE | PAGE_GLOBAL;

/**
 * Whether a TLB may not keep `before` when the entry becomes `after`.
 * Linux arch/x86/include/asm/tlbflush.h:pte_needs_flush()
 */
export function pteNeedsFlush(before: number, after: number): boolean {
  if ((before & PAGE_PRESENT) === 0) return false;
  if (ptePfn(before) !== ptePfn(after)) return true;
  const changed = before ^ after;
  if ((changed & before & FLUSH_ON_CLEAR) !== 0) return true;
  return (changed & FLUSH_ON_CHANGE) !== 0 || before >= PTE_NX !== after >= PTE_NX;
}

/**
 * The CPUs to interrupt, of those in the mm's mask: the ones that run it and are not lazy; all of them when
 * tables were freed.
 * Linux arch/x86/mm/tlb.c:should_flush_tlb(), native_flush_tlb_multi()
 */
export function shootdownTargets(mask: readonly ShootdownCpu[], freedTables: boolean): number[] {
  return mask
    .filter((cpu) => !cpu.isSelf && (freedTables || (cpu.usesMm && !cpu.isLazy)))
    .map((cpu) => cpu.id);
}

/**
 * What a CPU whose entries are of generation `localGen` must drop when the mm is at `mmGen`. `requestGen` is
 * the generation of the request it serves, undefined when it comes back from being lazy. Only one who missed
 * nothing else may flush single pages.
 * Linux arch/x86/mm/tlb.c:flush_tlb_func()
 */
export function catchUp(localGen: number, mmGen: number, requestGen?: number): CatchUp {
  if (localGen === mmGen) return "nothing";
  return requestGen === localGen + 1 && requestGen === mmGen ? "pages" : "all";
}

// ---------------------------------------------------------------- the flush

/** Longest range that is flushed page by page. Linux arch/x86/mm/tlb.c:tlb_single_page_flush_ceiling */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;
/** The end of a range that means everything. Linux arch/x86/include/asm/tlbflush.h:TLB_FLUSH_ALL */
export const TLB_FLUSH_ALL = Number.POSITIVE_INFINITY;

/**
 * Flushes [start, end) of `mm`, pages of `stride` bytes, wherever it may be cached.
 * Linux arch/x86/mm/tlb.c:flush_tlb_mm_range()
 */
export function flushTlbMmRange(
  mm: MmStruct,
  start: number,
  end: number,
  freedTables = false,
  stride = PAGE_SIZE,
): void {
  const { sys } = mm;
  mm.context.tlbGen++;
  const long = (end - start) / stride > TLB_SINGLE_PAGE_FLUSH_CEILING;
  const info: FlushTlbInfo = {
    mm,
    start: long ? 0 : start,
    end: long ? TLB_FLUSH_ALL : end,
    newTlbGen: mm.context.tlbGen,
    stride,
    freedTables,
  };
  const self = sys.cpus[sys.thisCpu];
  if (self === undefined) return;
  flushTlbMulti(sys, self, info);
  if (cpuTlbState(sys, self.id).loadedMm === mm) flushTlbFunc(sys, self, info);
}

/** Interrupts the other CPUs that must flush now. Linux arch/x86/mm/tlb.c:native_flush_tlb_multi() */
function flushTlbMulti(sys: MemorySystem, self: Cpu, info: FlushTlbInfo): void {
  const { mm, freedTables } = info;
  if (mm.mmCpumask.size === (mm.mmCpumask.has(self.id) ? 1 : 0)) return; // nobody but this CPU
  const mask = [...mm.mmCpumask].sort((a, b) => a - b).map((id) => viewOf(sys, id, self, mm));
  const targets = sys.parts.shootdownTargets(mask, freedTables);
  if (targets.length === 0) return;
  countVmEvent(sys, NR_TLB_REMOTE_FLUSH);
  sendIpi(
    self,
    targets.map((id) => sys.cpus[id]!),
    (cpu) => {
      countVmEvent(sys, NR_TLB_REMOTE_FLUSH_RECEIVED);
      flushTlbFunc(sys, cpu, info);
    },
  );
}

function viewOf(sys: MemorySystem, id: number, self: Cpu, mm: MmStruct): ShootdownCpu {
  const state = cpuTlbState(sys, id);
  return { id, isSelf: id === self.id, usesMm: state.loadedMm === mm, isLazy: state.isLazy };
}

/** What the CPU that was asked does. Linux arch/x86/mm/tlb.c:flush_tlb_func() */
function flushTlbFunc(sys: MemorySystem, cpu: Cpu, info: FlushTlbInfo): void {
  const { mm } = info;
  const state = cpuTlbState(sys, cpu.id);
  if (state.loadedMm !== mm) {
    mm.mmCpumask.delete(cpu.id);
    return;
  }
  if (state.isLazy) {
    leaveMm(sys, cpu);
    return;
  }
  const all = info.end === TLB_FLUSH_ALL;
  const { tlbGen } = state.ctxs[state.loadedMmAsid]!;
  const action = sys.parts.catchUp(tlbGen, mm.context.tlbGen, info.newTlbGen);
  if (action === "nothing") return;
  flushLocal(sys, cpu, action === "all" || all ? undefined : info);
  state.ctxs[state.loadedMmAsid] = { ...mm.context };
}

/** Drops the pages of `range`, or all of the PCID in use. Linux arch/x86/mm/tlb.c:flush_tlb_local() */
function flushLocal(sys: MemorySystem, cpu: Cpu, range: FlushTlbInfo | undefined): void {
  noteFlush(sys, cpu, range === undefined ? -1 : Math.ceil((range.end - range.start) / range.stride));
  if (range === undefined) cpu.writeCr3(cpu.cr3);
  else for (let va = range.start; va < range.end; va += range.stride) cpu.invlpg(va);
}

// ---------------------------------------------------------------- what callers ask for

/**
 * Flushes [start, end) of `mm`, or leaves it to the gather that is open.
 * Linux arch/x86/include/asm/tlbflush.h:flush_tlb_range()
 */
export function flushTlbRange(mm: MmStruct, start: number, end: number): void {
  if (mm.tlbGather === undefined) flushTlbMmRange(mm, start, end);
  else mm.tlbGather.addRange(start, end);
}

/** Flushes one page. Linux arch/x86/include/asm/tlbflush.h:flush_tlb_page() */
export function flushTlbPage(mm: MmStruct, addr: Vaddr): void {
  flushTlbRange(mm, addr, addr + PAGE_SIZE);
}

/** Flushes everything of `mm`. Linux arch/x86/include/asm/tlbflush.h:flush_tlb_mm() */
export function tlbFlushMm(mm: MmStruct): void {
  flushTlbRange(mm, 0, TLB_FLUSH_ALL);
}

// ---------------------------------------------------------------- flushes of many address spaces at once

/**
 * An entry of `mm` was emptied, and nobody may rely on it before archTlbbatchFlush().
 * Linux arch/x86/include/asm/tlbflush.h:arch_tlbbatch_add_pending()
 */
export function archTlbbatchAddPending(batch: Set<number>, mm: MmStruct): void {
  mm.context.tlbGen++;
  for (const cpu of mm.mmCpumask) batch.add(cpu);
}

/**
 * Flushes all that the CPUs of `batch` know of the address space that each has loaded, with one interrupt.
 * Linux arch/x86/mm/tlb.c:arch_tlbbatch_flush()
 */
export function archTlbbatchFlush(sys: MemorySystem, batch: Set<number>): void {
  const self = sys.cpus[sys.thisCpu];
  const others = [...batch].filter((id) => id !== sys.thisCpu && !cpuTlbState(sys, id).isLazy);
  if (self !== undefined && others.length > 0) {
    countVmEvent(sys, NR_TLB_REMOTE_FLUSH);
    const targets = others.sort((a, b) => a - b).map((id) => sys.cpus[id]!);
    sendIpi(self, targets, (cpu) => {
      countVmEvent(sys, NR_TLB_REMOTE_FLUSH_RECEIVED);
      flushLoadedMm(sys, cpu);
    });
  }
  if (self !== undefined && batch.has(self.id)) flushLoadedMm(sys, self);
  batch.clear();
}

/** All entries of what the CPU has loaded, unless it knows the last generation already. */
function flushLoadedMm(sys: MemorySystem, cpu: Cpu): void {
  const mm = cpuTlbState(sys, cpu.id).loadedMm;
  if (mm === undefined) return;
  const newTlbGen = mm.context.tlbGen;
  flushTlbFunc(sys, cpu, {
    mm,
    start: 0,
    end: TLB_FLUSH_ALL,
    newTlbGen,
    stride: PAGE_SIZE,
    freedTables: false,
  });
}

// ---------------------------------------------------------------- counts and events

/** Counts and traces a flush of `pages` pages, -1 for all. Linux: trace_tlb_flush(), count_vm_tlb_events() */
function noteFlush(sys: MemorySystem, cpu: Cpu, pages: number): void {
  if (sys.trace.on) sys.trace.emit("tlb:tlb_flush", { pages, reason: cpu.id === sys.thisCpu ? 3 : 1 });
  if (pages < 0) countVmEvent(sys, NR_TLB_LOCAL_FLUSH_ALL);
  else countVmEvents(sys, NR_TLB_LOCAL_FLUSH_ONE, pages);
}
