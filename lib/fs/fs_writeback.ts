/**
 * The flusher: a kernel thread for each disk that writes what is dirty, so that nobody has to ask.
 *
 *   a file's first dirty page --> b_dirty, with the time       the flusher wakes in dirty_writeback_centisecs
 *                                    |  old enough, or all of them
 *                                    v
 *                                 b_io  --a chunk of the file is sent--> clean: off the lists
 *                                    ^                                   more to write: b_more_io --'
 *                                                                      dirty again: b_dirty, with a new time
 *
 *   why it writes, in this order                         which files             until
 *     somebody wants all of it (reclaim, laptop mode)    all                     as many as were dirty
 *     every 5 s (dirty_writeback_centisecs)              dirty for 30 s          none is that old
 *     more is dirty than the threshold (10 %)            all, the oldest first   less is
 *
 * How long a file is dirty counts from its first dirty page: when it is old, all its pages are written. One
 * batch of the thread is one chunk of one file: half a second's worth of the disk's speed, but no more than
 * an eighth of all that may be dirty, and 4 MiB at least. It waits for nothing: a page that is under
 * writeback already is left for the next time.
 *
 * It does not fill the disk's queue, so that others' reads need not wait long: 4 of its requests may be under
 * way for what is old or too much, 8 for other reasons, 16 while a task is slowed down. Then it sleeps until
 * one has ended.
 *
 * Left out: fewer or more requests as reads are seen to take long (blk-wbt's feedback); timestamps that are
 * written later (dirtytime): there are none.
 * Differs from Linux: sync(2) sends the pages in the caller's name.
 *
 * Linux fs/fs-writeback.c. Read first: mm/lru/page_writeback.ts, mm/lru/balance_dirty_pages.ts, mm/wait.ts.
 * Read next: ext4.ts.
 */

import { HZ, jiffies, NS_PER_JIFFY } from "../mm/jiffies.js";
import { wbOverBgThresh } from "../mm/lru/dirty_limits.js";
import { doWritepages, filemapFdatawaitRange, filemapFdatawriteRange } from "../mm/lru/page_writeback.js";
import { wbUpdateBandwidth } from "../mm/lru/wb_bandwidth.js";
import { BdiWriteback, WB_UPDATE_BANDWIDTH } from "../mm/lru/wb_domain.js";
import type { MemorySystem, WbReason } from "../mm/system.js";
import { globalNodePageState, NR_FILE_DIRTY } from "../mm/vmstat.js";
import type { Kthread } from "../mm/wait.js";
import type { Inode } from "./inode.js";

const NS_PER_CENTISEC = 1e7;
const NEVER = Number.POSITIVE_INFINITY;
/** The least that is written of a file at once, in pages. Linux fs/fs-writeback.c:MIN_WRITEBACK_PAGES */
const MIN_WRITEBACK_PAGES = 1024;
/** Part of the limit that is written of a file at once. Linux include/linux/writeback.h:DIRTY_SCOPE */
const DIRTY_SCOPE = 8;
/** Requests that may be under way. Linux block/blk-wbt.c:RWB_DEF_DEPTH, calc_wb_limits() */
const WBT_DEPTH = 16;
const WBT_NORMAL = 8;
const WBT_BACKGROUND = 4;
/** Kind of the event by which all is written after the disk was used, in laptop mode. */
const LAPTOP_TIMER = "laptop_mode_timer_fn";

/** Dirty files, and since when in ns, the oldest first. Linux: a list of inodes, with dirtied_when in each */
type InodeList = Map<Inode, number>;

/** One reason to write, on its way. Linux fs/fs-writeback.c:struct wb_writeback_work */
interface WbWritebackWork {
  readonly reason: WbReason;
  /** All files, those that are old, or as many as it takes. Linux for_kupdate, for_background */
  readonly kind: "all" | "periodic" | "background";
  nrPages: number;
  /** Files that became dirty later are not meant. */
  dirtiedBefore: number;
  /** Files were moved to b_io. */
  queued: boolean;
  /** A pass over b_io is under way: since when, and how much it has written. */
  passStartNs: number;
  passWrote: number;
  /** The chunk under way: of which file, its size, and what is left of it. */
  chunk: { readonly inode: Inode; readonly size: number; left: number } | undefined;
}

/** Who writes one disk's dirty files. Linux include/linux/backing-dev-defs.h:struct bdi_writeback */
export class Flusher extends BdiWriteback {
  private readonly sys: MemorySystem;
  private readonly disk: { readonly inFlight: number };
  private readonly bDirty: InodeList = new Map();
  private readonly bIo: InodeList = new Map();
  private readonly bMoreIo: InodeList = new Map();
  /** Somebody wants all to be written. Linux WB_start_all, start_all_reason */
  private startAll: WbReason | undefined = undefined;
  /** Reasons that have been looked at since the thread woke up. */
  private checked = 0;
  private work: WbWritebackWork | undefined = undefined;
  /** It sleeps until a request has ended. */
  private waitsForQueue = false;
  private lastOldFlushNs: number;
  /** When the laptop timer goes off, if the disk is not used before; Infinity while it is not set. */
  private laptopTimerNs = NEVER;
  readonly thread: Kthread;

  constructor(sys: MemorySystem, disk: { readonly inFlight: number }) {
    super();
    this.sys = sys;
    this.disk = disk;
    this.lastOldFlushNs = sys.clock.nowNs;
    this.bwTimeStamp = jiffies(sys);
    this.thread = sys.sched.kthreadCreate("kworker/u8:0-flush-8:0", () => this.wbWorkfn());
    sys.events.on(WB_UPDATE_BANDWIDTH, (wb) => {
      (wb as Flusher).bwUpdatePending = false;
      wbUpdateBandwidth(sys, wb as Flusher);
    });
    sys.events.on(LAPTOP_TIMER, (wb, { atNs }) => {
      (wb as Flusher).laptopTimer(atNs);
    });
  }

  // -------------------------------------------------------------- lists of files

  /** The file has a dirty page, the first. Linux fs/fs-writeback.c:__mark_inode_dirty() */
  markInodeDirty(inode: Inode): void {
    if (this.bDirty.has(inode) || this.bIo.has(inode) || this.bMoreIo.has(inode)) return;
    const { clock, sched } = this.sys;
    const populated = this.hasDirtyIo;
    this.bDirty.set(inode, clock.nowNs);
    const interval = this.intervalNs;
    if (!populated && this.thread.wakeup === undefined && interval > 0)
      sched.wakeUp(this.thread, clock.nowNs + interval);
  }

  /** The file is gone, or clean. Linux fs/fs-writeback.c:inode_io_list_del() */
  forget(inode: Inode): void {
    this.bDirty.delete(inode);
    this.bIo.delete(inode);
    this.bMoreIo.delete(inode);
  }

  /** Linux include/linux/backing-dev.h:wb_has_dirty_io() */
  private get hasDirtyIo(): boolean {
    return this.nrDirtyInodes > 0;
  }

  private get nrDirtyInodes(): number {
    return this.bDirty.size + this.bIo.size + this.bMoreIo.size;
  }

  private get intervalNs(): number {
    return this.sys.sysctl.dirtyWritebackCentisecs * NS_PER_CENTISEC;
  }

  /** The end of b_dirty; its time stays if it is the latest. Linux fs/fs-writeback.c:redirty_tail_locked() */
  private redirtyTail(inode: Inode, dirtiedWhen: number): void {
    let latest = 0;
    for (const when of this.bDirty.values()) latest = Math.max(latest, when);
    this.bDirty.set(inode, dirtiedWhen < latest ? this.sys.clock.nowNs : dirtiedWhen);
  }

  /** Files to be written come to b_io, the oldest first. Linux fs/fs-writeback.c:queue_io() */
  private queueIo(dirtiedBefore: number): void {
    for (const [inode, when] of this.bMoreIo) this.bIo.set(inode, when);
    this.bMoreIo.clear();
    for (const [inode, when] of this.bDirty) {
      if (when > dirtiedBefore) break;
      this.bDirty.delete(inode);
      this.bIo.set(inode, when);
    }
  }

  // -------------------------------------------------------------- who wants something

  startBackgroundWriteback(): void {
    this.sys.sched.wakeUp(this.thread);
  }

  /** All that is dirty now shall be written. Linux fs/fs-writeback.c:wb_start_writeback() */
  startWriteback(reason: WbReason): void {
    if (this.startAll !== undefined || !this.hasDirtyIo) return;
    this.startAll = reason;
    this.sys.sched.wakeUp(this.thread);
  }

  /**
   * Writes every dirty file and waits until all has arrived. Linux fs/fs-writeback.c:sync_inodes_sb(),
   * wait_sb_inodes()
   */
  syncInodes(inodes: Iterable<Inode>): void {
    const all = [...inodes];
    for (const inode of all) {
      filemapFdatawriteRange(inode.mapping, 0, Number.MAX_SAFE_INTEGER);
      if (inode.mapping.dirtyFolios.size === 0) this.forget(inode);
    }
    for (const inode of all)
      if (inode.mapping.nrWriteback > 0) filemapFdatawaitRange(inode.mapping, 0, Number.MAX_SAFE_INTEGER);
    this.laptopSyncCompletion();
  }

  /** A request to the disk has ended: there is room for another. Linux block/blk-wbt.c:wbt_done() */
  requestEnded(): void {
    if (this.sys.sysctl.laptopMode > 0) this.laptopIoCompletion();
    if (!this.waitsForQueue) return;
    this.waitsForQueue = false;
    this.sys.sched.wakeUp(this.thread);
  }

  /** No more requests for now. Linux block/blk-wbt.c:get_limit() */
  private queueFull(work: WbWritebackWork): boolean {
    const throttled = jiffies(this.sys) < this.lastBdpSleep + HZ;
    const limit = throttled ? WBT_DEPTH : work.kind === "all" ? WBT_NORMAL : WBT_BACKGROUND;
    return this.disk.inFlight >= limit;
  }

  // -------------------------------------------------------------- laptop mode

  /**
   * The disk was used, so it turns: what is dirty is written soon, in laptop mode. Linux
   * mm/page-writeback.c:laptop_io_completion()
   */
  private laptopIoCompletion(): void {
    const { clock, events, sysctl } = this.sys;
    const wasSet = this.laptopTimerNs < NEVER;
    this.laptopTimerNs = clock.nowNs + sysctl.laptopMode * 1e9;
    if (!wasSet) events.post(this.laptopTimerNs, LAPTOP_TIMER, this);
  }

  /** All has been written: no need to. Linux mm/page-writeback.c:laptop_sync_completion() */
  private laptopSyncCompletion(): void {
    if (this.laptopTimerNs < NEVER) this.laptopTimerNs = 0;
  }

  /** Linux mm/page-writeback.c:laptop_mode_timer_fn() */
  private laptopTimer(atNs: number): void {
    const dueNs = this.laptopTimerNs;
    this.laptopTimerNs = NEVER;
    if (dueNs === 0) return; // deleted
    if (dueNs > atNs) {
      this.laptopTimerNs = dueNs;
      this.sys.events.post(dueNs, LAPTOP_TIMER, this);
    } else this.startWriteback("laptop_timer");
  }

  // -------------------------------------------------------------- the thread

  /** One batch: one chunk of one file, if there is a reason. Linux fs/fs-writeback.c:wb_workfn() */
  private wbWorkfn(): number {
    const { clock } = this.sys;
    this.running = true;
    for (;;) {
      this.work ??= this.nextWork();
      if (this.work === undefined) break;
      if (this.wbWriteback(this.work)) return this.waitsForQueue ? NEVER : clock.nowNs;
    }
    this.running = false;
    this.checked = 0;
    if (this.startAll !== undefined) return clock.nowNs; // asked for meanwhile
    const interval = this.intervalNs;
    return this.hasDirtyIo && interval > 0 ? clock.nowNs + interval : NEVER;
  }

  /** The next reason to write; undefined after the last. Linux fs/fs-writeback.c:wb_do_writeback() */
  private nextWork(): WbWritebackWork | undefined {
    while (this.checked < 3) {
      const work =
        this.checked === 0 ? this.checkStartAll() : this.checked === 1 ? this.checkOldData() : this.checkBg();
      this.checked++;
      if (work !== undefined) return work;
    }
    return undefined;
  }

  private newWork(kind: WbWritebackWork["kind"], reason: WbReason, nrPages: number): WbWritebackWork {
    const { nowNs } = this.sys.clock;
    return {
      reason,
      kind,
      nrPages,
      dirtiedBefore: nowNs,
      queued: false,
      passStartNs: NEVER,
      passWrote: 0,
      chunk: undefined,
    };
  }

  /** Pages, and files. Linux fs/fs-writeback.c:get_nr_dirty_pages() */
  private get nrDirtyPages(): number {
    return globalNodePageState(this.sys, NR_FILE_DIRTY) + this.nrDirtyInodes;
  }

  /** Linux fs/fs-writeback.c:wb_check_start_all() */
  private checkStartAll(): WbWritebackWork | undefined {
    return this.startAll === undefined ? undefined : this.newWork("all", this.startAll, this.nrDirtyPages);
  }

  /** Linux fs/fs-writeback.c:wb_check_old_data_flush() */
  private checkOldData(): WbWritebackWork | undefined {
    const { nowNs } = this.sys.clock;
    const interval = this.intervalNs;
    if (interval <= 0 || nowNs < this.lastOldFlushNs + interval) return undefined;
    this.lastOldFlushNs = nowNs;
    const nrPages = this.nrDirtyPages;
    return nrPages > 0 ? this.newWork("periodic", "periodic", nrPages) : undefined;
  }

  /** Linux fs/fs-writeback.c:wb_check_background_flush() */
  private checkBg(): WbWritebackWork | undefined {
    return wbOverBgThresh(this.sys, this) ? this.newWork("background", "background", NEVER) : undefined;
  }

  /**
   * Goes on with `work`, up to the next chunk of a file; false when the work is done. Linux
   * fs/fs-writeback.c:wb_writeback()
   */
  private wbWriteback(work: WbWritebackWork): boolean {
    for (;;) {
      if (work.passStartNs === NEVER && !this.startPass(work)) break;
      const [first] = this.bIo;
      if (first !== undefined) this.writebackInode(work, first[0], first[1]);
      if (this.waitsForQueue) return true;
      if (this.bIo.size > 0 && !this.passIsOver(work)) return true;
      this.endPass(work);
      if (work.passWrote === 0 && work.queued) break;
      if (first !== undefined) return true;
    }
    if (work.kind === "all") this.startAll = undefined;
    this.work = undefined;
    return false;
  }

  /** Begins a pass over b_io; false where there is no need for one more. */
  private startPass(work: WbWritebackWork): boolean {
    if (work.nrPages <= 0) return false;
    if (work.kind === "background" && !wbOverBgThresh(this.sys, this)) return false;
    this.traceWork("writeback:writeback_start", work);
    if (this.bIo.size === 0) {
      if (work.kind !== "all") work.dirtiedBefore = this.dirtiedBefore(work);
      this.queueIo(work.dirtiedBefore);
      work.queued = true;
    }
    work.passStartNs = this.sys.clock.nowNs;
    work.passWrote = 0;
    return true;
  }

  /** Something was written, and it is time to see whether that is enough. */
  private passIsOver(work: WbWritebackWork): boolean {
    if (work.passWrote === 0) return false;
    return work.nrPages <= 0 || this.sys.clock.nowNs > work.passStartNs + (HZ / 10) * NS_PER_JIFFY;
  }

  private endPass(work: WbWritebackWork): void {
    work.passStartNs = NEVER;
    this.traceWork("writeback:writeback_written", work);
  }

  /** How much of a file is written at once, in pages. Linux fs/fs-writeback.c:writeback_chunk_size() */
  private chunkSize(work: WbWritebackWork): number {
    const pages = Math.min(
      Math.floor(this.avgWriteBandwidth / 2),
      Math.floor(this.sys.wbDomain.dirtyLimit / DIRTY_SCOPE),
      work.nrPages,
    );
    return Math.floor((pages + MIN_WRITEBACK_PAGES) / MIN_WRITEBACK_PAGES) * MIN_WRITEBACK_PAGES;
  }

  /** A chunk of one file. Linux fs/fs-writeback.c:writeback_sb_inodes(), the body of its loop */
  private writebackInode(work: WbWritebackWork, inode: Inode, dirtiedWhen: number): void {
    const { mapping } = inode;
    if (work.chunk?.inode !== inode) {
      const size = this.chunkSize(work);
      work.chunk = { inode, size, left: size };
    }
    const { chunk } = work;
    const wbc = {
      syncAll: false,
      rangeStart: 0,
      rangeEnd: Number.MAX_SAFE_INTEGER,
      rangeCyclic: true,
      nrToWrite: chunk.left,
      queueFull: () => this.queueFull(work),
      blocked: false,
    };
    doWritepages(mapping, wbc);
    const wrote = chunk.left - wbc.nrToWrite;
    chunk.left = wbc.nrToWrite;
    work.nrPages -= wrote;
    work.passWrote += wrote;
    this.waitsForQueue = wbc.blocked;
    if (wbc.blocked) return;
    work.chunk = undefined;
    this.bIo.delete(inode);
    this.requeueInode(work, inode, dirtiedWhen, chunk.left);
    this.traceInode(inode, dirtiedWhen, chunk.size, chunk.size - chunk.left);
  }

  /** To the list where it belongs now. Linux fs/fs-writeback.c:requeue_inode() */
  private requeueInode(work: WbWritebackWork, inode: Inode, dirtiedWhen: number, left: number): void {
    const { mapping } = inode;
    if (mapping.dirtyFolios.size === 0) work.passWrote++;
    else if (left <= 0 && dirtiedWhen <= this.dirtiedBefore(work)) this.bMoreIo.set(inode, dirtiedWhen);
    else this.redirtyTail(inode, dirtiedWhen);
  }

  private traceInode(inode: Inode, dirtiedWhen: number, toWrite: number, wrote: number): void {
    const { trace, clock } = this.sys;
    if (!trace.on) return;
    const age = Math.floor((clock.nowNs - dirtiedWhen) / 1e9);
    trace.emit("writeback:writeback_single_inode", {
      name: this.bdi,
      ino: inode.ino,
      age,
      to_write: toWrite,
      wrote,
    });
  }

  /** Files that became dirty later go on after the others, though there is more of them to write. */
  private dirtiedBefore(work: WbWritebackWork): number {
    const { clock, sysctl } = this.sys;
    return clock.nowNs - (work.kind === "periodic" ? sysctl.dirtyExpireCentisecs * NS_PER_CENTISEC : 0);
  }

  private traceWork(
    name: "writeback:writeback_start" | "writeback:writeback_written",
    { reason, kind, nrPages }: WbWritebackWork,
  ): void {
    if (!this.sys.trace.on) return;
    this.sys.trace.emit(name, {
      bdi: this.bdi,
      nr_pages: nrPages === NEVER ? "LONG_MAX" : nrPages,
      reason,
      for_kupdate: kind === "periodic" ? 1 : 0,
      for_background: kind === "background" ? 1 : 0,
    });
  }
}
