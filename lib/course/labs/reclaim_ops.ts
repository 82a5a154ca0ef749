/**
 * The operations of lab 05's machine under pressure: which there are, how random ones are drawn, made
 * simpler, and told to a learner.
 *
 *   pages   0-3 private memory, 4-9 a mapped file, 10-11 shared memory (tmpfs), 12-17 a file that is only read with read(2)
 *
 * Read next: reclaim.ts, which carries them out. Not in Linux: a helper of the course.
 */
import type { Random } from "../../hw/random.js";

/** One operation. */
export interface ReclaimOp {
  readonly op:
    | "read"
    | "write"
    | "look"
    | "free"
    | "mlock"
    | "munlock"
    | "hold"
    | "busy"
    | "written"
    | "pinned"
    | "sync"
    | "bulk"
    | "reclaim";
  readonly page: number;
  /** For "reclaim": how it is done. */
  readonly how?: ReclaimHow;
}

/** Ways to reclaim: plainly, by somebody who may not wait for I/O, ... */
export type ReclaimHow = keyof typeof HOW;

/** What each way is, in words. */
const HOW = {
  plain: "",
  "no io": ", for somebody who may not start I/O (no __GFP_IO in sc.gfpMask)",
  "no unmap": ", without unmapping (sc.mayUnmap is false)",
  "whatever was used": ", whatever was used (ignoreReferences)",
  kswapd: ", as kswapd, while the node's flags say PGDAT_WRITEBACK and PGDAT_DIRTY",
  "kswapd, writeback": ", as kswapd, while the node's flags say PGDAT_WRITEBACK only",
  "kswapd, dirty": ", as kswapd, while the node's flags say PGDAT_DIRTY only",
  "kswapd, calm": ", as kswapd, while the node has neither PGDAT_WRITEBACK nor PGDAT_DIRTY",
  flagged: ", by a process (not kswapd), while the node's flags say PGDAT_WRITEBACK and PGDAT_DIRTY",
} as const;

/** First page and number of pages of each area. */
export const AREA = { private: [0, 4], file: [4, 6], shmem: [10, 2], read: [12, 6] } as const;

export const NR_RECLAIM_PAGES = 18;

/** What a page belongs to, in words. */
export function reclaimPageText(page: number): string {
  if (page < AREA.file[0]) return `page ${page} (private memory)`;
  if (page < AREA.shmem[0]) return `page ${page} (of a mapped file)`;
  return page < AREA.read[0] ? `page ${page} (shared memory)` : `page ${page} (of a file in the cache)`;
}

/** A random operation. */
export function randomReclaimOp(random: Random): ReclaimOp {
  const op = random.pick([
    ...(["read", "read", "read", "read", "write", "write", "look", "look", "free", "mlock"] as const),
    ...([
      "munlock",
      "hold",
      "busy",
      "written",
      "pinned",
      "sync",
      "bulk",
      "reclaim",
      "reclaim",
      "reclaim",
      "reclaim",
    ] as const),
  ]);
  const page = random.below(op === "free" ? AREA.file[0] : NR_RECLAIM_PAGES);
  if (op !== "reclaim") return { op, page };
  const ways = Object.keys(HOW) as ReclaimHow[];
  return { op, page: 0, how: random.chance(50) ? "plain" : random.pick(ways) };
}

/** Simpler operations: an earlier page, plain reclaim. */
export function simplerReclaimOps(op: ReclaimOp): ReclaimOp[] {
  if (op.op === "reclaim") return op.how === "plain" ? [] : [{ ...op, how: "plain" }];
  const starts = Object.values(AREA).map(([first]) => first);
  const first = Math.max(...starts.filter((start) => start <= op.page));
  return op.page > first ? [{ ...op, page: first }] : [];
}

/** Whether pages are written in one piece through the file that is mapped, or the one that is only read. */
export function bulkIsMapped(page: number): boolean {
  return page < AREA.shmem[0];
}

function bulkText(page: number): string {
  const [first] = bulkIsMapped(page) ? AREA.file : AREA.read;
  return `pages ${first} to ${first + 3} (of a ${bulkIsMapped(page) ? "mapped file" : "file in the cache"})`;
}

/** An operation in words. */
export function reclaimOpText({ op, page, how = "plain" }: ReclaimOp): string {
  const what = reclaimPageText(page);
  switch (op) {
    case "look":
      return `a thread on the other CPU reads ${what}`;
    case "free":
      return `madvise(${what}, MADV_FREE)`;
    case "mlock":
    case "munlock":
      return `${op} ${what}`;
    case "hold":
      return `a driver takes a reference of ${what}`;
    case "busy":
      return `until after the next reclaim, ${what} is locked: its bytes are on their way from the disk`;
    case "written":
      return `until after the next reclaim, ${what} is being written to the disk`;
    case "pinned":
      return `until after the next reclaim, ${what} is held by mlock, which has not taken it off its list yet`;
    case "bulk":
      return `write(2) of ${bulkText(page)} at once: if none of them is in the cache, they come as one folio of 4 pages`;
    case "sync":
      return "sync: everything dirty is written";
    case "reclaim":
      return `reclaim: shrinkFolioList gets the folios of the lists${HOW[how]}`;
    default:
      return `${op} ${what}`;
  }
}
