/**
 * The books of the groups, against a recount.
 *
 *   usage       what pages charged to the group and to those below it are, with what CPUs have in stock and
 *               what the kernel has for its own
 *   states      the LRU lists of a group, and of those below it
 *   swap        slots that have the group's number
 *
 * Not in Linux. Read first: charge.ts. Read next: mm/debug.ts.
 */
import { type Memcg, NR_LRU_LISTS } from "../lru/lruvec.js";
import { type Page, PGTY_none } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";
import { memCgroupIter } from "./iter.js";

/** Adds to the group, and to all above it. */
function addUp(sums: Map<Memcg, number>, memcg: Memcg | undefined, pages: number): void {
  for (let one = memcg; one !== undefined; one = one.parent) sums.set(one, (sums.get(one) ?? 0) + pages);
}

/** All pages of processes and files that somebody pays for, and what is in stock; and tables of pages. */
function charged(sys: MemorySystem): { sums: Map<Memcg, number>; tables: Map<Memcg, number> } {
  const sums = new Map<Memcg, number>();
  const tables = new Map<Memcg, number>();
  const add = (page: Page | undefined): void => {
    if (page?.head !== page || page?.memcg === undefined) return;
    addUp(page.pageType === PGTY_none ? sums : tables, page.memcg, 2 ** page.order);
  };
  for (const section of sys.memMap) for (const page of section ?? []) add(page);
  for (const stocks of sys.memcg.stock)
    for (const { memcg, nrPages } of stocks ?? []) addUp(sums, memcg, nrPages);
  return { sums, tables };
}

/** Slots of swap by the group that pays for them. */
function swapped(sys: MemorySystem): Map<Memcg, number> {
  const sums = new Map<Memcg, number>();
  for (const si of sys.swap.swapInfo)
    for (const id of si?.swapCgroup ?? []) addUp(sums, id === 0 ? undefined : sys.memcg.byId[id], 1);
  return sums;
}

/** Pages on list `list` of the group's own. */
function onList({ lruvec }: Memcg, list: number): number {
  let pages = 0;
  for (let at = list; at < lruvec.lruZoneSize.length; at += NR_LRU_LISTS) pages += lruvec.lruZoneSize[at]!;
  return pages;
}

/** What does not add up; `problems` gets it. Not in Linux: see checkInvariants() in mm/debug.ts. */
export function checkMemcgs(sys: MemorySystem, problems: string[]): void {
  const { sums, tables } = charged(sys);
  const slots = swapped(sys);
  const groups = [...memCgroupIter(sys.memcg.root)];
  if (groups.length !== sys.memcg.nrGroups + 1)
    problems.push(`${sys.memcg.nrGroups} groups are counted, there are ${groups.length - 1}`);
  for (const memcg of groups) {
    const { path, memory, swap } = memcg;
    const want = (sums.get(memcg) ?? 0) + memcg.nrKmem;
    if (memcg.nrKmem < (tables.get(memcg) ?? 0))
      problems.push(
        `group ${path} has ${tables.get(memcg)} tables, of ${memcg.nrKmem} pages of the kernel's`,
      );
    if (memory.usage !== want) problems.push(`group ${path} uses ${memory.usage} pages, it has ${want}`);
    const inSwap = slots.get(memcg) ?? 0;
    if (swap.usage !== inSwap) problems.push(`group ${path} has ${swap.usage} slots, they are ${inSwap}`);
    for (let list = 0; memcg.parent !== undefined && list < NR_LRU_LISTS; list++) {
      const listed = [...memCgroupIter(memcg)].reduce((sum, one) => sum + onList(one, list), 0);
      if (memcg.state[list] !== listed)
        problems.push(`group ${path} counts ${memcg.state[list]} pages on list ${list}, they are ${listed}`);
    }
  }
}
