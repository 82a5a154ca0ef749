/**
 * A learner's TLB in place of the machine's own.
 *
 *   boot({ parts: { tlb: (geometry, name) => new MyTlb(geometry) } })
 *
 *          Mmu ----> PartTlb (an ordinary Tlb to the MMU) ----> TlbPart (the learner's object)
 *
 * The learner's object works with whole entries and page numbers and never sees tags, keys and slots. PartTlb
 * translates between the two, and holds the entry found last in its only slot.
 *
 * Read first: tlb.ts.
 */
import { Tlb, type TlbGeometry, type TlbsByLevel } from "./tlb.js";
import { frameWord, globalKey, levelOfKey, type TlbEntry, unpackEntry } from "./tlb_entry.js";

/** What a TLB must be able to do: the part that learners replace. */
export interface TlbPart {
  /**
   * The entry of page `vpn` (in units of its level's page size) that belongs to `pcid` or is global, which
   * becomes the most recently used; undefined when there is none.
   */
  lookup(vpn: number, level: number, pcid: number): TlbEntry | undefined;
  /** Puts a new entry in; when its set is full, another entry gives way. */
  insert(entry: TlbEntry): void;
  /** Replaces the entry of the same page, if it is there, without a change of recency. */
  update(entry: TlbEntry): void;
  /** Drops every entry that `matches`. */
  flush(matches: (entry: TlbEntry) => boolean): void;
}

/** Makes the TLB called `name` ("L1d", "L1i", "L2", or a walk cache); undefined keeps the machine's own. */
export type TlbFactory = (geometry: TlbGeometry, name: string) => TlbPart | undefined;

/** A TLB whose contents a TlbPart keeps. Not in Linux. */
export class PartTlb extends Tlb {
  readonly part: TlbPart;

  constructor(name: string, geometry: TlbGeometry, part: TlbPart) {
    super(name, { ...geometry, sets: 1, ways: 1 });
    this.part = part;
    // What the learner's TLB holds is not known here, so every level counts as in use.
    for (const level of geometry.levels) this.nrValid[level] = 1;
  }

  override find(tag: number, key: number): number {
    const { vpn, level, pcid } = unpackEntry(tag, key, 0, 0);
    const entry = this.part.lookup(vpn, level, pcid);
    if (entry === undefined) return -1;
    this.tag[0] = tag;
    this.key[0] = entry.global ? globalKey(key) : key;
    this.frame[0] = frameWord(entry.pfn, entry.rights);
    this.frameHi[0] = Math.floor(entry.pfn / 2 ** 20);
    return 0;
  }

  override touch(): void {}

  override fill(tag: number, key: number, frame: number, frameHi: number): void {
    this.fills[levelOfKey(key)]!++;
    this.part.insert(unpackEntry(tag, key, frame, frameHi));
  }

  override findQuietly(tag: number, key: number): number {
    this.tag[0] = tag;
    this.key[0] = key;
    return 0;
  }

  override update(_slot: number, frame: number, frameHi: number): void {
    this.part.update(unpackEntry(this.tag[0]!, this.key[0]!, frame, frameHi));
  }

  override flushPage(tag: number, key: number, alsoGlobal: boolean): void {
    const { vpn, level, pcid } = unpackEntry(tag, key, 0, 0);
    this.part.flush((e) => e.vpn === vpn && e.level === level && (e.global ? alsoGlobal : e.pcid === pcid));
  }

  override flushPcid(pcid: number): void {
    this.part.flush((e) => !e.global && e.pcid === pcid);
  }

  override flushNonGlobal(): void {
    this.part.flush((e) => !e.global);
  }

  override flushAll(): void {
    this.part.flush(() => true);
  }
}

/** One Tlb for each geometry, listed under every level it holds, and added to `all`. Not in Linux. */
export function tlbsByLevel(
  name: string,
  geometries: readonly TlbGeometry[],
  all: Tlb[],
  factory: TlbFactory | undefined,
): TlbsByLevel {
  const found: (Tlb | undefined)[] = [undefined, undefined, undefined, undefined];
  for (const geometry of geometries) {
    const part = factory?.(geometry, name);
    const tlb = part ? new PartTlb(name, geometry, part) : new Tlb(name, geometry);
    all.push(tlb);
    for (const level of geometry.levels) found[level] = tlb;
  }
  return found;
}
