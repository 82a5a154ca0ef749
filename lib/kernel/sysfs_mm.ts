/**
 * /sys/kernel/mm: the settings of huge pages, of merging equal pages and of the LRU by generation, one table.
 *
 *   transparent_hugepage/...       huge pages (sysfs_thp.ts)
 *   hugepages/hugepages-2048kB/nr_hugepages         0               sysfs_hugetlb.ts
 *   ksm/run                                         0
 *   lru_gen/enabled                                 0x0000            bits
 *   swap/vma_ra_enabled                             true
 *
 * No pages are merged on this machine: what is written to ksm is checked and kept as Linux does, and has no
 * effect. `effect` says so for each file.
 *
 * Left out: damon, mempolicy, numa, statistics of each size.
 *
 * Linux mm/huge_memory.c, mm/khugepaged.c, mm/shmem.c, mm/ksm.c. Read first: kstrtox.ts.
 * Read next: procfs/setting_files.ts.
 */
import { EINVAL } from "../mm/errno.js";
import { jiffiesToMsecs, msecsToJiffies } from "../mm/jiffies.js";
import { lruGenCaps, setLruGenCaps } from "../mm/lru/gen/switch.js";
import { fixed, flag, type KobjAttribute, number, words } from "./kobj_attribute.js";
import { kstrtobool, kstrtouint } from "./kstrtox.js";
import { hugetlbFiles } from "./sysfs_hugetlb.js";
import { thpAttributes } from "./sysfs_thp.js";
import { thpShmemAttributes } from "./sysfs_thp_shmem.js";

const KSM = "kept; no effect: this machine merges no pages";
const COUNTER = "counts nothing: it does not happen on this machine";

const KSM_COUNTERS =
  "full_scans general_profit ksm_zero_pages pages_scanned pages_shared pages_sharing pages_skipped pages_unshared pages_volatile stable_node_chains stable_node_dups";

/** Linux mm/ksm.c:ksm_attrs */
const ksm: readonly KobjAttribute[] = [
  number("ksm/run", "0", KSM, { max: 2 }),
  number("ksm/sleep_millisecs", "20", KSM),
  number("ksm/pages_to_scan", "100", KSM),
  number("ksm/merge_across_nodes", "1", KSM, { max: 1, long: true }),
  flag("ksm/use_zero_pages", "0", KSM),
  number("ksm/max_page_sharing", "256", KSM, { min: 2, max: 2 ** 31 - 1 }),
  number("ksm/stable_node_chains_prune_millisecs", "2000", KSM),
  flag("ksm/smart_scan", "1", KSM),
  words("ksm/advisor_mode", "none scan-time", "none", KSM),
  number("ksm/advisor_max_cpu", "70", KSM, { long: true }),
  number("ksm/advisor_min_pages_to_scan", "500", KSM, { long: true }),
  number("ksm/advisor_max_pages_to_scan", "30000", KSM, { long: true }),
  number("ksm/advisor_target_scan_time", "200", KSM, { min: 1, long: true }),
  ...KSM_COUNTERS.split(" ").map((name) => fixed(`ksm/${name}`, "0", COUNTER)),
];

/** All bits of lru_gen/enabled. */
const ALL_CAPS = 2 ** 32 - 1;

/** Linux mm/vmscan.c:lru_gen_attrs */
const lruGen: readonly KobjAttribute[] = [
  {
    path: "lru_gen/min_ttl_ms",
    mode: 0o644,
    effect: "with generations on, somebody is killed rather than a younger page be evicted",
    show: ({ lruGen: { minTtl } }) => String(jiffiesToMsecs(minTtl)),
    store(sys, text) {
      const { value, error } = kstrtouint(text, 0);
      if (error !== 0) return -EINVAL;
      sys.lruGen.minTtl = msecsToJiffies(value);
      return 0;
    },
  },
  {
    path: "lru_gen/enabled",
    mode: 0o644,
    effect: "pages are kept by generation instead of on two lists",
    show: (sys) => `0x${lruGenCaps(sys).toString(16).padStart(4, "0")}`,
    store(sys, text) {
      if (/^[ny]/i.test(text)) setLruGenCaps(sys, /^y/i.test(text) ? ALL_CAPS : 0);
      else {
        const { value, error } = kstrtouint(text, 0);
        if (error !== 0) return -EINVAL;
        setLruGenCaps(sys, value);
      }
      return 0;
    },
  },
];

/** Linux mm/swap_state.c:vma_ra_enabled_attr */
const vmaRaEnabled: KobjAttribute = {
  path: "swap/vma_ra_enabled",
  mode: 0o644,
  effect: "swap is read ahead around the address, not around the slot, unless a device turns",
  show: (sys) => String(sys.swap.vmaRaEnabled),
  store(sys, text) {
    const value = kstrtobool(text);
    if (value === undefined) return -EINVAL;
    sys.swap.vmaRaEnabled = value;
    return 0;
  },
};

/** All files below /sys/kernel/mm, by path. */
export const kernelMmTable: ReadonlyMap<string, KobjAttribute> = new Map(
  [...thpAttributes, ...thpShmemAttributes, ...hugetlbFiles, ...ksm, ...lruGen, vmaRaEnabled].map((one) => [
    one.path,
    one,
  ]),
);
