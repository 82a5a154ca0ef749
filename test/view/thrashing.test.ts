import { describe, expect, it } from "vitest";
import { drawThrashing, measureThrashing, type Thrashing, type ThrashingOptions } from "../../lib/index.js";

const SMALL = { ram: "8 MiB", memoryEach: "1 MiB", rounds: 8 } as const;
const measure = (options: ThrashingOptions) => measureThrashing({ ...SMALL, ...options });

describe("measureThrashing", () => {
  const { fit } = measure({ programs: 1 });
  const many = fit + 4;
  const full = measure({ programs: fit });
  const disk = measure({ programs: many, swap: "disk" });

  it("does more with more programs while their memory fits, and far less when it does not", () => {
    expect(full.accessesPerSecond).toBeGreaterThan(2 * measure({ programs: 2 }).accessesPerSecond);
    expect(disk.accessesPerSecond).toBeLessThan(full.accessesPerSecond / 10);
    expect([full.pswpin, full.majorFaults]).toEqual([0, 0]);
    expect(disk.pswpin).toBeGreaterThan(0);
    expect(disk.waiting).toBeGreaterThan(0.5);
  });

  it("tells a slow device from a quick one, and waiting from compressing", () => {
    const [ssd, zram, zswap] = (["ssd", "zram", "zswap"] as const).map((swap) =>
      measure({ programs: many, swap }),
    );
    expect(ssd!.accessesPerSecond).toBeGreaterThan(10 * disk.accessesPerSecond);
    expect(zram!.waiting).toBe(0);
    expect(zram!.busyCpu).toBeGreaterThan(2 * zram!.usefulCpu);
    expect(zswap!.zswpout).toBeGreaterThan(0);
  });

  it("finishes the same work sooner in batches that fit", () => {
    const batches = measure({ programs: many, swap: "disk", atOnce: Math.ceil(many / 2) });
    expect(batches.accesses).toBe(disk.accesses);
    expect(batches.ns + batches.loadNs).toBeLessThan((disk.ns + disk.loadNs) / 10);
  });

  it("gives the same figures each time, watched or not", () => {
    const watched = measure({ programs: fit + 1, watch: true });
    const { pressure, ...rest } = watched;
    expect(rest).toEqual(measure({ programs: fit + 1 }));
    expect(pressure!.samples.length).toBeGreaterThan(10);
    expect(Math.max(...watched.each.map(({ doneNs }) => doneNs))).toBe(watched.ns);
    for (const { runNs, readyNs, ioNs, idleNs, doneNs } of watched.each)
      expect(runNs + readyNs + ioNs + idleNs).toBeCloseTo(doneNs);
  });

  it("goes on, and counts, where the OOM killer ends programs", () => {
    const starved = measure({ programs: 12, ram: "4 MiB", swap: "zram", rounds: 1 });
    expect(starved.killed).toBeGreaterThan(0);
    expect(starved.each.length).toBeLessThan(12);
  });

  it("refuses what cannot be", () => {
    expect(() => measure({ programs: 0 })).toThrow(/programs is at least 1/);
    expect(() => measure({ swap: "tape" as "disk" })).toThrow(/swap is one of ssd, disk, stick, zram, zswap/);
  });

  it("is drawn over programs or memory, with the mark where memory is full", () => {
    const curve: Thrashing[] = [measure({ programs: 1 }), full, measure({ programs: many })];
    const { figure } = drawThrashing({ ssd: curve }, { log: true });
    expect(figure.marks).toEqual([{ x: fit, label: `${fit} fit into memory` }]);
    expect(figure.y.unit).toBe("pages used/s");
    expect(drawThrashing({ ssd: curve }, { x: "ram", y: "useful" }).figure.x.unit).toBe("MiB");
    expect(() => drawThrashing({ ssd: [] })).toThrow(/needs a list of runs/);
  });
});
