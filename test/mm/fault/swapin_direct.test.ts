import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { __GFP_MEMALLOC, GFP_NOWAIT } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { ptePfn, ptePresent, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import "../../../lib/procfs/mount.js";

const PAGE = 4096;
const AT = 0x1000_0000_0000;
const PAGES = 32;
/** Takes the last block, too. */
const HARD = GFP_NOWAIT | __GFP_MEMALLOC;
const THP = "/sys/kernel/mm/transparent_hugepage";

let machine: Machine;
let p: Process;

/** 128 KiB in folios of `kB`, gone to zram in one piece each; then folios of `back` may come. */
function gone(kB: number, back = kB): void {
  machine = boot({ ram: "32 MiB", cpus: 1 });
  const { procfs } = machine;
  procfs.write("/sys/block/zram0/disksize", "16M");
  machine.mkswap("/dev/zram0");
  machine.swapon("/dev/zram0");
  procfs.write(`${THP}/hugepages-${kB}kB/enabled`, "always");
  p = machine.spawn("p");
  p.mmap(PAGES * PAGE, { at: AT, fixed: true });
  for (let page = 0; page < PAGES; page++) p.store(AT + page * PAGE, 4, 1000 + page);
  p.madvise(AT, PAGES * PAGE, "PAGEOUT");
  procfs.write(`${THP}/hugepages-${kB}kB/enabled`, "never");
  procfs.write(`${THP}/hugepages-${back}kB/enabled`, "always");
}

/** Order of the folio that page `page` is in, or -1 where it is in swap. */
function orderOf(page: number): number {
  const pte = ptepGet(p.mm.sys.ram, pteOffset(p.mm, AT + page * PAGE));
  return ptePresent(pte) ? pfnToPage(p.mm.sys, ptePfn(pte)).head.order : -1;
}
const orders = (): number[] => Array.from({ length: PAGES / 4 }, (_, i) => orderOf(4 * i));
const stat = (kB: number, name: string): number =>
  Number(machine.procfs.read(`${THP}/hugepages-${kB}kB/stats/${name}`));
function bytesAreRight(): void {
  for (let page = 0; page < PAGES; page++) expect(p.load(AT + page * PAGE, 4)).toBe(1000 + page);
}
const check = (): void => checkInvariants(p.mm.sys, [p.mm, machine.kernel.initMm]);

describe("swap-in past the cache", () => {
  it("reads a folio that went out in one piece as one, in one major fault", () => {
    gone(64);
    expect([stat(64, "swpout"), orders()]).toEqual([2, new Array(8).fill(-1)]);
    expect(p.touch(AT + 5 * PAGE, PAGE, "r")).toEqual({ minFlt: 0, majFlt: 1 });
    expect(orders()).toEqual([4, 4, 4, 4, -1, -1, -1, -1]);
    expect(stat(64, "swpin")).toBe(1);
    expect(p.touch(AT, 16 * PAGE, "r")).toEqual({ minFlt: 0, majFlt: 0 });
    check();
    expect(machine.procfs.status(p.pid).VmSwap).toBe(64);
    p.store(AT + 20 * PAGE, 4, 1020);
    expect([stat(64, "swpin"), stat(64, "swpin_fallback"), orderOf(31)]).toEqual([2, 0, 4]);
    expect(machine.procfs.read("/proc/swaps")).toMatch(/zram0\s+partition\s+\d+\s+0\s/);
    bytesAreRight();
    check();
  });

  it("reads smaller pieces where only those are allowed, or only those are whole", () => {
    gone(64, 32);
    p.touch(AT + 9 * PAGE, PAGE, "r");
    expect(orders().slice(0, 4)).toEqual([-1, -1, 3, 3]);
    check();
    gone(64);
    p.madvise(AT + 3 * PAGE, PAGE, "DONTNEED");
    machine.procfs.write(`${THP}/hugepages-16kB/enabled`, "always");
    p.touch(AT + 9 * PAGE, PAGE, "r");
    expect(orders().slice(0, 4)).toEqual([-1, -1, 2, -1]);
    p.store(AT + 3 * PAGE, 4, 1003);
    bytesAreRight();
    check();
  });

  it("reads single pages where no size is on, where a child has the slots as well, and after zswap", () => {
    gone(64);
    machine.procfs.write(`${THP}/hugepages-64kB/enabled`, "never");
    p.touch(AT, PAGE, "r");
    expect([orderOf(0), orderOf(1)]).toEqual([0, -1]);

    gone(64);
    const child = p.fork("child");
    p.touch(AT, PAGE, "r");
    expect([orderOf(0), orderOf(4)]).toEqual([0, -1]);
    child.exit();
    bytesAreRight();
    check();

    gone(64);
    machine.procfs.write("/sys/module/zswap/parameters/enabled", "Y");
    p.touch(AT, PAGE, "r");
    expect([orderOf(0), orderOf(4)]).toEqual([0, -1]);
  });

  it("counts where memory has no block of the size, and takes a smaller one", () => {
    gone(64);
    machine.procfs.write(`${THP}/hugepages-16kB/enabled`, "always");
    const { sys } = machine.kernel;
    const taken = [];
    for (let one = allocPages(sys, HARD, 2); one !== undefined; one = allocPages(sys, HARD, 2))
      taken.push(one);
    // Every second block is given back: none can grow.
    for (const one of taken) if ((one.pfn / 4) % 2 === 0) folioPut(sys, one);
    p.touch(AT, PAGE, "r");
    expect([stat(64, "swpin"), stat(64, "swpin_fallback"), orderOf(0)]).toEqual([0, 1, 2]);
    bytesAreRight();
    for (const one of taken) if ((one.pfn / 4) % 2 === 1) folioPut(sys, one);
    check();
  });
});
