/**
 * Running a policy on a trace, and counting.
 *
 *    runPolicy("LRU", [7, 0, 1, 2, 0, 3, 0, 4], 3)
 *      -> { policy: "LRU", capacity: 3, accesses: 8, hits: 2, misses: 6, missRatio: 0.75 }
 *
 * Memory is empty at first, so the first use of each page is always a miss, whatever the policy.
 *
 * Read first: policy.ts, numbered_trace.ts. Read next: stack_distance.ts.
 */
import { nearestName, valueText } from "../hw/options.js";
import { Arc } from "./arc.js";
import { ClockPolicy } from "./clock.js";
import { Fifo } from "./fifo.js";
import { Lru } from "./lru.js";
import { type AnyPageTrace, type NumberedTrace, numberPages } from "./numbered_trace.js";
import { Optimal } from "./optimal.js";
import type { Policy, PolicyClass, PolicyMaker } from "./policy.js";
import { S3Fifo } from "./s3_fifo.js";
import { Sieve } from "./sieve.js";
import { TwoQ } from "./two_q.js";

const CLASSES = {
  FIFO: Fifo,
  CLOCK: ClockPolicy,
  LRU: Lru,
  optimal: Optimal,
  "2Q": TwoQ,
  ARC: Arc,
  "S3-FIFO": S3Fifo,
  SIEVE: Sieve,
} satisfies Record<string, PolicyClass>;

/** The policies that come with the course. */
export type PolicyName = keyof typeof CLASSES;

/** Their names, from the simplest to the newest. */
export const POLICY_NAMES = Object.keys(CLASSES) as readonly PolicyName[];

/** A policy as functions take it: by name, or one of your own as a class or as a function that makes it. */
export type AnyPolicy = PolicyName | PolicyClass | PolicyMaker;

/** What a policy did on a trace. */
export interface PolicyResult {
  readonly policy: string;
  /** Pages that memory had room for. */
  readonly capacity: number;
  readonly accesses: number;
  readonly hits: number;
  readonly misses: number;
  /** Misses for each access, 0 to 1. */
  readonly missRatio: number;
}

/** Most pages of memory: 64 GiB. */
const MAX_CAPACITY = 2 ** 24;

/** Runs `policy` on `trace` in a memory of `capacity` pages that is empty at first. Not in Linux. */
export function runPolicy(policy: AnyPolicy, trace: AnyPageTrace, capacity: number): PolicyResult {
  const numbered = numberPages(trace);
  const { requests } = numbered;
  const hits = countHits(makePolicy(policy, numbered, capacity), requests);
  const accesses = requests.length;
  const misses = accesses - hits;
  return { policy: policyName(policy), capacity, accesses, hits, misses, missRatio: misses / accesses };
}

function countHits(policy: Policy, requests: Uint32Array): number {
  let hits = 0;
  for (let i = 0; i < requests.length; i++) {
    const hit = policy.access(requests[i]!);
    if (hit === true) hits++;
    else if (hit !== false) throw answerError(hit);
  }
  return hits;
}

/** The error for a policy that answers neither true nor false. Not in Linux. */
export function answerError(answer: unknown): TypeError {
  return new TypeError(`a policy's access() must return true or false, not ${valueText(answer)}`);
}

/** What a policy is called. Not in Linux. */
export function policyName(policy: AnyPolicy): string {
  return typeof policy === "string" ? policy : policy.name === "" ? "your policy" : policy.name;
}

/**
 * A policy ready for the first access of `trace`. RangeError for an unknown name or capacity. Not in Linux.
 */
export function makePolicy(policy: AnyPolicy, trace: NumberedTrace, capacity: number): Policy {
  checkCapacity(capacity);
  const maker = typeof policy === "string" ? classOf(policy) : policy;
  if (typeof maker !== "function")
    throw new TypeError(`a policy is a name such as "LRU", or a class of your own; not ${valueText(maker)}`);
  const made = isClass(maker)
    ? new maker(capacity, trace.nrPages, trace.requests)
    : maker(capacity, trace.nrPages, trace.requests);
  if (typeof made?.access !== "function")
    throw new TypeError(
      `${policyName(policy)} must make an object with access(page), not ${valueText(made)}`,
    );
  return made;
}

/** Throws unless memory can have `capacity` pages. Not in Linux. */
export function checkCapacity(capacity: number): void {
  if (!(Number.isInteger(capacity) && capacity >= 1 && capacity <= MAX_CAPACITY))
    throw new RangeError(`capacity ${valueText(capacity)} is not 1 to ${MAX_CAPACITY} pages`);
}

function classOf(name: string): PolicyClass {
  if (Object.hasOwn(CLASSES, name)) return CLASSES[name as PolicyName];
  const near = nearestName(name, POLICY_NAMES);
  const hint = near === undefined ? "" : ` did you mean "${near}"?`;
  throw new RangeError(`there is no policy ${valueText(name)};${hint} there are ${POLICY_NAMES.join(", ")}`);
}

function isClass(maker: PolicyClass | PolicyMaker): maker is PolicyClass {
  return /^class\b/.test(Function.prototype.toString.call(maker));
}
