import { beforeEach, describe, expect, it } from "vitest";
import { PG_dirty, PG_locked, PG_reclaim, PG_uptodate, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { blkFinishPlug, blkFlushPlug, blkStartPlug, swapWriteout } from "../../../lib/mm/swap/page_io.js";
import { readSwapCacheAsync } from "../../../lib/mm/swap/swap_readahead.js";
import { swapCacheGetFolio } from "../../../lib/mm/swap/swap_state.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import {
  globalNodePageState,
  NR_VMSCAN_WRITE,
  NR_WRITEBACK,
  PGPGIN,
  PGPGOUT,
  PSWPIN,
  PSWPOUT,
  SWPIN_ZERO,
  SWPOUT_ZERO,
} from "../../../lib/mm/vmstat.js";
import { at, kernel, map, mm, task, useArena } from "../arena.js";
import { swapArea } from "./area.js";
import { counted, entryOf, evict, folioOf, pageout, slotOf, touch } from "./paged_out.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 1024);
  map(0, 40);
});

const bytesOnDevice = (slot: number): Uint8Array => {
  const bytes = new Uint8Array(4096);
  si.bdev.device!.read(slot, bytes);
  return bytes;
};

describe("swapWriteout", () => {
  it("sends the page to its slot and back: not dirty while it is written, and the same bytes", () => {
    touch(0, 1, 77);
    pageout(0, 1, false);
    const folio = swapCacheGetFolio(kernel.sys, entryOf(0))!;
    expect(folio.flags & (PG_writeback | PG_dirty | PG_reclaim)).toBe(PG_writeback | PG_reclaim);
    expect(globalNodePageState(kernel.sys, NR_WRITEBACK)).toBe(1);
    kernel.sched.settle();
    expect(folio.flags & (PG_writeback | PG_dirty | PG_reclaim)).toBe(0);
    expect([bytesOnDevice(slotOf(0))[0], globalNodePageState(kernel.sys, NR_WRITEBACK)]).toEqual([77, 0]);
    expect([counted(PSWPOUT), globalNodePageState(kernel.sys, NR_VMSCAN_WRITE)]).toEqual([1, 1]);
    folioPut(kernel.sys, folio);
    evict(si);
    expect(task.load(at(0), 1)).toBe(77);
    expect(counted(PSWPIN)).toBe(1);
  });

  it("counts kilobytes that go to and come from the device", () => {
    touch(0, 8, 5);
    const [out, back] = [counted(PGPGOUT), counted(PGPGIN)];
    pageout(0, 8);
    expect(counted(PGPGOUT) - out).toBe(32);
    evict(si);
    task.load(at(0), 1);
    kernel.sched.settle();
    expect(counted(PGPGIN) - back).toBe(20); // with the pages around it: 0 to 4
  });

  it("notes that a page is all zeros, and sends nothing", () => {
    touch(0, 2, 0);
    pageout(0, 2);
    expect([si.bdev.device!.writeBlocks, counted(SWPOUT_ZERO), counted(PSWPOUT)]).toEqual([0, 2, 0]);
    expect([...si.zeromap.subarray(1, 3)]).toEqual([1, 1]);
    expect(task.load(at(1), 1)).toBe(0);
    evict(si);
    expect(task.load(at(0), 1)).toBe(0);
    expect([counted(SWPIN_ZERO) > 0, counted(PSWPIN), si.bdev.device!.readBlocks]).toEqual([true, 0, 0]);
  });

  it("sends a page with one byte at its end", () => {
    task.store(at(0) + 4095, 1, 9);
    pageout(0, 1);
    evict(si);
    expect([si.bdev.device!.writeBlocks, task.load(at(0) + 4095, 1)]).toEqual([1, 9]);
  });

  it("forgets the zero mark when the slot gets other bytes", () => {
    touch(0, 1, 0);
    pageout(0, 1);
    task.load(at(0), 1); // the slot is kept
    expect(si.zeromap[1]).toBe(1);
    const folio = folioOf(0);
    kernel.sys.ram.frame(folio.pfn)[0] = 3;
    si.swapMap[1]!++; // somebody else needs the slot: it cannot be given up
    swapWriteout(kernel.sys, folio);
    expect(si.zeromap[1]).toBe(0);
    si.swapMap[1]!--;
  });

  it("gives the slot up instead when nobody needs it any more", () => {
    touch(0, 1, 4);
    pageout(0, 1);
    task.load(at(0), 1);
    swapWriteout(kernel.sys, folioOf(0));
    expect([si.inusePages, counted(PSWPOUT)]).toEqual([0, 1]);
  });
});

describe("a device that fails", () => {
  it("to write: the page is dirty again, stays, and is written another time", () => {
    touch(0, 1, 6);
    si.bdev.device!.failRequests("write");
    pageout(0, 1);
    const folio = swapCacheGetFolio(kernel.sys, entryOf(0))!;
    expect(folio.flags & (PG_dirty | PG_writeback | PG_reclaim)).toBe(PG_dirty);
    folioPut(kernel.sys, folio);
    evict(si); // cannot: it is dirty
    expect(task.load(at(0), 1)).toBe(6);
    expect(mm.rssStat[2]).toBe(0);
  });

  it("to read: the folio has no bytes, and who needs them is told", () => {
    touch(0, 1, 6);
    pageout(0, 1);
    evict(si);
    si.bdev.device!.failRequests("read");
    const folio = readSwapCacheAsync(kernel.sys, entryOf(0), GFP_HIGHUSER_MOVABLE)!;
    expect(folio.flags & (PG_locked | PG_uptodate)).toBe(PG_locked);
    kernel.sched.settle();
    expect(folio.flags & (PG_locked | PG_uptodate)).toBe(0);
    folioPut(kernel.sys, folio);
  });
});

describe("a plug", () => {
  it("makes one request of neighbours, and begins another for what is elsewhere", () => {
    touch(0, 30, 8);
    pageout(0, 10);
    expect(si.bdev.device!.writeRequests).toBe(1);
    evict(si);
    const plug = blkStartPlug(kernel.sys);
    const before = si.bdev.device!.readRequests;
    for (const page of [0, 1, 2, 5, 6])
      folioPut(kernel.sys, readSwapCacheAsync(kernel.sys, entryOf(page), GFP_HIGHUSER_MOVABLE)!);
    expect(si.bdev.device!.readRequests).toBe(before);
    blkFinishPlug(kernel.sys, plug);
    expect(si.bdev.device!.readRequests - before).toBe(2);
    expect(kernel.sys.swap.plug).toBeUndefined();
  });

  it("belongs to who began it: an inner one neither sends nor ends it", () => {
    touch(0, 4, 8);
    pageout(0, 4);
    evict(si);
    const outer = blkStartPlug(kernel.sys);
    const inner = blkStartPlug(kernel.sys);
    folioPut(kernel.sys, readSwapCacheAsync(kernel.sys, entryOf(0), GFP_HIGHUSER_MOVABLE)!);
    blkFinishPlug(kernel.sys, inner);
    expect([outer, inner, kernel.sys.swap.plug!.length]).toEqual([true, false, 1]);
    blkFlushPlug(kernel.sys);
    expect(kernel.sys.swap.plug).toEqual([]);
    blkFinishPlug(kernel.sys, outer);
  });

  it("is sent when it holds 32 pages, and when who has it must wait", () => {
    touch(0, 40, 8);
    pageout(0, 40);
    evict(si);
    const { device } = si.bdev;
    const plug = blkStartPlug(kernel.sys);
    for (let page = 0; page < 33; page++)
      folioPut(kernel.sys, readSwapCacheAsync(kernel.sys, entryOf(page), GFP_HIGHUSER_MOVABLE)!);
    expect([device!.readRequests, kernel.sys.swap.plug!.length]).toEqual([1, 1]);
    kernel.sched.waitUntil("io", () => device!.readRequests === 2 && device!.inFlight === 0);
    blkFinishPlug(kernel.sys, plug);
  });
});
