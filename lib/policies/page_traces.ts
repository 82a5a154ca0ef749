/**
 * Traces to try policies on: recorded ones turned into page numbers, and made-up ones, each of which is hard
 * for some policy and easy for another.
 *
 *    loop     0 1 2 3 0 1 2 3 0 1 2 3     a little larger than memory: LRU never hits, optimal mostly does
 *    scan     0 3 1 0 2 50 51 52 53 1 0   a few hot pages, and now and then a pass over many that are used once
 *    zipf     0 0 1 0 7 0 2 1 0 0 19 3    rank k is used in proportion to 1/k, as files and words are
 *    phases   0 2 1 1 0 2 | 9 8 9 7 8 9   a working set, then another one
 *
 * A recorded program: readLackey() and loadTrace() give a Trace, and pageTrace() its page numbers. Most
 * accesses go to the page of the access before; they hit with every policy, and `distinct: true` leaves them
 * out.
 *
 * Read first: policy.ts, hw/trace.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { readLackey } from "../hw/lackey.js";
import { nearestName, valueText } from "../hw/options.js";
import { Random } from "../hw/random.js";
import { checkArguments, required } from "../hw/signature.js";
import { Trace } from "../hw/trace.js";

/** How a recording is turned into page numbers. */
export interface PageTraceOptions {
  /** Leave out an access to the same page as the one before it. */
  readonly distinct?: boolean;
}

/**
 * The page numbers of a recording: a Trace, a stream (offsets as in hw/stream.ts), lackey's output as text,
 * or a list of addresses. Not in Linux.
 */
export function pageTrace(
  recording: Trace | Uint32Array | string | readonly number[],
  options: PageTraceOptions = {},
): Float64Array {
  checkArguments("pageTrace()", { recording: "any", options: required({ distinct: "flag" }) }, [
    recording,
    options,
  ]);
  const pages = pagesOf(recording);
  return options.distinct ? pages.filter((page, i) => i === 0 || page !== pages[i - 1]) : pages;
}

function pagesOf(recording: Trace | Uint32Array | string | readonly number[]): Float64Array {
  if (typeof recording === "string") return pagesOf(readLackey(recording.split("\n")));
  if (recording instanceof Trace) return pagesOf(recording.stream);
  if (recording instanceof Uint32Array) return Float64Array.from(recording, (access) => access >>> 12);
  if (!Array.isArray(recording))
    throw new TypeError(
      `a recording is a Trace, a stream, lackey's text or a list of addresses, not ${valueText(recording)}`,
    );
  return Float64Array.from(recording as readonly number[], (va, i) => {
    if (Number.isSafeInteger(va) && va >= 0) return Math.floor(va / PAGE_SIZE);
    throw new RangeError(`number ${i} of the recording is ${valueText(va)}, not an address`);
  });
}

/** The kinds of made-up traces. */
export type TraceKind = "loop" | "scan" | "zipf" | "phases";

/** The size of a made-up trace. */
export interface SyntheticOptions {
  /** Different pages that it has in all, at least 8. */
  readonly pages: number;
  /** References. */
  readonly length: number;
  /** 1 unless given. */
  readonly seed?: number;
}

type Draw = (i: number) => number;
const KINDS: Readonly<Record<TraceKind, (options: Required<SyntheticOptions>, random: Random) => Draw>> = {
  loop:
    ({ pages }) =>
    (i) =>
      i % pages,
  scan: scanOverHotSet,
  zipf({ pages }, random) {
    const rankOf = zipfRanks(pages);
    return () => rankOf(random.fraction());
  },
  phases: phases,
};
/** Most references of a made-up trace. */
const MOST_LENGTH = 2 ** 26;
const MOST_PAGES = 2 ** 22;

/** A made-up trace of a kind; the same seed gives the same one. Not in Linux. */
export function syntheticTrace(kind: TraceKind, options: SyntheticOptions): Uint32Array {
  checkArguments(
    "syntheticTrace()",
    { kind: "text", options: required({ pages: "count", length: "count", seed: "integer" }) },
    [kind, options],
  );
  const names = Object.keys(KINDS);
  if (!Object.hasOwn(KINDS, kind)) {
    const near = nearestName(kind, names);
    const hint = near === undefined ? "" : ` did you mean "${near}"?`;
    throw new RangeError(
      `there is no kind of trace ${valueText(kind)};${hint} there are ${names.join(", ")}`,
    );
  }
  const { pages, length, seed = 1 } = options;
  if (!(pages >= 8 && pages <= MOST_PAGES))
    throw new RangeError(`pages ${valueText(pages)} is not 8 to ${MOST_PAGES}`);
  if (!(length >= 1 && length <= MOST_LENGTH))
    throw new RangeError(`length ${valueText(length)} is not 1 to ${MOST_LENGTH}`);
  const draw = KINDS[kind]({ pages, length, seed }, new Random(seed));
  const trace = new Uint32Array(length);
  for (let i = 0; i < length; i++) trace[i] = draw(i);
  return trace;
}

/**
 * An eighth of the pages is hot. After each three times as many uses of them, a pass over that many others.
 */
function scanOverHotSet({ pages }: SyntheticOptions, random: Random): Draw {
  const hot = Math.floor(pages / 8);
  const [quiet, cold] = [3 * 2 * hot, pages - hot];
  let next = 0;
  return (i) => {
    if (i % (quiet + 2 * hot) < quiet) return random.below(hot);
    return hot + (next++ % cold);
  };
}

/** Four working sets, each a quarter of the pages and of the time, which come round twice. */
function phases({ pages, length }: SyntheticOptions, random: Random): Draw {
  const set = Math.floor(pages / 4);
  const phase = Math.ceil(length / 8);
  return (i) => (Math.floor(i / phase) % 4) * set + random.below(set);
}

/**
 * Turns an even fraction, from 0 up to 1, into a rank 0 to `pages - 1`: each comes in proportion to
 * 1 / (rank + 1). Not in Linux.
 */
export function zipfRanks(pages: number): (fraction: number) => number {
  const cumulative = new Float64Array(pages);
  let sum = 0;
  for (let rank = 0; rank < pages; rank++) {
    sum += 1 / (rank + 1);
    cumulative[rank] = sum;
  }
  return (fraction) => {
    const wanted = fraction * sum;
    let low = 0;
    let high = pages - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
