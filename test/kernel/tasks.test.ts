import { describe, expect, it } from "vitest";
import { makeElf } from "../../lib/fs/elf.js";
import type { SyscallError } from "../../lib/kernel/errno.js";
import { CLONE_FILES, CLONE_SETTLS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } from "../../lib/kernel/fork.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { sysClone, sysExit, sysKill, sysWait4 } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { vmCommitLimit } from "../../lib/mm/vma/util.js";
import { meminfo } from "../../lib/procfs/meminfo.js";

const THREAD = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

function thread(machine: Machine, of: Task, stack = 0, tls = 0): Task {
  const task = sysClone(machine.kernel, of, THREAD | CLONE_SETTLS, stack, tls);
  if (typeof task === "number") throw new Error(`clone: ${task}`);
  return task;
}

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("threads", () => {
  it("share one mm, limits and open files, and have a stack and a block of their own", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("64 KiB");
    const task = thread(machine, alice.task, a + 0x8000, a + 0x9000);
    expect(task).toMatchObject({ tgid: alice.pid, stackPointer: a + 0x8000, fsBase: a + 0x9000 });
    expect(task.mm).toBe(alice.mm);
    expect(task.signal).toBe(alice.task.signal);
    expect([alice.task.stackPointer, alice.task.fsBase, alice.mm.mmUsers]).toEqual([0, 0, 2]);
    task.store(a, 1, 9);
    expect(alice.load(a)).toBe(9);
    const fd = alice.thread().memfdCreate("x");
    expect(alice.task.files.get(fd)).toBeDefined();
    checkInvariants(machine.kernel.sys, [alice.mm, machine.kernel.initMm]);
  });

  it("have the parent's block without CLONE_SETTLS, and need CLONE_SIGHAND and CLONE_VM", () => {
    const machine = boot({ ram: "16 MiB" });
    const { task } = machine.spawn("alice");
    task.fsBase = 0x7000;
    expect(sysClone(machine.kernel, task, THREAD, 0x5000, 0x6000)).toMatchObject({ fsBase: 0x7000 });
    expect(sysClone(machine.kernel, task, CLONE_THREAD | CLONE_VM)).toBe(-22);
    expect(sysClone(machine.kernel, task, CLONE_THREAD | CLONE_SIGHAND)).toBe(-22);
  });

  it("keep the mm until the last is gone; the first stays a zombie till then, and the last one's code counts", () => {
    const machine = boot({ ram: "16 MiB" });
    const { kernel } = machine;
    const parent = machine.spawn("parent");
    const alice = parent.fork("alice");
    const { mm } = alice;
    const a = alice.mmap("64 KiB");
    const last = thread(machine, alice.task);
    sysExit(kernel, alice.task, 7);
    expect([alice.task.state, alice.task.nrThreads, mm.mmUsers]).toEqual(["Z", 1, 1]);
    expect(parent.wait()).toBeUndefined();
    last.store(a, 1, 1);
    sysExit(kernel, last, 5);
    expect([mm.mmUsers, last.state, kernel.tasks.has(last.pid)]).toEqual([0, "X", false]);
    // Linux 6.18 on the same steps: 1280
    expect(parent.wait()).toMatchObject({ pid: alice.pid, status: 5 * 256 });
    expect(kernel.tasks.has(alice.pid)).toBe(false);
  });

  it("of a process whose parent is init leave nothing behind, whichever ends last", () => {
    const machine = boot({ ram: "16 MiB" });
    const { kernel } = machine;
    const alice = machine.spawn("alice");
    const last = thread(machine, alice.task);
    sysExit(kernel, alice.task, 0);
    expect(kernel.tasks.get(alice.pid)).toBe(alice.task);
    sysExit(kernel, last, 0);
    expect([...kernel.tasks.keys()]).toEqual([kernel.init.pid]);
  });

  it("all die of a signal to the process, even after the first has ended", () => {
    const machine = boot({ ram: "16 MiB" });
    const parent = machine.spawn("parent");
    const alice = parent.fork("alice");
    const last = thread(machine, alice.task);
    sysExit(machine.kernel, alice.task, 7);
    expect(sysKill(machine.kernel, alice.pid, "SIGKILL")).toBe(0);
    expect(last.alive).toBe(false);
    expect(parent.wait()).toMatchObject({ pid: alice.pid, status: 9 });
  });

  it("are nobody's children: wait4 for one is ECHILD", () => {
    const machine = boot({ ram: "16 MiB" });
    const parent = machine.spawn("parent");
    const alice = parent.fork("alice");
    const task = thread(machine, alice.task);
    expect(sysWait4(machine.kernel, parent.task, task.pid)).toBe(-10);
    expect(sysWait4(machine.kernel, alice.task)).toBe(-10);
  });
});

describe("zombies, orphans and wait4", () => {
  it("keeps a zombie in state Z without memory until it is waited for", () => {
    const machine = boot({ ram: "16 MiB" });
    const parent = machine.spawn("parent");
    const child = parent.fork("child");
    child.exit(3);
    expect([child.task.state, child.task.mm, machine.kernel.tasks.has(child.pid)]).toEqual([
      "Z",
      undefined,
      true,
    ]);
    parent.wait();
    expect([child.task.state, machine.kernel.tasks.has(child.pid)]).toEqual(["X", false]);
  });

  it("takes any child with -1, one with its pid, and none that has not ended", () => {
    const parent = boot({ ram: "16 MiB" }).spawn("parent");
    const [one, two, three] = [parent.fork(), parent.fork(), parent.fork()];
    expect(parent.wait()).toBeUndefined();
    two.exit(2);
    three.exit(3);
    expect(parent.wait(one.pid)).toBeUndefined();
    expect(parent.wait(three.pid)).toMatchObject({ pid: three.pid, status: 3 * 256 });
    expect(parent.wait(-1)).toMatchObject({ pid: two.pid, status: 2 * 256 });
    expect(thrown(() => parent.wait(two.pid))).toMatchObject({ code: "ECHILD" });
    one.kill();
    expect(parent.wait()).toMatchObject({ pid: one.pid, status: 9 });
    expect(thrown(() => parent.wait())).toMatchObject({ code: "ECHILD" });
  });

  it("gives orphans to init, which takes zombies at once", () => {
    const machine = boot({ ram: "16 MiB" });
    const { kernel } = machine;
    const parent = machine.spawn("parent");
    const [living, zombie] = [parent.fork(), parent.fork()];
    zombie.exit();
    parent.exit();
    expect([living.task.parent, living.task.ppid]).toEqual([kernel.init, kernel.init.pid]);
    expect(kernel.tasks.has(zombie.pid)).toBe(false);
    living.exit();
    expect([...kernel.tasks.keys()]).toEqual([kernel.init.pid]);
  });

  it("gives the children of a thread that ends to another thread of its process", () => {
    const machine = boot({ ram: "16 MiB" });
    const parent = machine.spawn("parent");
    const other = parent.thread();
    const child = other.fork("child");
    sysExit(machine.kernel, other.task, 0);
    expect(child.task.parent).toBe(parent.task);
    child.exit(4);
    expect(parent.wait()).toMatchObject({ pid: child.pid, status: 4 * 256 });
  });
});

describe("vfork", () => {
  it("lends the memory, and the parent stands still in state D until the child exits", () => {
    const parent = boot({ ram: "16 MiB" }).spawn("parent");
    const a = parent.mmap(4096);
    const child = parent.vfork("child");
    expect([child.mm === parent.mm, parent.task.state]).toEqual([true, "D"]);
    expect(() => parent.load(a)).toThrow(/waits for its vfork child/);
    child.store(a, 1, 5);
    child.exit();
    expect([parent.task.state, parent.mm.mmUsers, parent.load(a)]).toEqual(["R", 1, 5]);
  });

  it("ends the parent's wait when the child calls exec, but not when exec fails", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/bin/hello", makeElf({ code: new Uint8Array(64).fill(0x90) }));
    const parent = machine.spawn("parent");
    const { mm } = parent;
    const child = parent.vfork("child");
    expect(thrown(() => child.exec("/bin/none"))).toMatchObject({ code: "ENOENT" });
    expect([parent.task.state, mm.mmUsers]).toEqual(["D", 2]);
    child.exec("/bin/hello");
    expect([parent.task.state, mm.mmUsers, child.mm === mm]).toEqual(["R", 1, false]);
    expect(parent.wait()).toBeUndefined();
  });

  it("lets a parent that waits be killed, and the child goes on with the memory", () => {
    const machine = boot({ ram: "16 MiB" });
    const parent = machine.spawn("parent");
    const a = parent.mmap(4096);
    const child = parent.vfork("child");
    parent.kill();
    child.store(a, 1, 5);
    expect([parent.alive, child.mm.mmUsers, child.task.parent]).toEqual([false, 1, machine.kernel.init]);
  });
});

describe("limits", () => {
  const errors = (act: () => unknown): string => (thrown(act) as SyscallError | undefined)?.code ?? "none";

  it("RLIMIT_AS holds for mmap to the page, is inherited by fork, and lets what is freed be taken again", () => {
    const alice = boot({ ram: "16 MiB" }).spawn("alice");
    alice.setrlimit("as", "64 KiB");
    const a = alice.mmap("60 KiB");
    expect(errors(() => alice.mmap("8 KiB"))).toBe("ENOMEM");
    alice.mmap("4 KiB");
    expect(errors(() => alice.mmap("4 KiB"))).toBe("ENOMEM");
    const bob = alice.fork("bob");
    expect(errors(() => bob.mmap("4 KiB"))).toBe("ENOMEM");
    alice.munmap(a, "4 KiB");
    expect(errors(() => alice.mmap("4 KiB"))).toBe("none");
    expect(alice.mm.totalVm).toBe(16);
  });

  it("RLIMIT_MEMLOCK holds for a process without rights, EPERM with 0, and not for root", () => {
    const alice = boot({ ram: "16 MiB" }).spawn("alice");
    const a = alice.mmap("64 KiB");
    alice.setrlimit("memlock", "16 KiB");
    alice.task.privileged = false;
    alice.mlock(a, "16 KiB");
    alice.mlock(a, "16 KiB");
    expect(errors(() => alice.mlock(a, "20 KiB"))).toBe("ENOMEM");
    expect(errors(() => alice.mmap("4 KiB", { locked: true }))).toBe("EAGAIN");
    alice.munlock(a, "64 KiB");
    alice.setrlimit("memlock", 0);
    expect(errors(() => alice.mlock(a, "4 KiB"))).toBe("EPERM");
    alice.task.privileged = true;
    alice.mlock(a, "64 KiB");
    expect(alice.mm.lockedVm).toBe(16);
  });

  it("vm.max_map_count lets mmap go one past 65530, as in Linux, and stops a split", () => {
    const machine = boot({ ram: "64 MiB" });
    const alice = machine.spawn("alice");
    machine.kernel.sys.sysctl.overcommitMemory = 1;
    for (let i = 0; i <= 65530; i++) alice.mmap(4096, { at: 0x1_0000_0000 + i * 8192, fixed: true });
    expect(alice.mm.mapCount).toBe(65531);
    expect(errors(() => alice.mmap(4096, { at: 0x2000_0000, fixed: true }))).toBe("ENOMEM");
    alice.munmap(0x1_0000_0000, 4096 * 6);
    const a = alice.mmap("64 KiB", { at: 0x2000_0000, fixed: true });
    alice.mmap(4096, { at: 0x3000_0000, fixed: true });
    expect(alice.mm.mapCount).toBe(65530);
    expect(errors(() => alice.mprotect(a + 4096, 4096, "r"))).toBe("ENOMEM");
    expect(errors(() => alice.munmap(a + 4096, 4096))).toBe("ENOMEM");
    expect(alice.mm.mapCount).toBe(65530);
  });
});

describe("vm.overcommit_memory", () => {
  const MAP = (pages: number, noreserve = false) => ({ bytes: pages * 4096, noreserve });
  const code = (machine: Machine, { bytes, noreserve }: ReturnType<typeof MAP>): string => {
    const error = thrown(() => machine.spawn("x").mmap(bytes, { noreserve }));
    return (error as SyscallError | undefined)?.code ?? "none";
  };

  it("0 refuses only one request beyond RAM and swap, 1 none", () => {
    const machine = boot({ ram: "16 MiB" });
    const { sys } = machine.kernel;
    const all = sys.totalramPages + sys.totalSwapPages;
    expect(code(machine, MAP(all + 1))).toBe("ENOMEM");
    expect([code(machine, MAP(all)), code(machine, MAP(all))]).toEqual(["none", "none"]);
    expect(code(machine, MAP(all + 1, true))).toBe("none");
    expect(sys.vmCommittedAs).toBe(2 * all);
    sys.sysctl.overcommitMemory = 1;
    expect(code(machine, MAP(100 * all))).toBe("none");
  });

  it("2 keeps all promises below CommitLimit, MAP_NORESERVE or not, and fork counts too", () => {
    const machine = boot({ ram: "16 MiB" });
    const { sys } = machine.kernel;
    sys.sysctl.overcommitMemory = 2;
    const limit = vmCommitLimit(sys);
    expect(limit).toBe(Math.floor(sys.totalramPages / 2) + sys.totalSwapPages);
    expect(meminfo(sys)).toMatch(new RegExp(`CommitLimit: +${limit * 4} kB`));
    expect([code(machine, MAP(limit)), code(machine, MAP(limit, true))]).toEqual(["ENOMEM", "ENOMEM"]);
    const alice = machine.spawn("alice");
    const { size } = machine.kernel.tasks;
    alice.mmap((limit - 1) * 4096);
    expect(thrown(() => alice.fork())).toMatchObject({ code: "ENOMEM" });
    expect([sys.vmCommittedAs, machine.kernel.tasks.size]).toEqual([limit - 1, size]);
    alice.exit();
    expect(sys.vmCommittedAs).toBe(0);
    const mms = [...machine.kernel.tasks.values()].flatMap(({ mm }) => mm ?? []);
    checkInvariants(sys, [machine.kernel.initMm, ...mms]);
  });
});
