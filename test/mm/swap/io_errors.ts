/**
 * Swap devices that fail at random, and what may be said of it.
 *
 *   a read fails     the folio in the swap cache is not up to date until it is dropped;  SIGBUS meanwhile
 *                    swapoff leaves a poisoned entry where the page was;                 SIGBUS for good
 *                    the place of a page of shared memory says that it is lost;          SIGBUS, or -EIO
 *   a write fails    the page stays in memory, and nobody notices
 *
 * So each SIGBUS that a process gets must have one of these reasons (`excuse`), and once no device fails any
 * more and what had failed is dropped, only poisoned entries and lost places are left.
 */
import type { BlockDevice } from "../../../lib/hw/block_device.js";
import { BLK_COMPLETE, type BlockRequest } from "../../../lib/hw/block_device.js";
import type { Random } from "../../../lib/hw/random.js";
import { EIO } from "../../../lib/mm/errno.js";
import { linearPageIndex } from "../../../lib/mm/fault/rmap.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import { type Folio, PG_uptodate } from "../../../lib/mm/pages/folio.js";
import { ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  classifyPte,
  MAX_SWAPFILES,
  PTE_KIND_MARKER,
  PTE_KIND_SWAP,
  pteToSwpEntry,
  swpOffset,
  swpType,
} from "../../../lib/mm/pgtable/swapops.js";
import { SWAPFILE_CLUSTER, type SwapDevice } from "../../../lib/mm/swap/swap_types.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import type { ReadErrors } from "../world.js";

/** What a process may find in place of a page. */
type Excuse = "failed now" | "not up to date" | "poisoned" | "lost";

export class IoErrors implements ReadErrors {
  /** Failed so far. */
  reads = 0;
  writes = 0;
  /** Reads that had failed when the step began, and whether any of them could still be felt. */
  private readsBefore = 0;
  private felt = false;
  private readonly devices: BlockDevice[] = [];
  /** Requests that a device without a queue will refuse. */
  private readonly refuse = { read: 0, write: 0 };

  /** From now on the device's failures are counted. */
  watch(device: BlockDevice): void {
    const submit = device.submit.bind(device);
    device.submit = (op, ...rest) => {
      const request = submit(op, ...rest);
      if (request.failed) this.count(op);
      return request;
    };
    this.devices.push(device);
  }

  /** The same for a device that is done at once. */
  watchNow(bdev: SwapDevice & { readNow(block: number, pfn: number): number }): void {
    for (const [op, name] of [
      ["read", "readNow"],
      ["write", "writeNow"],
    ] as const) {
      const move = bdev[name]!.bind(bdev);
      (bdev as { -readonly [K in typeof name]: typeof move })[name] = (block, pfn) => {
        if (this.refuse[op] === 0) return move(block, pfn);
        this.refuse[op]--;
        this.count(op);
        return -EIO;
      };
    }
  }

  private count(op: "read" | "write"): void {
    if (op === "read") this.reads++;
    else this.writes++;
  }

  /** The next requests fail, a few of one kind. */
  failAtRandom(random: Random): void {
    const op = random.pick(["read", "write"] as const);
    const times = random.between(1, 4);
    const first = random.chance(50) ? 0 : random.below(1200);
    for (const device of this.devices)
      device.failRequests(op, first, first === 0 ? Number.POSITIVE_INFINITY : first + 200, times);
    this.refuse[op] = times;
  }

  /** No request fails from now on that has not failed yet. */
  stop(): void {
    this.refuse.read = this.refuse.write = 0;
    for (const device of this.devices) (device as unknown as { failures: unknown[] }).failures.length = 0;
  }

  beginStep(sys: MemorySystem, mms: readonly MmStruct[]): void {
    this.readsBefore = this.reads;
    this.felt = this.reads > 0 && (requestsFailed(sys) || badFolios(sys) > 0 || lostPages(sys, mms) > 0);
  }

  get possible(): boolean {
    return this.felt || this.reads > this.readsBefore;
  }

  excuse(mm: MmStruct, addr: number): Excuse | undefined {
    const { sys } = mm;
    const ptep = pteOffset(mm, addr);
    const pte = ptep === 0 ? 0 : ptepGet(sys.ram, ptep);
    if (classifyPte(pte) === PTE_KIND_MARKER) return "poisoned";
    if (classifyPte(pte) === PTE_KIND_SWAP && isBad(placeOf(sys, pteToSwpEntry(pte))))
      return "not up to date";
    const vma = mm.mmMt.lookup(addr)!;
    const entry = vma.vmFile?.fMapping.swapEntries.get(linearPageIndex(vma, addr)) ?? 0;
    if (swpType(entry) >= MAX_SWAPFILES) return "lost";
    return this.reads > this.readsBefore ? "failed now" : undefined;
  }
}

function requestsFailed(sys: MemorySystem): boolean {
  return sys.events
    .toArray()
    .some(({ kind, object }) => kind === BLK_COMPLETE && (object as BlockRequest).failed);
}

function placeOf(sys: MemorySystem, entry: number): unknown {
  const cluster =
    sys.swap.swapInfo[swpType(entry)]?.clusterInfo[Math.floor(swpOffset(entry) / SWAPFILE_CLUSTER)];
  return cluster?.table?.[swpOffset(entry) % SWAPFILE_CLUSTER];
}

/** It is a folio whose bytes have not come. */
function isBad(place: unknown): boolean {
  return typeof place === "object" && ((place as Folio).flags & PG_uptodate) === 0;
}

/** Folios of the swap cache that are not up to date. */
export function badFolios(sys: MemorySystem): number {
  let nr = 0;
  for (const si of sys.swap.swapInfo)
    for (const { table } of si?.clusterInfo ?? []) nr += table?.filter(isBad).length ?? 0;
  return nr;
}

/** Places of files that are lost, and poisoned entries. */
export function lostPages(sys: MemorySystem, mms: readonly MmStruct[]): number {
  let nr = 0;
  for (const { swapEntries } of sys.shmemSwaplist)
    for (const entry of swapEntries.values()) if (swpType(entry) >= MAX_SWAPFILES) nr++;
  for (const mm of mms)
    for (const vma of mm.mmMt)
      for (let addr = vma.vmStart; addr < vma.vmEnd; addr += 4096) {
        const ptep = pteOffset(mm, addr);
        if (ptep !== 0 && classifyPte(ptepGet(sys.ram, ptep)) === PTE_KIND_MARKER) nr++;
      }
  return nr;
}
