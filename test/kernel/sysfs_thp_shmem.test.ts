import { describe, expect, it } from "vitest";
import { boot } from "../../lib/index.js";
import { thpShmemAttributes } from "../../lib/kernel/sysfs_thp_shmem.js";

const DIR = "/sys/kernel/mm/transparent_hugepage";

describe("shmem_enabled", () => {
  it("is never as the kernel starts, and takes Linux's six words, in Linux's order", () => {
    const { procfs, kernel } = boot({ ram: "64 MiB" });
    const { thp } = kernel.sys;
    expect(procfs.read(`${DIR}/shmem_enabled`)).toBe("always within_size advise [never] deny force\n");
    for (const word of ["always", "within_size", "advise", "never"]) {
      procfs.write(`${DIR}/shmem_enabled`, word);
      expect([thp.shmemEnabled, thp.shmMntHuge, thp.tmpfsHuge]).toEqual([word, word, "never"]);
    }
    procfs.write(`${DIR}/shmem_enabled`, "advise");
    for (const word of ["deny", "force"]) {
      procfs.write(`${DIR}/shmem_enabled`, word);
      expect([thp.shmemEnabled, thp.shmMntHuge]).toEqual([word, "advise"]);
    }
    expect(procfs.tryWrite(`${DIR}/shmem_enabled`, "inherit")).toBe(-22);
  });

  it("has a word for each size, and 2 MiB inherits", () => {
    const { procfs, kernel } = boot({ ram: "64 MiB" });
    const { thp } = kernel.sys;
    const read = (kb: number): string => procfs.read(`${DIR}/hugepages-${kb}kB/shmem_enabled`).trim();
    expect(read(2048)).toBe("always [inherit] within_size advise never");
    expect(read(8)).toBe("always inherit within_size advise [never]");
    procfs.write(`${DIR}/hugepages-64kB/shmem_enabled`, "within_size");
    expect([read(64), thp.shmemOrdersWithinSize]).toEqual([
      "always inherit [within_size] advise never",
      1 << 4,
    ]);
    procfs.write(`${DIR}/hugepages-64kB/shmem_enabled`, "never");
    expect(thp.shmemOrdersWithinSize).toBe(0);
    expect(procfs.tryWrite(`${DIR}/hugepages-64kB/shmem_enabled`, "madvise")).toBe(-22);
  });

  it("refuses force beside another size that inherits, and the other way round", () => {
    const { procfs } = boot({ ram: "64 MiB" });
    procfs.write(`${DIR}/hugepages-64kB/shmem_enabled`, "inherit");
    expect(procfs.tryWrite(`${DIR}/shmem_enabled`, "force")).toBe(-22);
    procfs.write(`${DIR}/hugepages-64kB/shmem_enabled`, "always");
    procfs.write(`${DIR}/shmem_enabled`, "force");
    expect(procfs.tryWrite(`${DIR}/hugepages-64kB/shmem_enabled`, "inherit")).toBe(-22);
    procfs.write(`${DIR}/hugepages-2048kB/shmem_enabled`, "inherit");
    expect(thpShmemAttributes).toHaveLength(10);
  });
});
