/**
 * ARC: two LRU lists, and a boundary between them that the misses themselves move (Megiddo and Modha, 2003).
 *
 *          used once                        used at least twice
 *    B1 <-------- T1 <-- front      front --> T2 --------> B2
 *    names only   |<-- about p -->|<-- about c - p -->|    names only
 *                 |<------- c pages in memory ------->|
 *
 *    a miss on a name in B1: T1 was too short, p grows          a miss on a name in B2: T2 was, p shrinks
 *
 * T1 catches what is new, T2 what recurs; how memory is best shared out between them depends on the program,
 * and changes while it runs. The names of pages that were pushed out tell which of the two was robbed. p
 * moves by more than 1 where the list that asks is the shorter one. There is nothing to tune.
 *
 * Linux keeps no such target; its split of the lists is described in `Linux mm/workingset.c`.
 * Read first: two_q.ts, whose fixed sizes this replaces. Read next: s3_fifo.ts.
 */
import { PageLinks, PageList } from "./page_list.js";
import type { Policy } from "./policy.js";

const NOWHERE = 0;
const B1 = 1;
const B2 = 2;
const T1 = 3;
const T2 = 4;

/** Adaptive replacement cache. */
export class Arc implements Policy {
  /** How long T1 should be, 0 to the capacity; it need not be whole. */
  p = 0;
  private readonly capacity: number;
  private readonly t1: PageList;
  private readonly t2: PageList;
  private readonly b1: PageList;
  private readonly b2: PageList;
  /** By page: the list it is on. */
  private readonly where: Uint8Array;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    const links = new PageLinks(nrPages, 4);
    this.t1 = new PageList(links, 0, 4);
    this.t2 = new PageList(links, 1, 4);
    this.b1 = new PageList(links, 2, 4);
    this.b2 = new PageList(links, 3, 4);
    this.where = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    const { where, t1, t2, b1, b2 } = this;
    const on = where[page]!;
    if (on === NOWHERE) {
      this.makeRoomForNew();
      t1.pushFront(page);
      where[page] = T1;
      return false;
    }
    if (on === B1) this.p = Math.min(this.capacity, this.p + Math.max(1, b2.size / b1.size));
    if (on === B2) this.p = Math.max(0, this.p - Math.max(1, b1.size / b2.size));
    if (on === B1 || on === B2) this.replace(on === B2);
    (on === T1 ? t1 : on === T2 ? t2 : on === B1 ? b1 : b2).remove(page);
    t2.pushFront(page);
    where[page] = T2;
    return on >= T1;
  }

  /** The paper's case IV: at most c names of pages used once, at most 2c in all. */
  private makeRoomForNew(): void {
    const { where, capacity, t1, t2, b1, b2 } = this;
    const once = t1.size + b1.size;
    const all = once + t2.size + b2.size;
    if (once === capacity) {
      if (b1.size === 0) {
        where[t1.popBack()] = NOWHERE; // T1 is all of memory, and its page is not even remembered
        return;
      }
      where[b1.popBack()] = NOWHERE;
      this.replace(false);
    } else if (all >= capacity) {
      if (all === 2 * capacity) where[b2.popBack()] = NOWHERE;
      this.replace(false);
    }
  }

  /** The paper's REPLACE: pushes one page out of memory, and keeps its name. */
  private replace(forB2: boolean): void {
    const { where, t1, t2, p } = this;
    const fromT1 = t1.size > 0 && (t1.size > p || (forB2 && t1.size === p));
    const page = (fromT1 ? t1 : t2).popBack();
    (fromT1 ? this.b1 : this.b2).pushFront(page);
    where[page] = fromT1 ? B1 : B2;
  }

  contents(): number[] {
    return [...this.t1.pages(), ...this.t2.pages()];
  }

  tag(page: number): string {
    return this.where[page] === T1 ? "T1" : "T2";
  }
}
