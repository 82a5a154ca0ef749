/**
 * Lists of pages, linked through arrays: what LRU, 2Q, ARC, S3-FIFO and SIEVE move their pages about in.
 *
 *        front                          back
 *          |                              |
 *    +--> [5] <--> [0] <--> [7] <--> [2] <--+        next[5] = 0, prev[5] = the list itself
 *    |                                      |
 *    +------------ the list itself ---------+        a ring: no end needs a special case
 *
 * A page is its own index into `next` and `prev`, so that finding it, taking it out and putting it elsewhere
 * are a few stores each. The lists of one policy share the two arrays: a page is on one of them at most.
 * Linux's struct list_head lies within struct page for the same reason.
 *
 * Read first: policy.ts. Read next: lru.ts.
 */

/** The links of all pages, for up to `nrLists` lists. */
export class PageLinks {
  readonly next: Int32Array;
  readonly prev: Int32Array;

  constructor(nrPages: number, nrLists: number) {
    this.next = Int32Array.from({ length: nrPages + nrLists }, (_, i) => i);
    this.prev = this.next.slice();
  }
}

/** One list. `Linux include/linux/list.h:struct list_head`. */
export class PageList {
  size = 0;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  /** The ring's own element, behind the pages. */
  private readonly self: number;

  /** List number `index` of `links`, from 0. */
  constructor(links: PageLinks, index = 0, nrLists = 1) {
    this.next = links.next;
    this.prev = links.prev;
    this.self = links.next.length - nrLists + index;
  }

  /** The page at the back; only where there is one. */
  get back(): number {
    return this.prev[this.self]!;
  }

  /** Adds a page that is on no list. */
  pushFront(page: number): void {
    const { next, prev, self } = this;
    const first = next[self]!;
    next[page] = first;
    prev[page] = self;
    prev[first] = page;
    next[self] = page;
    this.size++;
  }

  /** Takes out a page that is on this list. */
  remove(page: number): void {
    const { next, prev } = this;
    const after = next[page]!;
    const before = prev[page]!;
    next[before] = after;
    prev[after] = before;
    this.size--;
  }

  /** Takes out the page at the back and returns it; only where there is one. */
  popBack(): number {
    const page = this.prev[this.self]!;
    this.remove(page);
    return page;
  }

  /** The page in front of `page`, or -1 for the one at the front. */
  inFrontOf(page: number): number {
    const before = this.prev[page]!;
    return before === this.self ? -1 : before;
  }

  /** All pages, from the front. */
  pages(): number[] {
    const found: number[] = [];
    for (let page = this.next[this.self]!; page !== this.self; page = this.next[page]!) found.push(page);
    return found;
  }
}
