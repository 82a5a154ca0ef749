/**
 * The TLB: a small memory of translations, so that most accesses need no walk.
 *
 *   vpn = 0x7f1234567                     16 sets of 4 ways
 *            |                          +------+------+------+------+
 *            +-- vpn mod 16 = set 7 --> | way0 | way1 | way2 | way3 |   all four are compared with the vpn
 *                                       +------+------+------+------+
 *
 * A slot (set * ways + way) holds a page's number, whose it is (PCID, or global), its frame and the rights
 * that the walk found. A fill takes an empty way of the set, or the way that the replacement policy gives up:
 * the least recently used one (true LRU, by time stamps), or the one a tree of bits points to (tree-PLRU,
 * what hardware can afford).
 *
 * Nothing here watches the tables in RAM. Whoever changes an entry must flush; until then the slot answers as
 * before, rights included. That is how the hardware is, and a kernel that forgets has a security hole.
 *
 * A slot's contents stand in typed arrays, one for each of the words tag, key, frame and frameHi, because
 * millions of look-ups a second go through them. Here it is enough to know that a page is named by a tag and
 * a key, that the lowest bits of the tag choose the set, and that key 0 is an empty slot; tlb_entry.ts has
 * the bits. `hint` remembers which way held a page last. It is a guess that is always checked and changes no
 * result; it saves the search.
 *
 * Read first: protection.ts. Read next: tlb_entry.ts (how an entry is packed), tlb_model.ts (which TLBs a
 * processor has), mmu.ts (how they work together).
 */

import { hex, LEVEL_SIZE } from "./address.js";
import { checkKind, shape } from "./signature.js";
import { globalKey, isGlobalKey, isKeyOf, levelOfKey, type TlbEntry, unpackEntry } from "./tlb_entry.js";

/** Hints that a TLB keeps, by the low bits of the page number. */
export const HINTS = 4096;

/** How a full set chooses what to give up. */
export type Replacement = "lru" | "tree-plru";

/** Shape of one TLB. */
export interface TlbGeometry {
  /** Number of sets, a power of two; 1 is fully associative. */
  readonly sets: number;
  /** Slots in a set; a power of two for tree-PLRU. */
  readonly ways: number;
  /** Page levels it holds: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB. */
  readonly levels: readonly number[];
  /** True LRU unless said otherwise. */
  readonly replacement?: Replacement;
}

/** One TLB of one processor. Intel SDM vol. 3A, Caching Translation Information */
export class Tlb {
  readonly name: string;
  readonly geometry: TlbGeometry;
  readonly sets: number;
  readonly ways: number;
  readonly tag: Int32Array;
  readonly key: Int32Array;
  readonly frame: Int32Array;
  readonly frameHi: Int32Array;
  /**
   * LRU: time of last use with the way's number below it (`stampShift` bits), so that the least stamp of a
   * set also names its way; 0 for an empty slot. Tree-PLRU: slot 0 of each set holds the tree's bits.
   */
  readonly stamp: Int32Array;
  readonly stampShift: number;
  readonly hint: Uint8Array;
  /** `stampClock[0]`: the last time given to a stamp. */
  readonly stampClock: Int32Array = new Int32Array(1);
  /** Slots in use, by level. */
  readonly nrValid: Int32Array = new Int32Array(6);
  /** Slots in use by global entries. */
  nrGlobal = 0;
  /** Lookups that hit, by level. */
  readonly hits: Float64Array = new Float64Array(6);
  /** Entries put in, by level. */
  readonly fills: Float64Array = new Float64Array(6);
  /** Entries that gave way to another. */
  evictions = 0;
  /** Entries dropped by flushes. */
  flushed = 0;
  private readonly plru: boolean;
  /** Times from here on would not fit a stamp. */
  private readonly timeLimit: number;

  /** Whether the least recently used slot gives way (else the tree decides). */
  get trueLru(): boolean {
    return !this.plru;
  }

  constructor(name: string, geometry: TlbGeometry) {
    checkGeometry(name, geometry);
    const { sets, ways } = geometry;
    this.name = name;
    this.geometry = geometry;
    this.sets = sets;
    this.ways = ways;
    this.tag = new Int32Array(sets * ways);
    this.key = new Int32Array(sets * ways);
    this.frame = new Int32Array(sets * ways);
    this.frameHi = new Int32Array(sets * ways);
    this.stamp = new Int32Array(sets * ways);
    this.stampShift = Math.ceil(Math.log2(ways));
    this.timeLimit = 2 ** (31 - this.stampShift);
    this.hint = new Uint8Array(HINTS);
    this.plru = geometry.replacement === "tree-plru";
  }

  /** Number of slots. */
  get capacity(): number {
    return this.sets * this.ways;
  }

  /**
   * Slot that holds the page with `tag` under `key` or under its global key, or -1. Does not change recency.
   */
  find(tag: number, key: number): number {
    const base = (tag & (this.sets - 1)) * this.ways;
    const guess = base + this.hint[tag & (HINTS - 1)]!;
    if (this.tag[guess] === tag && this.key[guess] === key) return guess;
    for (let slot = base; slot < base + this.ways; slot++) {
      if (this.tag[slot] !== tag) continue;
      const found = this.key[slot]!;
      if (found !== key && found !== globalKey(key)) continue;
      this.hint[tag & (HINTS - 1)] = slot - base;
      return slot;
    }
    return -1;
  }

  /** As `find`, for `update`: a TlbPart's `lookup` would change recency, so PartTlb answers without one. */
  findQuietly(tag: number, key: number): number {
    return this.find(tag, key);
  }

  /** Makes `slot` the most recently used of its set. */
  touch(slot: number): void {
    if (this.plru) this.touchTree(slot);
    else this.stamp[slot] = (this.nextTime() << this.stampShift) | (slot % this.ways);
  }

  /** Puts a translation in, as the most recently used of its set. The page must not be there already. */
  fill(tag: number, key: number, frame: number, frameHi: number): void {
    const set = tag & (this.sets - 1);
    const slot = this.victim(set);
    const old = this.key[slot]!;
    if (old !== 0) {
      this.evictions++;
      this.uncount(old);
    }
    this.tag[slot] = tag;
    this.key[slot] = key;
    this.frame[slot] = frame;
    this.frameHi[slot] = frameHi;
    this.count(key);
    const way = slot - set * this.ways;
    this.hint[tag & (HINTS - 1)] = way;
    if (this.plru) this.touchTree(slot);
    else this.stamp[slot] = (this.nextTime() << this.stampShift) | way;
  }

  /** Replaces frame and rights of a slot; recency stays. */
  update(slot: number, frame: number, frameHi: number): void {
    this.frame[slot] = frame;
    this.frameHi[slot] = frameHi;
  }

  /** Drops the page with `tag` under `key` (its own PCID) and under its global key when `alsoGlobal`. */
  flushPage(tag: number, key: number, alsoGlobal: boolean): void {
    if (this.nrGlobal === 0) {
      const slot = this.find(tag, key); // it is there once at most
      if (slot >= 0) this.drop(slot);
      return;
    }
    const base = (tag & (this.sets - 1)) * this.ways;
    for (let slot = base; slot < base + this.ways; slot++)
      if (
        this.tag[slot] === tag &&
        (this.key[slot] === key || (alsoGlobal && this.key[slot] === globalKey(key)))
      )
        this.drop(slot);
  }

  /** Drops the entries of one PCID that are not global. */
  flushPcid(pcid: number): void {
    if (this.isEmpty()) return;
    for (let slot = 0; slot < this.key.length; slot++) if (isKeyOf(pcid, this.key[slot]!)) this.drop(slot);
  }

  /** Drops everything that is not global. */
  flushNonGlobal(): void {
    if (this.nrGlobal === 0) {
      this.flushAll();
      return;
    }
    for (let slot = 0; slot < this.key.length; slot++)
      if (this.key[slot] !== 0 && !isGlobalKey(this.key[slot]!)) this.drop(slot);
  }

  /** Drops everything. */
  flushAll(): void {
    let valid = 0;
    for (const n of this.nrValid) valid += n;
    if (valid === 0) return;
    this.flushed += valid;
    this.key.fill(0);
    this.tag.fill(0);
    this.stamp.fill(0);
    this.nrValid.fill(0);
    this.nrGlobal = 0;
  }

  /** What stands in `slot`, or undefined when it is empty. */
  entryAt(slot: number): TlbEntry | undefined {
    const key = this.key[slot]!;
    if (key === 0) return undefined;
    return unpackEntry(this.tag[slot]!, key, this.frame[slot]!, this.frameHi[slot]!);
  }

  /** Every entry of every set; under LRU the most recently used of a set comes first. */
  entries(): TlbEntry[] {
    const all: TlbEntry[] = [];
    for (let set = 0; set < this.sets; set++)
      for (const slot of this.orderOf(set)) {
        const entry = this.entryAt(slot);
        if (entry !== undefined) all.push(entry);
      }
    return all;
  }

  /** Renumbers stamps when they could outgrow 31 bits within `more` uses. Order within each set stays. */
  makeStampRoom(more: number): void {
    if (this.stampClock[0]! + more < this.timeLimit || this.plru) return;
    for (let set = 0; set < this.sets; set++) {
      const order = this.orderOf(set).filter((slot) => this.key[slot] !== 0);
      for (const [i, slot] of order.entries())
        this.stamp[slot] = ((order.length - i) << this.stampShift) | (slot % this.ways);
    }
    this.stampClock[0] = this.ways;
  }

  private orderOf(set: number): number[] {
    const slots = Array.from({ length: this.ways }, (_, way) => set * this.ways + way);
    return this.plru ? slots : slots.sort((a, b) => this.stamp[b]! - this.stamp[a]!);
  }

  private nextTime(): number {
    const time = this.stampClock[0]! + 1;
    if (time >= this.timeLimit) {
      this.makeStampRoom(time);
      return this.nextTime();
    }
    this.stampClock[0] = time;
    return time;
  }

  private victim(set: number): number {
    const base = set * this.ways;
    if (this.plru) return this.treeVictim(base);
    const { stamp } = this;
    const end = base + this.ways;
    let victim = base;
    let least = stamp[base]!;
    for (let slot = base + 1; slot < end && least !== 0; slot++) {
      const time = stamp[slot]!;
      if (time >= least) continue;
      least = time;
      victim = slot;
    }
    return victim;
  }

  /** Follows the tree's bits (0 left, 1 right) to the way to give up; an empty way goes first. */
  private treeVictim(base: number): number {
    for (let slot = base; slot < base + this.ways; slot++) if (this.key[slot] === 0) return slot;
    let node = 1;
    while (node < this.ways) node = 2 * node + ((this.stamp[base]! >> node) & 1);
    return base + node - this.ways;
  }

  /**
   * Turns every bit on the path to `slot` away from it. Node n has the children 2n and 2n+1; bit n belongs to
   * node n.
   */
  private touchTree(slot: number): void {
    const base = slot - (slot % this.ways);
    let bits = this.stamp[base]!;
    for (let node = slot - base + this.ways; node > 1; node >>= 1) {
      const parent = node >> 1;
      if (node & 1) bits &= ~(1 << parent);
      else bits |= 1 << parent;
    }
    this.stamp[base] = bits;
  }

  private drop(slot: number): void {
    this.uncount(this.key[slot]!);
    this.flushed++;
    this.key[slot] = 0;
    this.tag[slot] = ~this.tag[slot]!; // no page of this set has that number
    if (!this.plru) this.stamp[slot] = 0;
  }

  private count(key: number): void {
    const level = levelOfKey(key);
    this.nrValid[level]!++;
    this.fills[level]!++;
    if (isGlobalKey(key)) this.nrGlobal++;
  }

  private uncount(key: number): void {
    this.nrValid[levelOfKey(key)]!--;
    if (isGlobalKey(key)) this.nrGlobal--;
  }

  private isEmpty(): boolean {
    for (let level = 1; level <= 5; level++) if (this.nrValid[level] !== 0) return false;
    return true;
  }
}

/** TLBs by the level of the pages that are looked up in them; index 0 is not used. */
export type TlbsByLevel = readonly (Tlb | undefined)[];

/** Bytes that `tlb` reaches with pages of `level`: what a working set must not exceed. Not in Linux. */
export function tlbReach(tlb: TlbGeometry, level: number): number {
  return checkedGeometry(tlb).levels.includes(level) ? tlb.sets * tlb.ways * LEVEL_SIZE[level]! : 0;
}

function checkedGeometry(tlb: TlbGeometry): TlbGeometry {
  checkKind("tlbReach(): tlb", tlb, shape({ sets: "count", ways: "count", levels: "list" }));
  return tlb;
}

function checkGeometry(name: string, g: TlbGeometry): void {
  const isPower = (n: number) => Number.isInteger(n) && n > 0 && (n & (n - 1)) === 0;
  if (!isPower(g.sets)) throw new RangeError(`TLB ${name}: ${g.sets} sets is not a power of two`);
  if (!(Number.isInteger(g.ways) && g.ways >= 1 && g.ways <= 256))
    throw new RangeError(`TLB ${name}: ${g.ways} ways is not 1 to 256`);
  if (g.replacement === "tree-plru" && !(isPower(g.ways) && g.ways <= 32))
    throw new RangeError(`TLB ${name}: tree-PLRU needs a power of two up to 32 ways, not ${g.ways}`);
  for (const level of g.levels)
    if (!(level >= 1 && level <= 5)) throw new RangeError(`TLB ${name}: no pages of level ${hex(level)}`);
}
