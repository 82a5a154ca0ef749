/**
 * The disks of a machine beside the one that its files are on: what `boot({ swap })` asks for.
 *
 *   boot({ swap: "64 MiB" })                             one disk like the root disk, /dev/vdb, swapped on
 *   boot({ swap: { size: "64 MiB", disk: "hdd" } })      another kind
 *   boot({ swap: [{ ... }, { ..., priority: 5 }] })      /dev/vdb, /dev/vdc
 *   boot({ swap: { size: "64 MiB", off: true } })        there, with a header, but not swapped on
 *
 * Read first: swap.ts, disks.ts. Read next: machine.ts.
 */

import { Disk } from "../fs/block_files.js";
import { PAGE_SIZE } from "../hw/address.js";
import {
  BlockDevice,
  type BlockModel,
  type BlockModelName,
  blockModel,
  type DiskSpeed,
} from "../hw/block_device.js";
import { valueText } from "../hw/options.js";
import { checkArguments, type Signature } from "../hw/signature.js";
import { parseSize } from "../hw/size.js";
import { errnoName } from "../mm/errno.js";
import type { Kernel } from "./kernel.js";
import { mkswap, type SwaponOptions, swapFlags, sysSwapon } from "./swap.js";

/** A disk for swap, as `boot` is told. */
export interface SwapOptions extends SwaponOptions {
  /** Size of the disk, such as "64 MiB". */
  readonly size: string | number;
  /** What it is; like the root disk unless given. */
  readonly disk?: BlockModelName | BlockModel | DiskSpeed;
  /** The disk is there, and ready, but nobody has switched it on. */
  readonly off?: boolean;
}

/** A disk for swap, checked. */
export interface SwapDisk {
  readonly nrBlocks: number;
  readonly model: BlockModel;
  readonly flags: number;
  readonly off: boolean;
}

const SWAP: Signature = {
  options: { size: "size", disk: "any", priority: "count", discard: "any", off: "flag" },
};

/** The disks that `swap` of boot() asks for. RangeError for a size or priority that cannot be. */
export function swapDisks(
  swap: string | number | SwapOptions | readonly SwapOptions[] | undefined,
  rootModel: BlockModel,
): SwapDisk[] {
  if (swap === undefined) return [];
  const list = Array.isArray(swap) ? (swap as readonly SwapOptions[]) : [swap as string | SwapOptions];
  return list.map((one) => {
    const options: SwapOptions = typeof one === "object" && one !== null ? one : { size: one };
    checkArguments("boot({ swap })", SWAP, [options]);
    const bytes = parseSize(options.size, "swap");
    if (bytes < 10 * PAGE_SIZE || bytes % PAGE_SIZE !== 0)
      throw new RangeError(
        `swap ${valueText(options.size)} is not a whole number of pages of 4 KiB, at least 10`,
      );
    const model = options.disk === undefined ? rootModel : blockModel(options.disk);
    return { nrBlocks: bytes / PAGE_SIZE, model, flags: swapFlags(options), off: options.off === true };
  });
}

/** A new disk /dev/NAME. Not in Linux: somebody plugs it in. */
function addDisk(kernel: Kernel, name: string, model: BlockModel, nrBlocks: number): Disk {
  const { sys } = kernel;
  const disk = new Disk(new BlockDevice(sys.ram, sys.clock, sys.events, model), nrBlocks);
  kernel.disks.files.add(name, disk);
  return disk;
}

/** The disks are there, with headers of swap areas, and swapped on. Linux: /etc/fstab */
export function attachDisks(kernel: Kernel, disks: readonly SwapDisk[]): void {
  for (const [i, { nrBlocks, model, flags, off }] of disks.entries()) {
    const name = `vd${String.fromCharCode(98 + i)}`;
    addDisk(kernel, name, model, nrBlocks);
    const made = mkswap(kernel, `/dev/${name}`);
    const error = made !== 0 || off ? made : sysSwapon(kernel, undefined, `/dev/${name}`, flags);
    if (error !== 0) throw new RangeError(`swapon /dev/${name} failed: ${errnoName(error)}`);
  }
}
