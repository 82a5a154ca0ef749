/**
 * 2Q: a new page is on probation, and earns its place only when it is used again later (Johnson and Shasha,
 * 1994; the full version).
 *
 *    new page --> A1in  FIFO, a quarter of memory      hits change nothing: several uses at once are one
 *                   |
 *                   v pushed out
 *                 A1out FIFO of names only,            not in memory! used again while its name is here:
 *                   |   half as many as memory has     it was wanted twice, some time apart
 *                   v used again
 *                 Am    LRU, the rest of memory        the pages that are worth keeping
 *
 * A pass over a large file goes through A1in and out, and leaves Am alone: LRU's worst fault is cured, at the
 * price of two sizes to choose (Kin and Kout; the authors' values are used here).
 *
 * Linux's inactive and active lists are near relatives, and A1out is what its shadow entries are for:
 * `Linux mm/workingset.c:workingset_refault()`. Read first: lru.ts, page_list.ts. Read next: arc.ts.
 */
import { PageLinks, PageList } from "./page_list.js";
import type { Policy } from "./policy.js";

const NOWHERE = 0;
const A1OUT = 1;
const A1IN = 2;
const AM = 3;

/** 2Q with Kin = capacity / 4 and Kout = capacity / 2, rounded down. */
export class TwoQ implements Policy {
  private readonly capacity: number;
  private readonly kin: number;
  private readonly kout: number;
  private readonly a1in: PageList;
  private readonly a1out: PageList;
  private readonly am: PageList;
  /** By page: the list it is on. */
  private readonly where: Uint8Array;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.kin = Math.floor(capacity / 4);
    this.kout = Math.floor(capacity / 2);
    const links = new PageLinks(nrPages, 3);
    this.a1in = new PageList(links, 0, 3);
    this.a1out = new PageList(links, 1, 3);
    this.am = new PageList(links, 2, 3);
    this.where = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    const { where, am } = this;
    const on = where[page]!;
    if (on === A1IN) return true;
    if (on === AM) {
      am.remove(page);
      am.pushFront(page);
      return true;
    }
    if (on === A1OUT) this.a1out.remove(page);
    this.makeRoom();
    if (on === A1OUT) am.pushFront(page);
    else this.a1in.pushFront(page);
    where[page] = on === A1OUT ? AM : A1IN;
    return false;
  }

  /** The paper's reclaimfor(): from A1in while it is too long, and its name is kept; else from Am. */
  private makeRoom(): void {
    const { where, a1in, a1out, am } = this;
    if (a1in.size + am.size < this.capacity) return;
    if (a1in.size <= this.kin) {
      where[am.popBack()] = NOWHERE;
      return;
    }
    const page = a1in.popBack();
    a1out.pushFront(page);
    where[page] = A1OUT;
    if (a1out.size > this.kout) where[a1out.popBack()] = NOWHERE;
  }

  contents(): number[] {
    return [...this.a1in.pages(), ...this.am.pages()];
  }

  tag(page: number): string {
    return this.where[page] === AM ? "Am" : "A1in";
  }
}
