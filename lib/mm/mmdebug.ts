/**
 * Checks of the emulator itself. A condition that trips here is a bug of ours, never the learner's and never the
 * guest's: the guest gets an errno or a signal, the caller a RangeError.
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
