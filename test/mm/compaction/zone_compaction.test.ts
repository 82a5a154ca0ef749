import { expect, it } from "vitest";
import { newZoneCompaction } from "../../../lib/mm/compaction/zone_compaction.js";

it("each zone begins with a memory of its own, in which nothing has failed", () => {
  const [one, other] = [newZoneCompaction(), newZoneCompaction()];
  expect(one).toMatchObject({ considered: 0, deferShift: 0, orderFailed: 0, cachedMigratePfn: [0, 0] });
  one.cachedMigratePfn[0] = 512;
  expect(other.cachedMigratePfn).toEqual([0, 0]);
});
