/**
 * The emulated machine as the executor sees it. Provisional: drives lib/mm directly until there are tasks.
 */
import { Clock } from "../../hw/clock.js";
import { Cpu } from "../../hw/cpu.js";
import { type PageFault, PF_USER, PF_WRITE } from "../../hw/fault.js";
import { Ram } from "../../hw/ram.js";
import { anonVmaFork } from "../../mm/anon_vma.js";
import { doBrk } from "../../mm/brk.js";
import { copyPageRange } from "../../mm/copy_page_range.js";
import { findExtendVma } from "../../mm/expand_stack.js";
import { mmPopulate } from "../../mm/gup.js";
import { doMadvise } from "../../mm/madvise.js";
import { handleMmFault } from "../../mm/memory.js";
import { doMincore } from "../../mm/mincore.js";
import { doMlock, doMlockall, doMunlock, doMunlockall } from "../../mm/mlock.js";
import { mmInit } from "../../mm/mm_init.js";
import {
  MmStruct,
  VM_DONTCOPY,
  VM_EXEC,
  VM_LOCKED_MASK,
  VM_READ,
  VM_WIPEONFORK,
  VM_WRITE,
  VmAreaStruct,
} from "../../mm/mm_types.js";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED } from "../../mm/mman.js";
import { doMmap } from "../../mm/mmap.js";
import { doMprotect } from "../../mm/mprotect.js";
import { doMremap } from "../../mm/mremap.js";
import { doMsync } from "../../mm/msync.js";
import { doMunmap } from "../../mm/munmap.js";
import { pgdAlloc, pgdFree } from "../../mm/pgtable_alloc.js";
import { lruAddDrainAll } from "../../mm/swap.js";
import { MemorySystem } from "../../mm/system.js";
import { tlbFlushMm } from "../../mm/tlb.js";
import { FAULT_FLAG_WRITE, VM_FAULT_SIGBUS, VM_FAULT_SIGSEGV } from "../../mm/vm_fault.js";
import { vmaLink } from "../../mm/vma.js";
import { freePgtables, unmapVmas } from "../../mm/zap.js";
import type { ProcTask } from "../../procfs/proc_task.js";
import { ProcFs } from "../../procfs/procfs.js";
import type { AccessResult, Guest, Host, HostFiles } from "./host.js";

class Sig extends Error {
  constructor(
    readonly signal: "SIGSEGV" | "SIGBUS",
    readonly code: string,
  ) {
    super(code);
  }
}

class MmGuest implements Guest, ProcTask {
  alive = true;
  minFlt = 0;
  majFlt = 0;
  tgid: number;
  ppid = 1;
  state = "S";
  cminFlt = 0;
  cmajFlt = 0;
  oomScoreAdj = 0;
  exitCode = 0;
  nrThreads = 1;
  startTimeNs = 0;
  limits = new Map<number, number>();
  constructor(
    readonly host: MmHost,
    readonly pid: number,
    readonly comm: string,
    public mm: MmStruct,
  ) {
    this.tgid = pid;
  }
  rlimit(resource: number): number {
    return this.limits.get(resource) ?? (resource === 3 ? 8 << 20 : Number.POSITIVE_INFINITY);
  }
  capable(): boolean {
    return true;
  }
  private run<T>(call: () => T): T {
    this.host.sys.current = this;
    return call();
  }
  mmap(addr: number, len: number, prot: number, flags: number, _fd: number, offset: number): number {
    return this.run(() => {
      const r = doMmap(this.mm, undefined, addr, len, prot, flags, offset / 4096);
      if (r.addr >= 0 && r.populate) mmPopulate(this.mm, r.addr, r.populate);
      return r.addr;
    });
  }
  munmap(a: number, l: number): number {
    return this.run(() => doMunmap(this.mm, a, l));
  }
  mprotect(a: number, l: number, p: number): number {
    return this.run(() => doMprotect(this.mm, a, l, p));
  }
  madvise(a: number, l: number, p: number): number {
    return this.run(() => doMadvise(this.mm, a, l, p));
  }
  mlock(a: number, l: number): number {
    return this.run(() => doMlock(this.mm, a, l));
  }
  mlock2(a: number, l: number, f: number): number {
    return this.run(() => doMlock(this.mm, a, l, f));
  }
  munlock(a: number, l: number): number {
    return this.run(() => doMunlock(this.mm, a, l));
  }
  mlockall(f: number): number {
    return this.run(() => doMlockall(this.mm, f));
  }
  munlockall(): number {
    return this.run(() => doMunlockall(this.mm));
  }
  mremap(a: number, o: number, n: number, f: number, na: number): number {
    return this.run(() => doMremap(this.mm, a, o, n, f, na));
  }
  brk(a: number): number {
    return this.run(() => doBrk(this.mm, a));
  }
  moveBrk(a: number): void {
    this.mm.startBrk = a;
    this.mm.brk = a;
  }
  msync(a: number, l: number, f: number): number {
    return this.run(() => doMsync(this.mm, a, l, f));
  }
  mincore(a: number, l: number): Uint8Array | number {
    return this.run(() => doMincore(this.mm, a, l));
  }
  open(): number {
    return -38;
  }
  close(): void {}
  lseek(): void {}
  read(): number {
    return -38;
  }
  write(): number {
    return -38;
  }
  access(va: number, write: boolean, value: number): AccessResult {
    return this.run(() => {
      const { cpu } = this.host;
      if (Math.floor(cpu.cr3 / 4096) !== this.mm.pgd) cpu.writeCr3(this.mm.pgd * 4096);
      try {
        if (write) {
          cpu.store(va, 1, value);
          return { byte: value };
        }
        return { byte: cpu.load(va, 1) };
      } catch (e) {
        if (e instanceof Sig) return { byte: undefined, signal: e.signal, code: e.code };
        throw e;
      }
    });
  }
  fault(f: PageFault): void {
    const vma = findExtendVma(this.mm, f.va);
    if (vma === undefined) throw new Sig("SIGSEGV", "SEGV_MAPERR");
    const write = (f.errorCode & PF_WRITE) !== 0;
    const ok = write
      ? (vma.vmFlags & VM_WRITE) !== 0
      : (f.errorCode & 1) === 0
        ? (vma.vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0
        : false;
    if (!ok) throw new Sig("SIGSEGV", "SEGV_ACCERR");
    const ret = handleMmFault(vma, f.va, write ? FAULT_FLAG_WRITE : 0);
    if ((ret & VM_FAULT_SIGSEGV) !== 0) throw new Sig("SIGSEGV", "SEGV_MAPERR");
    if ((ret & VM_FAULT_SIGBUS) !== 0) throw new Sig("SIGBUS", "BUS_ADRERR");
    if (ret & 1) throw new Error("OOM");
  }
  fork(comm: string): Guest {
    return this.run(() => {
      const mm = this.host.newMm();
      Object.assign(mm, {
        mmapBase: this.mm.mmapBase,
        startBrk: this.mm.startBrk,
        brk: this.mm.brk,
        startStack: this.mm.startStack,
        vdso: this.mm.vdso,
      });
      for (const vma of this.mm.mmMt) {
        if ((vma.vmFlags & VM_DONTCOPY) !== 0) continue;
        const copy = Object.assign(new VmAreaStruct(mm), vma, {
          vmMm: mm,
          anonVmaChain: [],
          anonVma: undefined,
        });
        copy.vmFlags &= ~VM_LOCKED_MASK;
        if ((vma.vmFlags & VM_WIPEONFORK) === 0) anonVmaFork(copy, vma);
        vmaLink(copy);
        const pages = (vma.vmEnd - vma.vmStart) / 4096;
        mm.totalVm += pages;
        if ((vma.vmFlags & (VM_WRITE | 8 | 0x100)) === VM_WRITE) mm.dataVm += pages;
        if ((vma.vmFlags & VM_WIPEONFORK) === 0) copyPageRange(copy, vma);
      }
      tlbFlushMm(this.mm);
      const child = new MmGuest(this.host, this.host.nextPid++, comm, mm);
      child.limits = new Map(this.limits);
      this.host.tasks.push(child);
      return child;
    });
  }
  exit(): void {
    this.alive = false;
    this.run(() => {
      const vmas = [...this.mm.mmMt];
      unmapVmas(this.mm, vmas, 0, this.mm.taskSize);
      freePgtables(this.mm, vmas, 0, 0);
      pgdFree(this.mm);
    });
    const t = this.host.tasks;
    t.splice(t.indexOf(this), 1);
  }
  kill(): void {
    this.exit();
  }
  setRlimit(resource: number, soft: number): number {
    this.limits.set(resource, soft);
    return 0;
  }
}

class MmHost implements Host {
  readonly ram = new Ram(256 * 2 ** 20);
  readonly clock = new Clock();
  readonly sys = new MemorySystem(this.ram, this.clock as never);
  readonly cpu = new Cpu(0, this.ram, this.clock);
  readonly tasks: MmGuest[] = [];
  readonly procfs: ProcFs;
  nextPid = 2;
  env = { release: "6.18.44-pagewalk" };
  files: HostFiles = new Proxy({} as HostFiles, {
    get() {
      throw new Error("no files yet");
    },
  });
  constructor() {
    mmInit(this.sys, [this.cpu] as never);
    this.cpu.cpl = 3;
    this.procfs = new ProcFs(this.sys, () => this.tasks);
    this.cpu.onPageFault = (_cpu: unknown, fault: unknown) => {
      const f = (fault ?? _cpu) as PageFault;
      void PF_USER;
      (this.sys.current as unknown as MmGuest).fault(f);
    };
  }
  newMm(): MmStruct {
    const mm = new MmStruct(this.sys);
    pgdAlloc(mm);
    mm.mmapBase = 0x7ffff7fff000;
    return mm;
  }
  spawn(comm: string): Guest {
    const guest = new MmGuest(this, this.nextPid++, comm, this.newMm());
    this.tasks.push(guest);
    guest.mm.startBrk = 0x500000;
    guest.mm.brk = 0x522000;
    const put = (addr: number, pages: number, prot: number, touched: number, shared = false): void => {
      guest.mmap(
        addr,
        pages * 4096,
        prot,
        (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED,
        -1,
        0,
      );
      for (let i = 0; i < touched; i++) guest.access(addr + (pages - 1 - i) * 4096, (prot & 2) !== 0, 1);
    };
    put(0x400000, 1, 1, 1);
    put(0x401000, 161, 5, 161);
    put(0x4ce000, 50, 3, 50);
    put(0x500000, 34, 3, 34);
    put(0x7ffff7ff7000, 8, 3, 1);
    put(0x7ffffffde000, 33, 3, 19);
    return guest;
  }
  sleep(): void {
    lruAddDrainAll(this.sys);
  }
}

/** A machine for one scenario. */
export function newHost(): Host {
  return new MmHost();
}
