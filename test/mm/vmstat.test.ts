import { describe, expect, it } from "vitest";
import {
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_UNEVICTABLE,
  NR_LRU_LISTS,
} from "../../lib/mm/lru/lruvec.js";
import * as vmstat from "../../lib/mm/vmstat.js";

const { VmStat, countVmEvent, countVmEvents, globalNodePageState, modNodePageState } = vmstat;
const { NODE_STAT_NAMES, VM_EVENT_NAMES } = vmstat;

/** How /proc/vmstat spells an event's constant. */
const nameInProc = (name: string): string =>
  name
    .toLowerCase()
    .replace("unevictable_pg", "unevictable_pgs_")
    .replace(/^compact(?!_)/, "compact_")
    .replace("kcompactd_", "compact_daemon_")
    .replace("buddy_pgalloc_fail", "buddy_alloc_fail")
    .replace(/buddy_pgalloc$/, "buddy_alloc_success");

describe("events", () => {
  it("only count up, each for itself", () => {
    const sys = { vmStat: new VmStat() };
    countVmEvent(sys, vmstat.PGFAULT);
    countVmEvent(sys, vmstat.PGFAULT);
    countVmEvents(sys, vmstat.PGFREE, 512);
    const counted = VM_EVENT_NAMES.filter((_, item) => sys.vmStat.events[item] !== 0);
    expect(counted).toEqual(["pgfree", "pgfault"]);
    expect([sys.vmStat.events[vmstat.PGFAULT], sys.vmStat.events[vmstat.PGFREE]]).toEqual([2, 512]);
  });

  it("have the number of their name's place", () => {
    for (const [name, value] of Object.entries(vmstat)) {
      const at = (VM_EVENT_NAMES as readonly string[]).indexOf(nameInProc(name));
      if (at >= 0) expect([name, value]).toEqual([name, at]);
    }
    const named = new Set(Object.keys(vmstat).map(nameInProc));
    // PGALLOC, ALLOCSTALL and PGSKIP stand for four zones each.
    expect(VM_EVENT_NAMES.filter((name) => !named.has(name))).toEqual([
      "pgalloc_dma",
      "pgalloc_dma32",
      "pgalloc_normal",
      "pgalloc_movable",
      "allocstall_dma",
      "allocstall_dma32",
      "allocstall_normal",
      "allocstall_movable",
      "pgskip_dma",
      "pgskip_dma32",
      "pgskip_normal",
      "pgskip_movable",
    ]);
    expect(VM_EVENT_NAMES[vmstat.PGALLOC]).toBe("pgalloc_dma");
    expect(VM_EVENT_NAMES[vmstat.ALLOCSTALL]).toBe("allocstall_dma");
    expect(VM_EVENT_NAMES[vmstat.PGSKIP]).toBe("pgskip_dma");
  });
});

describe("states", () => {
  it("go up and down", () => {
    const sys = { vmStat: new VmStat() };
    modNodePageState(sys, vmstat.NR_FILE_DIRTY, 8);
    modNodePageState(sys, vmstat.NR_FILE_DIRTY, -3);
    expect(globalNodePageState(sys, vmstat.NR_FILE_DIRTY)).toBe(5);
    expect(globalNodePageState(sys, vmstat.NR_WRITEBACK)).toBe(0);
    expect(globalNodePageState({ vmStat: new VmStat() }, vmstat.NR_FILE_DIRTY)).toBe(0); // another machine
  });

  it("begin with the LRU lists, so that a list's number is also its counter", () => {
    expect(NODE_STAT_NAMES.slice(0, NR_LRU_LISTS)).toEqual([
      "nr_inactive_anon",
      "nr_active_anon",
      "nr_inactive_file",
      "nr_active_file",
      "nr_unevictable",
    ]);
    expect([LRU_INACTIVE_ANON, LRU_ACTIVE_FILE, LRU_UNEVICTABLE]).toEqual([
      vmstat.NR_INACTIVE_ANON,
      vmstat.NR_ACTIVE_FILE,
      vmstat.NR_UNEVICTABLE,
    ]);
    expect(NODE_STAT_NAMES[vmstat.NR_FILE_DIRTY]).toBe("nr_dirty");
    expect(NODE_STAT_NAMES[vmstat.NR_PAGETABLE]).toBe("nr_page_table_pages");
    expect(NODE_STAT_NAMES[vmstat.NR_SWAPCACHE]).toBe("nr_swapcached");
  });
});
