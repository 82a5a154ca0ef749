/**
 * Aging and evicting by hand: what is written into /sys/kernel/debug/lru_gen.
 *
 *   + MEMCG NODE SEQ [SWAPPINESS [FORCE_SCAN]]       a new generation, if SEQ is not beyond the youngest
 *   - MEMCG NODE SEQ [SWAPPINESS [NR_TO_RECLAIM]]    evicts generations up to SEQ, which must leave two
 *
 *   echo "+ 1 0 7" > /sys/kernel/debug/lru_gen       several commands: a comma, semicolon or new line between
 *
 * Whoever wants to know how large a working set is ages, lets the program run for a while, ages again and
 * looks: what was not used since is in the older generations. MEMCG is the number in the first line of the
 * file, NODE is 0. SWAPPINESS may be "max" for anonymous memory only; without it, vm.swappiness is taken.
 *
 * Linux mm/vmscan.c. Read first: observe.ts, shrink_node.ts. Read next: procfs/setting_files.ts.
 */
import { EEXIST, EINVAL } from "../../errno.js";
import { GFP_KERNEL } from "../../pages/gfp.js";
import type { MemorySystem } from "../../system.js";
import type { Lruvec, Memcg } from "../lruvec.js";
import { newScanControl, type ScanControl } from "../scan_control.js";
import { tryToIncMaxSeq } from "./aging.js";
import { evictFolios } from "./eviction.js";
import { evictableMinSeq, MIN_NR_GENS, SWAPPINESS_ANON_ONLY } from "./lru_gen.js";
import { getSwappiness } from "./shrink_node.js";

const COMMAND = /^(\S)\s*(\d+)\s+(\d+)\s+(\d+)(?:\s+(\S{1,4})(?:\s+(\d+))?)?\s*$/;

/** Linux mm/vmscan.c:run_aging() */
function runAging(
  sys: MemorySystem,
  { lrugen }: Lruvec,
  seq: number,
  swappiness: number,
  forceScan: boolean,
): number {
  if (seq > lrugen.maxSeq) return -EINVAL;
  return tryToIncMaxSeq(sys, lrugen, lrugen.maxSeq, swappiness, forceScan) ? 0 : -EEXIST;
}

/** Linux mm/vmscan.c:run_eviction() */
function runEviction(
  sys: MemorySystem,
  { lrugen }: Lruvec,
  seq: number,
  sc: ScanControl,
  swappiness: number,
  nrToReclaim: number,
): number {
  if (seq + MIN_NR_GENS > lrugen.maxSeq) return -EINVAL;
  sc.nrReclaimed = 0;
  while (seq >= evictableMinSeq(lrugen.minSeq, swappiness) && sc.nrReclaimed < nrToReclaim)
    if (evictFolios(sys, lrugen, sc, swappiness, nrToReclaim - sc.nrReclaimed) === 0) break;
  return 0;
}

/** The swappiness that a command names, -1 if it is wrong. */
function swappinessOf(sys: MemorySystem, sc: ScanControl, memcg: Memcg, text: string | undefined): number {
  if (text === undefined) return getSwappiness(sys, sc, memcg);
  if (text === "max") return SWAPPINESS_ANON_ONLY;
  const value = /^\d+$/.test(text) ? Number(text) : -1;
  return value <= SWAPPINESS_ANON_ONLY ? value : -1;
}

/** One command. Linux mm/vmscan.c:run_cmd() */
function runCmd(sys: MemorySystem, sc: ScanControl, text: string): number {
  const [, cmd, id, node, seq, swap, opt] = COMMAND.exec(text) ?? [];
  const memcg = sys.memcg.byId[Number(id)];
  if (memcg === undefined || Number(node) !== 0) return -EINVAL;
  const { lruvec } = memcg;
  const swappiness = swappinessOf(sys, sc, memcg, swap);
  if (swappiness < 0) return -EINVAL;
  if (cmd === "+") return runAging(sys, lruvec, Number(seq), swappiness, opt !== "0");
  const nrToReclaim = Number(opt ?? Number.MAX_SAFE_INTEGER);
  return cmd === "-" ? runEviction(sys, lruvec, Number(seq), sc, swappiness, nrToReclaim) : -EINVAL;
}

/**
 * Runs the commands of `text`, until one fails; 0 or a negative errno. Linux mm/vmscan.c:lru_gen_seq_write()
 */
export function lruGenCommands(sys: MemorySystem, text: string): number {
  const sc = newScanControl({ gfpMask: GFP_KERNEL, priority: 0, proactive: true });
  const { pfMemalloc } = sys;
  const outer = sys.lruGen.walking;
  sys.pfMemalloc = true;
  sys.lruGen.walking = true;
  let err = 0;
  for (const command of text.split(/[,;\n]/).map((one) => one.trimStart()))
    if (command !== "" && err === 0) err = runCmd(sys, sc, command);
  sys.pfMemalloc = pfMemalloc;
  sys.lruGen.walking = outer;
  return err;
}
