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

// HINT 02.1: First the page number: all bytes of a page share it. Math.floor(va / pageBytes), not Math.trunc.
// HINT 02.1: Neighbouring pages lie in neighbouring sets: the set is the page number modulo the number of sets.
// HINT 02.1: In JavaScript, -1 % 16 is -1. The set of a negative page number must still be 0 to sets - 1.
// HINT 02.1: The tag is what the set does not say: Math.floor(vpn / sets). Then tag * sets + set is the page number again.
/**
 * 02.1 Index and tag. Returns the set in which the translation of `va` may lie, in a TLB of `sets` sets (a power of two), and the
 * tag that tells its page from the other pages of that set. Pages have `pageBytes` bytes.
 *
 * The page number is `tag * sets + set`. `indexAndTag(0x401abc, 16, 4096)` is { set: 1, tag: 0x40 }.
 */
export function indexAndTag(va: number, sets: number, pageBytes: number): TlbPlace {
  // SOLUTION BEGIN
  const vpn = Math.floor(va / pageBytes);
  const tag = Math.floor(vpn / sets);
  return { set: vpn - tag * sets, tag };
  // SOLUTION END
}

/** The contents of a TLB with true LRU. */
export interface LruTlb {
  /** sets[i] holds the entries of set i, the most recently used first. */
  readonly sets: TlbEntry[][];
  /** The most entries that a set may hold. */
  readonly ways: number;
}

// HINT 02.2: Only one set can hold the page: vpn modulo tlb.sets.length (mind negative numbers, as in 02.1).
// HINT 02.2: `matches` compares an entry with the wanted page; tlb.sets[set].findIndex(matches) finds it.
// HINT 02.2: A hit makes the entry the most recently used one: take it out of its place (splice) and put it in front
//   (unshift). A miss changes nothing.
/**
 * 02.2 Lookup and LRU insert. Finds the entry that `matches` in the set of page `vpn`, and makes it the most recently used one of its
 * set. Returns undefined when there is none. Other sets are not looked at: hardware compares the ways of one set, no more.
 */
export function lookup(
  tlb: LruTlb,
  vpn: number,
  matches: (entry: TlbEntry) => boolean,
): TlbEntry | undefined {
  // SOLUTION BEGIN
  const set = tlb.sets[setOf(tlb, vpn)]!;
  const at = set.findIndex(matches);
  if (at < 0) return undefined;
  const [entry] = set.splice(at, 1);
  set.unshift(entry!);
  return entry;
  // SOLUTION END
}

// SOLUTION BEGIN
function setOf(tlb: LruTlb, vpn: number): number {
  const nr = tlb.sets.length;
  return ((vpn % nr) + nr) % nr;
}

// SOLUTION END
// HINT 02.2: insert: the set is that of entry.vpn. The new entry goes in front; when the set then has more than tlb.ways
//   entries, the last one, the least recently used, goes.
/**
 * 02.2 Lookup and LRU insert. Puts `entry`, which is not there yet, into its set as the most recently used. When the set is full, the
 * least recently used entry of that set gives way.
 */
export function insert(tlb: LruTlb, entry: TlbEntry): void {
  // SOLUTION BEGIN
  const set = tlb.sets[setOf(tlb, entry.vpn)]!;
  set.unshift(entry);
  if (set.length > tlb.ways) set.pop();
  // SOLUTION END
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

// HINT 02.3: A TLB holds only entries that were present: if `before` is not, there is nothing to flush.
// HINT 02.3: If the page is gone (not present in `after`) or lies in another frame (ptePfn), the old translation leads to memory
//   that may belong to somebody else.
// HINT 02.3: before & ~after has the bits that were taken away. Losing R/W or U/S matters; gaining them does not. NX is the
//   other way round: gaining it takes a right away. It is bit 52 of these values: value >= PTE_NX.
// HINT 02.3: D: a TLB entry with D set lets the processor write without marking the entry in RAM. If the kernel clears D, it wants
//   to learn of the next write. A is only a hint about use; Linux does not flush for it.
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
  // SOLUTION BEGIN
  if ((before & PAGE_PRESENT) === 0) return false;
  if ((after & PAGE_PRESENT) === 0) return true;
  if (ptePfn(before) !== ptePfn(after)) return true;
  const lost = before & ~after;
  if ((lost & (PAGE_RW | PAGE_USER | PAGE_DIRTY)) !== 0) return true;
  return before < PTE_NX && after >= PTE_NX;
  // SOLUTION END
}

// HINT 02.4: The page must be the same (vpn and level), and the entry must be this address space's (pcid) or everybody's (global).
/**
 * 02.4 PCID tagging. Tells whether `entry` answers an access to page `vpn` (of `level`) by the address space `pcid`. A global entry belongs to
 * all address spaces.
 */
export function tagMatches(entry: TlbEntry, vpn: number, level: number, pcid: number): boolean {
  // SOLUTION BEGIN
  return entry.vpn === vpn && entry.level === level && (entry.global || entry.pcid === pcid);
  // SOLUTION END
}

// HINT 02.4: chooseNewAsid: look for next.ctxId among ctxs. Where it is found, the TLB may still hold its entries under that slot's
//   PCID: keep them, unless the slot's tlbGen is behind next.tlbGen.
// HINT 02.4: Where it is not found, take slot `nextAsid` and flush it: another address space's entries are there. Slots go round:
//   after the last comes 0. nextAsid of the result is the slot after the one you took.
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
  // SOLUTION BEGIN
  const own = ctxs.findIndex((ctx) => ctx.ctxId === next.ctxId);
  if (own >= 0) return { asid: own, needFlush: ctxs[own]!.tlbGen < next.tlbGen, nextAsid };
  const asid = nextAsid < ctxs.length ? nextAsid : 0;
  return { asid, needFlush: true, nextAsid: asid + 1 };
  // SOLUTION END
}

// HINT 02.5: Never the CPU that asks (isSelf): it flushes its own TLB without an interrupt.
// HINT 02.5: A CPU that runs another address space or is lazy compares generations before it runs this one again. It need not be
//   interrupted, as long as the tables stay.
// HINT 02.5: When tables are freed, even a CPU that only might look at them must let go first: a processor may start walks on
//   its own, speculatively. Then everybody in the mask is interrupted.
/**
 * 02.5 Shoot down. Returns the ids of the CPUs to interrupt, in the order of `mask`, so that no program can use a stale entry of this address space.
 *
 * `mask` lists the CPUs whose TLBs may hold entries of it: { id, isSelf, usesMm, isLazy }. usesMm: CR3 holds its tables now. isLazy:
 * nothing runs there, CR3 was only left as it was. A CPU checks its generation (see catchUp) whenever it switches to an
 * address space or stops being lazy. `freedTables`: page tables are about to be freed, too.
 */
export function shootdownTargets(mask: readonly ShootdownCpu[], freedTables: boolean): number[] {
  // SOLUTION BEGIN
  const targets = mask.filter((cpu) => !cpu.isSelf && (freedTables || (cpu.usesMm && !cpu.isLazy)));
  return targets.map((cpu) => cpu.id);
  // SOLUTION END
}

// HINT 02.5: catchUp: equal generations mean that this CPU has seen every change: "nothing".
// HINT 02.5: The request names pages, but only those of its own change. If this CPU missed an earlier change, or if there is a newer one
//   already, nobody says which pages those were: "all".
/**
 * 02.5 Shoot down. Tells what a CPU must drop: "nothing", the "pages" that the request names, or "all" of the address space.
 *
 * - `localGen`: how many changes of the address space this CPU's TLB has followed.
 * - `mmGen`: how many there have been.
 * - `requestGen`: the number of the change that the request is about; undefined when there is no request, and the CPU comes back by itself.
 */
export function catchUp(localGen: number, mmGen: number, requestGen?: number): CatchUp {
  // SOLUTION BEGIN
  if (localGen === mmGen) return "nothing";
  return requestGen === localGen + 1 && requestGen === mmGen ? "pages" : "all";
  // SOLUTION END
}
