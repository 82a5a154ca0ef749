import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { ZONE_BELOW_HIGH, ZONE_RECLAIM_ACTIVE } from "../../../lib/mm/pages/buddy.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { decayPcpHigh, drainAllPages, nrPcpPages } from "../../../lib/mm/pages/pcp.js";

function machineOf(ram: string, cpus = 1) {
  const machine = boot({ ram, cpus });
  const { sys } = machine.kernel;
  drainAllPages(sys);
  const zone = sys.zones.at(-1)!;
  const pcp = zone.pcps[0]!;
  const take = (nr: number): Folio[] =>
    Array.from({ length: nr }, () => allocPages(sys, GFP_HIGHUSER_MOVABLE)!);
  return { machine, sys, zone, pcp, take };
}

describe("a CPU's list", () => {
  it("is filled with a batch, then twice as many each time while nothing is freed", () => {
    const { zone, pcp, take } = machineOf("256 MiB");
    Object.assign(pcp, { allocFactor: 0, high: 0 });
    const refills: number[] = [];
    for (let i = 0; i < 400; i++) {
      const free = zone.nrFreePages;
      take(1);
      if (zone.nrFreePages !== free) refills.push(free - zone.nrFreePages);
    }
    const { batch } = pcp;
    expect(refills.slice(0, 5)).toEqual([1, 2, 4, 8, 16].map((times) => times * batch));
  });

  it("gives the page freed last first", () => {
    const { sys, take } = machineOf("64 MiB");
    const [a, b, c] = take(3);
    for (const folio of [a!, c!, b!]) folioPut(sys, folio);
    expect(take(3).map(({ pfn }) => pfn)).toEqual([b!.pfn, c!.pfn, a!.pfn]);
  });

  it("does not count as free, and no page is lost", () => {
    const { sys, take } = machineOf("64 MiB");
    const unused = nrUnusedPages(sys);
    const folios = take(100);
    expect(nrUnusedPages(sys)).toBe(unused - 100);
    for (const folio of folios) folioPut(sys, folio);
    expect([nrUnusedPages(sys), nrPcpPages(sys) > 0]).toEqual([unused, true]);
    drainAllPages(sys);
    expect(nrPcpPages(sys)).toBe(0);
  });

  it("gives pages back once it has `high` of them", () => {
    const { sys, pcp, take } = machineOf("64 MiB");
    for (const folio of take(3000)) folioPut(sys, folio);
    expect(pcp.count).toBeLessThanOrEqual(pcp.highMax);
    expect(pcp.high).toBeGreaterThanOrEqual(pcp.highMin);
    expect(pcp.high).toBeLessThanOrEqual(pcp.highMax);
  });

  it("stays short while kswapd works, and shrinks while the zone is below its high mark", () => {
    const { sys, zone, pcp, take } = machineOf("64 MiB");
    const folios = take(500);
    zone.flags |= ZONE_RECLAIM_ACTIVE;
    for (const folio of folios.splice(0, 200)) folioPut(sys, folio);
    expect(pcp.count).toBeLessThan(Math.max(4 * pcp.batch, pcp.batch + 1) + 1);
    zone.flags = ZONE_BELOW_HIGH;
    pcp.high = pcp.highMax;
    const before = pcp.high;
    folioPut(sys, folios.pop()!);
    expect(pcp.high).toBeLessThan(before);
  });

  it("belongs to one CPU", () => {
    const { sys, zone, take } = machineOf("64 MiB", 2);
    sys.thisCpu = 1;
    const [folio] = take(1);
    folioPut(sys, folio!);
    expect([zone.pcps[0]!.count, zone.pcps[1]!.count > 0]).toEqual([0, true]);
    sys.thisCpu = 0;
  });
});

describe("decay", () => {
  it("takes an eighth of high a second, and what is above it goes back", () => {
    const { zone, pcp, take, sys } = machineOf("64 MiB");
    for (const folio of take(300)) folioPut(sys, folio);
    pcp.high = pcp.highMax;
    let seconds = 0;
    while (decayPcpHigh(zone, pcp) && seconds < 100) seconds++;
    expect([pcp.high, pcp.count <= pcp.high, seconds > 3]).toEqual([pcp.highMin, true, true]);
  });

  it("is an event of each second, until there is nothing more to decay", () => {
    const { machine, sys, pcp, take } = machineOf("64 MiB");
    for (const folio of take(300)) folioPut(sys, folio);
    expect([sys.pcpDecays, pcp.high > pcp.highMin]).toEqual([true, true]);
    machine.idle(60e9);
    expect([sys.pcpDecays, pcp.high]).toEqual([false, pcp.highMin]);
  });
});
