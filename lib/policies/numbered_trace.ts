/**
 * A trace whose pages are numbered from 0.
 *
 *    page numbers      0x401  0x402  0x7ffff  0x401  0x402         as a program has them: few, and far apart
 *                        |      |       |       |      |
 *    requests            0      1       2       0      1           small numbers, in order of first use
 *    pages             [ 0x401, 0x402, 0x7ffff ]                   the way back
 *
 * Arrays that are indexed by such a number are several times as fast as a Map of page numbers. So the Map is
 * asked once, here; no policy needs one.
 *
 * Not in Linux: there a page finds its place in the lists through its struct page. Read first: policy.ts.
 */
import { valueText } from "../hw/options.js";
import { Trace } from "../hw/trace.js";

/** Page numbers in the order in which they are used. */
export type PageNumbers = readonly number[] | Uint32Array | Float64Array;

/** What every function of this chapter takes as its trace. */
export type AnyPageTrace = PageNumbers | Trace | NumberedTrace;

/** Page numbers below this are looked up in an array rather than in a Map. */
const SMALL = 2 ** 22;

/** A trace of pages numbered 0, 1, 2, ... in order of first use. */
export class NumberedTrace {
  /** The trace in these numbers. */
  readonly requests: Uint32Array;
  /** The page number that stands behind each. */
  readonly pages: Float64Array;

  /** `requests` holds numbers below `pages.length` only. */
  constructor(requests: Uint32Array, pages: Float64Array) {
    this.requests = requests;
    this.pages = pages;
  }

  /** Different pages in the trace. */
  get nrPages(): number {
    return this.pages.length;
  }
}

/**
 * Numbers the pages of `trace`; one that is numbered already is returned as it is. Useful before running many
 * policies on one trace. RangeError for an empty trace and for what is no page number. Not in Linux.
 */
export function numberPages(trace: AnyPageTrace): NumberedTrace {
  if (trace instanceof NumberedTrace) return trace;
  if (trace instanceof Trace) return numberPages(trace.stream.map((access) => access >>> 12));
  if (!(Array.isArray(trace) || trace instanceof Uint32Array || trace instanceof Float64Array))
    throw new TypeError(`a trace is a list of page numbers, not ${valueText(trace)}`);
  if (trace.length === 0) throw new RangeError("a trace of 0 pages has nothing to run");
  let last = 0;
  for (let i = 0; i < trace.length; i++) {
    const page = trace[i]!;
    if (!(Number.isSafeInteger(page) && page >= 0))
      throw new RangeError(`number ${i} of the trace is ${valueText(page)}, not a page number`);
    if (page > last) last = page;
  }
  return last < SMALL ? numberByArray(trace, last + 1) : numberByMap(trace);
}

function numberByArray(trace: PageNumbers, limit: number): NumberedTrace {
  const requests = new Uint32Array(trace.length);
  const pages = new Float64Array(Math.min(limit, trace.length));
  const numbers = new Uint32Array(limit); // the number plus 1; 0 for a page not met yet
  let nrPages = 0;
  for (let i = 0; i < trace.length; i++) {
    const page = trace[i]!;
    let number = numbers[page]!;
    if (number === 0) {
      pages[nrPages++] = page;
      numbers[page] = number = nrPages;
    }
    requests[i] = number - 1;
  }
  return new NumberedTrace(requests, pages.slice(0, nrPages));
}

function numberByMap(trace: PageNumbers): NumberedTrace {
  const requests = new Uint32Array(trace.length);
  const numbers = new Map<number, number>();
  for (let i = 0; i < trace.length; i++) {
    const page = trace[i]!;
    let number = numbers.get(page);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(page, number);
    }
    requests[i] = number;
  }
  return new NumberedTrace(requests, Float64Array.from(numbers.keys()));
}
