/**
 * Test bench of lab 06.1: page-table entries of pages that are in swap, made by a machine and read out of its
 * RAM, beside what the kernel takes them for.
 *
 *   a process writes pages --> MADV_PAGEOUT --> entry in RAM      0x07fffffffffff408   what a learner unpacks
 *                                               as a value                area 0, slot 5, exclusive
 *
 * Among them are entries that name no place in swap: empty, present, PROT_NONE, a guard page.
 *
 * Not in Linux: a helper of the course. Read first: mm/pgtable/swapops.ts.
 */
import { hex, PAGE_SIZE } from "../../hw/address.js";
import type { Random } from "../../hw/random.js";
import { boot, type Machine } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { pteSwpSoftDirty } from "../../mm/pgtable/soft_dirty.js";
import {
  PTE_KIND_SWAP,
  pteSwpExclusive,
  pteToSwpEntry,
  swpOffset,
  swpType,
} from "../../mm/pgtable/swapops.js";
import { clearRefsWrite } from "../../procfs/clear_refs.js";

/** A page's place in swap, as lab 06.1 has it. */
interface SwapPlace {
  type: number;
  offset: number;
  exclusive: boolean;
  softDirty: boolean;
}

/** An entry that a machine has made, and the place that it stands for. */
interface RealEntry {
  /** Which page it is of. */
  readonly what: string;
  readonly pte: bigint;
  readonly place: SwapPlace | undefined;
}

/** The 64 bits of an entry, built from text: field by field, the offset turned round digit by digit. */
export function referencePte({ type, offset, exclusive, softDirty }: SwapPlace): bigint {
  const turned = [...offset.toString(2).padStart(50, "0")].map((bit) => (bit === "0" ? "1" : "0")).join("");
  const low = `00000${exclusive ? 1 : 0}0${softDirty ? 1 : 0}0`;
  return BigInt(`0b${type.toString(2).padStart(5, "0")}${turned}${low}`);
}

/** A place in words. */
export function placeText(place: SwapPlace): string {
  const { type, offset, exclusive, softDirty } = place;
  return `{ type: ${type}, offset: ${offset}, exclusive: ${exclusive}, softDirty: ${softDirty} }`;
}

/** Plausible and strange places. */
export function randomPlace(random: Random): SwapPlace {
  const bits = random.between(1, 50);
  return {
    type: random.below(24),
    offset: Math.floor(random.below(2 ** 25) * 2 ** 25 + random.below(2 ** 25)) % 2 ** bits,
    exclusive: random.chance(50),
    softDirty: random.chance(50),
  };
}

const WINDOW = 32;

/** A process whose memory lies in several areas, in RAM, and nowhere. */
function pagedOut(machine: Machine): { process: Process; start: number } {
  const process = machine.spawn("P");
  const start = process.mmap(WINDOW * PAGE_SIZE);
  const at = (page: number): number => start + page * PAGE_SIZE;
  const out = (page: number, nr: number): void => process.madvise(at(page), nr * PAGE_SIZE, "PAGEOUT");
  const write = (page: number, nr: number): void => {
    for (let i = page; i < page + nr; i++) process.store(at(i), 1, i + 1);
  };
  write(0, 20);
  out(0, 8);
  clearRefsWrite(process.mm, "4");
  write(8, 4);
  out(8, 4); // written since
  process.fork("Q"); // from now on these places are not P's alone
  write(3, 1);
  write(14, 4); // copies, P's alone again
  out(14, 2);
  write(20, 8);
  out(20, 8);
  process.mprotect(at(17), PAGE_SIZE, "");
  process.madvise(at(30), PAGE_SIZE, "GUARD_INSTALL");
  return { process, start };
}

/**
 * Entries out of the RAM of a machine with three swap areas; the places are the kernel's own idea of them.
 */
export function realEntries(): RealEntry[] {
  const swap = [7, 3, 5].map((priority) => ({ size: "40 KiB", priority }));
  const machine = boot({ ram: "8 MiB", swap, softDirty: true });
  const { process, start } = pagedOut(machine);
  const { ram } = machine.kernel.sys;
  const entries = Array.from({ length: WINDOW }, (_, page): RealEntry => {
    return { what: `page ${page} of a process, which is not there`, pte: 0n, place: undefined };
  });
  walkPageRange(process.mm, start, start + WINDOW * PAGE_SIZE, {
    pteEntry(value, addr, ptep, kind) {
      const entry = pteToSwpEntry(value);
      const exclusive = pteSwpExclusive(value);
      const softDirty = pteSwpSoftDirty(value);
      const place = { type: swpType(entry), offset: swpOffset(entry), exclusive, softDirty };
      const page = (addr - start) / PAGE_SIZE;
      const pte = ram.readEntry(ptep * 8);
      const what = `page ${page} of a process, whose entry in RAM is ${hex(pte)}`;
      entries[page] = { what, pte, place: kind === PTE_KIND_SWAP ? place : undefined };
    },
  });
  return entries;
}
