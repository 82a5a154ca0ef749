/**
 * Readahead state of an open file: what page faults and reads of it have shown so far.
 *
 *   |<------------- size ------------->|      the last window that was read
 *   start          |<---- asyncSize -->|      ahead of need; its first page carries PG_readahead
 *
 * Linux include/linux/fs.h. Read next: readahead.ts, which works with it.
 */

/** Readahead state of one open file. Linux include/linux/fs.h:struct file_ra_state */
export class FileRaState {
  /** First page of the last window, its length, and how much of its end is ahead of need. */
  start = 0;
  size = 0;
  asyncSize = 0;
  /** Largest window, pages; the device's setting. Linux ra_pages */
  raPages: number;
  /** Order of the folios in the last window. */
  order = 0;
  /**
   * The file was advised to be read in no order: read(2) brings in what it asks for. Linux FMODE_RANDOM of
   * the file
   */
  random = false;
  /** Misses minus hits of page faults. */
  mmapMiss = 0;
  /** Byte after the last read(2), -1 before the first. */
  prevPos = -1;

  constructor(raPages: number) {
    this.raPages = raPages;
  }
}
