/**
 * From a folio to its slot, and back.
 *
 *   swapWriteout(folio)                                      swapReadFolio(folio)
 *     nobody needs the slot any more:  given up, no I/O
 *     all zeros:      a bit in the zero map, no I/O            zero map: filled with zeros
 *     zswap takes it: compressed in RAM                        zswap has it: decompressed
 *     a device that is done at once (zram)                     the same
 *     a request: PG_writeback until it has ended               a request: PG_locked until it has ended
 *
 * Nothing is lost silently: a folio that could not be written is dirty again, and stays; one that could not
 * be read is not up to date, and who needs it gets SIGBUS.
 *
 * Requests for neighbouring slots become one. They are collected as long as a plug is in place: reclaim has
 * one for each batch, readahead for each window.
 *
 * Left out: swap over a network file system (SWP_FS_OPS).
 *
 * Linux mm/page_io.c, block/blk-core.c. Read first: swap_state.ts, hw/block_device.ts. Read next:
 * swap_readahead.ts, mm/fault/swap_fault.ts.
 */

import type { Pfn } from "../../hw/address.js";
import { type BlockRequest, MAX_REQUEST_BLOCKS, type RequestOwner } from "../../hw/block_device.js";
import { ENOENT } from "../errno.js";
import { folioEndIo } from "../filemap/folio_wait.js";
import { modMthpStat } from "../huge/thp_state.js";
import { folioEndWriteback, folioMarkDirty } from "../lru/page_writeback.js";
import { countFolioEvents, lruvecStatModFolio } from "../memcg/stats.js";
import { vmBugOn } from "../mmdebug.js";
import {
  type Folio,
  folioNrPages,
  folioTestPmdMappable,
  PG_locked,
  PG_reclaim,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
} from "../pages/folio.js";
import { swpOffset } from "../pgtable/swapops.js";
import type { MemorySystem } from "../system.js";
import {
  countVmEvents,
  NR_WRITEBACK,
  PGPGIN,
  PGPGOUT,
  PSWPIN,
  PSWPOUT,
  SWPIN_ZERO,
  SWPOUT_ZERO,
  THP_SWPOUT,
} from "../vmstat.js";
import { swapBlock, swapEntryToInfo } from "./swap_map.js";
import { folioFreeSwap, folioSwap, traceSwap } from "./swap_state.js";
import { SWP_SYNCHRONOUS_IO, type SwapInfoStruct, type SwapIo } from "./swap_types.js";

/**
 * A plug with so many is sent without being asked. Linux block/blk.h:BLK_MAX_REQUEST_COUNT
 * Differs from Linux: counts pages, not requests; a request of 128 kB, 32 pages, ends a plug there, too.
 */
const BLK_MAX_REQUEST_COUNT = 32;

/** kB of a page, in which PGPGIN and PGPGOUT count. */
const PAGE_KB = 4;

// ---------------------------------------------------------------- requests

/**
 * Folios of one request have arrived, in RAM or on the device. Linux mm/page_io.c:end_swap_bio_read(),
 * _write()
 */
class SwapBio implements RequestOwner {
  private readonly sys: MemorySystem;
  private readonly folios: readonly Folio[];

  constructor(sys: MemorySystem, folios: readonly Folio[]) {
    this.sys = sys;
    this.folios = folios;
  }

  endIo({ op, failed }: BlockRequest): void {
    for (const folio of this.folios)
      if (op === "read") endSwapRead(this.sys, folio, !failed);
      else endSwapWrite(this.sys, folio, !failed);
  }
}

/** Linux mm/page_io.c:__end_swap_bio_write() */
function endSwapWrite(sys: MemorySystem, folio: Folio, success: boolean): void {
  if (!success) {
    folioMarkDirty(folio);
    folio.flags &= ~PG_reclaim;
  }
  folioEndWriteback(sys, folio);
  if (sys.trace.on) traceSwap(sys, "pagewalk:end_swap_write", folio, { success: success ? 1 : 0 });
}

/** Linux mm/page_io.c:__end_swap_bio_read() */
function endSwapRead(sys: MemorySystem, folio: Folio, success: boolean): void {
  if (success) folio.flags |= PG_uptodate;
  folioEndIo(sys, folio, PG_locked);
  if (sys.trace.on) traceSwap(sys, "pagewalk:end_swap_read", folio, { success: success ? 1 : 0 });
}

/** Requests are collected from now on; false if they are already. Linux block/blk-core.c:blk_start_plug() */
export function blkStartPlug(sys: MemorySystem): boolean {
  if (sys.swap.plug !== undefined) return false;
  sys.swap.plug = [];
  return true;
}

/** The plug of who began with `started` ends: all is sent. Linux block/blk-core.c:blk_finish_plug() */
export function blkFinishPlug(sys: MemorySystem, started: boolean): void {
  if (!started) return;
  blkFlushPlug(sys);
  sys.swap.plug = undefined;
}

/**
 * Sends what was collected, neighbours together: the one who collects has to wait.
 * Linux block/blk-core.c:blk_flush_plug()
 */
export function blkFlushPlug(sys: MemorySystem): void {
  const all = sys.swap.plug?.splice(0) ?? [];
  for (let first = 0; first < all.length; ) {
    let end = first + 1;
    while (end < all.length && end - first < MAX_REQUEST_BLOCKS && follows(all[end - 1]!, all[end]!)) end++;
    sendRun(sys, all.slice(first, end));
    first = end;
  }
}

function follows(one: SwapIo, next: SwapIo): boolean {
  return next.op === one.op && next.device === one.device && next.block === one.block + 2 ** one.folio.order;
}

function sendRun(sys: MemorySystem, run: readonly SwapIo[]): void {
  const { op, device, block } = run[0]!;
  const pfns: Pfn[] = [];
  const folios: Folio[] = [];
  for (const { folio } of run) {
    folios.push(folio as Folio);
    for (let i = 0; i < 2 ** folio.order; i++) pfns.push(folio.pfn + i);
  }
  device.submit(op, block, pfns, new SwapBio(sys, folios), folios);
}

/** Sends the folio to or from its slot, now or with the plug. Linux block/blk-core.c:submit_bio() */
function submitBio(sys: MemorySystem, si: SwapInfoStruct, op: "read" | "write", folio: Folio): void {
  const block = swapBlock(si, swpOffset(folioSwap(folio)));
  const { device } = si.bdev;
  vmBugOn(device === undefined, "a request for a device without a queue");
  const io: SwapIo = { op, folio, device: device!, block };
  countVmEvents(sys, op === "read" ? PGPGIN : PGPGOUT, folioNrPages(folio) * PAGE_KB);
  const { plug } = sys.swap;
  if (plug === undefined) {
    sendRun(sys, [io]);
    return;
  }
  if (plug.length >= BLK_MAX_REQUEST_COUNT) blkFlushPlug(sys);
  plug.push(io);
}

// ---------------------------------------------------------------- out

/** The zero map says `zero` for all pages of the folio. Linux swap_zeromap_folio_set(), _clear() */
function setZeromap(si: SwapInfoStruct, folio: Folio, zero: 0 | 1): void {
  const offset = swpOffset(folioSwap(folio));
  si.zeromap.fill(zero, offset, offset + folioNrPages(folio));
}

/**
 * Sees to it that the slot has the folio's bytes, which is in the swap cache and not dirty any more; nobody
 * waits for a device. Linux mm/page_io.c:swap_writeout()
 */
export function swapWriteout(sys: MemorySystem, folio: Folio): void {
  if (folioFreeSwap(sys, folio)) return;
  const si = swapEntryToInfo(sys, folioSwap(folio));
  const nrPages = folioNrPages(folio);
  let zero = true;
  for (let i = 0; i < nrPages && zero; i++) zero = sys.ram.isFrameZero(folio.pfn + i);
  setZeromap(si, folio, zero ? 1 : 0);
  if (zero) countFolioEvents(sys, folio, SWPOUT_ZERO, nrPages);
  const stored = zero || sys.swap.zswap?.store(folio) === true;
  if (stored && !zero && nrPages > 1) modMthpStat(sys, folio.order, "zswpout");
  if (sys.trace.on) {
    const to = zero ? "zeromap" : stored ? "zswap" : "device";
    traceSwap(sys, "pagewalk:swap_writeout", folio, { to });
  }
  if (!stored) swapWritepage(sys, folio);
}

/** Writes the folio to the device. Linux mm/page_io.c:__swap_writepage() */
export function swapWritepage(sys: MemorySystem, folio: Folio): void {
  vmBugOn((folio.flags & PG_swapcache) === 0, "a folio that is not in the swap cache is written to swap");
  const si = swapEntryToInfo(sys, folioSwap(folio));
  const nrPages = folioNrPages(folio);
  countFolioEvents(sys, folio, PSWPOUT, nrPages);
  if (folioTestPmdMappable(folio)) countFolioEvents(sys, folio, THP_SWPOUT, 1);
  if (nrPages > 1) modMthpStat(sys, folio.order, "swpout");
  folio.flags |= PG_writeback;
  lruvecStatModFolio(sys, folio, NR_WRITEBACK, nrPages);
  if ((si.flags & SWP_SYNCHRONOUS_IO) === 0) {
    sys.clock.advance(sys.costs.swapOutNs * nrPages);
    submitBio(sys, si, "write", folio);
  } else endSwapWrite(sys, folio, moveNow(sys, si, folio, "write"));
}

/** Moves the folio's pages at once; whether all went well. Linux block/bio.c:submit_bio_wait() */
function moveNow(sys: MemorySystem, si: SwapInfoStruct, folio: Folio, op: "read" | "write"): boolean {
  const offset = swpOffset(folioSwap(folio));
  const { bdev } = si;
  countVmEvents(sys, op === "read" ? PGPGIN : PGPGOUT, folioNrPages(folio) * PAGE_KB);
  for (let i = 0; i < folioNrPages(folio); i++) {
    const block = swapBlock(si, offset + i);
    const move = op === "read" ? bdev.readNow : bdev.writeNow;
    if (move!.call(bdev, block, folio.pfn + i) !== 0) return false;
  }
  return true;
}

// ---------------------------------------------------------------- in

/**
 * Fetches the bytes of the folio's slot; the folio has PG_locked until they are there, and PG_uptodate if
 * they came. Linux mm/page_io.c:swap_read_folio()
 */
export function swapReadFolio(sys: MemorySystem, folio: Folio): void {
  const si = swapEntryToInfo(sys, folioSwap(folio));
  const nrPages = folioNrPages(folio);
  folio.flags |= PG_locked;
  if (si.zeromap[swpOffset(folioSwap(folio))] === 1) {
    traceRead(sys, folio, "zeromap");
    countFolioEvents(sys, folio, SWPIN_ZERO, nrPages);
    for (let i = 0; i < nrPages; i++) sys.ram.zeroFrame(folio.pfn + i);
    endSwapRead(sys, folio, true);
    return;
  }
  const found = sys.swap.zswap?.load(folio) ?? -ENOENT;
  if (found !== -ENOENT) {
    traceRead(sys, folio, "zswap");
    endSwapRead(sys, folio, found === 0);
    return;
  }
  traceRead(sys, folio, "device");
  sys.swap.zswap?.folioSwapin();
  countFolioEvents(sys, folio, PSWPIN, nrPages);
  if (nrPages > 1) modMthpStat(sys, folio.order, "swpin");
  if ((si.flags & SWP_SYNCHRONOUS_IO) === 0) submitBio(sys, si, "read", folio);
  else endSwapRead(sys, folio, moveNow(sys, si, folio, "read"));
}

/** Where the folio's bytes come from. */
function traceRead(sys: MemorySystem, folio: Folio, from: "zeromap" | "zswap" | "device"): void {
  if (sys.trace.on) traceSwap(sys, "pagewalk:swap_read_folio", folio, { from });
}
