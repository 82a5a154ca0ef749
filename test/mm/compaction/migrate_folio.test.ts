import { describe, expect, it } from "vitest";
import { isolateFreeBlock } from "../../../lib/mm/compaction/free_blocks.js";
import {
  migrateFolioDone,
  migrateFolioMove,
  migrateFolioUndo,
  migrateFolioUnmap,
  type UnmappedFolio,
} from "../../../lib/mm/compaction/migrate_folio.js";
import { EAGAIN, EBUSY, ENOMEM } from "../../../lib/mm/errno.js";
import { newTlbflushUnmapBatch } from "../../../lib/mm/fault/rmap_unmap.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { type Folio, PG_locked, PG_lru, PG_writeback, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { modNodePageState, NR_ISOLATED_ANON, NR_ISOLATED_FILE } from "../../../lib/mm/vmstat.js";
import { control, entryOf, type Fragmented, fragmented, frameOf, PAGE, readsItsBytes } from "./fragmented.js";

/** Page `i` off its list, and a compaction that holds 4 free frames. */
function isolated(f: Fragmented, i: number, mode = 0) {
  const src = pfnToPage(f.sys, frameOf(f, i));
  expect(folioIsolateLru(f.sys, src)).toBe(true);
  modNodePageState(f.sys, NR_ISOLATED_ANON, 1);
  const cc = control(f.zone, -1, { mode, migratePfn: 4095, freePfn: 4095, nrMigratepages: 1 });
  for (let n = 0; n < 4; n++) isolateFreeBlock(f.sys, cc, f.zone.freeArea[0]!.head[1]!, 0);
  const unmap = (): UnmappedFolio | number =>
    migrateFolioUnmap(f.sys, cc, src, mode, newTlbflushUnmapBatch());
  return { src, cc, unmap };
}

describe("moving a folio", () => {
  it("gives its bytes, entries and place on the LRU to another frame, and frees the old one", () => {
    const f = fragmented();
    const { src, unmap } = isolated(f, 9);
    const old = src.pfn;
    const { nowNs } = f.sys.clock;
    const unmapped = unmap() as UnmappedFolio;
    expect(migrateFolioMove(f.sys, unmapped)).toBe(0);
    const { dst } = unmapped;
    expect([frameOf(f, 9), f.process.load(f.at + 9 * PAGE, 8)]).toEqual([dst.pfn, 9]);
    expect(f.sys.clock.nowNs - nowNs).toBeGreaterThanOrEqual(500 + 400);
    expect([src.refcount, src.mapping, pfnToPage(f.sys, old).flags]).toEqual([0, undefined, 0]);
    lruAddDrainAll(f.sys);
    expect([dst.refcount, dst.mapcount, dst.anonExclusive, (dst.flags & PG_lru) !== 0]).toEqual([
      1,
      1,
      true,
      true,
    ]);
    expect(f.sys.vmStat.nodeStat[NR_ISOLATED_ANON]).toBe(0);
    expect(readsItsBytes(f)).toBe(true);
  });

  it("waits for nobody in async mode: locked, on its way to a device, or no free frame", () => {
    const f = fragmented();
    const { src, cc, unmap } = isolated(f, 9);
    src.flags |= PG_locked;
    expect(unmap()).toBe(-EAGAIN);
    src.flags = (src.flags & ~PG_locked) | PG_writeback;
    expect(unmap()).toBe(-EBUSY);
    src.flags &= ~PG_writeback;
    expect([cc.nrFreepages, cc.nrMigratepages, entryOf(f, 9) !== 0]).toEqual([4, 1, true]);
    cc.freepages[0]!.length = 0;
    cc.nrFreepages = 0;
    expect(unmap()).toBe(-ENOMEM);
  });

  it("fails while somebody else holds the folio, and can be undone", () => {
    const f = fragmented();
    const { src, cc, unmap } = isolated(f, 9);
    const before = entryOf(f, 9);
    const unmapped = unmap() as UnmappedFolio;
    src.refcount++;
    expect(migrateFolioMove(f.sys, unmapped)).toBe(-EAGAIN);
    src.refcount--;
    migrateFolioUndo(f.sys, cc, unmapped);
    expect([entryOf(f, 9), src.refcount, src.mapcount, cc.nrFreepages]).toEqual([before, 2, 1, 4]);
  });

  it("takes a page of a file out of the cache and puts the other one in, with what its file keeps of it", () => {
    const f = fragmented();
    const { machine, process, sys } = f;
    const fd = process.open("/data/f", { create: true });
    const buf = process.mmap(PAGE);
    process.store(buf, 8, 77);
    process.write(fd, buf, PAGE);
    const { mapping } = machine.kernel.files.lookup("/data/f")!;
    lruAddDrainAll(sys);
    const src = mapping.pages.get(0)!;
    folioIsolateLru(sys, src);
    modNodePageState(sys, NR_ISOLATED_FILE, 1);
    const cc = control(f.zone, -1, { mode: 0, migratePfn: 4095, freePfn: 4095, nrMigratepages: 1 });
    isolateFreeBlock(sys, cc, f.zone.freeArea[0]!.head[1]!, 0);
    const flags = src.flags;
    const unmapped = migrateFolioUnmap(sys, cc, src, 0, newTlbflushUnmapBatch()) as UnmappedFolio;
    expect(migrateFolioMove(sys, unmapped)).toBe(0);
    const dst = mapping.pages.get(0) as Folio;
    expect([dst, dst.mapping, [...mapping.dirtyFolios]]).toEqual([unmapped.dst, mapping, [dst]]);
    lruAddDrainAll(sys);
    expect(dst.flags & ~PG_lru).toBe(flags & ~PG_lru);
    process.fsync(fd);
    process.dropCache(fd);
    const again = process.mmap(PAGE);
    expect([process.pread(fd, again, PAGE, 0), process.load(again, 8)]).toEqual([PAGE, 77]);
  });

  it("is over at once for a folio that its owner has freed", () => {
    const f = fragmented();
    const { src } = isolated(f, 9);
    f.process.madvise(f.at + 9 * PAGE, PAGE, "DONTNEED");
    expect(src.refcount).toBe(1);
    migrateFolioDone(f.sys, src);
    expect([src.refcount, f.sys.vmStat.nodeStat[NR_ISOLATED_ANON]]).toEqual([0, 0]);
  });
});
