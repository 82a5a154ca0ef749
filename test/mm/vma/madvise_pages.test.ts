import { describe, expect, it } from "vitest";
import { folioActivate, lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_ANONPAGES, MM_FILEPAGES, VM_LOCKED, type VmAreaStruct } from "../../../lib/mm/mm_types.js";
import {
  type Folio,
  PG_active,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  pfnToPage,
} from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptePfn, ptepGet, pteYoung } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import {
  madviseCold,
  madviseDontneedFree,
  madvisePageout,
  madviseRemove,
  madviseWillneed,
} from "../../../lib/mm/vma/madvise_pages.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { at, file, map, mapFile, mm, PAGE, task, useFile } from "../arena.js";

useFile();

function pteAt(page: number): number {
  const ptep = pteOffset(mm, at(page));
  return ptep === 0 ? 0 : ptepGet(mm.sys.ram, ptep);
}

const folioAt = (page: number): Folio => pfnToPage(mm.sys, ptePfn(pteAt(page))).head;

/** Four pages of anonymous memory, page i written with i + 1, all on their LRU list. */
function written(): VmAreaStruct {
  const vma = map(0, 4);
  for (let page = 0; page < 4; page++) task.store(at(page), 1, page + 1);
  lruAddDrainAll(mm.sys);
  return vma;
}

const values = (): number[] => [0, 1, 2, 3].map((page) => task.load(at(page), 1));

describe("DONTNEED", () => {
  it("empties the entries of its pages at once: zeros come back", () => {
    const vma = written();
    expect(madviseDontneedFree(vma, at(1), at(3), MADV.DONTNEED)).toBe(0);
    expect([mm.rssStat[MM_ANONPAGES], pteAt(1), pteAt(2)]).toEqual([2, 0, 0]);
    expect(values()).toEqual([1, 0, 0, 4]);
  });

  it("forgets the private copies of a file's pages, and the file's bytes are back", () => {
    const vma = mapFile(4, 0x12);
    task.store(at(2), 1, 99);
    expect(madviseDontneedFree(vma, at(0), at(4), MADV.DONTNEED)).toBe(0);
    expect(values()).toEqual([1, 2, 3, 4]);
  });

  it("is refused for locked memory, DONTNEED_LOCKED is not", () => {
    const vma = written();
    vma.vmFlags |= VM_LOCKED;
    expect(madviseDontneedFree(vma, at(0), at(4), MADV.DONTNEED)).toBe(-22);
    expect(madviseDontneedFree(vma, at(0), at(4), MADV.FREE)).toBe(-22);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(4);
    expect(madviseDontneedFree(vma, at(0), at(4), MADV.DONTNEED_LOCKED)).toBe(0);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(0);
  });
});

describe("FREE", () => {
  it("leaves the pages, but clean, unused and droppable: not backed by swap any more", () => {
    const vma = written();
    expect([pteDirty(pteAt(1)), pteYoung(pteAt(1))]).toEqual([true, true]);
    expect(madviseDontneedFree(vma, at(1), at(3), MADV.FREE)).toBe(0);
    lruAddDrainAll(mm.sys);
    expect([0, 1, 2, 3].map((page) => pteDirty(pteAt(page)))).toEqual([true, false, false, true]);
    expect([0, 1, 2, 3].map((page) => pteYoung(pteAt(page)))).toEqual([true, false, false, true]);
    expect([0, 1, 2, 3].map((page) => (folioAt(page).flags & PG_swapbacked) !== 0)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect([mm.rssStat[MM_ANONPAGES], values()]).toEqual([4, [1, 2, 3, 4]]);
  });

  it("lets a later write keep the page: the processor says so in the entry, whose TLB copy is gone", () => {
    const vma = written();
    madviseDontneedFree(vma, at(0), at(4), MADV.FREE);
    task.store(at(2), 1, 33);
    expect([0, 1, 2, 3].map((page) => pteDirty(pteAt(page)))).toEqual([false, false, true, false]);
  });

  it("leaves a dirty page alone that another process has too", () => {
    const vma = written();
    const folio = folioAt(0);
    folio.flags |= PG_dirty;
    folio.mapcount++; // somebody else's entry
    madviseDontneedFree(vma, at(0), at(1), MADV.FREE);
    expect([folio.flags & PG_dirty, pteDirty(pteAt(0))]).toEqual([PG_dirty, true]);
    folio.mapcount--;
    madviseDontneedFree(vma, at(0), at(1), MADV.FREE);
    expect([folio.flags & PG_dirty, pteDirty(pteAt(0))]).toEqual([0, false]);
  });

  it("is for anonymous memory only", () => {
    expect(madviseDontneedFree(mapFile(4, 0x12), at(0), at(4), MADV.FREE)).toBe(-22);
  });
});

describe("COLD", () => {
  it("takes the marks of use away, and the place among the active pages", () => {
    const vma = written();
    for (let page = 0; page < 4; page++) {
      folioActivate(mm.sys, folioAt(page));
      folioAt(page).flags |= PG_referenced;
    }
    lruAddDrainAll(mm.sys);
    expect(folioAt(1).flags & PG_active).toBe(PG_active);
    expect(madviseCold(vma, at(1), at(3))).toBe(0);
    lruAddDrainAll(mm.sys);
    const marks = (page: number): boolean[] => [
      pteYoung(pteAt(page)),
      (folioAt(page).flags & PG_active) !== 0,
      (folioAt(page).flags & PG_referenced) !== 0,
    ];
    expect([marks(0), marks(1), marks(2), marks(3)]).toEqual([
      [true, true, true],
      [false, false, false],
      [false, false, false],
      [true, true, true],
    ]);
    expect(values()).toEqual([1, 2, 3, 4]);
  });

  it("leaves pages alone that another process has too", () => {
    const vma = written();
    folioAt(0).mapcount++;
    expect(madviseCold(vma, at(0), at(2))).toBe(0);
    expect([pteYoung(pteAt(0)), pteYoung(pteAt(1))]).toEqual([true, false]);
    folioAt(0).mapcount--;
  });

  it("is refused for locked memory, as PAGEOUT is", () => {
    const vma = written();
    vma.vmFlags |= VM_LOCKED;
    expect([madviseCold(vma, at(0), at(4)), madvisePageout(vma, at(0), at(4))]).toEqual([-22, -22]);
    expect(pteYoung(pteAt(0))).toBe(true);
  });
});

describe("PAGEOUT", () => {
  it("drops a file's clean pages of the range at once, and no others", () => {
    const vma = mapFile(4, 0x11);
    for (let page = 0; page < 4; page++) task.load(at(page), 1);
    lruAddDrainAll(mm.sys);
    expect(mm.rssStat[MM_FILEPAGES]).toBe(4);
    expect(madvisePageout(vma, at(1), at(3))).toBe(0);
    expect([...file.fMapping.pages.keys()].sort()).toEqual([0, 3]);
    expect([mm.rssStat[MM_FILEPAGES], values()]).toEqual([2, [1, 2, 3, 4]]);
  });

  it("cannot drop anonymous memory without swap", () => {
    const vma = written();
    expect(madvisePageout(vma, at(0), at(4))).toBe(0);
    expect([mm.rssStat[MM_ANONPAGES], values()]).toEqual([4, [1, 2, 3, 4]]);
  });
});

describe("WILLNEED", () => {
  it("asks the file for the bytes behind the range", () => {
    const vma = mapFile(4, 0x11);
    const asked: number[][] = [];
    vma.vmFile = Object.assign(Object.create(file), {
      fadviseWillneed: (...range: number[]) => asked.push(range),
    });
    vma.vmPgoff = 7; // pages 7 to 10 of the file
    expect(madviseWillneed(vma, at(1), at(3))).toBe(0);
    expect(asked).toEqual([[8 * PAGE, 2 * PAGE]]);
  });

  it("does nothing for anonymous memory while there is no swap", () => {
    const vma = written();
    expect(madviseWillneed(vma, at(0), at(4))).toBe(0);
    expect(mm.rssStat[MM_ANONPAGES]).toBe(4);
  });
});

describe("REMOVE", () => {
  it("punches a hole into the file behind the range, for all who map it", () => {
    const vma = mapFile(4, 0x11);
    task.load(at(0), 1);
    const holes: number[][] = [];
    vma.vmFile = Object.assign(Object.create(file), {
      punchHole(...range: number[]) {
        holes.push(range);
        return 0;
      },
    });
    expect(madviseRemove(vma, at(1), at(4))).toBe(0);
    expect(holes).toEqual([[PAGE, 3 * PAGE]]);
    vma.vmFile = Object.assign(Object.create(file), { punchHole: undefined });
    expect(madviseRemove(vma, at(1), at(4))).toBe(-95);
  });

  it("is refused for private and for locked mappings and where there is no file", () => {
    expect(madviseRemove(mapFile(4, 0x12), at(0), at(4))).toBe(-13);
    expect(madviseRemove(map(8, 1), at(8), at(9))).toBe(-22);
    const vma = mapFile(4, 0x11);
    vma.vmFlags |= VM_LOCKED;
    expect(madviseRemove(vma, at(0), at(4))).toBe(-22);
  });
});
