/**
 * The kernel's reach into user memory: arguments and buffers of system calls.
 *
 *   read(fd, buf, 8192)   kernel --copyToUser--> page 1 | page 2      faults like the process itself, and counts so;
 *                                                          ^ not mapped: the copy stops here, the call returns what was
 *                                                            copied, or -EFAULT if that is nothing
 *
 * The copy goes page by page: an entry that lets the access through is used, any other is faulted in first.
 *
 * Linux arch/x86/include/asm/uaccess.h, arch/x86/lib/copy_user_64.S with its exception table.
 *
 * Read first: fault.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { offsetInPage, PAGE_SIZE } from "../hw/address.js";
import { PageFault, PF_WRITE } from "../hw/fault.js";
import type { IovIter } from "../mm/filemap/filemap.js";
import {
  pteMkdirty,
  pteMkyoung,
  ptePfn,
  ptePresent,
  pteProtnone,
  ptepGet,
  pteWrite,
  setPte,
} from "../mm/pgtable/pgtable.js";
import { lookupAddress, NOWHERE } from "../mm/pgtable/pgtable_alloc.js";
import { doUserAddrFault, type FaultingTask, UserAccessFault } from "./fault.js";

/** The largest address that a process may pass. Linux arch/x86/kernel/cpu/common.c:USER_PTR_MAX */
const USER_PTR_MAX = 2 ** 47 - PAGE_SIZE;

/** Faults in a row on one page after which the kernel gives up. */
const MAX_TRIES = 10;

/** The frame behind `addr`, faulted in for the access; -1 where the process may not do it. */
function userFrame(task: FaultingTask, addr: Vaddr, write: boolean): number {
  const mm = task.mm!;
  if (addr < 0 || addr >= mm.taskSize) return -1;
  const { ram } = mm.sys;
  for (let i = 0; i < MAX_TRIES; i++) {
    const { ptep, subpage } = lookupAddress(mm, addr);
    const pte = ptep === 0 ? 0 : ptepGet(ram, ptep);
    if (ptePresent(pte) && !pteProtnone(pte) && (!write || pteWrite(pte))) {
      // What the processor would do on its way.
      const used = pteMkyoung(write ? pteMkdirty(pte) : pte);
      if (used !== pte) setPte(ram, ptep, used);
      return ptePfn(pte) + subpage;
    }
    if (!faultIn(task, addr, write)) return -1;
  }
  return -1;
}

/** The kernel faults on the process's behalf; false where a process would get a signal. */
function faultIn(task: FaultingTask, addr: Vaddr, write: boolean): boolean {
  try {
    doUserAddrFault(task, new PageFault(addr, write ? PF_WRITE : 0));
    return true;
  } catch (error) {
    if (error instanceof UserAccessFault) return false;
    throw error;
  }
}

/**
 * Whether [addr, addr + size) lies where user memory may lie; a negative size is a huge one.
 * Linux arch/x86/include/asm/uaccess_64.h:__access_ok()
 */
export function accessOk(addr: Vaddr, size: number): boolean {
  return addr >= 0 && size >= 0 && addr + size <= USER_PTR_MAX;
}

/**
 * Writes `bytes` to `to`; returns how many could not be written. Linux include/linux/uaccess.h:copy_to_user()
 */
export function copyToUser(task: FaultingTask, to: number, bytes: Uint8Array): number {
  for (let done = 0; done < bytes.length; ) {
    const pfn = userFrame(task, to + done, true);
    if (pfn < 0) return bytes.length - done;
    const offset = offsetInPage(to + done);
    const part = bytes.subarray(done, done + PAGE_SIZE - offset);
    task.mm!.sys.ram.frame(pfn).set(part, offset);
    done += part.length;
  }
  return 0;
}

/**
 * Reads `bytes.length` bytes at `from`; returns how many could not be read.
 * Linux include/linux/uaccess.h:copy_from_user()
 */
export function copyFromUser(task: FaultingTask, bytes: Uint8Array, from: number): number {
  for (let done = 0; done < bytes.length; ) {
    const pfn = userFrame(task, from + done, false);
    if (pfn < 0) return bytes.length - done;
    const offset = offsetInPage(from + done);
    const nr = Math.min(PAGE_SIZE - offset, bytes.length - done);
    bytes.set(task.mm!.sys.ram.frame(pfn).subarray(offset, offset + nr), done);
    done += nr;
  }
  return 0;
}

/**
 * `length` bytes at `from`, undefined where not all of them can be read. Not in Linux: copy_from_user() and a
 * buffer.
 */
export function readUser(task: FaultingTask, from: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  return copyFromUser(task, bytes, from) > 0 ? undefined : bytes;
}

/**
 * The 64-bit word at `from`, signed, undefined where it cannot be read.
 * Linux include/asm-generic/uaccess.h:get_user()
 */
export function readUserWord(task: FaultingTask, from: number): number | undefined {
  const bytes = readUser(task, from, 8);
  return bytes === undefined ? undefined : Number(new DataView(bytes.buffer).getBigInt64(0, true));
}

/**
 * Writes 64-bit words to `to`; false where not all of them could be written.
 * Linux include/asm-generic/uaccess.h:put_user()
 */
export function putUserWords(task: FaultingTask, to: number, words: readonly number[]): boolean {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setBigInt64(i * 8, BigInt(word), true);
  return copyToUser(task, to, bytes) === 0;
}

/** Writes 32-bit words to `to`; false where not all of them could be written. Linux put_user() */
export function putUserInts(task: FaultingTask, to: number, words: readonly number[]): boolean {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setInt32(i * 4, word | 0, true);
  return copyToUser(task, to, bytes) === 0;
}

const decoder = new TextDecoder();

/**
 * The string at `from` up to its zero byte, or its first `max` bytes where none is found; undefined where
 * memory ends first.
 * Linux lib/strncpy_from_user.c:strncpy_from_user()
 */
export function strncpyFromUser(task: FaultingTask, from: number, max: number): string | undefined {
  const bytes = new Uint8Array(max);
  for (let done = 0; done < max; ) {
    const part = bytes.subarray(done, Math.min(max, done + PAGE_SIZE - offsetInPage(from + done)));
    if (copyFromUser(task, part, from + done) > 0) return undefined;
    const end = part.indexOf(0);
    if (end >= 0) return decoder.decode(bytes.subarray(0, done + end));
    done += part.length;
  }
  return decoder.decode(bytes);
}

/**
 * Bytes at `from` that are at hand without a fault, copied to `bytes`; how many.
 * Linux copy_from_user_inatomic()
 */
function copyFromUserInatomic(task: FaultingTask, bytes: Uint8Array, from: number): number {
  const mm = task.mm!;
  const { ram } = mm.sys;
  let done = 0;
  while (done < bytes.length) {
    const addr = from + done;
    const { ptep, subpage } = addr < 0 || addr >= mm.taskSize ? NOWHERE : lookupAddress(mm, addr);
    const pte = ptep === 0 ? 0 : ptepGet(ram, ptep);
    if (!ptePresent(pte) || pteProtnone(pte)) break;
    if (pteMkyoung(pte) !== pte) setPte(ram, ptep, pteMkyoung(pte));
    const offset = offsetInPage(addr);
    const nr = Math.min(PAGE_SIZE - offset, bytes.length - done);
    bytes.set(ram.frame(ptePfn(pte) + subpage).subarray(offset, offset + nr), done);
    done += nr;
  }
  return done;
}

/** The memory of a process as the source of a write. Linux lib/iov_iter.c:import_ubuf() */
export class UbufIter implements IovIter {
  private readonly task: FaultingTask;
  private at: number;
  private left: number;

  constructor(task: FaultingTask, buf: number, len: number) {
    this.task = task;
    this.at = buf;
    this.left = len;
  }

  get count(): number {
    return this.left;
  }

  copyAtomic(to: Uint8Array): number {
    return copyFromUserInatomic(this.task, to.subarray(0, this.left), this.at);
  }

  advance(bytes: number): void {
    this.at += bytes;
    this.left -= bytes;
  }

  /** Linux mm/gup.c:fault_in_readable() */
  faultIn(bytes: number): number {
    const end = this.at + Math.min(bytes, this.left);
    for (let addr = this.at; addr < end; addr += PAGE_SIZE - offsetInPage(addr))
      if (userFrame(this.task, addr, false) < 0) return end - addr;
    return 0;
  }
}
