/**
 * Checks of the emulator itself. A condition that trips here is a bug of ours, never the learner's and never
 * the guest's: the guest gets an errno or a signal, the caller a RangeError.
 */

/** The emulator contradicts itself. Not in Linux: a BUG() stops the kernel there. */
export class VmBug extends Error {
  constructor(message: string) {
    super(`kernel BUG: ${message}`);
    this.name = "VmBug";
  }
}

/** Throws VmBug when `condition` holds. Linux include/linux/mmdebug.h:VM_BUG_ON() */
export function vmBugOn(condition: boolean, message: string): void {
  if (condition) throw new VmBug(message);
}

/**
 * The same about one frame; what it says is only put together when it is thrown.
 * Linux include/linux/mmdebug.h:VM_BUG_ON_PAGE(), VM_BUG_ON_FOLIO()
 */
export function vmBugOnPage(condition: boolean, pfn: number, what: string): void {
  if (condition) throw new VmBug(`frame ${pfn} ${what}`);
}

/** Times that one step may be repeated in a row; a step that is right needs a few at most. Not in Linux. */
export const STEP_BUDGET = 1000;

/**
 * What a loop throws that has repeated `step` more often than STEP_BUDGET and got nowhere. Every loop of the
 * kernel that goes on until something else has mended the world counts its repeats; a part that a learner
 * wrote may never mend it.
 * Not in Linux: a watchdog reports the CPU there, in kernel/watchdog.c.
 */
export function outOfSteps(step: string): VmBug {
  return new VmBug(`${step} was repeated ${STEP_BUDGET} times and has got nowhere`);
}
