import { describe, expect, it } from "vitest";
import { SyscallError } from "../../lib/kernel/errno.js";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SignalError } from "../../lib/kernel/signal.js";

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

function fresh(): Process {
  return boot({ ram: "16 MiB" }).spawn("alice");
}

describe("Process", () => {
  it("maps anonymous memory that reads as zeros and keeps what is stored", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    expect(alice.load(a + 5)).toBe(0);
    alice.store(a + 5, 1, 42);
    expect(alice.load(a + 5)).toBe(42);
    expect(alice.getrusage()).toEqual({ minFlt: 2, majFlt: 0 });
  });

  it("counts the faults that touching pages takes", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    expect(alice.touch(a, "64 KiB", "r")).toEqual({ minFlt: 16, majFlt: 0 });
    expect(alice.touch(a, "64 KiB", "w")).toEqual({ minFlt: 16, majFlt: 0 });
    expect(alice.touch(a, "64 KiB", "w")).toEqual({ minFlt: 0, majFlt: 0 });
  });

  it("reports what a call refuses as a SyscallError", () => {
    const alice = fresh();
    const error = thrown(() => alice.mmap(0));
    expect(error).toBeInstanceOf(SyscallError);
    expect(error).toMatchObject({ code: "EINVAL", syscall: "mmap" });
    expect(thrown(() => alice.open("/none"))).toMatchObject({ code: "ENOENT", syscall: "open" });
  });

  it("is killed by a bad access without a handler, and lives on with one", () => {
    const alice = fresh();
    const bob = alice.fork("bob");
    const seen: string[] = [];
    bob.on("SIGSEGV", ({ code }) => seen.push(code));
    expect(thrown(() => bob.load(0x1000))).toMatchObject({ code: "SEGV_MAPERR", killed: false });
    expect(thrown(() => alice.load(0x1000))).toBeInstanceOf(SignalError);
    expect(seen).toEqual(["SEGV_MAPERR"]);
    expect([alice.alive, bob.alive]).toEqual([false, true]);
    expect(() => alice.mm).toThrow(/has exited/);
  });

  it("maps files, from the cache and from the disk", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/data/f", new Uint8Array(16 * 4096).fill(7));
    const alice = machine.spawn("alice");
    const fd = alice.open("/data/f");
    const warm = alice.mmap("64 KiB", { fd, prot: "r" });
    expect(alice.touch(warm, "64 KiB", "r")).toEqual({ minFlt: 1, majFlt: 0 });
    expect(alice.load(warm + 4096)).toBe(7);
    alice.munmap(warm, "64 KiB");
    alice.dropCache(fd);
    const cold = alice.mmap("64 KiB", { fd, prot: "r" });
    expect(alice.touch(cold, "64 KiB", "r")).toEqual({ minFlt: 0, majFlt: 1 });
  });

  it("forks, exits and is waited for", () => {
    const alice = fresh();
    const bob = alice.fork("bob");
    expect(alice.wait()).toBeUndefined();
    bob.exit(3);
    expect(alice.wait()).toMatchObject({ pid: bob.pid, status: 3 * 256 });
    expect(thrown(() => alice.wait())).toMatchObject({ code: "ECHILD" });
  });

  it("refuses letters that are no rights, and advice that there is none of", () => {
    const alice = fresh();
    expect(() => alice.mmap(4096, { prot: "rz" })).toThrow(/r, w and x, not z/);
    expect(() => alice.madvise(0, 4096, "SLEEP" as never)).toThrow(/no advice "SLEEP"/);
  });
});
