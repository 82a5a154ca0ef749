/**
 * Page counters: what a group uses counts in all of its ancestors, and each of them may refuse.
 *
 *   charge 64 pages to c:   c +64   a +64   root +64
 *                             |       |
 *                             |       +-- over its max: what c has got already is taken back, and the
 *                             |           counter that refused is the one to be reclaimed from
 *
 * Left out: how much of its min and low a group uses, which decides how far reclaim spares it.
 *
 * Linux mm/page_counter.c. Read first: memcg_types.ts. Read next: charge.ts.
 */
import { vmBugOn } from "../mmdebug.js";
import type { PageCounter } from "./memcg_types.js";

/** Charges without regard to limits. Linux mm/page_counter.c:page_counter_charge() */
export function pageCounterCharge(counter: PageCounter, nrPages: number): void {
  for (let c: PageCounter | undefined = counter; c !== undefined; c = c.parent) {
    c.usage += nrPages;
    if (c.usage > c.watermark) c.watermark = c.usage;
  }
}

/**
 * Charges, unless the counter or one of its ancestors would pass its limit: then nothing changes, and that
 * one is returned. Linux mm/page_counter.c:page_counter_try_charge()
 */
export function pageCounterTryCharge(counter: PageCounter, nrPages: number): PageCounter | undefined {
  for (let c: PageCounter | undefined = counter; c !== undefined; c = c.parent)
    if (c.usage + nrPages > c.max) return c;
  pageCounterCharge(counter, nrPages);
  return undefined;
}

/** Gives pages back. Linux mm/page_counter.c:page_counter_uncharge() */
export function pageCounterUncharge(counter: PageCounter, nrPages: number): void {
  for (let c: PageCounter | undefined = counter; c !== undefined; c = c.parent) {
    c.usage -= nrPages;
    vmBugOn(c.usage < 0, "a group gives back more pages than it was charged for");
  }
}
