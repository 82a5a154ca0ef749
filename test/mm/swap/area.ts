/**
 * A swap area without mkswap(8) and swapon(2), for cases about what lies above.
 *
 *   swapArea(kernel, 512)                on an SSD of its own, requests take time
 *   swapArea(kernel, 512, zram)          on a device that is done at once
 */
import { BlockDevice } from "../../../lib/hw/block_device.js";
import type { Kernel } from "../../../lib/kernel/kernel.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { reclaimPages } from "../../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import type { SwapDevice, SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { enableSwap } from "../../../lib/mm/swap/swapon.js";

/** An SSD with `nrBlocks` blocks. */
function ssd({ sys }: Kernel, nrBlocks: number): SwapDevice & { device: BlockDevice } {
  const device = new BlockDevice(sys.ram, sys.clock, sys.events);
  return { nrBlocks, rotational: false, synchronous: false, stableWrites: false, device };
}

/** Reclaims what the swap cache has of the area and needs no writing. */
export function dropSwapCache({ sys }: Kernel, si: SwapInfoStruct): void {
  lruAddDrainAll(sys);
  const folios = si.clusterInfo.flatMap(({ table }) =>
    (table ?? []).filter((place): place is Folio => typeof place === "object"),
  );
  reclaimPages(
    sys,
    folios.filter((folio) => folioIsolateLru(sys, folio)),
  );
}

/** The next area, with `max` slots on `bdev`, in use from now on. */
export function swapArea(kernel: Kernel, max: number, bdev: SwapDevice = ssd(kernel, max)): SwapInfoStruct {
  const header = { version: 1, lastPage: max - 1, nrBadpages: 0, badpages: [] };
  const extents = [{ startPage: 0, nrPages: max, startBlock: 0 }];
  const target = { path: "/dev/swap", bdev, isBlkdev: true, nrPages: max, extents, header };
  return enableSwap(kernel.sys, target) as SwapInfoStruct;
}
