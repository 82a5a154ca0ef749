/** Mutants of lab 03 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  {
    because:
      "the page's papers may be made out in any order: no other CPU and no reclaim runs between two calls of this handler",
    mutants: [
      "03.3 order: [folio.flags |= PG_uptodate; addMmCounter(vma.vmMm, MM_ANONPAGES, 1); => addMmCounter(vma.vmMm, MM_ANONPAGES, 1); folio.flags |= PG_uptodate;]",
      "03.3 order: [addMmCounter(vma.vmMm, MM_ANONPAGES, 1); folioAddNewAnonRmap ...  vma, vmf.address, true); => folioAddNewAnonRmap(folio, vma, vmf.address, true); addMmCou ... a.vmMm, MM_ANONPAGES, 1);]",
      "03.3 order: [folioAddNewAnonRmap(folio, vma, vmf.address, true); folioAddLruVma(folio, vma); => folioAddLruVma(folio, vma); folioAddNewAnonRmap(folio, vma, vmf.address, true);]",
      "03.3 order: [folioAddLruVma(folio, vma); setPte(sys.ram, vmf.ptep, maybeM ... maPageProt(vma))), vma)); => setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pfnPte(fol ... lioAddLruVma(folio, vma);]",
    ],
  },
  {
    because: "0 is the default of the parameter `order`",
    mutants: ["03.3 argument: const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE | __GFP_ZERO[, 0 => ]);"],
  },
  {
    because: "a page that was just allocated has no flags yet",
    mutants: ["03.3 arithmetic: folio.flags [|= => =] PG_uptodate;"],
  },
  {
    because: "MM_ANONPAGES is 1, so both arguments are the same number",
    mutants: ["03.3 argument: addMmCounter(vma.vmMm, [MM_ANONPAGES, 1 => 1, MM_ANONPAGES]);"],
  },
  {
    because: "finishFault returns 0 or one of the three bits, never anything else",
    mutants: ["03.4 one side: if ([finished & noPage => finished]) folioPut(sys, pageFolio(vmf.page!));"],
  },
  {
    because:
      "sys.faultAroundPages is a power of two and at most PTRS_PER_PTE (Linux refuses more), so an aligned window never leaves its table",
    mutants: [
      "03.4 call: const after = [Math.min(nrPages - before, PTRS_PER_PTE - index) => (nrPages - before)] - 1;",
      "03.4 arithmetic: const after = Math.min(nrPages - before, PTRS_PER_PTE [- => +] index) - 1;",
      "03.4 one side: const after = Math.min(nrPages - before, [PTRS_PER_PTE - index => PTRS_PER_PTE]) - 1;",
    ],
  },
  {
    because: "`prev` is not read after a return",
    mutants: [
      '03.5 order: [if (typeof changed === "number") return changed; prev = changed; => prev = changed; if (typeof changed === "number") return changed;]',
    ],
  },
  {
    because: "two assignments that do not depend on each other",
    mutants: ["03.5 order: [prev = changed; at = changed.vmEnd; => at = changed.vmEnd; prev = changed;]"],
  },
  {
    because:
      "a piece in the middle of a VMA joins nothing before it: neither that VMA nor the one before it ends where the piece begins",
    mutants: [
      "03.5 condition: if ([at === first && vma.vmStart < at => false]) prev = vma;",
      "03.5 one side: if ([at === first && vma.vmStart < at => vma.vmStart < at]) prev = vma;",
      "03.5 compare: if (at [=== => !==] first && vma.vmStart < at) prev = vma;",
      "03.5 member: if (at === first && vma.[vmStart => vmEnd] < at) prev = vma;",
      "03.5 drop: if (at === first && vma.vmStart < at) [prev = vma; => {}]",
    ],
  },
  {
    because: "whole pages are compared with the limit, so its fraction of a page decides nothing",
    mutants: [
      "03.5 call: const limit = [Math.floor(sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE) => (sys.rlimit(RLIMIT_MEMLOCK) / PAGE_SIZE)];",
    ],
  },
  {
    because: "VM_LOCKONFAULT is never set without VM_LOCKED",
    mutants: ["03.5 constant: if (vma.vmFlags & [VM_LOCKED => VM_LOCKED_MASK])"],
  },
];
