/**
 * Looks at one page on its way to swap or back: its entry, where its frame is, what swap has.
 *
 *    lookAtPage(machine, mm, va, pfn)     --> entry, frame, swap cache, device, and a copy of the area's maps
 *    nearSlots(look, own)                 --> the slots around its own, cut out when it is known which that is
 *
 * Looking changes nothing. Not in Linux. Read first: draw_swap_step.ts. Read next: step_swap.ts.
 */
import type { Pfn, Vaddr } from "../hw/address.js";
import { hex } from "../hw/address.js";
import { explainWalk } from "../hw/explain.js";
import { ACCESS_READ, ACCESS_USER } from "../hw/fault.js";
import { linuxPaging } from "../hw/registers.js";
import type { Machine } from "../kernel/machine.js";
import type { MmStruct } from "../mm/mm_types.js";
import {
  type Folio,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_uptodate,
  PG_writeback,
  pageFolio,
  pfnToPage,
} from "../mm/pages/folio.js";
import { folioPut } from "../mm/pages/free_pages.js";
import { swpEntry } from "../mm/pgtable/swapops.js";
import { swapCount } from "../mm/swap/swap_map.js";
import { swapCacheGetFolio } from "../mm/swap/swap_state.js";
import { SWAP_HAS_CACHE, SWAP_MAP_BAD, type SwapInfoStruct } from "../mm/swap/swap_types.js";
import { Zram } from "../mm/swap/zram.js";
import { Zswap } from "../mm/swap/zswap.js";
import type { MemorySystem } from "../mm/system.js";
import { NR_SWAPCACHE } from "../mm/vmstat.js";
import type { FaultBox } from "./draw_fault.js";
import { swapEntryFields } from "./draw_swap_entry.js";
import { type NearSlot, SLOTS_SHOWN } from "./draw_swap_step.js";
import { formatBytes } from "./scale.js";

/** A slot: area and page of it. */
export interface Place {
  readonly type: number;
  readonly offset: number;
}

/** What is known of the page at one moment. */
export interface PageLook {
  readonly entry: bigint;
  readonly boxes: readonly FaultBox[];
  readonly area: string;
  readonly own: number | undefined;
  readonly swapMap: Uint8Array;
  readonly zeromap: Uint8Array;
  /** Slots of the area that zswap has. */
  readonly zswap: ReadonlySet<number>;
}

/** The raw entry that maps `va`; 0 where there is no table. */
export function rawEntry(machine: Machine, mm: MmStruct, va: Vaddr): bigint {
  const { steps } = explainWalk(machine.ram, linuxPaging(mm.pgd), va, ACCESS_READ | ACCESS_USER);
  const last = steps[steps.length - 1];
  return last?.level === 1 ? last.entry : 0n;
}

/** The slot that a raw entry names; undefined unless it is one. */
export function placeOf(entry: bigint): Place | undefined {
  if (entry === 0n || (entry & 0x101n) !== 0n) return undefined;
  const { type, offset } = swapEntryFields(entry);
  return { type, offset: Number(offset) };
}

/** Looks at the page at `va`; `own` is its slot and `pfn` its frame, as far as they are known. */
export function lookAtPage(
  machine: Machine,
  mm: MmStruct,
  va: Vaddr,
  own: Place | undefined,
  pfn: Pfn | undefined,
): PageLook {
  const { sys } = machine.kernel;
  const type = own?.type ?? sys.swap.availHead[0]?.type ?? 0;
  const si = sys.swap.swapInfo[type];
  if (si === undefined) throw new RangeError("no swap area is on; see machine.swapon()");
  return {
    entry: rawEntry(machine, mm, va),
    boxes: [frameBox(sys, pfn), cacheBox(sys, own), deviceBox(sys, si, own)],
    area: `${si.path}, area ${si.type}`,
    own: own?.offset,
    ...{ swapMap: si.swapMap.slice(), zeromap: si.zeromap.slice(), zswap: zswapSlots(sys, si) },
  };
}

function zswapSlots(sys: MemorySystem, si: SwapInfoStruct): ReadonlySet<number> {
  const { zswap } = sys.swap;
  if (!(zswap instanceof Zswap) || zswap.tree.size === 0) return new Set();
  const slots = Array.from({ length: si.max }, (_, offset) => offset);
  return new Set(slots.filter((offset) => si.type + offset > 0 && zswap.tree.has(swpEntry(si.type, offset))));
}

/** The slots around `own`, or the first ones. */
export function nearSlots({ swapMap, zeromap, zswap }: PageLook, own: number | undefined): NearSlot[] {
  const first = Math.max(0, Math.min(Math.floor((own ?? 0) / 8) * 8 - 8, swapMap.length - SLOTS_SHOWN));
  const nr = Math.min(SLOTS_SHOWN, swapMap.length);
  return Array.from({ length: nr }, (_, i) => {
    const offset = first + i;
    const value = swapMap[offset]!;
    if (swapCount(value) === SWAP_MAP_BAD) return { offset, text: "bad" };
    if (value === 0) return { offset, text: "" };
    const cache = (value & SWAP_HAS_CACHE) !== 0 ? " C" : "";
    const where = zeromap[offset] === 1 ? " Z" : zswap.has(offset) ? " z" : "";
    return { offset, text: `${swapCount(value)}${cache}${where}` };
  });
}

// ---------------------------------------------------------------- boxes

function frameBox(sys: MemorySystem, pfn: Pfn | undefined): FaultBox {
  if (pfn === undefined) return { heading: "Frame", lines: [["frame", "none"]] };
  const folio = pageFolio(pfnToPage(sys, pfn));
  if (folio.refcount === 0) {
    const lines: [string, string][] = [
      ["frame", hex(pfn)],
      ["is", "free for anybody"],
    ];
    return { heading: "Frame", lines };
  }
  const bytes = [...sys.ram.frame(pfn).subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0"));
  return {
    heading: "Frame",
    lines: [
      ["frame", hex(pfn)],
      ["list", listText(sys, folio)],
      ["flags", flagsText(folio)],
      ["bytes", bytes.join(" ")],
    ],
  };
}

/** Which list the folio is on, and how far from the end that reclaim looks at. */
function listText(sys: MemorySystem, folio: Folio): string {
  if ((folio.flags & PG_lru) === 0) return (folio.flags & PG_locked) !== 0 ? "on none yet" : "taken off it";
  if (sys.lruGen.enabled) return "a generation";
  const active = (folio.flags & PG_active) !== 0;
  let ahead = 0;
  for (let next = folio.next; next !== undefined && ahead < 1000; next = next.next) ahead++;
  const where = ahead === 0 ? "at the tail" : ahead >= 1000 ? "far from the tail" : `${ahead} before it`;
  return `${active ? "active" : "inactive"}, ${where}`;
}

function flagsText({ flags }: Folio): string {
  const words = [
    (flags & PG_dirty) !== 0 ? "dirty" : "clean",
    (flags & PG_writeback) !== 0 ? "being written" : "",
    (flags & PG_locked) !== 0 ? "being read" : "",
    (flags & PG_uptodate) === 0 && (flags & PG_locked) === 0 ? "no bytes" : "",
  ];
  return words.filter((word) => word !== "").join(", ");
}

function cacheBox(sys: MemorySystem, own: Place | undefined): FaultBox {
  const nr = sys.vmStat.nodeStat[NR_SWAPCACHE]!;
  const folio = own === undefined ? undefined : cachedFolio(sys, own);
  const mine = folio === undefined ? "nothing" : `frame ${hex(folio.pfn)}`;
  return {
    heading: "Swap cache",
    lines: [
      [own === undefined ? "slot" : `slot ${own.offset}`, own === undefined ? "none yet" : mine],
      ["in all", pagesText(nr)],
    ],
  };
}

/** The folio of the slot, without a hold. */
export function cachedFolio(sys: MemorySystem, { type, offset }: Place): Folio | undefined {
  if (type + offset === 0) return undefined;
  const folio = swapCacheGetFolio(sys, swpEntry(type, offset));
  if (folio !== undefined) folioPut(sys, folio);
  return folio;
}

function deviceBox(sys: MemorySystem, { path, bdev }: SwapInfoStruct, own: Place | undefined): FaultBox {
  const lines: [string, string][] = [
    ["is", `${path}${bdev.device === undefined ? "" : `, ${bdev.device.model.name}`}`],
  ];
  if (bdev.device !== undefined) {
    const { inFlight, writeBlocks, readBlocks } = bdev.device;
    const collected = sys.swap.plug?.length ?? 0;
    const busy = inFlight === 0 ? "nothing" : inFlight === 1 ? "1 request" : `${inFlight} requests`;
    // Requests for neighbours are sent together: until then the device knows nothing of them.
    lines.push(["busy with", collected === 0 ? busy : `${busy}, ${collected} to come`]);
    lines.push(["written", pagesText(writeBlocks)], ["read", pagesText(readBlocks)]);
  } else if (bdev instanceof Zram) {
    const { pagesStored, comprDataSize } = bdev.stats;
    lines.push(["holds", pagesText(pagesStored)], ["in", formatBytes(comprDataSize)]);
  }
  const { zswap } = sys.swap;
  if (!(zswap instanceof Zswap) || zswap.tree.size === 0) return { heading: "Device", lines };
  const entry = own === undefined ? undefined : zswap.tree.get(swpEntry(own.type, own.offset));
  const mine = entry === undefined ? pagesText(zswap.tree.size) : `it, in ${entry.length} bytes`;
  return { heading: "Device, and zswap before it", lines: [...lines.slice(0, 3), ["zswap has", mine]] };
}

function pagesText(nr: number): string {
  return nr === 1 ? "1 page" : `${nr} pages`;
}
