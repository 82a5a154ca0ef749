/**
 * A checker of swap: who has each slot, counted again.
 *
 *   page tables    entries that name the slot       == the slot's count, continuations included
 *   files          places of shared memory          == SWAP_MAP_SHMEM
 *   swap tables    a folio in the slot's place      == SWAP_HAS_CACHE, and the folio says the same slot
 *   slots in use   of each cluster, of each area    == its count; areas that give slots out == nrSwapPages
 *
 * A slot that somebody needs and nobody counts would be given to another page: its bytes are lost. A slot
 * that is counted and nobody needs is lost until the next boot.
 *
 * Not in Linux. Read first: swap_map.ts, swap_state.ts. Read next: mm/debug.ts, which calls this.
 */
import type { AddressSpace } from "../filemap/mapping.js";
import { type Folio, folioNrPages, type Page, PG_swapcache } from "../pages/folio.js";
import { MAX_SWAPFILES, swpEntry, swpType } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import { swpSwapcount } from "./swap_map.js";
import { folioSwap } from "./swap_state.js";
import {
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_SHMEM,
  SWAPFILE_CLUSTER,
  SWP_WRITEOK,
  type SwapInfoStruct,
  type SwpEntry,
} from "./swap_types.js";

/** What page tables and files say of swap, and what was found out about it. */
export interface SwapTruth {
  /** Entries of page tables that name each slot. */
  readonly entries: Map<SwpEntry, number>;
  /** Those of them that say the page is theirs alone. */
  readonly exclusive: Set<SwpEntry>;
  /** Slots of files in memory. */
  readonly shmem: Set<SwpEntry>;
  /** Folios of the swap cache. */
  readonly folios: Set<Folio>;
}

/** Nothing known yet. */
export function newSwapTruth(): SwapTruth {
  return { entries: new Map(), exclusive: new Set(), shmem: new Set(), folios: new Set() };
}

/** Collects what the swap cache and the tables of areas hold; `hold` is told of each hold of a frame. */
export function collectSwapHolders(sys: MemorySystem, truth: SwapTruth, hold: (page: Page) => void): void {
  for (const si of sys.swap.swapInfo) {
    if (si === undefined) continue;
    for (const page of si.kernelPages) hold(page as Page);
    for (const pages of si.continuations.values()) for (const page of pages) hold(page as Page);
    for (const { table, tablePage } of si.clusterInfo) {
      if (tablePage !== undefined) hold(tablePage as Page);
      for (const place of table ?? [])
        if (typeof place === "object") {
          hold(place as Folio);
          truth.folios.add(place as Folio);
        }
    }
  }
}

/** Collects what the files of `mappings` have in swap. */
function collectShmem(truth: SwapTruth, mappings: Iterable<AddressSpace>, problems: string[]): void {
  for (const { swapEntries, pages } of mappings)
    for (const [index, entry] of swapEntries) {
      if (pages.has(index)) problems.push(`page ${index} of a file is in RAM and in swap`);
      if (swpType(entry) >= MAX_SWAPFILES) continue; // lost
      if (truth.shmem.has(entry)) problems.push(`swap entry ${entry} is in two places of files`);
      truth.shmem.add(entry);
    }
}

/** Compares all slots of all areas with `truth`; what is wrong is added to `problems`. */
export function checkSwap(
  sys: MemorySystem,
  truth: SwapTruth,
  mappings: ReadonlySet<AddressSpace>,
  problems: string[],
): void {
  collectShmem(truth, new Set([...mappings, ...sys.shmemSwaplist]), problems);
  let free = 0;
  for (const si of sys.swap.swapInfo) {
    if (si === undefined) continue;
    checkArea(sys, si, truth, problems);
    if ((si.flags & SWP_WRITEOK) !== 0) free += si.pages - si.inusePages;
  }
  if (free !== sys.nrSwapPages) problems.push(`nrSwapPages is ${sys.nrSwapPages}, the areas have ${free}`);
  for (const entry of [...truth.entries.keys(), ...truth.shmem])
    if (sys.swap.swapInfo[swpType(entry)] === undefined) problems.push(`swap entry ${entry} is of no area`);
}

function checkArea(sys: MemorySystem, si: SwapInfoStruct, truth: SwapTruth, problems: string[]): void {
  let inUse = 0;
  for (const ci of si.clusterInfo) {
    let count = 0;
    const start = ci.index * SWAPFILE_CLUSTER;
    for (let slot = start; slot < start + SWAPFILE_CLUSTER; slot++) {
      if ((si.swapMap[slot] ?? SWAP_MAP_BAD) !== 0) count++;
      if (slot >= si.max || si.swapMap[slot] === SWAP_MAP_BAD) continue;
      if (si.swapMap[slot] !== 0) inUse++;
      checkSlot(sys, si, slot, truth, problems);
    }
    if (ci.count !== count) problems.push(`cluster ${ci.index} counts ${ci.count} slots, ${count} are used`);
  }
  if (si.inusePages !== inUse) problems.push(`area ${si.type} counts ${si.inusePages} slots, not ${inUse}`);
}

function checkSlot(
  sys: MemorySystem,
  si: SwapInfoStruct,
  slot: number,
  truth: SwapTruth,
  problems: string[],
): void {
  const entry = swpEntry(si.type, slot);
  const at = `slot ${slot} of area ${si.type}`;
  const value = si.swapMap[slot]!;
  const named = truth.entries.get(entry) ?? 0;
  if (truth.shmem.has(entry)) {
    if ((value & ~SWAP_HAS_CACHE) !== (SWAP_MAP_SHMEM & ~SWAP_HAS_CACHE) || named > 0)
      problems.push(`${at} is a file's, its map says ${value}, ${named} entries name it`);
  } else if (swpSwapcount(sys, entry) !== named)
    problems.push(`${at} counts ${swpSwapcount(sys, entry)}, ${named} entries name it`);
  if (truth.exclusive.has(entry) && named > 1)
    problems.push(`${at} is one entry's alone, and ${named} name it`);
  const place = si.clusterInfo[Math.floor(slot / SWAPFILE_CLUSTER)]!.table?.[slot % SWAPFILE_CLUSTER];
  if ((typeof place === "object") !== ((value & SWAP_HAS_CACHE) !== 0))
    problems.push(`${at} is in the swap cache in only one of map and table`);
  if (si.zeromap[slot] === 1 && value === 0) problems.push(`${at} is free, and in the zero map`);
  if (typeof place === "object") checkCached(place as Folio, entry, named, at, problems);
}

function checkCached(folio: Folio, entry: SwpEntry, named: number, at: string, problems: string[]): void {
  const first = folioSwap(folio);
  if ((folio.flags & PG_swapcache) === 0 || entry < first || entry >= first + folioNrPages(folio))
    problems.push(`${at} has frame ${folio.pfn} in the swap cache, which says entry ${first}`);
  if (folio.order === 0 && folio.anonExclusive && named > 0)
    problems.push(`${at}: frame ${folio.pfn} is one mm's alone, and ${named} entries name its slot`);
}
