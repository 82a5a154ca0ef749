import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Tlb, type TlbGeometry, tlbReach } from "../../lib/hw/tlb.js";
import { keyBase, keyOfVpn } from "../../lib/hw/tlb_key.js";
import { TLB_MODELS, tlbModel } from "../../lib/hw/tlb_model.js";

/** Looks `vpn` up and fills it on a miss, as an MMU does. */
function use(tlb: Tlb, vpn: number, pcid = 0, level = 1): boolean {
  const key = keyBase(level, pcid) | keyOfVpn(vpn);
  const slot = tlb.find(vpn | 0, key);
  if (slot >= 0) tlb.touch(slot);
  else tlb.fill(vpn | 0, key, 0, 0);
  return slot >= 0;
}

/** True LRU as a textbook says it: a list for each set, most recently used first. */
class ListTlb {
  readonly sets: string[][];
  readonly geometry: TlbGeometry;
  constructor(geometry: TlbGeometry) {
    this.geometry = geometry;
    this.sets = Array.from({ length: geometry.sets }, () => []);
  }
  use(vpn: number, pcid: number): boolean {
    const set = this.sets[((vpn % this.geometry.sets) + this.geometry.sets) % this.geometry.sets]!;
    const name = `${pcid}:${vpn}`;
    const at = set.indexOf(name);
    if (at >= 0) set.splice(at, 1);
    set.unshift(name);
    if (set.length > this.geometry.ways) set.pop();
    return at >= 0;
  }
}

describe("a TLB", () => {
  it("agrees with lists in recency order on hits and contents, in any geometry", () => {
    const pages = fc.array(
      fc.tuple(
        fc.integer({ min: -40, max: 40 }),
        fc.constantFrom(0, 0, 0, 7),
        fc.constantFrom(0, 0, 1, 2 ** 33),
      ),
      { maxLength: 300 },
    );
    const geometry = fc.record({ sets: fc.constantFrom(1, 2, 4, 16), ways: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(geometry, pages, (shape, accesses) => {
        const tlb = new Tlb("t", { ...shape, levels: [1] });
        const model = new ListTlb({ ...shape, levels: [1] });
        for (const [low, pcid, high] of accesses)
          expect(use(tlb, low + high, pcid)).toBe(model.use(low + high, pcid));
        expect(tlb.entries().map((e) => `${e.pcid}:${e.vpn}`)).toEqual(model.sets.flat());
      }),
    );
  });

  it("keeps the order within a set when stamps are renumbered", () => {
    const tlb = new Tlb("t", { sets: 1, ways: 4, levels: [1] });
    for (const vpn of [1, 2, 3, 4, 2]) use(tlb, vpn);
    tlb.makeStampRoom(2 ** 31);
    expect(tlb.entries().map((e) => e.vpn)).toEqual([2, 4, 3, 1]);
    use(tlb, 5);
    expect(tlb.entries().map((e) => e.vpn)).toEqual([5, 2, 4, 3]);
    expect(tlb.evictions).toBe(1);
  });

  it("takes an empty way before it gives anything up", () => {
    for (const replacement of ["lru", "tree-plru"] as const) {
      const tlb = new Tlb("t", { sets: 1, ways: 4, levels: [1], replacement });
      for (const vpn of [1, 2, 3, 4]) use(tlb, vpn);
      tlb.flushPage(3, keyBase(1, 0), true);
      use(tlb, 9);
      expect(
        tlb
          .entries()
          .map((e) => e.vpn)
          .sort(),
      ).toEqual([1, 2, 4, 9]);
      expect(tlb.evictions).toBe(0);
    }
  });

  it("gives up what the tree points to under tree-PLRU, not always the least recently used", () => {
    const tlb = new Tlb("t", { sets: 1, ways: 4, levels: [1], replacement: "tree-plru" });
    for (const vpn of [1, 2, 3, 4, 1]) use(tlb, vpn);
    // The root points to the half of 3 and 4, whose own bit points to 3. True LRU would give up 2.
    use(tlb, 5);
    expect(tlb.entries().map((e) => e.vpn)).toEqual([1, 2, 5, 4]);
  });

  it("keeps apart pages whose numbers differ only in high bits, PCID or size", () => {
    const tlb = new Tlb("t", { sets: 1, ways: 8, levels: [1, 2] });
    expect(use(tlb, 5)).toBe(false);
    expect(use(tlb, 5 + 2 ** 32)).toBe(false);
    expect(use(tlb, 5 - 2 ** 35)).toBe(false);
    expect(use(tlb, 5, 1)).toBe(false);
    expect(use(tlb, 5, 0, 2)).toBe(false);
    expect(use(tlb, 5)).toBe(true);
    expect(tlb.entries().map((e) => e.vpn)).toContain(5 - 2 ** 35);
    expect([...tlb.nrValid]).toEqual([0, 4, 1, 0, 0, 0]);
  });

  it("drops the right entries for each kind of flush", () => {
    const fill = () => {
      const tlb = new Tlb("t", { sets: 1, ways: 8, levels: [1] });
      use(tlb, 1, 0);
      use(tlb, 2, 0);
      use(tlb, 1, 3);
      tlb.fill(9, keyBase(1, 0) | (1 << 28), 0, 0);
      return tlb;
    };
    const left = (tlb: Tlb) =>
      tlb
        .entries()
        .map((e) => `${e.global ? "g" : e.pcid}:${e.vpn}`)
        .sort();
    const cases: [string, (tlb: Tlb) => void, string[]][] = [
      ["page", (t) => t.flushPage(1, keyBase(1, 0), true), ["0:2", "3:1", "g:9"]],
      ["global page", (t) => t.flushPage(9, keyBase(1, 3), true), ["0:1", "0:2", "3:1"]],
      ["global page spared", (t) => t.flushPage(9, keyBase(1, 3), false), ["0:1", "0:2", "3:1", "g:9"]],
      ["pcid", (t) => t.flushPcid(0), ["3:1", "g:9"]],
      ["non-global", (t) => t.flushNonGlobal(), ["g:9"]],
      ["all", (t) => t.flushAll(), []],
    ];
    for (const [name, flush, expected] of cases) {
      const tlb = fill();
      flush(tlb);
      expect([name, ...left(tlb)]).toEqual([name, ...expected]);
      expect(tlb.nrValid[1]).toBe(expected.length);
      expect(tlb.flushed).toBe(4 - expected.length);
    }
  });

  it("refuses impossible geometries", () => {
    expect(() => new Tlb("t", { sets: 3, ways: 4, levels: [1] })).toThrow(/3 sets/);
    expect(() => new Tlb("t", { sets: 1, ways: 0, levels: [1] })).toThrow(/0 ways/);
    expect(() => new Tlb("t", { sets: 1, ways: 12, levels: [1], replacement: "tree-plru" })).toThrow(
      /power of two/,
    );
  });
});

describe("TLB models", () => {
  it("have the reach their makers give", () => {
    expect(tlbReach(TLB_MODELS.skylake.l2[0], 1)).toBe(6 * 2 ** 20);
    expect(tlbReach(TLB_MODELS.skylake.l1d[1], 2)).toBe(64 * 2 ** 20);
    expect(tlbReach(TLB_MODELS.nehalem.l2[0], 2)).toBe(0);
    for (const model of Object.values(TLB_MODELS)) expect(tlbModel(model)).toBe(model);
    expect(() => tlbModel("pentium" as "tiny")).toThrow(/not one of nehalem/);
  });
});
