/**
 * The operations of lab 06's processes whose memory is in swap: which there are, how random ones are drawn,
 * made simpler, and told to a learner.
 *
 *   pages   0-7 private memory, one area;  8-9 another area
 *
 * Read next: swap_in.ts, which carries them out. Not in Linux: a helper of the course.
 */
import type { Random } from "../../hw/random.js";

/** What the swap area lies on. */
export type SwapInDevice = keyof typeof DEVICES;

/** Each device, in words. */
const DEVICES = {
  ssd: "an SSD",
  zram: "zram: reading is done at once (SWP_SYNCHRONOUS_IO)",
  checked: "an SSD with checksums: a page must not change while it is written (SWP_STABLE_WRITES)",
} as const;

/** Each operation, in words; "page" stands for the page in question. */
const OPS = {
  read: "read page",
  write: "write page",
  ask: "a driver asks for page, to read it, and cannot be told to come again (no FAULT_FLAG_ALLOW_RETRY)",
  askw: "a driver asks for page, to write it, and cannot be told to come again (no FAULT_FLAG_ALLOW_RETRY)",
  out: "reclaim takes page out: it is written, and still in the swap cache",
  sending: "reclaim takes page out, and it is still being written",
  mlock: "mlock page",
  munlock: "munlock page",
  protect: "mprotect page: it may only be read",
  guard: "madvise(page, MADV_GUARD_INSTALL)",
  gone: "a driver asks for page, but swapoff was faster: the slot's area is not there any more",
  fork: "fork",
  exit: "exit",
  grow: "map one page more behind page 9: the whole area counts as written again (VM_SOFTDIRTY)",
  watch: "4 is written to /proc/PID/clear_refs: the next write to each page is watched (soft-dirty)",
  drop: "reclaim drops what nobody maps from the swap cache",
  fail: "the next read of the device will fail",
  starve: "during the next fault in swap there will be no free page",
  nocopy: "during the next fault in swap there will be no free page for a copy",
  race: "during the next fault in swap, before it has its page, another thread reads the same page",
  racew: "during the next fault in swap, before it has its page, another thread writes the same page",
  late: "while the next fault waits for its page, another thread reads the same page",
  latew: "while the next fault waits for its page, another thread writes the same page",
  lose: "while the next fault waits for its page, the folio leaves the swap cache",
  forget:
    "while the next fault waits for its page, or reads it, another thread gives the page up (MADV_DONTNEED)",
  alone: "vm.page-cluster is set to 0: swapinReadahead reads one page only",
  hog: "another program fills more than half of swap",
  unhog: "that program exits",
  work: "write 280 pages of memory and read them again: more than there is RAM for",
  end: "everybody exits",
} as const;

/** One operation. */
export interface SwapInOp {
  readonly op: keyof typeof OPS;
  /** Which living process, counted by birth, modulo their number. */
  readonly who: number;
  readonly page: number;
}

export const NR_SWAP_IN_PAGES = 10;
/** Pages of the first area. */
export const FIRST_AREA = 8;
export const MAX_SWAP_IN_PROCESSES = 4;

/** Operations that are about a process and a page, and about a process only. */
const OF_PAGE = [
  ...([
    "read",
    "write",
    "ask",
    "askw",
    "out",
    "sending",
    "mlock",
    "munlock",
    "protect",
    "guard",
    "gone",
  ] as const),
];
const OF_PROCESS = ["fork", "exit", "grow", "watch", "work"] as const;

/** A random operation. */
export function randomSwapInOp(random: Random): SwapInOp {
  const op = random.pick([
    ...(["read", "read", "read", "read", "write", "write", "write", "write", "ask", "askw"] as const),
    ...(["out", "out", "out", "out", "out", "sending", "mlock", "munlock", "protect"] as const),
    ...(["drop", "drop", "drop", "fork", "fork", "exit", "watch", "fail", "starve", "nocopy"] as const),
    ...(["race", "racew", "late", "latew", "lose", "forget", "alone", "grow", "hog", "unhog"] as const),
  ]);
  const page = random.chance(60) ? random.below(3) : random.below(NR_SWAP_IN_PAGES);
  return { op, who: random.below(MAX_SWAP_IN_PROCESSES), page };
}

/** Simpler operations: the first process, page 0. */
export function simplerSwapInOps(op: SwapInOp): SwapInOp[] {
  const simpler: SwapInOp[] = [];
  if (op.who > 0) simpler.push({ ...op, who: 0 });
  if (op.page > 0) simpler.push({ ...op, page: 0 });
  return simpler;
}

/** An operation in words; processes are called by their place, as who it is depends on those before. */
export function swapInOpText({ op, who, page }: SwapInOp): string {
  const text = OPS[op].replace(/\bpage\b/, `page ${page}`);
  if ((OF_PAGE as readonly string[]).includes(op)) return `process ${who + 1}: ${text}`;
  return (OF_PROCESS as readonly string[]).includes(op) ? `process ${who + 1}: ${OPS[op]}` : OPS[op];
}

/** Where swap is, in words. */
export function swapInDeviceText(device: SwapInDevice): string {
  return DEVICES[device];
}
