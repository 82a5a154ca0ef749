/** Mutants of lab 06 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  // ---- 06.1
  {
    because: "two bits that do not depend on each other",
    mutants: [
      "06.1 order: [if (place.exclusive) pte |= 1n << 3n; if (place.softDirty) pte |= 1n << 1n; => if (place.softDirty) pte |= 1n << 1n; if (place.exclusive) pte |= 1n << 3n;]",
    ],
  },
  // ---- 06.2
  {
    because: "a full cluster, and one that is being emptied, has its table still",
    mutants: [
      "06.2 order: [if (ci.count === SWAPFILE_CLUSTER || ci.flags === CLUSTER_FL ... Table(sys, ci)) return 0; => if (ci.table === undefined && !swapClusterAllocTable(sys, ci ... R_FLAG_DISCARD) continue;]",
    ],
  },
  {
    because: "a search in a full cluster finds nothing: to leave it out only saves time",
    mutants: [
      "06.2 one side: if ([ci.count === SWAPFILE_CLUSTER || ci.flags === CLUSTER_FLAG_DISCARD => ci.flags === CLUSTER_FLAG_DISCARD]) continue;",
    ],
  },
  {
    because: "a cluster that is not full has a free slot, so the search never comes to the next one",
    mutants: [
      "06.2 compare: for (let offset = start; offset [< => <=] start + SWAPFILE_CLUSTER; offset++) {",
    ],
  },
  {
    because: "counts and lists that do not depend on each other: nothing looks at them in between",
    mutants: [
      "06.2 order: [si.swapMap[offset] = SWAP_HAS_CACHE; ci.count++; => ci.count++; si.swapMap[offset] = SWAP_HAS_CACHE;]",
      "06.2 order: [relocateCluster(sys, si, ci); swapRangeAlloc(sys, si, 1); => swapRangeAlloc(sys, si, 1); relocateCluster(sys, si, ci);]",
    ],
  },
  {
    because: "where the slot has a folio, the bit is set already",
    mutants: [
      "06.2 order: [if (hasCache !== 0) return -EEXIST; si.swapMap[offset] = value | SWAP_HAS_CACHE; => si.swapMap[offset] = value | SWAP_HAS_CACHE; if (hasCache !== 0) return -EEXIST;]",
    ],
  },
  {
    because: "swapCountContinued counts down for every count but 62; a compiler would refuse it",
    mutants: [
      "06.2 argument: count = swapCountContinued(sys, si, offset[, count => ]) ? SWAP_MAP_MAX | COUNT_CONTINUED : SWAP_MAP_MAX;",
    ],
  },
  // ---- 06.5
  {
    because: "the first sample has no base, and says that the machine does not thrash",
    mutants: ["06.5 word: let thrashes = [false => true];"],
  },
  {
    because: "nothing is less than a field that is not there, so the first sample is no new start either way",
    mutants: ["06.5 neighbour: const before = samples[i - 1] ?? [sample => i];"],
  },
];
