/**
 * The memory.* files of a group: what it uses, what it may use, and what that has led to.
 *
 *   memory.current 10747904      bytes charged, with what CPUs have charged ahead
 *   memory.max     16777216      or "max"; writing takes 16M, and reclaims until the group is under it
 *   memory.stat                  what it is used for, and what reclaim did; in bytes and events
 *   memory.events                how often a limit was reached, reclaim was needed, somebody was killed
 *   memory.reclaim               write 1M: frees so much now
 *
 * Left out: memory.min, memory.low and memory.high, which have no effect here; memory.zswap.*, which counts
 * nothing.
 *
 * Linux mm/memcontrol.c. Read first: mm/memcg/limits.ts, file.ts. Read next: cgroupfs.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { memparse, strstrip } from "../kernel/kstrtox.js";
import { EINVAL } from "../mm/errno.js";
import type { Memcg } from "../mm/lru/lruvec.js";
import { userProactiveReclaim } from "../mm/lru/memcg_reclaim.js";
import { SWAPPINESS_ANON_ONLY } from "../mm/lru/scan_count.js";
import { memoryMaxWrite } from "../mm/memcg/limits.js";
import {
  MEMCG_HIGH,
  MEMCG_LOW,
  MEMCG_MAX,
  MEMCG_OOM,
  MEMCG_OOM_GROUP_KILL,
  MEMCG_OOM_KILL,
  MEMCG_SWAP_FAIL,
  MEMCG_SWAP_HIGH,
  MEMCG_SWAP_MAX,
  PAGE_COUNTER_MAX,
} from "../mm/memcg/memcg_types.js";
import type { MemorySystem } from "../mm/system.js";
import { memoryStatText } from "./memory_stat.js";

/** One file: what it shows, and what a written text does; a negative errno, or 0. */
interface MemcgFile {
  /** Not in the root. Linux CFTYPE_NOT_ON_ROOT */
  readonly notOnRoot: boolean;
  show?(sys: MemorySystem, memcg: Memcg): string;
  store?(sys: MemorySystem, memcg: Memcg, text: string): number;
}

/** Pages as bytes, "max" without limit. Linux mm/memcontrol.c:seq_puts_memcg_tunable() */
function bytesOrMax(pages: number): string {
  return pages === PAGE_COUNTER_MAX ? "max\n" : `${BigInt(pages) * BigInt(PAGE_SIZE)}\n`;
}

/** Pages that a text asks for, rounded down; or -EINVAL. Linux mm/page_counter.c:page_counter_memparse() */
function pagesOf(text: string): number {
  const word = strstrip(text);
  if (word === "max") return PAGE_COUNTER_MAX;
  const { bytes, length } = memparse(word);
  return length === word.length ? Math.min(Math.floor(bytes / PAGE_SIZE), PAGE_COUNTER_MAX) : -EINVAL;
}

/** A file that takes a number of bytes. */
function limitFile(
  show: (memcg: Memcg) => number,
  store: (sys: MemorySystem, memcg: Memcg, pages: number) => void,
): MemcgFile {
  return {
    notOnRoot: true,
    show: (_sys, memcg) => bytesOrMax(show(memcg)),
    store(sys, memcg, text) {
      const pages = pagesOf(text);
      if (pages < 0) return pages;
      store(sys, memcg, pages);
      return 0;
    },
  };
}

/** A file with a number of pages, shown in bytes. */
function sizeFile(show: (memcg: Memcg) => number): MemcgFile {
  return { notOnRoot: true, show: (_sys, memcg) => `${show(memcg) * PAGE_SIZE}\n` };
}

/** Lines of `names` with their counts. */
function eventLines(counts: readonly number[], names: readonly (readonly [string, number])[]): string {
  return names.map(([name, event]) => `${name} ${counts[event]}\n`).join("");
}

const EVENTS = [
  ["low", MEMCG_LOW],
  ["high", MEMCG_HIGH],
  ["max", MEMCG_MAX],
  ["oom", MEMCG_OOM],
  ["oom_kill", MEMCG_OOM_KILL],
  ["oom_group_kill", MEMCG_OOM_GROUP_KILL],
] as const;

const SWAP_EVENTS = [
  ["high", MEMCG_SWAP_HIGH],
  ["max", MEMCG_SWAP_MAX],
  ["fail", MEMCG_SWAP_FAIL],
] as const;

/** Linux mm/memcontrol.c:memory_oom_group_write() */
function oomGroupWrite(_sys: MemorySystem, memcg: Memcg, text: string): number {
  const word = strstrip(text);
  if (word === "" || !/^[+-]?[0-9]+$/.test(word)) return -EINVAL;
  if (Number(word) !== 0 && Number(word) !== 1) return -EINVAL;
  memcg.oomGroup = Number(word) === 1;
  return 0;
}

/** The swappiness that the words behind the size ask for; undefined: none, -EINVAL: they are wrong. */
function swappinessOf(words: readonly string[]): number | undefined {
  let swappiness: number | undefined;
  for (const word of words) {
    if (word === "") continue;
    const value = /^swappiness=(\d+|max)$/.exec(word)?.[1];
    if (value === undefined || (value !== "max" && Number(value) >= SWAPPINESS_ANON_ONLY)) return -EINVAL;
    swappiness = value === "max" ? SWAPPINESS_ANON_ONLY : Number(value);
  }
  return swappiness;
}

/** "1M swappiness=60". Linux mm/memcontrol.c:memory_reclaim(), mm/vmscan.c:user_proactive_reclaim() */
function reclaimWrite(sys: MemorySystem, memcg: Memcg, text: string): number {
  const asked = strstrip(text);
  const { bytes, length } = memparse(asked);
  if (length === 0) return -EINVAL;
  const swappiness = swappinessOf(strstrip(asked.slice(length)).split(" "));
  if (swappiness !== undefined && swappiness < 0) return swappiness;
  return userProactiveReclaim(sys, memcg, Math.floor(bytes / PAGE_SIZE), swappiness);
}

/** By name, without "memory.". Linux mm/memcontrol.c:memory_files, swap_files */
export const MEMCG_FILES: ReadonlyMap<string, MemcgFile> = new Map<string, MemcgFile>([
  ["current", sizeFile(({ memory }) => memory.usage)],
  ["peak", sizeFile(({ memory }) => memory.watermark)],
  ["max", limitFile(({ memory }) => memory.max, memoryMaxWrite)],
  ["events", { notOnRoot: true, show: (_sys, memcg) => eventLines(memcg.memoryEvents, EVENTS) }],
  ["events.local", { notOnRoot: true, show: (_sys, memcg) => eventLines(memcg.memoryEventsLocal, EVENTS) }],
  ["stat", { notOnRoot: false, show: (sys, memcg) => memoryStatText(sys, memcg) }],
  [
    "oom.group",
    { notOnRoot: true, show: (_sys, memcg) => `${memcg.oomGroup ? 1 : 0}\n`, store: oomGroupWrite },
  ],
  ["reclaim", { notOnRoot: false, store: reclaimWrite }],
  ["swap.current", sizeFile(({ swap }) => swap.usage)],
  ["swap.peak", sizeFile(({ swap }) => swap.watermark)],
  [
    "swap.max",
    limitFile(
      ({ swap }) => swap.max,
      (_sys, { swap }, pages) => {
        swap.max = pages;
      },
    ),
  ],
  ["swap.events", { notOnRoot: true, show: (_sys, memcg) => eventLines(memcg.memoryEvents, SWAP_EVENTS) }],
]);
