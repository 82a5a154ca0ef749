import { describe, expect, it } from "vitest";
import {
  NR_PCP_LISTS,
  orderToPindex,
  PerCpuPages,
  pcpAllowedOrder,
  pindexToOrder,
  zoneBatchsize,
  zonePcpUpdate,
} from "../../../lib/mm/pages/per_cpu_pages.js";

describe("sizes of per-CPU lists", () => {
  it("are those recorded on machines of 128 MiB, 1 GiB and for ZONE_DMA", () => {
    expect([16_756, 242_212, 3840, 10_000_000].map(zoneBatchsize)).toEqual([3, 63, 1, 63]);
  });

  it("follow from the low watermark, an eighth of the zone, and the number of CPUs", () => {
    const pcps = [new PerCpuPages(), new PerCpuPages()];
    const zone = { managedPages: 242_212, watermark: { low: 1219 }, watermarkBoost: 0, pcps };
    zonePcpUpdate(zone, 0);
    expect(pcps[1]).toMatchObject({ batch: 63, highMin: 609, highMax: 15_138 });
    zonePcpUpdate(zone, 100);
    expect(pcps[0]).toMatchObject({ batch: 63, highMin: 1211, highMax: 1211 });
    zonePcpUpdate(zone, 1_000_000);
    expect(pcps[0]).toMatchObject({ highMin: 252, highMax: 252 }); // four batches at least
  });
});

describe("lists of a CPU", () => {
  it("are 14: orders 0 to 3 for three types, and order 9 for movable pages and others", () => {
    const all = [0, 1, 2, 3].flatMap((order) => [0, 1, 2].map((type) => orderToPindex(type, order)));
    expect(all).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect([orderToPindex(0, 9), orderToPindex(1, 9), NR_PCP_LISTS]).toEqual([12, 13, 14]);
    expect([0, 5, 11, 13].map(pindexToOrder)).toEqual([0, 1, 3, 9]);
    expect([0, 3, 4, 9, 10].map(pcpAllowedOrder)).toEqual([true, true, false, true, false]);
  });
});
