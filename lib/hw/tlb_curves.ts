/**
 * Experiments with TLBs: loops over memory whose hit rates draw the curves of lab 02.
 *
 *   touchLoop({ count: 6, strideBytes: 8192 })
 *
 *     va  0        8192     16384    24576    32768    40960
 *         x        x        x        x        x        x        round after round
 *
 * One bare CPU, one page table in which every page of the loop is mapped. The first round fills the TLBs and
 * is not counted. All pages lie in one frame: a TLB does not care, and the tables of a large loop then fit a
 * small RAM. Not in Linux.
 *
 * Read first: tlb_model.ts, stream.ts.
 */

import { PAGE_SIZE } from "./address.js";
import { Clock } from "./clock.js";
import { Cpu } from "./cpu.js";
import { BareFrames } from "./frames.js";
import { PageTable } from "./page_table.js";
import { Ram } from "./ram.js";
import { Random } from "./random.js";
import { checkArguments, shape } from "./signature.js";
import { runStream } from "./stream.js";
import type { TlbModel, TlbModelName } from "./tlb_model.js";

/** A loop over memory. */
export interface TouchLoop {
  /** Places that the loop touches. */
  readonly count: number;
  /** From one place to the next; 4096 by default. `count * strideBytes` may not exceed 4 GiB. */
  readonly strideBytes?: number;
  /** One after another (the default), or each time one of them at random. */
  readonly order?: "in turn" | "random";
  /** Size of the pages: 4096 (the default) or 2097152. */
  readonly pageBytes?: number;
  readonly tlb?: TlbModelName | TlbModel;
  /** Accesses counted, at least; whole rounds. 20,000 by default. */
  readonly accesses?: number;
}

/** What the counted accesses were, in parts of 1. */
export interface TouchResult {
  readonly l1: number;
  readonly l2: number;
  readonly walks: number;
  /** Table entries read by a walk, on average; 0 without walks. */
  readonly entriesPerWalk: number;
  /** Simulated time of one access, on average. */
  readonly nsPerAccess: number;
}

/** Runs a loop on a fresh CPU. RangeError for a loop that does not fit. */
export function touchLoop(loop: TouchLoop): TouchResult {
  checkArguments(
    "touchLoop()",
    {
      loop: shape({
        count: "count",
        strideBytes: "count?",
        pageBytes: "count?",
        accesses: "count?",
        order: "text?",
      }),
    },
    [loop],
  );
  const { count, strideBytes = PAGE_SIZE, order = "in turn", accesses = 20_000 } = loop;
  if (!(Number.isInteger(count) && count >= 1 && strideBytes % 4 === 0 && count * strideBytes <= 2 ** 32))
    throw new RangeError(`a loop of ${count} places, ${strideBytes} bytes apart, does not fit 4 GiB`);
  const cpu = cpuFor(loop);
  const round = Uint32Array.from({ length: count }, (_, i) => i * strideBytes);
  runStream(cpu, round);
  const before = cpu.mmu.stats();
  const startNs = cpu.clock.nowNs;
  const rounds = Math.ceil(accesses / count);
  const random = new Random(count);
  if (order === "random")
    runStream(
      cpu,
      Uint32Array.from({ length: rounds * count }, () => random.below(count) * strideBytes),
    );
  else for (let i = 0; i < rounds; i++) runStream(cpu, round);
  const after = cpu.mmu.stats();
  const done = rounds * count;
  const walks = after.walks - before.walks;
  return {
    l1: (after.l1Hits - before.l1Hits) / done,
    l2: (after.l2Hits - before.l2Hits) / done,
    walks: walks / done,
    entriesPerWalk: walks === 0 ? 0 : (after.walkRefs - before.walkRefs) / walks,
    nsPerAccess: (cpu.clock.nowNs - startNs) / done,
  };
}

/** A CPU in user mode, with every page of the loop mapped. */
function cpuFor({ count, strideBytes = PAGE_SIZE, pageBytes = PAGE_SIZE, tlb }: TouchLoop): Cpu {
  const ram = new Ram(2 ** 24);
  const cpu = new Cpu(0, ram, new Clock(), tlb === undefined ? {} : { tlb });
  const table = new PageTable(ram, new BareFrames(ram), { name: "loop" });
  const mapped = new Set<number>();
  for (let i = 0; i < count; i++) {
    const va = Math.floor((i * strideBytes) / pageBytes) * pageBytes;
    if (!mapped.has(va)) table.map(va, 0x800, { user: true }, pageBytes);
    mapped.add(va);
  }
  cpu.writeCr3(table.cr3);
  cpu.cpl = 3;
  return cpu;
}
