import { describe, expect, it } from "vitest";
import {
  folioAddLargeMapcount,
  folioMaybeMappedShared,
  folioSubLargeMapcount,
  largeOf,
} from "../../../lib/mm/fault/large_mapcount.js";
import type { MmStruct } from "../../../lib/mm/mm_types.js";
import { type Folio, Page } from "../../../lib/mm/pages/folio.js";

const mm = (id: number): MmStruct => ({ id }) as MmStruct;
const [A, B, C] = [mm(1), mm(2), mm(3)];

function folio(): Folio {
  const page = new Page(512);
  page.order = 4;
  return page;
}

describe("whose a large folio is", () => {
  it("is one's alone as long as all entries are his", () => {
    const f = folio();
    folioAddLargeMapcount(f, 16, A);
    expect([f.largeMapcount, folioMaybeMappedShared(f)]).toEqual([16, false]);
    folioSubLargeMapcount(f, 3, A);
    expect([f.largeMapcount, folioMaybeMappedShared(f)]).toEqual([13, false]);
  });

  it("is shared from the second on, and his again when the other has gone", () => {
    const f = folio();
    folioAddLargeMapcount(f, 16, A);
    folioAddLargeMapcount(f, 1, B);
    expect(folioMaybeMappedShared(f)).toBe(true);
    folioSubLargeMapcount(f, 1, B);
    expect(folioMaybeMappedShared(f)).toBe(false);
    folioAddLargeMapcount(f, 16, B);
    folioSubLargeMapcount(f, 16, A);
    expect([folioMaybeMappedShared(f), largeOf(f).mmIds]).toEqual([false, [0, 2]]);
  });

  it("has no place for a third: it stays shared though he is the last", () => {
    const f = folio();
    for (const one of [A, B, C]) folioAddLargeMapcount(f, 16, one);
    folioSubLargeMapcount(f, 16, A);
    folioSubLargeMapcount(f, 16, B);
    expect([f.largeMapcount, folioMaybeMappedShared(f)]).toEqual([16, true]);
    folioSubLargeMapcount(f, 16, C);
    expect([f.largeMapcount, largeOf(f).maybeMappedShared]).toEqual([0, false]);
  });

  it("is shared where nobody says who maps it", () => {
    const f = folio();
    folioAddLargeMapcount(f, 2, undefined);
    expect(folioMaybeMappedShared(f)).toBe(true);
  });

  it("is told by the mapcount of a single page, or a single entry", () => {
    const page = new Page(7);
    page.mapcount = 2;
    expect(folioMaybeMappedShared(page)).toBe(true);
    const f = folio();
    folioAddLargeMapcount(f, 1, A);
    expect(folioMaybeMappedShared(f)).toBe(false);
  });
});
