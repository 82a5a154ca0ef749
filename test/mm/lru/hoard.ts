/** For tests that want a certain number of free frames, down to the last one, and count what comes back. */
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { __GFP_MEMALLOC } from "../../../lib/mm/pages/gfp.js";
import { allocPages, nrFreePages } from "../../../lib/mm/pages/page_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";
import { exactFrames } from "../exact_frames.js";

/** No CPU keeps free frames for itself; the watermarks are as they are. */
export function noPcpLists(sys: MemorySystem): void {
  const { zoneWatermarkOk } = sys.parts;
  exactFrames(sys);
  sys.parts.zoneWatermarkOk = zoneWatermarkOk;
}

/** Takes frames, watermarks or not, until only `free` are left; nobody is woken, and no watermark is boosted by it. */
export function takeUntil(sys: MemorySystem, free: number): Folio[] {
  const taken: Folio[] = [];
  const boosts = sys.zones.map((zone) => zone.watermarkBoost);
  while (nrFreePages(sys) > free) {
    const folio = allocPages(sys, __GFP_MEMALLOC);
    if (folio === undefined)
      throw new RangeError(`${nrFreePages(sys)} frames are free, and none is to be had`);
    taken.push(folio);
  }
  sys.zones.forEach((zone, i) => {
    zone.watermarkBoost = boosts[i]!;
  });
  return taken;
}
