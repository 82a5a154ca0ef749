import { describe, expect, it } from "vitest";
import { NR_LRU_LISTS } from "../../../lib/mm/lru/lruvec.js";
import {
  DEACTIVATE_ANON,
  DEACTIVATE_FILE,
  newScanControl,
  type ScanControl,
} from "../../../lib/mm/lru/scan_control.js";
import {
  calculatePressureBalance,
  getScanCount,
  inactiveIsLow,
  lruvecLruSize,
  prepareScanControl,
  SWAPPINESS_ANON_ONLY,
} from "../../../lib/mm/lru/scan_count.js";
import { highWmarkPages } from "../../../lib/mm/pages/wmark.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import {
  NR_ACTIVE_FILE,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  WORKINGSET_ACTIVATE,
} from "../../../lib/mm/vmstat.js";
import { withFile } from "./isolated.js";

/** Says that the lists have these sizes: inactive and active anonymous memory, inactive and active files. */
function sizes(sys: MemorySystem, ...pages: number[]): void {
  pages.forEach((nr, list) => {
    sys.vmStat.nodeStat[list] = nr;
    sys.lruvec.lruZoneSize[list] = nr;
  });
}

const LISTS = [4095, 8192, 40960, 100] as const;

/** Pages to be scanned of lists of those sizes. */
function counts(options: Partial<ScanControl>, swap = 1000, swappiness = 60): number[] {
  const { sys } = withFile(1);
  sys.lruvec.lruZoneSize.fill(0);
  sizes(sys, ...LISTS);
  sys.nrSwapPages = swap;
  sys.sysctl.swappiness = swappiness;
  return getScanCount(sys, sys.lruvec, newScanControl(options));
}

describe("getScanCount", () => {
  it("looks at files only without swap, or where swapping is not allowed", () => {
    expect(counts({}, 0)).toEqual([0, 0, 10, 0]);
    expect(counts({ priority: 0 }, 0)).toEqual([0, 0, 40960, 100]);
    expect(counts({ maySwap: false })).toEqual([0, 0, 10, 0]);
  });

  it("looks at anonymous memory only when somebody asks for it", () => {
    expect(counts({ proactive: true, proactiveSwappiness: SWAPPINESS_ANON_ONLY, priority: 2 })).toEqual([
      1023, 2048, 0, 0,
    ]);
  });

  it("looks at all of everything at priority 0, unless swappiness is 0", () => {
    expect(counts({ priority: 0, fileIsTiny: true })).toEqual([...LISTS]);
    expect(counts({ priority: 0 }, 1000, 0)).toEqual([0, 0, 40960, 100]);
  });

  it("looks at anonymous memory only when hardly any file pages are left, whatever swappiness is", () => {
    expect(counts({ priority: 1, fileIsTiny: true, cacheTrimMode: true }, 1000, 0)).toEqual([
      2047, 4096, 0, 0,
    ]);
  });

  it("looks at files only when there are plenty of inactive ones", () => {
    expect(counts({ priority: 1, cacheTrimMode: true })).toEqual([0, 0, 20480, 50]);
  });

  it("shares by swappiness, rounded down, where costs are equal", () => {
    // total 0: ap = 60, fp = 140
    expect(counts({ priority: 1 })).toEqual([
      Math.floor((2047 * 60) / 200),
      Math.floor((4096 * 60) / 200),
      Math.floor((20480 * 140) / 200),
      35,
    ]);
    expect(counts({})).toEqual([0, 0, 7, 0]); // 4095 pages at priority 12: none; 8192: 2 x 0.3, none
  });
});

describe("calculatePressureBalance", () => {
  it("gives the dearer type less, but not nothing", () => {
    const share = (anonCost: number, fileCost: number, swappiness: number): [number, number] =>
      calculatePressureBalance(newScanControl({ anonCost, fileCost }), swappiness);
    expect(share(0, 0, 60)).toEqual([60, 140]);
    // sum 100: anonymous 200, files 100, both 300
    expect(share(100, 0, 100)).toEqual([Math.floor((100 * 301) / 201), Math.floor((100 * 301) / 101)]);
    expect(share(0, 100, 200)).toEqual([Math.floor((200 * 301) / 101), 0]);
  });
});

describe("inactiveIsLow", () => {
  it("wants half below 1 GiB, and less the larger the lists are", () => {
    const { sys } = withFile(1);
    const low = (inactive: number, active: number): boolean => {
      sizes(sys, inactive, active);
      return inactiveIsLow(sys, 0);
    };
    expect([low(99, 100), low(100, 100)]).toEqual([true, false]);
    const gb = 2 ** 18; // ratio 3 at 1 GiB, 10 at 10 GiB
    expect([low(gb / 4, (3 * gb) / 4), low(gb / 4 - 1, (3 * gb) / 4 + 1)]).toEqual([false, true]);
    expect([low(gb, 10 * gb), low(gb - 1, 10 * gb)]).toEqual([false, true]);
  });
});

describe("prepareScanControl", () => {
  /** A machine with lists of these sizes, and much or little free. */
  function prepared(
    lists: number[],
    options: Partial<ScanControl> = {},
    change?: (sys: MemorySystem) => void,
  ) {
    const { sys } = withFile(1);
    sizes(sys, ...lists);
    change?.(sys);
    const sc = newScanControl(options);
    prepareScanControl(sys, sc);
    return sc;
  }

  it("lets an active list be shortened when the inactive one is short, or pages have come back", () => {
    expect(prepared([10, 5, 10, 5]).mayDeactivate).toBe(0);
    expect(prepared([10, 11, 10, 5]).mayDeactivate).toBe(DEACTIVATE_ANON);
    expect(prepared([10, 5, 10, 11]).mayDeactivate).toBe(DEACTIVATE_FILE);
    const back = prepared([10, 5, 10, 5], {}, (sys) => {
      sys.vmStat.nodeStat[WORKINGSET_ACTIVATE + 1] = 1;
    });
    expect(back.mayDeactivate).toBe(DEACTIVATE_FILE);
    expect(prepared([10, 5, 10, 5], { forceDeactivate: true }).mayDeactivate).toBe(3);
  });

  it("trims the cache when enough inactive pages are there, unless the list is short or that has failed", () => {
    expect(prepared([0, 0, 4096, 0]).cacheTrimMode).toBe(true);
    expect(prepared([0, 0, 4095, 0]).cacheTrimMode).toBe(false);
    expect(prepared([0, 0, 4095, 0], { priority: 11 }).cacheTrimMode).toBe(true);
    expect(prepared([0, 0, 4096, 4097]).cacheTrimMode).toBe(false);
    expect(prepared([0, 0, 4096, 0], { noCacheTrimMode: true }).cacheTrimMode).toBe(false);
  });

  it("notes the costs, and that hardly any file pages are left", () => {
    const tiny = (anon: number, files: number): boolean =>
      prepared([anon, 0, files, 0], {}, (sys) => {
        // All but one page of what the high watermarks want is gone.
        const high = sys.zones.reduce((sum, zone) => sum + highWmarkPages(zone), 0);
        for (const zone of sys.zones) zone.nrFreePages = 0;
        sys.zones[0]!.nrFreePages = high - 1;
      }).fileIsTiny;
    expect([tiny(4096, 1), tiny(4096, 2), tiny(4095, 1)]).toEqual([true, false, false]);
    const sc = prepared([0, 0, 0, 0], {}, (sys) => {
      sys.lruvec.anonCost = 5;
      sys.lruvec.fileCost = 7;
    });
    expect([sc.anonCost, sc.fileCost, sc.fileIsTiny]).toEqual([5, 7, false]);
  });
});

describe("lruvecLruSize", () => {
  it("is the sum of the zones that help", () => {
    const { sys } = withFile(8, "64 MiB");
    const whole = sys.vmStat.nodeStat[NR_INACTIVE_FILE]!;
    expect(lruvecLruSize(sys, sys.lruvec, NR_INACTIVE_FILE, 3)).toBe(whole);
    expect(lruvecLruSize(sys, sys.lruvec, NR_INACTIVE_FILE, 0)).toBe(0);
    expect(sys.lruvec.lruZoneSize[NR_LRU_LISTS + NR_INACTIVE_FILE]).toBe(whole);
    expect([NR_INACTIVE_ANON, NR_ACTIVE_FILE]).toEqual([0, 3]);
  });
});
