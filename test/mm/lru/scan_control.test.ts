import { expect, it } from "vitest";
import {
  DEF_PRIORITY,
  newReclaimStat,
  newScanControl,
  SWAP_CLUSTER_MAX,
} from "../../../lib/mm/lru/scan_control.js";

it("an attempt begins gently, may do everything, and has a state of its own", () => {
  const one = newScanControl({ order: 2 });
  expect([one.priority, one.nrToReclaim, one.order]).toEqual([DEF_PRIORITY, SWAP_CLUSTER_MAX, 2]);
  expect([one.mayUnmap, one.maySwap, one.mayWritepage]).toEqual([true, true, true]);
  one.nr.taken = 5;
  expect(newScanControl({}).nr.taken).toBe(0);
  const stat = newReclaimStat();
  stat.nrActivate[1] = 3;
  expect(newReclaimStat().nrActivate).toEqual([0, 0]);
  expect(
    Object.values(newReclaimStat())
      .flat()
      .every((n) => n === 0),
  ).toBe(true);
});
