import { beforeEach, describe, expect, it } from "vitest";
import {
  type CgroupContext,
  cgroupControllers,
  cgroupIsPopulated,
  cgroupMkdir,
  cgroupProcsWrite,
  cgroupRmdir,
  cgroupSubtreeControl,
  cgroupSubtreeControlWrite,
  cgroupTasks,
} from "../../lib/kernel/cgroup.js";
import type { Kernel } from "../../lib/kernel/kernel.js";
import { boot } from "../../lib/kernel/machine.js";
import { sysFork } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { EBUSY, EEXIST, EINVAL, ENOENT, ESRCH } from "../../lib/mm/errno.js";
import type { Lruvec } from "../../lib/mm/lru/lruvec.js";
import type { Cgroup } from "../../lib/mm/memcg/cgroup_types.js";

let kernel: Kernel;
let context: CgroupContext;
let root: Cgroup<Lruvec>;
let task: Task;
beforeEach(() => {
  kernel = boot({ ram: "64 MiB" }).kernel;
  context = { sys: kernel.sys, tasks: () => kernel.tasks.values() };
  root = kernel.sys.cgroups.root;
  task = kernel.spawn("t");
});

/** A new group, by its parent and name. */
function mkdir(parent: Cgroup<Lruvec>, name: string): Cgroup<Lruvec> {
  expect(cgroupMkdir(context, parent, name)).toBe(0);
  return parent.children.get(name)!;
}

describe("groups of processes", () => {
  it("have a memory group of their own if the group above hands memory on", () => {
    const a = mkdir(root, "a");
    expect([a.memcg, cgroupControllers(a)]).toEqual([undefined, []]);
    expect(cgroupSubtreeControlWrite(context, root, "+memory")).toBe(0);
    expect([a.memcg?.path, cgroupControllers(a), cgroupSubtreeControl(root)]).toEqual([
      "/a",
      ["memory"],
      ["memory"],
    ]);
    const b = mkdir(a, "b");
    expect(b.memcg).toBeUndefined();
    cgroupSubtreeControlWrite(context, a, " +memory ");
    expect([b.memcg?.path, b.memcg?.parent]).toEqual(["/a/b", a.memcg]);
    expect(cgroupSubtreeControlWrite(context, root, "-memory")).toBe(-EBUSY);
    cgroupSubtreeControlWrite(context, a, "-memory");
    expect([b.memcg, cgroupSubtreeControlWrite(context, root, "-memory"), a.memcg]).toEqual([
      undefined,
      0,
      undefined,
    ]);
    expect(kernel.sys.memcg.nrGroups).toBe(0);
  });

  it("take processes whole, whose memory is charged to the nearest memory group", () => {
    cgroupSubtreeControlWrite(context, root, "+memory");
    const a = mkdir(root, "a");
    const b = mkdir(a, "b");
    expect(cgroupProcsWrite(context, b, task.pid)).toBe(0);
    expect([task.cgroup, task.memcg, cgroupTasks(context, b)]).toEqual([b, a.memcg, [task]]);
    const child = sysFork(kernel, task) as Task;
    expect([child.cgroup, child.memcg]).toEqual([b, a.memcg]);
    expect([cgroupIsPopulated(context, a), cgroupTasks(context, a)]).toEqual([true, []]);
    expect(cgroupProcsWrite(context, root, child.pid)).toBe(0);
    expect([child.cgroup, child.memcg]).toEqual([undefined, undefined]);
  });

  it("that hand memory on have no processes, and the reverse", () => {
    cgroupSubtreeControlWrite(context, root, "+memory");
    const a = mkdir(root, "a");
    cgroupProcsWrite(context, a, task.pid);
    expect(cgroupSubtreeControlWrite(context, a, "+memory")).toBe(-EBUSY);
    cgroupProcsWrite(context, root, task.pid);
    expect(cgroupSubtreeControlWrite(context, a, "+memory")).toBe(0);
    expect(cgroupProcsWrite(context, a, task.pid)).toBe(-EBUSY);
  });

  it("go when they are empty", () => {
    cgroupSubtreeControlWrite(context, root, "+memory");
    const a = mkdir(root, "a");
    const b = mkdir(a, "b");
    expect([cgroupRmdir(context, a), cgroupRmdir(context, root)]).toEqual([-EBUSY, -EBUSY]);
    cgroupProcsWrite(context, b, task.pid);
    expect(cgroupRmdir(context, b)).toBe(-EBUSY);
    kernel.doExit(task, 0);
    expect([cgroupRmdir(context, b), cgroupRmdir(context, a), root.children.size]).toEqual([0, 0, 0]);
  });

  it("refuse what makes no sense", () => {
    const a = mkdir(root, "a");
    expect([cgroupMkdir(context, root, "a"), cgroupMkdir(context, root, "x\ny")]).toEqual([-EEXIST, -EINVAL]);
    for (const text of ["memory", "+nothing", "*memory"])
      expect(cgroupSubtreeControlWrite(context, root, text), text).toBe(-EINVAL);
    expect(cgroupSubtreeControlWrite(context, a, "+memory")).toBe(-ENOENT);
    expect(cgroupProcsWrite(context, a, 9999)).toBe(-ESRCH);
  });
});
