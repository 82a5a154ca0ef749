import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { setRecommendedMinFreeKbytes } from "../../../lib/mm/huge/khugepaged_min_free.js";
import type { ThpWord } from "../../../lib/mm/huge/thp_state.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

const newSystem = (ram: string, thp?: "always" | "madvise" | "never"): MemorySystem =>
  boot(thp === undefined ? { ram } : { ram, thp }).kernel.sys;

/** Linux: a write to transparent_hugepage/enabled. */
function choose(sys: MemorySystem, word: ThpWord): void {
  sys.thp.enabled = word;
  setRecommendedMinFreeKbytes(sys);
}

describe("huge pages and min_free_kbytes", () => {
  it("ask for 11 blocks of 2 MiB in each zone, as recorded of a machine of 1 GiB", () => {
    const sys = newSystem("1 GiB");
    expect(sys.thp.enabled).toBe("madvise");
    expect(sys.sysctl.minFreeKbytes).toBe(45056); // 2 zones * 11 blocks * 2048 kB
    expect(sys.zones.map((zone) => zone.watermark.min)).toEqual([177, 11086]);
  });

  it("change nothing where they are off, but what counts is then above the high watermarks", () => {
    expect(newSystem("1 GiB", "never").sysctl.minFreeKbytes).toBe(3937);
    expect(newSystem("2 GiB", "never").sysctl.minFreeKbytes).toBe(5650);
    expect(newSystem("3 GiB", "never").sysctl.minFreeKbytes).toBe(6953);
  });

  it("start switched off below 512 MiB, and take at most a 20th when somebody switches them on", () => {
    const sys = newSystem("256 MiB", "always");
    expect([sys.thp.enabled, sys.sysctl.minFreeKbytes]).toEqual(["never", 1797]);
    choose(sys, "always");
    expect(sys.sysctl.minFreeKbytes).toBe(10424); // (52804 - 670) / 20 pages
    expect(sys.zones.map((zone) => [zone.watermark.min, zone.watermark.high])).toEqual([
      [189, 283],
      [2416, 3624],
    ]);
  });

  it("give it back when they are switched off", () => {
    const sys = newSystem("256 MiB");
    const before = sys.sysctl.minFreeKbytes;
    choose(sys, "madvise");
    choose(sys, "never");
    expect(sys.sysctl.minFreeKbytes).toBeLessThan(before + 50);
    expect(sys.sysctl.minFreeKbytes).toBeGreaterThan(before - 50);
  });

  it("do not lower what somebody has set", () => {
    const sys = newSystem("256 MiB");
    sys.userMinFreeKbytes = 20000;
    sys.sysctl.minFreeKbytes = 20000;
    choose(sys, "always");
    expect(sys.sysctl.minFreeKbytes).toBe(20000);
    choose(sys, "never");
    expect(sys.sysctl.minFreeKbytes).toBe(20000);
  });

  it("count for the own setting of 2 MiB pages, too", () => {
    const sys = newSystem("256 MiB");
    sys.thp.ordersInherit = 0;
    sys.thp.ordersMadvise = 1 << 9;
    setRecommendedMinFreeKbytes(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(10424);
  });
});
