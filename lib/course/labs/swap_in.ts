/**
 * Test bench of lab 06.3: processes whose memory goes out to swap and comes back, on a machine with a
 * learner's doSwapPage and on the lib's own.
 *
 *   operations --> boot, swap on the device in question --> processes read, write, fork; reclaim takes pages out
 *
 *   afterwards     what each call of doSwapPage returned: "C1, page 3, write: VM_FAULT_MAJOR"
 *                  every page: mapped how, or in which slot and with which marks
 *                  every slot: its count, and whether a folio has its bytes
 *                  what was counted: faults, pages read, readahead
 *                  the kernel's books worked out again (papers.ts, swap_papers.ts)
 *
 * What happens in the middle of a fault (another thread is faster, the folio leaves the cache, no page is
 * free) is played at the two points where a fault lets others run: it asks for a free page, or waits.
 *
 * Not in Linux: a helper of the course. Read first: swap_in_ops.ts, papers.ts. Read next: swap_in_device.ts,
 * swap_in_seen.ts.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { handleMmFault } from "../../mm/fault/memory.js";
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_WRITE,
  VM_FAULT_RETRY,
  type VmFault,
} from "../../mm/fault/vm_fault.js";
import { folioIsolateLru } from "../../mm/lru/isolate.js";
import { reclaimPages } from "../../mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import { type MmStruct, VM_LOCKED, VM_WRITE } from "../../mm/mm_types.js";
import { type Folio, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../../mm/pages/gfp.js";
import { nrUnusedPages } from "../../mm/pages/page_alloc.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { ptePfn, ptePresent, ptepGet, setPte } from "../../mm/pgtable/pgtable.js";
import { pteOffset } from "../../mm/pgtable/pgtable_alloc.js";
import { isSwapPte, pteToSwpEntry, swpEntry, swpEntryToPte } from "../../mm/pgtable/swapops.js";
import { folioSwap, swapCacheDelFolio } from "../../mm/swap/swap_state.js";
import { SWAP_HAS_CACHE } from "../../mm/swap/swap_types.js";
import { PGMAJFAULT, PGREUSE, PSWPIN, SWAP_RA, SWAP_RA_HIT } from "../../mm/vmstat.js";
import { brokenInvariants, foliosInBatches, type Owner, wrongPapers } from "./papers.js";
import { faultText } from "./read_fault.js";
import { type DroppableSwap, swapOn } from "./swap_in_device.js";
import {
  FIRST_AREA,
  MAX_SWAP_IN_PROCESSES,
  NR_SWAP_IN_PAGES,
  type SwapInDevice,
  type SwapInOp,
} from "./swap_in_ops.js";
import {
  pagesSeen,
  SWAP_IN_BASE,
  SWAP_IN_SECOND,
  SWAP_IN_WORK,
  type SwapInMember,
  type SwapInObservation,
  slotsSeen,
  swapInAddress,
  swapInPageText,
} from "./swap_in_seen.js";
import { wrongSwapPapers } from "./swap_papers.js";

const WORK_PAGES = 280;
/** Pages of the program that fills swap: more than half of it. */
const HOG_PAGES = 140;

const EARLY =
  "the slot's mark is taken away (swapcacheClear) before the entry maps the page: another could read the slot in between, into a page of its own";

/** A machine whose memory is in swap. */
class SwapBench {
  readonly machine: Machine;
  private readonly swap: DroppableSwap;
  private readonly members: SwapInMember[] = [];
  private born = 0;
  private value = 0;
  private hog: Process | undefined;
  private freeAtStart = 0;
  private faults: string[] = [];
  /** What will happen in the middle of the next fault, and how deep in faults we are. */
  private atAlloc: SwapInOp["op"] | undefined;
  private atWait: SwapInOp["op"] | undefined;
  private starving: "starve" | "nocopy" | undefined;
  private copying = false;
  /** Calls of doSwapPage since the books were worked out, and what they said. */
  private calls = 0;
  private lastBooks: readonly string[] = [];
  private readonly running: VmFault[] = [];

  constructor(parts: Partial<MachineParts>, device: SwapInDevice) {
    this.machine = boot({ ram: "1 MiB", softDirty: true, parts });
    this.swap = swapOn(this.machine.kernel, device, () => {
      if (this.running.length > 0 && this.atWait === "forget") this.forget();
    });
    this.freeAtStart = nrUnusedPages(this.machine.kernel.sys);
    const process = this.machine.spawn("P");
    for (const [at, pages] of [
      [SWAP_IN_BASE, FIRST_AREA],
      [SWAP_IN_SECOND, NR_SWAP_IN_PAGES - FIRST_AREA],
      [SWAP_IN_WORK, WORK_PAGES],
    ] as const)
      process.mmap(pages * PAGE_SIZE, { at, fixed: true });
    for (const signal of ["SIGBUS", "SIGSEGV"] as const) process.on(signal, () => {});
    this.add("P", process);
    for (let page = 0; page < NR_SWAP_IN_PAGES; page++) process.store(swapInAddress(page), 1, page + 101);
    lruAddDrainAll(this.machine.kernel.sys);
    this.watch();
  }

  private add(name: string, process: Process): void {
    this.members.push({ name, process });
    this.born++;
  }

  /** Takes down what doSwapPage returns, and plays what happens in the middle of it. */
  private watch(): void {
    const { sys } = this.machine.kernel;
    const { doSwapPage, doWpPage, swapEntryPut } = sys.parts;
    let early: number | undefined; // the entry when the mark of a direct read was taken away
    sys.parts = {
      ...sys.parts,
      swapEntryPut: (system, si, offset, usage) => {
        const ptep = this.running.at(-1)?.ptep;
        const direct = usage === SWAP_HAS_CACHE && this.swap.folioOf(offset) === undefined;
        if (direct && ptep !== undefined && !ptePresent(ptepGet(sys.ram, ptep))) early = ptep;
        return swapEntryPut(system, si, offset, usage);
      },
      doWpPage: (vmf) => {
        this.copying = true;
        const ret = doWpPage(vmf);
        this.copying = false;
        return ret;
      },
      doSwapPage: (vmf) => {
        const at = `${this.nameOf(vmf.vma.vmMm)}, ${swapInPageText(vmf.address)}`;
        const how = (vmf.flags & FAULT_FLAG_WRITE) === 0 ? "read" : "write";
        const thread = this.running.length > 0 ? "another thread of " : "";
        this.running.push(vmf);
        this.calls++;
        const ret = doSwapPage(vmf);
        this.running.pop();
        if (early === vmf.ptep && ptePresent(ptepGet(sys.ram, early))) this.faults.push(EARLY);
        early = undefined;
        if (this.running.length === 0) this.starving = undefined;
        if (vmf.address < SWAP_IN_WORK) this.faults.push(`${thread}${at}, ${how}: ${faultText(ret)}`);
        return ret;
      },
    };
    sys.shouldFailAllocPage = (gfp) => {
      if (this.running.length === 0 || gfp !== GFP_HIGHUSER_MOVABLE) return false;
      if (this.atAlloc !== undefined) this.another(this.take("atAlloc"));
      if (this.running.length > 1) return false;
      return this.starving === "starve" || (this.starving === "nocopy" && this.copying);
    };
    const { sched } = this.machine.kernel;
    const waitUntil = sched.waitUntil.bind(sched);
    sched.waitUntil = (reason, condition) => {
      waitUntil(reason, condition);
      if (this.running.length === 0 || reason !== "io" || this.atWait === undefined) return;
      if (this.atWait === "forget") this.forget();
      else if (this.atWait === "lose") this.lose();
      else this.another(this.take("atWait"));
    };
  }

  private take(where: "atAlloc" | "atWait"): SwapInOp["op"] {
    const what = this[where]!;
    this[where] = undefined;
    return what;
  }

  /** Another thread of the process touches the page that the fault is about. */
  private another(how: SwapInOp["op"]): void {
    const vmf = this.running.at(-1)!;
    const writes = (how === "racew" || how === "latew") && (vmf.vma.vmFlags & VM_WRITE) !== 0;
    const write = writes ? FAULT_FLAG_WRITE : 0;
    for (let tries = 0; tries < 3; tries++) {
      const ret = handleMmFault(vmf.vma, vmf.address, write | FAULT_FLAG_ALLOW_RETRY);
      if (typeof ret === "number" && (ret & VM_FAULT_RETRY) === 0) return;
    }
  }

  /** The folio that the fault waits for is taken out of the swap cache: the slot keeps the bytes. */
  private lose(): void {
    this.take("atWait");
    const { sys } = this.machine.kernel;
    const entry = pteToSwpEntry(this.running.at(-1)!.origPte);
    const folio = this.swap.folios().find((one) => folioSwap(one) === entry);
    if (folio !== undefined && folio.mapcount === 0) swapCacheDelFolio(sys, folio);
  }

  /** Nobody needs the page any more that the fault is about. */
  private forget(): void {
    this.take("atWait");
    const { vma, address } = this.running.at(-1)!;
    const member = this.members.find(({ process }) => process.mm === vma.vmMm);
    if ((vma.vmFlags & VM_LOCKED) === 0) member?.process.madvise(address, PAGE_SIZE, "DONTNEED");
  }

  private nameOf(mm: MmStruct): string {
    return this.members.find(({ process }) => process.mm === mm)?.name ?? "the hog";
  }

  run(op: SwapInOp): SwapInObservation {
    this.faults = [];
    const member = this.members[op.who % Math.max(1, this.members.length)];
    const nobody = { did: "nobody is left", faults: [], pages: [], slots: [], counted: {}, books: [] };
    if (member === undefined) return nobody;
    const did = op.op === "end" ? this.end() : this.act(member, op);
    const faults = this.faults;
    return {
      did,
      faults,
      pages: pagesSeen(this.members),
      slots: slotsSeen(this.swap.si, this.hog?.mm),
      counted: this.counted(),
      books: this.books(),
    };
  }

  private act(member: SwapInMember, op: SwapInOp): string {
    const { process, name } = member;
    try {
      return `${name}: ${this.ofMachine(op.op) ?? this.ofProcess(member, op) ?? this.ofPage(member, op)}`;
    } catch (error) {
      if (!process.alive) this.members.splice(this.members.indexOf(member), 1);
      if (error instanceof SyscallError) return `${name} gets ${error.code}`;
      if (error instanceof SignalError) return `${name} gets ${error.signal} at page ${op.page}`;
      throw error;
    }
  }

  /** What is not about a process; undefined for the rest. */
  private ofMachine(op: SwapInOp["op"]): string | undefined {
    if (op === "drop") this.swap.drop();
    else if (op === "fail") this.swap.failRead();
    else if (op === "starve" || op === "nocopy") this.starving = op;
    else if (op === "race" || op === "racew") this.atAlloc = op;
    else if (op === "late" || op === "latew" || op === "lose" || op === "forget") this.atWait = op;
    else if (op === "alone") this.machine.kernel.sys.sysctl.pageCluster = 0;
    else if (op === "hog") this.fillSwap();
    else if (op === "unhog") {
      this.hog?.exit();
      this.hog = undefined;
    } else return undefined;
    return "waits";
  }

  /** Another program's memory goes to swap. */
  private fillSwap(): void {
    if (this.hog !== undefined) return;
    this.hog = this.machine.spawn("hog");
    const at = this.hog.mmap(HOG_PAGES * PAGE_SIZE);
    for (let page = 0; page < HOG_PAGES; page++) {
      this.hog.store(at + page * PAGE_SIZE, 1, 200);
      if (page % 20 === 19) this.takeOut(this.hog, at + (page - 19) * PAGE_SIZE, 20);
    }
    this.swap.drop();
  }

  private ofProcess(member: SwapInMember, { op }: SwapInOp): string | undefined {
    const { process } = member;
    if (op === "grow") {
      process.mmap(PAGE_SIZE, { at: swapInAddress(NR_SWAP_IN_PAGES), fixed: true });
      return "maps one page more";
    }
    if (op === "fork") {
      if (this.members.length >= MAX_SWAP_IN_PROCESSES) return "may not fork: four are enough";
      const name = `C${this.born}`;
      this.add(name, process.fork(name));
      return `forks ${name}`;
    }
    if (op === "exit") {
      this.members.splice(this.members.indexOf(member), 1);
      process.exit();
      return "exits";
    }
    if (op === "watch") {
      this.machine.procfs.write(`/proc/${process.pid}/clear_refs`, "4");
      return "is watched";
    }
    return op === "work" ? this.work(process) : undefined;
  }

  /** More memory than there is RAM: reclaim runs, and everything must come back. */
  private work(process: Process): string {
    for (let page = 0; page < WORK_PAGES; page++)
      process.store(SWAP_IN_WORK + page * PAGE_SIZE, 2, page * 7 + 1);
    let wrong = 0;
    for (let page = 0; page < WORK_PAGES; page++)
      if (process.load(SWAP_IN_WORK + page * PAGE_SIZE, 2) !== page * 7 + 1) wrong++;
    process.madvise(SWAP_IN_WORK, WORK_PAGES * PAGE_SIZE, "DONTNEED");
    return `works on ${WORK_PAGES} pages, ${wrong} of them come back wrong`;
  }

  private ofPage({ process }: SwapInMember, { op, page }: SwapInOp): string {
    const va = swapInAddress(page);
    if (op === "read") return `reads ${process.load(va)} in page ${page}`;
    if (op === "write") {
      this.value = (this.value % 90) + 1;
      process.store(va, 1, this.value);
      return `writes ${this.value} to page ${page}`;
    }
    if (op === "ask" || op === "askw") return this.ask(process.mm, page, op === "askw");
    if (op === "gone") return this.askTooLate(process.mm, page);
    if (op === "mlock") process.mlock(va, PAGE_SIZE);
    else if (op === "munlock") process.munlock(va, PAGE_SIZE);
    else if (op === "protect") process.mprotect(va, PAGE_SIZE, "r");
    else if (op === "guard") process.madvise(va, PAGE_SIZE, "GUARD_INSTALL");
    else return `${this.takeOut(process, va, 1, op === "out")} of page ${page} is taken out`;
    return `${op} page ${page}`;
  }

  /** A fault that no instruction causes, and that may not end with VM_FAULT_RETRY. */
  private ask(mm: MmStruct, page: number, write: boolean): string {
    const vma = mm.mmMt.lookup(swapInAddress(page))!;
    if (write && (vma.vmFlags & VM_WRITE) === 0) return "may not write it";
    const ret = handleMmFault(vma, swapInAddress(page), write ? FAULT_FLAG_WRITE : 0);
    return `a driver's fault on page ${page} returns ${faultText(ret)}`;
  }

  /** The same for an entry that names a slot of an area that swapoff has just taken away. */
  private askTooLate(mm: MmStruct, page: number): string {
    const { ram } = mm.sys;
    const ptep = pteOffset(mm, swapInAddress(page));
    const pte = ptepGet(ram, ptep);
    if (!isSwapPte(pte)) return `page ${page} is not in swap`;
    setPte(ram, ptep, swpEntryToPte(swpEntry(7, 1)));
    const said = this.ask(mm, page, false);
    setPte(ram, ptep, pte);
    return said;
  }

  /** Reclaims pages, used or not; how many went. */
  private takeOut(process: Process, va: number, nrPages: number, wait = true): number {
    const { kernel } = this.machine;
    const { sys } = kernel;
    lruAddDrainAll(sys);
    const folios = new Set<Folio>();
    walkPageRange(process.mm, va, va + nrPages * PAGE_SIZE, {
      pteEntry(pte) {
        if (ptePresent(pte)) folios.add(pageFolio(pfnToPage(sys, ptePfn(pte))));
      },
    });
    const isolated = [...folios].filter((folio) => folioIsolateLru(sys, folio));
    reclaimPages(sys, isolated);
    if (wait) kernel.sched.settle();
    if (wait) lruAddDrainAll(sys);
    return isolated.filter((folio) => folio.mapcount === 0).length;
  }

  private counted(): Record<string, number> {
    const { events } = this.machine.kernel.sys.vmStat;
    const counted: Record<string, number> = {
      pgmajfault: events[PGMAJFAULT]!,
      pswpin: events[PSWPIN]!,
      swap_ra: events[SWAP_RA]!,
      swap_ra_hit: events[SWAP_RA_HIT]!,
      pgreuse: events[PGREUSE]!,
    };
    for (const { name, process } of this.members) {
      const { minFlt, majFlt } = process.getrusage();
      counted[`minor faults of ${name}`] = minFlt;
      counted[`major faults of ${name}`] = majFlt;
    }
    return counted;
  }

  /**
   * Where the kernel's books do not say what the tables hold; only doSwapPage can have made them wrong.
   * Whose page it is, is found out here by counts, as in doWpPage; the reverse map is not narrowed.
   */
  private books(): readonly string[] {
    if (this.calls === 0) return this.lastBooks;
    this.calls = 0;
    const books = this.workBooksOut();
    this.lastBooks = books.filter((line) => !line.includes("folioMoveAnonRmap"));
    return this.lastBooks;
  }

  private workBooksOut(): string[] {
    const { kernel } = this.machine;
    const { sys } = kernel;
    const owners = this.members.map(
      ({ name, process }): Owner => ({ name, mm: process.mm, pageText: swapInPageText }),
    );
    if (this.hog !== undefined) owners.push({ name: "the hog", mm: this.hog.mm, pageText: () => "a page" });
    const wrong = [...wrongSwapPapers(sys, owners, foliosInBatches(sys)), ...wrongPapers(sys, owners)];
    if (wrong.some((line) => !line.includes("folioMoveAnonRmap"))) return wrong;
    const mms = [...kernel.tasks.values()].flatMap(({ mm }) => (mm === undefined ? [] : [mm]));
    return brokenInvariants(sys, [kernel.initMm, ...new Set(mms)]);
  }

  private end(): string {
    const { sys } = this.machine.kernel;
    this.hog?.exit();
    this.hog = undefined;
    for (const { process } of this.members.splice(0)) process.exit();
    this.machine.kernel.sched.settle();
    lruAddDrainAll(sys);
    this.swap.drop();
    const lost = this.freeAtStart - nrUnusedPages(sys);
    return `everybody exits; ${lost} frames and ${this.swap.si.inusePages} slots are still in use`;
  }
}

/** Runs operations on a machine with `parts`, swap on `device`: one observation each. */
export function* runSwapIn(
  parts: Partial<MachineParts>,
  device: SwapInDevice,
  operations: readonly SwapInOp[],
): Generator<SwapInObservation> {
  const bench = new SwapBench(parts, device);
  for (const op of operations) yield bench.run(op);
}

/** What the lib's own doSwapPage does, by device and workload: the same for every submission. */
const KNOWN = new Map<string, readonly SwapInObservation[]>();
const MAX_KNOWN = 300;

/**
 * The same with the lib's own part, carried out once for each workload. Not in Linux: a helper of the course.
 */
export function referenceSwapIn(
  device: SwapInDevice,
  operations: readonly SwapInOp[],
): readonly SwapInObservation[] {
  const key = `${device} ${operations.map(({ op, who, page }) => `${op}${who}${page}`).join(" ")}`;
  const known = KNOWN.get(key) ?? [...runSwapIn({}, device, operations)];
  if (KNOWN.size < MAX_KNOWN) KNOWN.set(key, known);
  return known;
}
