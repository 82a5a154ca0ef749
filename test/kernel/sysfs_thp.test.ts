import { describe, expect, it } from "vitest";
import { boot } from "../../lib/index.js";
import { thpAttributes } from "../../lib/kernel/sysfs_thp.js";

const DIR = "/sys/kernel/mm/transparent_hugepage";

describe("/sys/kernel/mm/transparent_hugepage", () => {
  it("says what holds at boot: everything off below 512 MiB", () => {
    const read = (ram: string): string[] => {
      const { procfs } = boot({ ram });
      const files = ["enabled", "defrag", "use_zero_page", "khugepaged/defrag"];
      return files.map((file) => procfs.read(`${DIR}/${file}`).trim());
    };
    expect(read("1 GiB")).toEqual([
      "always [madvise] never",
      "always defer defer+madvise [madvise] never",
      "1",
      "1",
    ]);
    expect(read("64 MiB")).toEqual([
      "always madvise [never]",
      "always defer defer+madvise madvise [never]",
      "0",
      "0",
    ]);
  });

  it("takes what Linux takes and changes what the kernel goes by", () => {
    const { procfs, kernel } = boot({ ram: "64 MiB" });
    const { thp } = kernel.sys;
    procfs.write(`${DIR}/defrag`, "defer+madvise");
    procfs.write(`${DIR}/shrink_underused`, "n");
    procfs.write(`${DIR}/khugepaged/max_ptes_none`, "511");
    procfs.write(`${DIR}/khugepaged/pages_to_scan`, "77");
    expect([thp.defrag, thp.shrinkUnderused, thp.khugepaged.maxPtesNone, thp.khugepaged.pagesToScan]).toEqual(
      ["defer+madvise", false, 511, 77],
    );
    for (const [file, text] of [
      ["enabled", "sometimes"],
      ["defrag", "on"],
      ["use_zero_page", "2"],
      ["khugepaged/max_ptes_none", "512"],
      ["khugepaged/pages_to_scan", "0"],
      ["hugepages-64kB/enabled", "yes"],
    ] as const)
      expect(procfs.tryWrite(`${DIR}/${file}`, text), file).toBe(-22);
  });

  it("has one word for each size, which is a bit in one of three masks", () => {
    const { procfs, kernel } = boot({ ram: "64 MiB" });
    const { thp } = kernel.sys;
    const read = (): string => procfs.read(`${DIR}/hugepages-64kB/enabled`).trim();
    expect(read()).toBe("always inherit madvise [never]");
    procfs.write(`${DIR}/hugepages-64kB/enabled`, "madvise");
    expect([read(), thp.ordersMadvise]).toEqual(["always inherit [madvise] never", 1 << 4]);
    procfs.write(`${DIR}/hugepages-64kB/enabled`, "inherit");
    expect([read(), thp.ordersMadvise, thp.ordersInherit]).toEqual([
      "always [inherit] madvise never",
      0,
      (1 << 4) | (1 << 9),
    ]);
  });

  it("has counters for each size; those of anonymous memory not for 8 kB", () => {
    const paths = thpAttributes.map(({ path }) => path);
    expect(paths.filter((path) => path.includes("hugepages-8kB/stats/anon_fault_alloc"))).toEqual([]);
    expect(paths.filter((path) => path.endsWith("stats/anon_fault_alloc"))).toHaveLength(8);
    expect(paths.filter((path) => path.endsWith("stats/split"))).toHaveLength(9);
    expect(thpAttributes.every(({ effect }) => effect.length > 10)).toBe(true);
  });
});
