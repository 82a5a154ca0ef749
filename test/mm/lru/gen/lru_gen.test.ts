import { describe, expect, it } from "vitest";
import {
  evictableMinSeq,
  genList,
  genSize,
  getNrGens,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  lruGenFromSeq,
  lruGenIsActive,
  lruTierFromRefs,
  maxType,
  minType,
  NR_GEN_ZONES,
  SWAPPINESS_ANON_ONLY,
} from "../../../../lib/mm/lru/gen/lru_gen.js";
import { Lruvec } from "../../../../lib/mm/lru/lruvec.js";

describe("generations", () => {
  it("start as four, of which the two youngest are active", () => {
    const lrugen = new Lruvec().lrugen;
    expect([lrugen.maxSeq, lrugen.minSeq, lrugen.enabled]).toEqual([3, [0, 0], false]);
    expect([0, 1].map((type) => getNrGens(lrugen, type))).toEqual([4, 4]);
    expect([0, 1, 2, 3].map((gen) => lruGenIsActive(lrugen, gen))).toEqual([false, false, true, true]);
  });

  it("go round: a number stands for the same lists again after four", () => {
    expect([3, 4, 5, 6, 7].map(lruGenFromSeq)).toEqual([3, 0, 1, 2, 3]);
    expect([0, 1, 2, 3].map((gen) => lruGenIsActive({ maxSeq: 4 }, gen))).toEqual([true, false, false, true]);
  });

  it("have a list of their own for each type and zone", () => {
    const lists = new Set<number>();
    for (let gen = 0; gen < 4; gen++)
      for (const type of [LRU_GEN_ANON, LRU_GEN_FILE])
        for (let zone = 0; zone < NR_GEN_ZONES; zone++) lists.add(genList(gen, type, zone));
    expect(lists.size).toBe(new Lruvec().lrugen.head.length);
    expect(Math.max(...lists)).toBe(lists.size - 1);
  });

  it("sum their pages over the zones", () => {
    const lrugen = new Lruvec().lrugen;
    for (const [zone, pages] of [5, 7, 11].entries()) lrugen.nrPages[genList(1, LRU_GEN_FILE, zone)] = pages;
    lrugen.nrPages[genList(1, LRU_GEN_ANON, 0)] = 100;
    expect([genSize(lrugen, 1, LRU_GEN_FILE), genSize(lrugen, 5, LRU_GEN_FILE)]).toEqual([23, 23]);
    expect(genSize(lrugen, 2, LRU_GEN_FILE)).toBe(0);
  });
});

describe("what may be evicted", () => {
  it("is files alone without swappiness, anonymous memory alone at the most, else both", () => {
    const types = (swappiness: number): number[] => [minType(swappiness), maxType(swappiness)];
    expect(types(0)).toEqual([LRU_GEN_FILE, LRU_GEN_FILE]);
    expect([types(1), types(200)]).toEqual([
      [LRU_GEN_ANON, LRU_GEN_FILE],
      [LRU_GEN_ANON, LRU_GEN_FILE],
    ]);
    expect(types(SWAPPINESS_ANON_ONLY)).toEqual([LRU_GEN_ANON, LRU_GEN_ANON]);
  });

  it("decides whose oldest generation counts", () => {
    expect([0, 60, SWAPPINESS_ANON_ONLY].map((one) => evictableMinSeq([4, 6], one))).toEqual([6, 4, 4]);
  });
});

describe("tiers", () => {
  it("are the logarithm of the uses, and the last one is the working set", () => {
    expect([0, 1, 2, 3, 4].map((refs) => lruTierFromRefs(refs, false))).toEqual([0, 0, 1, 2, 2]);
    expect(lruTierFromRefs(0, true)).toBe(3);
  });
});
