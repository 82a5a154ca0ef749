/**
 * Reading a text that is made on the fly, in pieces: the position of a reader in a sequence of records.
 *
 *   records   "00400000-00401000 ...\n"   "00600000-...\n"   "ffffffffff600000-...\n"
 *             |--- first read --- one buffer of 4096 bytes, whole records only ---|
 *                                 what the reader did not take stays for the next read
 *
 * A read that goes on where the last one ended sees the same text, whatever has happened since; one from
 * anywhere else makes the records anew. One read gives at most one buffer full: programs have to read in a
 * loop, and do.
 *
 * Differs from Linux: all records are made at the first read; there, each is made when the buffer has room
 * for it.
 *
 * Linux fs/seq_file.c. Read first: seq_file.ts. Read next: file.ts.
 */

import { PAGE_SIZE } from "../hw/address.js";

const EMPTY = new Uint8Array(0);
/** Records of a file that is text; a negative errno instead where there is none to be had. */
export type MakeRecords = () => readonly string[] | number;

/** One reader. Linux include/linux/seq_file.h:struct seq_file */
export class SeqReader {
  /** Where the next read must begin to go on; -1 before the first. */
  private readPos = -1;
  private records: readonly Uint8Array[] = [];
  /** The next record. */
  private index = 0;
  /** In the buffer, not yet taken. */
  private rest: Uint8Array = EMPTY;
  /** Size of the buffer; doubles until one record fits. */
  private size = PAGE_SIZE;

  /**
   * Fills `to` from byte `pos` of the text on; bytes read or a negative errno.
   * Linux fs/seq_file.c:seq_read_iter()
   */
  read(pos: number, to: Uint8Array, make: MakeRecords): number {
    if (pos === 0 || pos !== this.readPos) {
      const error = this.traverse(pos, make);
      if (error !== 0) return error;
    }
    let done = this.take(to);
    if (this.rest.length === 0 && done < to.length) {
      this.fill(to.length - done);
      done += this.take(to.subarray(done));
    }
    this.readPos = pos + done;
    return done;
  }

  /** Makes the records and goes to byte `pos`; 0 or a negative errno. Linux fs/seq_file.c:traverse() */
  private traverse(pos: number, make: MakeRecords): number {
    const made = make();
    if (typeof made === "number") return made;
    const encoder = new TextEncoder();
    this.records = made.map((record) => encoder.encode(record)).filter((record) => record.length > 0);
    this.rest = EMPTY;
    let at = 0;
    for (this.index = 0; this.index < this.records.length; this.index++) {
      const record = this.records[this.index]!;
      if (at + record.length > pos) break;
      at += record.length;
    }
    if (this.index < this.records.length && at < pos) {
      this.rest = this.records[this.index]!.subarray(pos - at);
      this.index++;
    }
    return 0;
  }

  /** Moves the next records into the buffer: at least one, then whole ones until `wanted` bytes are there. */
  private fill(wanted: number): void {
    const first = this.records[this.index];
    if (first === undefined) return;
    while (this.size <= first.length) this.size *= 2;
    const buffer = new Uint8Array(this.size);
    let used = 0;
    do {
      const record = this.records[this.index]!;
      buffer.set(record, used);
      used += record.length;
      this.index++;
    } while (
      used < wanted &&
      this.index < this.records.length &&
      used + this.records[this.index]!.length < this.size
    );
    this.rest = buffer.subarray(0, used);
  }

  private take(to: Uint8Array): number {
    const part = this.rest.subarray(0, to.length);
    to.set(part);
    this.rest = this.rest.subarray(part.length);
    return part.length;
  }
}
