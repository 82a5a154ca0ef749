import { describe, expect, it } from "vitest";
import { CpuTlbState, MmuGather, TLB_NR_DYN_ASIDS } from "../../../lib/mm/pgtable/tlb_types.js";

describe("MmuGather", () => {
  it("holds the smallest range around all that was added", () => {
    const gather = new MmuGather();
    gather.addRange(0x5000, 0x6000);
    gather.addRange(0x9000, 0xa000);
    gather.addRange(0x7000, 0x8000);
    expect([gather.start, gather.end]).toEqual([0x5000, 0xa000]);
    gather.addRange(0x1000, 0x2000);
    expect([gather.start, gather.end]).toEqual([0x1000, 0xa000]);
  });

  it("is empty at first: it begins after it ends", () => {
    const gather = new MmuGather();
    expect(gather.start).toBeGreaterThan(gather.end);
  });
});

describe("CpuTlbState", () => {
  it("has six slots, none of which knows an address space, and each is its own", () => {
    const cpu = new CpuTlbState();
    expect(cpu.ctxs).toEqual(Array(TLB_NR_DYN_ASIDS).fill({ ctxId: 0, tlbGen: 0 }));
    expect(new Set(cpu.ctxs).size).toBe(6);
    expect([cpu.loadedMm, cpu.nextAsid]).toEqual([undefined, 1]);
  });
});
