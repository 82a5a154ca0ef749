import { describe, expect, it } from "vitest";
import { VM_EXEC, VM_READ, VM_WRITE } from "../../../lib/mm/mm_types.js";
import {
  calcVmProtBits,
  LEGACY_MAP_MASK,
  MADV,
  MAP_FIXED_NOREPLACE,
  MAP_HUGE_1GB,
  MAP_HUGE_2MB,
  MAP_HUGE_MASK,
  MAP_HUGE_SHIFT,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_SYNC,
  MAP_TYPE,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_NONE,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
} from "../../../lib/mm/vma/mman.js";

describe("calcVmProtBits", () => {
  it("gives a VMA the three rights and nothing else that PROT_ says", () => {
    expect(calcVmProtBits(PROT_NONE)).toBe(0);
    expect(calcVmProtBits(PROT_READ | PROT_EXEC)).toBe(VM_READ | VM_EXEC);
    expect(calcVmProtBits(PROT_WRITE | PROT_SEM | PROT_GROWSDOWN)).toBe(VM_WRITE);
  });
});

describe("the flags of mmap", () => {
  it("have log2 of a huge page's size in six bits", () => {
    expect([MAP_HUGE_2MB, MAP_HUGE_1GB].map((flag) => (flag >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK)).toEqual([
      21, 30,
    ]);
  });

  it("have the type of the mapping in four bits: validated is both others", () => {
    expect([MAP_SHARED_VALIDATE, MAP_SHARED | MAP_PRIVATE]).toEqual([3, 3]);
    expect((MAP_FIXED_NOREPLACE | MAP_SYNC) & MAP_TYPE).toBe(0);
  });

  it("that are new are not among those that MAP_SHARED lets pass unseen", () => {
    expect(LEGACY_MAP_MASK & (MAP_SYNC | MAP_FIXED_NOREPLACE)).toBe(0);
    expect(LEGACY_MAP_MASK & MAP_PRIVATE).toBe(MAP_PRIVATE);
  });
});

describe("the advice of madvise", () => {
  it("has a number each, those for guards far from the others", () => {
    const numbers = Object.values(MADV);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect([MADV.DONTNEED, MADV.FREE, MADV.PAGEOUT, MADV.COLLAPSE]).toEqual([4, 8, 21, 25]);
    expect([MADV.GUARD_INSTALL, MADV.GUARD_REMOVE]).toEqual([102, 103]);
  });
});
