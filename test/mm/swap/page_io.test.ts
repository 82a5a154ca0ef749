import { beforeEach, describe, expect, it } from "vitest";
import { type Folio, PG_dirty, PG_locked, PG_uptodate, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import {
  blkFinishPlug,
  blkFlushPlug,
  blkStartPlug,
  swapReadFolio,
  swapWriteout,
  swapWritepage,
} from "../../../lib/mm/swap/page_io.js";
import { swapDuplicate } from "../../../lib/mm/swap/swap_map.js";
import { folioSwap } from "../../../lib/mm/swap/swap_state.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { folioAllocSwap } from "../../../lib/mm/swap/swapfile.js";
import { PSWPIN, PSWPOUT, SWPIN_ZERO, SWPOUT_ZERO } from "../../../lib/mm/vmstat.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

let si: SwapInfoStruct;
beforeEach(() => {
  si = swapArea(kernel, 1000);
});

const event = (item: number): number => kernel.sys.vmStat.events[item]!;
const has = (folio: Folio, flag: number): boolean => (folio.flags & flag) !== 0;
const finish = (): void => kernel.sys.sched.waitUntil("io", () => si.bdev.device!.inFlight === 0);

/** A folio full of `byte` in the swap cache, whose slot an entry needs. */
function cached(byte: number): Folio {
  const { sys } = kernel;
  const folio = allocPages(sys, GFP_KERNEL)!;
  sys.ram.frame(folio.pfn).fill(byte);
  folio.flags |= PG_uptodate;
  expect(folioAllocSwap(sys, folio)).toBe(true);
  expect(swapDuplicate(sys, folioSwap(folio))).toBe(0);
  return folio;
}

describe("swapWriteout", () => {
  it("writes, and what is read afterwards is the same", () => {
    const { sys } = kernel;
    const folio = cached(7);
    swapWriteout(sys, folio);
    expect([has(folio, PG_writeback), event(PSWPOUT)]).toEqual([true, 1]);
    finish();
    expect([has(folio, PG_writeback), has(folio, PG_dirty)]).toEqual([false, false]);
    sys.ram.frame(folio.pfn).fill(0);
    folio.flags &= ~PG_uptodate;
    swapReadFolio(sys, folio);
    expect([has(folio, PG_locked), has(folio, PG_uptodate)]).toEqual([true, false]);
    finish();
    expect([has(folio, PG_locked), has(folio, PG_uptodate), event(PSWPIN)]).toEqual([false, true, 1]);
    expect(sys.ram.frame(folio.pfn).every((byte) => byte === 7)).toBe(true);
  });

  it("needs no device for zeros, in either direction", () => {
    const { sys } = kernel;
    const folio = cached(0);
    swapWriteout(sys, folio);
    expect([si.zeromap[1], si.bdev.device!.inFlight]).toEqual([1, 0]);
    sys.ram.frame(folio.pfn).fill(9);
    swapReadFolio(sys, folio);
    expect(sys.ram.frame(folio.pfn).every((byte) => byte === 0)).toBe(true);
    expect([PSWPOUT, PSWPIN, SWPOUT_ZERO, SWPIN_ZERO].map(event)).toEqual([0, 0, 1, 1]);
  });

  it("does not take one last byte for zeros, and forgets that a slot was zeros", () => {
    const { sys } = kernel;
    const folio = cached(0);
    swapWriteout(sys, folio);
    sys.ram.frame(folio.pfn)[4095] = 1;
    swapWriteout(sys, folio);
    expect([si.zeromap[1], event(PSWPOUT)]).toEqual([0, 1]);
  });

  it("gives a slot up that nobody needs instead", () => {
    const { sys } = kernel;
    const folio = cached(3);
    sys.parts.swapEntryPut(sys, si, 1, 1);
    swapWriteout(sys, folio);
    expect([si.inusePages, event(PSWPOUT), has(folio, PG_dirty)]).toEqual([0, 0, true]);
  });
});

describe("an I/O error", () => {
  it("leaves a page that could not be written dirty", () => {
    const folio = cached(1);
    si.bdev.device!.failRequests("write");
    swapWritepage(kernel.sys, folio);
    finish();
    expect([has(folio, PG_dirty), has(folio, PG_writeback)]).toEqual([true, false]);
  });

  it("leaves a page that could not be read without its bytes, and unlocked", () => {
    const folio = cached(1);
    folio.flags &= ~PG_uptodate;
    si.bdev.device!.failRequests("read");
    swapReadFolio(kernel.sys, folio);
    finish();
    expect([has(folio, PG_uptodate), has(folio, PG_locked)]).toEqual([false, false]);
  });
});

describe("a plug", () => {
  it("makes one request of neighbours, and another of what is elsewhere", () => {
    const { sys } = kernel;
    const folios = [1, 2, 3, 4, 5].map(cached);
    const started = blkStartPlug(sys);
    expect([started, blkStartPlug(sys)]).toEqual([true, false]);
    for (const i of [0, 1, 2, 4]) swapWriteout(sys, folios[i]!);
    expect(si.bdev.device!.inFlight).toBe(0);
    blkFinishPlug(sys, false);
    expect(sys.swap.plug!.length).toBe(4);
    blkFinishPlug(sys, true);
    expect([si.bdev.device!.inFlight, sys.swap.plug]).toEqual([2, undefined]);
    finish();
    expect(folios.some((folio) => has(folio, PG_writeback))).toBe(false);
  });

  it("is sent when who has it must wait, and stays in place", () => {
    const { sys } = kernel;
    blkStartPlug(sys);
    swapWriteout(sys, cached(1));
    blkFlushPlug(sys);
    expect([si.bdev.device!.inFlight, sys.swap.plug]).toEqual([1, []]);
    blkFinishPlug(sys, true);
  });
});
