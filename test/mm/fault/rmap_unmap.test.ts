import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  newTlbflushUnmapBatch,
  tryToUnmap,
  tryToUnmapFlush,
  tryToUnmapFlushDirty,
} from "../../../lib/mm/fault/rmap_unmap.js";
import { MM_FILEPAGES } from "../../../lib/mm/mm_types.js";
import { folioMapped, PG_dirty, PG_mlocked } from "../../../lib/mm/pages/folio.js";
import { NR_TLB_REMOTE_FLUSH } from "../../../lib/mm/vmstat.js";
import { folioAt, PAGE, withFile } from "../lru/isolated.js";

describe("tryToUnmap", () => {
  it("takes a page of a file from all who map it, and what they wrote makes it dirty", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, shared: true });
    alice.store(a, 1, 9);
    const bob = alice.fork("bob");
    bob.load(a);
    folio(0).flags &= ~PG_dirty;
    tryToUnmap(sys, folio(0));
    expect(folioMapped(folio(0))).toBe(false);
    expect([alice, bob].map(({ mm }) => mm.rssStat[MM_FILEPAGES])).toEqual([0, 0]);
    expect(folio(0).flags & PG_dirty).toBe(PG_dirty);
    expect([alice.load(a), bob.load(a)]).toEqual([9, 9]); // a minor fault finds it again
  });

  it("stops at a locked area and marks the folio", () => {
    const { sys, alice, fd, folio } = withFile(1);
    const a = alice.mmap(PAGE, { fd, prot: "r" });
    alice.touch(a, PAGE, "r");
    alice.mlock(a, PAGE);
    folio(0).flags &= ~PG_mlocked;
    tryToUnmap(sys, folio(0));
    expect([folioMapped(folio(0)), folio(0).flags & PG_mlocked]).toEqual([true, PG_mlocked]);
  });

  it("leaves anonymous memory that nobody has given up", () => {
    const { sys, alice } = withFile(1);
    const a = alice.mmap(PAGE);
    alice.store(a, 1, 4);
    const folio = folioAt(alice, a);
    tryToUnmap(sys, folio);
    expect([folioMapped(folio), alice.load(a)]).toEqual([true, 4]);
  });
});

describe("a flush that is put off", () => {
  function twoCpus() {
    const machine = boot({ ram: "16 MiB", cpus: 2 });
    const { sys } = machine.kernel;
    machine.kernel.files.writeFile("/data/f", new Uint8Array(4 * PAGE));
    const alice = machine.spawn("alice");
    const a = alice.mmap(4 * PAGE, { fd: alice.open("/data/f", { writable: true }), shared: true });
    alice.touch(a, 2 * PAGE, "r");
    alice.store(a + 2 * PAGE, 1, 1);
    const folios = [0, 1, 2].map((i) => folioAt(alice, a + i * PAGE));
    sys.thisCpu = 1;
    return { sys, folios, flushes: () => sys.vmStat.events[NR_TLB_REMOTE_FLUSH]! };
  }

  it("interrupts the other processor once for several pages", () => {
    const { sys, folios, flushes } = twoCpus();
    const batch = newTlbflushUnmapBatch();
    const before = flushes();
    tryToUnmap(sys, folios[0]!, batch);
    tryToUnmap(sys, folios[1]!, batch);
    expect([flushes() - before, [...batch.cpumask]]).toEqual([0, [0]]);
    tryToUnmapFlush(sys, batch);
    tryToUnmapFlush(sys, batch);
    expect([flushes() - before, batch.cpumask.size]).toEqual([1, 0]);
  });

  it("is done early where a page could still be written", () => {
    const { sys, folios, flushes } = twoCpus();
    const batch = newTlbflushUnmapBatch();
    const before = flushes();
    tryToUnmap(sys, folios[0]!, batch);
    tryToUnmapFlushDirty(sys, batch);
    expect(flushes() - before).toBe(0);
    tryToUnmap(sys, folios[2]!, batch);
    tryToUnmapFlushDirty(sys, batch);
    expect([flushes() - before, batch.writable]).toEqual([1, false]);
  });
});
