/**
 * Waiting: a task can do nothing before something else has happened.
 *
 *   sys.sched.waitUntil("io", () => the folio is not locked any more)
 *        what is under way happens, in order of time, on the waiter's own stack, until the condition holds
 *
 * Everything that memory management knows of before a wait may be different after it: look again.
 *
 * Linux kernel/sched/wait.c. Read first: hw/events.ts. Read next: mm/filemap/folio_wait.ts, kernel/sched.ts.
 */
import type { EventQueue } from "../hw/events.js";
import { outOfSteps, VmBug } from "./mmdebug.js";

/** Why a task waits: for a device, for memory to be freed, because it writes faster than the device does, or because it asked to. */
export type WaitReason = "io" | "reclaim" | "throttled" | "sleep";

/** Events in one wait after which it has got nowhere. */
export const WAIT_BUDGET = 1_000_000;

/** Who lets time pass for those who wait. Linux kernel/sched/core.c */
export interface SchedOperations {
  /** Returns when `condition` holds; meanwhile others work and the clock goes on. Linux include/linux/wait.h:wait_event() */
  waitUntil(reason: WaitReason, condition: () => boolean): void;
  /** A safe point of the task on `cpu`: what is due happens. Not in Linux: interrupts come by themselves. */
  runDue(cpu: number): void;
  /** Lets time pass until `untilNs` for the one who waits. Linux kernel/time/sleep_timeout.c:io_schedule_timeout() */
  waitFor(reason: WaitReason, untilNs: number): void;
  /** Time of the program that is furthest behind the one that works now; Infinity where there is none. Not in Linux. */
  readonly slowestOtherNs: number;
}

/** Where time passes and events wait. */
interface TimedSystem {
  readonly clock: { nowNs: number };
  readonly events: EventQueue;
}

/** A machine on which only devices work: events happen in order. Not in Linux: for tests of memory management without a kernel. */
export class DevicesOnly implements SchedOperations {
  readonly slowestOtherNs = Number.POSITIVE_INFINITY;
  private readonly sys: TimedSystem;

  constructor(sys: TimedSystem) {
    this.sys = sys;
  }

  waitUntil(_reason: WaitReason, condition: () => boolean): void {
    const { clock, events } = this.sys;
    for (let i = 0; !condition(); i++) {
      if (i > WAIT_BUDGET) throw outOfSteps("waiting");
      const record = events.take();
      if (record === undefined) throw new VmBug("a wait for something that nobody will do");
      clock.nowNs = Math.max(clock.nowNs, record.atNs);
      events.run(record);
    }
  }

  runDue(): void {
    this.waitFor("io", this.sys.clock.nowNs);
  }

  waitFor(_reason: WaitReason, untilNs: number): void {
    const { clock, events } = this.sys;
    for (let record = events.take(untilNs); record !== undefined; record = events.take(untilNs)) {
      clock.nowNs = Math.max(clock.nowNs, record.atNs);
      events.run(record);
    }
    clock.nowNs = Math.max(clock.nowNs, untilNs);
  }
}
