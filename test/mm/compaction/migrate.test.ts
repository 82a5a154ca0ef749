import { describe, expect, it } from "vitest";
import { isolateFreeBlock } from "../../../lib/mm/compaction/free_blocks.js";
import {
  isolateMigratepagesBlock,
  putbackMovablePages,
} from "../../../lib/mm/compaction/isolate_migratepages.js";
import { migratePages } from "../../../lib/mm/compaction/migrate.js";
import { ENOMEM } from "../../../lib/mm/errno.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { PGMIGRATE_FAIL, PGMIGRATE_SUCCESS } from "../../../lib/mm/vmstat.js";
import { control, fragmented, frameOf, readsItsBytes } from "./fragmented.js";

/** 32 isolated pages, and `nr` free frames for them. */
function isolated(nr: number, mode: number) {
  const f = fragmented();
  const block = Math.floor(frameOf(f, 501) / 512) * 512;
  const cc = control(f.zone, -1, { mode });
  isolateMigratepagesBlock(f.sys, cc, block, block + 512);
  for (let n = 0; n < nr; n++) isolateFreeBlock(f.sys, cc, f.zone.freeArea[0]!.head[1]!, 0);
  Object.assign(cc, { migratePfn: 4095, freePfn: 4095 });
  const counted = (): number[] => [PGMIGRATE_SUCCESS, PGMIGRATE_FAIL].map((i) => f.sys.vmStat.events[i]!);
  return { f, cc, counted };
}

describe.each([
  [0, "async"],
  [1, "sync-light"],
  [2, "sync"],
])("moving isolated pages, mode %i (%s)", (mode) => {
  it("moves all of them where there are frames", () => {
    const { f, cc, counted } = isolated(40, mode);
    expect(migratePages(f.sys, cc)).toEqual({ result: 0, nrSucceeded: 32 });
    expect([counted(), cc.migratepages, cc.nrFreepages]).toEqual([[32, 0], [], 8]);
    expect(readsItsBytes(f)).toBe(true);
  });

  it("stops when there are no more, and leaves the rest to be put back", () => {
    const { f, cc, counted } = isolated(10, mode);
    expect(migratePages(f.sys, cc)).toEqual({ result: -ENOMEM, nrSucceeded: 10 });
    expect([counted(), cc.migratepages.length]).toEqual([[10, 1], 22]);
    putbackMovablePages(f.sys, cc);
    expect(readsItsBytes(f)).toBe(true);
  });

  it("says how many stay because somebody else holds them", () => {
    const { f, cc, counted } = isolated(40, mode);
    for (const folio of cc.migratepages.slice(3, 6)) pfnToPage(f.sys, folio.pfn).refcount++;
    expect(migratePages(f.sys, cc)).toEqual({ result: 3, nrSucceeded: 29 });
    expect([counted(), cc.migratepages.length, cc.nrFreepages]).toEqual([[29, 3], 3, 11]);
    expect(readsItsBytes(f)).toBe(true);
  });
});
