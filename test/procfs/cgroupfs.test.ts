import { beforeEach, describe, expect, it } from "vitest";
import { O_RDWR } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { EAGAIN, EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, EPERM, ESRCH } from "../../lib/mm/errno.js";
import { mountCgroup2 } from "../../lib/procfs/cgroupfs.js";
import { procfsOf } from "../../lib/procfs/mount.js";
import type { ProcFs } from "../../lib/procfs/procfs.js";

let machine: Machine;
let procfs: ProcFs;
beforeEach(() => {
  machine = boot({ ram: "64 MiB" });
  procfs = procfsOf(machine);
  const { files } = machine.kernel;
  expect([mountCgroup2(files, procfs, "/cg"), files.mkdir("/cg"), files.mkdir("/cg")]).toEqual([
    -ENOENT,
    0,
    -EEXIST,
  ]);
  expect(mountCgroup2(files, procfs, "/cg")).toBe(0);
  procfs.write("/cg/cgroup.subtree_control", "+memory");
  expect(files.mkdir("/cg/a")).toBe(0);
});

describe("the files of groups", () => {
  it("appear with the group and go with it", () => {
    const { files } = machine.kernel;
    expect([procfs.read("/cg/a/memory.current"), procfs.read("/cg/cgroup.subtree_control")]).toEqual([
      "0\n",
      "memory\n",
    ]);
    expect(procfs.files().map(({ path }) => path)).toContain("/cg/a/memory.stat");
    expect([procfs.tryRead("/cg/memory.max"), procfs.tryRead("/cg/a"), procfs.tryRead("/cg/b/x")]).toEqual([
      -ENOENT,
      -EISDIR,
      -ENOENT,
    ]);
    expect([
      procfs.mkdir("/cg/a"),
      procfs.mkdir("/cg"),
      procfs.mkdir("/cg/x/y"),
      procfs.mkdir("/proc/x"),
    ]).toEqual([-EEXIST, -EEXIST, -ENOENT, -EPERM]);
    expect([
      files.rmdir("/cg"),
      procfs.rmdir("/cg/b"),
      files.rmdir("/cg/a"),
      procfs.tryRead("/cg/a"),
    ]).toEqual([-EBUSY, -ENOENT, 0, -ENOENT]);
  });

  it("show and move processes", () => {
    const alice = machine.spawn();
    procfs.write("/cg/a/cgroup.procs", `${alice.pid}\n`);
    expect([procfs.read("/cg/a/cgroup.procs"), procfs.read("/cg/a/cgroup.events")]).toEqual([
      `${alice.pid}\n`,
      "populated 1\nfrozen 0\n",
    ]);
    expect(procfs.read("/cg/cgroup.procs")).not.toContain(`${alice.pid}\n`);
    expect([
      procfs.tryWrite("/cg/a/cgroup.procs", "x"),
      procfs.tryWrite("/cg/a/cgroup.procs", "999"),
    ]).toEqual([-EINVAL, -ESRCH]);
    const file = machine.kernel.files.open("/cg/a/memory.max", O_RDWR) as VfsFile;
    expect(file.write(0, new TextEncoder().encode("8M"))).toBe(2);
    expect([procfs.read("/cg/a/memory.max"), procfs.read("/cg/a/cgroup.type")]).toEqual([
      "8388608\n",
      "domain\n",
    ]);
    expect(procfs.read("/cg/cgroup.stat")).toBe("nr_descendants 1\n");
  });

  it("take sizes in bytes, rounded down to pages", () => {
    const shown = (text: string): [number, string] => [
      procfs.tryWrite("/cg/a/memory.max", text),
      procfs.read("/cg/a/memory.max"),
    ];
    expect([shown("1000000"), shown("max"), shown("junk"), shown("-5"), shown("16M\n")]).toEqual([
      [0, "999424\n"],
      [0, "max\n"],
      [-EINVAL, "max\n"],
      [-EINVAL, "max\n"],
      [0, "16777216\n"],
    ]);
    expect(procfs.tryWrite("/cg/a/memory.current", "5")).toBe(-EINVAL);
    procfs.write("/cg/a/memory.swap.max", "4096");
    expect(procfs.read("/cg/a/memory.swap.max")).toBe("4096\n");
    expect([
      procfs.tryWrite("/cg/a/memory.oom.group", "2"),
      procfs.tryWrite("/cg/a/memory.oom.group", "1"),
    ]).toEqual([-EINVAL, 0]);
    expect(procfs.read("/cg/a/memory.oom.group")).toBe("1\n");
  });

  it("reclaim on demand, with a swappiness of their own", () => {
    const write = (text: string): number => procfs.tryWrite("/cg/a/memory.reclaim", text);
    expect([write("0"), write("1M"), write("junk"), write("4K swappiness=300"), write("4K x")]).toEqual([
      0,
      -EAGAIN,
      -EINVAL,
      -EINVAL,
      -EINVAL,
    ]);
    expect([
      write("4K swappiness=max"),
      write("4K swappiness=0"),
      procfs.read("/cg/a/memory.reclaim"),
    ]).toEqual([-EAGAIN, -EAGAIN, ""]);
  });

  it("tell what memory is used for", () => {
    const alice = machine.spawn();
    procfs.write("/cg/a/cgroup.procs", String(alice.pid));
    const at = alice.mmap(40 * 4096);
    for (let page = 0; page < 40; page++) alice.store(at + page * 4096, 1, 1);
    const stat = new Map(
      procfs
        .read("/cg/a/memory.stat")
        .trim()
        .split("\n")
        .map((line) => line.split(" ") as [string, string]),
    );
    expect([stat.get("anon"), stat.get("kernel"), stat.get("pgfault"), stat.get("file")]).toEqual([
      String(40 * 4096),
      String(4 * 4096),
      "40",
      "0",
    ]);
    expect([procfs.read("/cg/a/memory.current"), procfs.read("/cg/a/memory.peak")]).toEqual([
      "262144\n",
      "262144\n",
    ]);
    expect(procfs.read("/cg/memory.stat").split("\n").length).toBe(stat.size + 1);
    expect(procfs.read("/cg/a/memory.events")).toBe(
      "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    );
  });
});

describe("a group out of memory", () => {
  it("that somebody outside makes too small ends processes at once, until it is small enough", () => {
    const procs = [machine.spawn(), machine.spawn()];
    for (const who of procs) {
      procfs.write("/cg/a/cgroup.procs", String(who.pid));
      const at = who.mmap(50 * 4096);
      for (let page = 0; page < 50; page++) who.store(at + page * 4096, 1, 1);
    }
    procfs.write("/cg/a/memory.max", "280K");
    expect(procs.map(({ pid }) => machine.kernel.tasks.get(pid)?.alive === true)).toEqual([true, false]);
    procfs.write("/cg/a/memory.max", "8K");
    expect(procs.map(({ pid }) => machine.kernel.tasks.get(pid)?.alive === true)).toEqual([false, false]);
    expect(procfs.read("/cg/a/memory.events")).toContain("oom_kill 2\n");
  });

  it("ends the process that has most of it, and says so in the log; others are left alone", () => {
    const [alice, bob, carol] = [machine.spawn(), machine.spawn(), machine.spawn()];
    procfs.write("/cg/a/memory.max", "400K");
    for (const { pid } of [alice, bob]) procfs.write("/cg/a/cgroup.procs", String(pid));
    const touch = (who: typeof alice, pages: number): void => {
      const at = who.mmap(pages * 4096);
      for (let page = 0; page < pages; page++) who.store(at + page * 4096, 1, 1);
    };
    touch(carol, 200);
    touch(bob, 60);
    touch(alice, 50);
    expect([alice, bob, carol].map(({ pid }) => machine.kernel.tasks.get(pid)?.alive === true)).toEqual([
      true,
      false,
      true,
    ]);
    expect(procfs.read("/cg/a/memory.events")).toMatch(/\nmax \d+\noom 1\noom_kill 1\noom_group_kill 0\n/);
    const log = machine.kernel.sys.kernelLog.join("\n");
    expect(log).toMatch(/memory: usage 400kB, limit 400kB, failcnt 18\n/);
    expect(log).toMatch(
      new RegExp(
        `oom_memcg=/a,task_memcg=/a,task=\\w+,pid=${bob.pid},uid=0\nMemory cgroup out of memory: Killed`,
      ),
    );
  });

  it("ends all of its processes where one is to go with the others, but those that must not", () => {
    const procs = [machine.spawn(), machine.spawn(), machine.spawn()];
    procfs.write("/cg/a/memory.max", "400K");
    procfs.write("/cg/a/memory.oom.group", "1");
    for (const { pid } of procs) procfs.write("/cg/a/cgroup.procs", String(pid));
    procfs.write(`/proc/${procs[2]!.pid}/oom_score_adj`, "-1000");
    const at = procs[0]!.mmap(200 * 4096);
    expect(() => {
      for (let page = 0; page < 200; page++) procs[0]!.store(at + page * 4096, 1, 1);
    }).toThrow(/SIGKILL|out of memory/);
    expect(procs.map(({ pid }) => machine.kernel.tasks.get(pid)?.alive === true)).toEqual([
      false,
      false,
      true,
    ]);
    expect(procfs.read("/cg/a/memory.events")).toContain("oom_kill 2\noom_group_kill 1\n");
  });
});
