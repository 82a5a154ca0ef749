/**
 * The operations of lab 04's families: which there are, how random ones are drawn, made simpler, and told to
 * a learner.
 *
 *   random --randomFamilyOp--> FamilyOp { op, who, page } --familyOpText--> "process 1: write page 3"
 *                                 |
 *                                 '--simplerFamilyOps--> what the search for the shortest workload tries instead
 *
 * Read next: fork.ts, which carries them out. Not in Linux: a helper of the course.
 */
import type { Random } from "../../hw/random.js";

/** One operation of a family. */
export interface FamilyOp {
  readonly op:
    | "write"
    | "read"
    | "look"
    | "populate"
    | "protect"
    | "hold"
    | "fork"
    | "exit"
    | "guard"
    | "end";
  /** Which living process, counted by birth, modulo their number. */
  readonly who: number;
  readonly page: number;
}

/** First page and pages of each area. */
export const AREAS = {
  private: [0, 4],
  shared: [4, 2],
  file: [6, 2],
  sharedFile: [8, 2],
  large: [10, 2],
} as const;

export const NR_PAGES = 12;

/** The file page that page 10 maps: the second one of a folio of four. */
export const LARGE_FILE_PAGE = 5;

export const MAX_PROCESSES = 6;

/** What a page belongs to, in words. */
export function pageText(page: number): string {
  if (page < 4) return `page ${page}`;
  if (page < 6) return `page ${page} (shared memory)`;
  if (page >= 10) return `page ${page} (private, of a file with large folios)`;
  return page < 8 ? `page ${page} (private, of a file)` : `page ${page} (shared, of a file)`;
}

/** A random operation. */
export function randomFamilyOp(random: Random): FamilyOp {
  const kinds = [
    "write",
    "write",
    "write",
    "write",
    "read",
    "look",
    "look",
    "populate",
    "protect",
    "hold",
    "fork",
    "fork",
    "exit",
    "guard",
  ] as const;
  const op = random.pick(kinds);
  const page = op === "guard" ? 5 : random.chance(65) ? random.below(4) : random.below(NR_PAGES);
  return { op, who: random.below(MAX_PROCESSES), page };
}

/** Simpler operations: the first process, page 0. */
export function simplerFamilyOps(op: FamilyOp): FamilyOp[] {
  const simpler: FamilyOp[] = [];
  if (op.who > 0) simpler.push({ ...op, who: 0 });
  if (op.page > 0 && op.op !== "guard") simpler.push({ ...op, page: 0 });
  return simpler;
}

/**
 * An operation in words; which process it is depends on those before it, so processes are called by their
 * place.
 */
export function familyOpText({ op, who, page }: FamilyOp): string {
  const name = `process ${who + 1}`;
  if (op === "end") return "all processes exit";
  if (op === "fork" || op === "exit") return `${name}: ${op}`;
  if (op === "guard") return `${name}: madvise(page ${page}, MADV_GUARD_INSTALL)`;
  if (op === "look") return `${name}: its second thread, on the other CPU, reads ${pageText(page)}`;
  if (op === "protect") return `${name}: soft-dirty tracking takes R/W from the entry of ${pageText(page)}`;
  if (op === "hold") return `${name}: a driver takes a reference of ${pageText(page)}, as for direct I/O`;
  if (op === "populate") return `${name}: madvise(${pageText(page)}, MADV_POPULATE_WRITE)`;
  return `${name}: ${op} ${pageText(page)}`;
}
