import { describe, expect, it } from "vitest";
import { drawThrashingKinds, thrashingKinds, thrashingKindsTable } from "../../lib/index.js";

describe("thrashingKinds", () => {
  const kinds = thrashingKinds();
  const of = (kind: string) => kinds.find((one) => one.kind === kind)!;

  it("tells the four loops apart by their counters", () => {
    const [calm, tlb, heap, paging] = ["calm", "TLB", "heap", "paging"].map(of);
    expect(calm).toMatchObject({ walks: 0, minorFaults: 0, majorFaults: 0, pswpin: 0 });
    expect(tlb).toMatchObject({ minorFaults: 0, majorFaults: 0, pswpin: 0 });
    expect(tlb!.walks).toBeGreaterThan(900);
    expect(heap).toMatchObject({ minorFaults: 1000, majorFaults: 0, pswpin: 0 });
    expect(heap!.systemCalls).toBeGreaterThan(0);
    expect(paging!.majorFaults).toBeGreaterThan(100);
    expect(paging!.pswpin).toBeGreaterThanOrEqual(paging!.majorFaults);
  });

  it("takes longer from kind to kind", () => {
    const times = kinds.map(({ nsEach }) => nsEach);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("is drawn as bars and told as a table", () => {
    expect(drawThrashingKinds(kinds).figure.series.map(({ name }) => name)).toEqual([
      "calm",
      "TLB",
      "heap",
      "paging",
    ]);
    expect(drawThrashingKinds(kinds).alt).toMatch(/calm: hardly anything\. TLB: walks 1,000\./);
    expect(String(thrashingKindsTable(kinds))).toMatch(/^Four loops, for each 1000 pages used/);
    expect(() => drawThrashingKinds([])).toThrow(/needs what thrashingKinds/);
  });
});
