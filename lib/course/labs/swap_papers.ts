/**
 * The papers of swap: what the kernel must know of every slot, worked out again from the page tables.
 *
 *   entries that name a slot          == the slot's count in the swap map
 *   a folio in the swap cache         == SWAP_HAS_CACHE of its slot; held by the cache, its entries and batches
 *   a page that is exclusive          == no entry names its slot any more
 *
 * As papers.ts does for mapped pages: a slot whose count is wrong does no harm until it is given to another
 * page, or until swap is full. Here it is seen at once, and told in the words of lab 06.
 *
 * Not in Linux: a helper of the course. Read first: papers.ts, mm/swap/swap_types.ts.
 */
import { type Folio, folioMapcount, folioMapped } from "../../mm/pages/folio.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { PTE_KIND_SWAP, pteToSwpEntry, swpEntry } from "../../mm/pgtable/swapops.js";
import { swpSwapcount } from "../../mm/swap/swap_map.js";
import {
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAPFILE_CLUSTER,
  type SwapInfoStruct,
  type SwpEntry,
} from "../../mm/swap/swap_types.js";
import type { MemorySystem } from "../../mm/system.js";
import type { Owner } from "./papers.js";

/** Which entries name each slot, in words: "P, page 3". */
function namesOfSlots(owners: readonly Owner[]): Map<SwpEntry, string[]> {
  const names = new Map<SwpEntry, string[]>();
  for (const { name, mm, pageText } of owners)
    walkPageRange(mm, 0, mm.taskSize, {
      pteEntry(pte, addr, _ptep, kind) {
        if (kind !== PTE_KIND_SWAP) return;
        const entry = pteToSwpEntry(pte);
        names.set(entry, [...(names.get(entry) ?? []), `${name}, ${pageText(addr)}`]);
      },
    });
  return names;
}

/**
 * Every paper of swap that does not say what the tables of `owners` say; `held` are references that others
 * have. Not in Linux: a helper of the course.
 */
export function wrongSwapPapers(
  sys: MemorySystem,
  owners: readonly Owner[],
  held: ReadonlyMap<Folio, number>,
): string[] {
  const names = namesOfSlots(owners);
  const wrong: string[] = [];
  for (const si of sys.swap.swapInfo)
    for (let slot = 1; si !== undefined && slot < si.max; slot++) {
      const value = si.swapMap[slot]!;
      if (value === SWAP_MAP_BAD) continue;
      const entry = swpEntry(si.type, slot);
      const named = names.get(entry) ?? [];
      if (value === 0 && named.length === 0) continue;
      const problem =
        wrongCount(slot, swpSwapcount(sys, entry), named) ?? wrongCache(si, slot, value, named, held);
      if (problem !== undefined) wrong.push(problem);
    }
  return wrong;
}

function wrongCount(slot: number, count: number, named: readonly string[]): string | undefined {
  if (count === named.length) return undefined;
  const who = named.length === 0 ? "no entry names it" : `${named.length} name it (${named.join("; ")})`;
  return count > named.length
    ? `Slot ${slot} counts ${count} entries, but ${who}: it will never be free again (swapFreeNr)`
    : `Slot ${slot} counts ${count} entries, but ${who}: it may be given to another page while they need it`;
}

function wrongCache(
  si: SwapInfoStruct,
  slot: number,
  value: number,
  named: readonly string[],
  held: ReadonlyMap<Folio, number>,
): string | undefined {
  const place = si.clusterInfo[Math.floor(slot / SWAPFILE_CLUSTER)]!.table?.[slot % SWAPFILE_CLUSTER];
  if (typeof place !== "object")
    return (value & SWAP_HAS_CACHE) === 0
      ? undefined
      : `Slot ${slot} is marked as in the swap cache, but no folio is there: after a direct read the mark must go (swapcacheClear), on every way out`;
  const folio = place as Folio;
  const refs = 1 + folioMapcount(folio) + (held.get(folio) ?? 0);
  if (folio.refcount !== refs)
    return `Slot ${slot}: the folio in the swap cache is held ${folio.refcount} times, but only the cache${folioMapped(folio) ? ", its entries" : ""} and batches should hold it: ${refs}. On every way out without a mapping, let go of it (folioPut); a mapping keeps the hold`;
  if (folioMapped(folio) && folio.anonExclusive && named.length > 0)
    return `Slot ${slot}: its page is marked exclusive (anonExclusive), but ${named.join(" and ")} still need${named.length === 1 ? "s" : ""} it, too: a write would be seen by the wrong process`;
  return undefined;
}
