import { describe, expect, it } from "vitest";
import { mappingGfpMask } from "../../../lib/mm/filemap/address_space.js";
import { shmemAllocFolio } from "../../../lib/mm/filemap/shmem_alloc.js";
import { mthpStat } from "../../../lib/mm/huge/thp_state.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { checkAll, HUGE, isHuge, PAGE, vmstat } from "../huge/huge_machine.js";
import { FILE, mappingAt, SHM, shmemMachine, THP } from "../huge/shmem_machine.js";

describe("a missing page of shared memory", () => {
  it("comes in a folio of 2 MiB of zeros where that is allowed, and is counted", () => {
    const h = shmemMachine("always");
    const { machine, alice } = h;
    alice.load(SHM + 600 * PAGE);
    expect([isHuge(alice, SHM), isHuge(alice, SHM + HUGE)]).toEqual([false, true]);
    expect([vmstat(machine, "thp_file_alloc"), mthpStat(h.sys, 9, "shmem_alloc")]).toEqual([1, 1]);
    expect(vmstat(machine, "thp_fault_alloc")).toBe(0);
    checkAll(h, alice);
  });

  it("comes alone where no huge page is free, which is counted, too", () => {
    const h = shmemMachine("always");
    const { sys, machine, alice } = h;
    sys.shouldFailAllocPage = (_gfp, order) => order === 9;
    alice.store(SHM, 1, 3);
    sys.shouldFailAllocPage = undefined;
    expect([isHuge(alice, SHM), mappingAt(alice, SHM).nrpages]).toEqual([false, 1]);
    expect([vmstat(machine, "thp_file_fallback"), vmstat(machine, "thp_file_fallback_charge")]).toEqual([
      1, 0,
    ]);
    alice.load(SHM + PAGE); // a page of the block is there: no second try
    expect([vmstat(machine, "thp_file_fallback"), mappingAt(alice, SHM).nrpages]).toEqual([1, 2]);
  });

  it("comes in the largest size that fits and is free", () => {
    const h = shmemMachine();
    const { sys, machine, alice } = h;
    for (const kb of [16, 64]) machine.procfs.write(`${THP}/hugepages-${kb}kB/shmem_enabled`, "always");
    alice.load(SHM);
    alice.load(SHM + 16 * PAGE);
    expect([mappingAt(alice, SHM).nrpages, alice.mm.rssStat[3]]).toEqual([32, 32]);
    sys.shouldFailAllocPage = (_gfp, order) => order === 4;
    alice.load(SHM + 32 * PAGE);
    sys.shouldFailAllocPage = undefined;
    expect(mappingAt(alice, SHM).pages.get(32)!.order).toBe(2);
    expect(["shmem_alloc", "shmem_fallback"].map((name) => mthpStat(sys, 4, name as "shmem_alloc"))).toEqual([
      2, 1,
    ]);
    expect(mthpStat(sys, 2, "shmem_alloc")).toBe(1);
    checkAll(h, alice);
  });

  it("comes by a write in any size that the mount allows; a page that is there already stays", () => {
    const h = shmemMachine();
    const { sys, alice, fd } = h;
    sys.thp.tmpfsHuge = "always";
    alice.store(h.a, 1, 9);
    alice.pwrite(fd, h.a, 1, 5 * PAGE);
    const mapping = mappingAt(alice, FILE);
    expect([mapping.pages.get(0)!.order, alice.load(FILE + 5 * PAGE), alice.load(FILE + PAGE)]).toEqual([
      9, 9, 0,
    ]);
    expect(shmemAllocFolio(mapping, 600, mappingGfpMask(mapping), {})).toMatchObject({
      order: 9,
      index: 512,
    });
    folioPut(sys, mapping.pages.get(512) as Folio);
    expect(shmemAllocFolio(mapping, 600, mappingGfpMask(mapping))).toBe("exists");
    sys.shouldFailAllocPage = () => true;
    const other = mappingAt(alice, SHM);
    expect(shmemAllocFolio(other, 0, mappingGfpMask(other))).toBe(-12);
    sys.shouldFailAllocPage = undefined;
  });
});
