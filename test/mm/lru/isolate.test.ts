import { describe, expect, it } from "vitest";
import {
  folioIsolateLru,
  folioPutbackLru,
  isolateLruFolios,
  moveFoliosToLru,
} from "../../../lib/mm/lru/isolate.js";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_FILE } from "../../../lib/mm/lru/lruvec.js";
import { newScanControl } from "../../../lib/mm/lru/scan_control.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { type Folio, PG_active, PG_lru, PG_mlocked, PG_unevictable } from "../../../lib/mm/pages/folio.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { NR_INACTIVE_FILE, PGSKIP } from "../../../lib/mm/vmstat.js";
import { PAGE, withFile } from "./isolated.js";

/** Page numbers on the list, oldest first. */
function list(sys: MemorySystem, lru: number): number[] {
  const found: number[] = [];
  for (let folio = sys.lruvec.tail[lru]; folio !== undefined; folio = folio.prev) found.push(folio.index);
  return found;
}

describe("isolateLruFolios", () => {
  it("takes the oldest, each with a hold, and counts them off the list", () => {
    const { sys } = withFile(6);
    const dst: Folio[] = [];
    const sc = newScanControl({});
    const isolated = isolateLruFolios(sys, 4, sys.lruvec, dst, sc, LRU_INACTIVE_FILE);
    expect(isolated).toEqual({ nrTaken: 4, nrScanned: 4, nrFolios: 4 });
    expect(dst.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(dst.every((folio) => folio.refcount === 2 && (folio.flags & PG_lru) === 0)).toBe(true);
    expect([list(sys, LRU_INACTIVE_FILE), sys.vmStat.nodeStat[NR_INACTIVE_FILE]]).toEqual([[4, 5], 2]);
    moveFoliosToLru(sys, sys.lruvec, dst);
    expect(list(sys, LRU_INACTIVE_FILE)).toEqual([4, 5, 0, 1, 2, 3]);
  });

  it("counts a large folio by its pages, and may take more than it was asked for", () => {
    const { sys } = withFile(16, "16 MiB", 8 * PAGE);
    const dst: Folio[] = [];
    const isolated = isolateLruFolios(sys, 9, sys.lruvec, dst, newScanControl({}), LRU_INACTIVE_FILE);
    expect([isolated.nrTaken, dst.length]).toEqual([16, 2]);
  });

  it("passes what lies in a higher zone over, to the head, without counting it as looked at", () => {
    const { sys, folio } = withFile(4, "64 MiB");
    expect(folio(0).pfn).toBeGreaterThan(0x1000); // DMA32
    const dst: Folio[] = [];
    const sc = newScanControl({ reclaimIdx: 0 });
    const before = sys.vmStat.events[PGSKIP + 1]!;
    const isolated = isolateLruFolios(sys, 2, sys.lruvec, dst, sc, LRU_INACTIVE_FILE);
    expect(isolated).toEqual({ nrTaken: 0, nrScanned: 4, nrFolios: 4 });
    expect(sys.vmStat.events[PGSKIP + 1]! - before).toBe(4);
    expect(list(sys, LRU_INACTIVE_FILE)).toEqual([0, 1, 2, 3]);
  });

  it("lets mapped pages pass where nothing may be unmapped", () => {
    const { sys, alice, fd } = withFile(4);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    const dst: Folio[] = [];
    isolateLruFolios(sys, 2, sys.lruvec, dst, newScanControl({ mayUnmap: false }), LRU_INACTIVE_FILE);
    expect(dst.map(({ index }) => index)).toEqual([1]);
    expect(list(sys, LRU_INACTIVE_FILE)).toEqual([2, 3, 0]);
    moveFoliosToLru(sys, sys.lruvec, dst);
  });
});

describe("moveFoliosToLru", () => {
  it("puts active ones on the active list, which lets the clock of refaults go on", () => {
    const { sys, folio } = withFile(3);
    const folios = [0, 1].map(folio);
    for (const one of folios) folioIsolateLru(sys, one);
    folio(1).flags |= PG_active;
    expect(moveFoliosToLru(sys, sys.lruvec, folios)).toBe(2);
    expect([list(sys, LRU_INACTIVE_FILE), list(sys, LRU_ACTIVE_FILE)]).toEqual([[2, 0], [1]]);
    expect(sys.lruvec.nonresidentAge).toBe(1);
  });

  it("sends locked ones to the unevictable list, and frees what nobody holds any more", () => {
    const { sys, folio, alice, fd } = withFile(2);
    const [locked, gone] = [folio(0), folio(1)];
    folioIsolateLru(sys, locked);
    folioIsolateLru(sys, gone);
    locked.flags |= PG_mlocked;
    alice.ftruncate(fd, PAGE);
    expect(gone.refcount).toBe(1);
    expect(moveFoliosToLru(sys, sys.lruvec, [locked, gone])).toBe(0);
    lruAddDrainAll(sys);
    expect([locked.flags & PG_unevictable, gone.refcount]).toEqual([PG_unevictable, 0]);
  });
});

describe("one folio", () => {
  it("is isolated once, and put back by way of the batch", () => {
    const { sys, folio } = withFile(1);
    expect([folioIsolateLru(sys, folio(0)), folioIsolateLru(sys, folio(0))]).toEqual([true, false]);
    folioPutbackLru(sys, folio(0));
    expect(folio(0).flags & PG_lru).toBe(0);
    lruAddDrainAll(sys);
    expect([folio(0).flags & PG_lru, folio(0).refcount]).toEqual([PG_lru, 1]);
  });
});
