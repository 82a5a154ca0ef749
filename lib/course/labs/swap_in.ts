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
 * Not in Linux: a helper of the course. Read first: swap_in_ops.ts, papers.ts. Read next: swap_in_device.ts.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { handleMmFault } from "../../mm/fault/memory.js";
import { FAULT_FLAG_ALLOW_RETRY, FAULT_FLAG_WRITE, type VmFault } from "../../mm/fault/vm_fault.js";
import { folioIsolateLru } from "../../mm/lru/isolate.js";
import { reclaimPages } from "../../mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import type { MmStruct } from "../../mm/mm_types.js";
import { type Folio, PG_swapcache, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../../mm/pages/gfp.js";
import { nrUnusedPages } from "../../mm/pages/page_alloc.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { pteDirty, ptePfn, ptePresent, pteWrite } from "../../mm/pgtable/pgtable.js";
import { pteSoftDirty, pteSwpSoftDirty } from "../../mm/pgtable/soft_dirty.js";
import { isPteMarker, pteSwpExclusive, pteToSwpEntry, swpOffset } from "../../mm/pgtable/swapops.js";
import { folioSwap, swapCacheDelFolio } from "../../mm/swap/swap_state.js";
import { SWAP_HAS_CACHE, SWAP_MAP_BAD } from "../../mm/swap/swap_types.js";
import { PGMAJFAULT, PSWPIN, SWAP_RA, SWAP_RA_HIT } from "../../mm/vmstat.js";
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
import { wrongSwapPapers } from "./swap_papers.js";

const BASE = 0x1000_0000_0000;
const SECOND = BASE + 0x4000_0000;
const WORK = BASE + 0x8000_0000;
const WORK_PAGES = 520;
/** Pages of the program that fills swap: more than half of it. */
const HOG_PAGES = 140;

function addressOf(page: number): number {
  return page < FIRST_AREA ? BASE + page * PAGE_SIZE : SECOND + (page - FIRST_AREA) * PAGE_SIZE;
}

function pageText(addr: number): string {
  if (addr >= WORK) return `page ${(addr - WORK) / PAGE_SIZE} of its work`;
  return `page ${addr < SECOND ? (addr - BASE) / PAGE_SIZE : FIRST_AREA + (addr - SECOND) / PAGE_SIZE}`;
}

interface Member {
  readonly name: string;
  readonly process: Process;
}

/** What one operation did: told, and compared. */
interface SwapInObservation {
  readonly did: string;
  readonly faults: readonly string[];
  readonly pages: readonly string[];
  readonly slots: readonly string[];
  readonly counted: Readonly<Record<string, number>>;
  readonly books: readonly string[];
}

/** An observation as text. */
export function swapInText({ did, faults, pages, slots, counted, books }: SwapInObservation): string {
  const counts = Object.entries(counted).map(([name, count]) => `${name} ${count}`);
  return [did, ...faults, ...pages, ...slots, counts.join(", "), ...books].join("\n  ");
}

/** What a wrong counter means, where its name does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  pgmajfault: ": count PGMAJFAULT where the page was not in the swap cache, and only there",
  swap_ra_hit: ": swapUpdateReadahead is told of each page that is found in the swap cache",
};

/** What is wrong in `got`, in a sentence. */
export function swapInMistake(got: SwapInObservation, expected: SwapInObservation): string | undefined {
  if (got.books.length > 0) return got.books[0];
  const fault = expected.faults.findIndex((text, i) => text !== got.faults[i]);
  const extra = got.faults[expected.faults.length];
  if (fault >= 0)
    return `${got.faults[fault] ?? "doSwapPage is not called once more"}; it should be: ${expected.faults[fault]}`;
  if (extra !== undefined) return `doSwapPage is called once more than it should be: ${extra}`;
  for (const which of ["pages", "slots"] as const) {
    const at = expected[which].findIndex((text, i) => text !== got[which][i]);
    if (at >= 0) return `Afterwards, ${got[which][at] ?? "it is free"}; it should be: ${expected[which][at]}`;
    if (got[which].length > expected[which].length)
      return `Afterwards, ${got[which][expected[which].length]}; it should be free`;
  }
  for (const [name, count] of Object.entries(expected.counted))
    if (got.counted[name] !== count)
      return `${name} is ${got.counted[name]}; it should be ${count}${HINTS[name] ?? ""}`;
  return got.did === expected.did ? undefined : `${got.did}; it should be: ${expected.did}`;
}

/** A machine whose memory is in swap. */
class SwapBench {
  readonly machine: Machine;
  private readonly swap: DroppableSwap;
  private readonly members: Member[] = [];
  private born = 0;
  private value = 0;
  private hog: Process | undefined;
  private freeAtStart = 0;
  private faults: string[] = [];
  /** What will happen in the middle of the next fault, and how deep in faults we are. */
  private atAlloc: SwapInOp["op"] | undefined;
  private atWait: SwapInOp["op"] | undefined;
  private starving = false;
  private readonly running: VmFault[] = [];

  constructor(parts: Partial<MachineParts>, device: SwapInDevice) {
    this.machine = boot({ ram: "2 MiB", cpus: 2, softDirty: true, parts });
    this.swap = swapOn(this.machine.kernel, device);
    this.freeAtStart = nrUnusedPages(this.machine.kernel.sys);
    const process = this.machine.spawn("P");
    for (const [at, pages] of [
      [BASE, FIRST_AREA],
      [SECOND, NR_SWAP_IN_PAGES - FIRST_AREA],
      [WORK, WORK_PAGES],
    ] as const)
      process.mmap(pages * PAGE_SIZE, { at, fixed: true });
    for (const signal of ["SIGBUS", "SIGSEGV"] as const) process.on(signal, () => {});
    this.add("P", process);
    for (let page = 0; page < NR_SWAP_IN_PAGES; page++) process.store(addressOf(page), 1, page + 101);
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
    const { doSwapPage } = sys.parts;
    sys.parts = {
      ...sys.parts,
      doSwapPage: (vmf) => {
        const at = `${this.nameOf(vmf.vma.vmMm)}, ${pageText(vmf.address)}`;
        const how = (vmf.flags & FAULT_FLAG_WRITE) === 0 ? "read" : "write";
        const thread = this.running.length > 0 ? "another thread of " : "";
        this.running.push(vmf);
        const ret = doSwapPage(vmf);
        this.running.pop();
        if (this.running.length === 0) this.starving = false;
        if (vmf.address < WORK) this.faults.push(`${thread}${at}, ${how}: ${faultText(ret)}`);
        return ret;
      },
    };
    sys.shouldFailAllocPage = (gfp) => {
      if (this.running.length === 0 || gfp !== GFP_HIGHUSER_MOVABLE) return false;
      if (this.atAlloc !== undefined) this.another(this.take("atAlloc"));
      return this.starving;
    };
    const { sched } = this.machine.kernel;
    const waitUntil = sched.waitUntil.bind(sched);
    sched.waitUntil = (reason, condition) => {
      waitUntil(reason, condition);
      if (this.running.length === 0 || reason !== "io" || this.atWait === undefined) return;
      const what = this.take("atWait");
      if (what === "lose") this.lose();
      else this.another(what);
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
    const write = how === "racew" || how === "latew" ? FAULT_FLAG_WRITE : 0;
    for (let tries = 0; tries < 3; tries++) {
      const ret = handleMmFault(vmf.vma, vmf.address, write | FAULT_FLAG_ALLOW_RETRY);
      if (typeof ret === "number" && (ret & 0x400) === 0) return;
    }
  }

  /** The folio that the fault waits for is taken out of the swap cache: the slot keeps the bytes. */
  private lose(): void {
    const { sys } = this.machine.kernel;
    const entry = pteToSwpEntry(this.running.at(-1)!.origPte);
    const folio = this.swap.folios().find((one) => folioSwap(one) === entry);
    if (folio !== undefined && folio.mapcount === 0) swapCacheDelFolio(sys, folio);
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
      pages: this.pages(),
      slots: this.slots(),
      counted: this.counted(),
      books: this.books(),
    };
  }

  private act(member: Member, op: SwapInOp): string {
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
    else if (op === "starve") this.starving = true;
    else if (op === "race" || op === "racew") this.atAlloc = op;
    else if (op === "late" || op === "latew" || op === "lose") this.atWait = op;
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

  private ofProcess(member: Member, { op }: SwapInOp): string | undefined {
    const { process } = member;
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
    for (let page = 0; page < WORK_PAGES; page++) process.store(WORK + page * PAGE_SIZE, 2, page * 7 + 1);
    let wrong = 0;
    for (let page = 0; page < WORK_PAGES; page++)
      if (process.load(WORK + page * PAGE_SIZE, 2) !== page * 7 + 1) wrong++;
    process.madvise(WORK, WORK_PAGES * PAGE_SIZE, "DONTNEED");
    return `works on ${WORK_PAGES} pages, ${wrong} of them come back wrong`;
  }

  private ofPage({ process }: Member, { op, page }: SwapInOp): string {
    const va = addressOf(page);
    if (op === "read") return `reads ${process.load(va)} in page ${page}`;
    if (op === "write") {
      this.value = (this.value % 90) + 1;
      process.store(va, 1, this.value);
      return `writes ${this.value} to page ${page}`;
    }
    if (op === "ask" || op === "askw") return this.ask(process.mm, page, op === "askw");
    if (op === "mlock") process.mlock(va, PAGE_SIZE);
    else if (op === "munlock") process.munlock(va, PAGE_SIZE);
    else if (op === "protect") process.mprotect(va, PAGE_SIZE, "r");
    else if (op === "guard") process.madvise(va, PAGE_SIZE, "GUARD_INSTALL");
    else return `${this.takeOut(process, va, 1, op === "out")} of page ${page} is taken out`;
    return `${op} page ${page}`;
  }

  /** A fault that no instruction causes, and that may not end with VM_FAULT_RETRY. */
  private ask(mm: MmStruct, page: number, write: boolean): string {
    const vma = mm.mmMt.lookup(addressOf(page))!;
    if (write && (vma.vmFlags & 2) === 0) return "may not write it";
    const ret = handleMmFault(vma, addressOf(page), write ? FAULT_FLAG_WRITE : 0);
    return `a driver's fault on page ${page} returns ${faultText(ret)}`;
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

  /** Every page of every process: mapped how, or in which slot. */
  private pages(): string[] {
    const { sys } = this.machine.kernel;
    const owners = new Map<number, string[]>();
    const lines: { name: string; addr: number; pte: number }[] = [];
    for (const { name, process } of this.members)
      walkPageRange(process.mm, BASE, WORK, {
        pteEntry(pte, addr) {
          lines.push({ name, addr, pte });
          if (ptePresent(pte)) owners.set(ptePfn(pte), [...(owners.get(ptePfn(pte)) ?? []), name]);
        },
      });
    return lines.map(({ name, addr, pte }) => {
      const what = ptePresent(pte) ? mappedText(pte, owners.get(ptePfn(pte))!) : notMappedText(pte);
      if (!ptePresent(pte)) return `${name}, ${pageText(addr)}: ${what}`;
      const folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
      const marks = [
        folio.anonExclusive ? ", exclusive" : "",
        (folio.flags & PG_swapcache) === 0
          ? ""
          : `, and in the swap cache (slot ${swpOffset(folioSwap(folio))})`,
      ].join("");
      return `${name}, ${pageText(addr)} = ${sys.ram.frame(folio.pfn)[0]}: ${what}${marks}`;
    });
  }

  /** Every slot of the processes that is in use. */
  private slots(): string[] {
    const { swapMap, inusePages } = this.swap.si;
    const lines = [`${inusePages} slots are in use`];
    swapMap.forEach((value, slot) => {
      if (value === 0 || value === SWAP_MAP_BAD || this.swap.isOf(slot, this.hog?.mm)) return;
      const cache = (value & SWAP_HAS_CACHE) === 0 ? "" : ", and in the swap cache";
      lines.push(`slot ${slot}: count ${value & ~SWAP_HAS_CACHE}${cache}`);
    });
    return lines;
  }

  private counted(): Record<string, number> {
    const { events } = this.machine.kernel.sys.vmStat;
    const counted: Record<string, number> = {
      pgmajfault: events[PGMAJFAULT]!,
      pswpin: events[PSWPIN]!,
      swap_ra: events[SWAP_RA]!,
      swap_ra_hit: events[SWAP_RA_HIT]!,
    };
    for (const { name, process } of this.members) {
      const { minFlt, majFlt } = process.getrusage();
      counted[`minor faults of ${name}`] = minFlt;
      counted[`major faults of ${name}`] = majFlt;
    }
    return counted;
  }

  /** Where the kernel's books do not say what the tables hold. */
  private books(): string[] {
    const { kernel } = this.machine;
    const { sys } = kernel;
    const owners = this.members.map(({ name, process }): Owner => ({ name, mm: process.mm, pageText }));
    if (this.hog !== undefined) owners.push({ name: "the hog", mm: this.hog.mm, pageText: () => "a page" });
    const wrong = [...wrongSwapPapers(sys, owners, foliosInBatches(sys)), ...wrongPapers(sys, owners)];
    if (wrong.length > 0) return wrong;
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

function mappedText(pte: number, names: readonly string[]): string {
  const marks = [
    pteWrite(pte) ? "writable" : "read-only",
    pteDirty(pte) ? "dirty" : "clean",
    pteSoftDirty(pte) ? "soft-dirty" : "not soft-dirty",
  ];
  return `mapped, ${marks.join(", ")}${names.length > 1 ? `, shared by ${names.join(" and ")}` : ""}`;
}

function notMappedText(pte: number): string {
  if (isPteMarker(pte)) return "a marker";
  const marks = [pteSwpExclusive(pte) ? ", exclusive" : "", pteSwpSoftDirty(pte) ? ", soft-dirty" : ""];
  return `in swap, slot ${swpOffset(pteToSwpEntry(pte))}${marks.join("")}`;
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
