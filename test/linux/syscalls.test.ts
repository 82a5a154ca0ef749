/**
 * Random system calls with odd arguments, as Linux 6.18 answered them (syscalls/README.md): made again on the machine, each by
 * its number, every answer must be the same, and so must the areas that are there afterwards.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SYSCALL_NUMBERS } from "../../lib/kernel/syscalls/numbers.js";
import { copyToUser } from "../../lib/kernel/uaccess.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { getVmaName, vmaPerm } from "../../lib/procfs/task_mmu.js";

interface Recorded {
  /** What lies at D, as hex. */
  readonly preset: string;
  /** Permitted capabilities, low and high word. */
  readonly caps: [number, number];
  /** vm.mmap_min_addr of the recorder. */
  readonly minAddr: number;
  /** Soft and hard limits, -1 for none. */
  readonly limits: [number, number][];
  /** Calls ([name, ...arguments, result]) and areas of each case. */
  readonly cases: [[string, ...number[]][], string[]][];
}

const recorded = JSON.parse(
  readFileSync(new URL("./syscalls/recorded.json", import.meta.url), "utf8"),
) as Recorded;

const [A, B, C, D] = [0x1000_0000, 0x2000_0000, 0x3000_0000, 0x3800_0000];
const FILE = "/dev/shm/pagewalk-file";

/** A process as the recorder's children are set up. */
function setUp(machine: Machine): Process {
  const { kernel } = machine;
  kernel.files.unlink(FILE);
  kernel.files.unlink("/dev/shm/pagewalk-none");
  kernel.files.writeFile(FILE, new Uint8Array(12388));
  const p = machine.spawn("calls");
  const { cred, signal } = p.task;
  cred.capPermitted = recorded.caps[0] + recorded.caps[1] * 2 ** 32;
  cred.capEffective = cred.capPermitted;
  const limit = (value: number): number => (value < 0 ? Number.POSITIVE_INFINITY : value);
  for (const [i, [soft, hard]] of recorded.limits.entries())
    signal.rlim[i] = { soft: limit(soft), hard: limit(hard) };
  expect(p.syscall("memfd_create", "calls", 0)).toBe(3);
  p.ftruncate(3, 8 * 4096);
  expect([p.syscall("open", FILE, 0), p.syscall("open", FILE, 1)]).toEqual([4, 5]);
  p.mmap(16 * 4096, { at: A, fixed: true });
  p.touch(A, 8 * 4096);
  p.mmap(8 * 4096, { at: B, fixed: true, shared: true, fd: 3 });
  p.mmap(8 * 4096, { at: C, fixed: true, prot: "r", fd: 4 });
  p.mmap(2 * 4096, { at: D, fixed: true });
  copyToUser(p.task, D, Uint8Array.from(Buffer.from(recorded.preset, "hex")));
  return p;
}

/** The areas below 1 GiB, as the recorder writes them. */
function areas(p: Process): string[] {
  return [...p.mm.mmMt]
    .filter((vma) => vma.vmEnd <= 2 ** 30)
    .map((vma) => {
      const pgoff = vma.vmFile === undefined ? 0 : vma.vmPgoff;
      const name = getVmaName(vma).replace(" (deleted)", "");
      return `${vma.vmStart.toString(16)}-${vma.vmEnd.toString(16)} ${vmaPerm(vma)} ${pgoff.toString(16)} ${name}`;
    });
}

describe("random system calls by number", () => {
  it(`answer what Linux 6.18 answered (${recorded.cases.length} processes), and leave the same areas`, () => {
    const machine = boot({ ram: "64 MiB" });
    const { kernel } = machine;
    kernel.sys.sysctl.mmapMinAddr = recorded.minAddr;
    const wrong: unknown[] = [];
    const first = recorded.cases[0]![1];
    for (const [calls, maps] of recorded.cases) {
      const p = setUp(machine);
      const say = (what: object): number => wrong.push({ ...what, calls: JSON.stringify(calls) });
      for (const [name, ...numbers] of calls) {
        const args = numbers.slice(0, -1);
        const linux = numbers[numbers.length - 1]!;
        const result = p.syscall(SYSCALL_NUMBERS.get(name)!, ...args);
        const got = result >= 2 ** 30 && name !== "lseek" ? 1 : result;
        if (got !== linux) say({ call: JSON.stringify([name, ...args]), linux, got });
      }
      const left = areas(p);
      if (left.join("\n") !== (maps.length > 0 ? maps : first).join("\n")) say({ areas: left, linux: maps });
      checkInvariants(kernel.sys, [p.mm, kernel.initMm]);
      p.exit();
    }
    expect(wrong.length, JSON.stringify(wrong.slice(0, 60), null, 1)).toBe(0);
  });
});
