import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/kernel/elf.js";
import { SyscallError } from "../../lib/kernel/errno.js";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { nrFreePages } from "../../lib/mm/page_alloc.js";
import { lruAddDrainAll } from "../../lib/mm/swap.js";

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
    const before = nrFreePages(sys);
    run();
    lruAddDrainAll(sys);
    expect(nrFreePages(sys)).toBe(before);
    expect(sys.vmCommittedAs).toBe(0);
  });
});
