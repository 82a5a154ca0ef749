/**
 * Several CPUs: how one makes the others do something, above all flush their TLBs.
 *
 *   CPU 0                          CPU 1            CPU 2
 *   changes an entry in RAM        its TLB still    its TLB still
 *   flushes its own TLB            has the old one  has the old one
 *   sends an interrupt ----------> flushes -------> flushes
 *   waits <----------------------- done ----------- done
 *   may reuse the frame
 *
 * The hardware keeps no TLB up to date, so this conversation, the shootdown, is the kernel's business:
 * lib/mm/pgtable/tlb.ts decides whom to interrupt and what to flush. Here is only the interrupt itself,
 * counted and with its price: the sender pays for each target and then waits for the slowest; the targets
 * work at the same time as each other.
 *
 * Read first: cpu.ts.
 */

import { Cpu } from "./cpu.js";
import { checkKind } from "./signature.js";

/**
 * Runs `fn` on every CPU of `targets` except `from`, and waits until all are done. Returns how many were
 * interrupted.
 * Linux kernel/smp.c:smp_call_function_many_cond()
 */
export function sendIpi(from: Cpu, targets: Iterable<Cpu>, fn: (cpu: Cpu) => void): number {
  checkKind("sendIpi(): from", from, Cpu);
  checkKind("sendIpi(): fn", fn, "function");
  checkKind("sendIpi(): targets", targets, "iterable");
  const { clock } = from;
  const startNs = clock.nowNs;
  let sent = 0;
  let slowestNs = 0;
  for (const cpu of targets) {
    checkKind("sendIpi(): a target", cpu, Cpu);
    if (cpu === from) continue;
    sent++;
    clock.nowNs = startNs;
    fn(cpu);
    const tookNs = clock.nowNs - startNs;
    slowestNs = Math.max(slowestNs, tookNs);
    cpu.counters.ipisReceived++;
    cpu.counters.ipiStolenNs += clock.costs.ipiReceiveNs + tookNs;
  }
  from.counters.ipisSent += sent;
  clock.nowNs = startNs;
  if (sent > 0) clock.nowNs += sent * clock.costs.ipiSendNs + clock.costs.ipiWaitNs + slowestNs;
  return sent;
}
