/**
 * CLOCK: FIFO, but a page that was used since the hand last came by gets a second chance.
 *
 *                 [4]*                  * the page's referenced bit is set
 *            [9]        [1]
 *         [2]*    |       [7]*          the hand looks at page 7: the bit is set, so it is cleared and the
 *                 +------->             hand goes on; at page 3 it is clear: 3 goes, the new page takes its
 *            [5]*       [3]             frame, and the hand moves past it
 *                 [8]
 *
 * A hit only sets a bit, which a processor does by itself (the accessed bit of a page-table entry); so this
 * approximates LRU at no cost for a hit, and is what real kernels started from.
 *
 * Two things differ from text to text, and change the count of misses. Here a new page starts with its bit
 * clear: coming in is not yet a use. And the hand moves past the frame it has just filled, so that the new
 * page is looked at last. With the bit set at first, a page used once stays a whole round longer.
 *
 * Linux's lists are CLOCK with two hands: `Linux mm/vmscan.c:folio_check_references()`.
 * Read first: fifo.ts. Read next: lru.ts; sieve.ts for what one small change makes of it.
 */
import type { Policy } from "./policy.js";

/** Second chance, with a hand. */
export class ClockPolicy implements Policy {
  private readonly capacity: number;
  private readonly frames: Int32Array;
  private readonly frameOf: Int32Array;
  /** By frame: used since the hand last came by. */
  private readonly referenced: Uint8Array;
  private hand = 0;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.frames = new Int32Array(capacity).fill(-1);
    this.frameOf = new Int32Array(nrPages).fill(-1);
    this.referenced = new Uint8Array(capacity);
  }

  access(page: number): boolean {
    const frame = this.frameOf[page]!;
    if (frame < 0) {
      this.replace(page);
      return false;
    }
    this.referenced[frame] = 1;
    return true;
  }

  /** Brings `page` in: into the first frame from the hand on whose bit is clear, as an empty frame's is. */
  private replace(page: number): void {
    const { frames, frameOf, referenced } = this;
    let { hand } = this;
    while (referenced[hand] === 1) {
      referenced[hand] = 0;
      hand = this.after(hand);
    }
    const victim = frames[hand]!;
    if (victim >= 0) frameOf[victim] = -1;
    frames[hand] = page;
    frameOf[page] = hand;
    this.hand = this.after(hand);
  }

  /** The frame that the hand comes to next. */
  private after(frame: number): number {
    return frame + 1 === this.capacity ? 0 : frame + 1;
  }

  contents(): number[] {
    return [...this.frames].filter((page) => page >= 0);
  }

  /** The referenced bit; ">" where the hand stands. */
  tag(page: number): string {
    const frame = this.frameOf[page]!;
    return `${frame === this.hand ? ">" : ""}${this.referenced[frame]}`;
  }
}
