/**
 * What the executor asks of a kernel: processes that make system calls and touch memory, files, and /proc.
 *
 *   executor.ts ---> Host.spawn() ---> Guest: mmap, munmap, ..., access(), fork(), exit()
 *                    Host.procfs       what /proc shows
 *                    Host.files        creating, cutting and dropping files from outside
 *
 * Results are Linux's: 0 or a value, or a negative errno. kernel_host.ts implements this on the emulated
 * machine.
 *
 * Read first: scenario.ts. Read next: executor.ts, kernel_host.ts.
 */
import type { ProcFs } from "../procfs/procfs.js";

/** How one access to memory ended. Not in Linux. */
export interface AccessResult {
  /** The byte read or written; undefined after a signal. */
  byte: number | undefined;
  signal?: "SIGSEGV" | "SIGBUS";
  /** SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR. */
  code?: string;
}

/** A process that the executor drives from outside. man 2 of each call. */
export interface Guest {
  readonly pid: number;
  readonly alive: boolean;
  /** getrusage(RUSAGE_SELF): minor and major faults so far. */
  readonly minFlt: number;
  readonly majFlt: number;
  mmap(addr: number, len: number, prot: number, flags: number, fd: number, offset: number): number;
  munmap(addr: number, len: number): number;
  mprotect(addr: number, len: number, prot: number): number;
  madvise(addr: number, len: number, advice: number): number;
  mlock(addr: number, len: number): number;
  mlock2(addr: number, len: number, flags: number): number;
  munlock(addr: number, len: number): number;
  mlockall(flags: number): number;
  munlockall(): number;
  mremap(addr: number, oldLen: number, newLen: number, flags: number, newAddr: number): number;
  /** The break after the call, whatever it was set to. */
  brk(addr: number): number;
  /**
   * Moves the break up to `addr` and unmaps what it grew by, so that the heap goes on from there; startBrk
   * stays. The recorder does this because it was not privileged to use prctl(PR_SET_MM_START_BRK). 0 or a
   * negative errno.
   */
  moveBrk(addr: number): number;
  msync(addr: number, len: number, flags: number): number;
  /** One byte for each page, or a negative errno. */
  mincore(addr: number, len: number): Uint8Array | number;
  open(path: string, writable: boolean): number;
  close(fd: number): void;
  lseek(fd: number, offset: number): void;
  read(fd: number, addr: number, len: number): number;
  write(fd: number, addr: number, len: number): number;
  /** Reads the byte at `va`, or writes `value` there. */
  access(va: number, write: boolean, value: number): AccessResult;
  /**
   * A child, in which the recorder's own pages are present and private already, as they are in the parent
   * again. A probe is a child that ends before anything else happens.
   */
  fork(comm: string, isProbe?: boolean): Guest | number;
  exit(code: number): void;
  kill(): void;
  /**
   * Sets the soft limit in bytes (Infinity: none) as far as the hard limit lets it; 0 or a negative errno.
   */
  setRlimit(resource: number, soft: number): number;
}

/** What mincore and cachestat say about a file. man 2 cachestat */
export interface FileState {
  sizeBytes: number;
  /** The pages that are in the cache, in order. */
  resident: readonly number[];
  cache: number;
  dirty: number;
  writeback: number;
  evicted: number;
}

/** Files as a program outside the scenario's processes handles them; errors are negative errnos. */
export interface HostFiles {
  /**
   * Makes or replaces a file; pages are written in order, `chunkPages` with each write(2), then fsync if
   * asked.
   */
  create(
    path: string,
    pages: number,
    options: { chunkPages: number; sparse: boolean; sync: boolean },
  ): number;
  truncate(path: string, sizeBytes: number): number;
  fsync(path: string): number;
  /** posix_fadvise(POSIX_FADV_DONTNEED) of `len` bytes from `offset`; length 0 means to the end. */
  fadviseDontneed(path: string, offset: number, len: number): number;
  /** Reads the whole file with read(2) calls of `chunkBytes`. */
  readAll(path: string, chunkBytes: number): number;
  /** Writes page `page` full of `value`. */
  pwritePage(path: string, page: number, value: number): number;
  /** Reads page `page`; the first byte, or a negative errno. */
  preadPage(path: string, page: number): number;
  unlink(path: string): number;
  /** undefined when the file cannot be opened. */
  state(path: string): FileState | undefined;
}

/** Swap areas as root switches them; errors are negative errnos. */
export interface HostSwap {
  /** Writes the header of an area of `pages`, all of the device unless given. */
  mkswap(device: string, pages: number | undefined): number;
  swapon(device: string, priority: number | undefined): number;
  swapoff(device: string): number;
}

/** A machine with its kernel. Not in Linux. */
export interface Host {
  /** All lines of the kernel's log. */
  kernelLog(): readonly string[];
  /** Makes a directory, or a group; 0 or a negative errno. */
  mkdir(path: string): number;
  /** Mounts a file system of type `fs` on a directory; 0 or a negative errno. */
  mount(fs: string, dir: string): number;
  readonly procfs: ProcFs;
  readonly files: HostFiles;
  readonly swap: HostSwap;
  /** What the recording says about the kernel: release and settings. */
  readonly env: { readonly [key: string]: string | number };
  /** A fresh process. */
  spawn(comm: string): Guest;
  /** From now on the recorder and every new process lock the recorder's own pages. */
  lockSelf(): void;
  /** How many processes the OOM killer has killed so far. */
  readonly oomKills: number;
  /** Lets simulated time pass. */
  sleep(ms: number): void;
  /**
   * Nothing is on its way to or from the disk any more when it returns: what the recorder does between two
   * steps takes longer.
   */
  settle(): void;
}
