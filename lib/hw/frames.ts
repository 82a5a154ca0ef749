/**
 * Frames for a machine that has no kernel yet: who hands out page frames, one by one.
 *
 *   [ reserved | used | used | free | used | never used ......... ]
 *                              ^ given back: next out   ^ nextFresh
 *
 * Frames that came back are handed out first, the last one back first, so their old bytes are still in them:
 * a page-table frame must be cleared by the one who asked for it. (Linux hands out frames from its buddy
 * allocator; lab 10 is about that.)
 *
 * Read first: ram.ts. Read next: page_table.ts.
 */
import type { Pfn } from "./address.js";
import { Ram } from "./ram.js";
import { checkArguments } from "./signature.js";

/**
 * Whoever can hand out page frames; undefined when none is left. Linux mm/page_alloc.c:alloc_page() gives
 * NULL then.
 */
export interface FrameAllocator {
  /** A frame number, its old bytes still in it; undefined when RAM is full. */
  allocFrame(): number | undefined;
  /** Takes the frame back. */
  freeFrame(pfn: Pfn): void;
}

/**
 * The simplest frame allocator: a stack of returned frames in front of a line of fresh ones. Not in Linux.
 */
export class BareFrames implements FrameAllocator {
  private readonly ram: Ram;
  private readonly returned: number[] = [];
  private readonly inUse = new Set<number>();
  private nextFresh: number;
  private readonly firstPfn: Pfn;

  /**
   * Hands out the frames of `ram` from `firstPfn` on; the ones below stay reserved (frame 0 always, as on a
   * PC).
   */
  constructor(ram: Ram, firstPfn = 1) {
    checkArguments("new BareFrames()", { ram: Ram, firstPfn: "count" }, [ram, firstPfn]);
    if (!(Number.isInteger(firstPfn) && firstPfn >= 0 && firstPfn <= ram.nrFrames))
      throw new RangeError(`first frame ${firstPfn} is not in 0 to ${ram.nrFrames}`);
    this.ram = ram;
    this.firstPfn = firstPfn;
    this.nextFresh = firstPfn;
  }

  /** Frames handed out and not yet back. */
  get nrInUse(): number {
    return this.inUse.size;
  }

  /** Frames that can still be handed out. */
  get nrFree(): number {
    return this.ram.nrFrames - this.firstPfn - this.inUse.size;
  }

  allocFrame(): number | undefined {
    const pfn = this.returned.pop() ?? (this.nextFresh < this.ram.nrFrames ? this.nextFresh++ : undefined);
    if (pfn !== undefined) this.inUse.add(pfn);
    return pfn;
  }

  /**
   * Hands out `nrFrames` neighbouring frames, the first one a multiple of `nrFrames`; undefined when there is
   * no such run.
   */
  allocRun(nrFrames: number): number | undefined {
    const first = Math.ceil(this.nextFresh / nrFrames) * nrFrames;
    if (first + nrFrames > this.ram.nrFrames) return undefined;
    while (this.nextFresh < first) this.returned.push(this.nextFresh++);
    for (let pfn = first; pfn < first + nrFrames; pfn++) this.inUse.add(pfn);
    this.nextFresh = first + nrFrames;
    return first;
  }

  freeFrame(pfn: Pfn): void {
    if (!this.inUse.delete(pfn)) throw new RangeError(`frame ${pfn} is not in use, so it cannot be freed`);
    this.returned.push(pfn);
  }
}
