/**
 * Mounting hugetlbfs, and the pools of huge pages that a machine is booted with.
 *
 *   boot({ hugepages: { "2M": 8, "1G": 1 } })                      hugepagesz=2M hugepages=8 hugepagesz=1G hugepages=1
 *   machine.mount("hugetlbfs", "/mnt/huge", { size: "8 MiB" })     mount -t hugetlbfs -o size=8M none /mnt/huge
 *
 *   pagesize   "2M" (the default) or "1G"
 *   size       no more than this for all files of the mount together, in whole huge pages
 *   minSize    so much is promised to the mount at once, and stays so
 *
 * Left out: mounting anything else (/proc, /sys and /dev/shm are there from the start), and unmounting.
 *
 * Linux fs/hugetlbfs/inode.c, mm/hugetlb.c; man 2 mount. Read first: fs/hugetlbfs.ts.
 */
import { hugetlbfsFillSuper } from "../fs/hugetlbfs.js";
import { valueText } from "../hw/options.js";
import { parseSize } from "../hw/size.js";
import { EINVAL, ENODEV, ENOENT } from "../mm/errno.js";
import { type BootPool, sizeToHstate } from "../mm/hugetlb/hstate.js";
import type { Kernel } from "./kernel.js";
import { hugeSizeOf } from "./process_options.js";

/** What a mount of hugetlbfs may be told; all of it optional. */
export interface MountOptions {
  /** Size of its pages; "2M" by default. */
  readonly pagesize?: "2M" | "1G";
  /** Most bytes that its files may have together. */
  readonly size?: string | number;
  /** Bytes that are promised to it. */
  readonly minSize?: string | number;
}

/**
 * Mounts a file system on the folder `dir`; 0 or a negative errno. Linux
 * fs/hugetlbfs/inode.c:hugetlbfs_validate(), fs/namespace.c:do_mount()
 */
export function sysMount(kernel: Kernel, type: string, dir: string, options: MountOptions = {}): number {
  if (type !== "hugetlbfs") return -ENODEV;
  if (!kernel.files.isDirectory(dir)) return -ENOENT;
  const { sys, files } = kernel;
  const h = sizeToHstate(sys.hugetlb, hugeSizeOf(options.pagesize ?? "2M"))!;
  const pages = (bytes: string | number | undefined, what: string): number =>
    bytes === undefined ? -1 : Math.floor(parseSize(bytes, what) / h.hugePageSize);
  const [most, least] = [pages(options.size, "size"), pages(options.minSize, "minSize")];
  if (most !== -1 && least > most) return -EINVAL;
  const mount = hugetlbfsFillSuper(sys, h, most, least);
  if (typeof mount === "number") return mount;
  files.mounts.set(dir, mount);
  return 0;
}

/** Pools by the sizes of their pages. RangeError for a size that there is not, or for no count. */
export function bootPools(hugepages: Readonly<Record<string, number>>): BootPool[] {
  return Object.entries(hugepages).map(([size, nr]) => {
    const hugePageSize = hugeSizeOf(size);
    if (!(Number.isInteger(nr) && nr >= 0))
      throw new RangeError(`hugepages "${size}": ${valueText(nr)} is not a number of pages`);
    return { hugePageSize, nr };
  });
}
