/**
 * Error numbers: how the kernel says no. Inside the kernel a function returns them negated (-ENOMEM), and the
 * process's face (kernel/process.ts) turns them into a SyscallError.
 *
 * The numbers are those of Linux on x86-64, include/uapi/asm-generic/errno-base.h and errno.h.
 */

/** Operation not permitted. */
export const EPERM = 1;
/** No such file or directory. */
export const ENOENT = 2;
/** No such process. */
export const ESRCH = 3;
/** Interrupted by a signal. */
export const EINTR = 4;
/** Input/output error. */
export const EIO = 5;
/** There is no such device, or it is empty. */
export const ENXIO = 6;
/** The list of arguments is too long. */
export const E2BIG = 7;
/** Executable format is wrong. */
export const ENOEXEC = 8;
/** Bad file descriptor. */
export const EBADF = 9;
/** No child processes. */
export const ECHILD = 10;
/** Try again. */
export const EAGAIN = 11;
/** Out of memory, or no room in the address space. */
export const ENOMEM = 12;
/** Permission denied. */
export const EACCES = 13;
/** Bad address. */
export const EFAULT = 14;
/** Device or resource busy. */
export const EBUSY = 16;
/** It exists already. */
export const EEXIST = 17;
/** No such device, or it cannot do this. */
export const ENODEV = 19;
/** Not a directory. */
export const ENOTDIR = 20;
/** Is a directory. */
export const EISDIR = 21;
/** Invalid argument. */
export const EINVAL = 22;
/** Too many open files. */
export const EMFILE = 24;
/** Somebody uses the file as code, or as swap. */
export const ETXTBSY = 26;
/** The file is too large. */
export const EFBIG = 27;
/** No space left on the device. */
export const ENOSPC = 28;
/** Illegal seek. */
export const ESPIPE = 29;
/** The file system is read-only. */
export const EROFS = 30;
/** A number is out of range. */
export const ERANGE = 34;
/** A name, or a path, is too long. */
export const ENAMETOOLONG = 36;
/** A directory is not empty. */
export const ENOTEMPTY = 39;
/** A value does not fit. */
export const EOVERFLOW = 75;
/** There is no such system call. */
export const ENOSYS = 38;
/** Operation not supported. */
export const EOPNOTSUPP = 95;
/** The page has a hardware memory error. */
export const EHWPOISON = 133;

const NAMES: Record<number, string> = {
  [EPERM]: "EPERM",
  [ENOENT]: "ENOENT",
  [ESRCH]: "ESRCH",
  [EINTR]: "EINTR",
  [EIO]: "EIO",
  [ENXIO]: "ENXIO",
  [E2BIG]: "E2BIG",
  [ENOEXEC]: "ENOEXEC",
  [EBADF]: "EBADF",
  [ECHILD]: "ECHILD",
  [EAGAIN]: "EAGAIN",
  [ENOMEM]: "ENOMEM",
  [EACCES]: "EACCES",
  [EFAULT]: "EFAULT",
  [EBUSY]: "EBUSY",
  [EEXIST]: "EEXIST",
  [ENODEV]: "ENODEV",
  [ENOTDIR]: "ENOTDIR",
  [EISDIR]: "EISDIR",
  [EINVAL]: "EINVAL",
  [EMFILE]: "EMFILE",
  [ETXTBSY]: "ETXTBSY",
  [EFBIG]: "EFBIG",
  [ENOSPC]: "ENOSPC",
  [ESPIPE]: "ESPIPE",
  [EROFS]: "EROFS",
  [ERANGE]: "ERANGE",
  [EOVERFLOW]: "EOVERFLOW",
  [ENAMETOOLONG]: "ENAMETOOLONG",
  [ENOTEMPTY]: "ENOTEMPTY",
  [ENOSYS]: "ENOSYS",
  [EOPNOTSUPP]: "EOPNOTSUPP",
  [EHWPOISON]: "EHWPOISON",
};

/** Name of an error number, positive or negated: errnoName(-12) is "ENOMEM". Not in Linux. */
export function errnoName(errno: number): string {
  return NAMES[Math.abs(errno)] ?? `E${Math.abs(errno)}`;
}
