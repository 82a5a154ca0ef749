/**
 * A machine with huge pages, one process with two ranges of 2 MiB, and what tests of huge pages ask of it.
 */
import { expect } from "vitest";
import { boot } from "../../../lib/index.js";
import type { BootOptions, Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import type { VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { type Folio, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pmdLeaf, ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { lookupAddress, pmdOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

export const PAGE = 4096;
export const HUGE = 2 ** 21;

/** A machine on which everybody gets huge pages, a process, and where its 4 MiB are. */
export interface HugeMachine {
  readonly machine: Machine;
  readonly sys: MemorySystem;
  readonly alice: Process;
  readonly a: number;
}

/** A machine of 64 MiB, or with `options`; nothing is touched yet. */
export function hugeMachine(options: BootOptions = {}, size = 2 * HUGE): HugeMachine {
  const machine = boot({ ram: "64 MiB", ...options });
  machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "always");
  machine.procfs.write("/sys/kernel/mm/transparent_hugepage/use_zero_page", "1");
  machine.procfs.write("/sys/kernel/mm/transparent_hugepage/defrag", "madvise");
  const alice = machine.spawn("alice");
  return { machine, sys: machine.kernel.sys, alice, a: alice.mmap(size) };
}

/** The VMA of `process` at `va`. */
export function vmaAt(process: Process, va: number): VmAreaStruct {
  return process.task.mm!.mmMt.lookup(va)!;
}

/** Pointer to the level-2 entry, and its value. */
export function pmdAt(process: Process, va: number): { pmdp: number; pmd: number } {
  const mm = process.task.mm!;
  const pmdp = pmdOffset(mm, va);
  return { pmdp, pmd: pmdp === 0 ? 0 : ptepGet(mm.sys.ram, pmdp) };
}

/** Whether a leaf maps the address. */
export function isHuge(process: Process, va: number): boolean {
  return pmdLeaf(pmdAt(process, va).pmd);
}

/** The folio that is mapped at `va`. */
export function folioAt(process: Process, va: number): Folio {
  const mm = process.task.mm!;
  const { ptep, subpage } = lookupAddress(mm, va);
  return pfnToPage(mm.sys, ptePfn(ptepGet(mm.sys.ram, ptep)) + subpage).head;
}

/** A line of /proc/vmstat. */
export function vmstat(machine: Machine, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(machine.procfs.read("/proc/vmstat"))![1]);
}

/** All counts are what the tables say. */
export function checkAll({ sys }: { readonly sys: MemorySystem }, ...processes: Process[]): void {
  const mms = processes.map(({ task }) => task.mm!);
  expect(() => checkInvariants(sys, [sys.initMm!, ...mms])).not.toThrow();
}
