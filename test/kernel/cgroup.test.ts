import { describe, expect, it } from "vitest";
import "../../lib/procfs/mount.js";
import { SyscallError } from "../../lib/kernel/errno.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { procfsOf } from "../../lib/procfs/mount.js";

const MIB = 2 ** 20;
const ROOT = "/sys/fs/cgroup";
const read = (m: Machine, path: string): string => procfsOf(m).read(`${ROOT}/${path}`).trim();
const write = (m: Machine, path: string, text: string): void => procfsOf(m).write(`${ROOT}/${path}`, text);

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SyscallError) return error.code;
    throw error;
  }
  return "done";
}

/** A machine with swap whose groups have memory to share out. */
function machine(): Machine {
  const m = boot({ ram: "64 MiB", swap: "64 MiB", cpus: 2 });
  write(m, "cgroup.subtree_control", "+memory");
  return m;
}

/** A process in the new group `name`. */
function processIn(m: Machine, name: string): Process {
  m.mkdir(`${ROOT}/${name}`);
  const process = m.spawn(name);
  write(m, `${name}/cgroup.procs`, String(process.pid));
  return process;
}

describe("groups of processes", () => {
  it("are folders that come and go; one with a process stays", () => {
    const m = machine();
    const p = processIn(m, "web");
    expect(read(m, "web/cgroup.procs")).toBe(String(p.pid));
    expect(codeOf(() => m.mkdir(`${ROOT}/web`))).toBe("EEXIST");
    expect(codeOf(() => m.mkdir(`${ROOT}/none/below`))).toBe("ENOENT");
    expect(codeOf(() => m.rmdir(`${ROOT}/web`))).toBe("EBUSY");
    p.exit();
    m.rmdir(`${ROOT}/web`);
    expect(codeOf(() => m.rmdir(`${ROOT}/web`))).toBe("ENOENT");
  });

  it("have no processes and groups with controllers at the same time", () => {
    const m = machine();
    processIn(m, "web");
    m.mkdir(`${ROOT}/web/a`);
    expect(codeOf(() => write(m, "web/cgroup.subtree_control", "+memory"))).toBe("EBUSY");
  });

  it("are charged for what their processes touch first; what goes over the limit goes to swap", () => {
    const m = machine();
    const p = processIn(m, "small");
    write(m, "small/memory.max", "8M");
    p.touch(p.mmap("12 MiB"), "12 MiB", "w");
    m.idle(1e9);
    expect(Number(read(m, "small/memory.current"))).toBeLessThanOrEqual(8 * MIB);
    expect(Number(read(m, "small/memory.swap.current"))).toBeGreaterThanOrEqual(4 * MIB);
    expect(Number(/^max (\d+)/m.exec(read(m, "small/memory.events"))![1])).toBeGreaterThan(0);
    p.exit();
    expect(Number(read(m, "small/memory.swap.current"))).toBe(0);
  });

  it("that may not swap keep what they have", () => {
    const m = machine();
    const p = processIn(m, "loyal");
    write(m, "loyal/memory.swap.max", "0");
    p.touch(p.mmap("8 MiB"), "8 MiB", "w");
    expect(codeOf(() => write(m, "loyal/memory.reclaim", "1M"))).toBe("EAGAIN");
    expect(read(m, "loyal/memory.swap.current")).toBe("0");
  });

  it("pass on to a child of fork", () => {
    const m = machine();
    const p = processIn(m, "web");
    const child = p.fork("child");
    expect(read(m, "web/cgroup.procs").split("\n").sort()).toEqual([p.pid, child.pid].map(String).sort());
  });
});
