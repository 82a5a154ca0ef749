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
  // ---- 06.3, 06.4
  {
    because: "without a folio the answer is another one, and VM_FAULT_MAJOR is forgotten",
    mutants: [
      "06.3 order: [if (folio === undefined) return vmfPteChanged(vmf) ? 0 : VM_ ... OM; ret = VM_FAULT_MAJOR; => ret = VM_FAULT_MAJOR; if (folio === undefined) return vmfPte ... (vmf) ? 0 : VM_FAULT_OOM;]",
    ],
  },
  {
    because: "statements that do not depend on each other: nothing looks at one before the other",
    mutants: [
      "06.3 order: [ret = VM_FAULT_MAJOR; countVmEvents(sys, PGMAJFAULT, 1); => countVmEvents(sys, PGMAJFAULT, 1); ret = VM_FAULT_MAJOR;]",
      "06.3 order: [folioPut(sys, folio); if (!stop) ret = VM_FAULT_SIGBUS; => if (!stop) ret = VM_FAULT_SIGBUS; folioPut(sys, folio);]",
      "06.3 order: [if (useless || (write && folio.refcount === 2)) folioFreeSwa ... r(vmMm, MM_ANONPAGES, 1); => addMmCounter(vmMm, MM_ANONPAGES, 1); if (useless || (write & ... olioFreeSwap(sys, folio);]",
      "06.3 order: [addMmCounter(vmMm, MM_ANONPAGES, 1); addMmCounter(vmMm, MM_SWAPENTS, -1); => addMmCounter(vmMm, MM_SWAPENTS, -1); addMmCounter(vmMm, MM_ANONPAGES, 1);]",
      "06.3 order: [if (own && !pteNeedsSoftDirtyWp(vma, pte)) { pte = maybeMkwr ... , vma, vmf.address, own); => if (folioTestAnon(folio)) folioAddAnonRmapPte(folio, folio,  ... &= ~FAULT_FLAG_WRITE; } }]",
      "06.3 order: [if (folioTestAnon(folio)) folioAddAnonRmapPte(folio, folio,  ... (sys.ram, vmf.ptep, pte); => setPte(sys.ram, vmf.ptep, pte); if (folioTestAnon(folio)) fo ... , vma, vmf.address, own);]",
      "06.3 order: [setPte(sys.ram, vmf.ptep, pte); vmf.origPte = pte; => vmf.origPte = pte; setPte(sys.ram, vmf.ptep, pte);]",
      "06.3 order: [pte = maybeMkwrite(pte, vma); if (write) { pte = pteMkdirty( ... s &= ~FAULT_FLAG_WRITE; } => if (write) { pte = pteMkdirty(pte, sys.pageSoftDirty); vmf.f ... = maybeMkwrite(pte, vma);]",
      "06.3 order: [pte = pteMkdirty(pte, sys.pageSoftDirty); vmf.flags &= ~FAULT_FLAG_WRITE; => vmf.flags &= ~FAULT_FLAG_WRITE; pte = pteMkdirty(pte, sys.pageSoftDirty);]",
      "06.4 order: [ap = Math.floor((swappiness * (anon + file + 1)) / (anon + 1 ... file + 1)) / (file + 1)); => fp = Math.floor(((200 - swappiness) * (anon + file + 1)) / ( ... file + 1)) / (anon + 1));]",
    ],
  },
  {
    because: "the flags are the same before the wait and after it",
    mutants: [
      "06.3 order: [folioWaitLocked(sys, folio); if (vmf.flags & FAULT_FLAG_ALLO ... )) ret |= VM_FAULT_RETRY; => if (vmf.flags & FAULT_FLAG_ALLOW_RETRY && !(vmf.flags & FAUL ... ioWaitLocked(sys, folio);]",
    ],
  },
  {
    because: "the batches may be emptied more often: folios come to their lists earlier",
    mutants: [
      "06.3 logic: if (write && !direct [&& => ||] !(folio.flags & PG_lru)) lruAddDrain(sys);",
      "06.3 one side: if ([write && !direct && !(folio.flags & PG_lru) => write && !direct]) lruAddDrain(sys);",
      "06.3 one side: if ([write && !direct && !(folio.flags & PG_lru) => !(folio.flags & PG_lru)]) lruAddDrain(sys);",
      "06.3 logic: if (write [&& => ||] !direct && !(folio.flags & PG_lru)) lruAddDrain(sys);",
      "06.3 one side: if ([write && !direct => write] && !(folio.flags & PG_lru)) lruAddDrain(sys);",
      "06.3 one side: if ([write && !direct => !direct] && !(folio.flags & PG_lru)) lruAddDrain(sys);",
    ],
  },
  {
    because: "MM_ANONPAGES is 1, as the number is",
    mutants: ["06.3 argument: addMmCounter(vmMm, [MM_ANONPAGES, 1 => 1, MM_ANONPAGES]);"],
  },
  {
    because:
      "of vmf.flags nothing but FAULT_FLAG_WRITE is looked at afterwards; with FAULT_FLAG_UNSHARE doWpPage has nothing to do for a page of its own",
    mutants: [
      "06.3 arithmetic: vmf.flags [&= => =] ~FAULT_FLAG_WRITE;",
      "06.3 arithmetic: vmf.flags [&= => |=] ~FAULT_FLAG_WRITE;",
    ],
  },
  {
    because: "shares are used only where they have been worked out",
    mutants: [
      "06.4 number: let ap = [0 => 1];",
      "06.4 number: let ap = [0 => -1];",
      "06.4 number: let fp = [0 => 1];",
      "06.4 number: let fp = [0 => -1];",
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
