/**
 * A process with 4 MiB of shared memory without a name, and a file of the same size in /dev/shm: what tests of
 * huge pages of files need.
 */
import type { Process } from "../../../lib/kernel/process.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { HUGE, type HugeMachine, hugeMachine, PAGE, vmaAt } from "./huge_machine.js";

export const THP = "/sys/kernel/mm/transparent_hugepage";
/** Multiples of 2 MiB, far from everything. */
export const SHM = 0x2000_0000_0000;
export const FILE = 0x2001_0000_0000;
export const DISK = 0x2002_0000_0000;

/** The machine; nothing is touched yet, and shmem_enabled says `word`. */
export function shmemMachine(word = "never"): HugeMachine & { fd: number } {
  const h = hugeMachine();
  h.machine.procfs.write(`${THP}/shmem_enabled`, word);
  h.alice.mmap(2 * HUGE, { at: SHM, fixed: true, shared: true });
  const fd = h.alice.open("/dev/shm/f", { create: true });
  h.alice.ftruncate(fd, 2 * HUGE);
  h.alice.mmap(2 * HUGE, { at: FILE, fixed: true, shared: true, fd });
  return { ...h, fd };
}

/** Writes to pages [from, to) of the area: page i gets i + 1, modulo 256. */
export function fill(process: Process, at: number, from = 0, to = 512): void {
  for (let i = from; i < to; i++) process.store(at + i * PAGE, 1, (i + 1) & 255);
}

/** The cache behind the mapping at `va`. */
export function mappingAt(process: Process, va: number): AddressSpace {
  return vmaAt(process, va).vmFile!.fMapping;
}

/** A line of smaps of the mapping at `at`, in kB. */
export function smapsField({ machine }: HugeMachine, process: Process, at: number, field: string): number {
  const text = machine.procfs.read(`/proc/${process.task.pid}/smaps`);
  const block = text.slice(text.indexOf(at.toString(16)));
  return Number(new RegExp(`^${field}: +(\\d+)`, "m").exec(block)![1]);
}
