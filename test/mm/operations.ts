/**
 * Random steps for World, how to print them, and how to find the fewest that fail.
 */
import type { Random } from "../../lib/hw/random.js";

/** Pages that the processes use; the page table ends in the middle. */
export const ARENA = 128;
/** Most processes alive at once. */
export const MAX_PROCS = 16;

/** What one step can be; a kind written twice is twice as likely. */
export const KINDS: readonly string[] = [
  ...["store", "store", "store", "store", "store", "store", "load", "load", "load", "load", "fork", "fork"],
  ...["exit", "exit", "map", "unmap", "protect", "protect", "dontneed", "free", "cold", "populateRead"],
  ...["populateWrite", "remove", "lock", "unlock", "move", "move", "resize", "fileWrite", "fileRead"],
  ...["truncate", "fsync", "evict", "readInto", "normal", "random", "sequential", "willneed", "fileAdvice"],
];

/** What needs memory most: files that are not in the cache, read through mappings, locks and reads. */
export const HUNGRY_KINDS: readonly string[] = [
  ...["load", "load", "load", "store", "store", "fork", "exit", "map", "map", "unmap", "dontneed", "move"],
  ...["resize", "protect", "populateRead", "populateRead", "populateWrite", "lock", "lock", "unlock"],
  ...[
    "fileWrite",
    "fileRead",
    "fileRead",
    "readInto",
    "truncate",
    "fsync",
    "fsync",
    "evict",
    "evict",
    "evict",
  ],
  ...["normal", "random", "sequential", "willneed", "fileAdvice", "remove"],
];

/** One step; what its numbers mean depends on the kind. */
export interface Operation {
  readonly kind: string;
  readonly who: number;
  readonly cpu: number;
  readonly page: number;
  readonly length: number;
  readonly to: number;
  readonly value: number;
}

/** `nr` random steps. */
export function randomOperations(random: Random, nr: number, kinds: readonly string[] = KINDS): Operation[] {
  return Array.from({ length: nr }, () => ({
    kind: random.pick(kinds),
    who: random.below(MAX_PROCS),
    cpu: random.below(2),
    page: random.below(ARENA),
    length: random.between(1, 12),
    to: random.below(ARENA),
    value: random.between(1, 255),
  }));
}

/** The steps as a script that a reader can follow. */
export function asScript(ops: readonly Operation[]): string {
  return ops
    .map(
      (op) =>
        `${op.kind} process=${op.who} cpu=${op.cpu} page=${op.page} length=${op.length} to=${op.to} value=${op.value}`,
    )
    .join("\n");
}

/** The fewest steps of `ops` that still fail, found by leaving out. */
export function shortest(
  ops: readonly Operation[],
  fails: (ops: readonly Operation[]) => boolean,
): Operation[] {
  let left = [...ops];
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = left.length - size; at > -size; at -= size) {
      const without = [...left.slice(0, Math.max(0, at)), ...left.slice(Math.max(0, at) + size)];
      if (without.length < left.length && fails(without)) left = without;
    }
  return left;
}
