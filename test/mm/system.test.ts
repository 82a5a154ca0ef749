import { describe, expect, it } from "vitest";
import { Clock, COSTS } from "../../lib/hw/clock.js";
import { Ram } from "../../lib/hw/ram.js";
import {
  CAP_IPC_LOCK,
  CAP_SYS_ADMIN,
  type CurrentTask,
  MemorySystem,
  RLIMIT_AS,
  RLIMIT_MEMLOCK,
} from "../../lib/mm/system.js";
import { countVmEvent, PGFAULT } from "../../lib/mm/vmstat.js";

const newSystem = (): MemorySystem => new MemorySystem(new Ram(8 * 2 ** 20), new Clock());

/** A task with 64 KiB of locked memory at most, and with one capability. */
const limited: CurrentTask = {
  pid: 7,
  comm: "limited",
  rlimit: (resource) => (resource === RLIMIT_MEMLOCK ? 65536 : Number.POSITIVE_INFINITY),
  capable: (cap) => cap === CAP_IPC_LOCK,
  majFlt: 0,
  minFlt: 0,
};

describe("a memory system", () => {
  it("asks the current task for limits and rights", () => {
    const sys = newSystem();
    sys.current = limited;
    expect([sys.rlimit(RLIMIT_MEMLOCK), sys.rlimit(RLIMIT_AS)]).toEqual([65536, Number.POSITIVE_INFINITY]);
    expect([sys.capable(CAP_IPC_LOCK), sys.capable(CAP_SYS_ADMIN)]).toEqual([true, false]);
  });

  it("has no limits and all rights while the kernel works for itself", () => {
    const sys = newSystem();
    expect(sys.rlimit(RLIMIT_MEMLOCK)).toBe(Number.POSITIVE_INFINITY);
    expect(sys.capable(CAP_SYS_ADMIN)).toBe(true);
  });

  it("begins with all frames of RAM, and takes the usual prices unless its clock has others", () => {
    const sys = newSystem();
    expect([sys.totalramPages, sys.vmCommittedAs, sys.nextMmId]).toEqual([2048, 0, 1]);
    expect(sys.costs).toEqual(COSTS);
    const dear = { ...COSTS, faultNs: 1e6 };
    const clock = { nowNs: 0, advance: () => {}, costs: dear };
    expect(new MemorySystem(new Ram(2 ** 20), clock).costs.faultNs).toBe(1e6);
  });

  it("shares nothing with another one", () => {
    const [a, b] = [newSystem(), newSystem()];
    countVmEvent(a, PGFAULT);
    a.sysctl.swappiness = 0;
    a.kernelMm.set("swap/vma_ra_enabled", "false");
    a.memMap.push([]);
    expect([b.vmStat.events[PGFAULT], b.sysctl.swappiness, b.kernelMm.size, b.memMap.length]).toEqual([
      0, 60, 0, 0,
    ]);
    expect(a.lruvec).not.toBe(b.lruvec);
  });
});
