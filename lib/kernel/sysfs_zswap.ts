/**
 * zswap's settings and figures.
 *
 *   /sys/module/zswap/parameters/enabled                     Y or N
 *                               /max_pool_percent             of RAM
 *                               /accept_threshold_percent     of that: taken again from here on
 *                               /shrinker_enabled             Y or N
 *                               /compressor                   lzo or lz4
 *   /sys/kernel/debug/zswap/stored_pages, pool_total_size, written_back_pages, reject_..., ...
 *
 * Linux mm/zswap.c, kernel/params.c. Read first: mm/swap/zswap.ts, sysfs_devices.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { EINVAL } from "../mm/errno.js";
import { type Zswap, type ZswapStats, zswapOf } from "../mm/swap/zswap.js";
import { zswapEnable } from "../mm/swap/zswap_writeback.js";
import type { MemorySystem } from "../mm/system.js";
import type { KobjAttribute } from "./kobj_attribute.js";
import { kstrtobool, kstrtouint, strstrip } from "./kstrtox.js";

const PARAMETERS = "module/zswap/parameters";

/** A parameter that is Y or N. Linux kernel/params.c:param_get_bool(), param_set_bool() */
function boolParam(
  name: string,
  effect: string,
  show: (zswap: Zswap) => boolean,
  store: (sys: MemorySystem, value: boolean) => void,
): KobjAttribute {
  return {
    path: `${PARAMETERS}/${name}`,
    mode: 0o644,
    effect,
    show: (sys) => (show(zswapOf(sys)) ? "Y" : "N"),
    store(sys, text) {
      const value = kstrtobool(text);
      if (value === undefined) return -EINVAL;
      store(sys, value);
      return 0;
    },
  };
}

/** A parameter that is a number. Linux kernel/params.c:param_get_uint(), param_set_uint() */
function percentParam(
  name: string,
  effect: string,
  field: "maxPoolPercent" | "acceptThrPercent",
): KobjAttribute {
  return {
    path: `${PARAMETERS}/${name}`,
    mode: 0o644,
    effect,
    show: (sys) => String(zswapOf(sys)[field]),
    store(sys, text) {
      const { value, error } = kstrtouint(text, 0);
      if (error === 0) zswapOf(sys)[field] = value;
      return error;
    },
  };
}

/** Linux mm/zswap.c:zswap_compressor_param_ops */
const compressor: KobjAttribute = {
  path: `${PARAMETERS}/compressor`,
  mode: 0o644,
  effect: "in effect for the next page: lzo or lz4",
  show: (sys) => zswapOf(sys).compressor,
  store: (sys, text) => zswapOf(sys).setCompressor(strstrip(text)),
};

/** A figure. Linux mm/zswap.c:zswap_debugfs_init() */
function debugFile(name: string, value: (zswap: Zswap) => number): KobjAttribute {
  return {
    path: `kernel/debug/zswap/${name}`,
    mode: 0o444,
    effect: "shows what has happened",
    show: (sys) => String(value(zswapOf(sys))),
    store: () => -EINVAL,
  };
}

/** A figure that only grows. */
function counter(name: string, field: keyof ZswapStats): KobjAttribute {
  return debugFile(name, ({ stats }) => stats[field]);
}

/** The files of zswap. Linux mm/zswap.c */
export const zswapFiles: readonly KobjAttribute[] = [
  boolParam("enabled", "in effect for the next page", ({ enabled }) => enabled, zswapEnable),
  compressor,
  percentParam("max_pool_percent", "in effect for the next page", "maxPoolPercent"),
  percentParam("accept_threshold_percent", "in effect for the next page", "acceptThrPercent"),
  boolParam(
    "shrinker_enabled",
    "in effect when memory is short",
    ({ shrinkerEnabled }) => shrinkerEnabled,
    (sys, value) => {
      zswapOf(sys).shrinkerEnabled = value;
    },
  ),
  counter("pool_limit_hit", "poolLimitHit"),
  counter("reject_reclaim_fail", "rejectReclaimFail"),
  counter("reject_alloc_fail", "rejectAllocFail"),
  counter("reject_kmemcache_fail", "rejectKmemcacheFail"),
  counter("reject_compress_fail", "rejectCompressFail"),
  counter("reject_compress_poor", "rejectCompressPoor"),
  counter("decompress_fail", "decompressFail"),
  counter("written_back_pages", "writtenBackPages"),
  debugFile("pool_total_size", ({ totalPages }) => totalPages * PAGE_SIZE),
  debugFile("stored_pages", ({ storedPages }) => storedPages),
  debugFile("stored_incompressible_pages", ({ storedIncompressiblePages }) => storedIncompressiblePages),
];
