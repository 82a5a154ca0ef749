/**
 * FIFO: the page that has been in memory longest goes, used or not.
 *
 *              turn
 *               v
 *    +---+---+---+---+---+
 *    | 9 | 4 | 1 | 7 | 3 |     page 1 came first; the next miss puts its page here and the turn goes on
 *    +---+---+---+---+---+
 *
 * A ring of frames that is filled round after round: no work at all on a hit, and a queue whose oldest page
 * is always where the turn stands. The price: a page in constant use goes as well, and comes back at once.
 * And more memory may mean more misses (belady_anomaly.ts), which no other simple policy has.
 *
 * Not in Linux: kernels learned from it what not to do. Read first: policy.ts. Read next: clock.ts.
 */
import type { Policy } from "./policy.js";

/** First in, first out. */
export class Fifo implements Policy {
  private readonly capacity: number;
  private readonly frames: Int32Array;
  private readonly resident: Uint8Array;
  /** The frame that is filled next. */
  private turn = 0;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.frames = new Int32Array(capacity).fill(-1);
    this.resident = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    if (this.resident[page] === 1) return true;
    const oldest = this.frames[this.turn]!;
    if (oldest >= 0) this.resident[oldest] = 0;
    this.frames[this.turn] = page;
    this.resident[page] = 1;
    this.turn = this.turn + 1 === this.capacity ? 0 : this.turn + 1;
    return false;
  }

  contents(): number[] {
    return [...this.frames].filter((page) => page >= 0);
  }
}
