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
];
