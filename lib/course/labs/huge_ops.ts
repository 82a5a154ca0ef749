/**
 * The operations of lab 07's processes with huge pages: which there are, how random ones are drawn, made
 * simpler, and told to a learner.
 *
 *   block     0         1         2         3         of 512 pages
 *         |----[====|=========|=========|====]----|
 *              256      512       512     256         pages in the area: only blocks 1 and 2 can be huge
 *
 * Read next: huge.ts, which carries them out. Not in Linux: a helper of the course.
 */
import type { Random } from "../../hw/random.js";

/** Each operation, in words; "page" stands for the page in question, "block" for its 2 MiB. */
const OPS = {
  read: "read page",
  write: "write page",
  small: "write page while huge pages are switched off: it becomes a small page",
  smallread: "read page while huge pages are switched off: the small page of zeros",
  protect: "mprotect block: it may only be read",
  unprotect: "mprotect block: it may be written again",
  part: "mprotect page: it may only be read",
  forget: "madvise(block, MADV_DONTNEED)",
  forgetpart: "madvise(page, MADV_DONTNEED)",
  free: "madvise(block, MADV_FREE)",
  advise: "madvise(block, MADV_HUGEPAGE)",
  lock: "mlock block",
  unlock: "munlock block",
  cut: "munmap the first 100 pages of block",
  out: "page goes to swap (MADV_PAGEOUT)",
  collapse: "madvise(block, MADV_COLLAPSE)",
  fork: "fork",
  exit: "exit",
  watch: "4 is written to /proc/PID/clear_refs: nothing counts as written since (soft-dirty)",
  age: "1 is written to /proc/PID/clear_refs: nothing counts as used since (young)",
  daemon: "ten seconds pass: khugepaged looks through the processes",
  picky: "khugepaged/max_ptes_none is set to 0",
  lazy: "khugepaged/defrag is set to 0",
  broken: "the next read of swap will fail",
  zeros: "use_zero_page is set to 1",
  nozeros: "use_zero_page is set to 0",
  hard: "transparent_hugepage/defrag is set to always",
  soft: "transparent_hugepage/defrag is set to never",
  nohuge: "during the next operation there is no free block of 2 MiB",
  notable: "during the next operation there is no memory for a page table",
  tight: "during the next operation the processes' group may have only 256 KiB more",
  hold: "while the next collapse asks for 2 MiB, a driver takes hold of page",
  race: "while the next fault asks for 2 MiB, another thread reads the same block",
  racew: "while the next fault asks for 2 MiB, another thread writes the same block",
  late: "while the next fault asks for a page table, another thread reads the same block",
  latew: "while the next fault asks for a page table, another thread writes the same block",
  away: "while the next collapse asks for 2 MiB, another thread unmaps the block",
  anew: "while the next collapse asks for 2 MiB, another thread unmaps the block and maps it anew",
  filled: "while the next collapse asks for 2 MiB, another thread maps the block anew and writes to it",
  off: "while the next collapse asks for 2 MiB, huge pages are switched off",
  strict: "while the next collapse asks for 2 MiB, khugepaged/max_ptes_none is set to 0",
  end: "everybody exits",
} as const;

/** One operation. */
export interface HugeOp {
  readonly op: keyof typeof OPS;
  /** Which living process, counted by birth, modulo their number. */
  readonly who: number;
  readonly block: number;
  /** 0 to 511, of the block. */
  readonly page: number;
}

export const NR_HUGE_BLOCKS = 4;
export const MAX_HUGE_PROCESSES = 3;

/** Operations that are about the machine, and no process. */
const OF_MACHINE: readonly string[] = [
  ...[
    "daemon",
    "picky",
    "lazy",
    "broken",
    "off",
    "strict",
    "zeros",
    "nozeros",
    "hard",
    "soft",
    "nohuge",
    "notable",
    "tight",
  ],
  ...["race", "racew", "late", "latew", "away", "anew", "filled", "end"],
];

/** How often each is drawn in a workload of the three parts. */
const DRAWN: Readonly<Record<string, string>> = {
  fault: `read read read write write write write fork protect unprotect forget zeros nozeros hard soft advise
    nohuge notable tight race racew late latew small forgetpart`,
  split: `read write write write fork fork protect unprotect part part forgetpart forgetpart forget free age
    watch lock unlock cut zeros nozeros`,
  collapse: `small small small small smallread read write write fork part forgetpart forget collapse collapse
    collapse collapse out hold nohuge tight away anew filled watch lock daemon picky lazy broken off strict age`,
};

/** What a workload is mostly about. */
export type HugeTopic = "fault" | "split" | "collapse";

/** Draws random operations about one part. Not in Linux: a helper of the course. */
export function randomHugeOp(topic: HugeTopic): (random: Random) => HugeOp {
  const ops = DRAWN[topic]!.split(/\s+/) as HugeOp["op"][];
  return (random) => ({
    op: random.pick(ops),
    who: random.below(MAX_HUGE_PROCESSES),
    block: random.chance(80) ? 1 + random.below(2) : random.pick([0, 3]),
    page: random.chance(60) ? random.below(3) : random.below(512),
  });
}

/** Simpler operations: the first process, block 1, page 0. Not in Linux: a helper of the course. */
export function simplerHugeOps(op: HugeOp): HugeOp[] {
  const simpler: HugeOp[] = [];
  if (op.who > 0) simpler.push({ ...op, who: 0 });
  if (op.block !== 1) simpler.push({ ...op, block: 1 });
  if (op.page > 0) simpler.push({ ...op, page: 0 });
  return simpler;
}

/** An operation in words; processes are called by their place, as who it is depends on those before. */
export function hugeOpText({ op, who, block, page }: HugeOp): string {
  const at = OPS[op].includes(" of block") ? `${page}` : `${page} of block ${block}`;
  const text = OPS[op]
    .replace(/\bpage\b(?! table)/, `page ${at}`)
    .replace(/\bblock\b(?! \d)/, `block ${block}`);
  return OF_MACHINE.includes(op) ? OPS[op] : op === "hold" ? text : `process ${who + 1}: ${text}`;
}

/**
 * The script "0w1 0f 1r1.7 0c1 end": process 0 writes page 0 of block 1, forks, process 1 reads page 7 of
 * block 1, process 0 collapses block 1, all end. A word that is an operation's name is one that needs no
 * process. Not in Linux: a helper of the course.
 */
export function hugeScript(text: string): HugeOp[] {
  return text.split(" ").map((word): HugeOp => {
    const match = /^(\d)([a-zA-Z]+)(\d?)(?:\.(\d+))?$/.exec(word);
    if (match === null) return { op: checkedOp(word), who: 0, block: 1, page: 0 };
    const [, who, op, block, page] = match;
    return {
      op: checkedOp(SHORT[op!] ?? op!),
      who: Number(who),
      block: Number(block || 1),
      page: Number(page ?? 0),
    };
  });
}

const SHORT: Readonly<Record<string, HugeOp["op"]>> = {
  ...{
    r: "read",
    w: "write",
    s: "small",
    z: "smallread",
    p: "protect",
    u: "unprotect",
    P: "part",
    d: "forget",
  },
  ...{ D: "forgetpart", F: "free", a: "advise", l: "lock", o: "out", c: "collapse", f: "fork", x: "exit" },
};

function checkedOp(word: string): HugeOp["op"] {
  if (!(word in OPS)) throw new RangeError(`"${word}" is no operation of lab 07`);
  return word as HugeOp["op"];
}
