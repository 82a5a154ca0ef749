/**
 * Step through the way of one page to swap, and back.
 *
 *   out   pagewalk:folio_alloc_swap   reclaim has taken the page; it gets a slot, and is in the swap cache
 *         pagewalk:set_swap_pte       the entry names the slot instead of the frame
 *         pagewalk:swap_writeout      the bytes go to the device, to zswap, or nowhere: all zeros
 *         pagewalk:end_swap_write     they have arrived
 *         kmem:mm_page_free           the frame is free
 *
 *   in    exceptions:page_fault_user  the entry is not present: the kernel reads its own note
 *         pagewalk:swap_cache_hit     a frame has the bytes already
 *         pagewalk:swap_read_folio    or they are sent for ...
 *         pagewalk:swap_readahead     ... with those of the neighbours
 *         pagewalk:end_swap_read      they have arrived
 *         do_swap_page ends           the entry names the frame; the slot is kept, or given back
 *
 * The steps are the machine's events about this page; what happens to others meanwhile is left out, except
 * how many were read ahead.
 *
 * Not in Linux. Read first: draw_swap_step.ts, ../mm/swap/page_io.ts, ../mm/fault/swap_fault.ts. Read next:
 * page_out.ts.
 */
import type { Pfn, Vaddr } from "../hw/address.js";
import { hex, PAGE_SIZE } from "../hw/address.js";
import { unpackEntry } from "../hw/entry.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { Process } from "../kernel/process.js";
import { VM_FAULT_RETRY } from "../mm/fault/vm_fault.js";
import { lruAddDrainAll } from "../mm/lru/swap.js";
import { type Folio, PG_dirty, PG_locked, PG_writeback, pageFolio, pfnToPage } from "../mm/pages/folio.js";
import type { TraceEvent } from "../mm/trace.js";
import { drawSwapStep, type SwapStepData } from "./draw_swap_step.js";
import { pageOut } from "./page_out.js";
import { type Stepper, stepper } from "./stepper.js";
import {
  cachedFolio,
  lookAtPage,
  nearSlots,
  type PageLook,
  type Place,
  placeOf,
  rawEntry,
} from "./swap_look.js";

/** What may be said about a page's way. */
export interface StepSwapOptions {
  readonly title?: string;
  /** What makes it go; reclaim that takes only this page, or a read of it, unless given. */
  readonly act?: () => void;
}

/** A moment, and what has happened. */
interface SwapStep {
  readonly look: PageLook;
  readonly label: string;
  readonly doing: string | undefined;
}

/** Whose way is followed, and what is known of it so far. */
class Follower {
  readonly steps: SwapStep[] = [];
  own: Place | undefined;
  pfn: Pfn | undefined;
  /** What the process does, where it has a part in it. */
  doing: string | undefined;
  /** The way has ended: the frame has another owner from now on. */
  done = false;
  private readonly machine: Machine;
  private readonly process: Process;
  private readonly va: Vaddr;
  private looking = false;

  constructor(machine: Machine, process: Process, va: Vaddr) {
    this.machine = machine;
    this.process = process;
    this.va = va;
  }

  /** One more step; `again`: in place of the last. */
  look(label: string, again = false): void {
    if (this.looking) return;
    this.looking = true;
    try {
      if (again) this.steps.pop();
      const look = lookAtPage(this.machine, this.process.mm, this.va, this.own, this.pfn);
      this.steps.push({ look, label, doing: this.doing });
    } finally {
      this.looking = false;
    }
  }

  /** The folio that holds the page, as far as it is known. */
  get folio(): Folio | undefined {
    return this.pfn === undefined ? undefined : pageFolio(pfnToPage(this.machine.kernel.sys, this.pfn));
  }

  get isBeingWritten(): boolean {
    return this.folio !== undefined && (this.folio.flags & PG_writeback) !== 0;
  }

  /** The page's device is done when it returns. */
  get isSynchronous(): boolean {
    return this.machine.kernel.sys.swap.swapInfo[this.own?.type ?? 0]?.bdev.synchronous === true;
  }

  /** Is the event about this page's slot? */
  isOwn({ fields }: TraceEvent): boolean {
    return fields.type === this.own?.type && fields.offset === this.own?.offset;
  }

  toStepper(title: string): Stepper {
    const page = hex(this.va);
    const own = this.own?.offset;
    const states = this.steps.map(({ look, doing }): SwapStepData => {
      const { entry, boxes, area } = look;
      const told = doing === undefined ? {} : { doing };
      return { title, ...told, page, entry, boxes, area, slots: nearSlots(look, own), own: look.own };
    });
    return stepper(states, drawSwapStep, { title, labels: this.steps.map(({ label }) => label) });
  }
}

function checkPage(
  of: string,
  machine: Machine,
  process: Process,
  va: Vaddr,
  options: StepSwapOptions,
): Vaddr {
  checkArguments(
    of,
    { machine: Machine, process: Process, va: "integer", options: { title: "text", act: "function" } },
    [machine, process, va, options],
  );
  if (!machine.kernel.sys.swap.swapInfo.some((si) => si !== undefined))
    throw new RangeError(`${of}: no swap area is on; see machine.swapon()`);
  return va - (va % PAGE_SIZE);
}

// ---------------------------------------------------------------- out

/**
 * The way of the page at `va` of `process` to swap, while `act` runs; reclaim of this page alone unless
 * given. RangeError for a page that is not in a frame, where no swap is on, or if it did not go.
 * Not in Linux.
 */
export function stepSwapOut(
  machine: Machine,
  process: Process,
  va: Vaddr,
  options: StepSwapOptions = {},
): Stepper {
  const page = checkPage("stepSwapOut()", machine, process, va, options);
  const entry = rawEntry(machine, process.mm, page);
  if ((entry & 1n) === 0n)
    throw new RangeError(`stepSwapOut(): page ${hex(page)} is in no frame; write to it first`);
  const follower = new Follower(machine, process, page);
  follower.pfn = unpackEntry(entry).pfn;
  if (options.act === undefined) lruAddDrainAll(machine.kernel.sys);
  const head = pageFolio(pfnToPage(machine.kernel.sys, follower.pfn)).pfn;
  follower.look(`before: page ${hex(page)} is in frame ${hex(follower.pfn)}, and its entry says so`);
  const act = options.act ?? (() => pageOut(machine, process, page, PAGE_SIZE));
  machine.kernel.sys.trace.watch((event) => followOut(follower, event, head), act);
  if (follower.own === undefined) throw new RangeError(`stepSwapOut(): page ${hex(page)} did not go to swap`);
  return follower.toStepper(options.title ?? "One page goes to swap");
}

function followOut(follower: Follower, event: TraceEvent, head: Pfn): void {
  const { name, fields } = event;
  if (follower.done || fields.pfn !== head) return;
  switch (name) {
    case "pagewalk:folio_alloc_swap":
      follower.own = { type: Number(fields.type), offset: Number(fields.offset) };
      follower.look(
        `reclaim takes the page: it gets slot ${fields.offset}, and frame and slot belong together (swap cache)`,
      );
      return;
    case "pagewalk:set_swap_pte":
      follower.look("the entry is exchanged: it names the slot now, and the slot's count is one more");
      return;
    case "pagewalk:swap_writeout":
      if (fields.to !== "device") follower.look(WRITTEN[String(fields.to)]!);
      else if (follower.isSynchronous) follower.look(WRITTEN.now!);
      return;
    case "vmscan:mm_vmscan_write_folio":
      // Now the frame is marked as being written.
      if (follower.isBeingWritten) follower.look(WRITTEN.device!);
      return;
    case "pagewalk:end_swap_write":
      follower.look(
        fields.success === 1
          ? "the slot has the bytes: the frame is clean"
          : "the device failed: the page is dirty again, and stays",
      );
      return;
    case "kmem:mm_page_free":
      follower.done = true;
      follower.look("the frame is free: only the slot has the bytes now");
  }
}

const WRITTEN: Readonly<Record<string, string>> = {
  device: "the page is sent to the device (pswpout); nobody waits for it",
  now: "the device takes the page at once (pswpout): what zram has is compressed",
  zswap: "zswap has compressed it and keeps it in RAM (zswpout): nothing is written",
  zeromap: "all its bytes are 0: a bit in the zero map says so, nothing is written",
};

// ---------------------------------------------------------------- in

/**
 * The way of the page at `va` of `process` back from swap, while `act` runs; a read of its first byte unless
 * given. RangeError for a page that is not in swap, or if it did not come. Not in Linux.
 */
export function stepSwapIn(
  machine: Machine,
  process: Process,
  va: Vaddr,
  options: StepSwapOptions = {},
): Stepper {
  const page = checkPage("stepSwapIn()", machine, process, va, options);
  const place = placeOf(rawEntry(machine, process.mm, page));
  if (place === undefined || machine.kernel.sys.swap.swapInfo[place.type] === undefined)
    throw new RangeError(`stepSwapIn(): page ${hex(page)} is not in swap; see pageOut()`);
  const follower = new Follower(machine, process, page);
  follower.own = place;
  follower.pfn = cachedFolio(machine.kernel.sys, place)?.pfn;
  follower.doing = "runs";
  follower.look(`before: the entry says "not present", and names page ${place.offset} of area ${place.type}`);
  const act = options.act ?? (() => process.load(page));
  const fault = new FaultIn(follower, page);
  machine.kernel.sys.trace.watch((event) => fault.follow(event), act);
  const entry = rawEntry(machine, process.mm, page);
  if ((entry & 1n) === 0n) throw new RangeError(`stepSwapIn(): page ${hex(page)} did not come back`);
  return follower.toStepper(options.title ?? "One page comes back from swap");
}

/** What is known of the fault while it goes on. */
class FaultIn {
  private readonly follower: Follower;
  private readonly page: Vaddr;
  private began = false;
  private wasRead = false;
  private waited = false;
  /** The device takes its time. */
  private sleeps = false;
  private nrAhead = 0;
  /** The last step is the one about neighbours. */
  private toldAhead = false;
  private givenBack = false;

  constructor(follower: Follower, page: Vaddr) {
    this.follower = follower;
    this.page = page;
  }

  follow(event: TraceEvent): void {
    const { follower } = this;
    const { name, fields } = event;
    if (follower.done) return;
    if (
      name.startsWith("exceptions:") &&
      Number(fields.address) - (Number(fields.address) % PAGE_SIZE) === this.page
    ) {
      this.began = true;
      follower.doing = "is in the page fault";
      follower.look("the processor faults: P is clear. The kernel takes its note apart: area, page, flags");
    } else if (name === "pagewalk:swap_readahead") this.ahead();
    else if (name === "ftrace:funcgraph_exit" && fields.func === "do_swap_page" && this.began)
      this.ended(Number(fields.ret));
    else if (follower.isOwn(event)) this.ownEvent(event);
  }

  /** Neighbours are told of in one step, which counts them, after the one about the page itself. */
  private ahead(): void {
    this.nrAhead++;
    if (this.wasRead) this.tellAhead();
  }

  private tellAhead(): void {
    const neighbours = this.nrAhead === 1 ? "a neighbour, too" : `${this.nrAhead} neighbours, too`;
    this.follower.look(`readahead sends for ${neighbours}: they may be wanted next`, this.toldAhead);
    this.toldAhead = true;
  }

  private ownEvent({ name, fields }: TraceEvent): void {
    const { follower } = this;
    if (name === "pagewalk:swap_cache_hit") this.hit(Number(fields.pfn));
    else if (name === "pagewalk:swap_read_folio") {
      this.wasRead = true;
      follower.pfn = Number(fields.pfn);
      const past = follower.isSynchronous ? ", past the swap cache" : "";
      const how = READ[String(fields.from)]!;
      this.sleeps = fields.from === "device" && !follower.isSynchronous;
      follower.look(`no frame has it: frame ${hex(follower.pfn)} is taken; ${how}${past}`);
      if (this.nrAhead > 0) this.tellAhead();
    } else if (name === "pagewalk:end_swap_read") {
      this.toldAhead = false;
      if (this.sleeps) follower.doing = "has slept in the page fault, and is about to be woken";
      follower.look(fields.success === 1 ? "the bytes are in the frame" : "the device failed: SIGBUS");
    } else if (name === "pagewalk:swap_entry_free") {
      this.givenBack = true;
      follower.look("nobody needs the slot any more: it is given back");
    }
  }

  private hit(pfn: Pfn): void {
    const { follower } = this;
    follower.pfn = pfn;
    const frame = `the swap cache has the page, in frame ${hex(pfn)}`;
    if (this.waited) follower.doing = "is in the page fault for the second time";
    if (this.waited) follower.look("once more: the swap cache has the page, and its bytes are there");
    else if (follower.folio !== undefined && (follower.folio.flags & PG_locked) !== 0)
      follower.look(`${frame}: it was sent for ahead of need, and is still on its way`);
    else follower.look(`${frame}: a minor fault, nothing is read`);
  }

  private ended(ret: number): void {
    const { follower } = this;
    if ((ret & VM_FAULT_RETRY) !== 0) {
      this.waited = true;
      follower.doing = "is woken: what it knew may be wrong by now";
      follower.look("the program had to wait for them: the fault begins again");
      return;
    }
    follower.done = true;
    const dirty = follower.folio !== undefined && (follower.folio.flags & PG_dirty) !== 0;
    const kept = dirty
      ? "the slot is kept, but nothing is in it: the frame is dirty"
      : "the slot is kept: as long as nobody writes, the page can be dropped again";
    follower.doing = "goes on, as if nothing had been";
    const after = this.givenBack ? "the page has no place in swap any more" : kept;
    follower.look(`the entry names the frame; ${after}`);
  }
}

const READ: Readonly<Record<string, string>> = {
  device: "the device is asked for the bytes (pswpin)",
  zswap: "zswap puts the bytes there (zswpin)",
  zeromap: "the zero map says that all are 0: nothing is read",
};
