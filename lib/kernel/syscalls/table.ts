/**
 * The table of system calls: one entry for everything that a program can ask of the machine.
 *
 *   process.syscall("mremap", a, 4096, 8192, MREMAP_MAYMOVE)      by name
 *   process.syscall(25, a, 4096, 8192, 1)                         by number, as the processor sees it
 *        |
 *        v  numbers.ts   name <-> number, all of Linux 6.18
 *        |  define.ts    registers -> arguments
 *        v
 *   table_mm.ts  table_file.ts  table_process.ts  -->  sysMremap(kernel, task, ...)  -->  the new address, or -22
 *
 * The friendly methods of Process call the same functions; nothing is done twice. What they make an exception
 * is a negative number here.
 *
 *   name or number that Linux does not have     a name: RangeError (a misspelt word); a number: -ENOSYS, as in Linux
 *   one that only this machine does not have    -ENOSYS
 *
 * Linux arch/x86/entry/syscall_64.c; man 2 syscall, syscalls. Read next: kernel/process.ts.
 */
import { nearestName, valueText } from "../../hw/options.js";
import { ENOSYS } from "../../mm/errno.js";
import type { Kernel } from "../kernel.js";
import type { Task } from "../task.js";
import { invoke, type SyscallArg, type SyscallDef } from "./define.js";
import { SYSCALL_NAMES, SYSCALL_NUMBERS } from "./numbers.js";
import { FILE_CALLS } from "./table_file.js";
import { MEMORY_CALLS } from "./table_mm.js";
import { PROCESS_CALLS } from "./table_process.js";

/** Everything that the machine can do, by name. Linux arch/x86/entry/syscall_64.c:sys_call_table */
export const SYSCALLS: ReadonlyMap<string, SyscallDef> = new Map(
  [MEMORY_CALLS, FILE_CALLS, PROCESS_CALLS].flatMap((calls) => Object.entries(calls)),
);

/**
 * The name behind `call`; undefined for a number without one. RangeError for a name that Linux does not have.
 */
function nameOf(call: string | number): string | undefined {
  if (typeof call === "number") {
    if (!Number.isInteger(call))
      throw new RangeError(`syscall: ${call} is not the number of a system call, as 9 is`);
    return SYSCALL_NAMES.get(call);
  }
  if (typeof call !== "string")
    throw new TypeError(`syscall takes the name or number of a system call first, not ${valueText(call)}`);
  if (SYSCALL_NUMBERS.has(call)) return call;
  const near = nearestName(call, [...SYSCALL_NUMBERS.keys()]);
  const hint = near === undefined ? "man 2 syscalls lists them" : `did you mean "${near}"?`;
  throw new RangeError(`Linux has no system call "${call.slice(0, 40)}"; ${hint}`);
}

/**
 * `task` makes the system call `call` with up to six arguments: what Linux leaves in RAX, negative for an
 * errno.
 * Linux arch/x86/entry/syscall_64.c:do_syscall_64(); man 2 syscall
 */
export function syscall(
  kernel: Kernel,
  task: Task,
  call: string | number,
  args: readonly SyscallArg[],
): number {
  const name = nameOf(call);
  const def = name === undefined ? undefined : SYSCALLS.get(name);
  if (name !== undefined && def !== undefined) return invoke(kernel, task, name, def, args);
  kernel.enter(task);
  return -ENOSYS;
}
