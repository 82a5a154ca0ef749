/**
 * exec: another program in the same process.
 *
 *   execve(path, argv, envp)
 *     1. read and check the file's headers            the last chance to fail with an errno
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
 * Linux fs/exec.c, fs/binfmt_elf.c; man 2 execve. Read first: elf.ts, fork.ts. Read next: vdso.ts.
 */
import { PAGE_SIZE, pageAlign, pageAlignDown } from "../hw/address.js";
import { doBrkFlags } from "../mm/brk.js";
import { EACCES, EISDIR, ENOEXEC, ENOMEM } from "../mm/errno.js";
import { pageCacheFileOps, type VfsFile } from "../mm/inode.js";
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
import { MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../mm/mman.js";
import { doMmap } from "../mm/mmap.js";
import { vmEnoughMemory, vmStatAccount } from "../mm/util.js";
import { vmaLink } from "../mm/vma.js";
import { type ElfProgram, type ElfSegment, parseElf } from "./elf.js";
import { mmput } from "./exit_mmap.js";
import { O_RDONLY } from "./fs.js";
import type { Kernel } from "./kernel.js";
import type { Task } from "./task.js";
import { copyToUser } from "./uaccess.js";
import { mapVdso } from "./vdso.js";

/** First address above the stack. Linux arch/x86/include/asm/processor.h:STACK_TOP */
export const STACK_TOP = 0x7fff_ffff_f000;
/** Room that the stack has from the start. Linux fs/exec.c:setup_arg_pages(), stack_expand */
const STACK_EXPAND = 128 * 1024;
const STACK_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT;

/** Runs the program at `path` in `task`. 0 or negative errno; after the point of no return a failure kills. Linux fs/exec.c:do_execveat_common() */
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
  const program = readProgram(file);
  const mm = typeof program === "number" ? program : kernel.newMm();
  if (typeof program === "number" || typeof mm === "number") {
    fput(file);
    return mm as number;
  }
  const err = setupStackVma(mm, stackBytes(path, argv, envp));
  if (err !== 0) {
    mmput(mm);
    fput(file);
    return err;
  }
  beginNewExec(kernel, task, mm, path, file);
  if (loadProgram(task, mm, file, program) !== 0) {
    kernel.kill(task, "SIGSEGV");
    return -ENOMEM;
  }
  writeStack(task, mm, path, argv, envp);
  return 0;
}

function readProgram(file: VfsFile): ElfProgram | number {
  // A device, or a file of /proc, is no program.
  if ((file.fMode & FMODE_READ) === 0 || file.fOp !== pageCacheFileOps) return -EACCES;
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
  task.comm = path.slice(path.lastIndexOf("/") + 1).slice(0, 15);
  if (task.exeFile !== undefined) fput(task.exeFile);
  task.exeFile = file;
  task.fsBase = 0;
}

/** Makes the stack's VMA: `used` bytes and room to grow. 0 or negative errno. Linux fs/exec.c:setup_arg_pages() */
function setupStackVma(mm: MmStruct, used: number): number {
  const vma = new VmAreaStruct(mm);
  vma.vmEnd = STACK_TOP;
  vma.vmStart = STACK_TOP - pageAlign(used) - STACK_EXPAND;
  vma.vmFlags = STACK_FLAGS;
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

/** One segment: the file's part, zeros to the end of its last page, and whole pages of zeros. Linux fs/binfmt_elf.c:elf_load() */
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
  return encoder.encode(`${text}\0`);
}

function stackBytes(path: string, argv: readonly string[], envp: readonly string[]): number {
  const strings = [path, ...argv, ...envp].reduce((sum, text) => sum + cString(text).length, 8);
  return strings + 16 + (argv.length + envp.length + 3 + AUXV_WORDS) * 8;
}

/** AT_PAGESZ, AT_ENTRY, AT_SYSINFO_EHDR, AT_NULL: two words each. */
const AUXV_WORDS = 8;

/** Fills the new stack. Linux fs/exec.c:copy_strings(), fs/binfmt_elf.c:create_elf_tables() */
function writeStack(
  task: Task,
  mm: MmStruct,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): void {
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
  copyToUser(task, sp, new Uint8Array(table.buffer));
  mm.startStack = sp;
  task.stackPointer = sp;
}
