import { beforeEach, describe, expect, it } from "vitest";
import { PAGE_PSE, PAGE_RW } from "../../lib/hw/entry.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { lruAddDrainAll } from "../../lib/mm/lru/swap.js";
import { AnonVma, MM_ANONPAGES, VM_LOCKED, VM_SHARED, VmAreaStruct } from "../../lib/mm/mm_types.js";
import { type Page, pfnToPage } from "../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../lib/mm/pages/gfp.js";
import { allocPages } from "../../lib/mm/pages/page_alloc.js";
import { PAGE_TABLE, pfnPte, ptePfn, ptepGet, setPte } from "../../lib/mm/pgtable/pgtable.js";
import { pmdAlloc, pteAlloc, pteOffset } from "../../lib/mm/pgtable/pgtable_alloc.js";
import { makePteMarker, PTE_MARKER_GUARD, swpEntry, swpEntryToPte } from "../../lib/mm/pgtable/swapops.js";
import { modNodePageState, NR_ANON_MAPPED, NR_FILE_DIRTY } from "../../lib/mm/vmstat.js";
import { at, file, kernel, map, mapFile, mm, task, useFile } from "./arena.js";

useFile();

/** Page 0 of the arena is a file's, 8 and 9 are written, 10 is the zero page, 11 was never touched. */
beforeEach(() => {
  mapFile(4, 0x11);
  task.load(at(0), 1);
  map(8, 4);
  for (const page of [8, 9]) task.store(at(page), 1, page);
  task.load(at(10), 1);
  lruAddDrainAll(kernel.sys);
});

const check = (): void => checkInvariants(kernel.sys, [mm, kernel.initMm]);
const ptepAt = (page: number): number => pteOffset(mm, at(page));
const pteAt = (page: number): number => ptepGet(mm.sys.ram, ptepAt(page));
const pageAt = (page: number): Page => pfnToPage(mm.sys, ptePfn(pteAt(page)));
const vmaAt = (page: number): VmAreaStruct => mm.mmMt.lookup(at(page))!;
const put = (page: number, pte: number): void => setPte(mm.sys.ram, pteAlloc(mm, at(page)), pte);

describe("checkInvariants", () => {
  it("finds nothing in a machine that is whole", () => {
    expect(check).not.toThrow();
    put(11, makePteMarker(PTE_MARKER_GUARD));
    expect(check).not.toThrow();
  });

  it("lets a test explain the references that it holds itself", () => {
    const folio = pageAt(8).head;
    folio.refcount++;
    expect(check).toThrow(/refcount 2, 1 holders are known/);
    expect(() => checkInvariants(kernel.sys, [mm, kernel.initMm], new Map([[folio, 1]]))).not.toThrow();
  });

  it("lists several things at once", () => {
    mm.totalVm++;
    mm.mapCount--;
    expect(check).toThrow(/mapCount is 1, the VMAs say 2\n.*totalVm is 9, the VMAs say 8/);
  });
});

/** What is damaged, how, and what the checker says. */
const damages: Record<string, [() => unknown, RegExp]> = {
  "an entry that no page counts": [() => put(11, pteAt(8)), /mapcount 1, mapped by 2 entries/],
  "a page that counts an entry too many": [() => pageAt(9).mapcount++, /mapcount 2, mapped by 1 entries/],
  "a resident counter": [() => mm.rssStat[MM_ANONPAGES]!++, /rssStat\[1\] is 3, entries say 2/],
  "a place in swap that is not counted": [
    () => put(11, swpEntryToPte(swpEntry(1, 5))),
    /rssStat\[2\] is 0, entries say 1/,
  ],
  "the tables' bytes": [() => mm.pgtablesBytes++, /pgtablesBytes 12289, tables hold 12288/],
  "an entry where nothing is mapped": [() => put(20, pteAt(8)), /an entry at 100000014000 lies in no VMA/],
  "a writable page that is not exclusive": [
    () => Object.assign(pageAt(8), { anonExclusive: false }),
    /writable, but not exclusive/,
  ],
  "a writable private page of a file": [
    () => {
      task.store(at(0), 1, 1);
      vmaAt(0).vmFlags -= VM_SHARED;
    },
    /a writable private file page/,
  ],
  "a page that its VMA's reverse map cannot find": [
    () => Object.assign(pageAt(8), { mapping: new AnonVma() }),
    /the VMA is not linked to the page's anon_vma/,
  ],
  "a writable zero page": [
    () => put(10, pteAt(10) + PAGE_RW),
    /special entry at 10000000a000 is not the zero page, read-only/,
  ],
  "two pages that have changed places": [
    () => {
      const [a, b] = [pteAt(8), pteAt(9)];
      put(8, b);
      put(9, a);
    },
    /page \d+ is mapped, the VMA has page \d+ there/,
  ],
  "an entry of no known kind": [() => put(11, pfnPte(77, 0x66)), /is of a kind that has no place here/],
  "a leaf": [
    () => setPte(mm.sys.ram, pmdAlloc(mm, at(512)), pfnPte(512, PAGE_TABLE + PAGE_PSE)),
    /the leaf at 100000200000 lies in no VMA as a whole/,
  ],
  "VMAs that overlap": [
    () => mm.mmMt.insert(Object.assign(new VmAreaStruct(mm), { vmStart: at(3), vmEnd: at(5) })),
    /overlaps or is empty/,
  ],
  "a VMA that is not whole pages": [() => vmaAt(8).vmEnd--, /is not whole pages/],
  "locked pages that are not counted": [
    () => Object.assign(vmaAt(8), { vmFlags: vmaAt(8).vmFlags | VM_LOCKED }),
    /lockedVm is 0, the VMAs have 4/,
  ],
  "a VMA that has lost its anon_vma's link": [
    () => Object.assign(vmaAt(8), { anonVmaChain: [] }),
    /is not linked to its own anon_vma/,
  ],
  "an anon_vma's count": [() => vmaAt(8).anonVma!.numActiveVmas++, /counts 2 VMAs as its own, they are 1/],
  "a file that has forgotten who maps it": [
    () => file.fMapping.iMmap.clear(),
    /a VMA is not in its file's iMmap/,
  ],
  "a folio in the wrong slot of the cache": [
    () => file.fMapping.pages.set(9, file.fMapping.pages.get(0)!),
    /page 9 of a cache holds folio \d+, which is page 0/,
  ],
  "a frame that nobody has": [() => allocPages(kernel.sys, GFP_KERNEL), /refcount 1, 0 holders are known/],
  "a lost free frame": [() => kernel.sys.zones[1]!.nrFreePages--, /frames managed, \d+ free/],
  "a folio that is on another list than it says": [
    () => Object.assign(kernel.sys.lruvec.head[0]!, { lruList: 1 }),
    /is on LRU list 0, says 1/,
  ],
  "a counter of mapped pages": [
    () => modNodePageState(kernel.sys, NR_ANON_MAPPED, -1),
    /nr_anon_pages is 1, should be 2/,
  ],
  "a clean folio that is listed as dirty": [
    () => {
      file.fMapping.dirtyFolios.add(file.fMapping.pages.get(0)!);
      modNodePageState(kernel.sys, NR_FILE_DIRTY, 1);
    },
    /is listed as dirty, but clean/,
  ],
  "a page table that its page struct does not know for one": [
    () => Object.assign(pfnToPage(kernel.sys, mm.pgd), { pageType: pageAt(8).pageType }),
    /is a table in only one of page struct and tables/,
  ],
};

describe("the checker finds", () => {
  it.each(Object.keys(damages))("%s", (name) => {
    const [damage, says] = damages[name]!;
    damage();
    expect(check).toThrow(says);
  });
});
