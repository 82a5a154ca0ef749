/**
 * Test bench of lab 06.2: processes whose memory goes to swap and comes back, on a machine that runs on a
 * learner's slot allocator and counts.
 *
 *   kernel --> parts, watched: is what each call answers, and leaves behind, what the contract says?
 *   after each operation: the bytes that were read == a plain model
 *                         slots and counts          == what page tables and swap cache say (checkInvariants)
 *
 * Which slot the learner takes is his business: nothing here depends on it. A call that breaks the contract
 * ends the run at once, with a sentence that says what it should have done; what goes wrong behind it would
 * only hide that.
 *
 * The areas: A is small and used first, with a broken slot; B is larger.
 * Not in Linux: a helper of the course.
 *
 * Read first: swap_slot_ops.ts, swap_slot_watch.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { folioIsolateLru } from "../../mm/lru/isolate.js";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from "../../mm/lru/lruvec.js";
import { reclaimPages } from "../../mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import type { Folio } from "../../mm/pages/folio.js";
import { SWAPFILE_CLUSTER } from "../../mm/swap/swap_types.js";
import { brokenInvariants } from "./papers.js";
import {
  areaPath,
  BULK,
  MANY,
  PRIVATE,
  processName,
  SHARED,
  type SlotOp,
  slotPageText,
} from "./swap_slot_ops.js";
import { Mistake, watchParts } from "./swap_slot_watch.js";

/** Which areas the machine has. */
type SlotAreas = "two" | "equal" | "large" | "discard";

/** Bytes of two clusters and some. */
const LARGE = (2 * SWAPFILE_CLUSTER + 30) * PAGE_SIZE;

/** A process, and what its private pages should hold. */
interface Member {
  readonly process: Process;
  readonly bytes: number[];
}

/** Priorities of areas A and B. */
const PRIORITIES: Readonly<Record<SlotAreas, readonly number[]>> = {
  ...{ two: [7, 3], equal: [3, 3], large: [], discard: [] },
};

function bootWith(parts: Partial<MachineParts>, areas: SlotAreas): Machine {
  const ram = "8 MiB";
  if (areas === "large" || areas === "discard")
    return boot({ ram, parts, swap: { size: LARGE, discard: areas === "discard" } });
  const priorities = PRIORITIES[areas];
  const [a, b] = priorities.map((priority, i) => ({ size: i === 0 ? "48 KiB" : "96 KiB", priority }));
  const machine = boot({ ram, parts, swap: [{ ...a!, off: true }, b!] });
  machine.mkswap("/dev/vdb", { badPages: [3] });
  machine.swapon("/dev/vdb", { priority: priorities[0]! });
  return machine;
}

class Bench {
  private readonly machine: Machine;
  private readonly priorities: readonly number[];
  private readonly members: (Member | undefined)[] = [];
  private many: Process[] = [];
  private readonly shared = new Array<number>(SHARED).fill(0);
  private readonly start: number;
  private bulk: number | undefined = undefined;
  private writes = 0;

  constructor(parts: Partial<MachineParts>, areas: SlotAreas) {
    this.machine = bootWith(parts, areas);
    this.priorities = PRIORITIES[areas];
    watchParts(this.machine.kernel.sys);
    const process = this.machine.spawn("P");
    this.start = process.mmap((PRIVATE + SHARED) * PAGE_SIZE);
    process.munmap(this.at(PRIVATE), SHARED * PAGE_SIZE);
    process.mmap(SHARED * PAGE_SIZE, { at: this.at(PRIVATE), fixed: true, shared: true });
    this.members.push({ process, bytes: new Array<number>(PRIVATE).fill(0) });
  }

  private at(page: number): number {
    return this.start + page * PAGE_SIZE;
  }

  /** What is wrong after the operation; empty if nothing is. */
  run(op: SlotOp): string {
    try {
      const wrong = this.act(op);
      this.machine.kernel.sched.settle();
      return wrong || this.books();
    } catch (error) {
      if (error instanceof Mistake) return error.message;
      if (error instanceof SyscallError) return `${error.syscall} says ${error.code}`;
      if (error instanceof SignalError) return `${processName(op.who)} is ended by ${error.signal}`;
      throw error;
    }
  }

  private act(op: SlotOp): string {
    if (op.op === "all out") return this.allOut();
    if (op.op === "swapoff" || op.op === "swapon") return this.toggle(op.op, op.who);
    if (op.op === "kill many") return this.killMany();
    const member = this.members[op.who];
    if (member === undefined) return "";
    const { process } = member;
    if (op.op === "fork" || op.op === "fork many") this.fork(op.who, member, op.op === "fork" ? 1 : MANY);
    else if (op.op === "pageout") process.madvise(this.start, (PRIVATE + SHARED) * PAGE_SIZE, "PAGEOUT");
    else if (op.op === "exit") this.exit(op.who, process);
    else if (op.op === "write all")
      for (let page = 0; page < PRIVATE; page++) this.write(member, page, page + 1);
    else if (op.op === "bulk") this.writeBulk(process);
    else if (op.op === "compare bulk") return this.compareBulk(op.who, process);
    else if (op.op === "drop") this.drop(member, op.page);
    else if (op.op === "read") return this.read(op.who, member, op.page);
    else this.write(member, op.page, op.op === "clear" ? 0 : (this.writes++ % 250) + 1);
    return "";
  }

  private fork(who: number, { process, bytes }: Member, nr: number): void {
    if (nr > 1) for (let i = 0; i < nr; i++) this.many.push(process.fork(`${processName(who)}'s child ${i}`));
    else if (this.members.length < 6)
      this.members.push({ process: process.fork(processName(this.members.length)), bytes: [...bytes] });
  }

  private killMany(): string {
    for (const process of this.many.splice(0)) process.exit();
    return "";
  }

  private exit(who: number, process: Process): void {
    if (who === 0) return; // P stays
    process.exit();
    this.members[who] = undefined;
  }

  /** The bytes that the process sees there, and where. */
  private place({ bytes }: Member, page: number): [number[], number] {
    return page < PRIVATE ? [bytes, page] : [this.shared, page - PRIVATE];
  }

  private write(member: Member, page: number, value: number): void {
    const [bytes, i] = this.place(member, page);
    member.process.store(this.at(page), 1, value);
    bytes[i] = value;
  }

  private drop(member: Member, page: number): void {
    member.process.madvise(this.at(page), PAGE_SIZE, "DONTNEED");
    if (page < PRIVATE) member.bytes[page] = 0;
  }

  private read(who: number, member: Member, page: number): string {
    const [bytes, i] = this.place(member, page);
    const got = member.process.load(this.at(page));
    if (got === bytes[i]) return "";
    return `${processName(who)} reads ${got} in ${slotPageText(page)}, where ${bytes[i]} was written`;
  }

  private writeBulk(process: Process): void {
    if (this.bulk !== undefined) process.munmap(this.bulk, BULK * PAGE_SIZE);
    this.bulk = process.mmap(BULK * PAGE_SIZE);
    for (let i = 0; i < BULK; i++) process.store(this.bulk + i * PAGE_SIZE, 2, i + 1);
    process.madvise(this.bulk, BULK * PAGE_SIZE, "PAGEOUT");
  }

  private compareBulk(who: number, process: Process): string {
    for (let i = 0; this.bulk !== undefined && i < BULK; i++) {
      const got = process.load(this.bulk + i * PAGE_SIZE, 2);
      if (got !== i + 1)
        return `${processName(who)} reads ${got} in page ${i} of many, where ${i + 1} was written`;
    }
    return "";
  }

  private allOut(): string {
    const { sys } = this.machine.kernel;
    lruAddDrainAll(sys);
    const found: Folio[] = [];
    for (const lru of [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON])
      for (let folio = sys.lruvec.tail[lru]; folio !== undefined; folio = sys.lruvec.tail[lru]) {
        if (!folioIsolateLru(sys, folio)) break;
        found.push(folio);
      }
    reclaimPages(sys, found);
    return "";
  }

  private toggle(op: "swapoff" | "swapon", area: number): string {
    const path = areaPath(area);
    const isOn = this.machine.kernel.sys.swap.swapInfo.some((si) => si?.path === path);
    if (isOn !== (op === "swapoff")) return "";
    if (op === "swapon") this.machine.swapon(path, { priority: this.priorities[area]! });
    else this.machine.swapoff(path);
    return "";
  }

  private books(): string {
    const { kernel } = this.machine;
    const mms = [...kernel.tasks.values()].flatMap(({ mm }) => mm ?? []);
    return brokenInvariants(kernel.sys, [...new Set([kernel.initMm, ...mms])])[0] ?? "";
  }
}

/** Runs operations on a machine with `parts`: what is wrong after each, until something is. */
export function* runSlots(
  parts: Partial<MachineParts>,
  areas: SlotAreas,
  operations: readonly SlotOp[],
): Generator<string> {
  const bench = new Bench(parts, areas);
  for (const op of operations) {
    const wrong = bench.run(op);
    yield wrong;
    if (wrong !== "") return;
  }
}
