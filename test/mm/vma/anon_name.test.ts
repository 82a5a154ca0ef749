import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { getVmaName } from "../../../lib/procfs/task_mmu.js";

const PAGE = 4096;
const [PR_SET_VMA, ANON_NAME] = [0x53564d41, 0];

function fresh(pages = 8): { alice: Process; a: number; shown(): string[] } {
  const alice = boot({ ram: "16 MiB" }).spawn("alice");
  const a = alice.mmap(pages * PAGE);
  const shown = (): string[] =>
    [...alice.mm.mmMt].map(
      (vma) => `${(vma.vmStart - a) / PAGE}-${(vma.vmEnd - a) / PAGE} ${getVmaName(vma)}`,
    );
  return { alice, a, shown };
}

describe("the name of an anonymous area", () => {
  it("is shown, splits what it covers in part, and goes again", () => {
    const { alice, a, shown } = fresh();
    alice.setAnonVmaName(a + 2 * PAGE, 2 * PAGE, "pool");
    expect(shown()).toEqual(["0-2 ", "2-4 [anon:pool]", "4-8 "]);
    alice.setAnonVmaName(a, 8 * PAGE, "pool");
    expect(shown()).toEqual(["0-8 [anon:pool]"]);
    alice.setAnonVmaName(a, 8 * PAGE, undefined);
    expect(shown()).toEqual(["0-8 "]);
    checkInvariants(alice.kernel.sys, [alice.mm, alice.kernel.initMm]);
  });

  it("keeps neighbours with another name apart, and lets those with the same merge", () => {
    const { alice, a, shown } = fresh();
    alice.setAnonVmaName(a, 4 * PAGE, "one");
    alice.setAnonVmaName(a + 4 * PAGE, 4 * PAGE, "two");
    expect(shown()).toEqual(["0-4 [anon:one]", "4-8 [anon:two]"]);
    alice.mmap(PAGE, { at: a + 8 * PAGE, fixed: true });
    expect(shown()).toEqual(["0-4 [anon:one]", "4-8 [anon:two]", "8-9 "]);
    alice.setAnonVmaName(a + 4 * PAGE, 5 * PAGE, "one");
    expect(shown()).toEqual(["0-9 [anon:one]"]);
  });

  it("stays through mprotect, mremap and fork", () => {
    const { alice, a, shown } = fresh();
    alice.setAnonVmaName(a, 8 * PAGE, "pool");
    alice.mprotect(a, 4 * PAGE, "r");
    expect(shown()).toEqual(["0-4 [anon:pool]", "4-8 [anon:pool]"]);
    const b = alice.mremap(a, 4 * PAGE, 4 * PAGE, { to: 0x1000_0000 });
    expect(getVmaName(alice.mm.mmMt.lookup(b)!)).toBe("[anon:pool]");
    const bob = alice.fork("bob");
    expect([...bob.mm.mmMt].map(getVmaName)).toEqual(["[anon:pool]", "[anon:pool]"]);
  });

  it("is [anon_shmem:...] on shared memory, and EBADF on a file, also one in memory", () => {
    const { alice } = fresh();
    const shared = alice.mmap(4 * PAGE, { shared: true });
    alice.setAnonVmaName(shared, 4 * PAGE, "table");
    expect(getVmaName(alice.mm.mmMt.lookup(shared)!)).toBe("[anon_shmem:table]");
    const fd = alice.memfdCreate("x");
    const view = alice.mmap(4 * PAGE, { shared: true, fd });
    expect(() => alice.setAnonVmaName(view, PAGE, "no")).toThrow("EBADF: prctl");
  });

  it("skips holes and ends with ENOMEM; what came before has the name", () => {
    const { alice, a, shown } = fresh();
    alice.munmap(a + 2 * PAGE, PAGE);
    expect(() => alice.setAnonVmaName(a, 8 * PAGE, "pool")).toThrow("ENOMEM: prctl");
    expect(shown()).toEqual(["0-2 [anon:pool]", "3-8 [anon:pool]"]);
  });

  it("has 79 printable letters at most, without \\ ` $ [ ]", () => {
    const { alice, a } = fresh();
    const call = (name: string | number, addr = a, len = PAGE): number =>
      alice.syscall("prctl", PR_SET_VMA, ANON_NAME, addr, len, name);
    expect(call("x".repeat(79))).toBe(0);
    for (const name of ["x".repeat(80), "a[b", "a]b", "a$b", "a`b", "a\\b", "a\nb", "\u00e9"])
      expect(call(name), name).toBe(-22);
    expect(call("")).toBe(0);
    expect(call("x", a + 1)).toBe(-22);
    expect(call("x", a, 0)).toBe(0);
    expect(call("x", a, -1)).toBe(-22);
    expect(call("x", a, -PAGE)).toBe(-22);
    expect(call(8)).toBe(-14);
    expect(alice.syscall("prctl", PR_SET_VMA, 1, a, PAGE, 0)).toBe(-22);
    alice.store(a, 4, 0x65_6d_61_6e); // "name", and a zero behind it
    expect(call(a)).toBe(0);
    expect(getVmaName(alice.mm.mmMt.lookup(a)!)).toBe("[anon:name]");
  });
});
