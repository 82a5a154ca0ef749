/**
 * The operations of lab 06.2's processes: which there are, how random ones are drawn, made simpler, and told
 * to a learner.
 *
 *   "Pw3 Po Pf Qr3 Qx"   P writes page 3, its memory goes to swap, it forks Q, Q reads page 3 and ends
 *   "all B- A+"          what is in RAM goes to swap; area B is switched off, area A on
 *
 * Read next: swap_slots.ts, which carries them out. Not in Linux: a helper of the course.
 */
import type { Random } from "../../hw/random.js";

/** Letters of what a process does. */
const ACTS = {
  w: "write",
  a: "write all",
  z: "clear",
  r: "read",
  o: "pageout",
  d: "drop",
  f: "fork",
  m: "fork many",
  x: "exit",
  k: "kill many",
  b: "bulk",
  c: "compare bulk",
} as const;

type Act = (typeof ACTS)[keyof typeof ACTS];

/** One operation. */
export interface SlotOp {
  readonly op: Act | "all out" | "swapoff" | "swapon";
  /** Which process, by birth; which area. */
  readonly who: number;
  readonly page: number;
}

/** Private pages of each process, and pages behind them that all share. */
export const PRIVATE = 16;
export const SHARED = 4;
/** Pages of "bulk": more than a cluster and a short one have slots. */
export const BULK = 545;
/** Children of "fork many": more than a byte's 62. */
export const MANY = 66;

const NAMES = "PQRSTUVW";

/** Name of the process that was born as number `who`. */
export function processName(who: number): string {
  return NAMES[who] ?? `child ${who}`;
}

/** Device of area A or B. */
export function areaPath(area: number): string {
  return `/dev/vd${"bc"[area]}`;
}

/** What a page is, in words. */
export function slotPageText(page: number): string {
  return page < PRIVATE ? `page ${page}` : `page ${page} (shared)`;
}

/** An operation in words. */
export function slotOpText({ op, who, page }: SlotOp): string {
  if (op === "all out") return "everything that is in RAM goes to swap";
  if (op === "swapoff" || op === "swapon") return `${op} ${areaPath(who)}`;
  const name = processName(who);
  if (op === "write all") return `${name}: writes pages 0 to ${PRIVATE - 1}`;
  if (op === "pageout") return `${name}: MADV_PAGEOUT of all its pages`;
  if (op === "drop") return `${name}: gives ${slotPageText(page)} up (MADV_DONTNEED)`;
  if (op === "fork many") return `${name}: forks ${MANY} times`;
  if (op === "bulk") return `${name}: maps and writes ${BULK} pages anew, MADV_PAGEOUT`;
  if (op === "compare bulk") return `${name}: reads all ${BULK} pages`;
  if (op === "kill many") return "the many children end";
  if (op === "fork" || op === "exit") return `${name}: ${op}`;
  return `${name}: ${op === "clear" ? "fills with zeros" : op} ${slotPageText(page)}`;
}

/** A script in operations, as in the essay above. */
export function slotScript(text: string): SlotOp[] {
  return text.split(" ").map((word): SlotOp => {
    if (word === "all") return { op: "all out", who: 0, page: 0 };
    if (word[1] === "-" || word[1] === "+")
      return { op: word[1] === "-" ? "swapoff" : "swapon", who: "AB".indexOf(word[0]!), page: 0 };
    const act = ACTS[word[1] as keyof typeof ACTS];
    return { op: act, who: NAMES.indexOf(word[0]!), page: Number(word.slice(2) || 0) };
  });
}

const KINDS: readonly SlotOp["op"][] = [
  ...(["write", "write", "write", "write", "clear", "read", "read", "read", "pageout", "pageout"] as const),
  ...(["all out", "all out", "drop", "fork", "exit", "swapoff", "swapon"] as const),
];

/** A random operation of one of the first processes. */
export function randomSlotOp(random: Random): SlotOp {
  const op = random.pick(KINDS);
  if (op === "swapoff" || op === "swapon") return { op, who: random.below(2), page: 0 };
  return { op, who: random.below(4), page: random.below(PRIVATE + SHARED) };
}

/** Simpler operations: the first process, page 0. */
export function simplerSlotOps(op: SlotOp): SlotOp[] {
  const simpler: SlotOp[] = [];
  if (op.who > 0) simpler.push({ ...op, who: 0 });
  if (op.page > 0) simpler.push({ ...op, page: 0 });
  return simpler;
}
