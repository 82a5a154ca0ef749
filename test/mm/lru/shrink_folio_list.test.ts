import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import { shadowOf } from "../../../lib/mm/filemap/shadows.js";
import { newScanControl } from "../../../lib/mm/lru/scan_control.js";
import {
  FOLIOREF_ACTIVATE,
  FOLIOREF_KEEP,
  FOLIOREF_RECLAIM,
  FOLIOREF_RECLAIM_CLEAN,
  folioCheckReferences,
} from "../../../lib/mm/lru/shrink_folio_list.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import {
  type Folio,
  folioGet,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_writeback,
} from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { __GFP_FS, GFP_KERNEL, GFP_NOIO } from "../../../lib/mm/pages/gfp.js";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "../../../lib/mm/pages/pglist_data.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { MAP_ANONYMOUS, MAP_DROPPABLE } from "../../../lib/mm/vma/mman.js";
import { NR_TLB_REMOTE_FLUSH, NR_VMSCAN_IMMEDIATE, PGACTIVATE, PGLAZYFREED } from "../../../lib/mm/vmstat.js";
import { newKthread } from "../../../lib/mm/wait.js";
import { folioAt, PAGE, shrink, withFile } from "./isolated.js";

function isActive(folio: Folio): boolean {
  return (folio.flags & PG_active) !== 0;
}

/** kswapd works while `act` does. */
function asKswapd<T>(sys: MemorySystem, act: () => T): T {
  const before = sys.pgdat.kswapd;
  sys.pgdat.kswapd = newKthread("kswapd0", () => 0);
  sys.currentKthread = sys.pgdat.kswapd;
  try {
    return act();
  } finally {
    sys.pgdat.kswapd = before;
    sys.currentKthread = undefined;
  }
}

describe("shrinkFolioList", () => {
  it("frees a clean page of a file and leaves a shadow in its place", () => {
    const { sys, mapping, folio } = withFile(2);
    const one = folio(0);
    const { nrReclaimed, kept, sc } = shrink(sys, [one]);
    expect([nrReclaimed, kept.length, sc.nrScanned]).toEqual([1, 0, 1]);
    expect(one.refcount).toBe(0);
    expect(mapping.pages.has(0)).toBe(false);
    expect(shadowOf(mapping, 0)).toBeGreaterThan(0);
    expect(shadowOf(mapping, 1)).toBeUndefined();
  });

  it("keeps a folio that is locked, without looking at it", () => {
    const { sys, folio } = withFile(1);
    folio(0).flags |= PG_locked;
    const { nrReclaimed, sc } = shrink(sys, [folio(0)]);
    expect([nrReclaimed, sc.nrScanned, isActive(folio(0))]).toEqual([0, 0, false]);
  });

  it("does not take what mlock holds: it goes to the unevictable list and is not made active", () => {
    const { sys, alice, fd, folio } = withFile(2);
    const a = alice.mmap(2 * PAGE, { fd, prot: "r" });
    alice.touch(a, 2 * PAGE, "r");
    alice.mlock(a, PAGE);
    const one = folio(0);
    one.flags &= ~PG_unevictable; // as isolated before it was locked
    lruAddDrainAll(sys);
    one.flags |= PG_mlocked;
    const { nrReclaimed } = shrink(sys, [one]);
    lruAddDrainAll(sys);
    expect([nrReclaimed, isActive(one)]).toEqual([0, false]);
    expect(one.flags & PG_unevictable).toBe(PG_unevictable);
  });

  it("keeps a mapped folio where nothing may be unmapped, and takes one that is not mapped", () => {
    const { sys, alice, fd, folio } = withFile(2);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    const { nrReclaimed, kept } = shrink(sys, [folio(0), folio(1)], { mayUnmap: false }, true);
    expect([nrReclaimed, kept]).toEqual([1, [folio(0)]]);
  });

  it("marks a folio under writeback, counts it and makes it active", () => {
    const { sys, folio } = withFile(1);
    const one = folio(0);
    one.flags |= PG_writeback;
    const first = shrink(sys, [one]);
    expect([first.nrReclaimed, first.stat.nrWriteback, first.stat.nrDirty, first.stat.nrCongested]).toEqual([
      0, 1, 1, 0,
    ]);
    expect(one.flags & (PG_reclaim | PG_active)).toBe(PG_reclaim | PG_active);
    const second = shrink(sys, [one]);
    expect([second.stat.nrWriteback, second.stat.nrCongested, second.stat.nrImmediate]).toEqual([1, 1, 0]);
  });

  it("tells kswapd apart that meets the same folio under writeback again, once the node is marked", () => {
    const { sys, folio } = withFile(1);
    folio(0).flags |= PG_writeback | PG_reclaim;
    expect(asKswapd(sys, () => shrink(sys, [folio(0)])).stat.nrImmediate).toBe(0);
    sys.pgdat.flags |= PGDAT_WRITEBACK;
    const { stat } = asKswapd(sys, () => shrink(sys, [folio(0)]));
    expect([stat.nrImmediate, stat.nrWriteback]).toEqual([1, 0]);
    expect(shrink(sys, [folio(0)]).stat.nrImmediate).toBe(0); // not kswapd
  });

  it("spares a page that was used once since the last look, and makes it active after two", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    folio(0).flags &= ~PG_referenced;
    const first = shrink(sys, [folio(0)]);
    expect([first.nrReclaimed, first.stat.nrRefKeep, isActive(folio(0))]).toEqual([0, 1, false]);
    alice.munmap(a, PAGE);
    const again = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(again, PAGE, "r");
    folio(0).flags |= PG_referenced;
    const second = shrink(sys, [folio(0)]);
    expect([second.nrReclaimed, second.stat.nrActivate, isActive(folio(0))]).toEqual([0, [0, 1], true]);
  });

  it("takes a page that is used, too, where use does not protect", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    expect(shrink(sys, [folio(0)], {}, true).nrReclaimed).toBe(1);
    expect(alice.touch(a, PAGE, "r")).toEqual({ minFlt: 0, majFlt: 1 });
  });

  it("makes anonymous memory active, since there is no swap; without __GFP_IO it does not even ask", () => {
    const { sys, alice } = withFile(1);
    const a = alice.mmap(PAGE);
    alice.touch(a, PAGE, "w");
    const folio = folioAt(alice, a);
    const { nrReclaimed, stat } = shrink(sys, [folio], {}, true);
    expect([nrReclaimed, stat.nrActivate, isActive(folio)]).toEqual([0, [1, 0], true]);
    shrink(sys, [folio], { gfpMask: GFP_NOIO }, true);
    expect(isActive(folio)).toBe(false);
    expect(folio.mapcount).toBe(1);
  });

  it("drops what MADV_FREE gave up, but not what was written since or is held by somebody", () => {
    const { sys, alice } = withFile(1);
    const a = alice.mmap(3 * PAGE);
    alice.touch(a, 3 * PAGE, "w");
    const [gone, written, held] = [0, 1, 2].map((i) => folioAt(alice, a + i * PAGE)) as [Folio, Folio, Folio];
    alice.madvise(a, 3 * PAGE, "FREE");
    lruAddDrainAll(sys);
    alice.store(a + PAGE, 1, 9);
    folioGet(held);
    const before = sys.vmStat.events[PGLAZYFREED]!;
    const { nrReclaimed, kept, stat } = shrink(sys, [gone, written, held], {}, true);
    expect([nrReclaimed, kept]).toEqual([1, [written, held]]);
    expect([stat.nrUnmapFail, stat.nrLazyfreeFail]).toEqual([2, 1]);
    expect(written.flags & PG_swapbacked).toBe(PG_swapbacked);
    expect(held.flags & PG_swapbacked).toBe(0);
    expect(sys.vmStat.events[PGLAZYFREED]! - before).toBe(1);
    expect(alice.load(a + PAGE)).toBe(9);
    folioPut(sys, held);
  });

  it("drops what was written to a MAP_DROPPABLE mapping, but as a dirty page: made active, and gone with its last hold", () => {
    const { machine, sys, alice } = withFile(1);
    const a = sysMmap(machine.kernel, alice.task, 0, PAGE, 3, MAP_DROPPABLE | MAP_ANONYMOUS);
    alice.store(a, 1, 9);
    const folio = folioAt(alice, a);
    const { nrReclaimed, stat } = shrink(sys, [folio], {}, true);
    expect([nrReclaimed, stat.nrActivate, sys.vmStat.nodeStat[NR_VMSCAN_IMMEDIATE]]).toEqual([0, [0, 1], 1]);
    expect([folio.refcount, folio.flags & (PG_active | PG_dirty)]).toEqual([0, 0]);
    expect(alice.load(a)).toBe(0);
  });

  it("never writes a dirty page of a file: it is marked, counted and made active, also for kswapd", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, shared: true });
    alice.store(a, 1, 5);
    const one = folio(0);
    const immediate = (): number => sys.vmStat.nodeStat[NR_VMSCAN_IMMEDIATE]!;
    const { nrReclaimed, stat } = shrink(sys, [one], {}, true);
    expect([nrReclaimed, stat.nrDirty, stat.nrUnqueuedDirty, immediate()]).toEqual([0, 1, 1, 1]);
    expect(one.flags & (PG_reclaim | PG_active | PG_dirty)).toBe(PG_reclaim | PG_active | PG_dirty);
    expect(one.mapcount).toBe(0); // but it is unmapped
    sys.pgdat.flags |= PGDAT_DIRTY;
    asKswapd(sys, () => shrink(sys, [one], {}, true));
    expect([immediate(), isActive(one), one.flags & PG_writeback]).toEqual([1, true, 0]);
    asKswapd(sys, () => shrink(sys, [one], { mayWritepage: false }, true));
    expect(isActive(one)).toBe(false); // may not even try
    asKswapd(sys, () => shrink(sys, [one], { gfpMask: GFP_KERNEL & ~__GFP_FS }, true));
    expect(isActive(one)).toBe(false);
    expect(alice.load(a)).toBe(5);
  });

  it("keeps shared memory that was written, and frees what was only read, without a shadow", () => {
    const { sys, alice } = withFile(1);
    const a = alice.mmap(2 * PAGE, { shared: true });
    alice.touch(a, PAGE, "r");
    alice.store(a + PAGE, 1, 3);
    const [read, written] = [0, 1].map((i) => folioAt(alice, a + i * PAGE)) as [Folio, Folio];
    const mapping = read.mapping;
    const { nrReclaimed, kept } = shrink(sys, [read, written], {}, true);
    expect([nrReclaimed, kept]).toEqual([1, [written]]);
    expect(written.flags & (PG_active | PG_reclaim)).toBe(PG_active);
    expect(mapping !== undefined && !mapping.isAnon && mapping.nrShadows).toBe(0);
    expect(alice.load(a + PAGE)).toBe(3);
  });

  it("keeps a clean page that somebody holds", () => {
    const { sys, folio } = withFile(1);
    folioGet(folio(0));
    const { nrReclaimed, kept } = shrink(sys, [folio(0)]);
    expect([nrReclaimed, kept.length, isActive(folio(0))]).toEqual([0, 1, false]);
    folioPut(sys, folio(0));
    expect(shrink(sys, [folio(0)]).nrReclaimed).toBe(1);
  });

  it("frees a large folio as a whole, with a shadow for each page", () => {
    const { sys, mapping, folio } = withFile(16, "16 MiB", 16 * PAGE);
    expect(folio(0).order).toBe(4);
    const { nrReclaimed, sc } = shrink(sys, [folio(0)]);
    expect([nrReclaimed, sc.nrScanned, mapping.nrShadows]).toEqual([16, 16, 16]);
  });

  it("counts what it makes active", () => {
    const { sys, folio } = withFile(2);
    folio(0).flags |= PG_writeback;
    folio(1).flags |= PG_writeback;
    const before = sys.vmStat.events[PGACTIVATE]!;
    shrink(sys, [folio(0), folio(1)]);
    expect(sys.vmStat.events[PGACTIVATE]! - before).toBe(2);
  });

  it("interrupts the other processor once for 31 pages and once for the rest", () => {
    const machine = boot({ ram: "16 MiB", cpus: 2 });
    const { sys } = machine.kernel;
    machine.kernel.files.writeFile("/data/f", new Uint8Array(40 * PAGE));
    const alice = machine.spawn("alice");
    const fd = alice.open("/data/f");
    const a = alice.mmap(40 * PAGE, { fd, prot: "r" });
    alice.touch(a, 40 * PAGE, "r");
    const folios = Array.from({ length: 40 }, (_, i) => folioAt(alice, a + i * PAGE));
    sys.thisCpu = 1; // somebody else reclaims
    const before = sys.vmStat.events[NR_TLB_REMOTE_FLUSH]!;
    expect(shrink(sys, folios, {}, true).nrReclaimed).toBe(40);
    expect(sys.vmStat.events[NR_TLB_REMOTE_FLUSH]! - before).toBe(2);
    sys.thisCpu = 0;
    expect(alice.touch(a, PAGE, "r").majFlt).toBe(1);
  });
});

describe("folioCheckReferences", () => {
  const sc = newScanControl({});

  it("judges by accessed bits and PG_referenced", () => {
    const { sys, alice, fd, folio } = withFile(1);
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_RECLAIM);
    folio(0).flags |= PG_referenced;
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_RECLAIM_CLEAN);
    expect(folio(0).flags & PG_referenced).toBe(0);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    folio(0).flags &= ~PG_referenced;
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_KEEP);
    expect(folio(0).flags & PG_referenced).toBe(PG_referenced);
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_RECLAIM_CLEAN); // the bits are cleared
  });

  it("makes active what two processes have used, and code that was run once", () => {
    const { sys, alice, fd, folio } = withFile(2);
    const a = alice.mmap(2 * PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    const bob = alice.fork("bob");
    bob.touch(a, PAGE, "r");
    folio(0).flags &= ~PG_referenced;
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_ACTIVATE);
    bob.exit();
    const code = alice.mmap(PAGE, { fd, prot: "rx", offset: PAGE });
    alice.touch(code, PAGE, "r");
    folio(1).flags &= ~PG_referenced;
    expect(folioCheckReferences(sys, folio(1), sc)).toBe(FOLIOREF_ACTIVATE);
  });

  it("makes active what a locked area maps, and says so to the folio", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    alice.mlock(a, PAGE);
    folio(0).flags &= ~PG_mlocked;
    expect(folioCheckReferences(sys, folio(0), sc)).toBe(FOLIOREF_ACTIVATE);
    expect(folio(0).flags & PG_mlocked).toBe(PG_mlocked);
  });

  it("lets anonymous memory go that only PG_referenced speaks for", () => {
    const { sys, alice } = withFile(1);
    const a = alice.mmap(PAGE);
    alice.touch(a, PAGE, "w");
    const folio = folioAt(alice, a);
    folioCheckReferences(sys, folio, sc); // clears the accessed bit
    folio.flags |= PG_referenced;
    expect(folioCheckReferences(sys, folio, sc)).toBe(FOLIOREF_RECLAIM);
  });
});
