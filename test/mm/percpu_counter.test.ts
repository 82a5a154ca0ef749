import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { addMmCounter, getMmRss, MM_ANONPAGES, MM_FILEPAGES, MmStruct } from "../../lib/mm/mm_types.js";
import { addMmRssTogether, getMmCounter, percpuCounterAdd } from "../../lib/mm/percpu_counter.js";
import type { MemorySystem } from "../../lib/mm/system.js";

const sysOf = (cpus: number): MemorySystem => boot({ ram: "32 MiB", cpus }).kernel.sys;

describe("a counter of which each CPU keeps a part", () => {
  it("shows nothing of less than 32 pages, and all when 32 are reached", () => {
    const mm = new MmStruct(sysOf(1));
    for (let i = 0; i < 31; i++) addMmCounter(mm, MM_ANONPAGES, 1);
    expect([getMmCounter(mm, MM_ANONPAGES), getMmRss(mm)]).toEqual([0, 31]);
    addMmCounter(mm, MM_ANONPAGES, 1);
    expect(getMmCounter(mm, MM_ANONPAGES)).toBe(32);
    addMmCounter(mm, MM_ANONPAGES, -5);
    expect([getMmCounter(mm, MM_ANONPAGES), getMmRss(mm)]).toEqual([32, 27]);
  });

  it("is never negative, and of each kind by itself", () => {
    const mm = new MmStruct(sysOf(1));
    addMmCounter(mm, MM_FILEPAGES, 40);
    addMmCounter(mm, MM_ANONPAGES, 20);
    addMmCounter(mm, MM_FILEPAGES, -20);
    addMmCounter(mm, MM_FILEPAGES, -20);
    expect([getMmCounter(mm, MM_FILEPAGES), getMmCounter(mm, MM_ANONPAGES)]).toEqual([0, 0]);
  });

  it("lags by what every CPU keeps; with many CPUs each keeps more", () => {
    const sys = sysOf(2);
    const mm = new MmStruct(sys);
    for (const cpu of [0, 1]) {
      sys.thisCpu = cpu;
      percpuCounterAdd(mm, MM_ANONPAGES, 50);
      percpuCounterAdd(mm, MM_ANONPAGES, 20);
    }
    expect([getMmRss(mm), getMmCounter(mm, MM_ANONPAGES)]).toEqual([140, 100]);
    const many = new MmStruct(sysOf(20));
    addMmCounter(many, MM_ANONPAGES, 39);
    expect(getMmCounter(many, MM_ANONPAGES)).toBe(0);
  });

  it("counts at once what one step adds page by page", () => {
    const mm = new MmStruct(sysOf(1));
    addMmCounter(mm, MM_ANONPAGES, 20);
    addMmRssTogether(mm, () => {
      for (let i = 0; i < 45; i++) addMmCounter(mm, MM_ANONPAGES, 1);
      expect(getMmRss(mm)).toBe(65);
    });
    expect(getMmCounter(mm, MM_ANONPAGES)).toBe(65);
    expect(() =>
      addMmRssTogether(mm, () => {
        throw new Error("no memory");
      }),
    ).toThrow("no memory");
    expect(mm.rssLag.held).toBeUndefined();
  });
});

describe("a process", () => {
  it("that writes 40 pages one by one has 32 in the OOM killer's eyes, its forked child all that it copies", () => {
    const machine = boot({ ram: "32 MiB" });
    const p = machine.spawn("p");
    const own = p.mm.rssStat[MM_ANONPAGES]!;
    const a = p.mmap(40 * 4096);
    p.touch(a, 40 * 4096);
    const exact = p.mm.rssStat[MM_ANONPAGES]!;
    expect(exact).toBe(own + 40);
    expect(exact - getMmCounter(p.mm, MM_ANONPAGES)).toBe(exact % 32);
    const child = p.fork("child");
    expect(getMmCounter(child.mm, MM_ANONPAGES)).toBeGreaterThanOrEqual(40);
  });
});
