import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { FreeLinks, MAX_PAGE_ORDER, Zone } from "../../../lib/mm/pages/buddy.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";

/** A zone of frames 0 to 15, given as one block of order 4. */
function zoneOf16(): Zone {
  const zone = new Zone("Test", 0, 16, new FreeLinks(16));
  zone.freeOnePage(0, 4);
  return zone;
}

/** Number of free blocks of orders 0 to 4. */
function blocks(zone: Zone): number[] {
  return zone.freeArea.slice(0, 5).map((area) => area.nrFree);
}

describe("Zone", () => {
  it("splits the only block of 16 down to one frame and keeps the upper halves", () => {
    const zone = zoneOf16();
    expect(zone.rmqueueSmallest(0)).toBe(0);
    expect(blocks(zone)).toEqual([1, 1, 1, 1, 0]); // 1; 2-3; 4-7; 8-15
    expect(zone.nrFreePages).toBe(15);
  });

  it("takes the smallest block that is large enough", () => {
    const zone = zoneOf16();
    zone.rmqueueSmallest(0);
    expect(zone.rmqueueSmallest(0)).toBe(1);
    expect(zone.rmqueueSmallest(1)).toBe(2);
    expect(zone.rmqueueSmallest(1)).toBe(4); // no block of 2 is left: 4-7 is split
    expect(blocks(zone)).toEqual([0, 1, 0, 1, 0]); // 6-7; 8-15
  });

  it("merges a freed frame with its free buddies up to the whole block", () => {
    const zone = zoneOf16();
    zone.rmqueueSmallest(0);
    zone.freeOnePage(0, 0);
    expect(blocks(zone)).toEqual([0, 0, 0, 0, 1]);
    expect(zone.isFreeBlock(0)).toBe(true);
    expect(zone.isFreeBlock(8)).toBe(false);
  });

  it("does not merge neighbours that are no buddies", () => {
    const zone = zoneOf16();
    for (let i = 0; i < 16; i++) expect(zone.rmqueueSmallest(0)).toBe(i);
    zone.freeOnePage(1, 0);
    zone.freeOnePage(2, 0); // 1 ^ 1 = 0 and 2 ^ 1 = 3 are in use
    expect(blocks(zone)).toEqual([2, 0, 0, 0, 0]);
    zone.freeOnePage(3, 0);
    expect(blocks(zone)).toEqual([1, 1, 0, 0, 0]);
  });

  it("says -1 when no block is large enough, and changes nothing", () => {
    const zone = zoneOf16();
    zone.rmqueueSmallest(0);
    expect(zone.rmqueueSmallest(4)).toBe(-1);
    expect(zone.nrFreePages).toBe(15);
  });

  it("notices a frame that is freed twice, or is not its own", () => {
    const zone = zoneOf16();
    zone.rmqueueSmallest(0);
    expect(() => zone.freeOnePage(1, 0)).toThrow(/freed twice/);
    expect(() => zone.freeOnePage(16, 0)).toThrow(/frame 16 is freed to a zone that it is not in/);
  });
});

describe("a learner's buddy allocator", () => {
  it("runs the machine: it takes and gives blocks, the zone counts them", () => {
    const calls = { taken: 0, given: 0 };
    const parts = {
      rmqueueSmallest(zone: Zone, order: number, migratetype: number): number {
        calls.taken++;
        // The largest block first, and its upper end: no block that Linux would give.
        for (let current = MAX_PAGE_ORDER; current >= order; current--) {
          const first = zone.freeArea[current]!.head[migratetype]!;
          if (first < 0) continue;
          zone.delPageFromFreeList(first, current, migratetype);
          for (let half = current - 1; half >= order; half--)
            zone.addToFreeList(first + 2 ** current - 2 ** (half + 1), half, migratetype, false);
          return first + 2 ** current - 2 ** order;
        }
        return -1;
      },
      freeOnePage(zone: Zone, pfn: number, order: number, migratetype: number): void {
        calls.given++;
        zone.addToFreeList(pfn, order, migratetype, true); // never merges
      },
    };
    const machine = boot({ ram: "16 MiB", parts });
    const alice = machine.spawn("alice");
    const a = alice.mmap("1 MiB");
    alice.touch(a, "1 MiB");
    alice.store(a + 4096, 8, 7);
    expect(alice.load(a + 4096, 8)).toBe(7);
    alice.munmap(a, "1 MiB");
    expect([calls.taken > 100, calls.given > 3]).toEqual([true, true]);
    const problems: string[] = [];
    for (const zone of machine.kernel.sys.zones) checkZone(zone, problems);
    expect(problems).toEqual([]);
  });
});

describe("a block that a task waits for", () => {
  it("is handed to it as soon as it has merged, if it does not spoil a page block", () => {
    const zone = new Zone("Test", 0, 16, new FreeLinks(16));
    zone.capture = { order: 1, migratetype: 1, pfn: -1 };
    zone.freeOnePage(4, 0);
    expect([zone.capture.pfn, zone.nrFreePages]).toEqual([-1, 1]);
    zone.freeOnePage(5, 0);
    expect([zone.capture.pfn, zone.nrFreePages]).toEqual([4, 0]);
    zone.freeOnePage(8, 1); // it has one
    expect(zone.nrFreePages).toBe(2);
    zone.capture = { order: 2, migratetype: 0, pfn: -1 };
    zone.freeOnePage(12, 2); // it cannot be moved later, and the page block is movable
    expect([zone.capture.pfn, zone.nrFreePages]).toEqual([-1, 6]);
  });
});
