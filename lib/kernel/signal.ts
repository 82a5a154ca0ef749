/**
 * Signals, as far as memory needs them: how a process learns that an access was wrong.
 *
 *   access --> page fault --> no VMA, or no right --> SIGSEGV   si_code SEGV_MAPERR  nothing is mapped there
 *                                                               si_code SEGV_ACCERR  mapped, but not for this access
 *                         --> page beyond end of file --> SIGBUS  si_code BUS_ADRERR
 *
 * A task with a handler for the signal gets it called and lives on; the access itself is abandoned, as after
 * siglongjmp. A task without one is killed by it. Either way the one who asked for the access gets a
 * SignalError.
 *
 * Linux arch/x86/mm/fault.c, kernel/signal.c; man 7 signal, man 2 sigaction.
 *
 * Read next: fault.ts, task.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { hex } from "../hw/address.js";

/** Signals by name. Linux arch/x86/include/uapi/asm/signal.h */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGTERM: 15,
  SIGCHLD: 17,
} as const;

/** Name of a signal. */
export type SignalName = keyof typeof SIGNALS;

/** Why a memory signal was sent. Linux include/uapi/asm-generic/siginfo.h */
export type SignalCode = "SEGV_MAPERR" | "SEGV_ACCERR" | "BUS_ADRERR" | "SI_KERNEL" | "SI_USER";

/** What a handler is told. Linux include/uapi/asm-generic/siginfo.h:siginfo_t */
export interface SigInfo {
  /** si_signo as a name. */
  readonly signal: SignalName;
  /** si_code as a name. */
  readonly code: SignalCode;
  /** si_addr: the address that was used. */
  readonly address: Vaddr;
}

/** A handler that a process has installed. man 2 sigaction */
export type SignalHandler = (info: SigInfo) => void;

/**
 * Thrown at whoever made a task touch memory that it must not touch. Not in Linux: there the task jumps to
 * its handler.
 */
export class SignalError extends Error implements SigInfo {
  readonly signal: SignalName;
  readonly code: SignalCode;
  readonly address: Vaddr;
  /** The task had no handler and is dead now. */
  readonly killed: boolean;

  constructor(info: SigInfo, who: string, killed: boolean) {
    super(
      `${who}: ${info.signal} (${info.code}) at ${hex(info.address)}${killed ? "; the process is killed" : ""}`,
    );
    this.name = "SignalError";
    this.signal = info.signal;
    this.code = info.code;
    this.address = info.address;
    this.killed = killed;
  }
}
