/**
 * /sys/kernel/mm/transparent_hugepage: who gets huge pages, how hard the kernel tries, and what became of it.
 *
 *   enabled                        always [madvise] never
 *   defrag                         always defer defer+madvise [madvise] never
 *   use_zero_page, shrink_underused
 *   hugepages-64kB/enabled         always inherit madvise [never]        the same for each size
 *   hugepages-64kB/stats/...       counters of each size
 *   khugepaged/...                 the thread that makes huge pages of small ones
 *
 * On a machine with less than 512 MiB of RAM huge pages start switched off.
 *
 * Linux mm/huge_memory.c, mm/khugepaged.c, mm/shmem.c. Read first: mm/huge/thp_state.ts. Read next:
 * sysfs_mm.ts.
 */
import { PMD_SIZE } from "../hw/address.js";
import { khugepagedChanged, startStopKhugepaged } from "../mm/huge/khugepaged.js";
import {
  type KhugepagedSettings,
  MTHP_STAT_NAMES,
  type MthpStat,
  mthpStat,
  type ThpDefrag,
  type ThpSizeWord,
  type ThpWord,
} from "../mm/huge/thp_state.js";
import type { MemorySystem } from "../mm/system.js";
import { fixed, flag, type KobjAttribute, number, type Place, words } from "./kobj_attribute.js";

const thp = "transparent_hugepage";

const enabled: Place = {
  get: (sys) => sys.thp.enabled,
  set(sys, text) {
    sys.thp.enabled = text as ThpWord;
    startStopKhugepaged(sys);
  },
};

const defrag: Place = {
  get: (sys) => sys.thp.defrag,
  set(sys, text) {
    sys.thp.defrag = text as ThpDefrag;
  },
};

/** A setting that is yes or no. */
function yesNo(name: "useZeroPage" | "shrinkUnderused"): Place {
  return {
    get: (sys) => (sys.thp[name] ? "1" : "0"),
    set(sys, text) {
      sys.thp[name] = text === "1";
    },
  };
}

/** Linux mm/huge_memory.c:hugepage_attr */
const thpFiles: readonly KobjAttribute[] = [
  words(`${thp}/enabled`, "always madvise never", enabled, "who gets huge pages"),
  words(
    `${thp}/defrag`,
    "always defer defer+madvise madvise never",
    defrag,
    "how hard a fault tries to get a huge page: reclaim and compact itself, wake others, or take what is there",
  ),
  number(
    `${thp}/use_zero_page`,
    yesNo("useZeroPage"),
    "a read of untouched memory maps the huge page of zeros",
    { max: 1, long: true },
  ),
  fixed(`${thp}/hpage_pmd_size`, String(PMD_SIZE), "the size of a huge page in bytes"),
  flag(
    `${thp}/shrink_underused`,
    yesNo("shrinkUnderused"),
    "huge pages of hardly anything but zeros are split under pressure",
  ),
];

/** Sizes of anonymous memory that a folio may have, in kB. Linux THP_ORDERS_ALL_ANON */
const ANON_SIZES = [16, 32, 64, 128, 256, 512, 1024, 2048];

function orderOf(kb: number): number {
  return Math.log2(kb / 4);
}

/**
 * The word of one size, in the three masks. Linux mm/huge_memory.c:anon_enabled_show(), anon_enabled_store()
 */
function sizeEnabled(kb: number): Place {
  const bit = 1 << orderOf(kb);
  return {
    get({ thp: state }) {
      if ((state.ordersAlways & bit) !== 0) return "always";
      if ((state.ordersInherit & bit) !== 0) return "inherit";
      return (state.ordersMadvise & bit) !== 0 ? "madvise" : "never";
    },
    set(sys, text) {
      const { thp: state } = sys;
      const word = text as ThpSizeWord;
      state.ordersAlways = (state.ordersAlways & ~bit) | (word === "always" ? bit : 0);
      state.ordersInherit = (state.ordersInherit & ~bit) | (word === "inherit" ? bit : 0);
      state.ordersMadvise = (state.ordersMadvise & ~bit) | (word === "madvise" ? bit : 0);
      startStopKhugepaged(sys);
    },
  };
}

/** Counters that only sizes of anonymous memory have. Linux mm/huge_memory.c:anon_stats_attrs */
const ANON_STATS: ReadonlySet<MthpStat> = new Set([
  "anon_fault_alloc",
  "anon_fault_fallback",
  "anon_fault_fallback_charge",
  "split_deferred",
  "nr_anon",
  "nr_anon_partially_mapped",
]);

/** Linux mm/huge_memory.c:thpsize_create() */
const thpSizes: readonly KobjAttribute[] = [8, ...ANON_SIZES].flatMap((kb) => {
  const dir = `${thp}/hugepages-${kb}kB`;
  const anon = kb !== 8;
  const stats = MTHP_STAT_NAMES.filter((name) => anon || !ANON_STATS.has(name)).map((name) =>
    fixed(
      `${dir}/stats/${name}`,
      (sys) => String(mthpStat(sys, orderOf(kb), name)),
      "counts folios of this size",
    ),
  );
  if (!anon) return stats;
  const who = words(
    `${dir}/enabled`,
    "always inherit madvise never",
    sizeEnabled(kb),
    "who gets folios of this size",
  );
  return [who, ...stats];
});

const khuge = `${thp}/khugepaged`;

/** A number that khugepaged looks at. */
function setting(name: Exclude<keyof KhugepagedSettings, "defrag">, wakes = false): Place {
  return {
    get: (sys) => String(sys.thp.khugepaged[name]),
    set(sys, text) {
      sys.thp.khugepaged[name] = Number(text);
      if (wakes) khugepagedChanged(sys);
    },
  };
}

const khugepagedDefrag: Place = {
  get: (sys) => (sys.thp.khugepaged.defrag ? "1" : "0"),
  set(sys, text) {
    sys.thp.khugepaged.defrag = text === "1";
  },
};

const LIMIT = "how many entries of 512 may be so, that khugepaged still makes a huge page";
const PTES = { max: 511, long: true };

function counter(name: string, value: (sys: MemorySystem) => number): KobjAttribute {
  return fixed(`${khuge}/${name}`, (sys) => String(value(sys)), "counts what khugepaged has done");
}

/** Linux mm/khugepaged.c:khugepaged_attr */
const khugepaged: readonly KobjAttribute[] = [
  number(`${khuge}/defrag`, khugepagedDefrag, "khugepaged reclaims and compacts for its huge pages", {
    max: 1,
    long: true,
  }),
  number(`${khuge}/max_ptes_none`, setting("maxPtesNone"), `empty: ${LIMIT}`, PTES),
  number(`${khuge}/max_ptes_swap`, setting("maxPtesSwap"), `in swap: ${LIMIT}`, PTES),
  number(`${khuge}/max_ptes_shared`, setting("maxPtesShared"), `shared: ${LIMIT}`, PTES),
  number(`${khuge}/pages_to_scan`, setting("pagesToScan"), "pages that khugepaged looks at in one go", {
    min: 1,
  }),
  number(`${khuge}/scan_sleep_millisecs`, setting("scanSleepMillisecs", true), "its sleep between two goes"),
  number(
    `${khuge}/alloc_sleep_millisecs`,
    setting("allocSleepMillisecs", true),
    "its sleep when there was no huge page",
  ),
  counter("pages_collapsed", (sys) => sys.thp.pagesCollapsed),
  counter("full_scans", (sys) => sys.thp.fullScans),
];

/** All files below transparent_hugepage, but those of shared memory. */
export const thpAttributes: readonly KobjAttribute[] = [...thpFiles, ...thpSizes, ...khugepaged];
