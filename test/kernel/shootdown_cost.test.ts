import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { shootdownCost } from "../../lib/kernel/shootdown_cost.js";

describe("the shootdown experiment", () => {
  it("interrupts every other CPU once for one munmap, and once a page for many", () => {
    expect(shootdownCost({ cpus: 1 }).interrupts).toBe(0);
    expect(shootdownCost({ cpus: 8 }).interrupts).toBe(7);
    expect(shootdownCost({ cpus: 8, pages: 16 }).interrupts).toBe(7);
    expect(shootdownCost({ cpus: 8, pages: 16, calls: "one for each page" }).interrupts).toBe(112);
  });

  it("costs the caller more with every CPU", () => {
    const costs = [1, 2, 4, 8].map((cpus) => shootdownCost({ cpus }).callerNs);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(costs[3]).toBeGreaterThan(costs[0]! + 1000);
  });

  it("leaves lazy CPUs alone", () => {
    expect(shootdownCost({ cpus: 8, others: "wait" })).toMatchObject({ interrupts: 0, stolenNs: 0 });
  });
});

describe("threads", () => {
  it("share memory across CPUs, and move", () => {
    const machine = boot({ cpus: 2 });
    const alice = machine.spawn("alice");
    const addr = alice.mmap(4096);
    alice.store(addr, 1, 7);
    const thread = alice.thread(1);
    expect(thread.load(addr)).toBe(7);
    thread.setaffinity(0);
    expect(thread.load(addr)).toBe(7);
    expect(() => thread.setaffinity(2)).toThrow(/cpu 2 is not one of the 2 CPUs/);
  });
});
