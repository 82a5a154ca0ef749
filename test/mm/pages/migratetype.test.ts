import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import {
  __GFP_RECLAIMABLE,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_PGTABLE_USER,
} from "../../../lib/mm/pages/gfp.js";
import {
  gfpMigratetype,
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  migratetypeIsMergeable,
} from "../../../lib/mm/pages/migratetype.js";

describe("gfpMigratetype", () => {
  it("reads the type out of two bits of the mask", () => {
    expect(
      [GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_PGTABLE_USER, GFP_KERNEL | __GFP_RECLAIMABLE].map(
        gfpMigratetype,
      ),
    ).toEqual([MIGRATE_MOVABLE, MIGRATE_UNMOVABLE, MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE]);
  });

  it("keeps blocks that are kept or isolated apart from the others", () => {
    const types = [MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_ISOLATE];
    expect(types.map(migratetypeIsMergeable)).toEqual([true, true, false, false]);
  });
});

describe("page blocks", () => {
  it("are told by type from 10 MiB on", () => {
    const type = (ram: string): number => {
      const { zones } = boot({ ram }).kernel.sys;
      return zones[0]!.pageblockType(zones[0]!.zoneEndPfn - 1);
    };
    expect([type("8 MiB"), type("16 MiB")]).toEqual([MIGRATE_UNMOVABLE, MIGRATE_MOVABLE]);
  });
});
