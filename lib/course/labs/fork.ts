/**
 * Test bench of lab 04: families of processes that fork, write and exit, on a machine with a learner's part
 * and on the lib's own.
 *
 *   FamilyOp   write, read, fork, exit, guard, look (a read by a second thread, on the other CPU),
 *              populate (a write fault without an instruction that writes), protect (the entry alone becomes
 *              read-only, to learn of the next write), hold (a driver takes a reference of the page)
 *   pages      0-3 private, 4-5 shared, 6-7 private pages of a file, 8-9 shared pages of the same file,
 *              a-b private pages in the middle of a large folio of another file (four pages under one refcount)
 *
 * After each operation the bench takes down what was read, whether a write kept its frame, what was allocated
 * and with which flags, and for every process each page: its first bytes, its rights, and who shares its
 * frame. The kernel's books are worked out again from the tables (papers.ts), so that what was forgotten is
 * seen at once and not only when the page is freed.
 *
 * Another CPU is played, too: it reads through an entry during flushes, and sets A in an entry that fork
 * copies.
 *
 * Not in Linux: a helper of the course. Read first: course/grading/workload.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import type { MmStruct } from "../../mm/mm_types.js";
import { type Folio, folioGet, folioTestAnon, PG_dirty, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { folioPutRefs } from "../../mm/pages/free_pages.js";
import { GFP_PGTABLE_USER } from "../../mm/pages/gfp.js";
import { nrUnusedPages } from "../../mm/pages/page_alloc.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import {
  pteDirty,
  pteMkyoung,
  ptePfn,
  ptePresent,
  ptepGet,
  pteWrite,
  pteWrprotect,
  pteYoung,
  setPte,
} from "../../mm/pgtable/pgtable.js";
import { flushTlbPage } from "../../mm/pgtable/tlb.js";
import type { FamilyOp } from "./fork_ops.js";
import { AREAS, LARGE_FILE_PAGE, MAX_PROCESSES, NR_PAGES, pageText } from "./fork_ops.js";
import { allocationText, brokenInvariants, type Owner, wrongPapers } from "./papers.js";

const BASE = 0x1000_0000_0000;
const GAP = 0x20_0000;

function addressOf(page: number): number {
  return BASE + Math.floor(page / 2) * GAP + (page % 2) * PAGE_SIZE;
}

function pageAt(addr: number): number {
  return Math.floor((addr - BASE) / GAP) * 2 + ((addr - BASE) % GAP) / PAGE_SIZE;
}

interface Member {
  readonly name: string;
  readonly process: Process;
  thread: Process | undefined;
}

/** What one operation did: told, and compared. */
interface FamilyObservation {
  readonly did: string;
  /**
   * Pages allocated, with their flags; and what the entry of the page in question was while TLBs were
   * flushed.
   */
  readonly onTheWay: readonly string[];
  readonly pages: readonly string[];
  /** What the kernel's books say and the tables do not. */
  readonly books: readonly string[];
}

/** An observation as text. */
export function familyObservationText({ did, onTheWay, pages, books }: FamilyObservation): string {
  return [did, ...onTheWay, ...pages, ...books].join("\n  ");
}

/**
 * What is wrong in `got`, in a sentence: a wrong paper, a page that was taken the wrong way, an entry that is
 * not as it should be.
 */
export function familyMistake(got: FamilyObservation, expected: FamilyObservation): string | undefined {
  if (got.books.length > 0) return got.books[0];
  if (!got.onTheWay.some(isFlush) && expected.onTheWay.some(isFlush))
    return "The TLBs are not flushed: another CPU's TLB may still lead to the old page";
  if (got.onTheWay.join() !== expected.onTheWay.join()) {
    const [g, e] = [got, expected].map(({ onTheWay }) => onTheWay.join("; ") || "no page is allocated");
    return `On the way ${g}; it should be: ${e}`;
  }
  const at = expected.pages.findIndex((line, nr) => line !== got.pages[nr]);
  if (got.did !== expected.did || at < 0 || got.pages[at] === undefined) return undefined;
  return `Afterwards, ${got.pages[at]}; it should be: ${expected.pages[at]}`;
}

function isFlush(what: string): boolean {
  return what.startsWith(AT_FLUSH);
}

const AT_FLUSH = "when the TLBs are flushed";

/** A family on one machine. */
class Family {
  readonly machine: Machine;
  private readonly members: Member[] = [];
  private born = 0;
  private value = 0;
  private readonly freeAtStart: number;
  private readonly onTheWay: string[] = [];
  private readonly held = new Map<Folio, number>();
  private written: { mm: MmStruct; va: number } | undefined;

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "2 MiB", cpus: 2, parts });
    const { kernel } = this.machine;
    for (const [path, pages] of [
      ["/data", 4],
      ["/large", 12],
    ] as const) {
      const bytes = new Uint8Array(pages * PAGE_SIZE).map((_, i) => 100 + Math.floor(i / PAGE_SIZE));
      kernel.files.writeFile(path, bytes);
    }
    this.readLarge();
    lruAddDrainAll(kernel.sys);
    this.freeAtStart = nrUnusedPages(kernel.sys);
    this.useAllFrames();
    const process = this.machine.spawn("P");
    this.mapAll(process);
    this.add("P", process);
    this.watch();
  }

  /** Reads the large file from its beginning: readahead then brings it in with larger and larger folios. */
  private readLarge(): void {
    const process = this.machine.spawn("reader");
    const fd = process.open("/large");
    process.dropCache(fd);
    const buffer = process.mmap(PAGE_SIZE);
    for (let page = 0; page < 8; page++) process.read(fd, buffer, PAGE_SIZE);
    process.exit();
  }

  /** Takes down what happens inside an operation, and plays the other CPU. */
  private watch(): void {
    const { sys } = this.machine.kernel;
    sys.shouldFailAllocPage = (gfp, order) => {
      if (gfp !== GFP_PGTABLE_USER) this.onTheWay.push(`allocates ${allocationText(gfp, order)}`);
      return false;
    };
    const { catchUp, copyPresentPte } = sys.parts;
    const atFlush = (): void => {
      if (this.written === undefined) return;
      const isThere = pfnAt(this.written.mm, this.written.va) !== undefined;
      this.onTheWay.push(
        isThere
          ? `${AT_FLUSH}, the old entry is still there: another CPU can take it up again`
          : `${AT_FLUSH}, the entry is empty`,
      );
    };
    sys.parts = {
      ...sys.parts,
      catchUp: (localGen, mmGen, requestGen) => {
        atFlush();
        return catchUp(localGen, mmGen, requestGen);
      },
      copyPresentPte: (dstVma, srcVma, dstPtep, srcPtep, srcPte) => {
        // Another CPU reads the page just now; what is written over its A is lost.
        if (!pteWrite(srcPte)) setPte(sys.ram, srcPtep, pteMkyoung(ptepGet(sys.ram, srcPtep)));
        return copyPresentPte(dstVma, srcVma, dstPtep, srcPtep, srcPte);
      },
    };
  }

  /** Free frames hold what their last owner left, as on a machine that has run for a while. */
  private useAllFrames(): void {
    const { sys } = this.machine.kernel;
    for (let pfn = 1; pfn < sys.ram.nrFrames; pfn++)
      if (pageFolio(pfnToPage(sys, pfn)).refcount === 0) sys.ram.frame(pfn).fill(0xee);
  }

  private mapAll(process: Process): void {
    const [fd, large] = [process.open("/data"), process.open("/large")];
    for (let page = 0; page < NR_PAGES; page += 2) {
      const at = addressOf(page);
      const shared = page === AREAS.shared[0] || page === AREAS.sharedFile[0];
      if (page === AREAS.large[0]) {
        process.mmap(8192, { at, fixed: true, fd: large, offset: LARGE_FILE_PAGE * PAGE_SIZE });
        continue;
      }
      const file = page >= AREAS.file[0] ? { fd, offset: (page - 6) * PAGE_SIZE } : {};
      process.mmap(8192, { at, fixed: true, shared, ...file });
    }
    process.close(fd);
    process.close(large);
  }

  private add(name: string, process: Process): void {
    this.members.push({ name, process, thread: undefined });
    this.born++;
  }

  run(op: FamilyOp): FamilyObservation {
    if (op.op === "end") return this.end();
    const member = this.members[op.who % Math.max(1, this.members.length)];
    if (member === undefined) return { did: "nobody is left", onTheWay: [], pages: [], books: [] };
    this.onTheWay.length = 0;
    const writes = op.op === "write" || op.op === "populate";
    this.written = writes ? { mm: member.process.mm, va: addressOf(op.page) } : undefined;
    const did = `${member.name}: ${this.act(member, op)}`;
    return { did, onTheWay: [...this.onTheWay], pages: this.pages(), books: this.books() };
  }

  private act(member: Member, { op, page }: FamilyOp): string {
    const va = addressOf(page);
    const { process } = member;
    try {
      if (op === "read") return `reads ${process.load(va)} in ${pageText(page)}`;
      if (op === "look")
        return `its second thread reads ${this.threadOf(member).load(va)} in ${pageText(page)}`;
      if (op === "write") return this.write(process, page);
      if (op === "hold") return this.hold(process.mm, page);
      if (op === "protect") {
        this.protect(process.mm, va);
        return `${pageText(page)} is watched for its next write`;
      }
      if (op === "populate") {
        process.madvise(va, PAGE_SIZE, "POPULATE_WRITE");
        return `makes ${pageText(page)} ready to be written`;
      }
      if (op === "guard") {
        process.madvise(va, PAGE_SIZE, "GUARD_INSTALL");
        return `guards page ${page}`;
      }
      if (op === "exit") {
        this.members.splice(this.members.indexOf(member), 1);
        process.exit();
        return "exits";
      }
      if (this.members.length >= MAX_PROCESSES) return "may not fork: six are enough";
      const name = `C${this.born}`;
      this.add(name, process.fork(name));
      return `forks ${name}`;
    } catch (error) {
      if (error instanceof SyscallError) return `gets ${error.code} at ${pageText(page)}`;
      if (!(error instanceof SignalError)) throw error;
      if (!process.alive) this.members.splice(this.members.indexOf(member), 1);
      return `gets ${error.signal} at ${pageText(page)}`;
    }
  }

  /** As writing 4 to clear_refs does: the entry loses R/W, and nothing else changes. */
  private protect(mm: MmStruct, va: number): void {
    const { ram } = this.machine.kernel.sys;
    walkPageRange(mm, va, va + PAGE_SIZE, {
      pteEntry(pte, _addr, ptep) {
        if (ptePresent(pte)) setPte(ram, ptep, pteWrprotect(pte));
      },
    });
    flushTlbPage(mm, va);
  }

  /** A reference that is no entry: the page is used by someone who does not map it. */
  private hold(mm: MmStruct, page: number): string {
    const pfn = pfnAt(mm, addressOf(page));
    const { sys } = this.machine.kernel;
    if (pfn === undefined || pfn === sys.zeroPfn) return `has nothing to hold in ${pageText(page)}`;
    const folio = pageFolio(pfnToPage(sys, pfn));
    folioGet(folio);
    this.held.set(folio, (this.held.get(folio) ?? 0) + 1);
    return `${pageText(page)} is held by a driver`;
  }

  private write(process: Process, page: number): string {
    const va = addressOf(page);
    const before = pfnAt(process.mm, va);
    const { minFlt } = process.getrusage();
    this.value = (this.value % 90) + 1;
    process.store(va, 1, this.value);
    process.store(va + 1 + (process.pid % 3), 1, this.value);
    const faults = process.getrusage().minFlt - minFlt;
    const kept =
      before === undefined ? "a first page" : before === pfnAt(process.mm, va) ? "in place" : "in a copy";
    return `writes ${this.value} to ${pageText(page)}, ${kept}, ${faults} fault${faults === 1 ? "" : "s"}`;
  }

  private threadOf(member: Member): Process {
    member.thread ??= member.process.thread(1);
    return member.thread;
  }

  /** Every page that anyone maps: its first bytes, rights, and who shares the frame. */
  private pages(): string[] {
    const { sys } = this.machine.kernel;
    const owners = new Map<number, string[]>();
    const maps = this.members.map(({ process }) => entriesOf(process.mm));
    maps.forEach((entries, i) => {
      for (const { pte } of entries)
        owners.set(ptePfn(pte), [...(owners.get(ptePfn(pte)) ?? []), this.members[i]!.name]);
    });
    return maps.flatMap((entries, i) =>
      entries.map(({ page, pte }) => {
        const pfn = ptePfn(pte);
        const flags = [
          pteWrite(pte) ? "writable" : "read-only",
          pteDirty(pte) ? "dirty" : "clean",
          pteYoung(pte) ? "accessed" : "not accessed",
        ].join(", ");
        const with_ = pfn === sys.zeroPfn ? ["the zero page"] : (owners.get(pfn) ?? []);
        const { name } = this.members[i]!;
        const whose =
          with_.length > 1
            ? `frame of ${with_.join(" and ")}`
            : pfn === sys.zeroPfn
              ? "the zero page"
              : "own frame";
        const folio = pageFolio(pfnToPage(sys, pfn));
        const dirtyFile =
          !folioTestAnon(folio) && folio.flags & PG_dirty ? ", to be written to the file" : "";
        return `${name} page ${page} = ${sys.ram.frame(pfn).subarray(0, 4).join(" ")}, ${flags}, ${whose}${dirtyFile}`;
      }),
    );
  }

  /** Where the kernel's books do not say what the tables hold. */
  private books(): string[] {
    const { kernel } = this.machine;
    const owners = this.members.map(
      ({ name, process }): Owner => ({
        name,
        mm: process.mm,
        pageText: (addr) => pageText(pageAt(addr)),
      }),
    );
    const wrong = wrongPapers(kernel.sys, owners, this.held);
    if (wrong.length > 0) return wrong;
    const mms = [...kernel.tasks.values()].flatMap(({ mm }) => (mm === undefined ? [] : [mm]));
    return brokenInvariants(kernel.sys, [kernel.initMm, ...new Set(mms)], this.held);
  }

  private end(): FamilyObservation {
    const { sys } = this.machine.kernel;
    for (const { process } of this.members.splice(0)) process.exit();
    for (const [folio, nr] of this.held) folioPutRefs(sys, folio, nr);
    this.held.clear();
    lruAddDrainAll(sys);
    const lost = this.freeAtStart - nrUnusedPages(sys);
    return { did: `everybody exits; ${lost} frames are still in use`, onTheWay: [], pages: [], books: [] };
  }
}

function entriesOf(mm: MmStruct): { page: number; pte: number }[] {
  const entries: { page: number; pte: number }[] = [];
  walkPageRange(mm, BASE, BASE + (NR_PAGES / 2) * GAP, {
    pteEntry(pte, addr) {
      if (ptePresent(pte)) entries.push({ page: pageAt(addr), pte });
    },
  });
  return entries;
}

function pfnAt(mm: MmStruct, va: number): number | undefined {
  let pfn: number | undefined;
  walkPageRange(mm, va, va + PAGE_SIZE, {
    pteEntry(pte) {
      if (ptePresent(pte)) pfn = ptePfn(pte);
    },
  });
  return pfn;
}

/** Runs operations on a machine with `parts`: one observation each. */
export function* runFamily(
  parts: Partial<MachineParts>,
  operations: readonly FamilyOp[],
): Generator<FamilyObservation> {
  const family = new Family(parts);
  for (const op of operations) yield family.run(op);
}
