/**
 * From folios to requests and back: which blocks are read or written together, and what their end means for
 * the folios.
 *
 *   pages of the file    0   1   2   3   4   5             a run of neighbouring blocks is one request,
 *   their blocks         8   9  10  77  78   -             of 4 MiB at most;
 *   requests            [8 9 10 ] [77 78 ]  (hole: zeros)  a folio may be in more than one
 *
 *   submitRead   PG_locked on each folio --- last request of the folio ends --> PG_uptodate on (unless one
 *                                                                               failed), PG_locked off
 *   submitWrite  PG_writeback is on -------- last request of the folio ends --> PG_writeback off; a failure is
 *                                                                               the mapping's wbErr
 *
 * Linux block/bio.c, fs/mpage.c. Read first: hw/block_device.ts, mm/filemap/folio_wait.ts.
 * Read next: ext4.ts.
 */
import type { Pfn } from "../hw/address.js";
import {
  type BlockDevice,
  type BlockRequest,
  MAX_REQUEST_BLOCKS,
  type RequestOwner,
} from "../hw/block_device.js";
import { folioEndIo } from "../mm/filemap/folio_wait.js";
import { folioEndWriteback, mappingSetError } from "../mm/lru/page_writeback.js";
import { type Folio, PG_locked, PG_uptodate } from "../mm/pages/folio.js";
import type { MemorySystem } from "../mm/system.js";

/** One page of a file on its way: its block, its frame, and the folio that waits for it. */
export interface PageIo {
  readonly block: number;
  readonly pfn: Pfn;
  /** undefined where only the submitter waits. */
  readonly folio: Folio | undefined;
}

/** What a request is about: whose folios. */
interface Bio {
  readonly sys: MemorySystem;
  readonly folios: readonly Folio[];
}

/** A folio under way. Linux fs/iomap/buffered-io.c:struct iomap_folio_state */
interface FolioState {
  /** Requests that have not ended. */
  pending: number;
  failed: boolean;
}

/** Who wants to know that a request has ended. Linux block/blk-mq.c:blk_mq_free_request() */
interface DiskUser {
  requestEnded(): void;
}

/** Sends folios to one device and back. Linux: bio_end_io of whoever submits */
export class BioQueue implements RequestOwner {
  private readonly device: BlockDevice;
  private readonly bdi: DiskUser | undefined;
  private readonly states = new Map<Folio, FolioState>();

  constructor(device: BlockDevice, bdi?: DiskUser) {
    this.device = device;
    this.bdi = bdi;
  }

  /**
   * Reads `pages`; each folio among them is locked until it is there. The requests.
   * Linux fs/mpage.c:mpage_readahead()
   */
  submitRead(sys: MemorySystem, pages: readonly PageIo[]): BlockRequest[] {
    for (const { folio } of pages) if (folio !== undefined) folio.flags |= PG_locked;
    return this.submit("read", sys, pages);
  }

  /**
   * Writes `pages`, whose folios are marked as under writeback. The requests.
   * Linux fs/ext4/page-io.c:ext4_io_submit()
   */
  submitWrite(sys: MemorySystem, pages: readonly PageIo[]): BlockRequest[] {
    return this.submit("write", sys, pages);
  }

  /** Neighbouring blocks go together. Linux block/blk-merge.c:bio_attempt_back_merge() */
  private submit(op: "read" | "write", sys: MemorySystem, pages: readonly PageIo[]): BlockRequest[] {
    const requests: BlockRequest[] = [];
    for (let first = 0; first < pages.length; ) {
      let nr = 1;
      while (
        nr < MAX_REQUEST_BLOCKS &&
        first + nr < pages.length &&
        pages[first + nr]!.block === pages[first]!.block + nr
      )
        nr++;
      requests.push(this.submitRun(op, sys, pages, first, first + nr));
      first += nr;
    }
    return requests;
  }

  /** One request for the pages [first, end), whose blocks are neighbours. */
  private submitRun(
    op: "read" | "write",
    sys: MemorySystem,
    pages: readonly PageIo[],
    first: number,
    end: number,
  ): BlockRequest {
    const folios: Folio[] = [];
    const pfns: Pfn[] = [];
    for (let i = first; i < end; i++) {
      const { folio, pfn } = pages[i]!;
      pfns.push(pfn);
      // The pages of a folio follow one another.
      if (folio === undefined || folio === folios[folios.length - 1]) continue;
      folios.push(folio);
      const state = this.states.get(folio);
      if (state === undefined) this.states.set(folio, { pending: 1, failed: false });
      else state.pending++;
    }
    const bio: Bio = { sys, folios };
    return this.device.submit(op, pages[first]!.block, pfns, this, bio);
  }

  /** A request has ended. Linux fs/mpage.c:mpage_read_end_io(), fs/ext4/page-io.c:ext4_end_bio() */
  endIo(request: BlockRequest): void {
    const { sys, folios } = request.about as Bio;
    this.bdi?.requestEnded();
    for (const folio of folios) {
      const state = this.states.get(folio)!;
      state.failed ||= request.failed;
      if (--state.pending > 0) continue;
      this.states.delete(folio);
      if (request.op === "read") folioEndRead(sys, folio, !state.failed);
      else {
        if (state.failed) mappingSetError(folio);
        folioEndWriteback(sys, folio);
      }
    }
  }
}

/** The folio has been read, or could not be. Linux mm/filemap.c:folio_end_read() */
function folioEndRead(sys: MemorySystem, folio: Folio, success: boolean): void {
  if (success) folio.flags |= PG_uptodate;
  folioEndIo(sys, folio, PG_locked);
}
