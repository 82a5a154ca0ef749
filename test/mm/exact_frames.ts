/**
 * For tests that count frames one by one, or want to run out of them at a certain frame: no CPU keeps free pages for itself, and
 * the last frame is given out like the first. What Linux does is tested in pages/pcp.test.ts and pages/watermark_ok.test.ts.
 */
import { drainAllPages } from "../../lib/mm/pages/pcp.js";
import type { MemorySystem } from "../../lib/mm/system.js";

/** From now on no CPU keeps free pages; the watermarks hold. */
export function noPcp(sys: MemorySystem): void {
  drainAllPages(sys);
  for (const zone of sys.zones)
    for (const pcp of zone.pcps) Object.assign(pcp, { high: 0, highMin: 0, highMax: 0, batch: 1 });
}

/** From now on on this machine. */
export function exactFrames(sys: MemorySystem): void {
  noPcp(sys);
  for (const zone of sys.zones) zone.watermark = { min: 0, low: 0, high: 0, promo: 0 };
  sys.parts.zoneWatermarkOk = (_sys, _zone, order, _mark, _highest, _flags, free) => free >= 2 ** order;
}
