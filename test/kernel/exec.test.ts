import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/fs/elf.js";
import { SyscallError } from "../../lib/kernel/errno.js";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { sysPrlimit } from "../../lib/kernel/syscalls/limits.js";
import { sysExecve } from "../../lib/kernel/syscalls/process.js";
import { E2BIG, EACCES, ENAMETOOLONG, ENOENT, ENOTDIR } from "../../lib/mm/errno.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { RLIMIT_STACK } from "../../lib/mm/system.js";

function start(): { p: Process; machine: ReturnType<typeof boot> } {
  const machine = boot({ ram: "64 MiB" });
  machine.kernel.files.writeFile(
    "/bin/hello",
    makeElf({ code: new Uint8Array(5000).fill(0x90), data: new Uint8Array([1, 2, 3]), bssBytes: 9000 }),
  );
  return { machine, p: machine.spawn("shell") };
}

function text(p: Process, at: number): string {
  let s = "";
  for (let c = p.load(at); c !== 0; c = p.load(++at)) s += String.fromCharCode(c);
  return s;
}

describe("execve", () => {
  it("maps code, data, bss, vdso and stack where Linux puts them without randomization", () => {
    const { p } = start();
    p.exec("/bin/hello", ["hello", "world"], ["HOME=/root"]);
    const areas = [...p.mm.mmMt].map((vma) => [vma.vmStart, vma.vmEnd]);
    expect(areas).toEqual([
      [0x40_1000, 0x40_3000],
      [0x40_3000, 0x40_4000],
      [0x40_4000, 0x40_6000],
      [0x7fff_f7ff_7000, 0x7fff_f7ff_b000],
      [0x7fff_f7ff_b000, 0x7fff_f7ff_d000],
      [0x7fff_f7ff_d000, 0x7fff_f7ff_f000],
      [0x7fff_fffd_e000, 0x7fff_ffff_f000],
    ]);
    expect(p.mm.startBrk).toBe(0x40_6000);
    expect(p.task.comm).toBe("hello");
  });

  it("gives the program its code, data and zeroed bss", () => {
    const { p } = start();
    p.exec("/bin/hello");
    expect(p.load(p.task.entry)).toBe(0x90);
    p.fetch(p.task.entry);
    expect([0, 1, 2, 3, 4000, 8000].map((i) => p.load(0x40_3000 + i))).toEqual([1, 2, 3, 0, 0, 0]);
    p.fetch(p.mm.vdso);
  });

  it("puts argc, argv and envp on the stack", () => {
    const { p } = start();
    p.exec("/bin/hello", ["hello", "world"], ["HOME=/root"]);
    const sp = p.task.stackPointer;
    expect(sp % 16).toBe(0);
    expect(p.load(sp, 8)).toBe(2);
    expect([8, 16].map((i) => text(p, p.load(sp + i, 8)))).toEqual(["hello", "world"]);
    expect(p.load(sp + 24, 8)).toBe(0);
    expect(text(p, p.load(sp + 32, 8))).toBe("HOME=/root");
  });

  it("throws the old memory away and keeps open files", () => {
    const { p } = start();
    const a = p.mmap("1 MiB", { populate: true });
    const fd = p.open("/bin/hello", { writable: false });
    p.exec("/bin/hello");
    expect(p.mm.mmMt.lookup(a)).toBeUndefined();
    p.close(fd);
  });

  it("leaves the old program running when the file is missing or no program", () => {
    const { p, machine } = start();
    const a = p.mmap(4096);
    machine.kernel.files.writeFile("/bin/text", new Uint8Array(100).fill(65));
    expect(() => p.exec("/bin/none")).toThrow(SyscallError);
    expect(() => p.exec("/bin/text")).toThrow("ENOEXEC");
    p.store(a, 1, 1);
  });

  it("answers for a path as open does, and EACCES for a directory", () => {
    const { p } = start();
    const told = (path: string): number => sysExecve(p.kernel, p.task, path, ["x"], []);
    expect(told("a".repeat(5000))).toBe(-ENAMETOOLONG);
    expect(told("a".repeat(4096))).toBe(-ENAMETOOLONG);
    expect(told("a".repeat(256))).toBe(-ENAMETOOLONG);
    expect(told("a".repeat(255))).toBe(-ENOENT);
    expect(told("")).toBe(-ENOENT);
    expect(told("/bin/hello/x")).toBe(-ENOTDIR);
    expect(told("/bin/hello/")).toBe(-ENOTDIR);
    for (const path of ["/bin", ".", "/"]) expect(told(path)).toBe(-EACCES);
    p.store(p.mmap(4096), 1, 1); // the old program runs on
  });

  it("takes a string of 128 KiB with its zero, in argv and in envp", () => {
    const { p } = start();
    const text = (bytes: number): string => "x".repeat(bytes - 1);
    const told = (argv: string[], envp: string[]): number =>
      sysExecve(p.kernel, p.task, "/bin/hello", argv, envp);
    expect(told(["x", text(131073)], [])).toBe(-E2BIG);
    expect(told(["x"], [text(131073)])).toBe(-E2BIG);
    expect(told(["x", text(131072)], [])).toBe(0);
    expect(told(["x"], [text(131072)])).toBe(0);
  });

  it("takes strings and pointers of a quarter of the stack's limit, path included, 128 KiB at least", () => {
    const { p, machine } = start();
    machine.kernel.files.writeFile("/bin/true", makeElf());
    const told = (
      count: number,
      length: number,
      stack: number,
      last = length,
      envp: string[] = [],
    ): number => {
      const child = p.fork();
      sysPrlimit(child.task, RLIMIT_STACK, stack);
      const argv = [...Array<string>(count - 1).fill("x".repeat(length)), "y".repeat(last)];
      return sysExecve(p.kernel, child.task, "/bin/true", argv, envp);
    };
    const MIB = 2 ** 20;
    const MEASURED: readonly (readonly [number, number])[] = [
      [8 * MIB, 19417],
      [MIB, 2427],
      [256 * 1024, 1213],
      [64 * MIB, 58254],
      [Number.POSITIVE_INFINITY, 58254],
    ];
    for (const [stack, count] of MEASURED) {
      expect([stack, told(count, 99, stack)]).toEqual([stack, 0]);
      expect([stack, told(count + 1, 99, stack)]).toEqual([stack, -E2BIG]);
    }
    expect(told(16, 131071, 8 * MIB, 130933)).toBe(0);
    expect(told(16, 131071, 8 * MIB, 130934)).toBe(-E2BIG);
    expect(told(16, 131071, 8 * MIB, 130921, ["A=b"])).toBe(0);
    expect(told(16, 131071, 8 * MIB, 130922, ["A=b"])).toBe(-E2BIG);
    for (const [stack, count] of [
      [65536, 655],
      [4096, 40],
      [0, 40],
    ] as const)
      expect([stack, told(count + 1, 99, stack)]).toEqual([stack, -E2BIG]);
  });

  it("kills a program whose stack cannot hold the pointers to its arguments", () => {
    const { p } = start();
    const child = p.fork();
    sysPrlimit(child.task, RLIMIT_STACK, 65536);
    expect(
      sysExecve(p.kernel, child.task, "/bin/hello", Array<string>(650).fill("x".repeat(99)), []),
    ).toBeLessThan(0);
    expect(child.alive).toBe(false);
  });

  it("grows the stack for many pointers", () => {
    const { p } = start();
    p.exec("/bin/hello", Array<string>(20000).fill("x"));
    expect(p.load(p.task.stackPointer, 8)).toBe(20000);
    expect(text(p, p.load(p.task.stackPointer + 8 * 20000, 8))).toBe("x");
  });

  it("gives a program without arguments an empty one, and refuses what is no text", () => {
    const { p } = start();
    p.exec("/bin/hello", []);
    const sp = p.task.stackPointer;
    expect([p.load(sp, 8), text(p, p.load(sp + 8, 8)), p.load(sp + 16, 8)]).toEqual([1, "", 0]);
    expect(() => p.exec("/bin/hello", ["x", 5 as never])).toThrow(/argv\[1\] is 5, not a string/);
    expect(() => p.exec("/bin/hello", ["x"], [undefined as never])).toThrow(/envp\[0\]/);
  });

  it("lets the vfork parent go on, with its memory untouched", () => {
    const { p } = start();
    const a = p.mmap(4096);
    const child = p.vfork();
    expect(() => p.load(a)).toThrow(RangeError);
    child.store(a, 1, 9); // the same memory
    child.exec("/bin/hello");
    expect(p.load(a)).toBe(9);
  });

  it("gives every page back at exit", () => {
    const { p, machine } = start();
    const { sys } = machine.kernel;
    const run = (): void => {
      const child = p.fork();
      child.exec("/bin/hello", ["a", "b"], ["C=d"]);
      child.fetch(child.mm.vdso);
      child.exit();
      p.wait();
    };
    run(); // the vdso's pages and the file's cache stay
    lruAddDrainAll(sys);
    const before = nrUnusedPages(sys);
    run();
    lruAddDrainAll(sys);
    expect(nrUnusedPages(sys)).toBe(before);
    expect(sys.vmCommittedAs).toBe(0);
  });
});
