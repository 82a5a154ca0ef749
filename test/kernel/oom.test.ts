import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { outOfMemory } from "../../lib/kernel/oom.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { GFP_KERNEL, GFP_NOFS } from "../../lib/mm/pages/gfp.js";
import { OOM_KILL } from "../../lib/mm/vmstat.js";

/** A machine with a small program and one that has most of RAM. */
function crowded(ram = "32 MiB") {
  const machine = boot({ ram });
  const { kernel } = machine;
  kernel.sys.sysctl.overcommitMemory = 1;
  const small = machine.spawn("small");
  small.touch(small.mmap("1 MiB"), "1 MiB");
  const big = machine.spawn("big");
  const at = big.mmap("20 MiB");
  big.touch(at, "20 MiB");
  const kills = (): number => kernel.sys.vmStat.events[OOM_KILL]!;
  const check = (): void => {
    const mms = [...kernel.tasks.values()].flatMap((task) => (task.mm === undefined ? [] : [task.mm]));
    checkInvariants(kernel.sys, [...new Set(mms), kernel.initMm]);
  };
  return { machine, kernel, small, big, kills, check };
}

describe("out of memory", () => {
  it("ends the process with the most memory, when another one needs some", () => {
    const { kernel, small, big, kills } = crowded();
    const at = small.mmap("18 MiB");
    small.touch(at, "18 MiB");
    expect([small.alive, big.alive, kills()]).toEqual([true, false, 1]);
    expect(kernel.sys.current).toBe(small.task);
    expect(() => big.load(0)).toThrow(SignalError);
  });

  it("ends the one who asks, if he has the most, when his access is over", () => {
    const { small, big, kills } = crowded();
    expect(() => big.touch(big.mmap("25 MiB"), "25 MiB")).toThrow(/SIGKILL.*killed/);
    expect([small.alive, big.alive, kills()]).toEqual([true, false, 1]);
    small.touch(small.mmap("10 MiB"), "10 MiB"); // there is memory again
  });

  it("spares who has an adj of -1000, and fails when nobody is left", () => {
    const { small, big, kills } = crowded();
    big.task.oomScoreAdj = -1000;
    expect(() => small.touch(small.mmap("18 MiB"), "18 MiB")).toThrow(/SIGKILL/);
    expect([small.alive, big.alive, kills()]).toEqual([false, true, 1]);
  });

  it("ends the one who asks with vm.oom_kill_allocating_task", () => {
    const { kernel, small, big } = crowded();
    kernel.sys.sysctl.oomKillAllocatingTask = 1;
    expect(() => small.touch(small.mmap("18 MiB"), "18 MiB")).toThrow(/SIGKILL/);
    expect([small.alive, big.alive]).toEqual([false, true]);
  });

  it("ends all who share the victim's memory", () => {
    const { small, big } = crowded();
    const thread = big.thread();
    small.touch(small.mmap("18 MiB"), "18 MiB");
    expect([big.alive, thread.alive]).toEqual([false, false]);
  });

  it("ends the younger of two equal ones", () => {
    const machine = boot({ ram: "16 MiB" });
    const [first, second] = [machine.spawn("first"), machine.spawn("second")];
    for (const p of [first, second]) p.touch(p.mmap("1 MiB"), "1 MiB");
    machine.kernel.goIdle(second.task);
    expect(outOfMemory(machine.kernel, GFP_KERNEL)).toBe(true);
    expect([first.alive, second.alive]).toEqual([true, false]);
  });

  it("only pretends, where the file system may not be called", () => {
    const { kernel, kills } = crowded();
    expect(outOfMemory(kernel, GFP_NOFS)).toBe(true);
    expect(kills()).toBe(0);
  });

  it("lets alone who is there while a file that fills memory is written, by a program or from outside", () => {
    for (const outside of [true, false]) {
      const machine = boot({ ram: "32 MiB" });
      const one = machine.spawn("one");
      one.touch(one.mmap("1 MiB"), "1 MiB");
      if (outside) machine.kernel.files.writeFile("/data/big", new Uint8Array(40 * 2 ** 20));
      else {
        const buf = one.mmap("1 MiB");
        const fd = one.open("/data/big", { create: true, writable: true });
        for (let i = 0; i < 40; i++) one.write(fd, buf, 2 ** 20);
      }
      expect([one.alive, machine.kernel.sys.vmStat.events[OOM_KILL]]).toEqual([true, 0]);
      const { kernel } = machine;
      checkInvariants(kernel.sys, [one.task.mm!, kernel.initMm]);
    }
  });

  it("emits oom:mark_victim", () => {
    const { kernel, small, big } = crowded();
    kernel.sys.trace.enable("oom:*");
    small.touch(small.mmap("18 MiB"), "18 MiB");
    expect(kernel.sys.trace.events.map(({ fields }) => fields)).toEqual([{ pid: big.pid, comm: "big" }]);
  });
});
