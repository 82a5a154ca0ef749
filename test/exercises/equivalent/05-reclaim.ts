/** Mutants of lab 05 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  {
    because: "a verdict that is neither free nor activate keeps the folio, whatever it is called",
    mutants: [
      '05.4 word: if (folioIsLocked(sys, folio)) return ["keep" => ""];',
      '05.4 word: if (!sc.mayUnmap && folioMapped(folio)) return ["keep" => ""];',
      '05.4 word: return ["keep" => ""];',
      '05.4 word: if (folioTestAnon(folio) && folio.flags & PG_swapbacked) return sc.gfpMask & __GFP_IO ? "activate" : ["keep" => ""];',
      '05.4 word: return removeMapping(sys, folio) ? "free" : ["keep" => ""];',
    ],
  },
  {
    because: "what mlock holds is not made active, so that it is kept either way",
    mutants: [
      '05.4 word: if (!folioEvictable(folio)) return ["activate" => ""];',
      '05.4 order: [if (!folioEvictable(folio)) return "activate"; if (!sc.mayUn ... ed(folio)) return "keep"; => if (!sc.mayUnmap && folioMapped(folio)) return "keep"; if (! ... olio)) return "activate";]',
    ],
  },
  {
    because: "flags and counters that do not depend on each other: nothing looks at them in between",
    mutants: [
      "05.4 order: [for (const folio of free) folioPut(sys, folio); countVmEvent ... 0] + stat.nrActivate[1]); => countVmEvents(sys, PGACTIVATE, stat.nrActivate[0] + stat.nrA ... ee) folioPut(sys, folio);]",
      "05.4 order: [folio.flags |= PG_active; stat.nrActivate[folioIsFileLru(fol ... ] += folioNrPages(folio); => stat.nrActivate[folioIsFileLru(folio) ? 1 : 0] += folioNrPag ... folio.flags |= PG_active;]",
      "05.4 order: [folio.flags |= PG_reclaim; stat.nrWriteback += nrPages; => stat.nrWriteback += nrPages; folio.flags |= PG_reclaim;]",
      "05.4 order: [modNodePageState(sys, NR_VMSCAN_IMMEDIATE, nrPages); folio.flags |= PG_reclaim; => folio.flags |= PG_reclaim; modNodePageState(sys, NR_VMSCAN_IMMEDIATE, nrPages);]",
      "05.5 order: [folio.flags |= PG_active; lruvec.nonresidentAge += nrPages; => lruvec.nonresidentAge += nrPages; folio.flags |= PG_active;]",
      "05.5 order: [lruvec.nonresidentAge += nrPages; modNodePageState(sys, WORK ... CTIVATE + type, nrPages); => modNodePageState(sys, WORKINGSET_ACTIVATE + type, nrPages);  ... onresidentAge += nrPages;]",
      "05.5 order: [folio.flags |= PG_workingset; lruNoteCostRefault(sys, folio); => lruNoteCostRefault(sys, folio); folio.flags |= PG_workingset;]",
      "05.5 order: [lruNoteCostRefault(sys, folio); modNodePageState(sys, WORKINGSET_RESTORE + type, nrPages); => modNodePageState(sys, WORKINGSET_RESTORE + type, nrPages); lruNoteCostRefault(sys, folio);]",
    ],
  },
  {
    because:
      "the two answers of folioCheckReferences are different numbers, so at most one of the two is meant",
    mutants: [
      '05.4 order: [if (references === FOLIOREF_ACTIVATE) return "activate"; if  ... nrPages; return "keep"; } => if (references === FOLIOREF_KEEP) { stat.nrRefKeep += nrPage ... IVATE) return "activate";]',
    ],
  },
  {
    because: "FOLIOREF_RECLAIM and NR_INACTIVE_ANON are 0",
    mutants: [
      "05.4 constant: const references = ignoreReferences ? [FOLIOREF_RECLAIM => 0] : folioCheckReferences(sys, folio, sc);",
      "05.5 constant: if (isFile) size += globalNodePageState(sys, [NR_INACTIVE_ANON => 0]);",
    ],
  },
  {
    because:
      "folioCheckReferences looks at sc for memory cgroups only, which there are none of; a compiler would refuse it",
    mutants: [
      "05.4 argument: const references = ignoreReferences ? FOLIOREF_RECLAIM : folioCheckReferences(sys, folio[, sc => ]);",
    ],
  },
  {
    because:
      "tryToUnmap finds nothing to unmap where nothing maps the folio, and it is not mapped afterwards either",
    mutants: [
      "05.4 condition: if ([folioMapped(folio) => true]) {",
      "05.4 call: if ([folioMapped(folio) => (folio)]) {",
    ],
  },
  {
    because: "a sum does not depend on the order of what is added",
    mutants: [
      "05.5 order: [if (!isFile) size += globalNodePageState(sys, NR_INACTIVE_FI ... sys, NR_INACTIVE_ANON); } => if (sys.nrSwapPages > 0) { size += globalNodePageState(sys,  ... e(sys, NR_INACTIVE_FILE);]",
      "05.5 order: [size += globalNodePageState(sys, NR_ACTIVE_ANON); if (isFile ... e(sys, NR_INACTIVE_ANON); => if (isFile) size += globalNodePageState(sys, NR_INACTIVE_ANO ... ate(sys, NR_ACTIVE_ANON);]",
    ],
  },
  {
    because: "2^37 is a multiple of 2^36, so the rest is the same",
    mutants: [
      "05.5 number: const distance = (lruvec.nonresidentAge - eviction + 2 ** [36 => 37]) % 2 ** 36;",
    ],
  },
];
