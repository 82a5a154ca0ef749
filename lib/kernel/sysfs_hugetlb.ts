/**
 * /sys/kernel/mm/hugepages: the pools of huge pages, a folder for each size.
 *
 *   hugepages-2048kB/       nr_hugepages             8      write: the pool grows or shrinks to this, as far as it can
 *                           nr_overcommit_hugepages  0      so many more, when promises need them
 *                           free_hugepages           5
 *                           resv_hugepages           2      of the free ones
 *                           surplus_hugepages        0
 *   hugepages-1048576kB/    the same, without overcommit (EINVAL), and
 *                           demote                          write N: N free pages of 1 GiB become 512 N of 2 MiB
 *                           demote_size              2048kB
 *
 * The files of the default size are also in /proc/sys/vm (sysctl.ts), and its counters in /proc/meminfo.
 *
 * Linux mm/hugetlb.c. Read first: mm/hugetlb/max_huge_pages.ts. Read next: sysfs_mm.ts.
 */
import { EINVAL } from "../mm/errno.js";
import { type Hstate, HugetlbState, hstateIsGigantic, unsignedLongText } from "../mm/hugetlb/hstate.js";
import { demoteHugePages, setMaxHugePages } from "../mm/hugetlb/max_huge_pages.js";
import type { Folio } from "../mm/pages/folio.js";
import type { MemorySystem } from "../mm/system.js";
import type { KobjAttribute } from "./kobj_attribute.js";
import { kstrtoul } from "./kstrtox.js";

const NOW = "in effect";

/** The files of pool number `index`. Linux mm/hugetlb.c:hstate_attrs, hstate_demote_attrs */
function poolFiles(index: number, { name, order }: { name: string; order: number }): KobjAttribute[] {
  const of = (sys: MemorySystem): Hstate<Folio> => sys.hugetlb.hstates[index]!;
  const readOnly = (file: string, value: (h: Hstate<Folio>) => number): KobjAttribute => ({
    path: `hugepages/${name}/${file}`,
    mode: 0o444,
    effect: NOW,
    show: (sys) => unsignedLongText(value(of(sys))),
    store: () => -EINVAL,
  });
  const writable = (
    file: string,
    mode: number,
    value: (h: Hstate<Folio>) => number,
    set: (sys: MemorySystem, h: Hstate<Folio>, count: number) => number,
  ): KobjAttribute => ({
    ...readOnly(file, value),
    mode,
    store(sys, text) {
      const { value: count, error } = kstrtoul(text, 10);
      return error !== 0 ? error : set(sys, of(sys), count);
    },
  });
  const resize = (sys: MemorySystem, h: Hstate<Folio>, count: number): number => {
    setMaxHugePages(sys, h, count);
    return 0;
  };
  const gigantic = hstateIsGigantic({ order });
  const demoteSize: KobjAttribute = {
    path: `hugepages/${name}/demote_size`,
    mode: 0o644,
    effect: "the one smaller size that there is",
    show: () => "2048kB",
    store: (_sys, text) => (/^(2M|2048[kK]|2097152)B?\n?$/.test(text) ? 0 : -EINVAL),
  };
  return [
    writable("nr_hugepages", 0o644, (h) => h.nrHugePages, resize),
    writable("nr_hugepages_mempolicy", 0o644, (h) => h.nrHugePages, resize),
    {
      ...writable(
        "nr_overcommit_hugepages",
        0o644,
        (h) => h.nrOvercommitHugePages,
        (_sys, h, count) => {
          h.nrOvercommitHugePages = count;
          return 0;
        },
      ),
      ...(gigantic ? { store: () => -EINVAL } : {}),
    },
    readOnly("free_hugepages", (h) => h.freeHugePages),
    readOnly("resv_hugepages", (h) => h.resvHugePages),
    readOnly("surplus_hugepages", (h) => h.surplusHugePages),
    ...(gigantic ? [writable("demote", 0o200, () => 0, demoteHugePages), demoteSize] : []),
  ];
}

/** All files below /sys/kernel/mm/hugepages. Linux mm/hugetlb.c:hugetlb_sysfs_init() */
export const hugetlbFiles: readonly KobjAttribute[] = new HugetlbState<Folio>().hstates.flatMap((h, index) =>
  poolFiles(index, h),
);
