/**
 * Lab 02, The TLB: five exercises, from the index of one address to the rules by which a kernel keeps the TLBs of many CPUs honest.
 *
 * Notebook: notebooks/02-tlb.ipynb. Check your work there with `await check("02.1")`, or in a terminal with
 * `npx pagewalk grade 02.1`; `npx pagewalk hint 02.1` gives a hint, a second call the next one.
 *
 *   02.1, 02.2   the hardware: where a translation lies in a TLB, how it is found, what gives way
 *   02.3         the kernel: which changes of an entry call for a flush
 *   02.4         PCIDs: whose entry it is, and which address space gets which PCID
 *   02.5         several CPUs: whom to interrupt, and what they drop
 *
 * An address is a number; one of the kernel half is negative. The virtual page number (vpn) of an address is
 * Math.floor(va / size of the page), so that one is negative too.
 */

import {
  NotWrittenYet,
  PAGE_DIRTY,
  PAGE_PRESENT,
  PAGE_RW,
  PAGE_USER,
  type TlbEntry,
  type TlbGeometry,
  type TlbPart,
} from "pagewalk";
import {
  type CatchUp,
  type NewAsid,
  PTE_NX,
  ptePfn,
  type ShootdownCpu,
  type TlbContext,
} from "pagewalk/kernel";

/** What 02.1 gives. */
export interface TlbPlace {
  /** The set in which the page may lie, 0 to sets - 1. */
  set: number;
  /** What the TLB must store beside the translation, to tell this page from the others of the set. */
  tag: number;
}

/**
 * 02.1 Index and tag. Returns the set in which the translation of `va` may lie, in a TLB of `sets` sets (a power of two), and the
 * tag that tells its page from the other pages of that set. Pages have `pageBytes` bytes.
 *
 * The page number is `tag * sets + set`. `indexAndTag(0x401abc, 16, 4096)` is { set: 1, tag: 0x40 }.
 */
export function indexAndTag(va: number, sets: number, pageBytes: number): TlbPlace {
  throw new NotWrittenYet("02.1");
}

/** The contents of a TLB with true LRU. */
export interface LruTlb {
  /** sets[i] holds the entries of set i, the most recently used first. */
  readonly sets: TlbEntry[][];
  /** The most entries that a set may hold. */
  readonly ways: number;
}

/**
 * 02.2 Lookup and LRU insert. Finds the entry that `matches` in the set of page `vpn`, and makes it the most recently used one of its
 * set. Returns undefined when there is none. Other sets are not looked at: hardware compares the ways of one set, no more.
 */
export function lookup(
  tlb: LruTlb,
  vpn: number,
  matches: (entry: TlbEntry) => boolean,
): TlbEntry | undefined {
  throw new NotWrittenYet("02.2");
}

/**
 * 02.2 Lookup and LRU insert. Puts `entry`, which is not there yet, into its set as the most recently used. When the set is full, the
 * least recently used entry of that set gives way.
 */
export function insert(tlb: LruTlb, entry: TlbEntry): void {
  throw new NotWrittenYet("02.2");
}

/** Compares an entry with a wanted page. */
export type TagMatch = (entry: TlbEntry, vpn: number, level: number, pcid: number) => boolean;

/** As if there were one address space only. */
const samePage: TagMatch = (entry, vpn, level) => entry.vpn === vpn && entry.level === level;

/** Yours to use: a whole TLB made of your `lookup` and `insert`, as `boot({ parts: { tlb: (geometry) => makeTlb(geometry) } })` wants it. */
export function makeTlb(geometry: TlbGeometry, matches: TagMatch = samePage): TlbPart {
  const tlb: LruTlb = { sets: Array.from({ length: geometry.sets }, () => []), ways: geometry.ways };
  return {
    lookup: (vpn, level, pcid) => lookup(tlb, vpn, (entry) => matches(entry, vpn, level, pcid)),
    insert: (entry) => insert(tlb, entry),
    update: (entry) => {
      for (const set of tlb.sets) {
        const at = set.findIndex((old) => matches(old, entry.vpn, entry.level, entry.pcid));
        if (at >= 0) set[at] = entry;
      }
    },
    flush: (drop) => {
      for (const [i, set] of tlb.sets.entries()) tlb.sets[i] = set.filter((entry) => !drop(entry));
    },
  };
}

/**
 * 02.3 Flush what must go. Tells whether TLBs may not keep `before` when the kernel changes a page's entry to `after`; munmap and mprotect ask for
 * each entry that they change. `after` is 0 when the page is unmapped.
 *
 * Entries are numbers with the bits PAGE_PRESENT, PAGE_RW, PAGE_USER, PAGE_DIRTY, ...; NX is bit 52 (PTE_NX), and ptePfn(entry) is the frame.
 * `&` works for the bits 0 to 31.
 *
 * True when the old translation allows what the new one does not, leads to another frame, or would let the processor write
 * without setting D. False when the page only gains rights: a stale entry then costs one fault, which drops it. (Linux
 * flushes there too, to save that fault. This exercise asks for what is necessary.) Accessed (A) is never a reason.
 */
export function pteNeedsFlush(before: number, after: number): boolean {
  throw new NotWrittenYet("02.3");
}

/**
 * 02.4 PCID tagging. Tells whether `entry` answers an access to page `vpn` (of `level`) by the address space `pcid`. A global entry belongs to
 * all address spaces.
 */
export function tagMatches(entry: TlbEntry, vpn: number, level: number, pcid: number): boolean {
  throw new NotWrittenYet("02.4");
}

/**
 * 02.4 PCID tagging. Chooses the slot (ASID) for the address space `next` on one CPU, which is about to run it.
 *
 * - `ctxs[asid]` says whose entries the TLB may hold under that slot's PCID (ctxId), and up to which change of its tables they are good (tlbGen).
 * - `next` is the address space: its number, and how many changes of its tables have called for a flush so far.
 * - `nextAsid` is the slot to take when `next` has none. When it is ctxs.length, take slot 0.
 *
 * Returns { asid, needFlush, nextAsid }: needFlush when what the TLB holds under the slot's PCID must go; nextAsid for the next call,
 * unchanged when `next` had a slot, else the slot after `asid`.
 */
export function chooseNewAsid(ctxs: readonly TlbContext[], nextAsid: number, next: TlbContext): NewAsid {
  throw new NotWrittenYet("02.4");
}

/**
 * 02.5 Shoot down. Returns the ids of the CPUs to interrupt, in the order of `mask`, so that no program can use a stale entry of this address space.
 *
 * `mask` lists the CPUs whose TLBs may hold entries of it: { id, isSelf, usesMm, isLazy }. usesMm: CR3 holds its tables now. isLazy:
 * nothing runs there, CR3 was only left as it was. A CPU checks its generation (see catchUp) whenever it switches to an
 * address space or stops being lazy. `freedTables`: page tables are about to be freed, too.
 */
export function shootdownTargets(mask: readonly ShootdownCpu[], freedTables: boolean): number[] {
  throw new NotWrittenYet("02.5");
}

/**
 * 02.5 Shoot down. Tells what a CPU must drop: "nothing", the "pages" that the request names, or "all" of the address space.
 *
 * - `localGen`: how many changes of the address space this CPU's TLB has followed.
 * - `mmGen`: how many there have been.
 * - `requestGen`: the number of the change that the request is about; undefined when there is no request, and the CPU comes back by itself.
 */
export function catchUp(localGen: number, mmGen: number, requestGen?: number): CatchUp {
  throw new NotWrittenYet("02.5");
}
