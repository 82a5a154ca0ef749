import { expect, it } from "vitest";
import { currentIsKswapd, reclaimerOffset } from "../../../lib/mm/lru/reclaimer.js";
import { newScanControl } from "../../../lib/mm/lru/scan_control.js";
import { PGSCAN_DIRECT, PGSCAN_KSWAPD, PGSCAN_PROACTIVE } from "../../../lib/mm/vmstat.js";
import { withFile } from "./isolated.js";

it("a task reclaims directly, or proactively when it is asked to; kswapd is who works as it", () => {
  const { sys } = withFile(1);
  const counter = (proactive: boolean): number =>
    PGSCAN_KSWAPD + reclaimerOffset(sys, newScanControl({ proactive }));
  expect([counter(false), counter(true)]).toEqual([PGSCAN_DIRECT, PGSCAN_PROACTIVE]);
  sys.currentKthread = sys.pgdat.kswapd;
  expect([currentIsKswapd(sys), counter(false)]).toEqual([true, PGSCAN_KSWAPD]);
  sys.pgdat.kswapd = undefined;
  sys.currentKthread = undefined;
  expect(currentIsKswapd(sys)).toBe(false);
});

it("what works as another thread is not kswapd", () => {
  const { machine, sys } = withFile(1);
  const seen: boolean[] = [];
  const other = sys.sched.kthreadCreate("other", () => {
    seen.push(currentIsKswapd(sys));
    return Number.POSITIVE_INFINITY;
  });
  sys.sched.wakeUp(other);
  machine.kernel.sched.idle(1e6);
  expect([seen, sys.currentKthread]).toEqual([[false], undefined]);
});
