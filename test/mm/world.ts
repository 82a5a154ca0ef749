/**
 * A machine beside a plain model of what its processes must see, for property tests.
 *
 *   Operation --> World.run --> the machine (system calls, loads, stores)
 *                          \--> the model   (arrays of bytes, nothing shared, nothing lazy)
 *                               every byte that is read, every signal and every result is compared
 *
 * Memory may be short (`leaveFree`, `fails`): then a call may fail, what it left is asked from the machine,
 * and no byte may be wrong. Or devices may fail (`errors`): then an access may end in SIGBUS for a good
 * reason, and a call in an error. Or every allocation has to reclaim (`atReclaim`): then no call fails, and
 * nothing but what MADV_FREE gave up may get lost.
 *
 * All processes work on one arena of ARENA pages with an end of a page table in it. A page of the model is a
 * Cell: private bytes, or a page of a Backing (file or shared memory).
 */
import { expect } from "vitest";
import { fadviseDrop, ftruncate, O_CREAT, O_RDWR } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import type { Pte } from "../../lib/hw/entry.js";
import { Ram } from "../../lib/hw/ram.js";
import type { Random } from "../../lib/hw/random.js";
import { Kernel } from "../../lib/kernel/kernel.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { sysFadvise, sysOpen, sysPread } from "../../lib/kernel/syscalls/file.js";
import {
  sysMadvise,
  sysMlock2,
  sysMmap,
  sysMprotect,
  sysMremap,
  sysMunlock,
  sysMunmap,
} from "../../lib/kernel/syscalls/mm.js";
import { sysExitGroup, sysFork } from "../../lib/kernel/syscalls/process.js";
import type { Task } from "../../lib/kernel/task.js";
import { copyFromUser, copyToUser } from "../../lib/kernel/uaccess.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { handleMmFault } from "../../lib/mm/fault/memory.js";
import { linearPageIndex } from "../../lib/mm/fault/rmap.js";
import { FAULT_FLAG_WRITE } from "../../lib/mm/fault/vm_fault.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { fput, type MmStruct, VM_READ, VM_SHARED, VM_WRITE } from "../../lib/mm/mm_types.js";
import { type Folio, folioTestAnon, PG_locked, PG_uptodate, pfnToPage } from "../../lib/mm/pages/folio.js";
import { folioPut } from "../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../lib/mm/parts.js";
import { pmdLeaf, pteIndex, ptePfn, ptePresent, ptepGet, pteSpecial } from "../../lib/mm/pgtable/pgtable.js";
import { pmdOffset, pteOffsetPmd } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { classifyPte, PTE_KIND_MARKER, PTE_KIND_SWAP } from "../../lib/mm/pgtable/swapops.js";
import type { MemorySystem } from "../../lib/mm/system.js";
import { exactFrames } from "./exact_frames.js";
import { ARENA, MAX_PROCS, type Operation } from "./operations.js";
import { Pressure } from "./pressure.js";
import { heapPage, randomPage, textPage } from "./swap/page_data.js";

const PAGE = 4096;
const BASE = 0x1000_0020_0000 - 80 * PAGE;
const FILE_PAGES = 20;
const MADV = {
  ...{ normal: 0, random: 1, sequential: 2, willneed: 3, dontneed: 4, free: 8, remove: 9, cold: 20 },
  ...{ pageout: 21, populateRead: 22, populateWrite: 23, hugepage: 14, nohugepage: 15, collapse: 25 },
} as const;
/** Allocations that one step may try: no step needs more, however little memory there is. */
const MAX_ALLOCATIONS = 2000;
/** The same with swapoff, which brings back all pages of all processes while reclaim sends them out again. */
const MAX_ALLOCATIONS_SWAPOFF = 100_000;
const OFFSETS = [0, 1, 2048, 4095];
/** Steps during which other threads of the process may fault. */
const UNLOCKED_KINDS: readonly string[] = [
  ...["load", "store", "fileRead", "fileWrite", "readInto", "populateRead", "populateWrite", "truncate"],
  ...["fsync", "willneed", "fileAdvice", "remove"],
];

/** A file or shared memory: its bytes; behind `size` they are 0. */
interface Backing {
  readonly data: Uint8Array;
  size: number;
  readonly file?: VfsFile;
}

/** A mapped page: bytes of its own once it was written, else those of the backing (none: zeros). */
interface Cell {
  own: Uint8Array | undefined;
  readonly backing: Backing | undefined;
  readonly index: number;
  readonly shared: boolean;
  prot: number;
  locked: boolean;
  /** Freed by MADV_FREE and not written since: it may read as zeros at any time. */
  lazy: boolean;
}

/** A process and what it must see, by page of the arena. */
interface Proc {
  readonly task: Task;
  readonly cells: Map<number, Cell>;
}

/** Devices that fail at random: what reads may come to. */
export interface ReadErrors {
  /** Takes down what could not be read before. */
  beginStep(sys: MemorySystem, mms: readonly MmStruct[]): void;
  /** Something has failed in this step, or earlier and can still be felt. */
  readonly possible: boolean;
  /** Why the page at `addr` cannot be read; undefined without a reason. */
  excuse(mm: MmStruct, addr: number): string | undefined;
}

/** How a world differs from the usual one. */
export interface WorldOptions {
  parts?: Partial<MmParts>;
  ramMib?: number;
  /** Compare with the model (default), or only let the steps run. */
  model?: boolean;
  /** Switches swap on, or off if it is on; at the beginning, and at each step "swap". */
  swap?: (kernel: Kernel) => void;
  /** Pages of the arena; what is more than usual is private memory from the beginning. */
  arena?: number;
  /** Settings, before the first process starts. */
  setUp?: (kernel: Kernel) => void;
  /** Asked at every allocation: shall it fail? */
  fails?: () => boolean;
  /** Devices fail. */
  errors?: ReadErrors;
  /** Every allocation waits for reclaim, which does this (pressure.ts). */
  atReclaim?: (world: World) => void;
}

/** The entry for `page` of the arena; of a leaf, what an entry for its page would be. */
function entryAt(mm: MmStruct, page: number): Pte {
  const { ram } = mm.sys;
  const pmdp = pmdOffset(mm, BASE + page * PAGE);
  const pmd = pmdp === 0 ? 0 : ptepGet(ram, pmdp);
  if (pmd === 0) return 0;
  if (pmdLeaf(pmd)) return pmd + pteIndex(BASE + page * PAGE) * PAGE;
  return ptepGet(ram, pteOffsetPmd(mm, pmdp, BASE + page * PAGE));
}

export class World {
  readonly kernel: Kernel;
  readonly procs: Proc[] = [];
  readonly files: Backing[] = [];
  private readonly arena: number;
  private readonly freeAtStart: number;
  private readonly model: boolean;
  private readonly fails: (() => boolean) | undefined;
  private readonly swap: ((kernel: Kernel) => void) | undefined;
  private readonly errors: ReadErrors | undefined;
  /** Accesses that ended in SIGBUS because a page could not be read. */
  nrTold = 0;
  readonly pressure: Pressure | undefined;
  private nrFds = 0;
  /** Frames that are kept from the kernel. */
  private readonly held: Folio[] = [];
  /** Allocations tried in this step, and whether a single page could not be had. */
  private nrAllocations = 0;
  private readonly maxAllocations: number;
  private short = false;
  private mayFail = true;
  /** The process whose call may hold its mmap lock for writing. */
  private locked: Proc | undefined;
  /** Page of the arena that the step is about. */
  private page = 0;

  constructor(options: WorldOptions = {}) {
    const { parts, ramMib = 32, model = true, swap, fails, errors, atReclaim } = options;
    const ram = new Ram(ramMib * 2 ** 20);
    const clock = new Clock();
    this.kernel = new Kernel({ ram, clock, cpus: [new Cpu(0, ram, clock), new Cpu(1, ram, clock)] });
    Object.assign(this.kernel.sys.parts, parts);
    this.model = model;
    lruAddDrainAll(this.kernel.sys);
    this.freeAtStart = nrUnusedPages(this.kernel.sys);
    this.swap = swap;
    this.arena = options.arena ?? ARENA;
    options.setUp?.(this.kernel);
    this.maxAllocations = swap === undefined ? MAX_ALLOCATIONS : MAX_ALLOCATIONS_SWAPOFF;
    this.errors = errors;
    swap?.(this.kernel);
    this.start(true);
    this.fails = fails;
    const { sys } = this.kernel;
    sys.shouldFailAllocPage = (_, order) => this.shouldFail(order);
    if (atReclaim !== undefined) this.pressure = new Pressure(sys, () => atReclaim(this));
  }

  /** Counts the allocation, and notes whether it will fail. */
  private shouldFail(order: number): boolean {
    if (++this.nrAllocations > this.maxAllocations)
      throw new Error(`more than ${this.maxAllocations} allocations`);
    const fail = this.mayFail && this.fails?.() === true;
    const none = this.pressure === undefined && nrUnusedPages(this.kernel.sys) === 0;
    if (order === 0 && (fail || none)) this.short = true;
    return fail;
  }

  /** Whether a call may do less than it should in this step. */
  private get mayFall(): boolean {
    return this.short || this.errors?.possible === true;
  }

  /** Whether a single page could not be had in the last step. */
  get wasShort(): boolean {
    return this.short;
  }

  /** Leaves `nr` frames free, as if the others were in use. */
  leaveFree(nr: number): void {
    const { sys } = this.kernel;
    const { shouldFailAllocPage } = sys;
    sys.shouldFailAllocPage = undefined;
    exactFrames(sys);
    while (nrUnusedPages(sys) > nr) this.held.push(allocPages(sys, GFP_HIGHUSER_MOVABLE)!);
    while (nrUnusedPages(sys) < nr && this.held.length > 0) folioPut(sys, this.held.pop()!);
    sys.shouldFailAllocPage = shouldFailAllocPage;
  }

  /** A process with every kind of mapping; the first one writes the files, too. */
  private start(first: boolean): void {
    const task = this.kernel.spawn("first");
    task.oomScoreAdj = -1000; // nobody is killed: kernel/oom.test.ts is about that
    for (const signal of ["SIGSEGV", "SIGBUS"] as const) task.signal.handlers.set(signal, () => {});
    for (const path of ["/data", "/dev/shm/data"]) {
      const fd = sysOpen(this.kernel, task, path, O_RDWR | O_CREAT);
      this.nrFds = fd + 1;
      if (!first) continue;
      const file = task.files.get(fd) as VfsFile;
      file.refcount++;
      this.files.push({ data: new Uint8Array(FILE_PAGES * PAGE), size: 0, file });
    }
    const proc = { task, cells: new Map<number, Cell>() };
    this.procs.push(proc);
    if (first) for (const [i, file] of this.files.entries()) this.fileWrite(file, 0, 12 * PAGE, 17 + i);
    [0, 2, 3, 1, 4, 5].forEach((value, i) => {
      this.map(proc, i * 14, 14, value, 0);
    });
    if (this.arena > ARENA) this.map(proc, 84, this.arena - 84, 0, 0);
  }

  /** Every mm there is. */
  private mms(): MmStruct[] {
    const tasks = [...this.kernel.tasks.values()];
    return [this.kernel.sys.initMm!, ...tasks.flatMap((task) => task.mm ?? [])];
  }

  /** Recomputes every count. */
  check(): void {
    const held = [...this.held, ...(this.pressure?.held ?? [])];
    checkInvariants(this.kernel.sys, this.mms(), new Map(held.map((folio) => [folio, 1])));
  }

  run(op: Operation): void {
    this.beginStep();
    // Where memory fails a process may be killed for it; another takes the place of the last one.
    if (this.procs.length === 0) this.startWithMemory();
    const proc = this.procs[op.who % this.procs.length];
    if (proc === undefined) return;
    if (proc.task.cpuId !== op.cpu) this.kernel.goIdle(proc.task);
    proc.task.cpuId = op.cpu;
    this.kernel.enter(proc.task);
    this.page = op.page;
    this.locked = UNLOCKED_KINDS.includes(op.kind) ? undefined : proc;
    const length = Math.min(op.length, this.arena - op.page);
    if (!this.runOnBytes(proc, op)) this.runOnRange(proc, op, length);
    if (this.model && this.mayFall && this.procs.includes(proc)) this.adoptPrivate(proc);
  }

  private beginStep(): void {
    this.nrAllocations = 0;
    this.short = false;
    this.errors?.beginStep(this.kernel.sys, this.mms());
  }

  private startWithMemory(): void {
    const free = this.held.length > 0 ? nrUnusedPages(this.kernel.sys) : Number.POSITIVE_INFINITY;
    this.leaveFree(Number.POSITIVE_INFINITY);
    this.mayFail = false;
    this.start(false);
    this.mayFail = true;
    this.leaveFree(free);
  }

  /**
   * Where memory ran out midway, only the machine knows which pages have become private; their bytes are
   * still known.
   */
  private adoptPrivate(proc: Proc): void {
    for (const [page, cell] of proc.cells) {
      const folio = this.mappedFolio(proc, page);
      const anon = folio === undefined ? this.isSwapped(proc, page) : folioTestAnon(folio);
      if (!cell.shared && anon) this.writableBytesOf(cell);
    }
  }

  /** The process has a page of its own there, which is in swap or could not be read from there. */
  private isSwapped({ task }: Proc, page: number): boolean {
    const kind = classifyPte(entryAt(task.mm!, page));
    return kind === PTE_KIND_SWAP || kind === PTE_KIND_MARKER;
  }

  /**
   * The process was told by SIGBUS, or an error of the call, that the page cannot be read, and that is true.
   */
  private isTold(proc: Proc, page: number): boolean {
    const reason = this.errors?.excuse(proc.task.mm!, BASE + page * PAGE);
    const cell = proc.cells.get(page)!;
    if (reason === undefined || (reason === "poisoned" && cell.own === undefined && !cell.lazy)) return false;
    this.nrTold++;
    return true;
  }

  /** The folio that the process maps at `page`; undefined without one, and for the zero page. */
  private mappedFolio({ task }: Proc, page: number): Folio | undefined {
    const { sys } = this.kernel;
    const pte = entryAt(task.mm!, page);
    if (!ptePresent(pte) || pteSpecial(pte)) return undefined;
    return pfnToPage(sys, ptePfn(pte)).head;
  }

  /** The bytes that are in RAM, mapped or in the cache, without bringing in anything. */
  checkPresentBytes(): void {
    const { ram } = this.kernel.sys;
    for (const { task, cells } of this.procs)
      for (const [page, cell] of cells) {
        const pte = entryAt(task.mm!, page);
        if (!ptePresent(pte)) continue;
        const found = ram.frame(ptePfn(pte));
        if (cell.lazy) this.settle(cell, found);
        this.same(found, this.bytesOf(cell), `${task}, page ${page}`);
      }
    for (const { file, data, size } of this.files)
      for (const [index, folio] of file!.inode.mapping.pages) {
        if ((folio.flags & PG_uptodate) === 0) continue;
        const found = ram
          .frame(folio.pfn + index - folio.index)
          .subarray(0, Math.max(0, size - index * PAGE));
        this.same(found, data.subarray(index * PAGE, index * PAGE + found.length), `cached page ${index}`);
      }
  }

  /**
   * Another thread reads or writes while an allocation waits, where the step works or anywhere: any process's
   * thread, only not that of a process whose call holds its mmap lock for writing. No byte changes: it stops
   * behind the fault.
   */
  touchMeanwhile(random: Random): void {
    const proc = random.pick(this.procs);
    if (proc === this.locked) return;
    const page = random.chance(50) ? this.page : random.below(this.arena);
    const vma = proc.task.mm?.mmMt.lookup(BASE + page * PAGE);
    if (vma === undefined || (vma.vmFlags & VM_READ) === 0) return;
    const mapping = vma.vmFile?.fMapping;
    const cached = mapping?.pages.get(linearPageIndex(vma, BASE + page * PAGE));
    if (cached !== undefined && (cached.flags & (PG_locked | PG_uptodate)) !== PG_uptodate) return;
    const may = (vma.vmFlags & VM_WRITE) !== 0 && (mapping === undefined || (vma.vmFlags & VM_SHARED) !== 0);
    this.pressure?.spare(8);
    handleMmFault(vma, BASE + page * PAGE, may && random.chance(60) ? FAULT_FLAG_WRITE : 0);
  }

  /** Steps about bytes, processes and files; false when it is none of them. */
  private runOnBytes(proc: Proc, op: Operation): boolean {
    const file = this.files[op.to % 2]!;
    const pos = Math.min(file.size, (op.page % FILE_PAGES) * PAGE + (op.value % 3) * 100);
    switch (op.kind) {
      case "store":
      case "load":
        this.access(proc, op.page, OFFSETS[op.length % 4]!, op.kind === "store" ? op.value : undefined);
        return true;
      case "scribble":
        this.scribble(proc, op.page, op.value);
        return true;
      case "fork":
        this.fork(proc);
        return true;
      case "exit":
        if (this.procs.length > 1) this.exit(proc);
        return true;
      case "fileWrite":
        this.fileWrite(file, pos, Math.min(op.length * 700, FILE_PAGES * PAGE - pos), op.value);
        return true;
      case "fileRead":
        this.fileRead(file, pos, op.length * 1000);
        return true;
      case "truncate":
        this.truncate(file, op.value % 2 === 0 ? op.length * PAGE : op.length * PAGE + 8 * op.value);
        return true;
      case "fsync":
        this.is(file.file!.fsync(), 0);
        return true;
      case "swap":
        this.swap?.(this.kernel);
        return true;
      case "sleep":
        this.kernel.sched.idle(op.value * 1e6);
        return true;
      case "evict":
        this.is(fadviseDrop(file.file!, 0, 0), 0);
        return true;
      case "fileAdvice":
        this.is(
          sysFadvise(
            this.kernel,
            proc.task,
            this.nrFds - 2 + (op.to % 2),
            pos,
            op.length * PAGE,
            op.value % 6,
          ),
          0,
        );
        return true;
      default:
        return false;
    }
  }

  private runOnRange(proc: Proc, op: Operation, length: number): void {
    const { kernel } = this;
    const { task } = proc;
    const at = BASE + op.page * PAGE;
    const bytes = length * PAGE;
    switch (op.kind) {
      case "map":
        this.map(proc, op.page, length, op.value, op.to % FILE_PAGES);
        break;
      case "unmap":
        this.is(sysMunmap(kernel, task, at, bytes), 0);
        this.forget(proc, op.page, length);
        break;
      case "protect":
        this.protect(proc, op.page, length, [0, 1, 3, 3][op.value % 4]!);
        break;
      case "dontneed":
        this.dontneed(proc, op.page, length);
        break;
      case "remove":
        this.remove(proc, op.page);
        break;
      case "lock":
      case "unlock":
        this.lock(proc, op.page, length, op.kind === "lock");
        break;
      case "move":
        this.move(proc, op.page, length, op.to, Math.min(length, this.arena - op.to));
        break;
      case "resize":
        this.move(proc, op.page, length, op.to, Math.min(1 + (op.value % 9), this.arena - op.to));
        break;
      case "readInto":
        this.readInto(proc, op);
        break;
      default:
        // Advice that promises nothing, whatever it answers.
        sysMadvise(kernel, task, at, bytes, MADV[op.kind as keyof typeof MADV]);
        if (op.kind === "populateWrite") this.populate(this.upToHole(proc, op.page, length), 2);
        if (op.kind === "free") this.freeLazily(proc, op.page, length);
    }
  }

  /** Compares a result, where there is a model. */
  private is<T>(found: T, expected: T): void {
    if (this.model && found !== expected) expect(found).toEqual(expected);
  }

  // ---------------------------------------------------------------- the model

  private bytesOf(cell: Cell): Uint8Array {
    if (cell.own !== undefined) return cell.own;
    const page = cell.backing?.data.subarray(cell.index * PAGE, (cell.index + 1) * PAGE);
    return page === undefined || page.length < PAGE ? new Uint8Array(PAGE) : page;
  }

  private writableBytesOf(cell: Cell): Uint8Array {
    if (!cell.shared) cell.own ??= this.bytesOf(cell).slice();
    return this.bytesOf(cell);
  }

  /** Anonymous pages of the range, at least those that MADV_FREE has come to, may be dropped from now on. */
  private freeLazily(proc: Proc, page: number, length: number): void {
    for (let i = page; i < page + length; i++) {
      const cell = proc.cells.get(i);
      if (cell?.backing === undefined && cell?.own !== undefined) cell.lazy = true;
    }
  }

  /** A page freed by MADV_FREE is as it was, or zeros: what has been found. */
  private settle(cell: Cell, found: Uint8Array): void {
    if (found.every((byte) => byte === 0)) cell.own = undefined;
  }

  /**
   * Bytes were written to a page: it is as before, or, freed by MADV_FREE, it may have been zeros. From now
   * on it is kept.
   */
  private write(proc: Proc, page: number, offset: number, bytes: Uint8Array): void {
    const cell = proc.cells.get(page)!;
    this.writableBytesOf(cell).set(bytes, offset);
    if (!cell.lazy) return;
    cell.lazy = false;
    const zeros = new Uint8Array(PAGE);
    zeros.set(bytes, offset);
    const found = new Uint8Array(PAGE); // it is dirty now, and may be swapped out, but not dropped
    expect(copyFromUser(proc.task, found, BASE + page * PAGE)).toBe(0);
    if (Buffer.compare(found, zeros) === 0) cell.own = zeros;
    this.same(found, this.bytesOf(cell), `${proc.task}, page ${page}, freed and written`);
  }

  /** What an access must end in. */
  private outcome(cell: Cell | undefined, need: number): string {
    if (cell === undefined) return "SEGV_MAPERR";
    if ((cell.prot & need) === 0) return "SEGV_ACCERR";
    if (cell.backing !== undefined && cell.index * PAGE >= cell.backing.size) return "BUS_ADRERR";
    return "done";
  }

  private forget(proc: Proc, page: number, length: number): void {
    for (let i = page; i < page + length; i++) proc.cells.delete(i);
  }

  /** The mapped pages from `page` on, up to the first hole. */
  private upToHole(proc: Proc, page: number, length: number): Cell[] {
    const cells: Cell[] = [];
    for (let i = page; i < page + length && proc.cells.has(i); i++) cells.push(proc.cells.get(i)!);
    return cells;
  }

  /**
   * Faulting pages in ahead of time writes to private ones that may be written: each gets bytes of its own.
   * Stops at a page without bytes.
   */
  private populate(cells: readonly (Cell | undefined)[], need: number): void {
    if (this.mayFall) return; // adoptPrivate() asks the machine
    for (const cell of cells) {
      if (this.outcome(cell, need) !== "done") return;
      if ((cell!.prot & 2) !== 0) this.writableBytesOf(cell!);
    }
  }

  // ---------------------------------------------------------------- steps

  /**
   * A load or store of one byte. Behind the end of a file, in its last page, nothing is stored: it would be
   * lost some time.
   */
  private access(proc: Proc, page: number, offset: number, value: number | undefined): void {
    const cell = proc.cells.get(page);
    const outcome = this.outcome(cell, value === undefined ? 1 : 2);
    const behind = cell?.backing !== undefined && cell.index * PAGE + offset >= cell.backing.size;
    if (this.model && value !== undefined && outcome === "done" && behind) return;
    let found = "done";
    let byte = 0;
    try {
      if (value === undefined) byte = this.kernel.load(proc.task, BASE + page * PAGE + offset, 1);
      else this.kernel.store(proc.task, BASE + page * PAGE + offset, 1, value);
    } catch (error) {
      if (!(error instanceof SignalError)) throw error;
      found = error.code;
      if (error.killed) this.procs.splice(this.procs.indexOf(proc), 1);
      if (error.killed && this.short) return;
      if (found.startsWith("BUS") && outcome === "done" && this.isTold(proc, page)) return;
    }
    this.is(found, outcome);
    if (outcome !== "done" || !this.model) return;
    if (value !== undefined) {
      this.write(proc, page, offset, Uint8Array.of(value));
      return;
    }
    if (cell!.lazy && byte === 0 && this.bytesOf(cell!)[offset] !== 0) cell!.own = undefined;
    this.is(byte, this.bytesOf(cell!)[offset]!);
  }

  /** A whole page is written: text, a heap, or what cannot be compressed. */
  private scribble(proc: Proc, page: number, value: number): void {
    const cell = proc.cells.get(page);
    const outcome = this.outcome(cell, 2);
    if (cell?.backing !== undefined && (cell.index + 1) * PAGE > cell.backing.size) return;
    const bytes = [randomPage, textPage, heapPage][value % 3]!(value);
    const left = copyToUser(proc.task, BASE + page * PAGE, bytes);
    if (left > 0 && outcome === "done" && (this.short || this.isTold(proc, page))) return;
    this.is(left, outcome === "done" ? 0 : PAGE);
    if (left === 0) this.write(proc, page, 0, bytes);
  }

  private fork(proc: Proc): void {
    if (this.procs.length >= MAX_PROCS) return;
    const child = sysFork(this.kernel, proc.task);
    if (typeof child === "number") {
      expect(this.short).toBe(true);
      return;
    }
    const cells = new Map<number, Cell>();
    for (const [page, cell] of proc.cells)
      cells.set(page, { ...cell, own: cell.own?.slice(), locked: false });
    this.procs.push({ task: child, cells });
  }

  exit(proc: Proc): void {
    sysExitGroup(this.kernel, proc.task, 0);
    this.procs.splice(this.procs.indexOf(proc), 1);
  }

  /** value % 6: anonymous private, shared; file private, shared; shared-memory file private, shared. */
  private map(proc: Proc, page: number, length: number, value: number, index: number): void {
    const shared = value % 2 === 1;
    const kind = Math.floor((value % 6) / 2);
    const prot = value % 5 === 4 && value > 5 ? 1 : 3;
    const flags = 0x10 | (shared ? 1 : 2) | (kind === 0 ? 0x20 : 0) | (value % 7 === 6 ? 0x8000 : 0);
    const fd = kind === 0 ? -1 : this.nrFds - 3 + kind;
    const at = BASE + page * PAGE;
    const first = kind === 0 ? 0 : index;
    const result = sysMmap(this.kernel, proc.task, at, length * PAGE, prot, flags, fd, first * PAGE);
    this.is(result, at);
    let backing = kind === 0 ? undefined : this.files[kind - 1]!;
    if (kind === 0 && shared) backing = { data: new Uint8Array(length * PAGE), size: length * PAGE };
    for (let i = 0; i < length; i++)
      proc.cells.set(page + i, {
        ...{ own: undefined, backing, index: first + i },
        ...{ shared, prot, locked: false, lazy: false },
      });
    if ((flags & 0x8000) !== 0) this.populate(this.upToHole(proc, page, length), 1);
  }

  private protect(proc: Proc, page: number, length: number, prot: number): void {
    const result = sysMprotect(this.kernel, proc.task, BASE + page * PAGE, length * PAGE, prot);
    const cells = this.upToHole(proc, page, length);
    this.is(result, cells.length === length ? 0 : -12);
    for (const cell of cells) {
      const populated = cell.locked && (cell.prot & 2) === 0;
      cell.prot = prot;
      if (populated && (prot & 2) !== 0) this.populate([cell], 2);
    }
  }

  /** Stops at the first locked page; holes are passed over. */
  private dontneed(proc: Proc, page: number, length: number): void {
    const result = sysMadvise(this.kernel, proc.task, BASE + page * PAGE, length * PAGE, MADV.dontneed);
    let expected = 0;
    for (let i = page; i < page + length; i++) {
      const cell = proc.cells.get(i);
      if (cell === undefined) expected = -12;
      else if (cell.locked) {
        expected = -22;
        break;
      } else if (!cell.shared) cell.own = undefined;
    }
    this.is(result, expected);
  }

  /** Takes one page out of the file behind a shared, writable mapping. */
  private remove(proc: Proc, page: number): void {
    const result = sysMadvise(this.kernel, proc.task, BASE + page * PAGE, PAGE, MADV.remove);
    const cell = proc.cells.get(page);
    let expected = 0;
    if (cell === undefined) expected = -12;
    else if (cell.locked || cell.backing === undefined) expected = -22;
    else if (!cell.shared) expected = -13;
    this.is(result, expected);
    if (expected === 0 && cell!.index * PAGE < cell!.backing!.size) this.bytesOf(cell!).fill(0);
  }

  /** What a lock answers depends on what can be faulted in; that it holds does not. */
  private lock(proc: Proc, page: number, length: number, locked: boolean): void {
    const call = locked ? sysMlock2 : sysMunlock;
    call(this.kernel, proc.task, BASE + page * PAGE, length * PAGE);
    const cells = this.upToHole(proc, page, length);
    for (const cell of cells) cell.locked = locked;
    if (locked && cells.length === length) this.populate(cells, 3);
  }

  /** mremap to a fixed place, with the same or another length. */
  private move(proc: Proc, page: number, length: number, to: number, newLength: number): void {
    const at = BASE + page * PAGE;
    const target = BASE + to * PAGE;
    const result = sysMremap(this.kernel, proc.task, at, length * PAGE, newLength * PAGE, 3, target);
    if (result < 0 && this.short) this.adoptMoved(proc, page, length, to, newLength);
    if (result < 0 || !this.model) return;
    this.is(result, target);
    const moved = Array.from({ length }, (_, i) => proc.cells.get(page + i));
    this.forget(proc, page, length);
    if (newLength !== length) this.forget(proc, to, newLength);
    moved.slice(0, newLength).forEach((cell, i) => {
      if (cell !== undefined) proc.cells.set(to + i, cell);
    });
    const last = moved[length - 1];
    const grown: Cell[] = [];
    for (let i = length; i < newLength; i++) {
      grown.push({ ...last!, own: undefined, index: last!.index + i - length + 1 });
      proc.cells.set(to + i, grown[i - length]!);
    }
    if (last?.locked === true) this.populate(grown, 3);
  }

  /**
   * A move ran out of memory: the target was unmapped before, and VMAs that came first have moved as a whole.
   */
  private adoptMoved(proc: Proc, page: number, length: number, to: number, newLength: number): void {
    const mapped = (at: number): boolean => proc.task.mm!.mmMt.lookup(BASE + at * PAGE) !== undefined;
    const cells = Array.from({ length }, (_, i) => proc.cells.get(page + i));
    for (let i = 0; i < Math.max(length, newLength); i++) {
      if (i < newLength && !mapped(to + i)) proc.cells.delete(to + i);
      if (i >= length || mapped(page + i) || cells[i] === undefined) continue;
      proc.cells.delete(page + i);
      if (i < newLength && mapped(to + i)) proc.cells.set(to + i, cells[i]!);
    }
  }

  // ---------------------------------------------------------------- files

  /** What a call on a file may answer that did not do all: how much it did, or why it did nothing. */
  private isPart(result: number): boolean {
    return result > 0 || (result === -12 && this.short) || (result === -5 && this.errors?.possible === true);
  }

  private fileWrite(backing: Backing, pos: number, length: number, value: number): void {
    const written = backing.file!.write(pos, new Uint8Array(length).fill(value));
    if (!this.mayFall) this.is(written, length);
    if (written < length) expect(this.isPart(written), `write: ${written}`).toBe(true);
    const done = Math.max(0, written);
    backing.data.fill(value, pos, pos + done);
    backing.size = Math.max(backing.size, pos + done);
  }

  private fileRead(backing: Backing, pos: number, length: number): void {
    const expected = backing.data.subarray(pos, Math.min(pos + length, backing.size));
    const bytes = new Uint8Array(length);
    const read = backing.file!.read(pos, bytes);
    if (!this.model) return;
    if (!this.mayFall) this.is(read, expected.length);
    if (read < expected.length) expect(this.isPart(read), `read: ${read}`).toBe(true);
    const done = Math.max(0, read);
    this.same(bytes.subarray(0, done), expected.subarray(0, done), `the file at ${pos}`);
  }

  private truncate(backing: Backing, size: number): void {
    this.is(ftruncate(backing.file!, size), 0);
    if (this.short) {
      // Linux ignores that the page at the end could not be had to be zeroed; the same call does it later.
      const free = nrUnusedPages(this.kernel.sys);
      this.leaveFree(100);
      this.mayFail = false;
      this.is(ftruncate(backing.file!, size), 0);
      this.mayFail = true;
      this.leaveFree(free);
    }
    backing.data.fill(0, size);
    backing.size = size;
    const end = Math.ceil(size / PAGE);
    for (const { cells } of this.procs)
      for (const cell of cells.values())
        if (cell.backing === backing && cell.index >= end) cell.own = undefined;
  }

  /** read(2) from a file into the process: as far as its memory may be written. */
  private readInto(proc: Proc, op: Operation): void {
    const which = op.to % 2;
    const source = this.files[which]!;
    const pos = Math.min(source.size, (op.to % FILE_PAGES) * PAGE);
    const length = Math.min(1 + (op.value % 3), this.arena - op.page) * PAGE;
    const data = source.data.slice(pos, Math.min(pos + length, source.size));
    const cells = Array.from({ length: length / PAGE }, (_, i) => proc.cells.get(op.page + i));
    const atEnd = (cell: Cell | undefined) =>
      cell?.backing !== undefined && (cell.index + 1) * PAGE > cell.backing.size;
    if (this.model && cells.some(atEnd)) return;
    const read = sysPread(this.kernel, proc.task, this.nrFds - 2 + which, BASE + op.page * PAGE, length, pos);
    if (!this.model) return;
    const bad = cells.findIndex((cell) => this.outcome(cell, 2) !== "done");
    let done = Math.min(data.length, bad < 0 ? length : bad * PAGE);
    if (!this.mayFall) this.is(read, done === 0 && data.length > 0 ? -14 : done);
    else {
      expect(read <= done).toBe(true);
      expect(read === 0 || read === -14 || this.isPart(read), `read: ${read}`).toBe(true);
      done = Math.max(0, read);
    }
    for (let i = 0; i * PAGE < done; i++)
      this.write(proc, op.page + i, 0, data.subarray(i * PAGE, Math.min((i + 1) * PAGE, done)));
  }

  // ---------------------------------------------------------------- the end

  private same(found: Uint8Array, expected: Uint8Array, where: string): void {
    if (Buffer.compare(found, expected) === 0) return;
    const at = found.findIndex((byte, i) => byte !== expected[i]);
    if (at >= 0) expect(`${where}, byte ${at}: ${found[at]}`).toBe(`${where}, byte ${at}: ${expected[at]}`);
  }

  /** Every byte of every process, page by page. */
  checkBytes(): void {
    const bytes = new Uint8Array(PAGE);
    for (const { task, cells } of this.procs) {
      this.kernel.enter(task);
      for (const [page, cell] of cells) {
        const left = copyFromUser(task, bytes, BASE + page * PAGE);
        const done = this.outcome(cell, 1) === "done";
        if (done && left > 0 && this.isTold({ task, cells }, page)) continue;
        this.is(left, done ? 0 : PAGE);
        if (left > 0) continue;
        if (cell.lazy) this.settle(cell, bytes);
        this.same(bytes, this.bytesOf(cell), `pid ${task.pid}, page ${page}`);
      }
    }
  }

  /** Compares all, ends all, and looks for lost pages. */
  finish(): void {
    if (this.model && this.pressure !== undefined) this.checkBytes(); // reclaim may take pages, but no byte
    this.pressure?.end();
    this.beginStep();
    this.kernel.sys.shouldFailAllocPage = undefined;
    this.leaveFree(Number.POSITIVE_INFINITY);
    if (this.model) this.checkBytes();
    this.check();
    for (const proc of [...this.procs]) this.exit(proc);
    this.kernel.files.unlink("/data");
    this.kernel.files.unlink("/dev/shm/data");
    for (const { file } of this.files) fput(file!);
    lruAddDrainAll(this.kernel.sys);
    this.check();
    const zero = this.kernel.sys.shrinkers.find(({ name }) => name === "thp-zero")!;
    zero.scanObjects({ gfpMask: 0, nrToScan: 512, nrScanned: 0 }); // nobody has it any more
    expect(nrUnusedPages(this.kernel.sys)).toBe(this.freeAtStart);
  }
}
