import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Ram } from "../../lib/hw/ram.js";
import { doWpPage } from "../../lib/mm/fault/wp.js";
import { mmInit } from "../../lib/mm/mm_init.js";
import { PG_reserved, pfnToPage } from "../../lib/mm/pages/folio.js";
import { nrUnusedPages } from "../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../lib/mm/system.js";

const newSystem = (): MemorySystem => new MemorySystem(new Ram(32 * 2 ** 20), new Clock());

describe("mmInit", () => {
  it("hands all frames above the first MiB to the zones but the zero page", () => {
    const sys = newSystem();
    mmInit(sys);
    expect(sys.zones.map((zone) => zone.managedPages)).toEqual([0xf00, 0x1000]);
    expect([sys.totalramPages, nrUnusedPages(sys)]).toEqual([0x1f00, 0x1eff]);
  });

  it("keeps one frame of zeros that is nobody's", () => {
    const sys = newSystem();
    mmInit(sys);
    const page = pfnToPage(sys, sys.zeroPfn);
    expect(sys.zeroPfn).toBeGreaterThanOrEqual(0x100);
    expect([page.flags & PG_reserved, page.refcount]).toEqual([PG_reserved, 1]);
    expect(sys.ram.frame(sys.zeroPfn).every((byte) => byte === 0)).toBe(true);
  });

  it("sets what follows from the size of RAM: min_free_kbytes is the root of 16 times the kilobytes", () => {
    const sys = newSystem();
    mmInit(sys);
    expect(sys.sysctl.minFreeKbytes).toBe(Math.floor(Math.sqrt(16 * 0x1f00 * 4))); // 712
    expect(sys.sysctl.userReserveKbytes).toBe(Math.floor((0x1eff * 4) / 32)); // 991
  });

  it("takes the parts that it is given and Linux's own for the others", () => {
    const sys = newSystem();
    const mine = (): number => 0;
    mmInit(sys, [], { doAnonymousPage: mine });
    expect([sys.parts.doAnonymousPage, sys.parts.doWpPage]).toEqual([mine, doWpPage]);
  });
});
