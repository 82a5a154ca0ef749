/**
 * Translations: what a page walk is asked, what it answers, and what it can report on the way.
 *
 *   Walk:   (ram, paging, va, access)  -->  Translation { pa, level, rights }
 *                                      -->  or a Fault { vector, va, errorCode }
 *
 * `Walk` is the type of a part that learners replace, so it has its own small file: walk.ts holds the
 * processor's own walker, and a learner's walker takes its place in a machine by
 * `boot({ parts: { walk: myWalk } })`.
 *
 * Read first: fault.ts, registers.ts. Read next: walk.ts.
 */
import type { Vaddr } from "./address.js";
import { AddressFault, type Fault, PageFault } from "./fault.js";
import { valueText } from "./options.js";
import type { Ram } from "./ram.js";
import type { Paging } from "./registers.js";

/** Where an address leads, and what may be done there. */
export interface Translation {
  /** Physical address of the byte asked for. */
  readonly pa: number;
  /** Level of the leaf: 1 a 4 KiB page, 2 a 2 MiB page (4 MiB in 32-bit paging), 3 a 1 GiB page. */
  readonly level: number;
  /** PAGE_RW, PAGE_USER and RIGHT_NX of all levels together, PAGE_DIRTY and PAGE_GLOBAL of the leaf. */
  readonly rights: number;
}

/**
 * `answer`, when it is a translation or a fault. TypeError that names the part otherwise: a learner's walker
 * may return anything.
 * Not in Linux: a helper of the machine.
 */
export function checkWalk(answer: Translation | Fault): Translation | Fault {
  if (answer instanceof PageFault || answer instanceof AddressFault) return answer;
  const { pa, level, rights } = Object(answer) as Partial<Translation>;
  if (
    Number.isSafeInteger(pa) &&
    pa! >= 0 &&
    Number.isInteger(level) &&
    level! >= 1 &&
    level! <= 3 &&
    Number.isInteger(rights)
  )
    return answer;
  throw new TypeError(
    `the part walk must return { pa, level, rights }, with a level from 1 to 3, or a PageFault; it returned ${valueText(answer)}`,
  );
}

/** One entry that a walk read. */
export interface WalkStep {
  /** Level of the table: 5 to 1. */
  readonly level: number;
  /** Frame of the table. */
  readonly tablePfn: number;
  /** Index of the entry in its table. */
  readonly index: number;
  /** Physical address of the entry. */
  readonly entryPa: number;
  /** The entry as it was read, before A and D were set. */
  readonly entry: bigint;
  /** What the walker made of it. */
  readonly verdict: "table" | "leaf" | "not present" | "reserved bit" | "not allowed";
}

/** What a caller may ask of a walk beyond its result. */
export interface WalkWatch {
  /** Each entry read is appended here. */
  readonly steps: WalkStep[];
  /** Leaves A and D bits as they are. */
  readonly dryRun?: boolean;
}

/**
 * A page walker: translates `va` for `access` (ACCESS_WRITE, ACCESS_USER, ACCESS_FETCH or-ed together)
 * through the tables that `paging` points to, or returns the fault that the processor would raise. Sets A and
 * D bits.
 */
export type Walk = (
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  watch?: WalkWatch,
) => Translation | Fault;
