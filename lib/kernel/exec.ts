/**
 * exec: another program in the same process.
 *
 *   execve(path, argv, envp)
 *     1. find the file; argv and envp must not be too long: E2BIG      a string 128 KiB, all a quarter of RLIMIT_STACK
 *        read and check the file's headers            the last chance to fail with an errno
 *     2. a new, empty mm with a stack that holds the strings and pointers of argv and envp
 *     3. point of no return: other threads end, the old mm goes (its pages, locks, mappings); handlers are reset
 *     4. map the segments of the file; bss and heap; vdso
 *
 *   stack   0x7fff_ffff_f000  8 zero bytes, path, environment strings, argument strings
 *                             auxiliary vector, envp[] 0, argv[] 0, argc  <-- stack pointer
 *                             ... 128 KiB ready to grow into, then grows down on touch
 *
 * Open files, pid, limits and the place in the family tree stay.
 *
 * Left out: interpreters, dynamic linking, address randomization, most of the auxiliary vector.
 *
 * Linux fs/exec.c, fs/binfmt_elf.c; man 2 execve. Read first: fs/elf.ts, fork.ts. Read next: vdso.ts.
 */

import { type ElfProgram, type ElfSegment, parseElf } from "../fs/elf.js";
import { O_RDONLY } from "../fs/file_tree.js";
import { pageCacheFileOps, type VfsFile } from "../fs/inode.js";
import { cText } from "../fs/namei.js";
import { PAGE_SIZE, pageAlign, pageAlignDown } from "../hw/address.js";
import { E2BIG, EACCES, EISDIR, ENOEXEC, ENOMEM } from "../mm/errno.js";
import {
  FMODE_READ,
  fput,
  type MmStruct,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmAreaStruct,
  vmaPages,
} from "../mm/mm_types.js";
import { vmSoftdirty } from "../mm/pgtable/soft_dirty.js";
import { RLIMIT_STACK } from "../mm/system.js";
import { doBrkFlags } from "../mm/vma/brk.js";
import { MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../mm/vma/mman.js";
import { doMmap } from "../mm/vma/mmap.js";
import { vmEnoughMemory, vmStatAccount } from "../mm/vma/util.js";
import { vmaLink } from "../mm/vma/vma.js";
import { capExec } from "./cred.js";
import { mmput } from "./exit_mmap.js";
import type { Kernel } from "./kernel.js";
import type { Task } from "./task.js";
import { copyToUser } from "./uaccess.js";
import { mapVdso } from "./vdso.js";

/** First address above the stack. Linux arch/x86/include/asm/processor.h:STACK_TOP */
const STACK_TOP = 0x7fff_ffff_f000;
/** Room that the stack has from the start. Linux fs/exec.c:setup_arg_pages(), stack_expand */
const STACK_EXPAND = 128 * 1024;
/**
 * The usual limit of a stack; arguments take at most three quarters of it.
 * Linux include/uapi/linux/resource.h:_STK_LIM
 */
const STK_LIM = 8 * 2 ** 20;
/** Bytes of arguments that are always allowed. Linux include/uapi/linux/limits.h:ARG_MAX */
const ARG_MAX = 128 * 1024;
/** Bytes of one string, with its zero. Linux include/uapi/linux/binfmts.h:MAX_ARG_STRLEN */
const MAX_ARG_STRLEN = 128 * 1024;
const STACK_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT;

/**
 * Runs the program at `path` in `task`. 0 or negative errno; after the point of no return a failure kills.
 * Linux fs/exec.c:do_execveat_common()
 */
export function doExecve(
  kernel: Kernel,
  task: Task,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): number {
  kernel.enter(task);
  const file = kernel.files.open(path, O_RDONLY);
  if (typeof file === "number") return file === -EISDIR ? -EACCES : file;
  const strings: ProgramStrings = { path, argv: argv.length === 0 ? [""] : argv, envp };
  const program = mayExec(file) ? checkStrings(task, strings) || readProgram(file) : -EACCES;
  const mm = typeof program === "number" ? program : kernel.newMm();
  if (typeof program === "number" || typeof mm === "number") {
    fput(file);
    return mm as number;
  }
  mm.memcg = task.mm?.memcg;
  mm.thp.disabled = task.mm?.thp.disabled ?? "";
  const err = setupStackVma(mm, stringBytes(strings), task.rlimit(RLIMIT_STACK));
  if (err !== 0) {
    mmput(mm);
    fput(file);
    return err;
  }
  beginNewExec(kernel, task, mm, path, file);
  if (loadProgram(task, mm, file, program) !== 0 || !writeStack(task, mm, strings)) {
    kernel.kill(task, "SIGSEGV");
    return -ENOMEM;
  }
  return 0;
}

/** What a program gets told at its start. */
interface ProgramStrings {
  readonly path: string;
  /** At least one: without any, argv[0] is empty. */
  readonly argv: readonly string[];
  readonly envp: readonly string[];
}

/**
 * Whether the stack can take the strings: 0, or -E2BIG. Linux fs/exec.c:bprm_stack_limits(), copy_strings()
 */
function checkStrings(task: Task, strings: ProgramStrings): number {
  const { argv, envp } = strings;
  const rlimit = task.rlimit(RLIMIT_STACK);
  const limit = Math.max(Math.min((STK_LIM / 4) * 3, Math.floor(rlimit / 4)), ARG_MAX);
  const room = limit - (argv.length + envp.length) * 8;
  if ([...argv, ...envp].some((text) => cString(text).length > MAX_ARG_STRLEN)) return -E2BIG;
  const used = stringBytes(strings);
  if (room <= 0 || used - 8 > room) return -E2BIG;
  return pageAlign(used) > Math.max(PAGE_SIZE, rlimit) ? -E2BIG : 0; // the stack cannot grow so far
}

/** A device, a directory or a file of /proc is no program. Linux fs/namei.c:may_open() with MAY_EXEC */
function mayExec(file: VfsFile): boolean {
  return (file.fMode & FMODE_READ) !== 0 && file.fOp === pageCacheFileOps;
}

function readProgram(file: VfsFile): ElfProgram | number {
  const head = new Uint8Array(PAGE_SIZE);
  const nr = file.read(0, head);
  return parseElf(head.subarray(0, Math.max(0, nr))) ?? -ENOEXEC;
}

/** The point of no return. Linux fs/exec.c:begin_new_exec() */
function beginNewExec(kernel: Kernel, task: Task, mm: MmStruct, path: string, file: VfsFile): void {
  for (const thread of kernel.threadsOf(task.tgid)) if (thread !== task) kernel.doExit(thread, 0);
  kernel.switchMm(task, mm);
  kernel.enter(task);
  task.signal.handlers.clear();
  capExec(task.cred);
  task.comm = path.slice(path.lastIndexOf("/") + 1).slice(0, 15);
  if (task.exeFile !== undefined) fput(task.exeFile);
  task.exeFile = file;
  task.fsBase = 0;
  if (task.files.users > 1) {
    const own = task.files.dup();
    task.files.put();
    task.files = own;
  }
  task.files.doCloseOnExec();
}

/**
 * Makes the stack's VMA: `used` bytes of strings, and room to grow. 0 or negative errno.
 * Linux fs/exec.c:setup_arg_pages()
 */
function setupStackVma(mm: MmStruct, used: number, rlimit: number): number {
  const vma = new VmAreaStruct(mm);
  const size = Math.min(pageAlign(used) + STACK_EXPAND, pageAlignDown(Math.min(rlimit, STACK_TOP)));
  vma.vmEnd = STACK_TOP;
  vma.vmStart = STACK_TOP - Math.max(pageAlign(used), size);
  vma.vmFlags = STACK_FLAGS | vmSoftdirty(mm);
  vma.vmPgoff = vma.vmStart / PAGE_SIZE;
  if (vmEnoughMemory(mm.sys, mm, vmaPages(vma)) < 0) return -ENOMEM;
  vmaLink(vma);
  vmStatAccount(mm, vma.vmFlags, vmaPages(vma));
  return 0;
}

/** Maps segments, bss, heap and vdso. 0 or negative errno. Linux fs/binfmt_elf.c:load_elf_binary() */
function loadProgram(task: Task, mm: MmStruct, file: VfsFile, program: ElfProgram): number {
  let brk = 0;
  for (const segment of program.segments) {
    const err = elfLoad(task, mm, file, segment);
    if (err !== 0) return err;
    notePlaces(mm, segment);
    brk = Math.max(brk, segment.vaddr + segment.memsz);
  }
  mm.startBrk = pageAlign(brk);
  mm.brk = mm.startBrk;
  task.entry = program.entry;
  return mapVdso(mm);
}

function notePlaces(mm: MmStruct, { flags, vaddr, filesz }: ElfSegment): void {
  if ((flags & 1) !== 0) {
    mm.startCode = vaddr;
    mm.endCode = vaddr + filesz;
  } else {
    mm.startData = vaddr;
    mm.endData = vaddr + filesz;
  }
}

/**
 * One segment: the file's part, zeros to the end of its last page, and whole pages of zeros.
 * Linux fs/binfmt_elf.c:elf_load()
 */
function elfLoad(task: Task, mm: MmStruct, file: VfsFile, segment: ElfSegment): number {
  const { vaddr, filesz, memsz, offset, flags } = segment;
  const prot =
    ((flags & 4) !== 0 ? PROT_READ : 0) |
    ((flags & 2) !== 0 ? PROT_WRITE : 0) |
    ((flags & 1) !== 0 ? PROT_EXEC : 0);
  const start = pageAlignDown(vaddr);
  const fileEnd = vaddr + filesz;
  if (filesz > 0) {
    const flagsFixed = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
    const pgoff = pageAlignDown(offset) / PAGE_SIZE;
    const { addr } = doMmap(mm, file, start, fileEnd - start, prot, flagsFixed, pgoff);
    if (addr < 0) return addr;
    const tail = memsz > filesz ? pageAlign(fileEnd) - fileEnd : 0;
    if (tail > 0 && copyToUser(task, fileEnd, new Uint8Array(tail)) > 0) return -ENOMEM;
  }
  const zeroStart = filesz > 0 ? pageAlign(fileEnd) : start;
  const zeroEnd = pageAlign(vaddr + memsz);
  return zeroEnd > zeroStart ? doBrkFlags(mm, undefined, zeroStart, zeroEnd - zeroStart) : 0;
}

const encoder = new TextEncoder();

function cString(text: string): Uint8Array {
  return encoder.encode(`${cText(text)}\0`);
}

/** Bytes at the top of the stack: eight zeros and all strings. */
function stringBytes({ path, argv, envp }: ProgramStrings): number {
  return [path, ...argv, ...envp].reduce((sum, text) => sum + cString(text).length, 8);
}

/**
 * Fills the new stack; false where RLIMIT_STACK is too small for it. Linux fs/exec.c:copy_strings(),
 * fs/binfmt_elf.c:create_elf_tables()
 */
function writeStack(task: Task, mm: MmStruct, { path, argv, envp }: ProgramStrings): boolean {
  let sp = STACK_TOP - 8;
  const push = (text: string): number => {
    const bytes = cString(text);
    sp -= bytes.length;
    copyToUser(task, sp, bytes);
    return sp;
  };
  push(path);
  mm.envEnd = sp;
  const env = [...envp].reverse().map(push).reverse();
  mm.envStart = sp;
  mm.argEnd = sp;
  const arg = [...argv].reverse().map(push).reverse();
  mm.argStart = sp;
  const auxv = [6, PAGE_SIZE, 9, task.entry, 33, mm.vdso, 0, 0];
  const words = [argv.length, ...arg, 0, ...env, 0, ...auxv];
  sp = Math.floor((sp - words.length * 8) / 16) * 16;
  const table = new BigUint64Array(words.map(BigInt));
  mm.startStack = sp;
  task.stackPointer = sp;
  return copyToUser(task, sp, new Uint8Array(table.buffer)) === 0;
}
