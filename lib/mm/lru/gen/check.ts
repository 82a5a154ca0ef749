/**
 * The books of the generations, against a recount.
 *
 *   lists       every folio on one has a generation, and is of the list's type and zone
 *   nrPages     pages by lruGen, which aging changes without moving the folio
 *   counters    the two youngest generations count as active
 *   window      2 to 4 generations of each type
 *
 * Not in Linux: VM_WARN_ON_ONCE here and there. Read first: gen_list.ts. Read next: mm/debug.ts.
 */
import { type Folio, PG_active, PG_lru, PG_unevictable } from "../../pages/folio.js";
import type { MemorySystem } from "../../system.js";
import { folioZonenum } from "../lru_size.js";
import { type Lruvec, NR_LRU_LISTS } from "../lruvec.js";
import { folioLruType } from "./gen_list.js";
import {
  FIRST_GEN_LIST,
  genList,
  getNrGens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lruGenIsActive,
  MAX_NR_GENS,
  MIN_NR_GENS,
  NR_GEN_ZONES,
} from "./lru_gen.js";

/** Lists of one generation. */
const LISTS_OF_ONE = genList(1, 0, 0);

/** What is wrong with a folio on `list`, whose place by its own word is list `home`. */
function wrongWith(sys: MemorySystem, folio: Folio, list: number, home: number): string | undefined {
  if (folio.lruList !== FIRST_GEN_LIST + list) return `stands on list ${list}, says ${folio.lruList}`;
  if (folio.lruGen < 0) return "has no generation";
  if (list % LISTS_OF_ONE !== home % LISTS_OF_ONE) return "is on another type's or zone's list";
  if ((folio.flags & (PG_lru | PG_active | PG_unevictable)) !== PG_lru) return `has flags ${folio.flags}`;
  if (!sys.lruGen.enabled) return "is on a generation while they are off";
  return folio.refcount === 0 ? "is free and on a generation" : undefined;
}

/**
 * Every folio on a list of generations has one, of its type and zone, and each generation is as large as
 * counted; the pages by the list that they count in; `problems` gets what is wrong, `zoneSize` the pages by
 * zone and list. Not in Linux: see checkInvariants() in mm/debug.ts.
 */
export function checkGenerations(
  sys: MemorySystem,
  problems: string[],
  zoneSize: Float64Array = new Float64Array(NR_GEN_ZONES * NR_LRU_LISTS),
  lruvec: Lruvec = sys.lruvec,
): number[] {
  const { lrugen } = lruvec;
  const counted = new Array<number>(NR_LRU_LISTS).fill(0);
  const sizes = lrugen.nrPages.map(() => 0);
  for (const [list, first] of lrugen.head.entries())
    for (let folio = first; folio !== undefined; folio = folio.next) {
      const type = folioLruType(folio);
      const home = genList(folio.lruGen, type, folioZonenum(sys, folio));
      const wrong = wrongWith(sys, folio, list, home);
      if (wrong !== undefined) problems.push(`frame ${folio.pfn} ${wrong}`);
      sizes[home]! += 2 ** folio.order;
      const counter = 2 * type + (lruGenIsActive(lrugen, folio.lruGen) ? 1 : 0);
      counted[counter]! += 2 ** folio.order;
      zoneSize[folioZonenum(sys, folio) * NR_LRU_LISTS + counter]! += 2 ** folio.order;
    }
  for (const [list, size] of sizes.entries())
    if (lrugen.nrPages[list] !== size)
      problems.push(`list ${list} of generations counts ${lrugen.nrPages[list]} pages, they are ${size}`);
  for (const type of [LRU_GEN_ANON, LRU_GEN_FILE])
    if (getNrGens(lrugen, type) < MIN_NR_GENS || getNrGens(lrugen, type) > MAX_NR_GENS)
      problems.push(`type ${type} has ${getNrGens(lrugen, type)} generations`);
  for (let list = 0; lrugen.enabled && list < NR_LRU_LISTS - 1; list++)
    if (lruvec.head[list] !== undefined) problems.push(`LRU list ${list} is in use beside generations`);
  return counted;
}
