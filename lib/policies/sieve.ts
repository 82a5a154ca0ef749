/**
 * SIEVE: CLOCK in which a page that survives stays where it is (Zhang, Yang, Yue, Vigfusson and Rashmi, NSDI
 * 2024).
 *
 *    newest                                  oldest
 *    [8]  [5]  [2]*  [7]*  [3]  [1]*  [4]*              * used since the hand last came by
 *                      ^----------- hand                the hand goes from old to new
 *
 *    a miss: 7's bit is cleared, 2's too, then 5 goes; the new page comes in at the front, before 8
 *
 * CLOCK puts a new page where the old one was, just behind the hand: the hand comes to it last. In SIEVE new
 * pages are all at the front and meet the hand soon, among themselves; those that were used are left behind
 * it, at the back, and are safe until it has gone the whole way. One change to where a page is put, and
 * popular pages are sifted from the others as by 2Q or ARC. Its authors made it for the web; they warn that
 * it does not resist the long passes over memory that programs make.
 *
 * Not in Linux. Read first: clock.ts, page_list.ts. Read next: run_policy.ts.
 */
import { PageLinks, PageList } from "./page_list.js";
import type { Policy } from "./policy.js";

/** SIEVE. */
export class Sieve implements Policy {
  private readonly capacity: number;
  private readonly queue: PageList;
  private readonly resident: Uint8Array;
  private readonly visited: Uint8Array;
  /** The page at which the search goes on; -1: at the back. */
  private hand = -1;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.queue = new PageList(new PageLinks(nrPages, 1));
    this.resident = new Uint8Array(nrPages);
    this.visited = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    if (this.resident[page] === 1) {
      this.visited[page] = 1;
      return true;
    }
    if (this.queue.size === this.capacity) this.evict();
    this.queue.pushFront(page);
    this.resident[page] = 1;
    this.visited[page] = 0;
    return false;
  }

  private evict(): void {
    const { queue, visited } = this;
    let page = this.hand < 0 ? queue.back : this.hand;
    while (visited[page] === 1) {
      visited[page] = 0;
      const newer = queue.inFrontOf(page);
      page = newer < 0 ? queue.back : newer;
    }
    this.hand = queue.inFrontOf(page);
    queue.remove(page);
    this.resident[page] = 0;
  }

  /** From the newest to the oldest. */
  contents(): number[] {
    return this.queue.pages();
  }

  /** The visited bit; ">" where the hand stands. */
  tag(page: number): string {
    const hand = this.hand < 0 ? this.queue.back : this.hand;
    return `${page === hand ? ">" : ""}${this.visited[page]}`;
  }
}
