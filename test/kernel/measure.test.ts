import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { Measurement } from "../../lib/kernel/measure.js";
import { SignalError } from "../../lib/kernel/signal.js";
import { isDisplayable, JUPYTER_DISPLAY } from "../../lib/view/show.js";
import { measurementTable } from "../../lib/view/show_measurement.js";

describe("machine.measure", () => {
  it("has the value, the time, and what CPU, process and vmstat counted", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("16 KiB");
    const start = machine.clock.nowNs;
    const m = machine.measure(() => {
      alice.store(a, 1, 42);
      return "done";
    });
    expect(m.value).toBe("done");
    expect(m.ns).toBe(machine.clock.nowNs - start);
    expect(m.ns).toBeGreaterThan(0);
    expect(m.processes).toEqual([{ pid: alice.pid, name: "alice", minFlt: 1, majFlt: 0 }]);
    expect(m.cpus).toHaveLength(1);
    expect(m.cpus[0]).toMatchObject({ cpu: 0, counters: { exceptions: 1, faults: 1 } });
    expect(m.vmstat).toMatchObject({ pgfault: 1, nr_anon_pages: 1 });
    expect(m.total("exceptions")).toBe(1);
    expect(m.total("invlpgs")).toBe(0);
  });

  it("leaves out what did not change: nothing costs nothing", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.spawn("alice");
    const m = machine.measure(() => 7);
    expect({ ...m }).toEqual({ value: 7, ns: 0, cpus: [], ram: {}, processes: [], vmstat: {}, events: {} });
  });

  it("counts the pages that were copied, and those filled with zeros", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("16 KiB");
    expect(machine.measure(() => alice.touch(a, "16 KiB")).ram).toEqual({ framesZeroed: 7 }); // 3 are tables
    const bob = alice.fork("bob");
    expect(machine.measure(() => bob.touch(a, "8 KiB")).ram).toEqual({ framesCopied: 2 });
    expect(machine.measure(() => alice.touch(a, "8 KiB")).ram).toEqual({});
  });

  it("tells the CPUs apart: who sent interrupts, who received them", () => {
    const machine = boot({ ram: "16 MiB", cpus: 2 });
    const alice = machine.spawn("alice");
    const a = alice.mmap("16 KiB");
    const other = alice.thread(1);
    alice.store(a, 1, 1);
    other.load(a);
    const m = machine.measure(() => alice.munmap(a, "16 KiB"));
    const [cpu0, cpu1] = m.cpus;
    expect(cpu0!.counters.ipisSent).toBe(1);
    expect(cpu1!.counters.ipisReceived).toBe(1);
    expect(cpu1!.counters.ipisSent).toBeUndefined();
  });

  it("works within another: the outer one has both parts", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("64 KiB");
    const outer = machine.measure(() => {
      alice.touch(a, 4096);
      return machine.measure(() => alice.touch(a + 4096, 8192));
    });
    expect(outer.processes[0]!.minFlt).toBe(3);
    expect(outer.value.processes[0]!.minFlt).toBe(2);
    expect(outer.value.value).toEqual({ minFlt: 2, majFlt: 0 });
    expect(outer.ns).toBeGreaterThan(outer.value.ns);
  });

  it("passes an error on, and keeps what it cost up to there", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("16 KiB");
    let error: unknown;
    try {
      machine.measure(() => {
        alice.store(a, 1, 1);
        alice.store(0, 1, 1);
      });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SignalError);
    expect(machine.lastMeasured!.processes).toEqual([
      { pid: alice.pid, name: "alice", minFlt: 1, majFlt: 0 },
    ]);
    expect(machine.lastMeasured!.total("exceptions")).toBe(2);
  });

  it("counts events of tracepoints that are enabled", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const a = alice.mmap("16 KiB");
    const { trace } = machine.kernel.sys;
    trace.enable("exceptions:*");
    alice.touch(a, 4096);
    expect(machine.measure(() => alice.touch(a + 4096, 8192)).events).toEqual({
      "exceptions:page_fault_user": 2,
    });
  });

  it("does not start a kernel on a machine that has none", () => {
    const machine = boot({ ram: "1 MiB" });
    const table = machine.newPageTable();
    const m = machine.measure(() => table.map(0x1000, 5));
    expect(m.vmstat).toEqual({});
    expect(() => machine.kernel).toThrow("page tables of its own");
  });

  it("measures birth: a process made inside counts from its first fault", () => {
    const machine = boot({ ram: "16 MiB" });
    const m = machine.measure(() => {
      const bob = machine.spawn("bob");
      bob.touch(bob.mmap("16 KiB"), "16 KiB");
      return bob.pid;
    });
    expect(m.processes).toEqual([{ pid: m.value, name: "bob", minFlt: 4, majFlt: 0 }]);
  });

  it("wants a function", () => {
    const machine = boot({ ram: "1 MiB" });
    expect(() => machine.measure(undefined as never)).toThrow("measure takes a function, not undefined");
    expect(() => measurementTable({} as never)).toThrow("what machine.measure answers, not an empty object");
  });

  it("shows itself as a table in a notebook and as lines of text elsewhere", () => {
    const machine = boot({ ram: "16 MiB" });
    const alice = machine.spawn("alice");
    const m: Measurement<unknown> = machine.measure(() => alice.touch(alice.mmap("16 KiB"), "16 KiB"));
    expect(m).toBeInstanceOf(Measurement);
    expect(isDisplayable(m)).toBe(true);
    const shown = (m as never as { [JUPYTER_DISPLAY](): Record<string, string> })[JUPYTER_DISPLAY]();
    expect(shown["text/html"]).toContain("<table");
    expect(measurementTable(m).toString()).toMatch(/^alice\[\d+\] +\| minFlt +\| +\+4$/m);
    expect(String(m)).toMatch(/^vmstat +pgfault +4$/m);
    expect(m.rows[0]).toEqual({ where: "clock", counter: "ns", change: m.ns });
  });
});
