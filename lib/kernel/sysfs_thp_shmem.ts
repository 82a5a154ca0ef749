/**
 * /sys/kernel/mm/transparent_hugepage, the files about shared memory.
 *
 *   shmem_enabled                  always within_size advise [never] deny force
 *   hugepages-64kB/shmem_enabled   always inherit within_size advise [never]       the same for each size, 8 kB to 2 MiB
 *
 *   echo advise > shmem_enabled    huge= of the kernel's own mount is "advise" from now on: for memfd and for
 *                                  MAP_SHARED | MAP_ANONYMOUS; a file in /dev/shm keeps what its mount says
 *   echo force > shmem_enabled     everybody, for tests; refused unless 2 MiB is the one size that inherits
 *
 * Linux mm/shmem.c. Read first: mm/huge/shmem_huge.ts. Read next: sysfs_thp.ts.
 */
import { EINVAL } from "../mm/errno.js";
import { startStopKhugepaged } from "../mm/huge/khugepaged.js";
import {
  HPAGE_PMD_ORDER,
  type ShmemEnabled,
  type ShmemSizeWord,
  THP_ORDERS_ALL_FILE_DEFAULT,
} from "../mm/huge/thp_state.js";
import { type KobjAttribute, type Place, words } from "./kobj_attribute.js";

const thp = "transparent_hugepage";

/** Linux mm/shmem.c:shmem_enabled_show(), shmem_enabled_store() */
const shmemEnabled: Place = {
  get: (sys) => sys.thp.shmemEnabled,
  set(sys, text) {
    const word = text as ShmemEnabled;
    sys.thp.shmemEnabled = word;
    if (word !== "deny" && word !== "force") sys.thp.shmMntHuge = word;
    startStopKhugepaged(sys);
  },
};

/** The masks, under the words of their files. Linux mm/shmem.c:huge_shmem_orders_always ... */
const MASKS = [
  ["always", "shmemOrdersAlways"],
  ["inherit", "shmemOrdersInherit"],
  ["within_size", "shmemOrdersWithinSize"],
  ["advise", "shmemOrdersMadvise"],
] as const;

/** Linux mm/shmem.c:thpsize_shmem_enabled_show(), thpsize_shmem_enabled_store() */
function sizeShmemEnabled(order: number): Place {
  const bit = 1 << order;
  return {
    get: (sys) => MASKS.find(([, mask]) => (sys.thp[mask] & bit) !== 0)?.[0] ?? "never",
    set(sys, text) {
      const word = text as ShmemSizeWord;
      for (const [name, mask] of MASKS) sys.thp[mask] = (sys.thp[mask] & ~bit) | (name === word ? bit : 0);
      startStopKhugepaged(sys);
    },
  };
}

/** The same, but refused where "force" does not allow it. */
function refusing(
  file: KobjAttribute,
  refused: (text: string, inherit: number, word: ShmemEnabled) => boolean,
) {
  return {
    ...file,
    store: (sys, text) =>
      refused(text.trim(), sys.thp.shmemOrdersInherit, sys.thp.shmemEnabled)
        ? -EINVAL
        : file.store(sys, text),
  } satisfies KobjAttribute;
}

/** "force" is for 2 MiB only: no other size may inherit it. Linux mm/shmem.c:shmem_parse_huge() */
const forAll = refusing(
  words(
    `${thp}/shmem_enabled`,
    "always within_size advise never deny force",
    shmemEnabled,
    "when shared memory gets huge pages",
  ),
  (text, inherit) => text === "force" && inherit !== 1 << HPAGE_PMD_ORDER,
);

function forSize(order: number): KobjAttribute {
  const file = words(
    `${thp}/hugepages-${4 * 2 ** order}kB/shmem_enabled`,
    "always inherit within_size advise never",
    sizeShmemEnabled(order),
    "when shared memory without a name gets folios of this size",
  );
  if (order === HPAGE_PMD_ORDER) return file;
  return refusing(file, (text, _inherit, word) => text === "inherit" && word === "force");
}

/** Linux mm/shmem.c:shmem_enabled_attr, thpsize_shmem_enabled_attr */
export const thpShmemAttributes: readonly KobjAttribute[] = [
  forAll,
  ...[1, 2, 3, 4, 5, 6, 7, 8, HPAGE_PMD_ORDER]
    .filter((order) => (THP_ORDERS_ALL_FILE_DEFAULT & (1 << order)) !== 0)
    .map(forSize),
];
