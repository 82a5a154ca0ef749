import { describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { splitSwapOrder, swapOrderOf, swapSplitOrder } from "../../../lib/mm/filemap/shmem_swap_order.js";
import { MemorySystem } from "../../../lib/mm/system.js";

/** A file of which pages 0 to 511 went to swap together. */
function swappedOut(): AddressSpace {
  const sys = new MemorySystem(new Ram(2 ** 20), new Clock());
  const mapping = new AddressSpace(
    { sys, iSize: 2 ** 21, accountedPages: 0 },
    { maxFolioOrder: 0, swapBacked: true },
  );
  mapping.swapOrders.set(0, 9);
  return mapping;
}

const blocks = ({ swapOrders }: AddressSpace): string[] =>
  [...swapOrders].sort(([a], [b]) => a - b).map(([first, order]) => `${first}+${2 ** order}`);

describe("blocks of shared memory in swap", () => {
  it("are found from any of their pages", () => {
    const mapping = swappedOut();
    expect([0, 1, 300, 511, 512].map((index) => swapOrderOf(mapping, index))).toEqual([9, 9, 9, 9, 0]);
  });

  it("are cut down to a page by nodes of 64, then halves, then pages", () => {
    expect([9, 8, 7, 6, 5, 2, 1, 0].map(swapSplitOrder)).toEqual([6, 6, 6, 5, 0, 0, 0, 0]);
    const mapping = swappedOut();
    splitSwapOrder(mapping, 70, 0);
    expect(blocks(mapping)).toEqual([
      ...["0+64", "96+32", "128+64", "192+64", "256+64", "320+64", "384+64", "448+64"],
    ]);
    expect([swapOrderOf(mapping, 70), swapOrderOf(mapping, 100), swapOrderOf(mapping, 63)]).toEqual([
      0, 5, 6,
    ]);
  });

  it("are forgotten when they come back whole, and cut no further than what comes back", () => {
    const mapping = swappedOut();
    splitSwapOrder(mapping, 70, 6);
    expect(blocks(mapping)).toHaveLength(7);
    expect(swapOrderOf(mapping, 64)).toBe(0);
    splitSwapOrder(mapping, 5, 6);
    expect(blocks(mapping)).toHaveLength(6);
    const whole = swappedOut();
    splitSwapOrder(whole, 3, 9);
    expect(blocks(whole)).toEqual([]);
  });
});
