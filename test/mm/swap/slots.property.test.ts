import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { swpEntry, swpOffset, swpType } from "../../../lib/mm/pgtable/swapops.js";
import { delFromAvailList } from "../../../lib/mm/swap/cluster.js";
import {
  addSwapCountContinuation,
  swapcacheClear,
  swapDuplicate,
  swapFreeNr,
  swpSwapcount,
} from "../../../lib/mm/swap/swap_map.js";
import {
  CLUSTER_FLAG_FREE,
  CLUSTER_FLAG_FULL,
  SWAP_MAP_BAD,
  type SwapInfoStruct,
} from "../../../lib/mm/swap/swap_types.js";
import { swapAlloc } from "../../../lib/mm/swap/swapfile.js";
import { kernel, useArena } from "../arena.js";
import { swapArea } from "./area.js";

useArena();

const give = (si: SwapInfoStruct, offset: number): void =>
  swapcacheClear(kernel.sys, si, swpEntry(si.type, offset));

/** A slot that one entry has, and no folio. */
function oneEntry(si: SwapInfoStruct): number {
  const { sys } = kernel;
  const entry = swapAlloc(sys, 0);
  expect(swapDuplicate(sys, entry)).toBe(0);
  swapcacheClear(sys, si, entry);
  return entry;
}

/** One entry more, with a page for the count if it needs one; whether it did. */
function up(entry: number): boolean {
  if (swapDuplicate(kernel.sys, entry) === 0) return false;
  expect(addSwapCountContinuation(kernel.sys, entry, GFP_KERNEL)).toBe(0);
  expect(swapDuplicate(kernel.sys, entry)).toBe(0);
  return true;
}

describe("the count of a slot", () => {
  it("goes over two pages of continuations and down again, equal to a plain number", () => {
    const { sys } = kernel;
    const si = swapArea(kernel, 1000);
    const entry = oneEntry(si);
    const needed: number[] = [];
    const top = 63 * 128 + 70;
    for (let count = 2; count <= top; count++) {
      if (up(entry)) needed.push(count);
      if (swpSwapcount(sys, entry) !== count) expect(swpSwapcount(sys, entry)).toBe(count);
    }
    expect(needed).toEqual([63, 63 * 128]);
    for (let count = top - 1; count >= 0; count--) {
      swapFreeNr(sys, entry, 1);
      if (swpSwapcount(sys, entry) !== count) expect(swpSwapcount(sys, entry)).toBe(count);
    }
    expect(si.inusePages).toBe(0);
  });

  it("is a plain number for any steps up and down of neighbouring slots", () => {
    const si = swapArea(kernel, 1000);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1), fc.boolean(), fc.integer({ min: 1, max: 90 })), { maxLength: 40 }),
        (steps) => {
          const entries = [oneEntry(si), oneEntry(si)];
          const counts = [1, 1];
          for (const [which, more, times] of steps)
            for (let i = 0; i < times; i++) {
              if (!more && counts[which]! === 1) break;
              if (more) up(entries[which]!);
              else swapFreeNr(kernel.sys, entries[which]!, 1);
              counts[which]! += more ? 1 : -1;
              expect(entries.map((entry) => swpSwapcount(kernel.sys, entry))).toEqual(counts);
            }
          for (const [i, entry] of entries.entries())
            while (counts[i]!-- > 0) swapFreeNr(kernel.sys, entry, 1);
          expect(si.inusePages).toBe(0);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("random slots taken and given back", () => {
  it("never overlap, and each cluster counts and lists what the map says", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(5), fc.nat(10_000)), { minLength: 50, maxLength: 250 }),
        (steps) => {
          const si = swapArea(kernel, 1800);
          const held: [number, number][] = [];
          for (const [kind, order, which] of steps) {
            if (kind > 0) {
              const got = swapAlloc(kernel.sys, kind === 1 ? order : 0);
              if (got !== 0 && swpType(got) === si.type)
                held.push([swpOffset(got), kind === 1 ? 1 << order : 1]);
            } else if (held.length > 0) {
              const [[offset, nr]] = held.splice(which % held.length, 1) as [[number, number]];
              for (let i = 0; i < nr; i++) {
                expect(swapDuplicate(kernel.sys, swpEntry(si.type, offset + i))).toBe(0);
                give(si, offset + i);
              }
              swapFreeNr(kernel.sys, swpEntry(si.type, offset), nr);
            }
            checkClusters(si, held);
          }
          for (const [offset, nr] of held) for (let i = 0; i < nr; i++) give(si, offset + i);
          expect(si.inusePages).toBe(0);
          delFromAvailList(kernel.sys, si);
        },
      ),
      { numRuns: 10 },
    );
  });
});

/** The map is what is held; each cluster has its count and is on the one list that its flag says. */
function checkClusters(si: SwapInfoStruct, held: readonly [number, number][]): void {
  const used = new Set<number>();
  for (const [offset, nr] of held) for (let i = 0; i < nr; i++) used.add(offset + i);
  expect(used.size).toBe(held.reduce((sum, [, nr]) => sum + nr, 0));
  expect(si.inusePages).toBe(used.size);
  const lists = [si.freeClusters, si.fullClusters, ...si.nonfullClusters, ...si.fragClusters];
  for (const ci of si.clusterInfo) {
    let count = 0;
    for (let i = ci.index * 512; i < ci.index * 512 + 512; i++) {
      if (i >= si.max || si.swapMap[i] !== 0) count++;
      if (i < si.max && si.swapMap[i] !== SWAP_MAP_BAD && (si.swapMap[i] !== 0) !== used.has(i))
        expect.fail(`slot ${i}`);
    }
    expect(ci.count).toBe(count);
    expect(lists.filter((list) => list.has(ci)).length).toBe(1);
    expect(ci.flags === CLUSTER_FLAG_FREE).toBe(count === 0);
    expect(ci.table === undefined).toBe(count === 0);
    if (ci.flags === CLUSTER_FLAG_FULL) expect(count).toBe(512);
  }
}
