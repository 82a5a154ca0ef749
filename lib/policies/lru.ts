/**
 * LRU: the page that was not used for the longest time goes.
 *
 *    used last                        used longest ago
 *       |                                  |
 *      [3] <-> [8] <-> [1] <-> [0] <-> [6] <-> [2]      access(0): 0 moves to the front
 *                                                       a miss: 2 goes, the new page comes to the front
 *
 * The past as a guess at the future: good where what was used is used again. It has two faults. One pass over
 * a large file pushes out everything else; and in a loop a little larger than memory every access misses,
 * because each page goes just before it is needed.
 *
 * The pages that LRU keeps with n frames are among those it keeps with n + 1: the stack property, which makes
 * all capacities computable at once (stack_distance.ts) and rules out Belady's anomaly.
 *
 * Exact LRU moves a page at every single access. No kernel can: Linux only moves it when reclaim looks at its
 * accessed bit. Read first: policy.ts, page_list.ts. Read next: optimal.ts.
 */
import { PageLinks, PageList } from "./page_list.js";
import type { Policy } from "./policy.js";

/** Least recently used. */
export class Lru implements Policy {
  private readonly capacity: number;
  private readonly list: PageList;
  private readonly resident: Uint8Array;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.list = new PageList(new PageLinks(nrPages, 1));
    this.resident = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    const { list } = this;
    const hit = this.resident[page] === 1;
    if (hit) list.remove(page);
    else {
      if (list.size === this.capacity) this.resident[list.popBack()] = 0;
      this.resident[page] = 1;
    }
    list.pushFront(page);
    return hit;
  }

  /** From the page used last to the one that goes next. */
  contents(): number[] {
    return this.list.pages();
  }
}
