/**
 * The generations as others see them: as data for pictures, and as the text of /sys/kernel/debug/lru_gen.
 *
 *   memcg     1 /
 *    node     0
 *            4       5220          0        1530        number, age in ms, anonymous pages, file pages
 *            5       1200        300         512
 *
 * The list goes from the oldest generation that either type has to the youngest; there is one for the root,
 * and for each group, with its number and path in the first line.
 *
 * Left out: lru_gen_full, with the counts of the tiers.
 *
 * Linux mm/vmscan.c. Read first: lru_gen.ts. Read next: commands.ts.
 */
import { jiffies, jiffiesToMsecs } from "../../jiffies.js";
import { memCgroupIter } from "../../memcg/iter.js";
import type { MemorySystem } from "../../system.js";
import type { Lruvec } from "../lruvec.js";
import {
  evictableMinSeq,
  genSize,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lruGenFromSeq,
  MAX_SWAPPINESS,
} from "./lru_gen.js";

/** One generation. Not in Linux: a line of its debugfs file. */
export interface LruGeneration {
  /** Its number; the greatest is the youngest. */
  readonly seq: number;
  /** When it began, and how long that was ago, in milliseconds. */
  readonly birthMs: number;
  readonly ageMs: number;
  /** Pages; 0 in a generation that the type no longer has. */
  readonly anonPages: number;
  readonly filePages: number;
}

/** All generations of the root or a group, the oldest first. Not in Linux: see lruGenText(). */
export function lruGenerations(sys: MemorySystem, { lrugen }: Lruvec = sys.lruvec): LruGeneration[] {
  const now = jiffies(sys);
  const found: LruGeneration[] = [];
  for (let seq = evictableMinSeq(lrugen.minSeq, MAX_SWAPPINESS / 2); seq <= lrugen.maxSeq; seq++) {
    const birth = lrugen.timestamps[lruGenFromSeq(seq)]!;
    found.push({
      seq,
      birthMs: jiffiesToMsecs(birth - 1), // boot is tick 1
      ageMs: jiffiesToMsecs(now - birth),
      anonPages: seq < lrugen.minSeq[LRU_GEN_ANON] ? 0 : genSize(lrugen, seq, LRU_GEN_ANON),
      filePages: seq < lrugen.minSeq[LRU_GEN_FILE] ? 0 : genSize(lrugen, seq, LRU_GEN_FILE),
    });
  }
  return found;
}

/** /sys/kernel/debug/lru_gen. Linux mm/vmscan.c:lru_gen_seq_show() */
export function lruGenText(sys: MemorySystem): string {
  const pad = (value: number, width: number): string => String(value).padStart(width);
  let text = "";
  for (const { id, path, lruvec } of memCgroupIter(sys.memcg.root)) {
    text += `memcg ${pad(id, 5)} ${path}\n node ${pad(0, 5)}\n`;
    for (const { seq, ageMs, anonPages, filePages } of lruGenerations(sys, lruvec))
      text += ` ${pad(seq, 10)} ${pad(ageMs, 10)} ${pad(anonPages, 10)}  ${pad(filePages, 10)} \n`;
  }
  return text;
}
