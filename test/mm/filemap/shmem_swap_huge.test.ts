import { describe, expect, it } from "vitest";
import type { BlockDevice } from "../../../lib/hw/block_device.js";
import { sysMadvise, sysMmap } from "../../../lib/kernel/syscalls/mm.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { truncatePagecacheRange } from "../../../lib/mm/filemap/truncate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { Zram } from "../../../lib/mm/swap/zram.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { PSWPOUT, THP_SPLIT_PAGE, THP_SWPOUT } from "../../../lib/mm/vmstat.js";
import { kernel, mm, PAGE, task, useArena } from "../arena.js";
import { dropSwapCache, swapArea } from "../swap/area.js";

useArena();

let si: SwapInfoStruct;
let file: AddressSpace;
const device = (): BlockDevice => si.bdev.device ?? ({ inFlight: 0 } as BlockDevice);
const arrive = (): void => {
  kernel.sys.sched.waitUntil("io", () => device().inFlight === 0);
};
const check = (): void => checkInvariants(kernel.sys, [mm, kernel.initMm]);
const event = (item: number): number => kernel.sys.vmStat.events[item]!;

/** A file of 2 MiB in one folio, written page by page. */
function shareHuge(): void {
  kernel.sys.thp.shmemEnabled = "force";
  const base = 0x2000_0000_0000;
  expect(sysMmap(kernel, task, base, 2 ** 21, 3, 0x31, -1, 0)).toBe(base);
  file = mm.mmMt.find(base)!.vmFile!.fMapping;
  for (let page = 0; page < 512; page++) task.store(base + page * PAGE, 1, (page + 1) & 255);
  kernel.sys.thp.shmemEnabled = "never";
  lruAddDrainAll(kernel.sys);
}

const HUGE_AT = 0x2000_0000_0000;
const hugeBytes = (): boolean =>
  Array.from({ length: 512 }, (_, page) => task.load(HUGE_AT + page * PAGE, 1) === ((page + 1) & 255)).every(
    Boolean,
  );

describe("a huge page of shared memory", () => {
  it("goes to swap whole, and comes back page by page from a device with a queue", () => {
    si = swapArea(kernel, 2048);
    shareHuge();
    expect(sysMadvise(kernel, task, HUGE_AT, 2 ** 21, MADV.PAGEOUT)).toBe(0);
    arrive();
    dropSwapCache(kernel, si);
    expect([file.pages.size, file.swapEntries.size, [...file.swapOrders]]).toEqual([0, 512, [[0, 9]]]);
    expect([event(THP_SWPOUT), event(THP_SPLIT_PAGE), event(PSWPOUT)]).toEqual([1, 0, 512]);
    check();
    expect([task.load(HUGE_AT + 70 * PAGE, 1), file.pages.get(70)!.order]).toEqual([71, 0]);
    expect(file.swapOrders.size).toBe(8);
    check();
    expect(hugeBytes()).toBe(true);
    expect([file.swapEntries.size, file.swapOrders.size]).toEqual([0, 0]);
    check();
  });

  it("is split where no slots lie side by side, or the file ends in it", () => {
    si = swapArea(kernel, 400);
    shareHuge();
    sysMadvise(kernel, task, HUGE_AT, 2 ** 21, MADV.PAGEOUT);
    arrive();
    expect([event(THP_SWPOUT), event(THP_SPLIT_PAGE), file.swapOrders.size]).toEqual([0, 1, 0]);
    expect(file.swapEntries.size).toBeGreaterThan(300);
    check();
    expect(hugeBytes()).toBe(true);
    check();
  });

  it("comes back whole from zram, and a hole in it cuts it there", () => {
    const zram = new Zram(kernel.sys, "zram0");
    expect(zram.setDisksize(4096 * PAGE)).toBe(0);
    si = swapArea(kernel, 4096, zram);
    shareHuge();
    sysMadvise(kernel, task, HUGE_AT, 2 ** 21, MADV.PAGEOUT);
    expect([...file.swapOrders]).toEqual([[0, 9]]);
    task.load(HUGE_AT + 70 * PAGE, 1);
    expect([file.pages.get(0)!.order, file.swapEntries.size, file.swapOrders.size]).toEqual([9, 0, 0]);
    expect(hugeBytes()).toBe(true);
    check();
    sysMadvise(kernel, task, HUGE_AT, 2 ** 21, MADV.PAGEOUT);
    truncatePagecacheRange(file, 100 * PAGE, 200 * PAGE - 1);
    expect(file.swapEntries.size).toBe(412);
    check();
    expect([task.load(HUGE_AT + 99 * PAGE, 1), task.load(HUGE_AT + 100 * PAGE, 1)]).toEqual([100, 0]);
    expect([task.load(HUGE_AT + 199 * PAGE, 1), task.load(HUGE_AT + 200 * PAGE, 1)]).toEqual([0, 201]);
    check();
  });
});
