/** Mutants of lab 01 that are as good as the solution, and why (lib/course/mutate/equivalent.ts). */

import type { Equivalent } from "../../../lib/course/mutate/equivalent.js";

export const equivalent: Equivalent[] = [
  {
    because: "`&` takes the same bits from a negative bigint as from its 64-bit form",
    mutants: ["01.1 call: const bits = [BigInt.asUintN(64, BigInt(va)) => (BigInt(va))];"],
  },
  {
    because: "only the bits 0 to 47 are looked at, and they are the same in 63, 64 and 65 bits",
    mutants: [
      "01.1 number: const bits = BigInt.asUintN([64 => 65], BigInt(va));",
      "01.1 number: const bits = BigInt.asUintN([64 => 63], BigInt(va));",
    ],
  },
  {
    because:
      "the first element is a filler: there is no level 0 (and 01.4 does not look up level 1 in the list)",
    mutants: [
      "01.3 number: const indexes = [[0 => 1], parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];",
      "01.3 number: const indexes = [[0 => -1], parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];",
      "01.4 element: const indexes = [[0, parts.pteIndex => parts.pteIndex, 0], parts.pmdIndex, parts.pudIndex, parts.pgdIndex];",
      "01.4 number: const indexes = [[0 => 1], parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];",
      "01.4 number: const indexes = [[0 => -1], parts.pteIndex, parts.pmdIndex, parts.pudIndex, parts.pgdIndex];",
    ],
  },
  {
    because:
      "two statements that do not depend on each other: the order in which rights are gathered shows nowhere",
    mutants: [
      "01.3 order: [if (level === 4 && (entry & BigInt(PAGE_PSE)) !== 0n) return ... able) rights &= ~PAGE_RW; => if (!decoded.writable) rights &= ~PAGE_RW; if (level === 4 & ... ess | PF_PROT | PF_RSVD);]",
      "01.3 order: [if (!decoded.writable) rights &= ~PAGE_RW; if (!decoded.user) rights &= ~PAGE_USER; => if (!decoded.user) rights &= ~PAGE_USER; if (!decoded.writable) rights &= ~PAGE_RW;]",
      "01.3 order: [if (!decoded.user) rights &= ~PAGE_USER; if (decoded.noExecute) rights |= RIGHT_NX; => if (decoded.noExecute) rights |= RIGHT_NX; if (!decoded.user) rights &= ~PAGE_USER;]",
    ],
  },
  {
    because:
      "two statements that do not depend on each other: one writes to RAM, the other sets a local variable",
    mutants: [
      "01.3 order: [ram.writeEntry(entryPa, entry | BigInt(PAGE_ACCESSED)); table = decoded.pfn; => table = decoded.pfn; ram.writeEntry(entryPa, entry | BigInt(PAGE_ACCESSED));]",
      "01.4 order: [ram.writeEntry(entryPa, makeEntry(fresh, PAGE_PRESENT | PAGE ... GE_USER)); table = fresh; => table = fresh; ram.writeEntry(entryPa, makeEntry(fresh, PAGE ...  | PAGE_RW | PAGE_USER));]",
    ],
  },
  {
    because: "the bit that is added is P, which is set in every present entry",
    mutants: [
      "01.3 number: const marked = entry | BigInt(PAGE_ACCESSED) | (access & ACCESS_WRITE ? BigInt(PAGE_DIRTY) : [0n => 1n]);",
    ],
  },
  {
    because: "both refuse in the same way, so it does not matter which is asked first",
    mutants: [
      "01.3 order: [if (access & ACCESS_USER && !(rights & PAGE_USER)) return fa ... & PAGE_RW)) return false; => if (access & ACCESS_WRITE && !(rights & PAGE_RW)) return fal ... PAGE_USER)) return false;]",
    ],
  },
  {
    because: "the order in which bits are gathered shows nowhere",
    mutants: [
      "01.4 order: [if (flags.writable) bits |= PAGE_RW; if (flags.user) bits |= PAGE_USER; => if (flags.user) bits |= PAGE_USER; if (flags.writable) bits |= PAGE_RW;]",
      "01.4 order: [if (flags.user) bits |= PAGE_USER; if (flags.global) bits |= PAGE_GLOBAL; => if (flags.global) bits |= PAGE_GLOBAL; if (flags.user) bits |= PAGE_USER;]",
    ],
  },
  {
    because: "the two conditions exclude each other, and `table` is not read after a return",
    mutants: [
      "01.4 order: [if (decoded?.leaf) return -EEXIST; if (decoded === undefined ... else table = decoded.pfn; => if (decoded === undefined) { const fresh = frames.allocFrame ... ed?.leaf) return -EEXIST;]",
    ],
  },
  {
    because: "no processor walks the tables between the two calls: the exercise has one, and it waits",
    mutants: [
      "01.4 order: [ram.zeroFrame(fresh); ram.writeEntry(entryPa, makeEntry(fres ...  | PAGE_RW | PAGE_USER)); => ram.writeEntry(entryPa, makeEntry(fresh, PAGE_PRESENT | PAGE ... )); ram.zeroFrame(fresh);]",
    ],
  },
  {
    because: "whether an entry is present does not depend on its level, and nothing else of it is used",
    mutants: [
      "01.4 argument: if (decodeEntry(ram.readEntry(leafPa)[, 1 => ]) !== undefined) return -EEXIST;",
      "01.4 number: if (decodeEntry(ram.readEntry(leafPa), [1 => 2]) !== undefined) return -EEXIST;",
      "01.4 number: if (decodeEntry(ram.readEntry(leafPa), [1 => 0]) !== undefined) return -EEXIST;",
    ],
  },
];
