/**
 * The table of memory calls: what each argument is, and who does it. Read first: define.ts, mm.ts.
 *
 * mincore's `vec` is always an address here; the friendly Process.mincore has its answer as a list.
 */
import { sysSwapoff, sysSwapon } from "../swap.js";
import { define, type SyscallDef } from "./define.js";
import * as memory from "./mm.js";

/** Memory calls by Linux's name. Linux arch/x86/entry/syscalls/syscall_64.tbl */
export const MEMORY_CALLS: Readonly<Record<string, SyscallDef>> = {
  mmap: define("addr: long, len: long, prot: long, flags: long, fd: int, offset: long", memory.sysMmap),
  munmap: define("addr: long, len: long", memory.sysMunmap),
  mprotect: define("addr: long, len: long, prot: long", memory.sysMprotect),
  mremap: define("addr: long, oldLen: long, newLen: long, flags: long, newAddr: long", memory.sysMremap),
  madvise: define("addr: long, len: long, advice: int", memory.sysMadvise),
  mlock: define("addr: long, len: long", memory.sysMlock2),
  mlock2: define("addr: long, len: long, flags: int", memory.sysMlock2),
  munlock: define("addr: long, len: long", memory.sysMunlock),
  mlockall: define("flags: int", memory.sysMlockall),
  munlockall: define("", memory.sysMunlockall),
  msync: define("addr: long, len: long, flags: int", memory.sysMsync),
  mincore: define("addr: long, len: long, vec: long", memory.sysMincore),
  brk: define("brk: long", memory.sysBrk),
  swapon: define("path: text, swapFlags: int", sysSwapon),
  swapoff: define("path: text", sysSwapoff),
};
