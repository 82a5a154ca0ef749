/**
 * Snapshots: one moment of a whole machine, kept so that the machine can go back to it.
 *
 *   const before = machine.snapshot();
 *   alice.store(a, 8, 1);                 ... whatever happens ...
 *   machine.restore(before);              the clock, RAM, TLBs, tasks, files and counters are as they were
 *
 * A machine is a graph of objects. A snapshot walks it from the machine along every property, array element
 * and Map or Set member, and keeps a flat copy of each object beside the object itself:
 *
 *   object of the machine         what is kept
 *   class instance, plain object  its own properties            { ...object }
 *   array, Map, Set               its members
 *   typed array                   its bytes; of a large one (RAM) only the pages that are not all zeros
 *   function, string, number      nothing: the property that holds it is kept
 *
 * Restoring puts the copies back into the same objects. So nothing has to be known about any class, every
 * reference that a notebook holds stays valid, and arrays bound into generated code (hw/stream_runner.ts)
 * stay the right ones. An object made after the snapshot is simply not referred to any more.
 *
 * For this to work, what can change must be found by walking: in lib/hw, lib/mm, lib/kernel and lib/procfs no
 * changing state lives in a `#` field, in a WeakMap, in a module variable or in a variable of a closure (a
 * test looks for the first three). A learner's part that has state keeps it in ordinary fields for the same
 * reason.
 *
 * Left out: state of the host (a notebook's own variables, files written by procfs.export).
 *
 * Not in Linux: the nearest relative is a virtual machine's snapshot. Read first: machine.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";

/** Typed arrays from this size on are kept page by page. */
const LARGE_BYTES = 16 * PAGE_SIZE;
const PAGE_WORDS = PAGE_SIZE / 4;

type AnyTypedArray = Int32Array | Uint8Array | Float64Array;

/** The pages of a large buffer that are not all zeros. */
interface SparseBytes {
  readonly pages: Int32Array;
  readonly bytes: Uint8Array;
}

/** One moment of a machine. Not in Linux. */
export class MachineSnapshot {
  /** Simulated time of the moment. */
  readonly takenAtNs: number;
  private readonly root: object;
  private readonly copies: Map<object, unknown>;

  /** Copies everything that can be reached from `root`. */
  constructor(root: object, takenAtNs: number) {
    this.root = root;
    this.takenAtNs = takenAtNs;
    this.copies = copyGraph(root);
  }

  /** Whether this is a moment of `root`. */
  isOf(root: object): boolean {
    return this.root === root;
  }

  /** Puts every object back into the state it had. */
  putBack(): void {
    for (const [object, copy] of this.copies) putBack(object, copy);
  }

  toString(): string {
    return `the machine at ${this.takenAtNs} ns (${this.copies.size} objects)`;
  }
}

function copyGraph(root: object): Map<object, unknown> {
  const copies = new Map<object, unknown>([[root, undefined]]);
  const found = [root];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || copies.has(value)) return;
    copies.set(value, undefined);
    found.push(value);
  };
  for (let object = found.pop(); object !== undefined; object = found.pop())
    copies.set(object, copyOne(object, visit));
  return copies;
}

/** The flat copy of one object; `visit` is told what it refers to. */
function copyOne(object: object, visit: (value: unknown) => void): unknown {
  if (ArrayBuffer.isView(object)) {
    if (object.byteLength < LARGE_BYTES) return (object as AnyTypedArray).slice();
    visit(object.buffer);
    return undefined;
  }
  if (object instanceof ArrayBuffer) return copyLarge(object);
  if (Array.isArray(object)) {
    object.forEach(visit);
    return object.slice();
  }
  if (object instanceof Map) {
    for (const [key, value] of object) {
      visit(key);
      visit(value);
    }
    return new Map(object);
  }
  if (object instanceof Set) {
    for (const value of object) visit(value);
    return new Set(object);
  }
  const copy = { ...object } as Record<string, unknown>;
  for (const key in copy) visit(copy[key]);
  return Object.isFrozen(object) ? undefined : copy;
}

function putBack(object: object, copy: unknown): void {
  if (copy === undefined) return;
  if (ArrayBuffer.isView(object)) (object as AnyTypedArray).set(copy as AnyTypedArray);
  else if (object instanceof ArrayBuffer) putBackLarge(object, copy as SparseBytes);
  else if (Array.isArray(object)) putBackArray(object, copy as unknown[]);
  else if (object instanceof Map) {
    object.clear();
    for (const [key, value] of copy as Map<unknown, unknown>) object.set(key, value);
  } else if (object instanceof Set) {
    object.clear();
    for (const value of copy as Set<unknown>) object.add(value);
  } else {
    for (const key of Object.keys(object))
      if (!(key in (copy as object))) delete (object as Record<string, unknown>)[key];
    Object.assign(object, copy);
  }
}

/** Holes stay holes. */
function putBackArray(array: unknown[], copy: readonly unknown[]): void {
  array.length = copy.length;
  for (let i = 0; i < copy.length; i++) {
    if (i in copy) array[i] = copy[i];
    else delete array[i];
  }
}

function isZero(words: Int32Array, page: number): boolean {
  const end = (page + 1) * PAGE_WORDS;
  for (let i = page * PAGE_WORDS; i < end; i++) if (words[i] !== 0) return false;
  return true;
}

/** Reading a page that the machine never wrote takes no memory of the host; writing zeros to it would. */
function copyLarge(buffer: ArrayBuffer): SparseBytes {
  const words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
  const wholePages = Math.floor(buffer.byteLength / PAGE_SIZE);
  const used: number[] = [];
  for (let page = 0; page < wholePages; page++) if (!isZero(words, page)) used.push(page);
  const rest = buffer.byteLength - wholePages * PAGE_SIZE;
  const bytes = new Uint8Array(used.length * PAGE_SIZE + rest);
  const from = new Uint8Array(buffer);
  used.forEach((page, i) => {
    bytes.set(from.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE), i * PAGE_SIZE);
  });
  bytes.set(from.subarray(wholePages * PAGE_SIZE), used.length * PAGE_SIZE);
  return { pages: Int32Array.from(used), bytes };
}

function putBackLarge(buffer: ArrayBuffer, { pages, bytes }: SparseBytes): void {
  const words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
  const wholePages = Math.floor(buffer.byteLength / PAGE_SIZE);
  const to = new Uint8Array(buffer);
  for (let page = 0, i = 0; page < wholePages; page++) {
    if (pages[i] === page) {
      to.set(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), page * PAGE_SIZE);
      i++;
    } else if (!isZero(words, page)) words.fill(0, page * PAGE_WORDS, (page + 1) * PAGE_WORDS);
  }
  to.set(bytes.subarray(pages.length * PAGE_SIZE), wholePages * PAGE_SIZE);
}
