/**
 * A whole machine as a test bench for lab 01: two processes with page tables of their own, that map, store,
 * load and fetch, on a machine booted with a learner's walker or mapper.
 * Not in Linux: a helper of the course.
 *
 * Read first: paging.ts.
 */
import { hex, PAGE_SIZE } from "../../hw/address.js";
import { FaultError } from "../../hw/fault.js";
import type { MapFlags } from "../../hw/page_table.js";
import type { Random } from "../../hw/random.js";
import { CR4_SMAP, CR4_SMEP } from "../../hw/registers.js";
import { boot, type MachineParts } from "../../kernel/machine.js";

/** One operation of one of two processes. */
interface MachineOp {
  process: 0 | 1;
  op: "map" | "load" | "store" | "fetch" | "kernel store";
  va: number;
  value: number;
  flags: MapFlags;
}

const NAMES = ["alice", "bob"];
const PLACES = [0x40_0000, 0x7fff_0000_0000];

/** A random operation; both processes use the same few addresses. */
export function randomMachineOp(random: Random): MachineOp {
  return {
    process: random.chance(50) ? 0 : 1,
    op: random.pick(["map", "map", "load", "store", "store", "fetch", "kernel store"] as const),
    va: random.pick(PLACES) + random.below(3) * PAGE_SIZE + random.pick([0, 8, 4093]),
    value: random.below(2 ** 32),
    flags: { user: random.chance(85), writable: random.chance(75), executable: random.chance(50) },
  };
}

/** An operation in words. */
export function machineOpText({ process, op, va, value, flags }: MachineOp): string {
  const who = NAMES[process]!;
  if (op === "map")
    return `${who} maps the page of ${hex(va)}: user ${flags.user}, writable ${flags.writable}, executable ${flags.executable}`;
  return `${who}: ${op} 4 bytes at ${hex(va)}${op.endsWith("store") ? ` (${value})` : ""}`;
}

/** Runs operations on a machine with `parts`: what each load read, or how each access ended. */
export function* runMachine(
  parts: Partial<MachineParts>,
  operations: readonly MachineOp[],
): Generator<string> {
  const machine = boot({ ram: "1 MiB", parts });
  const { cpu } = machine;
  cpu.cr4 &= ~(CR4_SMEP | CR4_SMAP);
  const tables = NAMES.map((name) => machine.newPageTable(name));
  for (const { process, op, va, value, flags } of operations) {
    const table = tables[process]!;
    machine.switchMm(table);
    cpu.cpl = op === "kernel store" ? 0 : 3;
    if (op === "map") yield `returned ${table.mapNew(Math.floor(va / PAGE_SIZE) * PAGE_SIZE, 1, flags)}`;
    else
      yield faultOr(() => {
        if (op === "load") return `read ${cpu.load(va, 4)}`;
        if (op === "fetch") return `fetched ${cpu.fetch(va, 4)}`;
        cpu.store(va, 4, value);
        return "stored";
      });
  }
}

function faultOr(act: () => string): string {
  try {
    return act();
  } catch (error) {
    if (error instanceof FaultError) return error.fault.toString();
    throw error;
  }
}
