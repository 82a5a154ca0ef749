/**
 * Settings below /sys that belong neither to /sys/kernel/mm nor to one file system: how much is read or
 * mapped around a page that somebody wants.
 *
 *   /sys/block/vda/queue/read_ahead_kb        largest window of readahead, for files opened from now on
 *   /sys/kernel/debug/fault_around_bytes      pages of the cache that one fault maps
 *   /sys/block/vdb/size, .../queue/rotational  what each disk is
 *   /sys/kernel/debug/extfrag/..., /sys/devices/system/node/node0/compact    fragmentation (sysfs_extfrag.ts)
 *   /sys/block/zram0/...                      compressed memory as a device (sysfs_zram.ts)
 *   /sys/module/zswap/parameters/...          compressed memory in front of one (sysfs_zswap.ts)
 *
 * Linux block/blk-sysfs.c, mm/memory.c. Read first: sysfs_mm.ts. Read next: procfs/setting_files.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { EINVAL } from "../mm/errno.js";
import type { MemorySystem } from "../mm/system.js";
import type { KobjAttribute } from "./kobj_attribute.js";
import { kstrtoul } from "./kstrtox.js";
import { extfragFiles } from "./sysfs_extfrag.js";
import { zramFiles, zramHotAdd } from "./sysfs_zram.js";
import { zswapFiles } from "./sysfs_zswap.js";

/** Entries of a page table: a fault maps pages of one table only. Linux PTRS_PER_PTE */
const PTRS_PER_PTE = 512;
const KB_PER_PAGE = PAGE_SIZE / 1024;
const SECTOR_SIZE = 512;

/** Linux block/blk-sysfs.c:queue_ra_show(), queue_ra_store() */
const readAheadKb: KobjAttribute = {
  path: "block/vda/queue/read_ahead_kb",
  mode: 0o644,
  effect: "in effect for files that are opened afterwards",
  show: (sys) => String(sys.readAheadPages * KB_PER_PAGE),
  store(sys, text) {
    const { value, error } = kstrtoul(text, 10);
    if (error === 0) sys.readAheadPages = Math.floor(value / KB_PER_PAGE);
    return error;
  },
};

/** Linux mm/memory.c:fault_around_bytes_get(), fault_around_bytes_set() */
const faultAroundBytes: KobjAttribute = {
  path: "kernel/debug/fault_around_bytes",
  mode: 0o644,
  effect: "in effect: rounded down to a power of two of pages, at least one",
  show: (sys) => String(sys.faultAroundPages * PAGE_SIZE),
  store(sys, text) {
    const { value, error } = kstrtoul(text, 0);
    if (error !== 0) return error;
    const pages = Math.floor(value / PAGE_SIZE);
    if (pages > PTRS_PER_PTE) return -EINVAL;
    sys.faultAroundPages = 2 ** Math.floor(Math.log2(Math.max(1, pages)));
    return 0;
  },
};

/** Sectors of 512 bytes. Linux block/genhd.c:part_size_show() */
function diskSize(name: string): KobjAttribute {
  return {
    path: `block/${name}/size`,
    mode: 0o444,
    effect: "shows how large the disk is, in sectors of 512 bytes",
    show: (sys) => String((sys.disks.get(name)!.nrBlocks * PAGE_SIZE) / SECTOR_SIZE),
    store: () => -EINVAL,
  };
}

/** Whether the disk turns. Linux block/blk-sysfs.c:queue_rotational_show(), queue_rotational_store() */
function diskRotational(name: string): KobjAttribute {
  return {
    path: `block/${name}/queue/rotational`,
    mode: 0o644,
    effect: "what swap takes it for that is switched on afterwards; it gets no faster",
    show: (sys) => (sys.disks.get(name)!.rotational ? "1" : "0"),
    store(sys, text) {
      const { value, error } = kstrtoul(text, 10);
      if (error === 0) sys.disks.get(name)!.rotational = value !== 0;
      return error;
    },
  };
}

/** What is below /sys always, by path. */
const FIXED: ReadonlyMap<string, KobjAttribute> = new Map(
  [readAheadKb, faultAroundBytes, zramHotAdd, ...zswapFiles, ...extfragFiles].map((one) => [one.path, one]),
);

/** The files of this machine, by their path below /sys. */
export function sysTable({ disks, swap }: MemorySystem): ReadonlyMap<string, KobjAttribute> {
  const files = [...disks.keys()].flatMap((name) => [diskSize(name), diskRotational(name)]);
  for (const index of swap.zram.keys()) files.push(...zramFiles(index));
  return new Map([...FIXED, ...files.map((one): [string, KobjAttribute] => [one.path, one])]);
}
