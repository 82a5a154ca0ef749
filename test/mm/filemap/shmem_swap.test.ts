import { beforeEach, describe, expect, it } from "vitest";
import type { BlockDevice } from "../../../lib/hw/block_device.js";
import { sysMadvise } from "../../../lib/kernel/syscalls/mm.js";
import { sysFork } from "../../../lib/kernel/syscalls/process.js";
import type { Task } from "../../../lib/kernel/task.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { mappingGfpMask } from "../../../lib/mm/filemap/address_space.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { shmemPartialSwapUsage, shmemSwapin, shmemUnuse } from "../../../lib/mm/filemap/shmem_swap.js";
import { truncatePagecacheRange, truncateSetsize } from "../../../lib/mm/filemap/truncate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { PG_dirty } from "../../../lib/mm/pages/folio.js";
import { swpOffset } from "../../../lib/mm/pgtable/swapops.js";
import { SWAP_HAS_CACHE, SWAP_MAP_SHMEM, type SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";
import { Zram } from "../../../lib/mm/swap/zram.js";
import { doMincore } from "../../../lib/mm/vma/mincore.js";
import { MADV } from "../../../lib/mm/vma/mman.js";
import { PGMAJFAULT, PSWPIN, PSWPOUT } from "../../../lib/mm/vmstat.js";
import { pidSmaps } from "../../../lib/procfs/smaps.js";
import { at, kernel, map, mm, PAGE, task, useArena } from "../arena.js";
import { reclaimAll, whileAllocating } from "../pressure.js";
import { dropSwapCache, swapArea } from "../swap/area.js";

useArena();

const SHARED = 0x31;
let si: SwapInfoStruct;
let file: AddressSpace;

/** Eight pages of shared memory, page i written with i + 1. */
function share(): void {
  file = map(0, 8, 3, SHARED).vmFile!.fMapping;
  for (let page = 0; page < 8; page++) task.store(at(page), 1, page + 1);
  lruAddDrainAll(kernel.sys);
}

/** MADV_PAGEOUT of pages [first, end); all that it sent has arrived, and the swap cache is empty. */
function pageout(first = 0, end = 8): void {
  expect(sysMadvise(kernel, task, at(first), (end - first) * PAGE, MADV.PAGEOUT)).toBe(0);
  arrive();
  dropSwapCache(kernel, si);
}

function arrive(): void {
  kernel.sys.sched.waitUntil("io", () => device().inFlight === 0);
}

const device = (): BlockDevice => si.bdev.device ?? ({ inFlight: 0 } as BlockDevice);
const swapped = (): number[] => [...file.swapEntries.keys()].sort((a, b) => a - b);
const check = (...mms: Task[]): void =>
  checkInvariants(kernel.sys, [mm, kernel.initMm, ...mms.map((one) => one.mm!)]);
const event = (item: number): number => kernel.sys.vmStat.events[item]!;
const values = (who = task): number[] => Array.from({ length: 8 }, (_, page) => who.load(at(page), 1));
const mincore = (): number[] => {
  const all: number[] = [];
  doMincore(mm, at(0), 8 * PAGE, (pages) => {
    all.push(...pages);
    return 0;
  });
  return all;
};

describe("shared memory in swap", () => {
  beforeEach(() => {
    si = swapArea(kernel, 512);
    share();
  });

  it("leaves its file, whose places name slots that nobody counts", () => {
    pageout(0, 8);
    expect(swapped()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(file.pages.size).toBe(0);
    for (const entry of file.swapEntries.values())
      expect(si.swapMap[swpOffset(entry)]! | SWAP_HAS_CACHE).toBe(SWAP_MAP_SHMEM | SWAP_HAS_CACHE);
    expect(event(PSWPOUT)).toBe(8);
    check();
  });

  it("comes back at a touch, dirty, and gives its slot up though it was only read", () => {
    pageout();
    const majors = event(PGMAJFAULT);
    expect(values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(event(PGMAJFAULT)).toBeGreaterThan(majors);
    expect(event(PSWPIN)).toBe(8);
    expect(swapped()).toEqual([]);
    expect([...file.pages.values()].every(({ flags }) => (flags & PG_dirty) !== 0)).toBe(true);
    expect(si.inusePages).toBe(0);
    check();
  });

  it("is one for parent and child, whoever of them brings it back", () => {
    const child = sysFork(kernel, task) as Task;
    child.store(at(3), 1, 77);
    lruAddDrainAll(kernel.sys);
    sysMadvise(kernel, child, at(0), 8 * PAGE, MADV.PAGEOUT); // mapped twice in part
    pageout();
    check(child);
    expect(values(child)).toEqual([1, 2, 3, 77, 5, 6, 7, 8]);
    expect(values()).toEqual(values(child));
    check(child);
  });

  it("is read and written through the file as well, a part of a page at a time", () => {
    pageout();
    const vmFile = mm.mmMt.lookup(at(0))!.vmFile! as unknown as {
      read(pos: number, to: Uint8Array): number;
      write(pos: number, bytes: Uint8Array): number;
    };
    const bytes = new Uint8Array(2);
    expect(vmFile.read(2 * PAGE, bytes)).toBe(2);
    expect([...bytes]).toEqual([3, 0]);
    expect(vmFile.write(4 * PAGE + 1, Uint8Array.of(9))).toBe(1);
    expect([task.load(at(4), 1), task.load(at(4) + 1, 1)]).toEqual([5, 9]);
    check();
  });

  it("gives its slots up when the file becomes shorter or gets a hole; the rest of a page is zeroed", () => {
    pageout();
    truncatePagecacheRange(file, PAGE, 3 * PAGE - 1);
    expect(swapped()).toEqual([0, 3, 4, 5, 6, 7]);
    truncateSetsize(file, 5 * PAGE + 1);
    expect(swapped()).toEqual([0, 3, 4]);
    check();
    expect([0, 1, 2, 3, 4, 5].map((page) => task.load(at(page), 1))).toEqual([1, 0, 0, 4, 5, 6]);
    truncateSetsize(file, 0);
    expect(si.inusePages).toBe(0);
    check();
  });

  it("does not outlive the end of its file because it went to swap while that was being moved", () => {
    pageout(3, 4);
    const gone = whileAllocating(kernel.sys, mappingGfpMask(file), () => reclaimAll(kernel.sys));
    truncateSetsize(file, 3 * PAGE + 100); // the rest of page 3 is needed from swap
    expect(gone()).toBe(true);
    expect([[...file.pages.keys()], swapped()]).toEqual([[3], [0, 1, 2]]);
    truncateSetsize(file, 8 * PAGE);
    expect(values()).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    check();
  });

  it("is brought back by swapoff as a whole", () => {
    pageout();
    expect(shmemUnuse(kernel.sys, 1)).toBe(0);
    expect(swapped()).toHaveLength(8);
    expect(shmemUnuse(kernel.sys, 0)).toBe(0);
    expect([swapped(), si.inusePages, kernel.sys.shmemSwaplist.size]).toEqual([[], 0, 0]);
    expect(values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    check();
  });

  it("counts as Swap in smaps, and as in core for mincore only while the swap cache has it", () => {
    pageout(0, 4);
    expect(shmemPartialSwapUsage(file, 2, 8)).toBe(2);
    expect(/^Swap: +(\d+) kB$/m.exec(pidSmaps(mm))![1]).toBe("16");
    expect(mincore()).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(sysMadvise(kernel, task, at(1), PAGE, MADV.WILLNEED)).toBe(0);
    arrive();
    expect(mincore()).toEqual([0, 1, 0, 0, 1, 1, 1, 1]);
    expect(swapped()).toEqual([0, 1, 2, 3]);
    check();
  });

  it("is lost where it cannot be read: SIGBUS for who touches it, -EIO for who reads the file", () => {
    kernel.sys.sysctl.pageCluster = 0;
    pageout();
    task.signal.handlers.set("SIGBUS", () => {});
    device().failRequests("read");
    expect(() => task.load(at(2), 1)).toThrow(/SIGBUS/);
    expect(() => task.load(at(2), 1)).toThrow(/SIGBUS/);
    expect(shmemSwapin(file, 2)).toBe(-5);
    check();
    truncateSetsize(file, 0);
    expect(si.inusePages).toBe(0);
    check();
  });

  it("stays in memory where it cannot be written, and is written again later", () => {
    device().failRequests("write", 0, 1e9, 8);
    sysMadvise(kernel, task, at(0), 8 * PAGE, MADV.PAGEOUT);
    arrive();
    check();
    expect(event(PSWPIN)).toBe(0);
    expect(values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(event(PSWPIN)).toBe(0);
    pageout();
    expect(values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    check();
  });
});

describe("shared memory in zram", () => {
  it("goes out and comes back without the swap cache", () => {
    const zram = new Zram(kernel.sys, "zram0");
    expect(zram.setDisksize(512 * PAGE)).toBe(0);
    si = swapArea(kernel, 512, zram);
    share();
    pageout();
    expect(swapped()).toHaveLength(8);
    check();
    expect(values()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([swapped(), si.inusePages]).toEqual([[], 0]);
    check();
  });
});
