import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { filemapAddFolio, filemapGetFolios } from "../../../lib/mm/filemap/address_space.js";
import { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { folioSplit, splitFolio } from "../../../lib/mm/huge/folio_split.js";
import { lruvecAddFolio } from "../../../lib/mm/lru/mm_inline.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { type Folio, PG_head, PG_lru, PG_uptodate, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";
import { globalNodePageState, NR_INACTIVE_FILE } from "../../../lib/mm/vmstat.js";

let sys: MemorySystem;
let mapping: AddressSpace;
let folio: Folio;

/** A folio of pages 8 to 15 of a file, on the LRU, that the cache alone holds. */
beforeEach(() => {
  sys = new MemorySystem(new Ram(16 * 2 ** 20), new Clock());
  mmInit(sys);
  mapping = new AddressSpace(
    { sys, iSize: 16 * 4096, accountedPages: 0 },
    { maxFolioOrder: 3, swapBacked: false },
  );
  folio = allocPages(sys, GFP_HIGHUSER_MOVABLE, 3)!;
  folio.flags |= PG_uptodate;
  filemapAddFolio(mapping, folio, 8);
  lruvecAddFolio(sys, folio);
  folioPut(sys, folio);
});

/** First page and number of pages of each folio. */
const folios = (): string[] =>
  filemapGetFolios(mapping, 0, 31).map(({ index, order }) => `${index}+${1 << order}`);

describe("folioSplit", () => {
  it("leaves the page of the cut alone, and halves without it whole", () => {
    expect(folioSplit(folio, 2, 0)).toBe(true);
    expect(folios()).toEqual(["8+2", "10+1", "11+1", "12+4"]);
  });

  it("at the first or last page goes down at that end", () => {
    expect(folioSplit(folio, 7, 0)).toBe(true);
    expect(folios()).toEqual(["8+4", "12+2", "14+1", "15+1"]);
  });

  it("gives each part its frames, flags, references and place on the LRU", () => {
    const { pfn } = folio;
    folioSplit(folio, 2, 0);
    for (const part of filemapGetFolios(mapping, 8, 15)) {
      const nr = 1 << part.order;
      expect([part.pfn - pfn, part.refcount]).toEqual([part.index - 8, nr]);
      expect(part.flags & (PG_uptodate | PG_lru | PG_head)).toBe(
        PG_uptodate | PG_lru | (nr > 1 ? PG_head : 0),
      );
      for (let i = 0; i < nr; i++) expect(pfnToPage(sys, part.pfn + i).head).toBe(part);
    }
    expect(globalNodePageState(sys, NR_INACTIVE_FILE)).toBe(8);
  });

  it("does nothing while somebody else holds the folio, unless that was told", () => {
    folio.refcount++;
    expect(folioSplit(folio, 2, 0)).toBe(false);
    expect(folios()).toEqual(["8+8"]);
    expect(folioSplit(folio, 0, 1)).toBe(true);
    expect(folio.refcount).toBe(2); // its one page, and the other holder
  });

  it("does nothing to a dirty folio of a disk", () => {
    mapping.dirtyFolios.add(folio);
    expect(folioSplit(folio, 2, 0)).toBe(false);
    expect(folios()).toEqual(["8+8"]);
  });
});

describe("splitFolio", () => {
  it("makes single pages of all of it", () => {
    expect(splitFolio(sys, folio, 0)).toBe(true);
    expect(folios()).toEqual(["8+1", "9+1", "10+1", "11+1", "12+1", "13+1", "14+1", "15+1"]);
  });
});
