/**
 * How a system call is described, and how the six registers of a program become its arguments.
 *
 *   define("fd: int, buf: long, len: long", sysRead)
 *
 *   process.syscall("read", 3, 0x7f0000001000, 100)
 *     --> each number as C would see it:   long   64 bits, signed: 2^64 - 1 is -1, as is 0xffff_ffff_ffff_ffff
 *                                          int    the low 32 bits, signed        uint   the low 32 bits
 *                                          text   the address of a string that ends in a zero byte
 *                                          list   the address of addresses of strings, the last one 0
 *     --> sysRead(kernel, task, 3, 0x7f0000001000, 100)
 *
 * The rule for pointers: they are addresses in the memory of the process, as in Linux, and the kernel reads
 * and writes there (and answers EFAULT where it cannot). Only for text, which is tedious to lay out by hand,
 * JavaScript may stand in: a string where a call takes a path or name, a list of strings for argv and envp.
 * Buffers and structures are always addresses.
 *
 * Registers that are not given are 0. What no register can hold (a fraction, 2^70, an object) is a mistake of
 * the caller: RangeError or TypeError.
 *
 * Linux include/linux/syscalls.h:SYSCALL_DEFINE. Read first: kernel/uaccess.ts. Read next: table.ts.
 */

import * as namei from "../../fs/namei.js";
import { PATH_MAX } from "../../fs/namei.js";
import { valueText } from "../../hw/options.js";
import { E2BIG, EFAULT } from "../../mm/errno.js";
import type { Kernel } from "../kernel.js";
import { endOomVictim } from "../oom.js";
import type { Task } from "../task.js";
import { readUserWord, strncpyFromUser } from "../uaccess.js";

/** What a register may be given: a number; text and lists of text where the call takes text. */
export type SyscallArg = number | string | readonly string[];

/** Kinds of arguments. */
type Kind = "long" | "int" | "uint" | "text" | "list" | "longOrText";

const KINDS: readonly string[] = ["long", "int", "uint", "text", "list", "longOrText"] satisfies Kind[];

/** A system call that the machine can do. */
export interface SyscallDef {
  /** Names and kinds of the arguments, in order. */
  readonly params: readonly { readonly name: string; readonly kind: Kind }[];
  /** Does it: 0 or more, or a negative errno. */
  readonly call: (kernel: Kernel, task: Task, ...args: never[]) => number;
}

/** Registers that carry arguments: RDI, RSI, RDX, R10, R8, R9. */
const MAX_ARGS = 6;
/** Strings that a list may have. Differs from Linux, whose limit is the room on the new stack. */
const MAX_LIST = 65536;

/** Describes a call by its parameters, "name: kind, name: kind". Not in Linux: SYSCALL_DEFINE6. */
export function define(params: string, call: SyscallDef["call"]): SyscallDef {
  const list = params === "" ? [] : params.split(", ");
  return {
    params: list.map((param) => {
      const [name, kind] = param.split(": ");
      if (name === undefined || kind === undefined || !KINDS.includes(kind))
        throw new RangeError(`"${param}" is not "name: kind"`);
      return { name, kind: kind as Kind };
    }),
    call,
  };
}

/**
 * `value` as a 64-bit register holds it, signed. RangeError for what it cannot hold, TypeError for what is no
 * number.
 */
function register(value: unknown, what: string): number {
  if (typeof value !== "number") throw new TypeError(`${what} is ${valueText(value)}, not a number`);
  if (!Number.isInteger(value) || value < -(2 ** 63) || value > 2 ** 64)
    throw new RangeError(`${what} is ${value}, not a whole number of at most 64 bits`);
  const signed = value >= 2 ** 63 ? value - 2 ** 64 : value;
  return signed === 0 ? 0 : signed; // no -0
}

/** The path that `arg` is, or that lies at the address; or a negative errno. Linux fs/namei.c:getname() */
export function getname(task: Task, arg: string | number): string | number {
  const text = typeof arg === "string" ? arg : strncpyFromUser(task, arg, PATH_MAX);
  return text === undefined ? -EFAULT : namei.getname(text);
}

/** The strings of an argv, or a negative errno. Linux fs/exec.c:count(), copy_strings() */
export function userStrings(task: Task, arg: number | readonly string[]): readonly string[] | number {
  if (typeof arg !== "number") return arg;
  const list: string[] = [];
  for (let at = arg; at !== 0; at += 8) {
    const address = readUserWord(task, at);
    if (address === undefined) return -EFAULT;
    if (address === 0) break;
    const text = strncpyFromUser(task, address, 32 * PATH_MAX);
    if (text === undefined) return -EFAULT;
    if (list.push(text) > MAX_LIST) return -E2BIG;
  }
  return list;
}

/** `list` if it has only strings; else TypeError. */
function strings(list: readonly unknown[], what: string): readonly string[] {
  const wrong = list.find((text) => typeof text !== "string");
  if (wrong !== undefined) throw new TypeError(`${what} has ${valueText(wrong)} in it, not only strings`);
  return list as readonly string[];
}

function convert(task: Task, kind: Kind, arg: unknown, what: string): number | string | readonly string[] {
  switch (kind) {
    case "text":
      return getname(task, typeof arg === "string" ? arg : register(arg, what));
    case "list":
      return Array.isArray(arg) ? strings(arg, what) : register(arg, what);
    case "longOrText":
      return typeof arg === "string" ? arg : register(arg, what);
    case "int":
      return register(arg, what) | 0;
    case "uint":
      return register(arg, what) >>> 0;
    default:
      return register(arg, what);
  }
}

/**
 * Makes the call `name` with what the registers hold. The result, negative for an errno.
 * Linux arch/x86/entry/syscall_64.c:do_syscall_64()
 */
export function invoke(
  kernel: Kernel,
  task: Task,
  name: string,
  def: SyscallDef,
  args: readonly unknown[],
): number {
  if (args.length > MAX_ARGS)
    throw new RangeError(`${name}: ${args.length} arguments; a system call has at most ${MAX_ARGS}`);
  for (const [i, arg] of args.slice(def.params.length).entries())
    register(arg, `${name}: argument ${def.params.length + i + 1}`);
  kernel.enter(task);
  const ready: unknown[] = [];
  for (const [i, { name: param, kind }] of def.params.entries()) {
    const value = convert(task, kind, args[i] ?? 0, `${name}: ${param}`);
    // A text that cannot be read ends the call before it begins.
    if (kind === "text" && typeof value === "number") return value;
    ready.push(value);
  }
  const result = def.call(kernel, task, ...(ready as never[]));
  if (kernel.dying !== undefined) endOomVictim(kernel, task, 0);
  return result;
}
