/**
 * Groups of processes: folders that come and go, and who is in which.
 *
 *   mkdir  --> cgroupMkdir     a group; with "memory" from above, a memory group of its own
 *   rmdir  --> cgroupRmdir     only without processes and without groups in it: EBUSY
 *   "+memory" into cgroup.subtree_control --> the groups below get memory groups, or with "-memory" lose them
 *   PID into cgroup.procs     --> all threads of the process; a child of fork begins where its parent is
 *
 * A group that hands controllers on has no processes of its own, and the reverse: else children would compete
 * with the processes beside them (EBUSY). The root is free of this rule.
 *
 * A process that moves takes nothing with it: what it was charged for stays where it was.
 *
 * Differs from Linux: controllers other than memory can be handed on, and do nothing. Left out: threaded
 * groups, limits of depth and number, freezing, delegation.
 *
 * Linux kernel/cgroup/cgroup.c. Read first: mm/memcg/cgroup_types.ts, mm/memcg/memcontrol.ts. Read next:
 * procfs/cgroupfs.ts.
 */
import { EBUSY, EEXIST, EINVAL, ENOENT, ESRCH } from "../mm/errno.js";
import type { Lruvec, Memcg } from "../mm/lru/lruvec.js";
import { Cgroup } from "../mm/memcg/cgroup_types.js";
import { memCgroupCssAlloc, memCgroupCssOffline } from "../mm/memcg/memcontrol.js";
import type { MmStruct } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";

type Group = Cgroup<Lruvec>;

/** Controllers that a kernel has, in the order of its texts. Linux include/linux/cgroup_subsys.h */
const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"];
/** Those that may be handed on beside processes, since these may be divided by threads. Linux ss->threaded */
const THREADED = new Set(["cpuset", "cpu", "pids"]);

/** What is asked of a task. Linux include/linux/sched.h:struct task_struct */
interface CgroupTask {
  readonly pid: number;
  readonly tgid: number;
  readonly mm: MmStruct | undefined;
  cgroup?: Group | undefined;
}

/** Who runs on the machine. */
export interface CgroupContext {
  readonly sys: MemorySystem;
  readonly tasks: () => Iterable<CgroupTask>;
}

// ---------------------------------------------------------------- what a group is

/** The group of a task. Linux include/linux/cgroup.h:task_dfl_cgroup() */
function taskCgroup({ cgroups }: MemorySystem, task: CgroupTask): Group {
  return task.cgroup ?? cgroups.root;
}

/** Its path from the root: "/", "/a/b". Linux kernel/cgroup/cgroup.c:cgroup_path() */
function cgroupPath(cgrp: Group): string {
  if (cgrp.parent === undefined) return "/";
  const above = cgroupPath(cgrp.parent);
  return `${above === "/" ? "" : above}/${cgrp.name}`;
}

/** Controllers that it could hand on, in order. Linux kernel/cgroup/cgroup.c:cgroup_control() */
export function cgroupControllers(cgrp: Group): string[] {
  const has = cgrp.parent?.subtreeControl;
  return CONTROLLERS.filter((name) => has === undefined || has.has(name));
}

/** Controllers that it hands on, in order. */
export function cgroupSubtreeControl(cgrp: Group): string[] {
  return CONTROLLERS.filter((name) => cgrp.subtreeControl.has(name));
}

/** Tasks of the group, without those of groups below it. */
export function cgroupTasks({ sys, tasks }: CgroupContext, cgrp: Group): CgroupTask[] {
  return [...tasks()].filter((task) => task.mm !== undefined && taskCgroup(sys, task) === cgrp);
}

/** Whether it, or a group below it, has processes. Linux include/linux/cgroup.h:cgroup_is_populated() */
export function cgroupIsPopulated(context: CgroupContext, cgrp: Group): boolean {
  if (cgroupTasks(context, cgrp).length > 0) return true;
  return [...cgrp.children.values()].some((child) => cgroupIsPopulated(context, child));
}

/** The memory group that pays for what is in `cgrp`. Linux kernel/cgroup/cgroup.c:cgroup_e_css() */
function effectiveMemcg(sys: MemorySystem, cgrp: Group): Memcg {
  for (let one: Group | undefined = cgrp; one !== undefined; one = one.parent)
    if (one.memcg !== undefined) return one.memcg;
  return sys.memcg.root;
}

/** The task's address space is charged to the group that its folder says. */
function chargeTo(sys: MemorySystem, task: CgroupTask): void {
  const memcg = effectiveMemcg(sys, taskCgroup(sys, task));
  if (task.mm !== undefined) task.mm.memcg = memcg.parent === undefined ? undefined : memcg;
}

// ---------------------------------------------------------------- groups come and go

/** Makes its memory group, if "memory" comes from above; false if there are too many. */
function onlineMemcg(sys: MemorySystem, cgrp: Group): boolean {
  if (cgrp.memcg !== undefined || cgrp.parent?.subtreeControl.has("memory") !== true) return true;
  cgrp.memcg = memCgroupCssAlloc(sys, effectiveMemcg(sys, cgrp.parent), cgroupPath(cgrp));
  return cgrp.memcg !== undefined;
}

/** A new group in `parent`; 0 or a negative errno. Linux kernel/cgroup/cgroup.c:cgroup_mkdir() */
export function cgroupMkdir({ sys }: CgroupContext, parent: Group, name: string): number {
  if (parent.children.has(name)) return -EEXIST;
  if (name.includes("\n")) return -EINVAL;
  const cgrp: Group = new Cgroup(parent, name);
  if (!onlineMemcg(sys, cgrp)) return -ENOENT;
  parent.children.set(name, cgrp);
  return 0;
}

/** Removes an empty group; 0 or a negative errno. Linux kernel/cgroup/cgroup.c:cgroup_rmdir() */
export function cgroupRmdir(context: CgroupContext, cgrp: Group): number {
  if (cgrp.parent === undefined || cgrp.children.size > 0 || cgroupIsPopulated(context, cgrp)) return -EBUSY;
  cgrp.parent.children.delete(cgrp.name);
  if (cgrp.memcg !== undefined) memCgroupCssOffline(context.sys, cgrp.memcg);
  cgrp.memcg = undefined;
  return 0;
}

// ---------------------------------------------------------------- controllers

/** What a text asks for: "+memory -pids"; undefined if it is wrong. */
function parseControllers(text: string): { enable: Set<string>; disable: Set<string> } | undefined {
  const enable = new Set<string>();
  const disable = new Set<string>();
  for (const word of text.trim().split(" ")) {
    if (word === "") continue;
    const name = word.slice(1);
    if (!CONTROLLERS.includes(name) || (word[0] !== "+" && word[0] !== "-")) return undefined;
    (word[0] === "+" ? enable : disable).add(name);
    (word[0] === "+" ? disable : enable).delete(name);
  }
  return { enable, disable };
}

/** Memory groups of the groups below `cgrp` as its subtree_control says. Linux cgroup_apply_control() */
function applyControl(context: CgroupContext, cgrp: Group): void {
  const { sys } = context;
  const wanted = cgrp.subtreeControl.has("memory");
  for (const child of cgrp.children.values()) {
    const old = child.memcg;
    if (wanted) onlineMemcg(sys, child);
    else child.memcg = undefined;
    if (child.memcg === old) continue;
    for (const task of context.tasks()) chargeTo(sys, task);
    if (old !== undefined) memCgroupCssOffline(sys, old);
  }
}

/**
 * Hands controllers on, or no more; 0 or a negative errno.
 * Linux kernel/cgroup/cgroup.c:cgroup_subtree_control_write()
 */
export function cgroupSubtreeControlWrite(context: CgroupContext, cgrp: Group, text: string): number {
  const asked = parseControllers(text);
  if (asked === undefined) return -EINVAL;
  const enable = [...asked.enable].filter((name) => !cgrp.subtreeControl.has(name));
  const disable = [...asked.disable].filter((name) => cgrp.subtreeControl.has(name));
  const available = cgroupControllers(cgrp);
  if (enable.some((name) => !available.includes(name))) return -ENOENT;
  const children = [...cgrp.children.values()];
  if (disable.some((name) => children.some((child) => child.subtreeControl.has(name)))) return -EBUSY;
  const divides = enable.some((name) => !THREADED.has(name));
  if (divides && cgrp.parent !== undefined && cgroupTasks(context, cgrp).length > 0) return -EBUSY;
  for (const name of enable) cgrp.subtreeControl.add(name);
  for (const name of disable) cgrp.subtreeControl.delete(name);
  applyControl(context, cgrp);
  return 0;
}

// ---------------------------------------------------------------- processes

/**
 * Moves a process with all its threads; `pid` 0: the one that asks. 0 or a negative errno.
 * Linux kernel/cgroup/cgroup.c:__cgroup_procs_write(), cgroup_attach_task()
 */
export function cgroupProcsWrite(context: CgroupContext, cgrp: Group, pid: number): number {
  const { sys } = context;
  const tasks = [...context.tasks()];
  const leader = tasks.find((task) => task.pid === (pid === 0 ? sys.current?.pid : pid));
  if (leader === undefined || leader.mm === undefined) return -ESRCH;
  if (cgrp.parent !== undefined && [...cgrp.subtreeControl].some((name) => !THREADED.has(name)))
    return -EBUSY;
  for (const task of tasks) {
    if (task.tgid !== leader.tgid) continue;
    task.cgroup = cgrp.parent === undefined ? undefined : cgrp;
    chargeTo(sys, task);
  }
  return 0;
}
