/**
 * memfd_create as a program calls it: with a name in its memory and flags.
 *
 * Left out: seals (the mark MFD_ALLOW_SEALING is accepted), huge pages (ENOSYS).
 *
 * Linux mm/memfd.c; man 2 memfd_create. Read first: file.ts.
 */
import { EFAULT, EINVAL, ENOSYS } from "../../mm/errno.js";
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
  return huge ? -ENOSYS : sysMemfdCreate(kernel, task, name);
}
