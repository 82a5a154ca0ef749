/**
 * The recorded runs once more, on a machine where every allocation that may wait reclaims first, as if memory
 * were short:
 *
 *   allocPages --> direct reclaim of up to 32 pages, every other time   pages of files, pages freed by MADV_FREE
 *             \--> the oldest pages of the lists are tried              anonymous ones cannot go without swap
 *
 * Every second scenario runs with the generations (MGLRU). What may differ from the recording then:
 * reclaimable.ts.
 */
import { describe, expect, it } from "vitest";
import { Random } from "../../lib/hw/random.js";
import type { Kernel } from "../../lib/kernel/kernel.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { folioIsolateLru } from "../../lib/mm/lru/isolate.js";
import { LRU_INACTIVE_FILE, LRU_UNEVICTABLE } from "../../lib/mm/lru/lruvec.js";
import { reclaimPages } from "../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { type Folio, folioTestAnon } from "../../lib/mm/pages/folio.js";
import { __GFP_DIRECT_RECLAIM } from "../../lib/mm/pages/gfp.js";
import type { MemorySystem } from "../../lib/mm/system.js";
import { PGSTEAL_DIRECT } from "../../lib/mm/vmstat.js";
import { compareRecordings, type Difference, formatDifference } from "../../lib/replay/compare_records.js";
import { runScenario } from "../../lib/replay/executor.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import { familyOf, loadRecorded, recordedNames } from "../../lib/replay/recordings.js";
import { Reclaimable } from "./reclaimable.js";

/** Folios of each list that are tried at each allocation. */
const NR_TRIED = 4;
/** Another number, another run; by hand: PAGEWALK_SEED=7. */
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 0);
/**
 * Families with huge pages: reclaim that finds no swap for one splits it, and parts full of zeros are the page of
 * zeros then; so more is different than what is resident.
 */
const SPLIT = new Set(["g", "z-thp"]);
const names = recordedNames().filter((name) => !SPLIT.has(familyOf(name)));

/**
 * The oldest folios of a list; of an anonymous one without shared memory, which without swap nobody tries to
 * free.
 */
function oldest({ lruvec }: MemorySystem, list: number): Folio[] {
  const folios: Folio[] = [];
  for (let folio = lruvec.tail[list]; folio !== undefined && folios.length < NR_TRIED; folio = folio.prev)
    if (list >= LRU_INACTIVE_FILE || folioTestAnon(folio)) folios.push(folio);
  return folios;
}

/** Takes the folios off their lists, frees those that can be freed, and puts the others back. */
function tryToFree(sys: MemorySystem, folios: readonly Folio[]): void {
  reclaimPages(
    sys,
    folios.filter((folio) => folioIsolateLru(sys, folio)),
  );
}

/** From now on every allocation that may wait reclaims; the function tells how often one has. */
function reclaimAlways({ sys }: Kernel, random: Random): () => number {
  let reclaims = 0;
  sys.shouldFailAllocPage = (gfp, order) => {
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || sys.pfMemalloc) return false;
    reclaims++;
    lruAddDrainAll(sys);
    if (random.chance(50)) performReclaim(sys, gfp, order);
    for (let list = 0; list < LRU_UNEVICTABLE; list++)
      if (list < LRU_INACTIVE_FILE || random.chance(50)) tryToFree(sys, oldest(sys, list));
    return false;
  };
  return () => reclaims;
}

/** Linux mm/page_alloc.c:__perform_reclaim(): what reclaim allocates itself does not reclaim */
function performReclaim(sys: MemorySystem, gfp: number, order: number): void {
  sys.pfMemalloc = true;
  try {
    sys.parts.tryToFreePages(sys, gfp, order);
  } finally {
    sys.pfMemalloc = false;
  }
}

interface Outcome {
  readonly unexplained: Difference[];
  readonly explained: number;
  readonly equal: number;
  readonly reclaims: number;
  readonly freed: number;
}

function stressed(name: string, seed: number): Outcome {
  const { scenario, recording } = loadRecorded(name);
  const host = newHost("256 MiB");
  const { kernel } = host;
  expect(host.procfs.tryWrite("/sys/kernel/mm/lru_gen/enabled", seed % 2 === 1 ? "y" : "n")).toBe(0);
  const reclaims = reclaimAlways(kernel, new Random(seed));
  const reclaimable = new Reclaimable(scenario);
  const ours = runScenario(scenario, host, (step, run) => reclaimable.step(step, run));
  const mms = [...kernel.tasks.values()].flatMap(({ mm }) => mm ?? []);
  checkInvariants(kernel.sys, [kernel.sys.initMm!, ...mms]);
  const { equal, different } = compareRecordings(recording, ours);
  const unexplained = different.filter((difference) => !reclaimable.explains(difference, recording, ours));
  const freed = kernel.sys.vmStat.events[PGSTEAL_DIRECT]!;
  const explained = different.length - unexplained.length;
  return { unexplained, explained, equal, reclaims: reclaims(), freed };
}

describe("recorded runs of Linux 6.18, with reclaim at every allocation", () => {
  const results: Outcome[] = [];

  it.each(names.map((name, i) => [name, i] as const))(
    "%s differs in nothing but what is resident",
    (name, i) => {
      const outcome = stressed(name, FIRST_SEED + i);
      results.push(outcome);
      expect(outcome.unexplained.map(formatDifference).join("\n")).toBe("");
      expect(outcome.reclaims).toBeGreaterThan(10);
    },
  );

  it("reclaim much, and are compared in more than 9 of 10 leaves", () => {
    const sum = (of: (outcome: Outcome) => number): number => results.reduce((all, one) => all + of(one), 0);
    expect(sum(({ reclaims }) => reclaims)).toBeGreaterThan(50_000);
    expect(sum(({ freed }) => freed)).toBeGreaterThan(3000);
    const explained = sum((outcome) => outcome.explained);
    expect(sum(({ equal }) => equal)).toBeGreaterThan(9 * explained);
  });
});
