import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import {
  folioEndIo,
  folioIsLocked,
  folioIsWriteback,
  folioWaitLocked,
  folioWaitWriteback,
} from "../../../lib/mm/filemap/folio_wait.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { type Folio, PG_locked, PG_writeback } from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { MemorySystem } from "../../../lib/mm/system.js";

let sys: MemorySystem;
let folio: Folio;
/** When the device will be done. */
let endNs: number;

beforeEach(() => {
  sys = new MemorySystem(new Ram(4 * 2 ** 20), new Clock());
  mmInit(sys);
  folio = allocPages(sys, GFP_KERNEL)!;
  sys.events.on("read", () => folioEndIo(sys, folio, PG_locked));
  sys.events.on("written", () => folioEndIo(sys, folio, PG_writeback));
  endNs = sys.clock.nowNs + 5000;
});

describe("a folio whose bytes are on their way", () => {
  it("from the device is locked until they are there, and the waiter's time goes on until then", () => {
    folio.flags |= PG_locked;
    sys.events.post(endNs, "read", folio);
    expect([folioIsLocked(sys, folio), folioIsWriteback(sys, folio)]).toEqual([true, false]);
    folioWaitLocked(sys, folio);
    expect([folioIsLocked(sys, folio), sys.clock.nowNs]).toEqual([false, endNs]);
  });

  it("to the device is under writeback until then", () => {
    folio.flags |= PG_writeback;
    sys.events.post(endNs, "written", folio);
    expect([folioIsLocked(sys, folio), folioIsWriteback(sys, folio)]).toEqual([false, true]);
    folioWaitWriteback(sys, folio);
    expect([folioIsWriteback(sys, folio), sys.clock.nowNs]).toEqual([false, endNs]);
  });
});

describe("a folio that nothing happens to", () => {
  it("is not waited for", () => {
    const { nowNs } = sys.clock;
    folioWaitLocked(sys, folio);
    folioWaitWriteback(sys, folio);
    expect(sys.clock.nowNs).toBe(nowNs);
  });
});

describe("a folio that another program has waited for, ahead of this one", () => {
  it("counts as on its way until that time, and this one waits until then, too", () => {
    sys.lockedUntilNs.set(folio, endNs);
    expect([folioIsLocked(sys, folio), folioIsWriteback(sys, folio)]).toEqual([true, false]);
    folioWaitLocked(sys, folio);
    expect([sys.clock.nowNs, folioIsLocked(sys, folio)]).toEqual([endNs, false]);
  });

  it("is marked with the time only while some program is behind", () => {
    folio.flags |= PG_locked | PG_writeback;
    folioEndIo(sys, folio, PG_locked);
    expect([sys.lockedUntilNs.size, folio.flags & (PG_locked | PG_writeback)]).toEqual([0, PG_writeback]);
    Object.assign(sys.sched, { slowestOtherNs: -1 });
    folioEndIo(sys, folio, PG_writeback);
    expect([sys.writebackUntilNs.get(folio), sys.lockedUntilNs.size]).toEqual([sys.clock.nowNs, 0]);
  });
});
