/**
 * The stream runner: the common cases of mmu.ts, written out for one machine's TLBs.
 *
 * Ten million accesses through `Mmu.translate` take seconds. What makes JavaScript fast here is known: typed
 * arrays that are constants of the code that uses them, ways compared one after another without a loop, no
 * branch that the host's processor cannot predict. So each MMU gets a function of its own, generated from the
 * shape of its TLBs with its arrays bound in. (Generated, because functions of one source share what the JIT
 * compiler learns: with several machines alive the arrays would be no constants any more.)
 *
 *   in L1 or L1i, allowed                            done here
 *   in L2, allowed                                   done here, into L1
 *   in neither; 4 KiB leaf, allowed, tables all A=1  done here: walk, A and D of the leaf, into L2 and L1
 *   everything else                                  nothing is changed; the caller does this one access by
 *                                                    Mmu.translate and comes back
 *
 * "Everything else" is rare: faults, assists, empty slots to fill, entries of other sizes or spaces in the
 * way, fetches that miss. Both paths work on the same arrays, and a test proves that they leave the same
 * contents and counters.
 *
 * After a long run without a break the caller looks whether the TLBs hold nothing but pages of this space
 * (`holdsOnly`). As long as it then uses only runners, that stays so, and a second runner does without the
 * keys.
 *
 * Least recently used without branches: the stamps of a set end in the way's number, so the minimum of all
 * stamps is found by arithmetic (`d & (d >> 31)` is d when negative, else 0) and names the way. Where a slot
 * is written must be known early, or the host's processor holds back the next access's loads: hence the
 * tournament below.
 *
 * Read first: mmu.ts, tlb.ts. Read next: stream.ts.
 */
import type { Pfn } from "./address.js";
import {
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
  RESERVED_HI,
} from "./entry.js";
import { RIGHT_NX } from "./protection.js";
import type { RamSection } from "./ram.js";
import { HINTS, type Tlb } from "./tlb.js";

/** What a run needs to know besides the TLBs. */
export interface RunSettings {
  /** Low 32 bits of the first page's number. */
  readonly baseVpn: number;
  /** The bits above them, the same for the whole stream. */
  readonly vpnHigh: number;
  /** Key of a 4 KiB page of the current address space. */
  readonly space: number;
  /** A read is allowed when `(frame & maskRead) === wantRead`; a write needs the other bits, too. */
  readonly maskRead: number;
  readonly wantRead: number;
  readonly maskWrite: number;
  readonly wantWrite: number;
  readonly maskFetch: number;
  readonly wantFetch: number;
  /** A page that is not in L1 is left to the caller: larger pages or walk caches would have to be asked. */
  readonly l1Only: boolean;
  readonly nxe: boolean;
}

/** What a run did. */
export interface RunOutcome {
  /** Fetches, all of them hits in L1i. */
  fetches: number;
  l2Hits: number;
  walks: number;
  checksum: number;
}

/** Does accesses `stream[from]` to `stream[end - 1]`; returns the index of the first that it did not do. */
export type StreamRunner = (
  stream: Uint32Array,
  from: number,
  end: number,
  settings: RunSettings,
  outcome: RunOutcome,
) => number;

/** How the runner reads tables. */
export interface TableReader {
  /**
   * Frame of the level-2 table for the page with low bits `vpn` and high bits `vpnHigh`, or -1 when the
   * levels above need the full walk.
   */
  level2Table(vpn: number, vpnHigh: number): number;
  /** The section of RAM with frame `pfn`, or undefined. */
  section(pfn: Pfn): RamSection | undefined;
}

/** Largest number of ways that is written out. */
export const MAX_RUNNER_WAYS = 16;

const lines = (n: number, line: (way: number) => string) =>
  Array.from({ length: n }, (_, way) => line(way)).join("\n");

/** Code that an entry of another space needs; none while there is no such entry. */
const unless = (alone: boolean, code: string) => (alone ? "" : code);

/**
 * Slot `s` of a set, or -1: hint first, then every way. An entry of another space with this number ends the
 * run.
 */
function findCode(t: number, ways: number, alone: boolean): string {
  return `
    const first${t} = (vpn & sets${t}) * ${ways};
    let slot${t} = first${t} + hint${t}[near];
    if (tag${t}[slot${t}] !== vpn ${unless(alone, `|| key${t}[slot${t}] !== space`)}) {
      slot${t} = -1;
      ${lines(ways, (w) => `${w ? "else " : ""}if (tag${t}[first${t} + ${w}] === vpn) slot${t} = first${t} + ${w};`)}
      if (slot${t} >= 0) {
        ${unless(alone, `if (key${t}[slot${t}] !== space) break;`)}
        hint${t}[near] = slot${t} - first${t};
      }
    }`;
}

/**
 * Slot of the least stamp of a set; the run ends when it is empty or holds anything but a page of this space.
 * The stamps meet in pairs, as in a tournament: the host's processor works on all pairs of a round at the
 * same time.
 */
function victimCode(t: number, { ways, stampShift }: Tlb, alone: boolean): string {
  const code = [`let ${lines(ways, (w) => `${w ? ", " : ""}m${t}_${w} = stamp${t}[first${t} + ${w}]`)};`];
  for (let step = 1; step < ways; step *= 2)
    for (let w = 0; w + step < ways; w += 2 * step) {
      const [a, b] = [`m${t}_${w}`, `m${t}_${w + step}`];
      code.push(`d = ${b} - ${a} | 0; ${a} = ${a} + (d & d >> 31) | 0;`);
    }
  return `
    ${code.join("\n")}
    const victim${t} = first${t} + (m${t}_0 & ${2 ** stampShift - 1});
    if (m${t}_0 === 0 ${unless(alone, `|| key${t}[victim${t}] !== space`)}) break;`;
}

function fillCode(t: number): string {
  return `tag${t}[victim${t}] = vpn; frame${t}[victim${t}] = frame;
    high${t}[victim${t}] = high; hint${t}[near] = victim${t} - first${t};`;
}

/** The walk below level 3, for entries that need nothing but A and D of the leaf set. */
const WALK_CODE = `
    if (vpn >>> 18 !== group) {
      const table = tables.level2Table(vpn, vpnHigh);
      if (table < 0) break;
      group = vpn >>> 18;
      level2 = tables.section(table).words;
      level2At = (table & 0x3fff) << 10;
    }
    const at2 = level2At | ((vpn >>> 9 & 511) << 1);
    const lo2 = level2[at2], hi2 = level2[at2 | 1];
    if ((lo2 & TABLE_MASK) !== TABLE_WANT || (hi2 >>> 11) !== 0) break;
    const table = hi2 << 20 | lo2 >>> 12;
    if (table >>> 14 !== section) {
      const found = tables.section(table);
      if (found === undefined) break;
      section = table >>> 14;
      level1 = found.words;
    }
    const at1 = (table & 0x3fff) << 10 | (vpn & 511) << 1;
    const lo1 = level1[at1], hi1 = level1[at1 | 1];
    if ((lo1 & LEAF_MASK) !== PRESENT || (hi1 & RESERVED) !== 0 || (hi1 < 0 && !nxe)) break;
    const marked = lo1 | ACCESSED | (write & DIRTY);
    frame = marked & FRAME_MASK | (hi1 >>> 31) * NX;
    if ((frame & mask) !== want) break;
    high = hi1 & 0xfffff;`;

/** A fetch that L1i holds and allows; the caller does every other one. */
function fetchCode(l1i: Tlb | undefined, alone: boolean): string {
  if (l1i === undefined) return "if ((access & 2) !== 0) break;";
  return `
      if ((access & 2) !== 0) {
        ${findCode(3, l1i.ways, alone)}
        if (slot3 < 0 || (frame3[slot3] & maskFetch) !== wantFetch) break;
        stamp3[slot3] = ++time3 << ${l1i.stampShift} | slot3 - first3;
        checksum = checksum + (frame3[slot3] & -4096 | access & 0xffc) | 0;
        fetches++;
        continue;
      }`;
}

/** The arrays of each TLB as constants. */
function arraysCode(l1i: Tlb | undefined): string {
  return lines(
    l1i === undefined ? 2 : 3,
    (i) => `const { tag: tag${i + 1}, key: key${i + 1}, frame: frame${i + 1}, frameHi: high${i + 1},
    stamp: stamp${i + 1}, hint: hint${i + 1}, stampClock: clock${i + 1} } = t${i + 1}; const sets${i + 1} = t${i + 1}.sets - 1;`,
  );
}

function sourceOf({ l1, l2, l1i }: RunnerTlbs, alone: boolean): string {
  return `"use strict";
  ${arraysCode(l1i)}
  return function run(stream, i, end, settings, outcome) {
    const { baseVpn, vpnHigh, space, maskRead, wantRead, maskFetch, wantFetch, l1Only, nxe } = settings;
    const maskMore = settings.maskWrite & ~maskRead, wantMore = settings.wantWrite & ~wantRead;
    let time1 = clock1[0], time2 = clock2[0], time3 = ${l1i ? "clock3[0]" : "0"}, fetches = 0, l2Hits = 0, walks = 0, checksum = 0, d = 0;
    let group = -1, level2 = stamp1, level2At = 0, section = -1, level1 = stamp1;
    for (; i < end; i++) {
      const access = stream[i];
      const vpn = baseVpn + (access >>> 12) | 0;
      const near = vpn & ${HINTS - 1};
      ${fetchCode(l1i, alone)}
      const write = access << 31 >> 31;
      const mask = maskRead | write & maskMore, want = wantRead | write & wantMore;
      ${findCode(1, l1.ways, alone)}
      let frame;
      if (slot1 >= 0) {
        frame = frame1[slot1];
        if ((frame & mask) !== want) break;
      } else {
        if (l1Only) break;
        let high;
        ${findCode(2, l2.ways, alone)}
        ${victimCode(1, l1, alone)}
        if (slot2 >= 0) {
          frame = frame2[slot2];
          if ((frame & mask) !== want) break;
          high = high2[slot2];
          l2Hits++;
        } else {
          ${WALK_CODE}
          ${victimCode(2, l2, alone)}
          if (marked !== lo1) level1[at1] = marked;
          ${fillCode(2)}
          slot2 = victim2;
          walks++;
        }
        stamp2[slot2] = ++time2 << ${l2.stampShift} | slot2 - first2;
        ${fillCode(1)}
        slot1 = victim1;
      }
      stamp1[slot1] = ++time1 << ${l1.stampShift} | slot1 - first1;
      checksum = checksum + (frame & -4096 | access & 0xffc) | 0;
    }
    clock1[0] = time1;
    clock2[0] = time2;
    ${l1i ? "clock3[0] = time3;" : ""}
    outcome.fetches = fetches;
    outcome.l2Hits = l2Hits;
    outcome.walks = walks;
    outcome.checksum = checksum;
    return i;
  };`;
}

const CONSTANTS = {
  TABLE_MASK: PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED | PAGE_PSE,
  TABLE_WANT: PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED,
  LEAF_MASK: PAGE_PRESENT | PAGE_GLOBAL,
  PRESENT: PAGE_PRESENT,
  RESERVED: RESERVED_HI,
  ACCESSED: PAGE_ACCESSED,
  DIRTY: PAGE_DIRTY,
  FRAME_MASK: ~0xfff | PAGE_RW | PAGE_USER | PAGE_DIRTY,
  NX: RIGHT_NX,
};

/** The TLBs that 4 KiB pages go through; L1i where a runner can serve it. */
export interface RunnerTlbs {
  readonly l1: Tlb;
  readonly l2: Tlb;
  readonly l1i: Tlb | undefined;
}

/**
 * A runner; with `alone` one for TLBs without any entry of another space, which compares no keys.
 * Not in Linux.
 */
export function makeStreamRunner(tlbs: RunnerTlbs, tables: TableReader, alone: boolean): StreamRunner {
  const constants = Object.entries(CONSTANTS).map(([name, value]) => `const ${name} = ${value};`);
  const source = sourceOf(tlbs, alone).replace('"use strict";', `"use strict";\n${constants.join("\n")}`);
  const { l1, l2, l1i } = tlbs;
  return new Function("t1", "t2", "t3", "tables", source)(l1, l2, l1i, tables) as StreamRunner;
}

/**
 * Whether every entry of the TLB is a page of `space`. Empty slots are given numbers that no page of their
 * set has, for a runner that looks at nothing else. Not in Linux.
 */
export function holdsOnly(tlb: Tlb, space: number): boolean {
  const { tag, key, sets, ways } = tlb;
  if (sets === 1) return false;
  for (let slot = 0; slot < key.length; slot++) {
    if (key[slot] === 0) tag[slot] = ~Math.floor(slot / ways);
    else if (key[slot] !== space) return false;
  }
  return true;
}
