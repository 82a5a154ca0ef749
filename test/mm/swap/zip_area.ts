/**
 * A swap area on a device of one's own, for tests of what lies below swapon(2).
 */
import { BlockDevice } from "../../../lib/hw/block_device.js";
import { makeSwapHeader, readSwapHeader } from "../../../lib/mm/swap/header.js";
import type { SwapDevice, SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { enableSwap } from "../../../lib/mm/swap/swapon.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

/** An SSD of `nrBlocks` blocks. */
export function ssd(sys: MemorySystem, nrBlocks: number): SwapDevice & { readonly device: BlockDevice } {
  const device = new BlockDevice(sys.ram, sys.clock, sys.events);
  return { nrBlocks, rotational: false, synchronous: false, stableWrites: false, device };
}

/** Swap on all of `bdev`. */
export function swapOn(sys: MemorySystem, bdev: SwapDevice): SwapInfoStruct {
  const nrPages = bdev.nrBlocks;
  const extents = [{ startPage: 0, nrPages, startBlock: 0 }];
  const header = readSwapHeader(makeSwapHeader(nrPages, []));
  const si = enableSwap(sys, { path: "/dev/test", bdev, isBlkdev: true, nrPages, extents, header });
  if (typeof si === "number") throw new Error(`swapon: ${si}`);
  return si;
}
