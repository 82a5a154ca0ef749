/**
 * Files may come and go beside an open notebook: `npm run build`, a grader, an editor's copy.
 *
 * TypeScript answers a change by setting a timer, one for each kind of answer: "compile again", "look again
 * for what was not found". tslab has room for one, which it runs itself when the next cell comes, and throws
 * when a second is set: that cell and all after it would never be answered. So its one timer stands for all:
 *
 *     setTimeout(compile) -----+
 *                              +--> pending --> tslab's one timer --> cell comes: all of them are run
 *     setTimeout(look again) --+
 *
 * Not in Linux: part of the course, not of the machine.
 */

/** The timers of TypeScript's `System`. */
export interface TimerSystem {
  setTimeout?(callback: () => void, ms?: number): unknown;
  clearTimeout?(timer: unknown): void;
}

/** `system` with as many timers as wanted. */
export function withManyTimers<S extends TimerSystem>(system: S): S {
  const more: S = Object.create(system) as S;
  const pending = new Set<{ readonly callback: () => void }>();
  let real: unknown;
  let running = false;
  const runAll = (): void => {
    running = true;
    try {
      for (const timer of pending) {
        pending.delete(timer);
        timer.callback();
      }
      real = undefined; // not after an error: then tslab keeps its timer, too
    } finally {
      running = false;
    }
  };
  more.setTimeout = (callback, ms) => {
    const timer = { callback };
    pending.add(timer);
    if (real === undefined) real = system.setTimeout!(runAll, ms);
    return timer;
  };
  more.clearTimeout = (timer) => {
    pending.delete(timer as { callback: () => void });
    if (pending.size > 0 || running || real === undefined) return;
    system.clearTimeout!(real);
    real = undefined;
  };
  return more;
}
