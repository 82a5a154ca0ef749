/**
 * The swap area of lab 06.3's machine: on an SSD, on zram, or on an SSD with checksums; small, so that half
 * of it is soon used.
 *
 *   swapOn(kernel, "zram") --> { si, drop(), failRead(), folios() }
 *
 * Its zram keeps pages as they are: compression would change nothing here.
 *
 * Not in Linux: a helper of the course. Read next: swap_in.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { BlockDevice } from "../../hw/block_device.js";
import type { Kernel } from "../../kernel/kernel.js";
import { EIO } from "../../mm/errno.js";
import { folioIsolateLru } from "../../mm/lru/isolate.js";
import { reclaimPages } from "../../mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import type { Folio } from "../../mm/pages/folio.js";
import { SWAPFILE_CLUSTER, type SwapDevice, type SwapInfoStruct } from "../../mm/swap/swap_types.js";
import { enableSwap } from "../../mm/swap/swapon.js";
import type { MemorySystem } from "../../mm/system.js";
import type { SwapInDevice } from "./swap_in_ops.js";

/** Slots of the area, its header included. */
const SLOTS = 260;

/** The area in use. */
export interface DroppableSwap {
  readonly si: SwapInfoStruct;
  /** Folios of the swap cache. */
  folios(): Folio[];
  /** The folio that the swap cache has of the slot. */
  folioOf(slot: number): Folio | undefined;
  /** Reclaims what nobody maps of the swap cache. */
  drop(): void;
  /** The next read fails. */
  failRead(): void;
}

/** A device that is done at once, and keeps pages as they are. */
class DoneAtOnce implements SwapDevice {
  readonly nrBlocks = SLOTS;
  rotational = false;
  readonly synchronous = true;
  readonly stableWrites = true;
  failNext = false;
  /** Called in the middle of each read. */
  onRead: () => void = () => {};
  private readonly sys: MemorySystem;
  private readonly blocks = new Map<number, Uint8Array>();

  constructor(sys: MemorySystem) {
    this.sys = sys;
  }

  readNow(block: number, pfn: number): number {
    this.onRead();
    const fails = this.failNext;
    this.failNext = false;
    if (fails) return -EIO;
    this.sys.ram.frame(pfn).set(this.blocks.get(block) ?? new Uint8Array(PAGE_SIZE));
    return 0;
  }

  writeNow(block: number, pfn: number): number {
    this.blocks.set(block, this.sys.ram.frame(pfn).slice());
    return 0;
  }
}

function deviceOf(
  { sys }: Kernel,
  kind: SwapInDevice,
  onRead: () => void,
): { bdev: SwapDevice; failRead: () => void } {
  if (kind === "zram") {
    const bdev = new DoneAtOnce(sys);
    bdev.onRead = onRead;
    return {
      bdev,
      failRead: () => {
        bdev.failNext = true;
      },
    };
  }
  const device = new BlockDevice(sys.ram, sys.clock, sys.events);
  const stableWrites = kind === "checked";
  const bdev = { nrBlocks: SLOTS, rotational: false, synchronous: false, stableWrites, device };
  return { bdev, failRead: () => device.failRequests("read") };
}

/**
 * Switches an area on `kind` on; `onRead` is called in the middle of each read that is done at once.
 * Not in Linux: a helper of the course.
 */
export function swapOn(kernel: Kernel, kind: SwapInDevice, onRead: () => void): DroppableSwap {
  const { sys } = kernel;
  const { bdev, failRead } = deviceOf(kernel, kind, onRead);
  const header = { version: 1, lastPage: SLOTS - 1, nrBadpages: 0, badpages: [] };
  const extents = [{ startPage: 0, nrPages: SLOTS, startBlock: 0 }];
  const si = enableSwap(sys, { path: "/dev/swap", bdev, isBlkdev: true, nrPages: SLOTS, extents, header });
  if (typeof si === "number") throw new RangeError(`swapon fails: ${si}`);
  const folios = (): Folio[] =>
    si.clusterInfo.flatMap(({ table }) =>
      (table ?? []).filter((place): place is Folio => typeof place === "object"),
    );
  return {
    si,
    folios,
    folioOf(slot) {
      const place = si.clusterInfo[Math.floor(slot / SWAPFILE_CLUSTER)]!.table?.[slot % SWAPFILE_CLUSTER];
      return typeof place === "object" ? (place as Folio) : undefined;
    },
    failRead,
    drop() {
      kernel.sched.settle();
      lruAddDrainAll(sys);
      const unmapped = folios().filter((folio) => folio.mapcount === 0);
      reclaimPages(
        sys,
        unmapped.filter((folio) => folioIsolateLru(sys, folio)),
      );
    },
  };
}
