import { expect, it } from "vitest";
import { newCompactControl } from "../../../lib/mm/compaction/compact_control.js";
import { zoneWith } from "./fragmented.js";

it("a compaction that has not begun holds nothing, and searches from the wanted order on", () => {
  const cc = newCompactControl({ zone: zoneWith([]), order: 4, mode: 0, gfpMask: 0 });
  expect(cc).toMatchObject({ searchOrder: 4, nrFreepages: 0, nrMigratepages: 0, wholeZone: false });
  expect([cc.freepages.length, cc.freepages.flat(), cc.migratepages]).toEqual([11, [], []]);
});
