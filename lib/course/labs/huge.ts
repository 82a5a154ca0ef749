/**
 * Test bench of lab 07.1 to 07.4: processes with huge pages, on a machine with a learner's parts and on the
 * lib's own.
 *
 *   operations --> boot, huge pages always --> processes read, write, fork, give parts back, collapse
 *
 *   afterwards     what each call of a part answered: "P, block 1, write: VM_FAULT_FALLBACK"
 *                  every block: one entry or 512, to which folio, with which marks
 *                  what was counted: thp_ events, the size's own, the group's, faults, tables
 *                  what was done at the wrong moment: a flush too late, a copy too early
 *                  the kernel's books worked out again (huge_papers.ts)
 *
 * What happens in the middle (another thread is faster, there is no free block) is played at the points where
 * a part lets others run: it asks for memory.
 *
 * Not in Linux: a helper of the course. Read first: huge_ops.ts, huge_papers.ts. Read next: huge_seen.ts.
 */
import "../../procfs/mount.js";
import type { Disk } from "../../fs/block_files.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { handleMmFault } from "../../mm/fault/memory.js";
import { FAULT_FLAG_WRITE, type VmFault } from "../../mm/fault/vm_fault.js";
import { hugeAlignDown } from "../../mm/huge/thp_orders.js";
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER } from "../../mm/huge/thp_state.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import { type MmStruct, VM_WRITE } from "../../mm/mm_types.js";
import { type Folio, folioGet, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { folioPut } from "../../mm/pages/free_pages.js";
import { GFP_PGTABLE_USER } from "../../mm/pages/gfp.js";
import { nrUnusedPages } from "../../mm/pages/page_alloc.js";
import { pmdLeaf, ptePfn, ptePresent, ptepGet } from "../../mm/pgtable/pgtable.js";
import { pmdOffset } from "../../mm/pgtable/pgtable_alloc.js";
import { NODE_STAT_NAMES, VM_EVENT_NAMES } from "../../mm/vmstat.js";
import { pageOut } from "../../view/page_out.js";
import { ARMED, type Armed, EARLY_COPY, GROUP, LATE_FLUSH, NO_FLUSH, SETTINGS, THP } from "./huge_armed.js";
import { type HugeOp, MAX_HUGE_PROCESSES, NR_HUGE_BLOCKS } from "./huge_ops.js";
import { wrongHugePapers } from "./huge_papers.js";
import {
  blocksSeen,
  HUGE_BASE,
  HUGE_END,
  HUGE_START,
  type HugeMember,
  type HugeObservation,
  hugeAddress,
  hugePageText,
} from "./huge_seen.js";
import { allocationText, brokenInvariants, type Owner } from "./papers.js";
import { faultText } from "./read_fault.js";

/** A machine with huge pages. */
class HugeBench {
  readonly machine: Machine;
  private readonly members: HugeMember[] = [];
  private born = 0;
  private value = 0;
  private readonly freeAtStart: number;
  private calls: string[] = [];
  private moments: string[] = [];
  private readonly armed = new Set<Armed>();
  private readonly held = new Map<Folio, number>();
  private hold: HugeOp | undefined;
  /** The fault or collapse under way. */
  private fault: VmFault | undefined;
  private collapsing: { mm: MmStruct; haddr: number } | undefined;
  /** Frames that the collapse under way has written. */
  private targets: number[] = [];
  /** Entries of level 2 that are to be flushed while empty: how often, and whether they were empty. */
  private watched: { pmdp: number; flushes: number; empty: number } | undefined;

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "20 MiB", cpus: 2, softDirty: true, swap: "4 MiB", parts });
    const { procfs, kernel } = this.machine;
    procfs.write(`${THP}/enabled`, "always");
    procfs.write(`${THP}/use_zero_page`, "1");
    procfs.write(`${THP}/khugepaged/defrag`, "1");
    procfs.write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
    this.machine.mkdir(GROUP);
    this.freeAtStart = nrUnusedPages(kernel.sys);
    const process = this.machine.spawn("P");
    procfs.write(`${GROUP}/cgroup.procs`, `${process.pid}`);
    kernel.sys.ram.write8(0, 0xee); // no frame is number 0 by mistake
    process.mmap(HUGE_END - HUGE_START, { at: HUGE_START, fixed: true });
    for (const signal of ["SIGBUS", "SIGSEGV"] as const) process.on(signal, () => {});
    this.watch();
    this.add("P", process);
  }

  private add(name: string, process: Process): void {
    this.members.push({ name, process });
    this.born++;
    const { context } = process.mm;
    let { tlbGen } = context;
    Object.defineProperty(context, "tlbGen", {
      get: () => tlbGen,
      set: (gen: number) => {
        tlbGen = gen;
        this.flushed();
      },
    });
  }

  private flushed(): void {
    if (this.watched === undefined) return;
    this.watched.flushes++;
    if (ptepGet(this.machine.kernel.sys.ram, this.watched.pmdp) === 0) this.watched.empty++;
  }

  /** Takes down what the parts answer, and when they flush and copy. */
  private watch(): void {
    const { sys } = this.machine.kernel;
    const { doHugePmdAnonymousPage, splitHugePmd, collapseHugePage } = sys.parts;
    sys.parts = {
      ...sys.parts,
      doHugePmdAnonymousPage: (vmf) => {
        const outer = this.fault;
        this.fault = vmf;
        const how = (vmf.flags & FAULT_FLAG_WRITE) === 0 ? "read" : "write";
        const ret = doHugePmdAnonymousPage(vmf);
        this.fault = outer;
        const who = `${outer === undefined ? "" : "another thread of "}${this.nameOf(vmf.vma.vmMm)}`;
        this.calls.push(
          `${who}, ${hugePageText(vmf.address)}, ${how}: the huge fault answers ${faultText(ret)}`,
        );
        return ret;
      },
      splitHugePmd: (vma, pmdp, address) => {
        const leaf = pmdLeaf(ptepGet(sys.ram, pmdp));
        const outer = this.watched;
        this.watched = { pmdp, flushes: 0, empty: 0 };
        splitHugePmd(vma, pmdp, address);
        if (leaf && this.watched.empty === 0)
          this.moments.push(this.watched.flushes === 0 ? NO_FLUSH : LATE_FLUSH);
        this.watched = outer;
      },
      collapseHugePage: (mm, haddr, unmapped, khugepaged) => {
        this.collapsing = { mm, haddr };
        this.targets = [];
        this.watched = { pmdp: pmdOffset(mm, haddr), flushes: 0, empty: 0 };
        const ret = collapseHugePage(mm, haddr, unmapped, khugepaged);
        this.collapsing = undefined;
        if (ret === "succeed") this.checkTargets(this.watched.pmdp);
        this.watched = undefined;
        this.calls.push(
          `${this.nameOf(mm)}, ${hugePageText(haddr)}: collapseHugePage answers ${String(ret)}`,
        );
        return ret;
      },
    };
    const zeroFrame = sys.ram.zeroFrame.bind(sys.ram);
    sys.ram.zeroFrame = (pfn) => {
      if (this.watched?.empty) this.targets.push(pfn);
      zeroFrame(pfn);
    };
    const copyFrame = sys.ram.copyFrame.bind(sys.ram);
    sys.ram.copyFrame = (to, from) => {
      if (this.collapsing !== undefined && this.watched?.empty === 0 && !this.moments.includes(EARLY_COPY))
        this.moments.push(EARLY_COPY);
      if (this.collapsing !== undefined) this.targets.push(to);
      copyFrame(to, from);
    };
    sys.shouldFailAllocPage = (gfp, order) => this.asked(gfp, order);
  }

  /** Every frame of the huge page was written once, and no other. */
  private checkTargets(pmdp: number): void {
    const first = ptePfn(ptepGet(this.machine.kernel.sys.ram, pmdp));
    const outside = this.targets.find((pfn) => pfn < first || pfn >= first + 512);
    if (outside === undefined) return;
    const where = outside < first ? "before" : "behind";
    this.moments.push(`collapseHugePage: a frame ${where} the huge page is written: that is somebody else's`);
  }

  /** Somebody asks for memory: whether there is none; others may run. */
  private asked(gfp: number, order: number): boolean {
    const { fault, collapsing, armed } = this;
    const table = order === 0 && (gfp & ~0) === GFP_PGTABLE_USER;
    if (order === HPAGE_PMD_ORDER) {
      if (fault !== undefined || collapsing !== undefined)
        this.calls.push(`asks for ${allocationText(gfp, order)}`);
      if (armed.has("nohuge")) return true;
    }
    if (table && armed.has("notable")) return true;
    if (fault !== undefined && (order === HPAGE_PMD_ORDER || table))
      this.another(fault, order === HPAGE_PMD_ORDER ? "race" : "late");
    if (collapsing !== undefined && order === HPAGE_PMD_ORDER) this.unhook(collapsing);
    return false;
  }

  /** Another thread touches the block that the fault is about. */
  private another({ vma, address }: VmFault, when: "race" | "late"): void {
    const write = this.armed.has(`${when}w`);
    if (!write && !this.armed.has(when)) return;
    this.armed.delete(when);
    this.armed.delete(`${when}w`);
    handleMmFault(vma, address, write && (vma.vmFlags & VM_WRITE) !== 0 ? FAULT_FLAG_WRITE : 0);
  }

  /** What was free is not zero: somebody had it before. A larger block gives its first 2 MiB. */
  private spoilFreeBlocks(): void {
    const { zones, ram } = this.machine.kernel.sys;
    for (const zone of zones)
      zone.forEachFreeBlock((pfn, order) => {
        for (let i = 0; order >= HPAGE_PMD_ORDER && i < HPAGE_PMD_NR; i++)
          ram.write8((pfn + i) * PAGE_SIZE, 0xee);
      });
  }

  /** Another thread takes away what is being collapsed, or a driver takes hold of it. */
  private unhook({ mm, haddr }: { mm: MmStruct; haddr: number }): void {
    this.spoilFreeBlocks();
    const what = (["away", "anew", "filled"] as const).find((one) => this.armed.has(one));
    const process = this.members.find((one) => one.process.mm === mm)?.process;
    if (process === undefined) return;
    if (this.hold !== undefined) this.holdPage(process, hugeAddress(this.hold.block, this.hold.page));
    const { procfs } = this.machine;
    if (this.armed.has("off")) mm.sys.thp.enabled = "never";
    if (this.armed.has("strict")) procfs.write(`${THP}/khugepaged/max_ptes_none`, "0");
    if (what === undefined) return;
    this.armed.delete(what);
    process.munmap(haddr, PMD_SIZE);
    if (what !== "away") process.mmap(PMD_SIZE, { at: haddr, fixed: true });
    if (what === "filled") handleMmFault(mm.mmMt.lookup(haddr)!, haddr, FAULT_FLAG_WRITE);
  }

  private nameOf(mm: MmStruct): string {
    return this.members.find(({ process }) => process.mm === mm)?.name ?? "nobody";
  }

  run(op: HugeOp): HugeObservation {
    this.calls = [];
    this.moments = [];
    const member = this.members[op.who % Math.max(1, this.members.length)];
    const nothing = { calls: [], moments: [], blocks: [], counted: {}, books: [] };
    if (member === undefined) return { did: "nobody is left", ...nothing };
    const prepared = this.prepare(op);
    if (prepared !== undefined) return { did: prepared, ...nothing };
    const did = op.op === "end" ? this.end() : this.act(member, op);
    this.disarm();
    const { kernel } = this.machine;
    const seen = { did, calls: this.calls, moments: this.moments, counted: this.counted() };
    return { ...seen, blocks: blocksSeen(kernel.sys, this.members), books: this.books() };
  }

  /** What only changes a setting, or what the next operation will find; undefined for others. */
  private prepare(op: HugeOp): string | undefined {
    const { op: what } = op;
    const setting = SETTINGS[what];
    if (setting !== undefined) this.machine.procfs.write(`${THP}/${setting[0]}`, setting[1]);
    else if (what === "hold") this.hold = op;
    else if (what === "broken")
      (this.machine.kernel.disks.files.at("/dev/vdb") as Disk).device.failRequests("read");
    else if (what === "tight") {
      const current = Number(this.machine.procfs.read(`${GROUP}/memory.current`));
      this.machine.procfs.write(`${GROUP}/memory.max`, `${current + 0x40000}`);
    } else if (ARMED.includes(what)) this.armed.add(what as Armed);
    else return undefined;
    return "waits";
  }

  private disarm(): void {
    if (this.armed.has("off")) this.machine.kernel.sys.thp.enabled = "always";
    this.armed.clear();
    this.machine.procfs.write(`${GROUP}/memory.max`, "max");
    for (const [folio] of this.held) folioPut(this.machine.kernel.sys, folio);
    this.held.clear();
    this.hold = undefined;
  }

  private act(member: HugeMember, op: HugeOp): string {
    const { process, name } = member;
    try {
      return `${name}: ${this.ofMachine(op.op) ?? this.ofProcess(member, op) ?? this.ofBlock(process, op)}`;
    } catch (error) {
      if (!process.alive) this.members.splice(this.members.indexOf(member), 1);
      if (error instanceof SyscallError) return `${name} gets ${error.code}`;
      if (error instanceof SignalError) return `${name} gets ${error.signal}`;
      throw error;
    }
  }

  private holdPage(process: Process, va: number): void {
    const { sys } = this.machine.kernel;
    const pmdp = pmdOffset(process.mm, va);
    const pmd = pmdp === 0 ? 0 : ptepGet(sys.ram, pmdp);
    if (pmd === 0 || pmdLeaf(pmd)) return;
    const pte = ptepGet(sys.ram, ptePfn(pmd) * 512 + (Math.floor(va / PAGE_SIZE) % 512));
    if (!ptePresent(pte) || ptePfn(pte) === sys.zeroPfn) return;
    const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
    folioGet(folio);
    this.held.set(folio, 1);
  }

  private ofMachine(op: HugeOp["op"]): string | undefined {
    if (op === "daemon") this.machine.idle(11e9);
    else return undefined;
    return "waits";
  }

  private ofProcess(member: HugeMember, { op }: HugeOp): string | undefined {
    const { process } = member;
    if (op === "fork") {
      if (this.members.length >= MAX_HUGE_PROCESSES) return "may not fork: three are enough";
      const name = `C${this.born}`;
      this.add(name, process.fork(name));
      return `forks ${name}`;
    }
    if (op === "exit") {
      this.members.splice(this.members.indexOf(member), 1);
      process.exit();
      return "exits";
    }
    if (op !== "watch" && op !== "age") return undefined;
    this.machine.procfs.write(`/proc/${process.pid}/clear_refs`, op === "watch" ? "4" : "1");
    return op === "watch" ? "is watched" : "has used nothing";
  }

  private ofBlock(process: Process, { op, block, page }: HugeOp): string {
    const va = hugeAddress(block, page);
    const [start, size] = [
      Math.max(HUGE_START, hugeAlignDown(va)),
      block % 3 === 0 ? PMD_SIZE / 2 : PMD_SIZE,
    ];
    if (op === "read" || op === "smallread") {
      const value = this.off(op === "smallread", () => process.load(va));
      return `reads ${value} in page ${page} of block ${block}`;
    }
    if (op === "write" || op === "small") {
      this.value = (this.value % 90) + 1;
      this.off(op === "small", () => process.store(va, 1, this.value));
      process.store(va + PAGE_SIZE - 1, 1, this.value);
      return `writes ${this.value} to page ${page} of block ${block}`;
    }
    if (op === "protect" || op === "unprotect") process.mprotect(start, size, op === "protect" ? "r" : "rw");
    else if (op === "part") process.mprotect(va, PAGE_SIZE, "r");
    else if (op === "lock") process.mlock(start, size);
    else if (op === "unlock") process.munlock(start, size);
    else if (op === "cut") process.munmap(start, 100 * PAGE_SIZE);
    else if (op === "out") this.takeOut(process, va);
    else if (op === "forgetpart") process.madvise(va, PAGE_SIZE, "DONTNEED");
    else if (op === "collapse") this.collapse(process, hugeAlignDown(va));
    else if (op === "forget") process.madvise(start, size, "DONTNEED");
    else process.madvise(start, size, op === "free" ? "FREE" : "HUGEPAGE");
    return `${op} in block ${block}`;
  }

  /** With huge pages switched off, if `off`. */
  private off<T>(off: boolean, act: () => T): T {
    const { thp } = this.machine.kernel.sys; // through sysfs it would wake khugepaged
    if (off) thp.enabled = "never";
    try {
      return act();
    } finally {
      if (off) thp.enabled = "always";
    }
  }

  private collapse(process: Process, haddr: number): void {
    lruAddDrainAll(this.machine.kernel.sys);
    process.madvise(haddr, PMD_SIZE, "COLLAPSE");
  }

  private takeOut(process: Process, va: number): void {
    pageOut(this.machine, process, va, PAGE_SIZE);
  }

  private counted(): Record<string, number> {
    const { procfs, kernel } = this.machine;
    const counted: Record<string, number> = {};
    const { events, nodeStat } = kernel.sys.vmStat;
    for (const item of EVENTS) counted[VM_EVENT_NAMES[item]!] = events[item]!;
    for (const item of STATES) counted[NODE_STAT_NAMES[item]!] = nodeStat[item]!;
    for (const [name, count] of Object.entries(kernel.sys.thp.mthpStats[9] ?? {}))
      counted[`hugepages-2048kB/stats/${name}`] = count;
    for (const [, name, count] of procfs.read(`${GROUP}/memory.stat`).matchAll(LINES))
      counted[`the group's ${name}`] = Number(count);
    for (const { name, process } of this.members)
      counted[`minor faults of ${name}`] = process.getrusage().minFlt;
    counted["folios that wait to be split, should memory be short (deferredSplitFolio)"] = this.waiting();
    counted["processes that khugepaged looks through"] = this.members.filter(
      ({ process }) => process.mm.thp.inKhugepaged,
    ).length;
    return counted;
  }

  private waiting(): number {
    let waiting = 0;
    for (const { process } of this.members)
      for (let block = 0; block < NR_HUGE_BLOCKS; block++) {
        const pmdp = pmdOffset(process.mm, HUGE_BASE + block * PMD_SIZE);
        const pmd = pmdp === 0 ? 0 : ptepGet(process.mm.sys.ram, pmdp);
        if (pmdLeaf(pmd) && pfnToPage(process.mm.sys, ptePfn(pmd)).large?.onDeferredList === true) waiting++;
      }
    return waiting;
  }

  private books(): string[] {
    const owners = this.members.map(
      ({ name, process }): Owner => ({ name, mm: process.mm, pageText: hugePageText }),
    );
    const range = [HUGE_BASE, HUGE_BASE + 4 * PMD_SIZE] as const;
    return wrongHugePapers(this.machine.kernel.sys, owners, range, this.held);
  }

  private end(): string {
    const { sys, sched, initMm } = this.machine.kernel;
    this.disarm();
    const broken = brokenInvariants(sys, [initMm, ...this.members.map(({ process }) => process.mm)]);
    this.moments.push(...broken);
    for (const { process } of this.members.splice(0)) process.exit();
    sched.settle();
    lruAddDrainAll(sys);
    return `everybody exits; ${this.freeAtStart - nrUnusedPages(sys)} frames are still in use`;
  }
}

const LINES = /^(thp_\w+|anon|anon_thp) (\d+)$/gm;
const EVENTS = VM_EVENT_NAMES.flatMap((name, item) => (/^thp_|^pgreuse/.test(name) ? [item] : []));
const STATES = NODE_STAT_NAMES.flatMap((name, item) => (/^nr_anon|^nr_page_table/.test(name) ? [item] : []));

/**
 * Runs operations on a machine with `parts`: one observation each. Not in Linux: a helper of the course.
 */
export function* runHuge(
  parts: Partial<MachineParts>,
  operations: readonly HugeOp[],
): Generator<HugeObservation> {
  const bench = new HugeBench(parts);
  for (const op of operations) yield bench.run(op);
}

/** What the lib's own parts do, by workload: the same for every submission. */
const KNOWN = new Map<string, readonly HugeObservation[]>();
const MAX_KNOWN = 300;

/**
 * The same with the lib's own parts, carried out once for each workload. Not in Linux: a helper of the
 * course.
 */
export function referenceHuge(operations: readonly HugeOp[]): readonly HugeObservation[] {
  const key = operations.map(({ op, who, block, page }) => `${op}${who}${block}.${page}`).join(" ");
  const known = KNOWN.get(key) ?? [...runHuge({}, operations)];
  if (KNOWN.size < MAX_KNOWN) KNOWN.set(key, known);
  return known;
}
