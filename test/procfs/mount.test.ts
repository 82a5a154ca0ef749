import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import "../../lib/course/proc_export.js";
import { boot } from "../../lib/kernel/machine.js";
import { sysMmap } from "../../lib/kernel/syscalls/mm.js";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "../../lib/mm/vma/mman.js";
import "../../lib/procfs/mount.js";

function machineWithProcess() {
  const machine = boot({ ram: "64 MiB" });
  const task = machine.kernel.spawn("demo");
  const at = sysMmap(machine.kernel, task, 0, 64 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (let page = 0; page < 10; page++) task.store(at + page * 4096, 1, 7);
  return { machine, task };
}

describe("an area at address 0", () => {
  it("is no stack: a process that was spawned has none", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    alice.mmap(4096, { at: 0, fixed: true });
    expect(machine.procfs.read(`/proc/${alice.pid}/maps`)).toMatch(
      /^00000000-00001000 rw-p 00000000 00:00 0 $/m,
    );
  });
});

describe("machine.procfs", () => {
  it("is the same object every time and shows the machine's processes", () => {
    const { machine, task } = machineWithProcess();
    expect(machine.procfs).toBe(machine.procfs);
    expect(machine.procfs.read(`/proc/${task.pid}/status`)).toMatch(/^VmRSS:\t +40 kB$/m);
    expect(machine.procfs.read(`/proc/${task.pid}/stat`).split(" ")[9]).toBe(String(task.minFlt));
  });

  it("exports files that procps' own programs read", (context) => {
    const unshare = spawnSync("unshare", ["-m", "true"]);
    if (unshare.status !== 0 || !existsSync("/usr/bin/free")) return context.skip("needs root and procps");
    const { machine, task } = machineWithProcess();
    const dir = mkdtempSync(join(tmpdir(), "pagewalk-procps-"));
    try {
      machine.procfs.export(dir);
      const script = `mount --bind ${dir} /proc && free -k && pmap -x ${task.pid}`;
      const result = spawnSync("unshare", ["-m", "sh", "-c", script], { encoding: "utf8" });
      const total = /MemTotal: +(\d+)/.exec(machine.procfs.read("/proc/meminfo"))![1];
      expect(result.stdout + result.stderr).toMatch(new RegExp(`Mem: +${total} `));
      expect(result.stdout).toMatch(/ +256 +40 +40 rw---/);
      expect(result.stdout).toContain(`${task.pid}:   demo\n`);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
