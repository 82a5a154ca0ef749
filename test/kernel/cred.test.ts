import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/fs/elf.js";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { procfsOf } from "../../lib/procfs/mount.js";

function fresh(): Process {
  return boot({ ram: "16 MiB" }).spawn("alice");
}

describe("setuid", () => {
  it("from root to a user takes every capability, for good", () => {
    const alice = fresh();
    alice.setuid(1000);
    expect(alice.capget()).toEqual({ effective: [], permitted: [], inheritable: [] });
    expect(() => alice.setuid(0)).toThrow("EPERM: setuid");
    alice.setuid(1000);
  });

  it("of the effective id alone switches capabilities off and on again", () => {
    const alice = fresh();
    expect(alice.syscall("setresuid", -1, 1000, -1)).toBe(0);
    expect(alice.task.privileged).toBe(false);
    expect(alice.capget().permitted).toContain("CAP_IPC_LOCK");
    alice.setuid(0);
    expect(alice.task.privileged).toBe(true);
  });

  it("keeps what is permitted after prctl(PR_SET_KEEPCAPS)", () => {
    const alice = fresh();
    expect(alice.syscall("prctl", 8, 1)).toBe(0);
    alice.setuid(1000);
    expect(alice.capget().effective).toEqual([]);
    alice.capset({ effective: ["CAP_IPC_LOCK"] });
    expect(alice.task.capable(14)).toBe(true);
  });

  it("is inherited by fork, and exec gives root its capabilities back", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/bin/true", makeElf({ code: new Uint8Array(100) }));
    const alice = machine.spawn("alice");
    alice.capset({ effective: [], permitted: [] });
    const root = alice.fork("root");
    expect(root.capget().permitted).toEqual([]);
    root.exec("/bin/true");
    expect(root.task.privileged).toBe(true);
    const bob = alice.fork("bob");
    bob.task.privileged = true;
    bob.setuid(1000);
    bob.exec("/bin/true");
    expect(bob.capget().permitted).toEqual([]);
  });

  it("is seen in /proc/PID/status", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const { read } = procfsOf(machine);
    const status = (): string => read.call(procfsOf(machine), `/proc/${alice.pid}/status`);
    expect(status()).toContain("Uid:\t0\t0\t0\t0\n");
    expect(status()).toContain("CapEff:\t000001ffffffffff\n");
    alice.syscall("setresuid", 1000, 1001, 0);
    expect(status()).toContain("Uid:\t1000\t1001\t0\t1001\n");
    expect(status()).toContain("CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n");
  });
});

describe("a capability", () => {
  it("is what mm asks for: mlock beyond the limit, hard limits, the lowest pages", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    alice.setrlimit("memlock", 4096);
    alice.mlock(a, "64 KiB");
    alice.munlock(a, "64 KiB");
    const without = (name: string): void => {
      const { permitted } = alice.capget();
      alice.capset({ effective: permitted.filter((cap) => cap !== name) });
    };
    without("CAP_IPC_LOCK");
    expect(() => alice.mlock(a, "64 KiB")).toThrow("ENOMEM: mlock");
    alice.setrlimit("memlock", "16 MiB", "16 MiB");
    without("CAP_SYS_RESOURCE");
    expect(() => alice.setrlimit("memlock", "32 MiB", "32 MiB")).toThrow("EPERM: setrlimit");
    alice.mmap(4096, { at: 4096, fixed: true });
    without("CAP_SYS_RAWIO");
    expect(() => alice.mmap(4096, { at: 8192, fixed: true })).toThrow("EPERM: mmap");
  });

  it("that is not permitted cannot be switched on, and a name that there is not is refused", () => {
    const alice = fresh();
    alice.capset({ effective: [], permitted: ["CAP_KILL"] });
    expect(() => alice.capset({ effective: ["CAP_IPC_LOCK"] })).toThrow("EPERM: capset");
    expect(() => alice.capset({ permitted: ["CAP_KILL", "CAP_IPC_LOCK"] })).toThrow("EPERM: capset");
    alice.capset({ effective: ["CAP_KILL"] });
    expect(() => alice.capset({ effective: ["CAP_IPCLOCK" as never] })).toThrow(
      'did you mean "CAP_IPC_LOCK"?',
    );
    expect(() => alice.capset({ effektive: [] } as never)).toThrow('did you mean "effective"?');
  });
});

describe("a hard limit", () => {
  it("bounds the soft one, may be lowered by everybody and raised with CAP_SYS_RESOURCE", () => {
    const alice = fresh();
    alice.setuid(1000);
    alice.setrlimit("as", "1 MiB", "2 MiB");
    expect(alice.getrlimit("as")).toEqual({ soft: 2 ** 20, hard: 2 ** 21 });
    expect(() => alice.setrlimit("as", "3 MiB")).toThrow("EINVAL: setrlimit");
    expect(() => alice.setrlimit("as", "3 MiB", "3 MiB")).toThrow("EPERM: setrlimit");
    expect(() => alice.mmap("4 MiB")).toThrow("ENOMEM: mmap");
    alice.setrlimit("as", "2 MiB");
    alice.mmap("1 MiB");
    expect(() => alice.getrlimit("cpu" as never)).toThrow(
      /^there is no limit "cpu" here; there are as, data, stack,/,
    );
  });
});

describe("getrusage", () => {
  it("of nobody in particular is the two fault counts, as it always was", () => {
    const alice = fresh();
    alice.touch(alice.mmap("16 KiB"), "16 KiB");
    expect(alice.getrusage()).toEqual({ minFlt: 4, majFlt: 0 });
  });

  it("knows the most that was resident, also after it has gone, and VmHWM too", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("1 MiB");
    alice.touch(a, "1 MiB");
    alice.madvise(a, "512 KiB", "DONTNEED");
    alice.munmap(a, "1 MiB");
    expect(alice.getrusage("self")).toEqual({ minFlt: 256, majFlt: 0, maxRssKb: 1024 });
    const status = procfsOf(machine).read(`/proc/${alice.pid}/status`);
    expect(status).toMatch(/^VmHWM:\t +1024 kB$/m);
    expect(status).toMatch(/^VmRSS:\t +0 kB$/m);
  });

  it("knows the peak after a plain munmap", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    alice.touch(a, "64 KiB");
    alice.munmap(a, "64 KiB");
    expect(alice.getrusage("self").maxRssKb).toBe(64);
  });

  it("of children is the sum of faults and the largest of them, once they were waited for", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    const [bob, carol] = [alice.fork("bob"), alice.fork("carol")];
    bob.touch(a, "64 KiB");
    carol.touch(a, "16 KiB");
    bob.exit();
    carol.exit();
    expect(alice.getrusage("children")).toEqual({ minFlt: 0, majFlt: 0, maxRssKb: 0 });
    alice.wait();
    alice.wait();
    expect(alice.getrusage("children")).toEqual({ minFlt: 20, majFlt: 0, maxRssKb: 64 });
  });

  it("of a process adds its threads up; of a thread it is its own", () => {
    const alice = fresh();
    const a = alice.mmap("64 KiB");
    const thread = alice.thread();
    alice.touch(a, "16 KiB");
    thread.touch(a + 16384, "8 KiB");
    expect(alice.getrusage()).toEqual({ minFlt: 6, majFlt: 0 });
    expect(thread.getrusage("thread")).toEqual({ minFlt: 2, majFlt: 0, maxRssKb: 24 });
    thread.syscall("exit", 0);
    expect(alice.getrusage("self").minFlt).toBe(6);
    expect(() => alice.getrusage("mine" as never)).toThrow("self, thread, children");
  });

  it("of a child that is waited for has its own children's faults in it, and exec keeps the peak", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/bin/true", makeElf({ code: new Uint8Array(100) }));
    const alice = machine.spawn("alice");
    const a = alice.mmap("64 KiB");
    const bob = alice.fork("bob");
    const carol = bob.fork("carol");
    carol.touch(a, "64 KiB");
    carol.exit();
    bob.wait();
    bob.touch(a, "32 KiB");
    bob.exec("/bin/true");
    expect(bob.getrusage("self").maxRssKb).toBe(32);
    bob.exit();
    expect(alice.wait()).toMatchObject({ maxRssKb: 64 });
    expect(alice.getrusage("children").minFlt).toBeGreaterThanOrEqual(24);
  });
});
