/** A small system with generations on, and folios made by hand, for the tests of this folder. */
import { Clock } from "../../../../lib/hw/clock.js";
import { Ram } from "../../../../lib/hw/ram.js";
import { checkGenerations } from "../../../../lib/mm/lru/gen/check.js";
import { FIRST_GEN_LIST } from "../../../../lib/mm/lru/gen/lru_gen.js";
import { setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import { lruvecAddFolio } from "../../../../lib/mm/lru/mm_inline.js";
import { mmInit } from "../../../../lib/mm/mm_init.js";
import type { Folio } from "../../../../lib/mm/pages/folio.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../../lib/mm/system.js";

export function newSystem(caps = 7): MemorySystem {
  const sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  setLruGenCaps(sys, caps);
  return sys;
}

export function folioWith(sys: MemorySystem, flags: number, order = 0): Folio {
  const folio = allocPages(sys, GFP_HIGHUSER_MOVABLE, order)!;
  folio.flags |= flags;
  return folio;
}

/** The same, on the LRU. */
export function listedFolio(sys: MemorySystem, flags: number, order = 0): Folio {
  const folio = folioWith(sys, flags, order);
  lruvecAddFolio(sys, folio);
  return folio;
}

/** The folios of a list of generations from its tail on: the order in which they would be evicted. */
export function fromTail(sys: MemorySystem, list: number): Folio[] {
  const found: Folio[] = [];
  for (let folio = sys.lruvec.lrugen.tail[list]; folio !== undefined; folio = folio.prev) found.push(folio);
  return found;
}

/** Number of the list that the folio stands on. */
export function standsOn(folio: Folio): number {
  return folio.lruList - FIRST_GEN_LIST;
}

/** What is wrong with the books. */
export function problems(sys: MemorySystem): string[] {
  const found: string[] = [];
  checkGenerations(sys, found);
  return found;
}
