/**
 * SyscallError: how a process's face (process.ts) reports what a system call refused, in the manner of Node's
 * own errors.
 *
 *   syscalls/*.ts      return -12                                     as the kernel does
 *   process.mmap(...)  throws SyscallError { code: "ENOMEM", syscall: "mmap", errno: 12 }
 *
 * Read first: mm/errno.ts. Read next: process.ts.
 */
import { errnoName } from "../mm/errno.js";

/** A system call that failed. Not in Linux: man 3 errno. */
export class SyscallError extends Error {
  /** Name of the error, such as "ENOMEM". */
  readonly code: string;
  /** Its number, positive. */
  readonly errno: number;
  /** Name of the call, such as "mmap". */
  readonly syscall: string;

  constructor(errno: number, syscall: string) {
    super(`${errnoName(errno)}: ${syscall}`);
    this.name = "SyscallError";
    this.code = errnoName(errno);
    this.errno = Math.abs(errno);
    this.syscall = syscall;
  }
}

/**
 * `result` itself, or SyscallError when it is a negative errno. Not in Linux: glibc's syscall() does this.
 */
export function checkResult(result: number, syscall: string): number {
  if (result < 0 && result > -4096) throw new SyscallError(result, syscall);
  return result;
}

/** `value` if it is a whole number that a register could hold; else RangeError. */
export function checkArg(value: number, name: string, syscall: string): number {
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 63) return value;
  throw new RangeError(`${syscall}: ${name} is ${value}, not a whole number of at most 64 bits`);
}

/** `value` if it is a string, as a path or a name must be; else TypeError. */
export function checkText(value: string, name: string, syscall: string): string {
  if (typeof value === "string") return value;
  throw new TypeError(`${syscall}: ${name} is ${String(value)}, not a string`);
}
