/**
 * Groups of processes, as data: a tree of folders, each with the processes that belong to it.
 *
 *   /sys/fs/cgroup                 the root: all processes that nobody has moved
 *     cgroup.subtree_control       "memory": the folders below have memory.* files, and charges of their own
 *     shop/                        a group: made by mkdir, removed by rmdir when it is empty
 *       cgroup.procs               its processes; writing a number moves that process here
 *
 * A group whose parent does not hand "memory" on has no memory group of its own: its processes are charged to
 * the nearest above it that has. Processes may only be in groups that hand nothing on (but the root).
 *
 * Linux include/linux/cgroup-defs.h. Read first: memcg_types.ts. Read next: kernel/cgroup.ts.
 */
import type { MemCgroup } from "./memcg_types.js";

/** One folder; L are the LRU lists of a memory group. Linux include/linux/cgroup-defs.h:struct cgroup */
export class Cgroup<L> {
  /** By name, in order of creation. */
  readonly children = new Map<string, Cgroup<L>>();
  /** Controllers that it hands on to those below it. Linux subtree_control */
  readonly subtreeControl = new Set<string>();
  /** Its memory group; undefined while the group above does not hand "memory" on, and for the root. */
  memcg: MemCgroup<L> | undefined = undefined;

  constructor(
    readonly parent: Cgroup<L> | undefined,
    readonly name: string,
  ) {}
}

/** The tree of one machine, and where it can be seen. Linux kernel/cgroup/cgroup.c:cgrp_dfl_root */
export class CgroupState<L> {
  readonly root = new Cgroup<L>(undefined, "");
  /** Folders on which it is mounted. */
  readonly mounts: string[] = [];
}
