/**
 * The replacement policies as bench cases: ten million requests for 262,144 pages, of which a few are wanted
 * much more often than the others (zipf, alpha 1), with room for 1 % and for 10 % of the pages.
 *
 * The count of misses must be exact. The plain loop looks each page up in an array, once for each request:
 * what remains when nothing is decided. `curve` is LRU for every capacity at once, from stack distances.
 *
 * The pages are drawn as in streams.ts, with one number for each request.
 *
 * Read first: cases.ts, policies/README.md.
 */
import { missRatioCurve } from "../policies/miss_ratio.js";
import { POLICY_NAMES, type PolicyName, runPolicy } from "../policies/run_policy.js";
import type { BenchCase, BenchGroup } from "./cases.js";
import { FULL_LENGTH, makeRequests } from "./streams.js";

const PAGES = 2 ** 18;
const FULL_REQUESTS = 10_000_000;
const CAPACITIES = [2621, 26214] as const;

/** Misses of the full trace at the two capacities, where another simulator has counted them. */
const MISSES: Readonly<Record<string, readonly [number, number]>> = {
  FIFO: [4958000, 2772337],
  CLOCK: [4467192, 2360830],
  LRU: [4573748, 2437632],
  optimal: [3098448, 1386831],
  curve: [4573748, 2437632],
};

/** "LRU-1%", "LRU-10%", ... and "curve-LRU". */
export const policyCases: BenchGroup = {
  names: [...POLICY_NAMES.flatMap((policy) => [`${policy}-1%`, `${policy}-10%`]), "curve-LRU"],
  make(name, { length }) {
    const requests = requestsFor(Math.max(1, Math.round((length / FULL_LENGTH) * FULL_REQUESTS)));
    if (name === "curve-LRU") return new CurveCase(name, requests);
    const [, policy, share] = /^(.*)-(1|10)%$/.exec(name) ?? [];
    if (policy === undefined) throw new RangeError(`there is no bench case "${name}"`);
    return new PolicyCase(name, requests, policy as PolicyName, share === "1" ? 0 : 1);
  },
};

let made: Uint32Array = new Uint32Array(0);

/** The trace, drawn once for all cases. */
function requestsFor(length: number): Uint32Array {
  if (made.length !== length) made = makeRequests(PAGES, length);
  return made;
}

/** What the cases share: the trace, the plain loop and the check. */
abstract class TraceCase implements BenchCase {
  readonly unit = "requests";
  private readonly seen = new Uint8Array(PAGES);
  /** Misses by what they are of. */
  protected readonly misses: Record<string, number> = {};

  constructor(
    readonly name: string,
    protected readonly requests: Uint32Array,
  ) {}

  abstract run(): number;
  protected abstract expected(): Record<string, number>;

  prepare(): void {}

  baseline(): number {
    for (const page of this.requests) this.seen[page]!++;
    return this.requests.length;
  }

  counters(): Record<string, number> {
    return { ...this.misses };
  }

  problem(): string | undefined {
    if (this.requests.length !== FULL_REQUESTS) return undefined;
    const wrong = Object.entries(this.expected()).find(([name, value]) => this.misses[name] !== value);
    return wrong && `${wrong[0]} is ${this.misses[wrong[0]]}, must be ${wrong[1]}`;
  }
}

class PolicyCase extends TraceCase {
  constructor(
    name: string,
    requests: Uint32Array,
    private readonly policy: PolicyName,
    private readonly size: 0 | 1,
  ) {
    super(name, requests);
  }

  run(): number {
    this.misses.misses = runPolicy(this.policy, this.requests, CAPACITIES[this.size]).misses;
    return this.requests.length;
  }

  protected expected(): Record<string, number> {
    const known = MISSES[this.policy];
    return known === undefined ? {} : { misses: known[this.size] };
  }
}

class CurveCase extends TraceCase {
  run(): number {
    const curve = missRatioCurve(this.requests);
    for (const capacity of CAPACITIES) this.misses[`misses at ${capacity}`] = curve.missesAt(capacity);
    return this.requests.length;
  }

  protected expected(): Record<string, number> {
    const known = MISSES.curve!;
    return Object.fromEntries(CAPACITIES.map((capacity, i) => [`misses at ${capacity}`, known[i]!]));
  }
}
