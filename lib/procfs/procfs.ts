/**
 * The /proc and /sys of one machine, as seen by somebody who sits at its console as root.
 *
 *   read("/proc/meminfo")                        a text, as `cat` shows it
 *   smaps(7), status(7), meminfo(), vmstat()     the same as objects
 *   pagemap(7, address, 16)                      words of /proc/7/pagemap, taken apart
 *   write("/proc/sys/vm/overcommit_memory", "2") as `echo 2 > ...`: Linux's ranges, and Linux's errors as SyscallError
 *   files()                                      every file, its mode, and what writing it does here
 *   images()                                     all of /proc as bytes (course/proc_export.ts makes files of them)
 *
 * Processes of the machine open the same files by open(path); for them the file tree of the kernel calls
 * `open` here, and then /proc/self is their own. Every text is made when it is read; nothing is kept.
 *
 * Read first: tree.ts, file.ts. Read next: mount.ts.
 */

import { O_CREAT, O_EXCL, type PseudoFs } from "../fs/file_tree.js";
import type { Inode, VfsFile } from "../fs/inode.js";
import type { Pfn } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import { valueText } from "../hw/options.js";
import { SyscallError } from "../kernel/errno.js";
import { EACCES, EEXIST, EINVAL, EISDIR, ENOENT, EPERM, errnoName } from "../mm/errno.js";
import { FMODE_READ, FMODE_WRITE, type MmStruct } from "../mm/mm_types.js";
import type { MemorySystem } from "../mm/system.js";
import { cgroupChangeDir } from "./cgroupfs.js";
import { openProcFile, type ProcFile, procPermission } from "./file.js";
import { kpagecount, kpageflags, wordBytes } from "./page.js";
import { type PagemapEntry, pagemapBytes, pagemapRead } from "./pagemap.js";
import * as parse from "./parse.js";
import type { ProcTask } from "./proc_task.js";
import { findTask, type ProcContext, procLookup, procPaths } from "./tree.js";

/** One file as `files()` lists it. */
export interface ProcFileInfo {
  readonly path: string;
  /** Permission bits, such as 0o644. They hold for root too below /proc/sys and /sys. */
  readonly mode: number;
  /** For settings: what writing them does on this machine. */
  readonly effect?: string;
}

/** One file as `images()` gives it. */
export interface ProcImage {
  readonly path: string;
  readonly sizeBytes: number;
  /** What is in it, each piece at its offset; zeros between them. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

/** /proc and /sys as one object. Linux fs/proc/root.c:proc_root */
export class ProcFs implements PseudoFs {
  private readonly context: ProcContext;

  /** `inodes` gives every file in use, for drop_caches. */
  constructor(
    private readonly sys: MemorySystem,
    tasks: () => Iterable<ProcTask>,
    inodes: () => Iterable<Inode> = () => [],
  ) {
    this.context = { sys, tasks, inodes };
  }

  /**
   * A process of the machine opens a file; a negative errno, or undefined where the path is not below /proc
   * or /sys. man 2 open
   */
  open(path: string, flags: number, fMode: number): VfsFile | number | undefined {
    if (!isOurs(this.sys, path)) return undefined;
    const file = procLookup(this.context, path);
    if (file === -ENOENT) return (flags & O_CREAT) !== 0 && path.startsWith("/sys") ? -EACCES : -ENOENT;
    if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
    if (typeof file === "number") return file;
    const denied = procPermission(this.sys, file, fMode);
    return denied !== 0 ? denied : openProcFile(this.sys, file, path, fMode);
  }

  /** Makes a group: 0 or a negative errno. man 2 mkdir */
  mkdir(path: string): number {
    return this.asRoot(() => cgroupChangeDir(this.context, "mkdir", path) ?? -EPERM);
  }

  /** Removes a group that is empty: 0 or a negative errno. man 2 rmdir */
  rmdir(path: string): number {
    return this.asRoot(() => cgroupChangeDir(this.context, "rmdir", path) ?? -EPERM);
  }

  /** Does something for somebody outside the machine: no process is current, everything is allowed. */
  private asRoot<T>(what: () => T): T {
    const { current } = this.sys;
    this.sys.current = undefined;
    try {
      return what();
    } finally {
      this.sys.current = current;
    }
  }

  /** The file at `path` for root, or a negative errno. */
  private rootFile(path: string, fMode: number): ProcFile | number {
    const file = procLookup(this.context, path);
    if (typeof file === "number") return file;
    const denied = procPermission(this.sys, file, fMode);
    return denied !== 0 ? denied : file;
  }

  /**
   * The text of a file below /proc or /sys, or a negative errno. EINVAL for one that is no text. man 2 read
   */
  tryRead(path: string): string | number {
    return this.asRoot(() => {
      const file = this.rootFile(path, FMODE_READ);
      if (typeof file === "number") return file;
      const records = file.show?.() ?? -EINVAL;
      return typeof records === "number" ? records : records.join("");
    });
  }

  /**
   * The text of a file below /proc or /sys. Throws RangeError when there is no such text, SyscallError where
   * Linux refuses to read it. man 5 proc
   */
  read(path: string): string {
    const text = this.tryRead(path);
    if (typeof text === "string") return text;
    if ([-ENOENT, -EISDIR, -EINVAL].includes(text))
      throw new RangeError(`${path} is not a text file that this machine has`);
    throw refused(text, "read", path);
  }

  /** Writes `text` as root, as `echo` does; 0 or a negative errno. man 2 open, man 2 write */
  tryWrite(path: string, text: string): number {
    return this.asRoot(() => {
      const file = this.rootFile(path, FMODE_WRITE);
      if (typeof file === "number") return file;
      const open = openProcFile(this.sys, file, path, FMODE_WRITE);
      const bytes = new TextEncoder().encode(text);
      let done = 0;
      do {
        const taken = open.write(done, bytes.subarray(done));
        if (taken < 0) return taken;
        done += taken;
        if (taken === 0) break;
      } while (done < bytes.length);
      return 0;
    });
  }

  /**
   * Writes `text` to a file below /proc or /sys as root. Throws SyscallError with Linux's code where it
   * cannot be written (ENOENT, EACCES, EIO, EINVAL) or the text is none that it takes (EINVAL, ERANGE).
   * man 2 write
   */
  write(path: string, text: string): void {
    for (const [name, value] of Object.entries({ path, text }))
      if (typeof value !== "string") throw new TypeError(`${name} is ${valueText(value)}, not a string`);
    const result = this.tryWrite(path, text);
    if (result === 0) return;
    const file = procLookup(this.context, path);
    const effect = typeof file === "number" ? undefined : file.effect;
    const why = effect?.startsWith("refused") === true ? ` (${effect})` : "";
    throw refused(result, "write", `${valueText(text)} to ${path}${why}`);
  }

  // -------------------------------------------------------------- texts as objects

  /** The mappings of a process. RangeError when there is no such process. man 5 proc_pid_maps */
  maps(pid: number): parse.MapsArea[] {
    return parse.parseMaps(this.readOf(pid, "maps"));
  }

  /** The mappings of a process and what is resident behind each; sizes in kB. man 5 proc_pid_smaps */
  smaps(pid: number): parse.SmapsArea[] {
    return parse.parseSmaps(this.readOf(pid, "smaps"));
  }

  /** smaps added up over all mappings of a process, in kB. man 5 proc_pid_smaps */
  smapsRollup(pid: number): parse.SmapsRollup {
    return parse.parseNumbers(this.readOf(pid, "smaps_rollup")) as parse.SmapsRollup;
  }

  /** A process in words and numbers; sizes in kB. man 5 proc_pid_status */
  status(pid: number): parse.ProcStatus {
    return parse.parseStatus(this.readOf(pid, "status"));
  }

  /** The memory of the machine by use, in kB (HugePages_ lines: pages). man 5 proc_meminfo */
  meminfo(): parse.NamedNumbers {
    return parse.parseNumbers(this.read("/proc/meminfo"));
  }

  /** Every counter of memory management, in pages or events. man 5 proc_vmstat */
  vmstat(): parse.NamedNumbers {
    return parse.parseVmstat(this.read("/proc/vmstat"));
  }

  /** Free blocks of each zone. man 5 proc_buddyinfo */
  buddyinfo(): parse.BuddyinfoZone[] {
    return parse.parseBuddyinfo(this.read("/proc/buddyinfo"));
  }

  /** Watermarks, sizes and counters of each zone, in pages. man 5 proc_zoneinfo */
  zoneinfo(): parse.ZoneinfoZone[] {
    return parse.parseZoneinfo(this.read("/proc/zoneinfo"));
  }

  private readOf(pid: number, name: string): string {
    if (findTask(this.context, pid) === undefined)
      throw new RangeError(`there is no process ${valueText(pid)}`);
    return this.read(`/proc/${pid}/${name}`);
  }

  // -------------------------------------------------------------- words

  /** Words of /proc/PID/pagemap for `nrPages` pages from address `start` on. man 5 proc_pid_pagemap */
  pagemap(pid: number, start: number, nrPages: number): PagemapEntry[] {
    const mm = findTask(this.context, pid)?.mm;
    if (mm === undefined) throw new RangeError(`there is no process ${pid} with an address space`);
    return pagemapRead(mm, start, nrPages);
  }

  /** Word of /proc/kpagecount for frame `pfn`. man 5 proc_kpagecount */
  kpagecount(pfn: Pfn): number {
    return kpagecount(this.sys, pfn);
  }

  /** Word of /proc/kpageflags for frame `pfn`. man 5 proc_kpageflags */
  kpageflags(pfn: Pfn): number {
    return kpageflags(this.sys, pfn);
  }

  // -------------------------------------------------------------- all of it

  /** Every file below /proc and /sys. Not in Linux: find /proc /sys -type f */
  files(): ProcFileInfo[] {
    return this.asRoot(() =>
      procPaths(this.context).map((path) => {
        const { mode, effect } = procLookup(this.context, path) as ProcFile;
        return effect === undefined ? { path, mode } : { path, mode, effect };
      }),
    );
  }

  /**
   * Every file below /proc as bytes, the words of pagemap, kpagecount and kpageflags among them.
   * Not in Linux: tar cf - /proc
   */
  *images(): Generator<ProcImage> {
    const { nrFrames } = this.sys.ram;
    const whole = (path: string, bytes: Uint8Array): ProcImage => ({
      path,
      sizeBytes: bytes.length,
      pieces: [{ at: 0, bytes }],
    });
    for (const { path } of this.files()) {
      if (!path.startsWith("/proc/") || /\/(kpage\w+|pagemap)$/.test(path)) continue;
      const text = this.tryRead(path);
      yield whole(path, new TextEncoder().encode(typeof text === "string" ? text : ""));
    }
    const words = (wordOf: (pfn: Pfn) => number): Uint8Array => wordBytes(nrFrames, wordOf);
    yield whole(
      "/proc/kpagecount",
      words((pfn) => kpagecount(this.sys, pfn)),
    );
    yield whole(
      "/proc/kpageflags",
      words((pfn) => kpageflags(this.sys, pfn)),
    );
    for (const { pid, tgid, mm } of this.context.tasks())
      if (pid === tgid && mm !== undefined) yield pagemapImage(pid, mm);
  }
}

/** A path below /proc, /sys, or where the groups are mounted. */
function isOurs({ cgroups }: MemorySystem, path: string): boolean {
  return /^\/(proc|sys)(\/|$)/.test(path) || cgroups.mounts.some((dir) => `${path}/`.startsWith(`${dir}/`));
}

/** What is thrown for a negative errno: the call, and what was tried with it. */
function refused(errno: number, syscall: string, what: string): SyscallError {
  const error = new SyscallError(errno, syscall);
  error.message = `${errnoName(errno)}: ${syscall} ${what}`;
  return error;
}

/**
 * The pagemap of a process: as long as the address space, with pieces for the mappings that have something in
 * them.
 */
function pagemapImage(pid: number, mm: MmStruct): ProcImage {
  const pieces = [];
  for (const vma of mm.mmMt) {
    const words = pagemapRead(mm, vma.vmStart, (vma.vmEnd - vma.vmStart) / PAGE_SIZE);
    if (words.some((word) => word.flags !== 0))
      pieces.push({ at: (vma.vmStart / PAGE_SIZE) * 8, bytes: pagemapBytes(words) });
  }
  return { path: `/proc/${pid}/pagemap`, sizeBytes: (mm.taskSize / PAGE_SIZE) * 8, pieces };
}
