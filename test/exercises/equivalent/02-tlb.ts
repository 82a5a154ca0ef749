/** Mutants of lab 02 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  {
    because: "both conditions lead to the same answer, so it does not matter which is asked first",
    mutants: [
      "02.3 order: [if ((after & PAGE_PRESENT) === 0) return true; if (ptePfn(be ... ePfn(after)) return true; => if (ptePfn(before) !== ptePfn(after)) return true; if ((afte ... SENT) === 0) return true;]",
    ],
  },
  {
    because:
      "equal to PTE_NX is an entry with no bit but NX, which is not present, and those have been answered before",
    mutants: [
      "02.3 compare: return before [< => <=] PTE_NX && after >= PTE_NX;",
      "02.3 compare: return before < PTE_NX && after [>= => >] PTE_NX;",
    ],
  },
];
