/**
 * Page replacement: memory has room for `capacity` pages, a program asks for more; which page has to go?
 *
 *        trace of page numbers            the policy decides, on a miss, who goes
 *
 *        7 0 1 2 0 3 0 4 ...  -------->   +---+---+---+
 *                                         | 2 | 0 | 1 |   access(3) = false: a miss, one page leaves
 *                                         +---+---+---+   access(0) = true:  a hit
 *                                          capacity = 3
 *
 * Nothing else of a machine is here: no page tables, no time, no dirty pages. What is left is the question
 * itself, and it has exact answers: the number of misses of a policy on a trace.
 *
 * A policy is an object with one method, `access`. It is made for a capacity and for a trace whose pages are
 * numbered 0, 1, 2, ... (numbered_trace.ts), so it can keep what it knows of a page in an array. Each of the
 * eight is one file; your own is as good as they are:
 *
 *    class Mine implements Policy {
 *      constructor(capacity: number, nrPages: number) { ... }
 *      access(page: number): boolean { ... }
 *    }
 *    runPolicy(Mine, [7, 0, 1, 2, 0, 3, 0, 4], 3)
 *
 * Linux cannot run any of these as they stand: it does not see hits, only the accessed bits of page tables.
 *
 * Read next: fifo.ts, then the others in the order of README.md. Then run_policy.ts.
 */

/** One policy at work: it knows which pages are in memory, and what it needs to choose the next to go. */
export interface Policy {
  /**
   * A reference to `page`, 0 to nrPages - 1: true for a hit. On a miss the page is brought in; when memory is
   * full, another one leaves first.
   */
  access(page: number): boolean;
  /** The pages in memory, for a picture. */
  contents?(): number[];
  /** What the policy remembers of a page in memory, in a few letters, for a picture. */
  tag?(page: number): string;
}

/**
 * A class whose instances are policies. `nrPages` pages occur in the trace, and `requests` is the trace
 * itself: who looks at it sees the future, which only `optimal` does.
 */
export type PolicyClass = new (capacity: number, nrPages: number, requests: Uint32Array) => Policy;

/** As PolicyClass, but a function that returns the policy. */
export type PolicyMaker = (capacity: number, nrPages: number, requests: Uint32Array) => Policy;
