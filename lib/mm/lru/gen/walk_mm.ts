/**
 * The walk over page tables: who used what since the last look.
 *
 *   walkAllMms --> walkMm for each address space that ran since the last walk
 *                    VMA by VMA (shouldSkipVma: locked, special, sequential, not evictable)
 *                      level-2 entry   its accessed bit is clear: nothing under it was used
 *                        level-1 entry   accessed bit set: cleared, and the folio promoted (promote)
 *
 * A processor sets the accessed bit of an entry when it loads it into its TLB. The kernel clears the bit, but
 * flushes no TLB for it: a page that stays in a TLB all the time looks unused. That is rare, since there are
 * many more pages than TLB entries, and a flush for each bit would cost more than it gains.
 *
 * Neighbouring entries cost little once their table is in the cache; a reverse walk from each page would
 * fetch a table for every one. That is why aging goes this way.
 *
 * Left out: the Bloom filter, which remembers tables with many used entries and passes over all others (so
 * more entries are looked at here than on Linux); walks that stop half-way to let others go on.
 *
 * Linux mm/vmscan.c. Read first: lru_gen.ts, refs.ts. Read next: look_around.ts.
 */

import { PAGE_SIZE } from "../../../hw/address.js";
import type { Pte } from "../../../hw/entry.js";
import { folioLruvec } from "../../memcg/stats.js";
import {
  type MmStruct,
  VM_EXEC,
  VM_LOCKED,
  VM_READ,
  VM_SPECIAL,
  VM_WRITE,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../../mm_types.js";
import {
  type Folio,
  folioTestAnon,
  PG_dirty,
  PG_swapbacked,
  PG_swapcache,
  pfnToPage,
} from "../../pages/folio.js";
import { forEachPmd } from "../../pgtable/pagewalk.js";
import {
  leafNotTable,
  pteDirty,
  pteIndex,
  pteMkold,
  ptePfn,
  ptePresent,
  ptepGet,
  pteSpecial,
  pteYoung,
  setPte,
} from "../../pgtable/pgtable.js";
import type { MemorySystem } from "../../system.js";
import type { Lruvec, Memcg } from "../lruvec.js";
import { vmaHasRecency } from "../mm_inline.js";
import { folioMarkDirty } from "../page_writeback.js";
import { type LruGen, lruGenUpdateSize } from "./gen_list.js";
import { lruGenFromSeq, MAX_SWAPPINESS } from "./lru_gen.js";
import { folioUpdateGen } from "./refs.js";

// ---------------------------------------------------------------- the address spaces

/** A new address space is to be walked. Linux mm/vmscan.c:lru_gen_add_mm() */
export function lruGenAddMm(mm: MmStruct): void {
  mm.sys.lruGen.mmList.add(mm);
}

/** It ends. Linux mm/vmscan.c:lru_gen_del_mm() */
export function lruGenDelMm(mm: MmStruct): void {
  mm.sys.lruGen.mmList.delete(mm);
}

/**
 * Whether the address space ran since the last walk, or runs now; notes that it has been walked.
 * Linux mm/vmscan.c:get_next_mm()
 */
function usedSinceLastWalk(sys: MemorySystem, mm: MmStruct): boolean {
  const used = mm.lruGenUsed;
  mm.lruGenUsed = false;
  return used || sys.cpuTlbstate.some((cpu) => cpu?.loadedMm === mm);
}
/** What one walk is told. Linux include/linux/mmzone.h:struct lru_gen_mm_walk */
interface MmWalk {
  readonly sys: MemorySystem;
  readonly lrugen: LruGen;
  readonly swappiness: number;
  /** Everything, even where nothing seems to have been used. */
  readonly forceScan: boolean;
  /** Level-2 entry last looked at, and whether it was used: two VMAs may share a table. */
  pmdp: number;
  pmdYoung: boolean;
}

/**
 * Walks all address spaces of the group, if that is switched on. One that was never walked is walked as a
 * whole.
 * Linux mm/vmscan.c:iterate_mm_list()
 */
export function walkAllMms(sys: MemorySystem, lrugen: LruGen, swappiness: number, forceScan: boolean): void {
  const { mmList, mmWalk } = sys.lruGen;
  for (const mm of mmList) {
    if (mm.memcg !== lrugen.lruvec.memcg) continue;
    const force = forceScan || !mm.lruGenWalked;
    mm.lruGenWalked = mmWalk;
    if (!mmWalk) continue;
    const used = usedSinceLastWalk(sys, mm);
    if (force || used) walkMm(mm, { sys, lrugen, swappiness, forceScan: force, pmdp: -1, pmdYoung: false });
  }
}

// ---------------------------------------------------------------- one address space

/** Linux mm/vmscan.c:should_skip_vma() */
function shouldSkipVma(vma: VmAreaStruct, swappiness: number): boolean {
  if ((vma.vmFlags & (VM_READ | VM_WRITE | VM_EXEC)) === 0 || !vmaHasRecency(vma)) return true;
  if ((vma.vmFlags & (VM_LOCKED | VM_SPECIAL)) !== 0) return true;
  if (vmaIsAnonymous(vma)) return swappiness === 0;
  const aOps = vma.vmFile?.fMapping.aOps;
  if (aOps === undefined) return true;
  if (aOps.swapBacked) return swappiness === 0;
  return swappiness > MAX_SWAPPINESS || aOps.readFolio === undefined;
}

/** Linux mm/vmscan.c:walk_mm(), walk_pud_range(), walk_pmd_range() */
function walkMm(mm: MmStruct, walk: MmWalk): void {
  for (const vma of mm.mmMt) {
    if (shouldSkipVma(vma, walk.swappiness)) continue;
    forEachPmd(mm, vma.vmStart, vma.vmEnd, (pmdp, addr, next) => {
      const pmd = ptepGet(mm.sys.ram, pmdp);
      if (leafNotTable(pmd)) {
        walkEntries(walk, pmdp, 1);
        return;
      }
      if (!tableUsed(walk, pmdp, pmd)) return;
      walkEntries(walk, ptePfn(pmd) * 512 + pteIndex(addr), (next - addr) / PAGE_SIZE);
    });
  }
}

/** Whether anything below the level-2 entry was used; clears its accessed bit. */
function tableUsed(walk: MmWalk, pmdp: number, pmd: Pte): boolean {
  if (walk.forceScan || !walk.sys.lruGen.nonleafYoung) return true;
  if (walk.pmdp !== pmdp) {
    walk.pmdp = pmdp;
    walk.pmdYoung = pteYoung(pmd);
    if (walk.pmdYoung) setPte(walk.sys.ram, pmdp, pteMkold(pmd));
  }
  return walk.pmdYoung;
}

/** Neighbouring entries of level 1, or a leaf. Linux mm/vmscan.c:walk_pte_range(), walk_pmd_range_locked() */
function walkEntries({ sys, lrugen }: MmWalk, first: number, nr: number): void {
  lrugen.mmStats.leafTotal += nr;
  sys.clock.advance(sys.costs.walkEntryNs * nr);
  lrugen.mmStats.leafYoung += forEachYoungFolio(sys, lrugen.lruvec, first, nr, promote);
}

/** Told of a folio that is in use. */
type YoungVisitor = (sys: MemorySystem, folio: Folio) => void;

/**
 * Clears the accessed bit of those of the `nr` entries from `first` on that were used and map a folio of one
 * of these generations; how many. `visit` is told of each such folio once, however many entries map parts of
 * it.
 * Linux mm/vmscan.c: the loop of walk_pte_range() and lru_gen_look_around()
 */
export function forEachYoungFolio(
  sys: MemorySystem,
  { memcg }: Lruvec,
  first: number,
  nr: number,
  visit: YoungVisitor,
): number {
  let young = 0;
  let last: Folio | undefined;
  let dirty = false;
  for (let ptep = first; ptep < first + nr; ptep++) {
    const pte = ptepGet(sys.ram, ptep);
    const folio = youngFolio(sys, pte, memcg);
    if (folio === undefined) continue;
    setPte(sys.ram, ptep, pteMkold(pte));
    if (last !== folio) {
      if (last !== undefined) walkUpdateFolio(sys, last, dirty, visit);
      last = folio;
      dirty = false;
    }
    if (pteDirty(pte)) dirty = true;
    young++;
  }
  if (last !== undefined) walkUpdateFolio(sys, last, dirty, visit);
  return young;
}

/**
 * The folio that a used entry maps, if it is on a generation of the group. Linux mm/vmscan.c:get_pte_pfn(),
 * get_pfn_folio()
 */
function youngFolio(sys: MemorySystem, pte: Pte, memcg: Memcg | undefined): Folio | undefined {
  if (!ptePresent(pte) || !pteYoung(pte) || pteSpecial(pte)) return undefined;
  const folio = pfnToPage(sys, ptePfn(pte)).head;
  return folio.lruGen < 0 || folio.memcg !== memcg ? undefined : folio;
}

/** The folio was used, and written if `dirty`. Linux mm/vmscan.c:walk_update_folio() */
function walkUpdateFolio(sys: MemorySystem, folio: Folio, dirty: boolean, visit: YoungVisitor): void {
  const plainAnon = folioTestAnon(folio) && (folio.flags & (PG_swapbacked | PG_swapcache)) === PG_swapbacked;
  if (dirty && (folio.flags & PG_dirty) === 0 && !plainAnon) folioMarkDirty(folio);
  visit(sys, folio);
}

/**
 * The folio goes to the youngest generation, if this was not its first use. Linux
 * mm/vmscan.c:walk_update_folio()
 */
export function promote(sys: MemorySystem, folio: Folio): void {
  const { lrugen } = folioLruvec(sys, folio);
  const gen = lruGenFromSeq(lrugen.maxSeq);
  const oldGen = folioUpdateGen(folio, gen);
  if (oldGen >= 0 && oldGen !== gen) lruGenUpdateSize(sys, lrugen, folio, oldGen, gen);
}
