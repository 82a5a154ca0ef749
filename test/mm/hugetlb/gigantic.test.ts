import { describe, expect, it } from "vitest";
import {
  allocGiganticFolio,
  freeGiganticFolio,
  prepGiganticFolio,
} from "../../../lib/mm/hugetlb/gigantic.js";
import { nrUnusedPages } from "../../../lib/mm/pages/page_alloc.js";
import { HugeWorld } from "./huge_world.js";

const world = (ram: string, hugepages = {}): HugeWorld =>
  new HugeWorld(0, { ram, reserved: "2 MiB", hugepages });

describe("a page of 1 GiB", () => {
  it("is put together of free neighbours, and comes apart again", () => {
    const { sys } = world("3 GiB").machine.kernel;
    const before = nrUnusedPages(sys);
    const folio = allocGiganticFolio(sys, 18)!;
    expect([folio.pfn % 262144, folio.order, folio.refcount]).toEqual([0, 18, 1]);
    expect(before - nrUnusedPages(sys)).toBe(262144);
    expect(allocGiganticFolio(sys, 18)).toBeUndefined(); // of the others the kernel keeps something
    freeGiganticFolio(sys, folio);
    expect(nrUnusedPages(sys)).toBe(before);
    expect(prepGiganticFolio(sys, folio.pfn, 18).order).toBe(18);
  });

  it("cannot be had when something in the middle is taken", () => {
    const w = world("3 GiB");
    const file = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages";
    expect([w.procfs.tryWrite(file, "2"), w.procfs.read(file)]).toEqual([0, "1\n"]);
    w.procfs.write(file, "0");
    w.resize(700);
    expect([w.procfs.tryWrite(file, "1"), w.procfs.read(file)]).toEqual([0, "0\n"]);
  });

  it("is set aside at boot before anybody else has memory, and is mapped by one entry of level 3", () => {
    const w = world("3 GiB", { "1G": 1 });
    expect(w.procfs.meminfo()).toMatchObject({ Hugetlb: 1048576, HugePages_Total: 0 });
    const p = w.spawn();
    const a = p.mmap("1 GiB", { hugetlb: "1G" });
    const tables = w.procfs.status(p.pid).VmPTE as number;
    p.store(a + 700 * 2 ** 20, 1, 9);
    expect([p.load(a + 700 * 2 ** 20, 1), p.getrusage().minFlt]).toEqual([9, 1]);
    expect(w.procfs.status(p.pid)).toMatchObject({ HugetlbPages: 1048576, VmRSS: 0, VmPTE: tables + 4 });
    w.check();
    const c = p.fork();
    expect(w.failing(() => p.store(a, 1, 1))).toBe(""); // the pool is empty: taken from the child
    expect(w.failing(() => c.load(a, 1))).toBe("SIGBUS");
    p.exit(0);
    w.check();
  });
});
