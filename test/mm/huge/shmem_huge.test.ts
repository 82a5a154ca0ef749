import { describe, expect, it } from "vitest";
import {
  limitGfpMask,
  shmemAllowableHugeOrders,
  shmemHugeAlign,
  shmemHugeOrders,
} from "../../../lib/mm/huge/shmem_huge.js";
import { shmemHpagePmdEnabled } from "../../../lib/mm/huge/thp_state.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGHMEM,
  __GFP_NORETRY,
  GFP_HIGHUSER_MOVABLE,
  GFP_NOFS,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
} from "../../../lib/mm/pages/gfp.js";
import { HUGE, PAGE, vmaAt } from "./huge_machine.js";
import { FILE, mappingAt, SHM, shmemMachine, smapsField, THP } from "./shmem_machine.js";

const PMD = 1 << 9;
const ALL = 0x3fe;

/** Orders for page 0 of the memory without a name, of the file when it is mapped, and when it is written. */
function orders(h: ReturnType<typeof shmemMachine>, index = 0, writeEnd = 0): number[] {
  const { alice } = h;
  const of = (at: number) => shmemAllowableHugeOrders(mappingAt(alice, at), { vma: vmaAt(alice, at), index });
  return [of(SHM), of(FILE), shmemAllowableHugeOrders(mappingAt(alice, FILE), { index, writeEnd })];
}

describe("orders that shared memory may have", () => {
  it("are none as the kernel starts", () => {
    const h = shmemMachine();
    expect([orders(h), shmemHpagePmdEnabled(h.sys)]).toEqual([[0, 0, 0], false]);
    expect(smapsField(h, h.alice, SHM, "THPeligible")).toBe(0);
  });

  it("follow shmem_enabled for memory without a name, and the mount for files", () => {
    const h = shmemMachine("always");
    expect([orders(h), shmemHpagePmdEnabled(h.sys)]).toEqual([[PMD, 0, 0], true]);
    h.sys.thp.tmpfsHuge = "always";
    expect(orders(h)).toEqual([PMD, PMD, ALL]);
    h.machine.procfs.write(`${THP}/shmem_enabled`, "deny");
    expect([orders(h), shmemHpagePmdEnabled(h.sys)]).toEqual([[0, 0, 0], false]);
    h.machine.procfs.write(`${THP}/shmem_enabled`, "force");
    expect(orders(h)).toEqual([PMD, PMD, PMD]);
  });

  it("ask for advice where that is the word", () => {
    const h = shmemMachine("advise");
    expect(orders(h)).toEqual([0, 0, 0]);
    h.alice.madvise(SHM, HUGE, "HUGEPAGE");
    expect([orders(h)[0], smapsField(h, h.alice, SHM, "THPeligible")]).toEqual([PMD, 1]);
  });

  it("fit in the file where the word is within_size, at what a write makes of it", () => {
    const h = shmemMachine("within_size");
    h.sys.thp.tmpfsHuge = "within_size";
    h.alice.ftruncate(h.fd, 520 * PAGE);
    expect(orders(h, 3)).toEqual([PMD, PMD, ALL]);
    expect(orders(h, 515)).toEqual([PMD, 0, 0xe]); // pages 512 to 519 are within
    expect(orders(h, 515, HUGE + 64 * PAGE)[2]).toBe(0x7e);
  });

  it("have a word for each size, without a name only", () => {
    const h = shmemMachine();
    h.machine.procfs.write(`${THP}/hugepages-64kB/shmem_enabled`, "always");
    h.machine.procfs.write(`${THP}/hugepages-32kB/shmem_enabled`, "advise");
    expect(orders(h)).toEqual([1 << 4, 0, 0]);
    h.alice.madvise(SHM, HUGE, "HUGEPAGE");
    expect(orders(h)).toEqual([(1 << 4) | (1 << 3), 0, 0]);
    h.alice.madvise(SHM, 2 * HUGE, "NOHUGEPAGE");
    expect(orders(h)).toEqual([0, 0, 0]);
  });

  it("are those of MADV_COLLAPSE whatever the words, and none for a huge fault", () => {
    const { alice } = shmemMachine();
    const vma = vmaAt(alice, FILE);
    expect(shmemHugeOrders(vma, "forced_collapse", PMD)).toBe(PMD);
    expect(shmemHugeOrders(vma, "khugepaged", PMD)).toBe(0);
    const forced = shmemMachine("force");
    expect(shmemHugeOrders(vmaAt(forced.alice, FILE), "pagefault", PMD)).toBe(0);
  });
});

describe("shmemHugeAlign", () => {
  it("is the largest size that there may be, for mappings to be placed by", () => {
    const { sys, machine, alice } = shmemMachine();
    const file = mappingAt(alice, FILE);
    expect([shmemHugeAlign(sys, undefined), shmemHugeAlign(sys, file)]).toEqual([0, 0]);
    machine.procfs.write(`${THP}/hugepages-64kB/shmem_enabled`, "always");
    expect([shmemHugeAlign(sys, undefined), shmemHugeAlign(sys, file)]).toEqual([0x10000, 0]);
    machine.procfs.write(`${THP}/shmem_enabled`, "always");
    expect([shmemHugeAlign(sys, undefined), shmemHugeAlign(sys, file)]).toEqual([HUGE, 0]);
    expect(alice.mmap(HUGE + PAGE, { shared: true }) % HUGE).toBe(0);
    sys.thp.tmpfsHuge = "advise";
    expect(shmemHugeAlign(sys, file)).toBe(HUGE);
    machine.procfs.write(`${THP}/shmem_enabled`, "deny");
    expect([shmemHugeAlign(sys, undefined), shmemHugeAlign(sys, file)]).toEqual([0, 0]);
  });
});

describe("limitGfpMask", () => {
  it("allows what both allow, and forbids what one forbids", () => {
    const both = limitGfpMask(GFP_TRANSHUGE, GFP_HIGHUSER_MOVABLE);
    expect([both & __GFP_DIRECT_RECLAIM, both & __GFP_HIGHMEM]).toEqual([
      __GFP_DIRECT_RECLAIM,
      __GFP_HIGHMEM,
    ]);
    expect(limitGfpMask(GFP_TRANSHUGE_LIGHT, GFP_HIGHUSER_MOVABLE) & __GFP_DIRECT_RECLAIM).toBe(0);
    expect(limitGfpMask(GFP_TRANSHUGE, GFP_NOFS | __GFP_NORETRY) & __GFP_HIGHMEM).toBe(0);
  });
});
