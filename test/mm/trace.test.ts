import { describe, expect, it } from "vitest";
import { TRACEPOINTS, TraceRing, traceCalls } from "../../lib/mm/trace.js";

function system() {
  const clock = { nowNs: 0 };
  return { clock, current: { pid: 7 } };
}

describe("tracepoints", () => {
  it("record nothing until one is enabled", () => {
    const ring = new TraceRing(system());
    ring.emit("kmem:mm_page_alloc", { pfn: 1 });
    expect([ring.on, ring.events]).toEqual([false, []]);
  });

  it("record name, simulated time, task and fields of the enabled ones only", () => {
    const sys = system();
    const ring = new TraceRing(sys);
    ring.enable("kmem:*");
    sys.clock.nowNs = 1500;
    ring.emit("kmem:mm_page_alloc", { pfn: 18, order: 0 });
    ring.emit("tlb:tlb_flush", { pages: 1 });
    expect(ring.events).toEqual([
      { timeNs: 1500, name: "kmem:mm_page_alloc", pid: 7, depth: 0, fields: { pfn: 18, order: 0 } },
    ]);
    expect(String(ring)).toBe("      7      0.000001500: mm_page_alloc: pfn=18 order=0\n");
    ring.disable();
    expect(ring.on).toBe(false);
    ring.emit("kmem:mm_page_alloc", { pfn: 19 });
    expect(ring.events).toHaveLength(1);
  });

  it("refuse a name that is no tracepoint", () => {
    expect(() => new TraceRing(system()).enable("kmem:mm_page_alloooc")).toThrow(/there is no tracepoint/);
    expect(new Set(TRACEPOINTS).size).toBe(TRACEPOINTS.length);
  });

  it("keep the newest events when the ring is full", () => {
    const ring = new TraceRing(system(), 3);
    ring.enable("kmem:mm_page_free");
    for (let pfn = 0; pfn < 5; pfn++) ring.emit("kmem:mm_page_free", { pfn });
    expect(ring.events.map((event) => event.fields.pfn)).toEqual([2, 3, 4]);
    expect(ring.overrun).toBe(2);
    ring.clear();
    expect(ring.events).toEqual([]);
  });

  it("record one act apart from what is recorded otherwise, even when it throws", () => {
    const sys = system();
    const ring = new TraceRing(sys);
    ring.enable("kmem:*");
    ring.emit("kmem:mm_page_alloc", { pfn: 1 });
    const events = ring.record(() => ring.emit("tlb:tlb_flush", { pages: 1 }));
    expect(events.map((event) => event.name)).toEqual(["tlb:tlb_flush"]);
    const killed = () => {
      ring.enter("handle_mm_fault");
      throw new Error("killed");
    };
    expect(() => ring.record(killed)).toThrow("killed");
    expect([ring.on, ring.graph]).toEqual([true, false]);
    ring.emit("tlb:tlb_flush", { pages: 1 });
    ring.emit("kmem:mm_page_free", { pfn: 1 });
    expect(ring.events.map(({ name, depth }) => [name, depth])).toEqual([
      ["kmem:mm_page_alloc", 0],
      ["kmem:mm_page_free", 0],
    ]);
  });

  it("bracket functions with their depth, duration and result", () => {
    const sys = system();
    const ring = new TraceRing(sys);
    ring.enable("*");
    expect(ring.graph).toBe(true);
    ring.enter("handle_mm_fault");
    sys.clock.nowNs = 10;
    ring.enter("do_anonymous_page");
    ring.emit("kmem:mm_page_alloc", { pfn: 3 });
    sys.clock.nowNs = 30;
    ring.exit("do_anonymous_page", 0);
    sys.clock.nowNs = 40;
    ring.exit("handle_mm_fault");
    expect(ring.events.map((event) => event.depth)).toEqual([0, 1, 2, 1, 0]);
    expect(traceCalls(ring.events)).toEqual([
      { func: "handle_mm_fault", startNs: 0, endNs: 40, depth: 0, ret: "" },
      { func: "do_anonymous_page", startNs: 10, endNs: 30, depth: 1, ret: 0 },
    ]);
  });
});
