/**
 * The flusher: a kernel thread that writes what has been dirty for long, so that nobody has to ask.
 *
 *   a file's first dirty page --> it is listed, with the time          the flusher wakes in dirty_writeback_centisecs (5 s)
 *   flusher, every 5 s        --> what has been dirty for dirty_expire_centisecs (30 s) is sent to the disk
 *                                 the pages are under writeback; nobody waits
 *
 * One batch of the thread is one file. It waits for nothing: a page that is under writeback already is left
 * for the next time.
 *
 * Left out: writing because too much is dirty, which makes the writers wait; lists for what is to be written
 * soon.
 *
 * Linux fs/fs-writeback.c. Read first: mm/lru/page_writeback.ts, mm/wait.ts. Read next: ext4.ts.
 */
import { filemapFdatawriteRange } from "../mm/lru/page_writeback.js";
import type { MemorySystem } from "../mm/system.js";
import type { Kthread } from "../mm/wait.js";
import type { Inode } from "./inode.js";

const NS_PER_CENTISEC = 1e7;

/** Who writes one disk's dirty files. Linux include/linux/backing-dev-defs.h:struct bdi_writeback */
export class BdiWriteback {
  private readonly sys: MemorySystem;
  /** Dirty files, and since when, the oldest first. Linux b_dirty, inode->dirtied_when */
  private readonly dirtied = new Map<Inode, number>();
  readonly thread: Kthread;

  constructor(sys: MemorySystem) {
    this.sys = sys;
    this.thread = sys.sched.kthreadCreate("kworker/u8:0-flush-8:0", () => this.wbWorkfn());
  }

  /** The file has a dirty page, the first. Linux fs/fs-writeback.c:__mark_inode_dirty() */
  markInodeDirty(inode: Inode): void {
    if (this.dirtied.has(inode)) return;
    this.dirtied.set(inode, this.sys.clock.nowNs);
    const interval = this.intervalNs();
    if (this.thread.wakeup === undefined && interval > 0)
      this.sys.sched.wakeUp(this.thread, this.sys.clock.nowNs + interval);
  }

  /** The file is gone. Linux fs/fs-writeback.c:inode_io_list_del() */
  forget(inode: Inode): void {
    this.dirtied.delete(inode);
  }

  private intervalNs(): number {
    return this.sys.sysctl.dirtyWritebackCentisecs * NS_PER_CENTISEC;
  }

  /**
   * One batch: the oldest file that has been dirty for long enough. Linux fs/fs-writeback.c:wb_workfn(),
   * wb_check_old_data_flush()
   */
  private wbWorkfn(): number {
    const { clock, sysctl } = this.sys;
    const dirtiedBefore = clock.nowNs - sysctl.dirtyExpireCentisecs * NS_PER_CENTISEC;
    const old = [...this.dirtied].find(([, sinceNs]) => sinceNs <= dirtiedBefore);
    if (old === undefined) {
      const interval = this.intervalNs();
      return this.dirtied.size === 0 || interval === 0 ? Number.POSITIVE_INFINITY : clock.nowNs + interval;
    }
    const [inode] = old;
    this.dirtied.delete(inode);
    filemapFdatawriteRange(inode.mapping, 0, Number.MAX_SAFE_INTEGER, false);
    if (inode.mapping.dirtyFolios.size > 0) this.dirtied.set(inode, clock.nowNs);
    return clock.nowNs;
  }
}
