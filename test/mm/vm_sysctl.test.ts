import { describe, expect, it } from "vitest";
import { defaultVmSysctl, OVERCOMMIT_GUESS } from "../../lib/mm/vm_sysctl.js";

describe("defaultVmSysctl", () => {
  it("is what man 5 proc_sys_vm gives as the defaults", () => {
    expect(defaultVmSysctl()).toMatchObject({
      overcommitMemory: OVERCOMMIT_GUESS,
      overcommitRatio: 50,
      maxMapCount: 65530, // a core file could have no more sections
      mmapMinAddr: 65536,
      swappiness: 60,
      pageCluster: 3,
      dirtyRatio: 20,
      dirtyBackgroundRatio: 10,
      dirtyExpireCentisecs: 3000,
      dirtyWritebackCentisecs: 500,
      vfsCachePressure: 100,
      watermarkScaleFactor: 10, // in 1/10000: a thousandth
      lowmemReserveRatio: [256, 256, 32, 0, 0],
      oomDumpTasks: 1,
      stackGuardGapPages: 256, // 1 MiB
    });
  });

  it("leaves to the boot what depends on the size of RAM", () => {
    expect(defaultVmSysctl().minFreeKbytes).toBe(0);
  });

  it("gives each machine settings of its own", () => {
    const one = defaultVmSysctl();
    one.swappiness = 1;
    one.lowmemReserveRatio[0] = 1;
    expect(defaultVmSysctl().swappiness).toBe(60);
    expect(defaultVmSysctl().lowmemReserveRatio[0]).toBe(256);
  });
});
