/**
 * The test bench of lab 03: a process that maps, touches, protects and locks memory, on a machine that then
 * runs on a learner's parts. After each operation everything that can be seen is written down.
 * Not in Linux: a helper of the course.
 *
 *   operations ---> boot({ parts }) ---> { result, faults, rss, pages, mappings, locked, lists, accounts }
 *
 * All operations speak of pages from BASE on. BASE lies 24 pages before the end of a table's reach, so that
 * pages 0 to 23 have one page-table page and pages 24 on the next. Frames are full of old bytes when the
 * process gets them. `accounts` is what checkInvariants finds: counts that no longer agree with the page
 * tables. Frame numbers are left out, because in which order frames are taken is nobody's business.
 *
 * Read first: course/grading/workload.ts. Read next: demand_random.ts.
 */

import { ftruncate } from "../../fs/file_tree.js";
import type { VfsFile } from "../../fs/inode.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import type { Prot } from "../../kernel/process_options.js";
import { SignalError } from "../../kernel/signal.js";
import { type MmStruct, VM_LOCKED, VM_LOCKONFAULT } from "../../mm/mm_types.js";
import { folioTestAnon, PG_mlocked, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { GFP_PGTABLE_USER } from "../../mm/pages/gfp.js";
import type { MmParts } from "../../mm/parts.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { PTE_NX, pteDirty, ptePfn, ptePresent, pteSpecial, pteWrite } from "../../mm/pgtable/pgtable.js";
import { CAP_IPC_LOCK } from "../../mm/system.js";
import { NR_MLOCK, NR_UNEVICTABLE, PGFAULT, PGMAJFAULT } from "../../mm/vmstat.js";
import { vmaPerm } from "../../procfs/task_mmu.js";
import { allocationText, brokenInvariants, type Owner, wrongPapers } from "./papers.js";
import { faultText } from "./read_fault.js";

/** Where page 0 lies: 24 pages below an address that is a multiple of 2 MiB. */
const BASE = 0x2000_0000_0000 - 24 * PAGE_SIZE;

/** Pages of the file that operations map; page p is full of the byte p * 7 + 1. */
export const FILE_PAGES = 40;

/** One operation. Pages count from BASE, and those of the file from its beginning. */
export type DemandOp =
  | {
      op: "mmap";
      page: number;
      pages: number;
      prot?: Prot;
      /** Maps the file from this page on; anonymous memory without it. */
      filePage?: number;
      shared?: boolean;
      growsdown?: boolean;
      locked?: boolean;
    }
  | { op: "load" | "store" | "fetch"; page: number }
  | { op: "munmap" | "dontneed" | "munlock"; page: number; pages: number }
  | { op: "mprotect"; page: number; pages: number; prot: Prot }
  | { op: "mlock"; page: number; pages: number; onfault?: boolean; offset?: number; bytes?: number }
  | { op: "limit"; bytes: number; privileged?: boolean }
  | { op: "map limit"; more: number }
  | { op: "drop cache" }
  | { op: "truncate"; pages: number }
  | { op: "fault around"; pages: number }
  | { op: "no memory"; after: number };

/** An operation in words. */
export function demandOpText(op: DemandOp): string {
  const pages =
    "pages" in op ? ("page" in op ? `${op.pages} pages at page ${op.page}` : `${op.pages} pages`) : "";
  switch (op.op) {
    case "mmap":
      return `mmap ${pages}: ${op.filePage === undefined ? "anonymous" : `the file from page ${op.filePage} on`}, ${
        op.shared ? "shared" : "private"
      }, prot "${op.prot ?? "rw"}"${op.growsdown ? ", grows down" : ""}${op.locked ? ", locked" : ""}`;
    case "load":
      return `read page ${op.page}`;
    case "store":
      return `write page ${op.page}`;
    case "fetch":
      return `execute page ${op.page}`;
    case "mprotect":
      return `mprotect ${pages} to "${op.prot}"`;
    case "mlock":
      return `mlock ${mlockText(op, pages)}${op.onfault ? ", as they come in (MLOCK_ONFAULT)" : ""}`;
    case "limit":
      return `setrlimit(RLIMIT_MEMLOCK, ${op.bytes} bytes), with${op.privileged ? "" : "out"} CAP_IPC_LOCK`;
    case "map limit":
      return `allow ${op.more} more mappings (vm.max_map_count)`;
    case "truncate":
      return `truncate the file to ${pages}`;
    case "fault around":
      return `set fault_around_bytes to ${pages}`;
    case "no memory":
      return `let allocation number ${op.after} from now fail`;
    case "drop cache":
      return "drop the file's pages from the cache";
    default:
      return `${op.op} ${pages}`;
  }
}

function mlockText(
  op: { page: number; pages: number; offset?: number; bytes?: number },
  pages: string,
): string {
  if (op.offset === undefined && op.bytes === undefined) return pages;
  return `${op.bytes ?? op.pages * PAGE_SIZE} bytes from byte ${op.offset ?? 0} of page ${op.page} on`;
}

/** What can be seen after one operation. */
interface DemandObservation {
  readonly result: string;
  /** Minor and major faults of the process, and of the machine, so far. */
  readonly faults: string;
  /** Resident pages, as /proc/PID/status counts them. */
  readonly rss: string;
  /** Runs of pages with equal entries. */
  readonly pages: readonly string[];
  /** The VMAs. */
  readonly mappings: readonly string[];
  /** VmLck in pages; Mlocked and Unevictable. */
  readonly locked: string;
  /** Pages on LRU lists or on their way there. */
  readonly lists: string;
  /** Pages allocated, with their flags; page tables are left out. */
  readonly allocated: string;
  /** What the parts on trial returned to the kernel. */
  readonly returned: string;
  /** "in order", or what does not agree with the page tables. */
  readonly accounts: string;
}

/** What is wrong in `got`, in a sentence, where the kernel's books tell it. */
export function demandMistake(got: DemandObservation, expected: DemandObservation): string | undefined {
  if (got.accounts !== expected.accounts) return got.accounts;
  if (got.allocated !== expected.allocated)
    return `It allocates ${got.allocated}; it should be ${expected.allocated}`;
  if (got.returned !== expected.returned)
    return `Returned is ${got.returned}; it should be ${expected.returned}`;
  return got.locked === expected.locked ? undefined : `${got.locked}; it should be ${expected.locked}`;
}

/** A process on a machine. */
class Bench {
  readonly machine: Machine;
  readonly process: Process;
  readonly file: VfsFile;
  readonly fd: number;
  failAfter = 0;
  private readonly allocated: string[] = [];
  private readonly returned: string[] = [];

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "1 MiB" });
    const { kernel } = this.machine;
    const { sys } = kernel;
    sys.readAheadPages = 8;
    kernel.files.writeFile("/data/f", fileBytes());
    litterFrames(this.machine);
    sys.parts = { ...parts, ...this.watched({ ...sys.parts, ...parts }) };
    this.process = this.machine.spawn("learner");
    for (const signal of ["SIGSEGV", "SIGBUS"] as const) this.process.on(signal, () => {});
    this.fd = this.process.open("/data/f");
    this.file = this.process.task.files.get(this.fd) as VfsFile;
    sys.shouldFailAllocPage = (gfp, order) => {
      if (gfp !== GFP_PGTABLE_USER) this.allocated.push(allocationText(gfp, order));
      return this.failAfter > 0 && --this.failAfter === 0;
    };
  }

  /** `parts` with those of the lab telling what they return. */
  private watched(parts: MmParts): MmParts {
    const { doAnonymousPage, doReadFault, doMlock } = parts;
    const tell = (name: string, result: number, text: string): number => {
      this.returned.push(`${name}: ${text}`);
      return result;
    };
    return {
      ...parts,
      doAnonymousPage: (vmf) => {
        const result = doAnonymousPage(vmf);
        return tell("doAnonymousPage", result, faultText(result));
      },
      doReadFault: (vmf) => {
        const result = doReadFault(vmf);
        return tell("doReadFault", result, faultText(result));
      },
      doMlock: (mm, start, len, flags) => {
        const result = doMlock(mm, start, len, flags);
        return tell("doMlock", result, String(result));
      },
    };
  }

  /** Carries out `op`: what the process gets to see of it. */
  act(op: DemandOp): string {
    if (!this.process.alive) return "the process is dead";
    try {
      return this.tryAct(op);
    } catch (error) {
      if (error instanceof SyscallError) return error.code;
      if (!(error instanceof SignalError)) throw error;
      return `${error.signal} ${error.code}${error.killed ? ", killed" : ""}`;
    }
  }

  private tryAct(op: DemandOp): string {
    const { process, fd } = this;
    const at = "page" in op ? BASE + op.page * PAGE_SIZE : 0;
    const length = "pages" in op ? op.pages * PAGE_SIZE : 0;
    if (op.op === "load")
      return `read 0x${process.load(at + 8, 4).toString(16)} and 0x${process.load(at + 2048, 4).toString(16)}`;
    if (op.op === "store") process.store(at + 8, 4, 0x600d);
    else if (op.op === "fetch") return `executed 0x${process.fetch(at + 8, 4).toString(16)}`;
    else if (op.op === "mmap") {
      const { prot, shared, growsdown, locked, filePage } = op;
      const file = filePage === undefined ? {} : { fd, offset: filePage * PAGE_SIZE };
      const flags = { shared: shared ?? false, growsdown: growsdown ?? false, locked: locked ?? false };
      process.mmap(length, { ...file, ...flags, prot: prot ?? "rw", at, fixed: true });
    } else if (op.op === "mlock") {
      process.mlock(at + (op.offset ?? 0), op.bytes ?? length, { onfault: op.onfault ?? false });
    } else this.tryOther(op, at, length);
    return "done";
  }

  private tryOther(op: DemandOp, at: number, length: number): void {
    const { process } = this;
    const { sys } = this.machine.kernel;
    if (op.op === "munmap") process.munmap(at, length);
    else if (op.op === "dontneed") process.madvise(at, length, "DONTNEED");
    else if (op.op === "munlock") process.munlock(at, length);
    else if (op.op === "mprotect") process.mprotect(at, length, op.prot);
    else if (op.op === "limit") {
      // Only this capability: a question for another one is answered with no.
      process.task.capable = (cap) => cap === CAP_IPC_LOCK && (op.privileged ?? false);
      process.setrlimit("memlock", op.bytes);
    } else if (op.op === "map limit") sys.sysctl.maxMapCount = process.mm.mapCount + op.more;
    else if (op.op === "drop cache") process.dropCache(this.fd);
    else if (op.op === "truncate") ftruncate(this.file, length);
    else if (op.op === "fault around") sys.faultAroundPages = length / PAGE_SIZE;
    else if (op.op === "no memory") this.failAfter = op.after;
  }

  observe(result: string, inOrder: boolean): DemandObservation {
    const { process, machine } = this;
    const { sys } = machine.kernel;
    const { events, nodeStat } = sys.vmStat;
    const { mm } = process.task;
    const { minFlt, majFlt } = process.getrusage();
    const rss = mm === undefined ? [] : mm.rssStat;
    return {
      result,
      faults: `minor ${minFlt}, major ${majFlt}; pgfault ${events[PGFAULT]}, pgmajfault ${events[PGMAJFAULT]}`,
      rss: mm === undefined ? "none" : `RssAnon ${rss[1]}, RssFile ${rss[0]}, RssShmem ${rss[3]} pages`,
      pages: mm === undefined ? [] : pageRuns(mm),
      mappings: mm === undefined ? [] : mappingTexts(mm),
      locked: `VmLck ${mm?.lockedVm ?? 0}, Mlocked ${nodeStat[NR_MLOCK]}, Unevictable ${nodeStat[NR_UNEVICTABLE]} pages`,
      lists: `${listed(machine)} pages`,
      allocated: this.allocated.splice(0).join(", ") || "nothing",
      returned: this.returned.splice(0).join(", ") || "nothing",
      accounts: inOrder ? "in order" : accounts(machine),
    };
  }
}

function fileBytes(): Uint8Array {
  const bytes = new Uint8Array(FILE_PAGES * PAGE_SIZE);
  for (let page = 0; page < FILE_PAGES; page++)
    bytes.fill(page * 7 + 1, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  return bytes;
}

/** Has another process fill frames and give them back: what they hold then is its secret. */
function litterFrames(machine: Machine): void {
  const other = machine.spawn("other");
  const at = other.mmap(64 * PAGE_SIZE);
  for (let page = 0; page < 64; page++)
    for (const byte of [8, 2048]) other.store(at + page * PAGE_SIZE + byte, 4, 0x5ec3e7);
  other.exit();
}

/** Pages on all LRU lists, and those in batches. */
function listed(machine: Machine): number {
  const { sys } = machine.kernel;
  let nr = 0;
  for (let list = 0; list < 5; list++) nr += sys.vmStat.nodeStat[list]!;
  for (const batches of sys.cpuFbatches) nr += batches?.lruAdd.length ?? 0;
  return nr;
}

function accounts(machine: Machine): string {
  const { kernel } = machine;
  const tasks = [...kernel.tasks.values()].filter(({ mm }) => mm !== undefined);
  const owners = tasks.map(
    (task): Owner => ({
      name: "the process",
      mm: task.mm!,
      pageText: (addr) => `page ${(addr - BASE) / PAGE_SIZE}`,
    }),
  );
  const [wrong] = wrongPapers(kernel.sys, owners);
  if (wrong !== undefined) return wrong;
  const broken = brokenInvariants(kernel.sys, [kernel.initMm, ...owners.map(({ mm }) => mm)]);
  return broken.join("\n") || "in order";
}

function mappingTexts(mm: MmStruct): string[] {
  return [...mm.mmMt].map((vma) => {
    const [first, end] = [vma.vmStart, vma.vmEnd].map((va) => (va - BASE) / PAGE_SIZE);
    const onfault = (vma.vmFlags & VM_LOCKONFAULT) !== 0 ? " on fault" : "";
    const locked = (vma.vmFlags & VM_LOCKED) !== 0 ? ` locked${onfault}` : onfault;
    return `pages ${first} to ${end! - 1} ${vmaPerm(vma)}${locked}`;
  });
}

function entryWords(mm: MmStruct, pte: number): string {
  if (!ptePresent(pte)) return "not present";
  const folio = pageFolio(pfnToPage(mm.sys, ptePfn(pte)));
  const what = ptePfn(pte) === mm.sys.zeroPfn ? "zero page" : folioTestAnon(folio) ? "anonymous" : "file";
  const words = [what, pteWrite(pte) ? "writable" : "read-only"];
  if (pteDirty(pte)) words.push("dirty");
  if (pteSpecial(pte)) words.push("special");
  if (pte < PTE_NX) words.push("executable");
  if ((folio.flags & PG_mlocked) !== 0) words.push("mlocked");
  return words.join(" ");
}

function pageRuns(mm: MmStruct): string[] {
  const runs: { first: number; last: number; what: string }[] = [];
  walkPageRange(mm, 0, mm.taskSize, {
    pteEntry(pte, addr) {
      const page = (addr - BASE) / PAGE_SIZE;
      const what = entryWords(mm, pte);
      const run = runs[runs.length - 1];
      if (run !== undefined && run.last === page - 1 && run.what === what) run.last = page;
      else runs.push({ first: page, last: page, what });
    },
  });
  return runs.map(
    ({ first, last, what }) => `${first === last ? `page ${first}` : `pages ${first} to ${last}`}: ${what}`,
  );
}

/** Runs operations on a machine with `parts`; what is seen after each. */
export function* runDemand(
  parts: Partial<MachineParts>,
  operations: readonly DemandOp[],
): Generator<DemandObservation> {
  const bench = new Bench(parts);
  const own = Object.keys(parts).length === 0; // the reference keeps its accounts in order
  for (const op of operations) yield bench.observe(bench.act(op), own);
}
