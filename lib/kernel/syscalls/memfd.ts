/**
 * memfd_create as a program calls it: with a name in its memory and flags.
 *
 * With MFD_HUGETLB the file consists of huge pages (fs/hugetlbfs.ts).
 *
 * Left out: seals (the mark MFD_ALLOW_SEALING is accepted).
 *
 * Linux mm/memfd.c; man 2 memfd_create. Read first: file.ts.
 */
import { hugetlbFileSetup } from "../../fs/hugetlbfs.js";
import { EFAULT, EINVAL, ENODEV } from "../../mm/errno.js";
import { hstateSizelog } from "../../mm/hugetlb/hstate.js";
import { RLIMIT_NOFILE } from "../../mm/system.js";
import { MAP_HUGE_MASK, MAP_HUGE_SHIFT, MAP_HUGETLB } from "../../mm/vma/mman.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { strncpyFromUser } from "../uaccess.js";
import { sysMemfdCreate } from "./file.js";

/** MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC. Linux include/uapi/linux/memfd.h */
const MFD_ALL_FLAGS = 0x1 | 0x2 | 0x8 | 0x10;
const MFD_HUGETLB = 0x4;
/** Page size of MFD_HUGETLB, in the top bits. */
const MFD_HUGE_MASK = 0xfc00_0000;
/** It is either executable or not. */
const MFD_EXEC_OR_NOT = 0x18;
/** Longest name, without zero byte. Linux mm/memfd.c:MFD_NAME_MAX_LEN */
const MFD_NAME_MAX_LEN = 249;

/** The new descriptor, or a negative errno. Linux mm/memfd.c:memfd_create() */
export function memfdCreateRaw(kernel: Kernel, task: Task, nameArg: number | string, flags: number): number {
  const huge = (flags & MFD_HUGETLB) !== 0;
  const known = MFD_ALL_FLAGS | MFD_HUGETLB | (huge ? MFD_HUGE_MASK : 0);
  if ((flags & ~known) !== 0 || (flags & MFD_EXEC_OR_NOT) === MFD_EXEC_OR_NOT) return -EINVAL;
  const name = typeof nameArg === "string" ? nameArg : strncpyFromUser(task, nameArg, MFD_NAME_MAX_LEN + 1);
  if (name === undefined) return -EFAULT;
  if (name.length > MFD_NAME_MAX_LEN) return -EINVAL;
  return huge ? memfdHugetlb(kernel, task, name, flags) : sysMemfdCreate(kernel, task, name);
}

/**
 * A file of huge pages with a descriptor; -ENODEV for a size that there is not (its log2 from bit 26 of
 * `flags` on). Linux mm/memfd.c:alloc_file()
 */
function memfdHugetlb(kernel: Kernel, task: Task, name: string, flags: number): number {
  const { sys } = kernel;
  kernel.enter(task);
  const h = hstateSizelog(sys.hugetlb, (flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK);
  if (h === undefined) return -ENODEV;
  return task.files.install(hugetlbFileSetup(sys, `memfd:${name}`, 0, h), task.rlimit(RLIMIT_NOFILE));
}

/** A new descriptor, of huge pages if mmap's `mapFlags` say MAP_HUGETLB. Not in Linux: other flags there. */
export function memfdOf(kernel: Kernel, task: Task, name: string, mapFlags: number): number {
  const huge = (mapFlags & MAP_HUGETLB) !== 0;
  return huge ? memfdHugetlb(kernel, task, name, mapFlags) : sysMemfdCreate(kernel, task, name);
}
