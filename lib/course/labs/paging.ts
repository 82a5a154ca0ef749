/**
 * Test benches for lab 01: small machines on which a learner's walker and mapper run beside the lib's own.
 *
 *   operations: map a page, take a right away in an upper table, access an address, ...
 *        |                                   |
 *        v                                   v
 *   RAM with the reference part         RAM with the learner's part
 *        |                                   |
 *        +---- one observation for each operation: result, and the entries as they are afterwards ----+
 *
 * expectSameRuns compares the observations and shrinks the operations. Not in Linux: a helper of the course.
 *
 * Read first: course/grading/workload.ts.
 */
import { hex, LEVEL_SIZE, PAGE_SIZE, tableIndex } from "../../hw/address.js";
import {
  entryText,
  makeEntry,
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_NX,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
} from "../../hw/entry.js";
import { errorCodeText, explainWalk } from "../../hw/explain.js";
import { ACCESS_FETCH, ACCESS_USER, ACCESS_WRITE, accessText, type Fault } from "../../hw/fault.js";
import type { FrameAllocator } from "../../hw/frames.js";
import { leafFlags, type MapFlags, type MapPage, TABLE_FLAGS } from "../../hw/page_table.js";
import { RIGHT_NX } from "../../hw/protection.js";
import { Ram } from "../../hw/ram.js";
import type { Random } from "../../hw/random.js";
import { linuxPaging, type Paging } from "../../hw/registers.js";
import type { Translation, Walk } from "../../hw/translation.js";
import { walk as ownWalk } from "../../hw/walk.js";

/** Frame of the top table of every bench. */
const ROOT = 7;
/** Room for the tables only; pages may lie anywhere, nothing is read from them. */
const BENCH_RAM = 2 ** 20;

/** One operation on a bench for walkers. */
export type WalkOp =
  | { op: "map"; va: number; pfn: number; level: 1 | 2 | 3; flags: MapFlags }
  | { op: "forbid"; va: number; level: 2 | 3 | 4; right: "R/W" | "U/S" | "NX" }
  | { op: "access"; va: number; access: number };

/** What an access gave: `result` in words, and the entries on the way as they are afterwards. */
interface WalkObservation {
  readonly result: string;
  readonly entries: readonly string[];
}

/** Why the reference gave what it gave, for texts; it takes no part in comparisons. */
const reasons = new WeakMap<WalkObservation, string>();

/** How closely an access is compared: where it leads, or the rights and the A and D bits too. */
export type Look = "where" | "everything";

/** Four-level tables in RAM, built entry by entry, so that upper entries may forbid something too. */
class WalkBench {
  readonly ram = new Ram(BENCH_RAM);
  readonly paging: Paging = linuxPaging(ROOT, { smep: false, smap: false });
  private nextTable = 8;

  /** Physical address of the entry of `level` for `va`; makes the tables above it where `make` is set. */
  entryAt(va: number, level: number, make = false): number | undefined {
    let table = ROOT;
    for (let at = 4; at > level; at--) {
      const slot = table * PAGE_SIZE + tableIndex(va, at) * 8;
      const entry = this.ram.readEntry(slot);
      if ((entry & 1n) === 0n) {
        if (!make) return undefined;
        this.ram.writeEntry(slot, makeEntry(this.nextTable, TABLE_FLAGS));
        table = this.nextTable++;
      } else if (at < 4 && entry & BigInt(PAGE_PSE)) return undefined;
      else table = Number((entry >> 12n) & 0xff_ffff_ffffn);
    }
    return table * PAGE_SIZE + tableIndex(va, level) * 8;
  }

  /** Writes the leaf of `level` for `va`, unless something is there. */
  map(va: number, level: number, pfn: number, flags: MapFlags): void {
    const slot = this.entryAt(va, level, true);
    if (slot === undefined || (this.ram.readEntry(slot) & 1n) !== 0n) return;
    const large = level > 1 ? PAGE_PSE : 0;
    this.ram.writeEntry(slot, makeEntry(pfn, leafFlags(flags) | large, !flags.executable));
  }

  /** Takes a right away in the entry of `level` for `va`, if there is a table below it. */
  forbid(va: number, level: number, right: "R/W" | "U/S" | "NX"): void {
    const slot = this.entryAt(va, level);
    if (slot === undefined) return;
    const entry = this.ram.readEntry(slot);
    if ((entry & 1n) === 0n) return;
    if (right === "NX") this.ram.writeEntry(slot, entry | PAGE_NX);
    else this.ram.writeEntry(slot, entry & ~BigInt(right === "R/W" ? PAGE_RW : PAGE_USER));
  }

  /**
   * Lets `walk` translate and tells what came of it. After a fault the entries are put back: processors
   * differ in which A bits a failing walk sets.
   */
  access(walk: Walk, va: number, access: number, look: Look = "everything"): WalkObservation {
    const expected = explainWalk(this.ram, this.paging, va, access);
    const result = walk(this.ram, this.paging, va, access);
    const putBack = expected.fault !== undefined || look === "where";
    const entries = expected.steps.map((step) => {
      const now = this.ram.readEntry(step.entryPa);
      if (putBack) this.ram.writeEntry(step.entryPa, step.entry);
      return `level ${step.level}: ${entryText(putBack ? now & ~BigInt(PAGE_ACCESSED) : now)}`;
    });
    const observation = { result: resultText(result, look), entries: look === "where" ? [] : entries };
    if (walk === ownWalk && expected.fault) reasons.set(observation, expected.verdict);
    return observation;
  }
}

/** The result of a walk in words; says what is missing when it is not a result at all. */
function resultText(result: Translation | Fault, look: Look): string {
  if (typeof result !== "object" || result === null)
    return `${String(result)} (neither { pa, level, rights } nor a fault)`;
  if ("vector" in result)
    return result.vector === 14
      ? `page fault at ${hex(result.va)}, error code ${hex(result.errorCode)} (${errorCodeText(result.errorCode)})`
      : `address fault (not canonical) at ${hex(result.va)}`;
  const { pa, level, rights } = result;
  if (typeof pa !== "number") return "an object without pa: neither { pa, level, rights } nor a fault";
  const where = `physical address ${Number.isInteger(pa) ? hex(pa) : pa}, leaf at level ${level}`;
  return look === "where" ? where : `${where}, rights ${rightsText(rights)}`;
}

/** A rights word in words. */
function rightsText(rights: number): string {
  if (!Number.isInteger(rights)) return String(rights);
  const names = [
    rights & PAGE_RW ? "RW" : "",
    rights & PAGE_USER ? "US" : "",
    rights & RIGHT_NX ? "NX" : "",
    rights & PAGE_DIRTY ? "D" : "",
    rights & 0x100 ? "G" : "",
  ].filter(Boolean);
  const known = PAGE_RW | PAGE_USER | RIGHT_NX | PAGE_DIRTY | 0x100;
  const other = rights & ~known ? ` and unknown bits ${hex(rights & ~known)}` : "";
  return `${names.length > 0 ? names.join(" ") : "none"}${other}`;
}

/** An observation for the learner: result, entries afterwards, and the reason. */
export function walkObservationText(observation: WalkObservation | string): string {
  if (typeof observation === "string") return observation;
  const why = reasons.get(observation);
  return [
    observation.result,
    ...observation.entries.map((line) => `  ${line}`),
    ...(why ? [`  (${why})`] : []),
  ].join("\n");
}

/** Runs operations with `walk`: one observation for each. */
export function* runWalks(
  walk: Walk,
  operations: readonly WalkOp[],
  look: Look = "everything",
): Generator<WalkObservation | string> {
  const bench = new WalkBench();
  for (const op of operations) {
    if (op.op === "map") bench.map(op.va, op.level, op.pfn, op.flags);
    if (op.op === "forbid") bench.forbid(op.va, op.level, op.right);
    yield op.op === "access" ? bench.access(walk, op.va, op.access, look) : "done";
  }
}

const LEAF_NAMES = ["", "4 KiB", "2 MiB", "1 GiB"];

/** An operation in words. */
export function walkOpText(op: WalkOp): string {
  if (op.op === "access") return `${accessText(op.access)} at ${hex(op.va)}`;
  if (op.op === "forbid")
    return `set ${op.right} to ${op.right === "NX" ? 1 : 0} in the level-${op.level} entry for ${hex(op.va)}`;
  return `map ${LEAF_NAMES[op.level]} at ${hex(op.va)} to frame ${hex(op.pfn)} (${flagsText(op.flags)})`;
}

function flagsText(flags: MapFlags): string {
  const names = Object.entries(flags).filter(([, on]) => on === true);
  return names.length === 0 ? "no flags" : names.map(([name]) => name).join(", ");
}

/** Places that random operations use: few, so that operations meet; both halves and the borders of tables. */
const PLACES = [0, 0x40_0000, 0x7fc0_0000, 0x80_0000_0000, 0x7fff_c000_0000, -0x8000_0000_0000, -0x4000_0000];
const ACCESSES = [
  0,
  ACCESS_WRITE,
  ACCESS_FETCH,
  ACCESS_USER,
  ACCESS_USER | ACCESS_WRITE,
  ACCESS_USER | ACCESS_FETCH,
];

function randomPlace(random: Random): number {
  return random.pick(PLACES) + random.below(4) * PAGE_SIZE + random.pick([0, 0, 0x20_0000]);
}

function randomFlags(random: Random): MapFlags {
  const flags: Record<string, boolean> = {};
  for (const name of ["writable", "user", "executable"]) if (random.chance(60)) flags[name] = true;
  if (random.chance(15)) flags.global = true;
  return flags;
}

/** A random operation for walkers: mostly maps and accesses, sometimes a right taken away. */
export function randomWalkOp(random: Random): WalkOp {
  const what = random.below(100);
  const va = randomPlace(random);
  if (what < 35) {
    const level = random.chance(70) ? 1 : random.chance(60) ? 2 : 3;
    const frames = LEVEL_SIZE[level]! / PAGE_SIZE;
    const pfn =
      level === 1 ? random.between(2 ** 18, 2 ** 20 - 1) : frames * random.between(1, level === 2 ? 2047 : 3);
    return {
      op: "map",
      va: va - (((va % LEVEL_SIZE[level]!) + LEVEL_SIZE[level]!) % LEVEL_SIZE[level]!),
      pfn,
      level,
      flags: randomFlags(random),
    };
  }
  if (what < 45)
    return { op: "forbid", va, level: random.pick([2, 3, 4]), right: random.pick(["R/W", "U/S", "NX"]) };
  const inside = random.chance(20) ? random.below(2 ** 30) : random.below(PAGE_SIZE);
  return { op: "access", va: va + inside, access: random.pick(ACCESSES) };
}

/** Simpler operations to try in place of `op`. */
export function simplerWalkOps(op: WalkOp): WalkOp[] {
  if (op.op === "map")
    return [
      { ...op, flags: {} },
      { ...op, flags: { user: true } },
      { ...op, flags: { user: true, writable: true } },
    ];
  if (op.op === "forbid") return [];
  const page = Math.floor(op.va / PAGE_SIZE) * PAGE_SIZE;
  return [
    { ...op, access: ACCESS_USER },
    { ...op, va: page },
    { ...op, va: page + 1 },
  ].filter((simpler) => simpler.va !== op.va || simpler.access !== op.access);
}

/** One operation on a bench for mappers. */
interface MapOp {
  va: number;
  pfn: number;
  flags: MapFlags;
}

/**
 * What frames are full of before they are handed out: an entry that leads to frame 0x250, where nothing is.
 */
const OLD_ENTRY = 0x25_0067;

/** Frames for tables in a scattered order, each full of bytes that look like entries; then none. */
class DirtyFrames implements FrameAllocator {
  readonly handedOut: number[] = [];
  readonly returned: number[] = [];
  private readonly ram: Ram;
  private left: number;

  constructor(ram: Ram, nrFrames: number) {
    this.ram = ram;
    this.left = nrFrames;
  }

  allocFrame(): number | undefined {
    if (this.left-- <= 0) return undefined;
    const pfn = 100 + ((this.handedOut.length * 37) % 400);
    for (let index = 0; index < 512; index++) this.ram.setEntry(pfn, index, OLD_ENTRY, 0);
    this.handedOut.push(pfn);
    return pfn;
  }

  freeFrame(pfn: number): void {
    this.returned.push(pfn);
  }
}

/** What one call of a mapper did. */
interface MapObservation {
  readonly returned: string;
  /** The entries from level 4 down to the page's own. */
  readonly entries: readonly string[];
  /** Entries that are present in all tables together. */
  readonly present: number;
  /** Frames that the tables take, the root included. */
  readonly tables: number;
  /** What else it did. */
  readonly damage: readonly string[];
}

/** Runs operations with `mapPage`: one observation for each. `nrFrames` can be had for tables. */
export function* runMaps(
  mapPage: MapPage,
  operations: readonly MapOp[],
  nrFrames = 400,
): Generator<MapObservation> {
  const ram = new Ram(2 ** 22);
  const frames = new DirtyFrames(ram, nrFrames);
  ram.zeroFrame(ROOT);
  for (const { va, pfn, flags } of operations) {
    if (pfn < ram.nrFrames) ram.write8(pfn * PAGE_SIZE, 0xa5);
    const returned = mapPage(ram, ROOT, va, pfn, flags, frames);
    const damage =
      pfn < ram.nrFrames && ram.read8(pfn * PAGE_SIZE) !== 0xa5 ? [`frame ${hex(pfn)} was overwritten`] : [];
    const tables = [ROOT, ...frames.handedOut.filter((frame) => !frames.returned.includes(frame))];
    yield {
      returned: returnText(returned),
      entries: pathOf(ram, va),
      present: tables.reduce((sum, table) => sum + nrPresent(ram, table), 0),
      tables: tables.length,
      damage,
    };
  }
}

function returnText(returned: number): string {
  if (returned === -12) return "-12 (-ENOMEM)";
  if (returned === -17) return "-17 (-EEXIST)";
  return String(returned);
}

function nrPresent(ram: Ram, table: number): number {
  let count = 0;
  for (let index = 0; index < 512; index++) if (ram.entryLo(table, index) & PAGE_PRESENT) count++;
  return count;
}

/** The entries on the way to `va`. Frames of tables are left out of the text: any frame will do. */
function pathOf(ram: Ram, va: number): string[] {
  const lines: string[] = [];
  let table = ROOT;
  for (let level = 4; level >= 1; level--) {
    const entry = table < ram.nrFrames ? ram.readEntry(table * PAGE_SIZE + tableIndex(va, level) * 8) : 0n;
    const text = entryText(entry);
    lines.push(`level ${level}: ${level > 1 ? text.replace(/^pfn \S+ /, "") : text}`);
    if ((entry & 1n) === 0n) break;
    table = Number((entry >> 12n) & 0xff_ffff_ffffn);
  }
  return lines;
}

/** An observation for the learner. */
export function mapObservationText(o: MapObservation): string {
  return [
    `returned ${o.returned}; ${o.tables} tables, ${o.present} entries present in them`,
    ...o.entries.map((line) => `  ${line}`),
    ...o.damage,
  ].join("\n");
}

/** An operation in words. */
export function mapOpText(op: MapOp): string {
  return `mapPage: ${hex(op.va)} to frame ${hex(op.pfn)} (${flagsText(op.flags)})`;
}

/** A random page to map; places repeat, so that pages share tables and meet again. */
export function randomMapOp(random: Random): MapOp {
  return { va: randomPlace(random), pfn: random.between(600, 1023), flags: randomFlags(random) };
}
