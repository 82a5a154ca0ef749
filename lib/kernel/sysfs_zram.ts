/**
 * /sys/block/zram0: the settings and figures of the compressed device.
 *
 *   echo 64M > disksize          sets it up; then mkswap, swapon
 *   echo 16M > mem_limit         what it may take; 0: no limit
 *   cat mm_stat                  orig_data_size compr_data_size mem_used_total mem_limit mem_used_max
 *                                same_pages pages_compacted huge_pages huge_pages_since
 *   echo 1 > compact             moves objects together
 *   cat /sys/class/zram-control/hot_add     one more device: zram1
 *   echo 1 > reset               gives all up; -EBUSY while swap lies on it
 *
 * Linux drivers/block/zram/zram_drv.c. Read first: mm/swap/zram.ts, sysfs_devices.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { E2BIG, EINVAL } from "../mm/errno.js";
import { type Zram, zramDevice } from "../mm/swap/zram.js";
import type { MemorySystem } from "../mm/system.js";
import type { KobjAttribute } from "./kobj_attribute.js";
import { kstrtouint, kstrtoul, memparse } from "./kstrtox.js";

/**
 * Bytes of an algorithm's name, the NUL included. Linux drivers/block/zram/zram_drv.c:ZRAM_MAX_ALGO_NAME_SZ
 */
const ZRAM_MAX_ALGO_NAME_SZ = 64;

/** A file of zram`index`. Linux DEVICE_ATTR_RO(), DEVICE_ATTR_WO(), DEVICE_ATTR_RW() */
function zramFile(
  index: number,
  name: string,
  effect: string,
  show?: (zram: Zram) => string,
  store?: (zram: Zram, text: string) => number,
): KobjAttribute {
  return {
    path: `block/zram${index}/${name}`,
    mode: (show === undefined ? 0 : 0o444) | (store === undefined ? 0 : 0o200),
    effect,
    show: (sys: MemorySystem) => show?.(zramDevice(sys, index)) ?? "",
    store: (sys: MemorySystem, text: string) => store?.(zramDevice(sys, index), text) ?? -EINVAL,
  };
}

/** Linux drivers/block/zram/zram_drv.c:mem_limit_store() */
function memLimitStore(zram: Zram, text: string): number {
  const { bytes, length } = memparse(text);
  if (length === 0) return -EINVAL;
  zram.limitPages = Math.ceil(bytes / PAGE_SIZE);
  return 0;
}

/** Linux drivers/block/zram/zram_drv.c:mem_used_max_store() */
function memUsedMaxStore(zram: Zram, text: string): number {
  const { value, error } = kstrtoul(text, 10);
  if (error !== 0 || value !== 0) return -EINVAL;
  zram.resetUsedMax();
  return 0;
}

/** Linux drivers/block/zram/zram_drv.c:reset_store() */
function resetStore(zram: Zram, text: string): number {
  const { value, error } = kstrtouint(text, 10);
  if (error !== 0) return error;
  return value === 0 ? -EINVAL : zram.reset();
}

/** Linux drivers/block/zram/zram_drv.c:__comp_algorithm_store() */
function compAlgorithmStore(zram: Zram, text: string): number {
  return text.length >= ZRAM_MAX_ALGO_NAME_SZ ? -E2BIG : zram.setCompAlgorithm(text.replace(/\n$/, ""));
}

/** The files of /sys/block/zram`index`. Linux drivers/block/zram/zram_drv.c:zram_disk_attrs */
export function zramFiles(index: number): readonly KobjAttribute[] {
  return [
    zramFile(
      index,
      "disksize",
      "in effect once, until reset",
      (zram) => String(zram.disksize),
      (zram, text) => zram.setDisksize(memparse(text).bytes),
    ),
    zramFile(index, "initstate", "shows whether it is set up", (zram) => (zram.disksize > 0 ? "1" : "0")),
    zramFile(index, "reset", "in effect", undefined, resetStore),
    zramFile(index, "compact", "in effect", undefined, (zram) => zram.compact()),
    zramFile(index, "mem_limit", "in effect for the next page written", undefined, memLimitStore),
    zramFile(index, "mem_used_max", "in effect: 0 begins anew", undefined, memUsedMaxStore),
    zramFile(index, "comp_algorithm", "there is one: lz4", (zram) => zram.algorithms, compAlgorithmStore),
    zramFile(index, "io_stat", "shows what failed and what was freed", (zram) => zram.ioStat),
    zramFile(index, "mm_stat", "shows what is stored in how much memory", (zram) => zram.mmStat),
  ];
}

/**
 * Reading it makes one more device: its number. Linux drivers/block/zram/zram_drv.c:hot_add_show()
 */
export const zramHotAdd: KobjAttribute = {
  path: "class/zram-control/hot_add",
  mode: 0o400,
  effect: "each reading makes one more device",
  show(sys) {
    const index = sys.swap.zram.length;
    sys.disks.set(`zram${index}`, zramDevice(sys, index));
    return String(index);
  },
  store: () => -EINVAL,
};
