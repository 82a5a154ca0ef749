import { describe, expect, it } from "vitest";
import { kernelMmTable } from "../../../../lib/kernel/sysfs_mm.js";
import { EINVAL } from "../../../../lib/mm/errno.js";
import { lruGenCaps, lruGenChangeState, setLruGenCaps } from "../../../../lib/mm/lru/gen/switch.js";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
} from "../../../../lib/mm/lru/lruvec.js";
import { PG_active, PG_swapbacked, PG_unevictable, PG_workingset } from "../../../../lib/mm/pages/folio.js";
import { listedFolio, newSystem, problems } from "./generations.js";

describe("switching the generations", () => {
  it("on moves every evictable folio: active ones to the second youngest, inactive files to the oldest", () => {
    const sys = newSystem(0);
    const flags = [
      0,
      PG_active,
      PG_active | PG_workingset,
      PG_swapbacked,
      PG_swapbacked | PG_active,
      PG_unevictable,
    ];
    const folios = flags.map((one) => listedFolio(sys, one));
    lruGenChangeState(sys, true);
    expect(folios.map((folio) => folio.lruGen)).toEqual([0, 2, 3, 2, 2, -1]);
    expect(problems(sys)).toEqual([]);
  });

  it("off moves them back: the two youngest generations are active", () => {
    const sys = newSystem();
    const folios = [0, PG_active, PG_active | PG_workingset, PG_swapbacked, PG_workingset].map((flags) =>
      listedFolio(sys, flags),
    );
    lruGenChangeState(sys, false);
    expect(folios.map((folio) => folio.lruList)).toEqual([
      LRU_INACTIVE_FILE,
      LRU_ACTIVE_FILE,
      LRU_ACTIVE_FILE,
      LRU_ACTIVE_ANON,
      LRU_INACTIVE_FILE,
    ]);
    expect(folios.every((folio) => folio.lruGen === -1)).toBe(true);
    expect(sys.lruvec.lrugen.nrPages.every((pages) => pages === 0)).toBe(true);
    expect(problems(sys)).toEqual([]);
  });

  it("keeps the order of folios in a list", () => {
    const sys = newSystem(0);
    const [a, b, c] = [listedFolio(sys, 0), listedFolio(sys, 0), listedFolio(sys, 0)];
    for (const enabled of [true, false]) lruGenChangeState(sys, enabled);
    expect([sys.lruvec.tail[LRU_INACTIVE_FILE], a.prev, b.prev, c.prev]).toEqual([a, b, c, undefined]);
    expect(sys.lruvec.head[LRU_INACTIVE_ANON]).toBeUndefined();
  });
});

describe("/sys/kernel/mm/lru_gen", () => {
  const enabled = kernelMmTable.get("lru_gen/enabled")!;
  const minTtl = kernelMmTable.get("lru_gen/min_ttl_ms")!;

  it("shows what is on as bits, and takes bits or a word", () => {
    const sys = newSystem(0);
    expect(enabled.show(sys)).toBe("0x0000");
    const shown = ["y\n", "n\n", "5", "0x3\n", "Yes", "8", "No"].map((text) => {
      expect(enabled.store(sys, text)).toBe(0);
      return enabled.show(sys);
    });
    expect(shown).toEqual(["0x0007", "0x0000", "0x0005", "0x0003", "0x0007", "0x0000", "0x0000"]);
    for (const wrong of ["on", "", "-1", "1 2", "4294967296"])
      expect(enabled.store(sys, wrong)).toBe(-EINVAL);
  });

  it("switches each bit by itself", () => {
    const sys = newSystem(0);
    setLruGenCaps(sys, 6);
    expect([sys.lruGen.enabled, sys.lruvec.lrugen.enabled, lruGenCaps(sys)]).toEqual([false, false, 6]);
    setLruGenCaps(sys, 1);
    expect([sys.lruGen.enabled, sys.lruvec.lrugen.enabled, lruGenCaps(sys)]).toEqual([true, true, 1]);
  });

  it("keeps the shortest life in ticks of 4 ms, rounded up", () => {
    const sys = newSystem(0);
    expect(minTtl.show(sys)).toBe("0");
    expect([minTtl.store(sys, "1001\n"), minTtl.show(sys), sys.lruGen.minTtl]).toEqual([0, "1004", 251]);
    expect([minTtl.store(sys, "x"), minTtl.show(sys)]).toEqual([-EINVAL, "1004"]);
  });
});
