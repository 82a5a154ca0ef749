/**
 * The shootdown experiment of lab 02: what it costs to take pages away from a process that runs on many CPUs.
 *
 *   CPU 0     munmap |= change entries =|= send IPIs =|======= wait =======|
 *   CPU 1                                   |= interrupted: flush =|
 *   CPU 2                                   |= interrupted: flush =|
 *
 * A process with a thread on every CPU, each of which has used all pages; then the first thread unmaps them.
 * Not in Linux.
 *
 * Read first: machine.ts, mm/pgtable/tlb.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";
import { checkArguments, shape } from "../hw/signature.js";
import type { MachineParts } from "./machine.js";
import { boot } from "./machine.js";

/** A process that unmaps pages. */
export interface ShootdownExperiment {
  /** CPUs, each with a thread. */
  readonly cpus: number;
  /** Pages that are unmapped; 1 by default. */
  readonly pages?: number;
  /** One munmap for all pages (the default), or one for each. */
  readonly calls?: "one" | "one for each page";
  /** What the other threads do: run (the default), or wait, so that their CPUs are lazy. */
  readonly others?: "run" | "wait";
  readonly parts?: Partial<MachineParts>;
}

/** What the munmap cost. */
export interface ShootdownCost {
  readonly cpus: number;
  /** Interrupts received, all CPUs together. */
  readonly interrupts: number;
  /** Simulated time that the caller spent on flushing. */
  readonly callerNs: number;
  /** Time that the other CPUs lost, all together. */
  readonly stolenNs: number;
}

/** Runs the experiment on a fresh machine. */
export function shootdownCost(experiment: ShootdownExperiment): ShootdownCost {
  checkArguments(
    "shootdownCost()",
    { experiment: shape({ cpus: "count", pages: "count?", calls: "text?", others: "text?" }) },
    [experiment],
  );
  const { cpus, pages = 1, calls = "one", others = "run", parts = {} } = experiment;
  const machine = boot({ ram: "32 MiB", cpus, parts });
  const first = machine.spawn("team");
  const addr = first.mmap((pages + 1) * PAGE_SIZE);
  const threads = machine.cpus.slice(1).map((cpu) => first.thread(cpu.id));
  for (const thread of [first, ...threads]) thread.touch(addr, (pages + 1) * PAGE_SIZE);
  if (others === "wait") for (const thread of threads) thread.pause();
  const startNs = machine.clock.nowNs;
  const before = machine.cpus.map(({ counters }) => ({ ...counters }));
  // The last page stays, so that its tables do.
  if (calls === "one") first.munmap(addr, pages * PAGE_SIZE);
  else for (let i = 0; i < pages; i++) first.munmap(addr + i * PAGE_SIZE, PAGE_SIZE);
  const sum = (of: "ipisReceived" | "ipiStolenNs") =>
    machine.cpus.reduce((all, { counters }, i) => all + counters[of] - before[i]![of], 0);
  return {
    cpus,
    interrupts: sum("ipisReceived"),
    callerNs: machine.clock.nowNs - startNs,
    stolenNs: sum("ipiStolenNs"),
  };
}
