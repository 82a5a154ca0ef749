/**
 * Test bench of lab 05.4 and 05.5: a machine whose memory is reclaimed by a learner's parts.
 *
 *   operations --> boot({ parts }) --> a process uses pages, and "reclaim" gives the folios of the lists to
 *                                      shrinkFolioList, oldest first, active ones after they were deactivated
 *
 *   afterwards     what became of each folio, and how it was before: "page 5 (of a mapped file), dirty, mapped"
 *                  what was counted in sc, stat and /proc/vmstat
 *                  frames that are free although a processor can still reach them
 *                  what the process reads, and the kernel's books worked out again (papers.ts)
 *                  each refault: what the shadow said, and whether the page was made active
 *
 * Who is still busy with a folio (the disk, a driver) is played: flags and references are set by hand.
 *
 * Not in Linux: a helper of the course. Read first: reclaim_ops.ts, papers.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import type { AddressSpace } from "../../mm/filemap/mapping.js";
import { folioIsolateLru, moveFoliosToLru } from "../../mm/lru/isolate.js";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
} from "../../mm/lru/lruvec.js";
import { newReclaimStat, newScanControl } from "../../mm/lru/scan_control.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import {
  type Folio,
  folioGet,
  PG_active,
  PG_locked,
  PG_mlocked,
  PG_workingset,
  PG_writeback,
  pageFolio,
  pfnToPage,
} from "../../mm/pages/folio.js";
import { __GFP_IO, GFP_KERNEL } from "../../mm/pages/gfp.js";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "../../mm/pages/pglist_data.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { ptePfn, ptePresent } from "../../mm/pgtable/pgtable.js";
import {
  NR_TLB_REMOTE_FLUSH,
  NR_VMSCAN_IMMEDIATE,
  PGACTIVATE,
  PGLAZYFREED,
  WORKINGSET_ACTIVATE,
  WORKINGSET_REFAULT,
  WORKINGSET_RESTORE,
} from "../../mm/vmstat.js";
import { holdsOf, stateText, verdictText } from "./folio_text.js";
import { brokenInvariants, wrongPapers } from "./papers.js";
import {
  AREA,
  bulkIsMapped,
  NR_RECLAIM_PAGES,
  type ReclaimHow,
  type ReclaimOp,
  reclaimPageText,
} from "./reclaim_ops.js";

const BASE = 0x1000_0000_0000;

/** What the node's flags say while it is reclaimed in this way. */
const NODE_FLAGS: Partial<Record<ReclaimHow, number>> = {
  kswapd: PGDAT_WRITEBACK | PGDAT_DIRTY,
  "kswapd, writeback": PGDAT_WRITEBACK,
  "kswapd, dirty": PGDAT_DIRTY,
  flagged: PGDAT_WRITEBACK | PGDAT_DIRTY,
};

/** One folio that was given to shrinkFolioList. */
interface Verdict {
  /** Which it is, and how it was before. */
  readonly folio: string;
  readonly verdict: string;
}

/** What is seen after one operation. */
interface ReclaimObservation {
  readonly did: string;
  readonly verdicts: readonly Verdict[];
  /** Counters of the call, by name. */
  readonly counted: Readonly<Record<string, number>>;
  /** Pages freed under a processor's feet. */
  readonly stale: readonly string[];
  readonly refaults: readonly string[];
  /** Counters of the machine so far. */
  readonly vmstat: Readonly<Record<string, number>>;
  readonly books: readonly string[];
}

/** An observation as text. */
export function reclaimText(seen: ReclaimObservation): string {
  const counts = (all: Readonly<Record<string, number>>): string =>
    Object.entries(all)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    seen.did,
    ...seen.verdicts.map(({ folio, verdict }) => `${folio}: ${verdict}`),
    ...seen.stale,
    ...seen.refaults,
    counts(seen.counted),
    counts(seen.vmstat),
    ...seen.books,
  ]
    .filter((line) => line !== "")
    .join("\n  ");
}

/** What a wrong counter means, where its name does not say it. */
const HINTS: Readonly<Record<string, string>> = {
  nr_tlb_remote_flush: ": one tryToUnmapFlush for all folios, not one each",
};

/** What is wrong in `got`, in a sentence. */
export function reclaimMistake(got: ReclaimObservation, expected: ReclaimObservation): string | undefined {
  for (const [i, { folio, verdict }] of expected.verdicts.entries()) {
    const mine = got.verdicts[i];
    if (mine !== undefined && mine.verdict !== verdict)
      return `${folio}: yours is ${mine.verdict}; it should be ${verdict}`;
  }
  const [stale] = got.stale;
  if (stale !== undefined) return stale;
  const refault = expected.refaults.findIndex((text, i) => text !== got.refaults[i]);
  if (refault >= 0) return `${got.refaults[refault]}; it should be: ${expected.refaults[refault]}`;
  for (const which of ["counted", "vmstat"] as const)
    for (const [name, count] of Object.entries(expected[which]))
      if (got[which][name] !== count)
        return `${name} is ${got[which][name]}; it should be ${count}${HINTS[name] ?? ""}`;
  const books = got.books.find((line) => !expected.books.includes(line));
  if (books !== undefined || got.did === expected.did) return books;
  const who = expected.did.startsWith("returns") ? "shrinkFolioList" : "The process";
  return `${who}: ${got.did}; it should be: ${expected.did}`;
}

/** The machine and its process. */
class Bench {
  readonly machine: Machine;
  private readonly process: Process;
  private readonly thread: Process;
  private readonly fd: number;
  private readonly data: number;
  private readonly log: AddressSpace;
  private readonly buffer: number;
  /** Four pages, in one piece. */
  private readonly bulk: number;
  private readonly held = new Map<Folio, number>();
  /** Flags that the next reclaim finds, and that are taken away behind it. */
  private readonly busy: [Folio, number][] = [];
  private refaults: string[] = [];

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "4 MiB", cpus: 2, parts });
    const { kernel } = this.machine;
    kernel.sys.readAheadPages = 1;
    for (const [path, pages] of [
      ["/data", AREA.file[1]],
      ["/log", AREA.read[1]],
    ] as const)
      kernel.files.writeFile(path, new Uint8Array(pages * PAGE_SIZE).fill(7));
    kernel.files.writeFile("/dev/shm/mem", new Uint8Array(0));
    const process = this.machine.spawn("P");
    this.process = process;
    this.thread = process.thread(1);
    this.fd = process.open("/log");
    this.data = process.open("/data");
    this.log = kernel.files.lookup("/log")!.mapping;
    this.buffer = process.mmap(PAGE_SIZE);
    this.bulk = process.mmap(4 * PAGE_SIZE);
    process.mlock(this.buffer, PAGE_SIZE); // out of the way of every scan
    process.mlock(this.bulk, 4 * PAGE_SIZE);
    process.truncate("/dev/shm/mem", AREA.shmem[1] * PAGE_SIZE);
    for (const path of ["/log", "/data"]) {
      const fd = process.open(path);
      process.fsync(fd);
      process.dropCache(fd);
    }
    const fixed = (area: readonly [number, number]) => ({ at: addressOf(area[0]), fixed: true });
    process.mmap(AREA.private[1] * PAGE_SIZE, fixed(AREA.private));
    for (const [path, area] of [
      ["/data", AREA.file],
      ["/dev/shm/mem", AREA.shmem],
    ] as const)
      process.mmap(area[1] * PAGE_SIZE, { ...fixed(area), fd: process.open(path), shared: true });
    this.watchRefaults();
  }

  private watchRefaults(): void {
    const { sys } = this.machine.kernel;
    const { workingsetRefault } = sys.parts;
    sys.parts = {
      ...sys.parts,
      workingsetRefault: (system, folio, shadow) => {
        const clock = sys.lruvec.nonresidentAge;
        workingsetRefault(system, folio, shadow);
        const active = (folio.flags & PG_active) !== 0 ? "made active" : "left inactive";
        const set = (folio.flags & PG_workingset) !== 0 ? ", marked PG_workingset" : "";
        const moved = sys.lruvec.nonresidentAge - clock;
        const evicted = Math.floor(shadow / 2 ** 17);
        const was = shadow % 2 === 1 ? ", had been active" : "";
        this.refaults.push(
          `a page evicted at ${evicted} (the clock says ${clock}${was}) comes back, and is ${active}${set}; the clock goes on by ${moved}`,
        );
      },
    };
  }

  run(op: ReclaimOp): ReclaimObservation {
    this.refaults = [];
    const seen = { did: "", verdicts: [] as Verdict[], counted: {}, stale: [] as string[] };
    if (op.op === "reclaim") Object.assign(seen, this.reclaim(op.how ?? "plain"));
    else seen.did = this.act(op);
    return { ...seen, refaults: this.refaults, vmstat: this.vmstat(), books: this.books() };
  }

  private act({ op, page }: ReclaimOp): string {
    const va = addressOf(page);
    const { process } = this;
    try {
      if (op === "read") return `reads ${this.read(page)} in ${reclaimPageText(page)}`;
      if (op === "write") this.write(page);
      else if (op === "sync") this.sync();
      else if (op === "bulk")
        this.process.pwrite(bulkIsMapped(page) ? this.data : this.fd, this.bulk, 4 * PAGE_SIZE, 0);
      else if (op === "hold") return this.mark(page, undefined);
      else if (op === "busy") return this.mark(page, PG_locked);
      else if (op === "written") return this.mark(page, PG_writeback);
      else if (op === "pinned") return this.mark(page, PG_mlocked);
      else if (page >= AREA.read[0]) return "is not mapped: nothing to do";
      else if (op === "look") return `the thread reads ${this.thread.load(va)}`;
      else if (op === "free") process.madvise(va, PAGE_SIZE, "FREE");
      else if (op === "mlock") process.mlock(va, PAGE_SIZE);
      else if (op === "munlock") process.munlock(va, PAGE_SIZE);
      return "done";
    } catch (error) {
      if (error instanceof SyscallError) return error.code;
      if (error instanceof SignalError) return error.signal;
      throw error;
    }
  }

  private read(page: number): number {
    if (page < AREA.read[0]) return this.process.load(addressOf(page));
    this.process.pread(this.fd, this.buffer, 8, (page - AREA.read[0]) * PAGE_SIZE);
    return this.process.load(this.buffer);
  }

  private write(page: number): void {
    if (page < AREA.read[0]) this.process.store(addressOf(page), 1, page + 100);
    else this.process.pwrite(this.fd, this.buffer, 8, (page - AREA.read[0]) * PAGE_SIZE);
  }

  private sync(): void {
    for (const path of ["/data", "/log"]) {
      const fd = this.process.open(path);
      this.process.fsync(fd);
      this.process.close(fd);
    }
  }

  /** The folio that a page of the process, or of its file in the cache, lies in. */
  private folioAt(page: number): Folio | undefined {
    if (page >= AREA.read[0]) return this.log.pages.get(page - AREA.read[0]);
    const { sys } = this.machine.kernel;
    let folio: Folio | undefined;
    walkPageRange(this.process.mm, addressOf(page), addressOf(page) + PAGE_SIZE, {
      pteEntry(pte) {
        if (ptePresent(pte) && ptePfn(pte) !== sys.zeroPfn) folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
      },
    });
    return folio;
  }

  /**
   * Somebody else is busy with the page: holds it for good, or a flag says so until after the next reclaim.
   */
  private mark(page: number, flag: number | undefined): string {
    const folio = this.folioAt(page);
    if (folio === undefined) return "is not in memory: nothing to do";
    if (flag === undefined) {
      folioGet(folio);
      this.held.set(folio, (this.held.get(folio) ?? 0) + 1);
    } else if ((folio.flags & (PG_locked | PG_writeback | PG_mlocked)) === 0) this.busy.push([folio, flag]);
    return "done";
  }

  /** Gives the folios of the inactive lists to the part, and says what became of each. */
  private reclaim(how: ReclaimHow): Partial<ReclaimObservation> {
    const { sys } = this.machine.kernel;
    lruAddDrainAll(sys);
    const names = new Map<Folio, string>();
    for (let page = 0; page < NR_RECLAIM_PAGES; page++) {
      const folio = this.folioAt(page);
      if (folio !== undefined) names.set(folio, reclaimPageText(page));
    }
    const list = this.isolate();
    for (const [folio, flag] of this.busy) folio.flags |= flag;
    const before = list.map((folio) => `${names.get(folio) ?? "a page"}${stateText(folio)}`);
    const given = [...list];
    const stat = newReclaimStat();
    const gfpMask = how === "no io" ? GFP_KERNEL & ~__GFP_IO : GFP_KERNEL;
    const sc = newScanControl({ gfpMask, mayUnmap: how !== "no unmap" });
    const stale: string[] = [];
    let nrReclaimed: unknown;
    this.asWho(how, () => {
      const look = ({ name, fields }: { name: string; fields: Readonly<Record<string, unknown>> }): void => {
        if (name === "kmem:mm_page_free") this.noteStale(Number(fields.pfn), stale);
      };
      sys.trace.watch(look, () => {
        nrReclaimed = sys.parts.shrinkFolioList(sys, list, sc, stat, how === "whatever was used");
      });
    });
    for (const [folio, flag] of this.busy.splice(0)) folio.flags &= ~flag;
    const verdicts = given.map((folio, i) => ({ folio: before[i]!, verdict: verdictText(folio, list) }));
    const inOrder = list.every((folio, i) => i === 0 || given.indexOf(list[i - 1]!) < given.indexOf(folio));
    const { nrDirty, nrUnqueuedDirty, nrCongested, nrWriteback, nrImmediate, nrRefKeep, nrUnmapFail } = stat;
    const kinds = { "stat.nrActivate[0]": stat.nrActivate[0], "stat.nrActivate[1]": stat.nrActivate[1] };
    const counted = {
      ...{ "sc.nrScanned": sc.nrScanned, "stat.nrDirty": nrDirty, "stat.nrUnqueuedDirty": nrUnqueuedDirty },
      ...{
        "stat.nrCongested": nrCongested,
        "stat.nrWriteback": nrWriteback,
        "stat.nrImmediate": nrImmediate,
      },
      ...{ "stat.nrRefKeep": nrRefKeep, "stat.nrUnmapFail": nrUnmapFail, ...kinds },
    };
    moveFoliosToLru(
      sys,
      sys.lruvec,
      list.filter((folio) => folio.refcount >= holdsOf(folio)),
    );
    const order = inOrder ? "" : "; those that stay are in another order than before";
    return {
      did: `returns ${String(nrReclaimed)} for ${given.length} folios${order}`,
      verdicts,
      counted,
      stale,
    };
  }

  /**
   * Takes every folio off its list, oldest first; active ones as if they had been deactivated just before.
   */
  private isolate(): Folio[] {
    const { sys } = this.machine.kernel;
    const found: Folio[] = [];
    for (const lru of [LRU_INACTIVE_FILE, LRU_INACTIVE_ANON, LRU_ACTIVE_FILE, LRU_ACTIVE_ANON])
      for (let folio = sys.lruvec.tail[lru]; folio !== undefined; folio = sys.lruvec.tail[lru]) {
        if (!folioIsolateLru(sys, folio)) break; // free, and still on a list: the books say so
        found.push(folio);
      }
    for (const folio of found) {
      if ((folio.flags & PG_active) !== 0) folio.flags |= PG_workingset;
      folio.flags &= ~PG_active;
    }
    return found;
  }

  /** Runs `act` as the one who reclaims. */
  private asWho(how: ReclaimHow, act: () => void): void {
    const { sys } = this.machine.kernel;
    const { currentKthread } = sys;
    const { flags } = sys.pgdat;
    if (how.startsWith("kswapd")) sys.currentKthread = sys.pgdat.kswapd;
    sys.pgdat.flags |= NODE_FLAGS[how] ?? 0;
    try {
      act();
    } finally {
      sys.currentKthread = currentKthread;
      sys.pgdat.flags = flags;
    }
  }

  /** Whether some processor's TLB still leads to the frame that has just been freed. */
  private noteStale(pfn: number, stale: string[]): void {
    for (const { id, mmu } of this.machine.cpus)
      for (const tlb of new Set([...mmu.l1d, ...mmu.l2d]))
        for (const entry of tlb?.entries() ?? [])
          if (entry.pfn === pfn && stale.length === 0)
            stale.push(
              `A frame is free although the TLB of CPU ${id} still leads to it: flush (tryToUnmapFlush) before folioPut`,
            );
  }

  private vmstat(): Record<string, number> {
    const { events, nodeStat } = this.machine.kernel.sys.vmStat;
    return {
      pgactivate: events[PGACTIVATE]!,
      pglazyfreed: events[PGLAZYFREED]!,
      nr_tlb_remote_flush: events[NR_TLB_REMOTE_FLUSH]!,
      nr_vmscan_immediate_reclaim: nodeStat[NR_VMSCAN_IMMEDIATE]!,
      workingset_refault_anon: nodeStat[WORKINGSET_REFAULT]!,
      workingset_refault_file: nodeStat[WORKINGSET_REFAULT + 1]!,
      workingset_activate_file: nodeStat[WORKINGSET_ACTIVATE + 1]!,
      workingset_restore_file: nodeStat[WORKINGSET_RESTORE + 1]!,
      "lruvec.fileCost": this.machine.kernel.sys.lruvec.fileCost,
    };
  }

  private books(): string[] {
    const { kernel } = this.machine;
    const { mm } = this.process;
    const pageText = (addr: number): string => reclaimPageText((addr - BASE) / PAGE_SIZE);
    const wrong = wrongPapers(kernel.sys, [{ name: "P", mm, pageText }], this.held);
    return wrong.length > 0 ? wrong : brokenInvariants(kernel.sys, [kernel.initMm, mm], this.held);
  }
}

function addressOf(page: number): number {
  return BASE + page * PAGE_SIZE;
}

/** Runs operations on a machine with `parts`: one observation each. */
export function* runReclaim(
  parts: Partial<MachineParts>,
  operations: readonly ReclaimOp[],
): Generator<ReclaimObservation> {
  const bench = new Bench(parts);
  for (const op of operations) yield bench.run(op);
}
