/**
 * What is seen of lab 06.3's processes after each operation, as text to be compared, and what is wrong in it
 * in a sentence.
 *
 *   P, page 3 = 104: mapped, writable, dirty, soft-dirty, exclusive, and in the swap cache (slot 1)
 *   C1, page 3: in swap, slot 1, soft-dirty
 *   slot 1: count 1, and in the swap cache
 *
 * Not in Linux: a helper of the course. Read next: swap_in.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { Process } from "../../kernel/process.js";
import type { MmStruct } from "../../mm/mm_types.js";
import { PG_swapcache, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { PTE_NX, pteDirty, ptePfn, ptePresent, pteWrite } from "../../mm/pgtable/pgtable.js";
import { pteSoftDirty, pteSwpSoftDirty } from "../../mm/pgtable/soft_dirty.js";
import {
  isPteMarker,
  PTE_KIND_SWAP,
  pteSwpExclusive,
  pteToSwpEntry,
  swpOffset,
} from "../../mm/pgtable/swapops.js";
import { folioSwap } from "../../mm/swap/swap_state.js";
import { SWAP_HAS_CACHE, SWAP_MAP_BAD, type SwapInfoStruct } from "../../mm/swap/swap_types.js";
import { FIRST_AREA } from "./swap_in_ops.js";

/** First address of each of the three areas of a process. */
export const SWAP_IN_BASE = 0x1000_0000_0000;
export const SWAP_IN_SECOND = SWAP_IN_BASE + 0x4000_0000;
export const SWAP_IN_WORK = SWAP_IN_BASE + 0x8000_0000;

/** Address of page `page`. Not in Linux: a helper of the course. */
export function swapInAddress(page: number): number {
  return page < FIRST_AREA
    ? SWAP_IN_BASE + page * PAGE_SIZE
    : SWAP_IN_SECOND + (page - FIRST_AREA) * PAGE_SIZE;
}

/** What the page at `addr` is called. Not in Linux: a helper of the course. */
export function swapInPageText(addr: number): string {
  if (addr >= SWAP_IN_WORK) return `page ${(addr - SWAP_IN_WORK) / PAGE_SIZE} of its work`;
  return `page ${addr < SWAP_IN_SECOND ? (addr - SWAP_IN_BASE) / PAGE_SIZE : FIRST_AREA + (addr - SWAP_IN_SECOND) / PAGE_SIZE}`;
}

/** A process, and how it is called. */
export interface SwapInMember {
  readonly name: string;
  readonly process: Process;
}

/** What one operation did: told, and compared. */
export interface SwapInObservation {
  readonly did: string;
  readonly faults: readonly string[];
  readonly pages: readonly string[];
  readonly slots: readonly string[];
  readonly counted: Readonly<Record<string, number>>;
  readonly books: readonly string[];
}

/** An observation as text. Not in Linux: a helper of the course. */
export function swapInText({ did, faults, pages, slots, counted, books }: SwapInObservation): string {
  const counts = Object.entries(counted).map(([name, count]) => `${name} ${count}`);
  return [did, ...faults, ...pages, ...slots, counts.join(", "), ...books].join("\n  ");
}

/** What a wrong counter means, where its name does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  pgmajfault: ": count PGMAJFAULT where the page was not in the swap cache, and only there",
  pgreuse:
    ": doWpPage is called only where the write is not done already (take FAULT_FLAG_WRITE out of vmf.flags)",
  swap_ra_hit: ": swapUpdateReadahead is told of each page that is found in the swap cache",
};

const AGAIN = ": a write is to be done in the same fault (doWpPage)";

/** What is wrong in `got`, in a sentence. Not in Linux: a helper of the course. */
export function swapInMistake(got: SwapInObservation, expected: SwapInObservation): string | undefined {
  if (got.books.length > 0) return got.books[0];
  const fault = expected.faults.findIndex((text, i) => text !== got.faults[i]);
  const extra = got.faults[expected.faults.length];
  if (fault >= 0)
    return `${got.faults[fault] ?? "doSwapPage is not called once more"}; it should be: ${expected.faults[fault]}`;
  if (extra !== undefined) return `doSwapPage is called once more than it should be: ${extra}`;
  for (const which of ["pages", "slots"] as const) {
    const at = expected[which].findIndex((text, i) => text !== got[which][i]);
    if (at >= 0) return `Afterwards, ${got[which][at] ?? "it is free"}; it should be: ${expected[which][at]}`;
    if (got[which].length > expected[which].length)
      return `Afterwards, ${got[which][expected[which].length]}; it should be free`;
  }
  for (const [name, count] of Object.entries(expected.counted)) {
    const mine = got.counted[name]!;
    const again = name.startsWith("minor faults") && mine > count ? AGAIN : "";
    if (mine !== count) return `${name} is ${mine}; it should be ${count}${HINTS[name] ?? again}`;
  }
  return got.did === expected.did ? undefined : `${got.did}; it should be: ${expected.did}`;
}

/** Every page of every process: mapped how, or in which slot. Not in Linux: a helper of the course. */
export function pagesSeen(members: readonly SwapInMember[]): string[] {
  const owners = new Map<number, string[]>();
  const lines: { name: string; mm: MmStruct; addr: number; pte: number }[] = [];
  for (const { name, process } of members)
    walkPageRange(process.mm, SWAP_IN_BASE, SWAP_IN_WORK, {
      pteEntry(pte, addr) {
        lines.push({ name, mm: process.mm, addr, pte });
        if (ptePresent(pte)) owners.set(ptePfn(pte), [...(owners.get(ptePfn(pte)) ?? []), name]);
      },
    });
  return lines.map(({ name, mm: { sys }, addr, pte }) => {
    const what = ptePresent(pte) ? mappedText(pte, owners.get(ptePfn(pte))!) : notMappedText(pte);
    if (!ptePresent(pte)) return `${name}, ${swapInPageText(addr)}: ${what}`;
    const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
    const marks = [
      folio.anonExclusive ? ", exclusive" : "",
      (folio.flags & PG_swapcache) === 0
        ? ""
        : `, and in the swap cache (slot ${swpOffset(folioSwap(folio))})`,
    ].join("");
    return `${name}, ${swapInPageText(addr)} = ${sys.ram.frame(folio.pfn)[0]}: ${what}${marks}`;
  });
}

/**
 * Every slot in use that no entry of `mm`, of another program, names. Not in Linux: a helper of the course.
 */
export function slotsSeen({ swapMap, inusePages }: SwapInfoStruct, mm: MmStruct | undefined): string[] {
  const lines = [`${inusePages} slots are in use`];
  const others = slotsOf(mm);
  swapMap.forEach((value, slot) => {
    if (value === 0 || value === SWAP_MAP_BAD || others.has(slot)) return;
    const cache = (value & SWAP_HAS_CACHE) === 0 ? "" : ", and in the swap cache";
    lines.push(`slot ${slot}: count ${value & ~SWAP_HAS_CACHE}${cache}`);
  });
  return lines;
}

/** Slots that entries of `mm` name. */
function slotsOf(mm: MmStruct | undefined): Set<number> {
  const slots = new Set<number>();
  if (mm === undefined) return slots;
  walkPageRange(mm, 0, mm.taskSize, {
    pteEntry(pte, _addr, _ptep, kind) {
      if (kind === PTE_KIND_SWAP) slots.add(swpOffset(pteToSwpEntry(pte)));
    },
  });
  return slots;
}

function mappedText(pte: number, names: readonly string[]): string {
  const marks = [
    pteWrite(pte) ? "writable" : "read-only",
    pteDirty(pte) ? "dirty" : "clean",
    pteSoftDirty(pte) ? "soft-dirty" : "not soft-dirty",
    ...(Math.floor(pte / PTE_NX) % 2 === 1 ? [] : ["executable"]),
  ];
  return `mapped, ${marks.join(", ")}${names.length > 1 ? `, shared by ${names.join(" and ")}` : ""}`;
}

function notMappedText(pte: number): string {
  if (isPteMarker(pte)) return "a marker";
  const marks = [pteSwpExclusive(pte) ? ", exclusive" : "", pteSwpSoftDirty(pte) ? ", soft-dirty" : ""];
  return `in swap, slot ${swpOffset(pteToSwpEntry(pte))}${marks.join("")}`;
}
