import { describe, expect, it } from "vitest";
import { sysPrlimit } from "../../../lib/kernel/syscalls/limits.js";
import { RLIMIT_STACK } from "../../../lib/mm/system.js";
import { expandStack, findExtendVma, vmaIsAccessible } from "../../../lib/mm/vma/expand_stack.js";
import { at, kernel, map, mm, PAGE, PRIVATE, task, useArena } from "../arena.js";

useArena();

const STACK = PRIVATE | 0x100;

describe("findExtendVma", () => {
  it("grows a stack down to the page of the address, its page offset and the totals with it", () => {
    const vma = map(1000, 2, 3, STACK);
    const { stackVm } = mm;
    const promised = kernel.sys.vmCommittedAs;
    expect(findExtendVma(mm, at(997) + 5)).toBe(vma);
    expect([vma.vmStart, vma.vmPgoff]).toEqual([at(997), at(997) / PAGE]);
    expect([mm.stackVm - stackVm, kernel.sys.vmCommittedAs - promised]).toEqual([3, 3]);
    expect(findExtendVma(mm, at(998))).toBe(vma); // inside: nothing more
    expect(vma.vmStart).toBe(at(997));
  });

  it("grows nothing else, and nothing where all lies below", () => {
    map(1000, 2);
    expect(findExtendVma(mm, at(999))).toBeUndefined();
    expect(findExtendVma(mm, at(1002))).toBeUndefined();
  });

  it("stops 256 pages above what may be accessed below", () => {
    const below = map(0, 1);
    const vma = map(1000, 2, 3, STACK);
    expect(findExtendVma(mm, at(256))).toBeUndefined();
    expect(findExtendVma(mm, at(257))).toBe(vma);
    expect(vmaIsAccessible(below)).toBe(true);
  });

  it("goes as far as a neighbour without any right", () => {
    const below = map(0, 1, 0);
    const vma = map(1000, 2, 3, STACK);
    expect(vmaIsAccessible(below)).toBe(false);
    expect(findExtendVma(mm, at(1))).toBe(vma);
  });

  it("obeys RLIMIT_STACK", () => {
    const vma = map(1000, 2, 3, STACK);
    sysPrlimit(task, RLIMIT_STACK, 4 * PAGE);
    expect(findExtendVma(mm, at(997))).toBeUndefined();
    expect(findExtendVma(mm, at(998))).toBe(vma);
  });
});

describe("expandStack", () => {
  it("faults the new part of a locked stack in", () => {
    const vma = map(1000, 2, 3, STACK | 0x2000);
    expect(mm.rssStat[1]).toBe(2);
    expect(expandStack(mm, at(997))).toBe(vma);
    expect([mm.rssStat[1], mm.lockedVm]).toEqual([5, 5]);
  });
});
