/**
 * Waiting for a folio whose bytes are on their way.
 *
 *   from the device   PG_locked     set when the request is sent; off, with PG_uptodate on, when it has ended
 *   to the device     PG_writeback  the same
 *
 *   folioWaitLocked(sys, folio) --> sys.sched.waitUntil("io", ...)
 *
 * Where several programs run (kernel/programs.ts), the one that waits gets ahead of the others: what it
 * waited for has happened in its time and not yet in theirs. Such a folio is marked with the time
 * (`sys.lockedUntilNs`, `sys.writebackUntilNs`), and for a program that is earlier it counts as locked until
 * then.
 *
 * Differs from Linux: only input takes a folio's lock. What else takes it there cannot be interrupted here.
 *
 * Linux mm/filemap.c. Read first: mm/wait.ts, mapping.ts. Read next: filemap.ts.
 */
import { type Folio, PG_locked, PG_writeback } from "../pages/folio.js";
import type { MemorySystem } from "../system.js";

/**
 * Whether the folio's bytes are on their way from the device, in the time of who asks.
 * Linux folio_test_locked()
 */
export function folioIsLocked(sys: MemorySystem, folio: Folio): boolean {
  if ((folio.flags & PG_locked) !== 0) return true;
  return sys.lockedUntilNs.size > 0 && (sys.lockedUntilNs.get(folio) ?? 0) > sys.clock.nowNs;
}

/** Whether they are on their way to it. Linux folio_test_writeback() */
export function folioIsWriteback(sys: MemorySystem, folio: Folio): boolean {
  if ((folio.flags & PG_writeback) !== 0) return true;
  return sys.writebackUntilNs.size > 0 && (sys.writebackUntilNs.get(folio) ?? 0) > sys.clock.nowNs;
}

/**
 * Waits until nobody holds the folio's lock. The caller has a reference.
 * Linux mm/filemap.c:folio_wait_locked()
 */
export function folioWaitLocked(sys: MemorySystem, folio: Folio): void {
  if (!folioIsLocked(sys, folio)) return;
  sys.sched.waitUntil("io", () => (folio.flags & PG_locked) === 0);
  catchUpWith(sys, sys.lockedUntilNs.get(folio));
}

/**
 * Waits until the folio has been written. The caller has a reference.
 * Linux mm/page-writeback.c:folio_wait_writeback()
 */
export function folioWaitWriteback(sys: MemorySystem, folio: Folio): void {
  if (!folioIsWriteback(sys, folio)) return;
  sys.sched.waitUntil("io", () => (folio.flags & PG_writeback) === 0);
  catchUpWith(sys, sys.writebackUntilNs.get(folio));
}

/**
 * The folio's input or output has ended, maybe ahead of other programs: for them it counts as under way until
 * now.
 * Linux mm/filemap.c:folio_end_read(), folio_end_writeback(), the part that wakes who waits
 */
export function folioEndIo(
  sys: MemorySystem,
  folio: Folio,
  flag: typeof PG_locked | typeof PG_writeback,
): void {
  folio.flags &= ~flag;
  const { nowNs } = sys.clock;
  if (nowNs <= sys.sched.slowestOtherNs) return;
  (flag === PG_locked ? sys.lockedUntilNs : sys.writebackUntilNs).set(folio, nowNs);
}

/** It has happened already, in the time of another program: the waiter's goes on until then. */
function catchUpWith(sys: MemorySystem, untilNs = 0): void {
  if (untilNs <= sys.clock.nowNs) return;
  sys.sched.waitFor("io", untilNs);
}
