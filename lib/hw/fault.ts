/**
 * Faults: how the memory unit says no.
 *
 *   error code of a page fault (#PF, vector 14), pushed for the handler; the address is in CR2
 *
 *     15          5    4     3     2    1    0
 *    +---+-------+----+-----+------+-----+-----+-----+
 *    |SGX|  ...  | PK | I/D | RSVD | U/S | W/R |  P  |
 *    +---+-------+----+-----+------+-----+-----+-----+
 *                 5     4      3      2     1     0
 *
 * P says why: 0 = an entry was not present, 1 = all present, but the access is not allowed (or, with RSVD, an
 * entry sets a reserved bit). W, U and I say what the access was. That is also how an access is described
 * everywhere in hw: `ACCESS_USER | ACCESS_WRITE` is exactly what its page fault would report.
 *
 * An address that is not canonical never reaches the tables: it raises #GP (vector 13), or #SS (vector 12)
 * when the access goes through the stack segment. Neither sets CR2.
 *
 * The MMU *returns* a fault, a plain value that is cheap to make. The CPU hands it to the handler that the
 * kernel installed; only when there is none it throws a `FaultError`.
 *
 * Read first: entry.ts. Read next: protection.ts, walk.ts.
 */

import type { Vaddr } from "./address.js";
import { hex } from "./address.js";
import { checkArguments } from "./signature.js";

/**
 * P: the translation was present, the access is a violation. Linux arch/x86/include/asm/trap_pf.h:X86_PF_PROT
 */
export const PF_PROT = 1;
/** W/R: the access was a write. Linux X86_PF_WRITE */
export const PF_WRITE = 2;
/** U/S: the access came from user mode. Linux X86_PF_USER */
export const PF_USER = 4;
/** RSVD: a present entry sets a reserved bit. Linux X86_PF_RSVD */
export const PF_RSVD = 8;
/**
 * I/D: the access was an instruction fetch (reported only while NX or SMEP is enabled). Linux X86_PF_INSTR
 */
export const PF_INSTR = 16;

/** A supervisor read of data: no bit set. */
export const ACCESS_READ = 0;
/** A write of data; the same bit as in the error code. */
export const ACCESS_WRITE = PF_WRITE;
/** An access from user mode (privilege level 3). */
export const ACCESS_USER = PF_USER;
/** An instruction fetch. */
export const ACCESS_FETCH = PF_INSTR;

/**
 * `access` in words: "user write". Also understands page-fault error codes, whose W, U and I bits are the
 * same.
 */
export function accessText(access: number): string {
  checkArguments("accessText()", { access: "count" }, [access]);
  const who = access & ACCESS_USER ? "user" : "supervisor";
  return `${who} ${access & ACCESS_FETCH ? "fetch" : access & ACCESS_WRITE ? "write" : "read"}`;
}

/** A page fault (#PF) as the processor reports it. Intel SDM vol. 3A, Page-Fault Exceptions */
export class PageFault {
  /** Exception vector. */
  readonly vector = 14;
  /** The address that was used (CR2). */
  readonly va: Vaddr;
  /** The error code: PF_PROT, PF_WRITE, PF_USER, PF_RSVD, PF_INSTR. */
  readonly errorCode: number;

  constructor(va: Vaddr, errorCode: number) {
    this.va = va;
    this.errorCode = errorCode;
  }

  toString(): string {
    const why =
      this.errorCode & PF_RSVD
        ? "reserved bit set"
        : this.errorCode & PF_PROT
          ? "not allowed"
          : "not present";
    return `#PF at ${hex(this.va)}: ${accessText(this.errorCode)}, ${why} (error code ${hex(this.errorCode)})`;
  }
}

/** #GP or #SS for an address that is not canonical. Intel SDM vol. 1, Canonical Addressing */
export class AddressFault {
  /** Exception vector: 13 is #GP, 12 is #SS. */
  readonly vector: 12 | 13;
  /**
   * The address that was used. The processor does not tell it to the handler: error code 0, CR2 unchanged.
   */
  readonly va: Vaddr;
  readonly errorCode = 0;

  constructor(va: Vaddr, vector: 12 | 13 = 13) {
    this.va = va;
    this.vector = vector;
  }

  toString(): string {
    return `${this.vector === 13 ? "#GP" : "#SS"} at ${hex(this.va)}: the address is not canonical`;
  }
}

/** Everything that a translation can end in besides an address. */
export type Fault = PageFault | AddressFault;

/**
 * Thrown by the CPU when a fault happens and no handler is installed. `va`, `errorCode`: those of the fault.
 */
export class FaultError extends Error {
  readonly fault: Fault;
  readonly va: Vaddr;
  readonly errorCode: number;

  constructor(fault: Fault) {
    super(fault.toString());
    this.name = fault.vector === 14 ? "PageFault" : "AddressFault";
    this.fault = fault;
    this.va = fault.va;
    this.errorCode = fault.errorCode;
  }
}
