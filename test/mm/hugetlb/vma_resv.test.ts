import { describe, expect, it } from "vitest";
import {
  clearVmaResvHugePages,
  HPG_RESTORE_RESERVE,
  hstateVma,
  hugetlbDupVmaPrivate,
  hugetlbInode,
  isHugeAligned,
  restoreReserveOnError,
  setVmaResv,
  vmaAddReservation,
  vmaCommitReservation,
  vmaHugecacheOffset,
  vmaNeedsReservation,
  vmaOffsetStart,
  vmaResv,
} from "../../../lib/mm/hugetlb/vma_resv.js";
import type { VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { HUGE, HugeWorld } from "./huge_world.js";

function mapped(shared: boolean, noreserve = false): { vma: VmAreaStruct; at: number; world: HugeWorld } {
  const world = new HugeWorld(4);
  const p = world.spawn();
  const at = p.mmap(3 * HUGE, { hugetlb: "2M", shared, noreserve });
  return { vma: p.mm.mmMt.lookup(at)!, at, world };
}

describe("what a mapping of huge pages was promised", () => {
  it.each([true, false])("is all of it (shared: %s), until a page is taken", (shared) => {
    const { vma, at } = mapped(shared);
    expect(vmaNeedsReservation(vma, at + HUGE)).toBe(0);
    vmaCommitReservation(vma, at + HUGE);
    expect(vmaNeedsReservation(vma, at + HUGE)).toBe(shared ? 0 : 1);
    vmaAddReservation(vma, at + HUGE);
    expect(vmaNeedsReservation(vma, at + HUGE)).toBe(0);
    expect([vmaHugecacheOffset(vma, at + HUGE + 5), hstateVma(vma).order]).toEqual([1, 9]);
  });

  it("is nothing with MAP_NORESERVE, and for a child", () => {
    const { vma, at } = mapped(false, true);
    expect([vmaNeedsReservation(vma, at), vmaResv(vma).owner]).toEqual([1, false]);
    const other = mapped(false);
    expect(vmaResv(other.vma)).toMatchObject({ owner: true, unmapped: false });
    setVmaResv(other.vma, { unmapped: true });
    expect(vmaResv(other.vma)).toMatchObject({ owner: true, unmapped: true });
    const { map } = vmaResv(other.vma);
    map!.refs++;
    clearVmaResvHugePages(other.vma);
    expect([map!.refs, vmaResv(other.vma).owner]).toEqual([1, false]);
    hugetlbDupVmaPrivate(other.vma);
    expect(vmaNeedsReservation(other.vma, other.at)).toBe(1);
  });

  it("is put back as it was when an allocated page is not used", () => {
    const { vma, at, world } = mapped(false);
    const folio = world.machine.kernel.sys.hugetlb.defaultHstate.hugepageFreelist[0]!;
    vmaCommitReservation(vma, at);
    folio.private = HPG_RESTORE_RESERVE;
    restoreReserveOnError(vma, at, folio);
    expect(vmaNeedsReservation(vma, at)).toBe(0);
    folio.private = 0;
    restoreReserveOnError(vma, at, folio);
    expect(vmaNeedsReservation(vma, at)).toBe(1);
  });

  it("knows whole huge pages and where a page of the file lies", () => {
    const { vma, at } = mapped(true);
    expect([isHugeAligned(vma, at, at + HUGE), isHugeAligned(vma, at, at + 4096)]).toEqual([true, false]);
    expect([vmaOffsetStart(vma, 512), vmaOffsetStart(vma, 0)]).toEqual([at + HUGE, at]);
    expect(hugetlbInode(vma).resvMap.regions).toEqual([{ from: 0, to: 3 }]);
  });
});
