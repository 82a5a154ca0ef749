/**
 * What a processor counts besides its MMU (mmu_stats.ts): exceptions, writes of CR3, flushes, interrupts
 * between processors.
 *
 *   machine.cpu.counters        { exceptions: 12, cr3Writes: 3, cr3NoFlush: 1, invlpgs: 4, ... }
 *
 * Read next: cpu.ts, which counts; kernel/measure.ts, which shows the differences.
 */

/** What a CPU counts besides its MMU. */
export interface CpuCounters {
  /** Exceptions delivered. */
  exceptions: number;
  /** CR3 writes, of which `cr3NoFlush` kept the TLB. */
  cr3Writes: number;
  cr3NoFlush: number;
  invlpgs: number;
  invpcids: number;
  /** Interrupts sent to other CPUs, and received from them. */
  ipisSent: number;
  ipisReceived: number;
  /** Time taken from the CPU's own work by the interrupts it received. */
  ipiStolenNs: number;
}

/** Counters that have counted nothing yet. */
export function newCpuCounters(): CpuCounters {
  return {
    exceptions: 0,
    cr3Writes: 0,
    cr3NoFlush: 0,
    invlpgs: 0,
    invpcids: 0,
    ipisSent: 0,
    ipisReceived: 0,
    ipiStolenNs: 0,
  };
}
