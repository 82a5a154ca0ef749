/**
 * Streams: millions of accesses at once.
 *
 *   a stream is a Uint32Array, one access an element
 *
 *     31                             2  1   0
 *    +--------------------------------+---+---+
 *    |   byte offset from the base    | F | W |     F: instruction fetch, W: write
 *    +--------------------------------+---+---+
 *
 * Each access is translated, counted and charged to the clock as a single one would be, and may fault; no
 * data moves. The checksum, the sum of all physical addresses modulo 2^32, tells whether two runs went to the
 * same places.
 *
 * Read first: cpu.ts. Read next: stream_runner.ts (how it is made fast).
 */

import type { Pfn, Vaddr } from "./address.js";
import { hex, isCanonical, PAGE_SIZE, tableIndex } from "./address.js";
import { Cpu } from "./cpu.js";
import { PAGE_ACCESSED, PAGE_PRESENT, PAGE_PSE, PAGE_RW, PAGE_USER } from "./entry.js";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_USER, ACCESS_WRITE } from "./fault.js";
import type { Mmu } from "./mmu.js";
import type { RamSection } from "./ram.js";
import { checkArguments } from "./signature.js";
import {
  holdsOnly,
  MAX_RUNNER_WAYS,
  makeStreamRunner,
  type RunnerTlbs,
  type RunOutcome,
  type RunSettings,
  type StreamRunner,
  type TableReader,
} from "./stream_runner.js";
import type { Tlb, TlbsByLevel } from "./tlb.js";
import { keyOfVpn } from "./tlb_entry.js";
import { PartTlb } from "./tlb_part.js";
import { walk } from "./walk.js";

/** Bit 0 of an element: the access writes. */
export const STREAM_WRITE = 1;
/** Bit 1 of an element: the access fetches an instruction. */
export const STREAM_FETCH = 2;
/** Accesses between two looks at what has changed, at most; a run starts with fewer. */
const CHUNK = 1 << 18;
/**
 * A runner is first called for this many accesses, then for twice as many, and so on. The host's JIT compiler
 * has to see a function begin and end a few times; one that it first meets in an endless loop it compiles badly.
 */
const FIRST_CHUNK = 1 << 8;
/** A run of this many without a break is reason to look whether the stream is alone in the TLBs. */
const LONG_RUN = 1 << 15;
/** Accesses for which stamps are given room at once. */
const ROOM = 1 << 22;

/** What a stream did. */
export interface StreamResult {
  /** Accesses done: the length of the stream. */
  readonly accesses: number;
  /** Sum of all physical addresses modulo 2^32. */
  readonly checksum: number;
}

/**
 * Does every access of `stream`, in the CPU's current mode, at `baseVa` (a multiple of 4096) plus the
 * element's offset. Faults go to the kernel as with single accesses.
 */
export function runStream(cpu: Cpu, stream: Uint32Array, baseVa = 0): StreamResult {
  checkArguments("runStream()", { cpu: Cpu, stream: Uint32Array, baseVa: "integer?" }, [cpu, stream, baseVa]);
  if (cpu.shutDownBy !== undefined) throw cpu.shutDownBy;
  if (!isCanonical(baseVa, 5) || baseVa % PAGE_SIZE !== 0)
    throw new RangeError(`stream base ${hex(baseVa)} is not a page-aligned canonical address`);
  let checksum = 0;
  let fast: FastPart | undefined;
  for (let i = 0; i < stream.length; ) {
    if (fast === undefined || isOutOfDate(fast, cpu)) fast = fastPart(cpu, baseVa);
    if (fast.run !== undefined) {
      const from = i;
      const end = Math.min(stream.length, from + fast.chunk);
      i = fast.run(stream, from, end, fast.settings, fast.outcome);
      account(cpu.mmu, i - from, fast.outcome);
      checksum = (checksum + fast.outcome.checksum) >>> 0;
      fast.room -= i - from;
      if (i === end) {
        afterChunk(fast);
        continue;
      }
      useRunner(fast, fast.runners!.any); // what the long way puts into the TLBs may be of any kind
    }
    const element = stream[i++]!;
    const kind = element & STREAM_FETCH ? ACCESS_FETCH : element & STREAM_WRITE ? ACCESS_WRITE : ACCESS_READ;
    checksum = (checksum + cpu.access(baseVa + (element - (element & 3)), kind)) % 2 ** 32;
    fast.room--;
  }
  return { accesses: stream.length, checksum };
}

/** The runners of one MMU, generated when first needed. */
interface Runners {
  readonly tlbs: RunnerTlbs;
  readonly any: StreamRunner;
  /** For TLBs without entries of other spaces. */
  readonly alone: StreamRunner;
}

/** A runner with settings that hold until the CPU delivers an exception. */
interface FastPart {
  /** Undefined when every access has to go the long way. */
  readonly runners: Runners | undefined;
  /** The one of them in use. */
  run: StreamRunner | undefined;
  /** Accesses that `run` is given next. */
  chunk: number;
  readonly settings: RunSettings;
  readonly outcome: RunOutcome;
  /** Exceptions delivered when the settings were made: a handler may have changed anything. */
  readonly exceptions: number;
  /** Accesses that may still be done before stamps must be renumbered. */
  room: number;
}

function isOutOfDate(fast: FastPart, cpu: Cpu): boolean {
  return (
    fast.exceptions !== cpu.counters.exceptions ||
    fast.room <= CHUNK ||
    fast.settings.l1Only !== l1Only(cpu.mmu)
  );
}

const runners = new WeakMap<Mmu, Runners>();

/** The runner and its settings as registers and TLBs stand now. */
function fastPart(cpu: Cpu, baseVa: Vaddr): FastPart {
  const { mmu } = cpu;
  const baseVpn = baseVa / PAGE_SIZE;
  const found = canRun(mmu, baseVa) ? runnersOf(mmu) : undefined;
  for (const tlb of mmu.tlbs) tlb.makeStampRoom(ROOM);
  const user = cpu.cpl === 3 ? ACCESS_USER : 0;
  const settings: RunSettings = {
    baseVpn: baseVpn | 0,
    vpnHigh: Math.floor(baseVpn / 2 ** 32),
    space: mmu.keys[1]! | keyOfVpn(baseVpn),
    maskRead: mmu.mask[ACCESS_READ | user]!,
    wantRead: mmu.want[ACCESS_READ | user]!,
    maskWrite: mmu.mask[ACCESS_WRITE | user]!,
    wantWrite: mmu.want[ACCESS_WRITE | user]!,
    maskFetch: mmu.mask[ACCESS_FETCH | user]!,
    wantFetch: mmu.want[ACCESS_FETCH | user]!,
    l1Only: l1Only(mmu),
    nxe: mmu.paging.nxe,
  };
  const outcome = { fetches: 0, l2Hits: 0, walks: 0, checksum: 0 };
  const { exceptions } = cpu.counters;
  const run = found?.any;
  return { runners: found, run, chunk: FIRST_CHUNK, settings, outcome, exceptions, room: ROOM };
}

function canRun(mmu: Mmu, baseVa: Vaddr): boolean {
  const { levels } = mmu.paging;
  // The key holds the page number's high bits, so all pages of the stream (2^20 of them) must share them.
  const oneKey = keyOfVpn(baseVa / PAGE_SIZE) === keyOfVpn(baseVa / PAGE_SIZE + 2 ** 20 - 1);
  if (mmu.trace !== undefined || mmu.walker !== walk || levels < 4) return false;
  return oneKey && isCanonical(baseVa + 2 ** 32 - 1, levels);
}

/** The MMU's own runners; undefined for TLBs that a runner cannot serve. */
function runnersOf(mmu: Mmu): Runners | undefined {
  const known = runners.get(mmu);
  if (known !== undefined) return known;
  const l1 = mmu.l1d[1];
  const l2 = mmu.l2d[1];
  const l1i = mmu.l1i[1];
  if (l1 === undefined || l2 === undefined || !runnable(l1) || !runnable(l2)) return undefined;
  const tlbs = { l1, l2, l1i: l1i && runnable(l1i) ? l1i : undefined };
  const tables = new UpperTables(mmu);
  const made = {
    tlbs,
    any: makeStreamRunner(tlbs, tables, false),
    alone: makeStreamRunner(tlbs, tables, true),
  };
  runners.set(mmu, made);
  return made;
}

/** A chunk was done without a break. */
function afterChunk(fast: FastPart): void {
  const { runners, chunk, run, settings } = fast;
  fast.chunk = Math.min(CHUNK, 2 * chunk);
  if (runners === undefined || run === runners.alone || chunk !== LONG_RUN) return;
  const { l1, l2, l1i } = runners.tlbs;
  const alone = [l1, l2, l1i].every((tlb) => tlb === undefined || holdsOnly(tlb, settings.space));
  if (alone) useRunner(fast, runners.alone);
}

function useRunner(fast: FastPart, run: StreamRunner): void {
  if (fast.run === run) return;
  fast.run = run;
  fast.chunk = FIRST_CHUNK;
}

function runnable(tlb: Tlb): boolean {
  return tlb.trueLru && tlb.ways <= MAX_RUNNER_WAYS && !(tlb instanceof PartTlb);
}

/** Whether a miss in L1 must ask TLBs of large pages or walk caches, which the runner does not know. */
function l1Only(mmu: Mmu): boolean {
  return (
    mmu.hasWalkCaches || inUse(mmu.l1d, 2) || inUse(mmu.l1d, 3) || inUse(mmu.l2d, 2) || inUse(mmu.l2d, 3)
  );
}

function inUse(tlbs: TlbsByLevel, level: number): boolean {
  const tlb = tlbs[level];
  return tlb !== undefined && tlb.nrValid[level] !== 0;
}

/** Books what the runner did, as `Mmu.translate` would have done one by one. */
function account(mmu: Mmu, accesses: number, { fetches, l2Hits, walks }: RunOutcome): void {
  const l1 = mmu.l1d[1]!;
  const l2 = mmu.l2d[1]!;
  const { accessNs, l2TlbNs, walkEntryNs } = mmu.clock.costs;
  const { levels } = mmu.paging;
  l1.hits[1]! += accesses - fetches - l2Hits - walks;
  if (fetches > 0) mmu.l1i[1]!.hits[1]! += fetches;
  l1.fills[1]! += l2Hits + walks;
  l1.evictions += l2Hits + walks;
  l2.hits[1]! += l2Hits;
  l2.fills[1]! += walks;
  l2.evictions += walks;
  mmu.walks += walks;
  mmu.walkRefs += walks * levels;
  mmu.clock.nowNs += accesses * accessNs + (l2Hits + walks) * l2TlbNs + walks * levels * walkEntryNs;
}

/**
 * The levels above 2, for pages whose upper entries need no attention: present, writable, for users, A set,
 * no NX.
 */
class UpperTables implements TableReader {
  private readonly mmu: Mmu;

  constructor(mmu: Mmu) {
    this.mmu = mmu;
  }

  level2Table(vpn: number, vpnHigh: number): number {
    const { ram, paging } = this.mmu;
    const va = (vpnHigh * 2 ** 32 + (vpn >>> 0)) * PAGE_SIZE;
    let pfn = paging.rootPfn;
    for (let level: number = paging.levels; level > 2; level--) {
      if (pfn >= ram.nrFrames) return -1;
      const lo = ram.entryLo(pfn, tableIndex(va, level));
      const hi = ram.entryHi(pfn, tableIndex(va, level));
      const plain = PAGE_PRESENT | PAGE_RW | PAGE_USER | PAGE_ACCESSED;
      if ((lo & (plain | PAGE_PSE)) !== plain || hi >>> 11 !== 0) return -1;
      pfn = hi * 0x10_0000 + (lo >>> 12);
    }
    return ram.sectionOf(pfn) === undefined ? -1 : pfn;
  }

  section(pfn: Pfn): RamSection | undefined {
    return pfn < this.mmu.ram.nrFrames ? this.mmu.ram.sectionOf(pfn) : undefined;
  }
}
