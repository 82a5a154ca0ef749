/**
 * Comparisons for graders. Each says what was asked, what came, and what should have come, in the terms
 * of the course: an address in hexadecimal and bit by bit, an entry decoded, the step at which two walks
 * part.
 *
 *     import { asAddress, expectSame } from "../../lib/course/grading/expect.js";
 *
 *     expectSame(submission.join(parts), 0x7f1234567abc, { what: "join({ pml4: 254, ... })", as: asAddress });
 *     expectSameSteps(mine.steps, theirs.steps, { what: "walk(0x1000)", as: asWalkStep });
 *     const fault = expectThrown(() => submission.load(va), { what: "load(0x1000)" });
 *
 * A grader may use vitest's own `expect` as well; prefer these where a learner has to understand the
 * difference.
 * Read next: workload.ts, which compares whole machines.
 */

import { isDeepStrictEqual } from "node:util";
import { DifferenceError } from "./difference.js";
import { type AsText, asValue, isSmall } from "./values.js";

export { DifferenceError } from "./difference.js";
export { asAddress, asEntry, asErrorCode, asValue, asWalkStep } from "./values.js";
export { expectSameRuns } from "./workload.js";

/** How a comparison is told. */
interface Telling {
  /** What was asked of the learner's code: `split(0x1234)`. */
  what?: string;
  /** What to think of; printed after the difference: `the offset has 12 bits`. */
  because?: string;
  /** Writes both sides; `asValue` by default. */
  as?: AsText;
}

/**
 * Throws a `DifferenceError` unless both are deeply and strictly equal. Not in Linux: a helper of the course.
 */
export function expectSame(got: unknown, expected: unknown, { what, because, as }: Telling = {}): void {
  // What is large, or contains itself, is not looked through where something small is wanted.
  const comparable = isSmall(got) === isSmall(expected);
  if (comparable && isDeepStrictEqual(plainValue(got), plainValue(expected))) return;
  const where = comparable ? differsAt(got, expected) : "";
  const parts = [
    what ? `${what} is wrong` : "The result is wrong",
    where ? `, first at ${where}` : "",
    because ? `: ${because}` : "",
  ];
  const [shownGot, shownExpected] = as ? [safely(as, got), safely(as, expected)] : bothTexts(got, expected);
  throw new DifferenceError(`${parts.join("")}.`, shownGot, shownExpected);
}

const MAX_FIELDS = 24;

/** Both sides as text; of two large objects only the fields that differ. */
function bothTexts(got: unknown, expected: unknown): [string, string] {
  const whole: [string, string] = [asValue(got), asValue(expected)];
  const isObject = (side: unknown) => typeof side === "object" && side !== null && !Array.isArray(side);
  if (!whole.join("").includes("\n") || !isSmall(got) || !isObject(got) || !isObject(expected)) return whole;
  const [a, b] = [got as Record<string, unknown>, expected as Record<string, unknown>];
  const differs = (key: string) =>
    !(key in a && key in b && isDeepStrictEqual(plainValue(a[key]), plainValue(b[key])));
  const keys = [...new Set([...Object.keys(b), ...Object.keys(a)])].filter(differs);
  const only = (side: Record<string, unknown>) => {
    const fields = keys
      .slice(0, MAX_FIELDS)
      .map((key) => (key in side ? `${key}: ${asValue(side[key], 1)}` : `(no ${key})`));
    if (keys.length > MAX_FIELDS) fields.push(`... ${keys.length - MAX_FIELDS} more`);
    return `{ ..., ${fields.join(", ")} }`;
  };
  return [only(a), only(b)];
}

/**
 * Compares two lists step by step and shows the first step at which they part, after the ones they share.
 * Not in Linux: a helper of the course.
 */
export function expectSameSteps(
  got: readonly unknown[],
  expected: readonly unknown[],
  { what = "The steps", because, as }: Telling = {},
): void {
  if (!Array.isArray(got)) throw new DifferenceError(`${what}: not a list.`, asValue(got), asValue(expected));
  const longest = Math.max(got.length, expected.length);
  for (let at = 0; at < longest; at++) {
    const both = at < got.length && at < expected.length;
    if (both && isDeepStrictEqual(plainValue(got[at]), plainValue(expected[at]))) continue;
    const text = (list: readonly unknown[]) =>
      at < list.length ? safely(as, list[at]) : "(no such step: it ends before)";
    const shared =
      at === 0 ? "at the first step" : `at step ${at + 1}, after ${at} equal step${at === 1 ? "" : "s"}`;
    throw new DifferenceError(
      `${what}: they part ${shared}${because ? `: ${because}` : ""}.`,
      text(got),
      text(expected),
    );
  }
}

/**
 * Calls `act`, which must throw; returns what it threw. "Not written yet" and a full stack pass through, so
 * that they are not mistaken for the error that was wanted. Not in Linux: a helper of the course.
 */
export function expectThrown(act: () => unknown, { what = "It", because }: Telling = {}): unknown {
  let result: unknown;
  try {
    result = act();
  } catch (error) {
    const passes =
      error instanceof Error && (error.name === "NotWrittenYet" || /call stack/.test(error.message));
    if (passes) throw error;
    return error;
  }
  throw new DifferenceError(
    `${what} should throw${because ? `: ${because}` : ""}.`,
    `it returned ${asValue(result)}`,
    "an error",
  );
}

function safely(as: AsText | undefined, value: unknown): string {
  try {
    return as ? as(value as never) : asValue(value);
  } catch {
    return asValue(value);
  }
}

/** Deeper than anything that is compared; an object that contains itself has no end. */
const MAX_DEPTH = 100;
const TOO_DEEP = Symbol("deeper than any result");

/** Own data of an object without its class, so that a plain `{ va, errorCode }` is as good as an instance. */
function plainValue(value: unknown, depth = 0): unknown {
  if (typeof value === "function" || typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return Array.from(value, (item) => plainValue(item, depth + 1));
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item, depth + 1)]));
}

/** The path of the first difference inside two objects: `.steps[2].index`; empty where the whole differs. */
function differsAt(got: unknown, expected: unknown, path = "", depth = 0): string {
  if (depth > MAX_DEPTH) return path;
  const both = [got, expected].every((side) => typeof side === "object" && side !== null);
  if (!both || Array.isArray(got) !== Array.isArray(expected)) return path;
  const [a, b] = [got as Record<string, unknown>, expected as Record<string, unknown>];
  const keys = [...new Set([...Object.keys(b), ...Object.keys(a)])];
  const key = keys.find(
    (one) => !(one in a) || !(one in b) || !isDeepStrictEqual(plainValue(a[one]), plainValue(b[one])),
  );
  if (key === undefined) return path;
  return differsAt(a[key], b[key], Array.isArray(a) ? `${path}[${key}]` : `${path}.${key}`, depth + 1);
}
