/**
 * File systems that come with a part of the program above the kernel: each says here how it is mounted, and
 * every kernel mounts all of them when it starts.
 *
 *   procfs/mount.ts --registerFilesystem("/proc", make)-->  list  --mountAll(kernel)--> kernel.files.mounts
 *
 * So a call goes up from the kernel into /proc although imports only go down.
 *
 * Linux fs/filesystems.c. Read first: fs/file_tree.ts. Read next: procfs/mount.ts.
 */

import type { FileTree, PseudoFs } from "../fs/file_tree.js";
import type { MemorySystem } from "../mm/system.js";
import type { Task } from "./task.js";

/** What a file system may know of the kernel that mounts it. */
export interface MountingKernel {
  readonly sys: MemorySystem;
  readonly files: FileTree;
  readonly tasks: ReadonlyMap<number, Task>;
}

/** How to mount a file system on a kernel. */
type MountFilesystem = (kernel: MountingKernel) => PseudoFs;

const filesystems = new Map<string, MountFilesystem>();

/**
 * From now on every kernel that starts mounts this on folder `dir`.
 * Linux fs/filesystems.c:register_filesystem()
 */
export function registerFilesystem(dir: string, mount: MountFilesystem): void {
  filesystems.set(dir, mount);
}

/** Mounts all that are registered. Linux init/do_mounts.c */
export function mountAll(kernel: MountingKernel): void {
  for (const [dir, mount] of filesystems) kernel.files.mounts.set(dir, mount(kernel));
}
