/**
 * Signatures at run time: what the arguments of a function at the face must be, written down once and checked
 * when it is called. Notebooks are not always checked by TypeScript, and a raw "x is not iterable" from deep
 * inside teaches nothing.
 *
 *   checkArguments("hexdump()", { ram: Ram, pa: "integer", nrBytes: "count?" }, [ram, pa, nrBytes])
 *   checkMethods("process", Process, { mprotect: { addr: "integer", length: "size", prot: "text" }, ... })
 *
 *     TypeError: process.mprotect(): prot must be text, not 7
 *
 * A kind with a question mark may be left out. A record in place of a kind is an object of options: each may
 * be left out, and a name that is not in it is refused (options.ts). Only the shape is checked here: whether
 * an address is mapped or a length too large is for the function itself, or for the guest's kernel, which
 * answers with an errno.
 *
 * `checkMethods` puts the check in front of a class's methods, so that the class itself stays free of it. Not
 * for what runs for every access (Mmu, Tlb, Ram): those have their own single comparison.
 */
import { checkOptions, valueText } from "./options.js";

/**
 * What an argument may be. "integer" is a whole number of either sign, "count" one from 0, "size" bytes or a
 * text such as "4 KiB".
 */
type Kind =
  | "any"
  | "number"
  | "integer"
  | "count"
  | "size"
  | "text"
  | "flag"
  | "function"
  | "list"
  | "object"
  | "entry"
  | "limit"
  | "value"
  | "iterable"
  | "levels"
  | "level"
  | "page level";

// biome-ignore lint/suspicious/noExplicitAny: a class with any constructor
type Class = abstract new (...args: any[]) => object;

/**
 * What an argument must be: a kind, an instance (one that may be left out in brackets), or an object of
 * options.
 */
type Wanted = Kind | `${Kind}?` | Class | readonly [Class] | Shape | ListOf | Required | OptionKinds;

/** An object of data: these fields must be right, others are nobody's business. */
class Shape {
  constructor(readonly fields: Readonly<Record<string, Wanted>>) {}
}

/** A list of things of one kind; `optional` may be left out. */
class ListOf {
  constructor(
    readonly each: Wanted,
    readonly optional: boolean,
  ) {}
}

/** An object of options that may not be left out as a whole. */
class Required {
  constructor(readonly kinds: OptionKinds) {}
}

/** As `kinds` alone, but the object itself must be given. Not in Linux: a helper of the machine. */
export function required(kinds: OptionKinds): Required {
  return new Required(kinds);
}

/**
 * Data with (at least) `fields`; those without a question mark must be there. Not in Linux: a helper of the
 * machine.
 */
export function shape(fields: Readonly<Record<string, Wanted>>): Shape {
  return new Shape(fields);
}

/** A list, each of which is `each`. Not in Linux: a helper of the machine. */
export function listOf(each: Wanted, optional = false): ListOf {
  return new ListOf(each, optional);
}

/** The options of one object. */
export interface OptionKinds {
  readonly [option: string]: Wanted;
}

/** Arguments by name, in order. */
export type Signature = Readonly<Record<string, Wanted>>;

const isWhole = (value: unknown) => Number.isInteger(value);

const KINDS: Readonly<Record<Kind, { readonly words: string; test(value: unknown): boolean }>> = {
  any: { words: "anything", test: () => true },
  number: { words: "a number", test: (v) => typeof v === "number" && !Number.isNaN(v) },
  integer: { words: "a whole number", test: isWhole },
  count: { words: "a whole number from 0", test: (v) => isWhole(v) && (v as number) >= 0 },
  size: {
    words: 'a whole number of bytes or a text such as "16 KiB"',
    test: (v) => isWhole(v) || typeof v === "string",
  },
  text: { words: "text", test: (v) => typeof v === "string" },
  flag: { words: "true or false", test: (v) => typeof v === "boolean" },
  function: { words: "a function", test: (v) => typeof v === "function" },
  list: { words: "a list", test: Array.isArray },
  object: { words: "an object", test: (v) => typeof v === "object" && v !== null && !Array.isArray(v) },
  entry: { words: "an entry, a bigint such as 0x1007n", test: (v) => typeof v === "bigint" },
  limit: {
    words: 'a whole number, Infinity, or a text such as "16 MiB"',
    test: (v) => isWhole(v) || v === Infinity || typeof v === "string",
  },
  iterable: {
    words: "a list",
    test: (v) => typeof (v as Iterable<unknown> | undefined | null)?.[Symbol.iterator] === "function",
  },
  levels: { words: "2, 4 or 5", test: (v) => v === 2 || v === 4 || v === 5 },
  level: {
    words: "a whole number from 1 to 5",
    test: (v) => isWhole(v) && (v as number) >= 1 && (v as number) <= 5,
  },
  "page level": { words: "1, 2 or 3", test: (v) => v === 1 || v === 2 || v === 3 },
  value: { words: "a whole number or a bigint", test: (v) => isWhole(v) || typeof v === "bigint" },
};

/** Kinds of which a number can be out of range, not of the wrong type. */
const NUMERIC = /^(number|integer|count|size|limit|levels|level|page level|value)\??$/;

/**
 * Throws unless `value`, called `what`, is a `kind`: TypeError for the wrong type, RangeError for a number
 * that is not whole or less than 0.
 */
export function checkKind(what: string, value: unknown, wanted: Wanted): void {
  if (typeof wanted === "function") {
    if (value instanceof wanted) return;
    throw new TypeError(`${what} must be a ${wanted.name}, not ${valueText(value)}`);
  }
  if (wanted instanceof Required) {
    checkOptionKinds(what, value, wanted.kinds);
    return;
  }
  if (wanted instanceof Shape) {
    checkKind(what, value, "object");
    for (const [name, kind] of Object.entries(wanted.fields))
      checkKind(`${what}: ${name}`, (value as Record<string, unknown>)[name], kind);
    return;
  }
  if (wanted instanceof ListOf) {
    if (wanted.optional && value === undefined) return;
    checkKind(what, value, "list");
    for (const [i, one] of (value as unknown[]).entries())
      checkKind(`${what}, number ${i}`, one, wanted.each);
    return;
  }
  if (Array.isArray(wanted)) {
    if (value !== undefined) checkKind(what, value, wanted[0]);
    return;
  }
  if (typeof wanted === "object") {
    if (value !== undefined) checkOptionKinds(what, value, wanted as OptionKinds);
    return;
  }
  const optional = wanted.endsWith("?");
  if (optional && value === undefined) return;
  const { words, test } = KINDS[(optional ? wanted.slice(0, -1) : wanted) as Kind];
  if (test(value)) return;
  const message = `${what} must be ${words}, not ${valueText(value)}`;
  throw typeof value === "number" && NUMERIC.test(wanted) ? new RangeError(message) : new TypeError(message);
}

/** Checks an object of options: unknown names, and the kind of each that is given. */
function checkOptionKinds(of: string, options: unknown, kinds: OptionKinds): void {
  const names = Object.keys(kinds);
  const given = checkOptions(of, options as Record<string, unknown>, names);
  for (const name of names) {
    const value = given[name];
    if (value !== undefined) checkKind(`${of}: ${name}`, value, kinds[name]!);
  }
}

/**
 * Whether names in messages are the options' own, so that "data: title" is not said of
 * `drawAreas({ title })`.
 */
const isOptions = (wanted: Wanted) =>
  typeof wanted === "object" &&
  !Array.isArray(wanted) &&
  !(wanted instanceof Shape || wanted instanceof ListOf);

/**
 * Checks `args` against `signature`, in order. `of` is the call as the caller wrote it. Not in Linux: a
 * helper of the machine.
 */
export function checkArguments(of: string, signature: Signature, args: readonly unknown[]): void {
  let i = 0;
  for (const name in signature) {
    const wanted = signature[name]!;
    checkKind(isOptions(wanted) ? of : `${of}: ${name}`, args[i], wanted);
    i++;
  }
}

/** The methods of T, by name; `toString` is every object's and stays out. */
type MethodName<T> = Exclude<
  { [M in keyof T]: T[M] extends (...args: never[]) => unknown ? M : never }[keyof T] & string,
  "toString"
>;

/**
 * What small functions that run often throw for a value that is no number: they test `typeof` themselves.
 * Not in Linux: a helper of the machine.
 */
export function notANumber(of: string, value: unknown): TypeError {
  return new TypeError(`${of} must be a number, not ${valueText(value)}`);
}

/**
 * Throws unless `va` can be an address, a whole number of either sign. Not in Linux: a helper of the machine.
 */
export function checkVa(va: number): void {
  if (!Number.isInteger(va)) throw new TypeError(`an address is a whole number, not ${valueText(va)}`);
}

/** `sizeBytes`, when one access can have so many. Not in Linux: a helper of the machine. */
export function checkAccessSize(sizeBytes: number): number {
  if (!(Number.isInteger(sizeBytes) && sizeBytes >= 1 && sizeBytes <= 8))
    throw new RangeError(`access size ${valueText(sizeBytes)} is not 1 to 8 bytes`);
  return sizeBytes;
}

/**
 * Throws unless [start, end) in steps of `step` is a range of whole numbers with at most `most` steps.
 * Not in Linux: a helper of the machine.
 */
export function checkSpan(what: string, start: number, end: number, step: number, most: number): void {
  for (const value of [start, end, step])
    if (!Number.isInteger(value)) throw new TypeError(`${what} has ${valueText(value)}, not a whole number`);
  if (!(step > 0 && (end - start) / step <= most))
    throw new RangeError(`${what} has ${(end - start) / step} steps of ${step}; ${most} is the most`);
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Puts a check of its signature before each method of `kind` that `signatures` names. `of` is what an
 * instance is called in messages.
 * Not in Linux: a helper of the machine.
 */
export function checkMethods<T extends object>(
  of: string,
  // biome-ignore lint/suspicious/noExplicitAny: a class with any constructor
  kind: abstract new (...args: any[]) => T,
  signatures: Readonly<Partial<Record<MethodName<T>, Signature>>>,
): void {
  const prototype = kind.prototype as Record<string, Method>;
  for (const [name, signature] of Object.entries(signatures) as [string, Signature][]) {
    const method = prototype[name]!;
    const call = `${of}.${name}()`;
    const checked: Method = function (...args) {
      checkArguments(call, signature, args);
      return method.apply(this, args);
    };
    Object.defineProperty(checked, "name", { value: name });
    Object.defineProperty(prototype, name, { value: checked, configurable: true, writable: true });
  }
}
