import { describe, expect, it } from "vitest";
import {
  BdiWriteback,
  TaskDirty,
  WbDomain,
  wbFraction,
  wbWriteoutAdd,
} from "../../../lib/mm/lru/wb_domain.js";

class Disk extends BdiWriteback {
  startBackgroundWriteback(): void {
    // nobody writes here
  }
}

const part = ([num, den]: [number, number]): number => num / den;

describe("a disk's part of what was written", () => {
  it("is 0 before it has written anything, and nearly all if it is the only one", () => {
    const domain = new WbDomain();
    const disk = new Disk();
    expect(part(wbFraction(domain, disk, 1))).toBe(0);
    wbWriteoutAdd(domain, disk, 999, 1);
    expect(part(wbFraction(domain, disk, 1))).toBe(0.999);
    expect(disk.written).toBe(999);
  });

  it("is that of its pages where there are two", () => {
    const domain = new WbDomain();
    const [fast, slow] = [new Disk(), new Disk()];
    wbWriteoutAdd(domain, fast, 3000, 1);
    wbWriteoutAdd(domain, slow, 1000, 1);
    expect(part(wbFraction(domain, fast, 1))).toBeCloseTo(0.75, 2);
    expect(part(wbFraction(domain, slow, 1))).toBeCloseTo(0.25, 2);
  });

  it("fades when it writes no more: half after each 3 s in which the other writes as much as before", () => {
    const domain = new WbDomain();
    const [first, second] = [new Disk(), new Disk()];
    wbWriteoutAdd(domain, first, 1024, 1);
    for (let period = 1; period <= 6; period++) wbWriteoutAdd(domain, second, 1024, 1 + 750 * period);
    expect(part(wbFraction(domain, first, 1 + 750 * 6))).toBeLessThan(1 / 64);
    expect(part(wbFraction(domain, second, 1 + 750 * 6))).toBeGreaterThan(0.98);
  });

  it("is nothing after long idleness, and periods begin anew with the next page", () => {
    const domain = new WbDomain();
    const disk = new Disk();
    wbWriteoutAdd(domain, disk, 1000, 1);
    expect(part(wbFraction(domain, disk, 1_000_000))).toBe(0);
    wbFraction(domain, disk, 2_000_000);
    expect(domain.periodTime).toBe(0);
    wbWriteoutAdd(domain, disk, 1, 2_000_000);
    expect(domain.periodTime).toBe(2_000_750);
  });
});

describe("a new task", () => {
  it("is looked at after 32 pages", () => {
    const { nrDirtied, nrDirtiedPause, dirtyPausedWhen } = new TaskDirty();
    expect([nrDirtied, nrDirtiedPause, dirtyPausedWhen]).toEqual([0, 32, 0]);
  });
});
