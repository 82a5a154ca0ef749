/**
 * The slot allocator and counts of a learner, watched: does each call do what its contract says?
 *
 *   kernel --> sys.parts.swapEntryDup --> watched --> the learner's: byte and answer as they should be?
 *
 * A call that breaks the contract throws a Mistake, with a sentence that says what it should have done: what
 * goes wrong behind it would only hide that. Which slot is taken is the learner's business.
 *
 * Not in Linux: a helper of the course. Read first: mm/swap/swap_map.ts. Read next: swap_slots.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { boot, type MachineParts } from "../../kernel/machine.js";
import { EEXIST, EINVAL, ENOENT, ENOMEM } from "../../mm/errno.js";
import { swpEntry, swpOffset, swpType } from "../../mm/pgtable/swapops.js";
import { swapEntryDup, swapEntryPut, swpSwapcount } from "../../mm/swap/swap_map.js";
import {
  CLUSTER_FLAG_DISCARD,
  COUNT_CONTINUED,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_MAX,
  SWAP_MAP_SHMEM,
  SWAPFILE_CLUSTER,
  SWP_WRITEOK,
  type SwapInfoStruct,
} from "../../mm/swap/swap_types.js";
import { swapAlloc } from "../../mm/swap/swapfile.js";
import type { MemorySystem } from "../../mm/system.js";

/** A call that did not do what it should: told to the learner as it is. */
export class Mistake extends Error {}

/** A slot's byte in words. */
function byteText(value: number): string {
  const count = value & ~SWAP_HAS_CACHE;
  const cache = (value & SWAP_HAS_CACHE) !== 0 ? "SWAP_HAS_CACHE" : "";
  const hex = `0x${value.toString(16)}`;
  if (value === 0) return `${hex} (free)`;
  const entries = count & ~COUNT_CONTINUED;
  const continued = count & COUNT_CONTINUED ? "COUNT_CONTINUED" : "";
  const named = count === 0 ? "" : `count ${entries}`;
  const who = count === SWAP_MAP_SHMEM ? "SWAP_MAP_SHMEM" : count === SWAP_MAP_BAD ? "SWAP_MAP_BAD" : named;
  return `${hex} (${[who, count === SWAP_MAP_SHMEM ? "" : continued, cache].filter((word) => word !== "").join(" + ")})`;
}

const ERRORS: Readonly<Record<number, string>> = {
  [-ENOENT]: "-ENOENT",
  [-EEXIST]: "-EEXIST",
  [-EINVAL]: "-EINVAL",
  [-ENOMEM]: "-ENOMEM",
};

function resultText(result: unknown): string {
  return ERRORS[result as number] ?? String(result);
}

const USAGES: Readonly<Record<number, string>> = {
  1: "1, an entry",
  [SWAP_HAS_CACHE]: "SWAP_HAS_CACHE",
  [SWAP_MAP_SHMEM]: "SWAP_MAP_SHMEM",
};

/** What a slot's byte is after a call, and what the call returned, in words. */
interface ByteAfter {
  readonly returns: string;
  readonly byte: string;
}

/** A call of `swapEntryDup` or `swapEntryPut`: the slot's byte before, and `usage`. */
export type ByteCall = readonly [value: number, usage: number];

/** What each call does, for a slot of one machine. */
export function onBytes(
  part: "swapEntryDup" | "swapEntryPut",
  parts: Partial<MachineParts>,
  calls: readonly ByteCall[],
): ByteAfter[] {
  const { sys } = boot({ ram: "4 MiB", swap: "40 KiB" }).kernel;
  const si = sys.swap.swapInfo[0]!;
  const own = parts[part] ?? (part === "swapEntryDup" ? swapEntryDup : swapEntryPut);
  let offset = swpOffset(swapAlloc(sys, 0));
  return calls.map(([value, usage]): ByteAfter => {
    si.swapMap[offset] = value;
    const { inusePages } = si;
    const result = own(sys, si, offset, usage);
    const free = si.inusePages < inusePages;
    const returns = part === "swapEntryDup" ? resultText(result) : byteText(Number(result));
    const byte = byteText(si.swapMap[offset]!) + (free ? ", given back to the area" : "");
    if (free) offset = swpOffset(swapAlloc(sys, 0));
    return { returns, byte };
  });
}

/** Which slots are there when swapAlloc is asked on a machine where nobody else takes any. */
export type AllocScene = "no memory" | "being emptied" | "order 1";

/**
 * An answer of `swapAlloc` on a fresh machine with an area of two clusters, in words; "" where it is right.
 */
export function onScene(parts: Partial<MachineParts>, scene: AllocScene): string {
  const emptied = scene === "being emptied";
  const size = 1024 * PAGE_SIZE;
  const { sys } = boot({ ram: "4 MiB", swap: emptied ? { size, discard: "pages" } : { size } }).kernel;
  const si = sys.swap.swapInfo[0]!;
  // Cluster 0 is full. Nothing of cluster 1 was used yet, or all was, and given back just now.
  for (let i = 1; i < (emptied ? 1024 : SWAPFILE_CLUSTER); i++) swapAlloc(sys, 0);
  for (let i = SWAPFILE_CLUSTER; emptied && i < 1024; i++) swapEntryPut(sys, si, i, SWAP_HAS_CACHE);
  const before = beforeAlloc(sys);
  if (scene === "no memory") sys.shouldFailAllocPage = () => true;
  try {
    const entry = (parts.swapAlloc ?? swapAlloc)(sys, scene === "order 1" ? 1 : 0);
    if (scene !== "being emptied") return entry === 0 ? "" : `it returns ${entry}`;
    checkAlloc(sys, before, 0, entry);
    return "";
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return error.message;
  }
}

// ---------------------------------------------------------------- the parts, watched

/** Slots of the area that may be taken. */
function freeSlots({ swapMap, clusterInfo }: SwapInfoStruct): number {
  let free = 0;
  for (const [offset, value] of swapMap.entries())
    if (value === 0 && clusterInfo[Math.floor(offset / SWAPFILE_CLUSTER)]!.flags !== CLUSTER_FLAG_DISCARD)
      free++;
  return free;
}

function areasInUse(sys: MemorySystem): SwapInfoStruct[] {
  return sys.swap.swapInfo.filter((si): si is SwapInfoStruct => ((si?.flags ?? 0) & SWP_WRITEOK) !== 0);
}

/** Which slots are free before a call of swapAlloc. */
interface BeforeAlloc {
  readonly si: SwapInfoStruct;
  readonly free: number;
  readonly map: Uint8Array;
  readonly inusePages: number;
  readonly emptied: readonly boolean[];
}

function beforeAlloc(sys: MemorySystem): BeforeAlloc[] {
  return areasInUse(sys).map((si) => ({
    ...{ si, free: freeSlots(si), map: si.swapMap.slice(), inusePages: si.inusePages },
    emptied: si.clusterInfo.map(({ flags }) => flags === CLUSTER_FLAG_DISCARD),
  }));
}

/** Throws unless swapAlloc has done its work. */
function checkAlloc(sys: MemorySystem, areas: readonly BeforeAlloc[], order: number, entry: unknown): void {
  if (typeof entry !== "number") throw new Mistake(`swapAlloc returns ${String(entry)}, which is no number`);
  if (order > 0 && entry === 0) return;
  const most = areas.filter(({ free }) => free > 0).sort((a, b) => b.si.prio - a.si.prio)[0];
  if (entry === 0) {
    if (most === undefined) return;
    throw new Mistake(`swapAlloc returns 0, but ${most.si.path} has ${most.free} free slots`);
  }
  const before = areas.find(({ si }) => si.type === swpType(entry));
  const offset = swpOffset(entry);
  const name = `slot ${offset} of ${before?.si.path ?? `area ${swpType(entry)}`}`;
  if (before === undefined) throw new Mistake(`swapAlloc returns ${name}, an area that is not in use`);
  const { si } = before;
  if (offset === 0)
    throw new Mistake(`swapAlloc returns ${name}, which is the area's header: its byte is bad`);
  if (offset >= si.max) throw new Mistake(`swapAlloc returns ${name}, which has slots 1 to ${si.max - 1}`);
  if (before.map[offset] !== 0)
    throw new Mistake(
      `swapAlloc returns ${name}, which is not free: its byte was ${byteText(before.map[offset]!)}`,
    );
  if (most !== undefined && most.si.prio > si.prio)
    throw new Mistake(
      `swapAlloc returns ${name} (priority ${si.prio}), but ${most.si.path} (priority ${most.si.prio}) has ${most.free} free slots`,
    );
  checkTaken(sys, before, offset, name);
}

/** Throws unless the slot is marked and counted. */
function checkTaken(sys: MemorySystem, before: BeforeAlloc, offset: number, name: string): void {
  const { si, map, inusePages, emptied } = before;
  const index = Math.floor(offset / SWAPFILE_CLUSTER);
  const ci = si.clusterInfo[index]!;
  if (emptied[index])
    throw new Mistake(`swapAlloc returns ${name}, whose cluster is being emptied (CLUSTER_FLAG_DISCARD)`);
  if (si.swapMap[offset] !== SWAP_HAS_CACHE)
    throw new Mistake(
      `swapAlloc returns ${name}, and leaves its byte ${byteText(si.swapMap[offset]!)}; it should be ${byteText(SWAP_HAS_CACHE)}`,
    );
  for (const [other, value] of si.swapMap.entries())
    if (other !== offset && map[other] !== value)
      throw new Mistake(`swapAlloc returns ${name}, but has also changed the byte of slot ${other}`);
  if (ci.table === undefined)
    throw new Mistake(`swapAlloc returns ${name}, whose cluster has no table (swapClusterAllocTable)`);
  let used = 0;
  for (let i = 0; i < SWAPFILE_CLUSTER; i++) if (si.swapMap[index * SWAPFILE_CLUSTER + i] !== 0) used++;
  if (ci.count !== used)
    throw new Mistake(
      `swapAlloc returns ${name}: its cluster's count is ${ci.count}, but ${used} of its slots are not free`,
    );
  if (si.inusePages !== inusePages + 1)
    throw new Mistake(
      `swapAlloc returns ${name}: the area counts ${si.inusePages} slots in use, before ${inusePages}; it should be one more (swapRangeAlloc)`,
    );
  const full = ci.count === SWAPFILE_CLUSTER;
  const list = full ? si.fullClusters : si.fragClusters[ci.order]!;
  if (!list.has(ci))
    throw new Mistake(
      `swapAlloc returns ${name}: its cluster is ${full ? "full now" : "partly used"} and not on the list of those (relocateCluster)`,
    );
  if (sys.swap.availHead.includes(si) !== si.inusePages < si.pages)
    throw new Mistake(`swapAlloc returns ${name}: sys.swap.availHead is no longer right (swapRangeAlloc)`);
}

/** The byte after a call of swapEntryDup that counts in the byte itself, or the error. */
function dupOf(
  si: SwapInfoStruct,
  offset: number,
  value: number,
  usage: number,
): { result: number; byte: number } {
  const refused = (error: number) => ({ result: -error, byte: value });
  const count = value & ~SWAP_HAS_CACHE;
  if (value === 0 || count === SWAP_MAP_BAD) return refused(ENOENT);
  if (usage === SWAP_HAS_CACHE) return value === count ? { result: 0, byte: value | usage } : refused(EEXIST);
  if (count === SWAP_MAP_SHMEM) return refused(EINVAL);
  if ((count & SWAP_MAP_BAD) < SWAP_MAP_MAX) return { result: 0, byte: value + usage };
  if (!si.continuations.has(Math.floor(offset / PAGE_SIZE))) return refused(ENOMEM);
  return { result: 0, byte: COUNT_CONTINUED | (value & SWAP_HAS_CACHE) };
}

function callText(part: string, si: SwapInfoStruct, offset: number, value: number, usage: number): string {
  return `${part} for slot ${offset} of ${si.path}, whose byte is ${byteText(value)}, usage ${USAGES[usage] ?? usage}`;
}

function checkCall(call: string, got: readonly [string, string], expected: readonly [string, string]): void {
  if (got[0] !== expected[0]) throw new Mistake(`${call}: returns ${got[0]}; it should be ${expected[0]}`);
  if (got[1] !== expected[1])
    throw new Mistake(`${call}: the byte is ${got[1]} then; it should be ${expected[1]}`);
}

/** The parts of the machine, each call of which is checked. */
export function watchParts(sys: MemorySystem): void {
  const { swapAlloc: alloc, swapEntryDup: dup, swapEntryPut: put } = sys.parts;
  sys.parts.swapAlloc = (_, order) => {
    const before = beforeAlloc(sys);
    const entry = alloc(sys, order);
    checkAlloc(sys, before, order, entry);
    return entry;
  };
  sys.parts.swapEntryDup = (_, si, offset, usage) => {
    const value = si.swapMap[offset]!;
    const all = swpSwapcount(sys, swpEntry(si.type, offset));
    const expected = dupOf(si, offset, value, usage);
    const result = dup(sys, si, offset, usage);
    const call = callText("swapEntryDup", si, offset, value, usage);
    const byte = si.swapMap[offset]!;
    const texts = [resultText(expected.result), byteText(expected.byte)] as const;
    checkCall(call, [resultText(result), byteText(byte)], texts);
    const now = swpSwapcount(sys, swpEntry(si.type, offset));
    if (usage === 1 && result === 0 && now !== all + 1)
      throw new Mistake(
        `${call}: ${all} entries named it before, the count is ${now} then (swapCountContinued)`,
      );
    return result;
  };
  sys.parts.swapEntryPut = (_, si, offset, usage) => {
    const value = si.swapMap[offset]!;
    const all = swpSwapcount(sys, swpEntry(si.type, offset));
    const { inusePages } = si;
    const left = put(sys, si, offset, usage);
    const call = callText("swapEntryPut", si, offset, value, usage);
    checkPut(call, si, offset, value, usage, left);
    if (left === 0 && si.inusePages !== inusePages - 1)
      throw new Mistake(`${call}: nobody has the slot any more, and nobody is told (swapEntriesFree)`);
    const now = swpSwapcount(sys, swpEntry(si.type, offset));
    if (
      usage === 1 &&
      (value & COUNT_CONTINUED) !== 0 &&
      (value & ~SWAP_HAS_CACHE) !== SWAP_MAP_SHMEM &&
      now !== all - 1
    )
      throw new Mistake(
        `${call}: ${all} entries named it before, the count is ${now} then (swapCountContinued)`,
      );
    return left;
  };
}

function checkPut(
  call: string,
  si: SwapInfoStruct,
  offset: number,
  value: number,
  usage: number,
  left: number,
): void {
  const count = value & ~SWAP_HAS_CACHE;
  const byte = si.swapMap[offset]!;
  let expected = value - 1;
  if (usage === SWAP_HAS_CACHE) expected = count;
  else if (count === SWAP_MAP_SHMEM) expected = value & SWAP_HAS_CACHE;
  else if (count === COUNT_CONTINUED)
    expected = SWAP_MAP_MAX | (byte & COUNT_CONTINUED) | (value & SWAP_HAS_CACHE);
  checkCall(call, [byteText(left), byteText(byte)], [byteText(expected), byteText(expected)]);
}
