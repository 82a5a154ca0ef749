import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { jiffies } from "../../../lib/mm/jiffies.js";
import { type DirtyThrottleControl, newDirtyThrottleControl } from "../../../lib/mm/lru/dirty_limits.js";
import {
  wbBandwidthEstimateStart,
  wbPositionRatio,
  wbUpdateBandwidth,
} from "../../../lib/mm/lru/wb_bandwidth.js";
import { BdiWriteback } from "../../../lib/mm/lru/wb_domain.js";

class Disk extends BdiWriteback {
  startBackgroundWriteback(): void {
    // nobody writes here
  }
}

/** thresh 20000, bgThresh 10000: free run to 15000, setpoint 17500. */
function at(dirty: number): DirtyThrottleControl {
  return {
    ...newDirtyThrottleControl(),
    dirty,
    thresh: 20_000,
    bgThresh: 10_000,
    wbDirty: dirty,
    wbThresh: 20_000,
  };
}

function position(dirty: number, bandwidth = 1_000_000): number {
  const { sys } = boot({ ram: "64 MiB" }).kernel;
  sys.wbDomain.dirtyLimit = 0;
  const disk = new Disk();
  disk.avgWriteBandwidth = bandwidth;
  const dtc = at(dirty);
  wbPositionRatio(sys, disk, dtc);
  return dtc.posRatio / 1024;
}

describe("the position", () => {
  it("is 1 at the setpoint, 0 at the limit, 2 at the end of the free run, and falls in between", () => {
    expect(position(17_500)).toBeCloseTo(1, 2);
    expect(position(20_000)).toBe(0);
    expect(position(15_000)).toBeCloseTo(2, 1);
    const points = [15_000, 16_000, 17_000, 17_500, 18_000, 19_000, 19_900].map((dirty) => position(dirty));
    expect([...points].sort((a, b) => b - a)).toEqual(points);
  });

  it("is flat at the setpoint: a cubic", () => {
    expect(position(17_500 - 250) - 1).toBeLessThan(0.01);
    expect(position(15_000 + 250) - 1).toBeGreaterThan(0.7);
  });

  it("falls faster where the disk is slow: over eight seconds of its speed", () => {
    expect(position(17_500 + 400, 100)).toBeLessThan(0.6);
    expect(position(17_500 + 400, 10_000)).toBeGreaterThan(0.95);
  });
});

describe("the speed of the disk", () => {
  it("is what it writes, after some seconds of writing", () => {
    const { sys } = boot({ ram: "64 MiB" }).kernel;
    const disk = new Disk();
    for (let i = 0; i < 200; i++) {
      sys.clock.nowNs += 200e6;
      disk.written += 50; // 250 pages a second
      wbUpdateBandwidth(sys, disk);
    }
    expect(disk.writeBandwidth).toBeGreaterThan(220);
    expect(disk.writeBandwidth).toBeLessThanOrEqual(251);
    expect(disk.avgWriteBandwidth).toBeGreaterThanOrEqual(disk.writeBandwidth);
    expect(disk.avgWriteBandwidth).toBeLessThan(300);
  });

  it("is not thought to be lower for a time in which it had nothing to do", () => {
    const { sys } = boot({ ram: "64 MiB" }).kernel;
    const disk = new Disk();
    sys.clock.nowNs += 100e9;
    wbBandwidthEstimateStart(sys, disk);
    expect(disk.bwTimeStamp).toBe(jiffies(sys));
    disk.writebackInodes = 1;
    sys.clock.nowNs += 100e9;
    wbBandwidthEstimateStart(sys, disk);
    expect(disk.bwTimeStamp).toBeLessThan(jiffies(sys));
  });
});

describe("the rate that a task is given", () => {
  it("settles at the disk's speed divided by the number of writers", () => {
    const { sys } = boot({ ram: "64 MiB" }).kernel;
    const disk = new Disk();
    for (const field of [
      "writeBandwidth",
      "avgWriteBandwidth",
      "dirtyRatelimit",
      "balancedDirtyRatelimit",
    ] as const)
      disk[field] = 400;
    let dirty = 17_500;
    for (let i = 0; i < 600; i++) {
      sys.clock.nowNs += 200e6;
      const dtc = at(dirty);
      wbPositionRatio(sys, disk, dtc);
      const four = 4 * Math.floor((disk.dirtyRatelimit * dtc.posRatio) / 1024 / 5);
      disk.dirtied += four;
      disk.written += 80;
      dirty += four - 80;
      wbUpdateBandwidth(sys, disk, dtc);
    }
    expect(disk.dirtyRatelimit).toBeGreaterThan(90);
    expect(disk.dirtyRatelimit).toBeLessThan(125);
    expect(dirty).toBeGreaterThan(16_500);
    expect(dirty).toBeLessThan(18_500);
  });
});
