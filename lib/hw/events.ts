/**
 * What will happen: one queue of records, ordered by time, then by the order in which they were posted.
 *
 *   post(2_080_000, "blk_mq_complete_request", request)       the disk will have answered
 *   post(5_000_000, "wake_up_process", flusher)               a kernel thread wants to go on
 *
 *   nextNs                  what a safe point compares with the clock: one test while nothing is due
 *   happen(clock, untilNs)  the first record that is due by then happens; the clock is not before it any more
 *
 * A record is plain data: when, what kind, and the object that it is about. What is done about a kind stands
 * in one table, so a snapshot of the machine that walks over the queue finds everything that is under way.
 *
 * Nobody looks into the queue while time passes (Clock.advance): whoever owns the machine does, at a moment
 * at which others may run (kernel/sched.ts).
 *
 * Not in Linux: there, interrupts and timers come from outside. Read first: clock.ts.
 * Read next: block_device.ts.
 */

/** Something that will happen. Not in Linux. */
export interface EventRecord {
  /** Simulated time at which it happens, in ns. */
  readonly atNs: number;
  /** Which of two records of the same time was posted first. */
  readonly nr: number;
  /** What is done about it: a name in the table of handlers. */
  readonly kind: string;
  /** What it is about. */
  readonly object: object;
}

/** The queue of one machine. Not in Linux. */
export class EventQueue {
  /** Time of the first record, Infinity without one. */
  nextNs = Number.POSITIVE_INFINITY;
  /** Invariant: the latest first, so that the next to happen is the last. */
  private readonly records: EventRecord[] = [];
  private readonly handlers = new Map<string, (object: object, record: EventRecord) => void>();
  private nextNr = 0;

  /** Records that wait. */
  get length(): number {
    return this.records.length;
  }

  /** Says what is done about records of `kind`. */
  on(kind: string, handler: (object: object, record: EventRecord) => void): void {
    this.handlers.set(kind, handler);
  }

  /**
   * `kind` will happen to `object` at time `atNs`. RangeError for a time that is none, or a kind without a
   * handler.
   */
  post(atNs: number, kind: string, object: object): EventRecord {
    if (!(atNs >= 0 && atNs < Number.POSITIVE_INFINITY))
      throw new RangeError(`an event is at a time from 0 ns on, not at ${atNs}`);
    if (!this.handlers.has(kind)) throw new RangeError(`nobody knows what to do about event "${kind}"`);
    const record = { atNs, nr: this.nextNr++, kind, object };
    let at = this.records.length;
    while (at > 0 && this.records[at - 1]!.atNs <= atNs) at--;
    this.records.splice(at, 0, record);
    this.nextNs = this.records.at(-1)!.atNs;
    return record;
  }

  /**
   * What is due first by `untilNs`, of `kind` if that is given, happens, at its time or now; undefined where
   * nothing is.
   */
  happen(
    clock: { nowNs: number },
    untilNs = Number.POSITIVE_INFINITY,
    kind?: string,
  ): EventRecord | undefined {
    const record = this.take(untilNs, kind);
    if (record === undefined) return undefined;
    if (record.atNs > clock.nowNs) clock.nowNs = record.atNs;
    this.handlers.get(record.kind)!(record.object, record);
    return record;
  }

  /** Takes the first record that is due by `untilNs`, of `kind` if that is given, out of the queue. */
  private take(untilNs: number, kind: string | undefined): EventRecord | undefined {
    for (let i = this.records.length - 1; i >= 0; i--) {
      const record = this.records[i]!;
      if (record.atNs > untilNs) return undefined;
      if (kind !== undefined && record.kind !== kind) continue;
      this.removeAt(i);
      return record;
    }
    return undefined;
  }

  /** `record` will not happen. Whether it was still to come. */
  cancel(record: EventRecord): boolean {
    const at = this.records.indexOf(record);
    if (at >= 0) this.removeAt(at);
    return at >= 0;
  }

  private removeAt(at: number): void {
    const { records } = this;
    if (at === records.length - 1) records.pop();
    else records.splice(at, 1);
    this.nextNs = records.at(-1)?.atNs ?? Number.POSITIVE_INFINITY;
  }

  /** What will happen, in order. */
  toArray(): EventRecord[] {
    return [...this.records].reverse();
  }
}
