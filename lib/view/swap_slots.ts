/**
 * What every slot of swap holds, as plain data.
 *
 *   swap map     count of entries, swap cache, bad          page tables    who has it: a walk over every process
 *   zero map     not on the device: all zeros               zswap          not on the device: compressed in RAM
 *        '--------------------------+--------------------------------------------'
 *                                   v
 *               { offset, state, count, owners: ["alice"], cached, zero, zswap }
 *
 * Looking changes nothing. Not in Linux: /proc/swaps has sums only. Read first: ../mm/swap/swap_types.ts.
 * Read next: draw_swap_map.ts.
 */
import type { Machine } from "../kernel/machine.js";
import type { MmStruct } from "../mm/mm_types.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { PTE_KIND_SWAP, pteToSwpEntry, swpEntry } from "../mm/pgtable/swapops.js";
import { swapCount, swpSwapcount } from "../mm/swap/swap_map.js";
import {
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_SHMEM,
  type SwapInfoStruct,
  type SwpEntry,
} from "../mm/swap/swap_types.js";
import { Zswap } from "../mm/swap/zswap.js";
import type { MemorySystem } from "../mm/system.js";

/** Owner of slots that a file of shared memory has. */
export const SHMEM_OWNER = "shared memory, tmpfs";

/** One slot. */
export interface SwapSlot {
  readonly offset: number;
  /** Entries of page tables that stand for it; 1 for shared memory. */
  readonly count: number;
  /** Never given out: the header, or a bad block. */
  readonly bad: boolean;
  /** A folio in RAM has the same bytes. */
  readonly cached: boolean;
  /** The page was all zeros: nothing is on the device. */
  readonly zero: boolean;
  /** zswap has the bytes. */
  readonly zswap: boolean;
  /** Names of the processes that have it, each once. */
  readonly owners: readonly string[];
}

/** Who has which slot: names of processes by entry. */
type SlotOwners = ReadonlyMap<SwpEntry, readonly string[]>;

/** Walks every process once. Those of the same name are told apart by their pid. */
export function slotOwners({ kernel }: Machine): SlotOwners {
  const owners = new Map<SwpEntry, string[]>();
  const seen = new Set<MmStruct>();
  const tasks = [...kernel.tasks.values()].filter(
    ({ mm }) => mm !== undefined && !seen.has(mm) && seen.add(mm),
  );
  for (const { mm: maybe, comm, pid } of tasks) {
    const mm = maybe!;
    const name = tasks.some((other) => other.comm === comm && other.pid !== pid) ? `${comm}[${pid}]` : comm;
    for (const { vmStart, vmEnd } of mm.mmMt)
      walkPageRange(mm, vmStart, vmEnd, {
        pteEntry(pte, _addr, _ptep, kind) {
          if (kind !== PTE_KIND_SWAP) return;
          const entry = pteToSwpEntry(pte);
          const names = owners.get(entry);
          if (names === undefined) owners.set(entry, [name]);
          else if (!names.includes(name)) names.push(name);
        },
        pmdEntry: () => {},
      });
  }
  return owners;
}

/** What slot `offset` of the area holds. */
export function swapSlot(
  sys: MemorySystem,
  si: SwapInfoStruct,
  offset: number,
  owners: SlotOwners,
): SwapSlot {
  const value = si.swapMap[offset]!;
  const entry = si.type + offset > 0 ? swpEntry(si.type, offset) : 0;
  const bad = swapCount(value) === SWAP_MAP_BAD;
  const shmem = swapCount(value) === SWAP_MAP_SHMEM;
  const { zswap } = sys.swap;
  return {
    offset,
    ...{ bad, count: bad ? 0 : shmem ? 1 : swpSwapcount(sys, entry) },
    cached: !bad && (value & SWAP_HAS_CACHE) !== 0,
    zero: si.zeromap[offset] === 1,
    zswap: zswap instanceof Zswap && zswap.tree.has(entry),
    owners: shmem ? [SHMEM_OWNER] : (owners.get(entry) ?? []),
  };
}
