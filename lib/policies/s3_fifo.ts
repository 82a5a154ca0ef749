/**
 * S3-FIFO: three queues in which no page ever moves on a hit (Yang, Zhang, Qiu, Yue and Vigfusson, SOSP
 * 2023).
 *
 *                       used more than once
 *    new page --> small ------------------> main --+
 *                 10 %                      90 %   |  used since: once more round, its count minus 1
 *                   |                        ^  ^--+
 *                   v else                   |     |  else out
 *                 ghost  names only ---------+     v
 *                        used again: straight into main
 *
 * Most pages are used once and never again: the small queue lets them go quickly, before they have cost much
 * room. What is used more than once gets into main, where a count of up to 3 uses decides, as CLOCK's bit
 * does. A hit only counts up, so many processors can do it at the same time without a lock.
 *
 * The paper leaves open whether main is full at its share or above it: here above it, after the page has come
 * in. A name leaves the ghost queue when its page comes back.
 *
 * Not in Linux. Read first: clock.ts, two_q.ts: it has something of both. Read next: sieve.ts.
 */
import { PageLinks, PageList } from "./page_list.js";
import type { Policy } from "./policy.js";

const NOWHERE = 0;
const GHOST = 1;
const SMALL = 2;
const MAIN = 3;
/** Uses are counted up to here. */
const MOST_USES = 3;

/** Simple, scalable caching with three static FIFO queues. */
export class S3Fifo implements Policy {
  private readonly capacity: number;
  /** Pages of main beyond which it is full; as many names are in the ghost queue. */
  private readonly mainShare: number;
  private readonly small: PageList;
  private readonly main: PageList;
  private readonly ghost: PageList;
  /** By page: the queue it is in, and its uses since it came into memory or moved. */
  private readonly where: Uint8Array;
  private readonly uses: Uint8Array;

  constructor(capacity: number, nrPages: number) {
    this.capacity = capacity;
    this.mainShare = Math.floor((capacity * 9) / 10);
    const links = new PageLinks(nrPages, 3);
    this.small = new PageList(links, 0, 3);
    this.main = new PageList(links, 1, 3);
    this.ghost = new PageList(links, 2, 3);
    this.where = new Uint8Array(nrPages);
    this.uses = new Uint8Array(nrPages);
  }

  access(page: number): boolean {
    const { where, uses, small, main } = this;
    if (where[page]! >= SMALL) {
      if (uses[page]! < MOST_USES) uses[page]!++;
      return true;
    }
    while (small.size + main.size >= this.capacity) this.evict();
    // Looked at only now: making room may have pushed the name out of the ghost queue.
    const remembered = where[page] === GHOST;
    if (remembered) this.ghost.remove(page);
    (remembered ? main : small).pushFront(page);
    where[page] = remembered ? MAIN : SMALL;
    uses[page] = 0;
    return false;
  }

  private evict(): void {
    if (this.small.size * 10 >= this.capacity) this.evictFromSmall();
    else this.evictFromMain();
  }

  /** From the back of small, until one page has left memory: those used more than once move to main. */
  private evictFromSmall(): void {
    const { where, uses, small, main } = this;
    while (small.size > 0) {
      const page = small.popBack();
      if (uses[page]! <= 1) {
        this.remember(page);
        return;
      }
      main.pushFront(page);
      where[page] = MAIN;
      uses[page] = 0;
      if (main.size > this.mainShare) this.evictFromMain();
    }
  }

  /** From the back of main, until one page has left memory: those that were used go round once more. */
  private evictFromMain(): void {
    const { where, uses, main } = this;
    while (main.size > 0) {
      const page = main.popBack();
      if (uses[page] === 0) {
        where[page] = NOWHERE;
        return;
      }
      uses[page]!--;
      main.pushFront(page);
    }
  }

  private remember(page: number): void {
    const { where, ghost } = this;
    ghost.pushFront(page);
    where[page] = GHOST;
    if (ghost.size > this.mainShare) where[ghost.popBack()] = NOWHERE;
  }

  contents(): number[] {
    return [...this.small.pages(), ...this.main.pages()];
  }

  tag(page: number): string {
    return `${this.where[page] === MAIN ? "M" : "S"}${this.uses[page]}`;
  }
}
