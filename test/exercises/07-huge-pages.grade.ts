/**
 * Grader of lab 07. From 07.1 on each part runs in a whole kernel: first known hard cases, each with a sentence that says what is
 * at stake, then random workloads, compared with the reference machine; after each operation the kernel's books are worked out again.
 */

import { describe, it } from "vitest";
import { DifferenceError, expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import {
  type BuddyOp,
  buddyMistake,
  buddyOpText,
  buddyScript,
  buddyText,
  randomBuddyOp,
  runBuddy,
  simplerBuddyOps,
} from "../../lib/course/labs/buddy.js";
import {
  type CompactionScene,
  type CompactionSeen,
  compactionMistake,
  compactionSceneText,
  randomCompaction,
  runCompaction,
} from "../../lib/course/labs/compaction.js";
import { referenceCompactZone } from "../../lib/course/labs/compaction_pass.js";
import { referenceHuge, runHuge } from "../../lib/course/labs/huge.js";
import {
  type HugeOp,
  type HugeTopic,
  hugeOpText,
  hugeScript,
  randomHugeOp,
  simplerHugeOps,
} from "../../lib/course/labs/huge_ops.js";
import { type HugeRange, hugeAreas, referenceBlocks } from "../../lib/course/labs/huge_range.js";
import { hugeMistake, hugeText } from "../../lib/course/labs/huge_seen.js";
import { hex, PAGE_SIZE, PMD_SIZE } from "../../lib/hw/address.js";
import { Random } from "../../lib/hw/random.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import { thpVmaSuitableOrder } from "../../lib/mm/huge/thp_orders.js";
import { freeOnePage, rmqueueSmallest } from "../../lib/mm/pages/buddy.js";
import * as submission from "../../solutions/07-huge-pages.js";

const { remember, atLast } = gradedTasks();

/** Runs the scripts, "0w1 0f 1r1.7" (see hugeScript), and then random workloads, on both machines. */
function compareHuge(
  parts: Partial<MachineParts>,
  topic: HugeTopic,
  scripts: string[],
  workloads = 0,
  seed = 307,
): void {
  expectSameRuns<HugeOp>({
    operation: randomHugeOp(topic),
    first: scripts.map(hugeScript),
    workloads,
    length: 14,
    seed,
    shrinkRuns: 18,
    reference: referenceHuge,
    submission: (operations) => runHuge(parts, operations),
    describe: hugeOpText,
    simplify: simplerHugeOps,
    as: hugeText,
    explain: hugeMistake,
  });
}

// ---------------------------------------------------------------- 07.1

function checkBlocks(because: string, ...ranges: [start: number, end: number][]): void {
  remember("07.1", because, () => {
    for (const [start, end] of ranges)
      expectSame(submission.hugeBlocks(start, end), referenceBlocks(start, end), {
        what: `hugeBlocks(${hex(start)}, ${hex(end)})`,
        as: (blocks) =>
          Array.isArray(blocks)
            ? `[${(blocks as unknown[]).map((at) => hex(Number(at))).join(", ")}]`
            : String(blocks),
      });
  });
}

/** Asks for each address of each area of a machine. */
function checkSuitable(because: string, kind: HugeRange, ...orders: number[]): void {
  remember("07.1", because, () => {
    for (const { vma, what, addresses } of hugeAreas(kind))
      for (const order of orders)
        for (const addr of addresses(PAGE_SIZE * 2 ** order))
          expectSame(
            submission.thpVmaSuitableOrder(vma, addr, order),
            thpVmaSuitableOrder(vma, addr, order),
            {
              what: `thpVmaSuitableOrder(vma, ${hex(addr)}, ${order}), ${what},`,
            },
          );
  });
}

const SUITABLE: Partial<MachineParts> = { thpVmaSuitableOrder: submission.thpVmaSuitableOrder };
const MIB = 2 ** 20;

describe("07.1 Eligible range", () => {
  it("finds whole blocks", () => {
    checkBlocks("the range is exactly one block", [0x200000, 0x400000]);
    checkBlocks("several blocks, in order", [0x200000, 0x600000], [0, 0x800000]);
    checkBlocks("nothing but whole blocks: half of one is none", [0x300000, 0x700000], [0x200000, 0x5ff000]);
    checkBlocks("a block begins at a multiple of 2 MiB, not where the range begins", [0x300000, 0x500000]);
  });
  it("looks at both ends", () => {
    checkBlocks("one page too late", [0x201000, 0x400000], [0x201000, 0x600000]);
    checkBlocks("one page too short", [0x200000, 0x3ff000]);
    checkBlocks("too short for any", [0x200000, 0x300000], [0x3ff000, 0x401000], [0x200000, 0x200000]);
  });
  it("works for long addresses", () => {
    const high = 0x7f12_3460_0000;
    checkBlocks(
      "addresses have up to 48 bits, and & would cut them to 32",
      [2 ** 32, 2 ** 32 + 4 * MIB], // first: cut to 32 bits its list is long, but it ends
      [high, high + 4 * MIB],
      [high + 4096, high + 5 * MIB],
    );
  });
  it("works for random ranges", () => {
    const random = new Random(107);
    const ranges = Array.from({ length: 200 }, (): [number, number] => {
      const start = random.below(2 ** 20) * 2 ** 27 + random.below(2 ** 11) * PAGE_SIZE;
      return [start, start + random.below(2 ** 11) * PAGE_SIZE];
    });
    checkBlocks("as in every range", ...ranges);
  });
  it("knows whether a block lies in an area", () => {
    checkSuitable(
      "the block around the address, from its beginning to its end, must lie in the area",
      "whole",
      9,
    );
    checkSuitable("the block's beginning must not lie before the area's", "late", 9);
    checkSuitable("the block's end must not lie behind the area's", "short", 9);
    checkSuitable("an area of less than a block has none", "small", 9);
  });
  it("knows other sizes", () => {
    checkSuitable("a folio of 2^order pages is aligned to its own size, not to 2 MiB", "late", 2, 4, 8);
    checkSuitable("a folio of 2^order pages is aligned to its own size, not to 2 MiB", "small", 2, 3, 5, 8);
  });
  it("knows files", () => {
    checkSuitable("a file's pages must be aligned in the file, too", "file", 9, 4, 2);
    checkSuitable("anonymous memory is no file: vmPgoff does not matter there", "moved", 9, 4);
  });
  it("decides where a machine has huge pages", () => {
    atLast("07.1", () => {
      compareHuge(
        SUITABLE,
        "fault",
        ["0w1 0w2 0w0 0w3", "0r1 0w1 0r0", "0s1 0s2.9 0c1 0c2", "0cut1 0w1.200 0w2"],
        2,
      );
    });
  });
});

// ---------------------------------------------------------------- 07.2

const FAULT: Partial<MachineParts> = { doHugePmdAnonymousPage: submission.doHugePmdAnonymousPage };

function checkFault(because: string, ...scripts: string[]): void {
  remember("07.2", because, () => compareHuge(FAULT, "fault", scripts));
}

describe("07.2 A huge fault", () => {
  it("maps a page of its own for a write", () => {
    checkFault(
      "a write gets 2 MiB of its own: writable, dirty, and a table set aside for the day of the split",
      "0w1",
    );
    checkFault("512 pages at once: no other fault in the block", "0w1.3 0w1.511 0r1.200");
    checkFault("the address may be anywhere in the block; the entry is for all of it", "0w1.300 0w2.511");
  });
  it("maps the huge page of zeros for a read", () => {
    checkFault("a read gets the huge page of zeros, which is nobody's", "0r1");
    checkFault("a read gets a page of its own where use_zero_page is 0", "nozeros 0r1", "nozeros 0r1 0w1.5");
    checkFault(
      "a write to the huge page of zeros gets a page of its own",
      "0r1 0w1.7 0r1.7",
      "0r1 0w1 0r2 0f 1w2",
    );
  });
  it("falls back where a huge page does not fit", () => {
    checkFault(
      "only a block that lies in the area: else small pages, and nothing is counted",
      "0w0 0r3 0w3.9",
    );
  });
  it("falls back without memory", () => {
    checkFault(
      "no free block of 2 MiB: small pages, and it is counted",
      "nohuge 0w1",
      "nohuge 0w1 0w1.9 0w2",
    );
    checkFault("no memory for the huge page of zeros either", "nohuge 0r1 0r2", "nohuge 0r1 0w2 0r1.8");
    checkFault(
      "no memory for the table: VM_FAULT_OOM, and what you have goes back",
      "0w2 notable 0w1 0w1 end",
      "notable 0w1 0w1 end",
    );
    checkFault("no memory for the table: VM_FAULT_OOM, also for a read", "0r2 notable 0r1 0r1 end");
  });
  it("tries as hard as the settings say", () => {
    checkFault(
      "defrag and madvise say how hard: vmaThpGfpMask(vma)",
      "0a1 0w1 0w2",
      "hard 0w1",
      "soft 0w1",
      "hard 0a1 0w1",
    );
  });
  it("makes the group pay", () => {
    checkFault(
      "a group that may not have 2 MiB more: the page goes back, and both are counted",
      "tight 0w1 0w2",
      "tight 0w1 end",
    );
    checkFault("but the huge page of zeros costs nothing", "0r2 tight 0r1");
  });
  it("keeps to what the area allows", () => {
    checkFault("without VM_WRITE the entry is read-only", "0p1 0r1 0u1 0w1", "nozeros 0p1 0r1 0u1 0w1");
  });
  it("looks again when others may have run", () => {
    checkFault(
      "another thread was faster with a huge page: what you have goes back",
      "racew 0w1 end",
      "nozeros race 0r1 end",
    );
    checkFault(
      "another thread may be faster until you have the table, too",
      "latew 0w1 end",
      "late 0w1 0r1 end",
    );
    checkFault(
      "that holds for the huge page of zeros, too",
      "0r2 latew 0r1 end",
      "0r2 late 0r1 end",
      "race 0r1 end",
    );
  });
  it("lets khugepaged know", () => {
    checkFault(
      "khugepaged looks through the process from now on (khugepagedEnterVma)",
      "0r1",
      "nohuge 0w1 daemon",
    );
  });
  it("gives everything back in the end", () => {
    checkFault("when all exit, all is free again", "0w1 0r2 0f 1w2 0w1 end", "0w1 0d1 0w1 end");
  });
  it("drives a machine through random workloads", () => {
    atLast("07.2", () => compareHuge(FAULT, "fault", [], 3, 301));
  });
  it("drives it through others", () => {
    atLast("07.2", () => compareHuge(FAULT, "fault", [], 3, 302));
  });
  it("drives it through others still", () => {
    atLast("07.2", () => compareHuge(FAULT, "fault", [], 3, 303));
  });
});

// ---------------------------------------------------------------- 07.3

const SPLIT: Partial<MachineParts> = { splitHugePmd: submission.splitHugePmd };

function checkSplit(because: string, ...scripts: string[]): void {
  remember("07.3", because, () => compareHuge(SPLIT, "split", scripts));
}

describe("07.3 Split", () => {
  it("puts 512 entries in the place of one", () => {
    checkSplit("the same pages, each by its own entry; the folio stays one", "0w1.3 0P1.7", "0w1 0P1.511");
    checkSplit("it is the entry that is split, whichever page the address is in", "0w2 0D2.300 0r2");
    checkSplit("a block that is split already is left alone", "0w1 0P1.7 0P1.9", "0s1 0P1.7");
  });
  it("empties and flushes first", () => {
    checkSplit("the entry is emptied, then flushed, then the table goes in", "0w1 0r1.5 0P1.7 0w1.9");
  });
  it("carries over what the entry allowed and knew", () => {
    checkSplit("a read-only entry becomes 512 read-only ones", "0w1 0p1 0D1.3", "0w1 0f 0w1.5 1r1.5");
    checkSplit("whether it was used (young)", "0w1 0age 0D1.3", "0w1 0age 0r1.5 0D1.3");
    checkSplit(
      "whether it was written since it was watched (soft-dirty)",
      "0w1 0watch 0age 0D1.3",
      "0w1 0watch 0w1.2 0D1.3",
      "0w1 0watch 0F1 0D1.3",
    );
    checkSplit("dirty, and the folio too", "0w1 0D1.3", "0w1 0F1 0r1 0D1.3", "0w1 0F1 0w1.4 0D1.3");
  });
  it("knows whose the pages are", () => {
    checkSplit(
      "exclusive as a whole: each page is exclusive, and is written without a copy",
      "0w1 0D1.3 0w1.9",
    );
    checkSplit(
      "shared since a fork: no page is exclusive",
      "0w1 0f 0w1.5 0w1.6 1w1.5",
      "0w1 0f 1w1.5 0x 1w1.6",
    );
  });
  it("counts entries and holds", () => {
    checkSplit(
      "512 entries hold the folio where one did",
      "0w1 0P1 end",
      "0w1 0D1.3 0d1",
      "0w1 0f 0P1 1P1 end",
    );
    checkSplit("a folio that others still map as a whole", "0w1 0f 1D1.3 1x 0w1", "0w1 0f 1D1.3 0x 1w1.5");
  });
  it("uses the table that was set aside", () => {
    checkSplit(
      "no memory is needed: the table was set aside with the entry",
      "0w1 notable 0P1.3",
      "0w1 0w2 0P1.3 0P2.3",
    );
  });
  it("splits the huge page of zeros", () => {
    checkSplit(
      "512 entries for the small page of zeros, and no page is counted",
      "0r1 0P1.3",
      "0r1 0D1.3 0w1.5",
      "0r1 nohuge 0w1.3",
    );
  });
  it("keeps everything when an area is cut", () => {
    checkSplit(
      "munmap of a part: the other part stays",
      "0w1.3 0w1.200 0cut1 0r1.200 end",
      "0w1 0f 1cut1 0r1.3 end",
    );
    checkSplit("mlock and mprotect of a part", "0w1 0l1 0P1.3", "0w1 0P1.3 0l1 0unlock1 end");
  });
  it("drives a machine through random workloads", () => {
    atLast("07.3", () => compareHuge(SPLIT, "split", [], 3, 301));
  });
  it("drives it through others", () => {
    atLast("07.3", () => compareHuge(SPLIT, "split", [], 3, 302));
  });
  it("drives it through others still", () => {
    atLast("07.3", () => compareHuge(SPLIT, "split", [], 3, 303));
  });
});

// ---------------------------------------------------------------- 07.4

const COLLAPSE: Partial<MachineParts> = { collapseHugePage: submission.collapseHugePage };

function checkCollapse(because: string, ...scripts: string[]): void {
  remember("07.4", because, () => compareHuge(COLLAPSE, "collapse", scripts));
}

describe("07.4 Collapse", () => {
  it("makes one page of many", () => {
    checkCollapse(
      "the bytes of each small page, at their place",
      "0s1 0s1.1 0s1.511 0c1 0r1.511",
      "0s2.7 0s2.8 0c2 0r2.7",
    );
    checkCollapse(
      "zeros where nothing was mapped, and these pages are resident now",
      "0s1.3 0c1 0r1.4 0w1.9",
    );
  });
  it("has zeros where the page of zeros was", () => {
    checkCollapse("zeros for the page of zeros, too", "0s1.3 0z1.4 0z1.5 0c1 0r1.4", "0z1.4 0c1");
  });
  it("lets go of the small pages", () => {
    checkCollapse("when all exit, all is free again", "0s1 0s1.9 0c1 end", "0s1.3 0s1.4 0c1 0w1.3 0d1 end");
  });
  it("leaves a child its pages", () => {
    checkCollapse(
      "pages that a child has, too, stay the child's",
      "0s1 0s1.9 0f 0c1 0w1 1r1 end",
      "0s1.3 0f 1c1 1w1.3 0r1.3",
    );
  });
  it("lets go of what is mapped in a row", () => {
    checkCollapse(
      "a folio that is mapped in a row goes in one go (folioPteBatch), with one reference for each of its pages",
      "0w1.3 0P1.7 0u1 0c1 0r1.3",
      "0w1.3 0D1.200 0c1 0r1.3",
      "0w1 0D1.0 0D1.511 0s1 0c1 end",
    );
    checkCollapse("a huge page that was split, once more", "0w1 0f 0w1.5 0c1 0r1.5 1r1.5 end");
  });
  it("unhooks and flushes before it copies", () => {
    checkCollapse(
      "a process that writes meanwhile would write to a page that is gone",
      "0s1 0w1 0r1 0c1 0w1 0r1",
    );
  });
  it("sets the table aside", () => {
    checkCollapse(
      "the empty table is set aside for the day of the split",
      "0s1.3 0c1 notable 0P1.5 0r1.3",
      "0s1 0c1 0D1.9 end",
    );
  });
  it("brings back what is in swap", () => {
    checkCollapse(
      "a page in swap is read first",
      "0s1.3 0s1.4 0o1.3 0c1 0r1.3",
      "0s1.3 0s1.9 0o1.3 0hold1.9 0c1 0r1.3 0o1.3",
      "0s1 0o1 0f 0c1 0w1 1r1 end",
    );
  });
  it("leaves everything as it was if it does not work", () => {
    checkCollapse("no free block of 2 MiB", "0s1.3 nohuge 0c1 0r1.3", "0s1.3 nohuge 0c1 0c1 end");
    checkCollapse("the group may not have 2 MiB more", "0s1.3 tight 0c1 0r1.3 end");
  });
  it("leaves everything as it was if a page is in use", () => {
    checkCollapse(
      "a driver holds one of the pages: it would not see what is written to the copy",
      "0s1.3 0s1.9 0hold1.9 0c1 0w1.9 end",
      "0s1 0s1.5 0hold1 0c1 0c1 end",
    );
  });
  it("leaves everything as it was if a page cannot be read", () => {
    checkCollapse(
      "a page cannot be read from swap",
      "0s1.3 0s1.4 0o1.3 broken 0c1 end",
      "0s1.3 0s1.4 0o1.3 broken 0c1 0r1.4 0c1",
    );
  });
  it("puts pages back on their lists", () => {
    checkCollapse(
      "pages that were taken off their lists go back to them",
      "0s1 0s1.1 0s1.2 0hold1.2 0c1 0o1 0o1.1 end",
    );
  });
  it("looks again when others may have run", () => {
    checkCollapse("the area is gone", "0s1.3 away 0c1 end", "0s1.3 0s2 away 0c1 0r2 end");
    checkCollapse("the area is there, but its table is not", "0s1.3 anew 0c1 0r1.3 end");
    checkCollapse("somebody was faster: a huge page is there", "0s1.3 filled 0c1 0r1.3 end");
  });
  it("passes on who asks", () => {
    checkCollapse(
      "khugepaged keeps to the settings at every step, as they are then; who has ordered it need not",
      "0r2 0s1 lazy daemon",
      ...["0r2 0s1 off daemon 0r1", "0s1 off 0c1 0r1", "0r2 0s1 strict daemon 0r1", "0s1 strict 0c1 0r1"],
    );
  });
  it("works for khugepaged", () => {
    checkCollapse(
      "khugepaged has limits, MADV_COLLAPSE has none",
      "0r2 0s1 0s1.1 daemon",
      "picky 0r2 0s1 daemon 0c1",
    );
    checkCollapse("khugepaged asks again whether the pages are used", "0r2 0s1 0age daemon 0r1 daemon");
  });
  it("drives a machine through random workloads", () => {
    atLast("07.4", () => compareHuge(COLLAPSE, "collapse", [], 3, 301));
  });
  it("drives it through others", () => {
    atLast("07.4", () => compareHuge(COLLAPSE, "collapse", [], 2, 302));
  });
  it("drives it through others still", () => {
    atLast("07.4", () => compareHuge(COLLAPSE, "collapse", [], 2, 303));
  });
});

// ---------------------------------------------------------------- 07.5

function compareBuddy(scripts: string[], workloads = 0): void {
  expectSameRuns<BuddyOp>({
    operation: randomBuddyOp,
    first: scripts.map(buddyScript),
    workloads,
    length: 40,
    seed: 507,
    reference: (operations) => runBuddy({ rmqueueSmallest, freeOnePage }, operations),
    submission: (operations) =>
      runBuddy(
        { rmqueueSmallest: submission.rmqueueSmallest, freeOnePage: submission.freeOnePage },
        operations,
      ),
    describe: buddyOpText,
    simplify: simplerBuddyOps,
    as: buddyText,
    explain: buddyMistake,
  });
}

function checkBuddy(because: string, ...scripts: string[]): void {
  remember("07.5", because, () => compareBuddy(scripts));
}

describe("07.5 Buddy allocator", () => {
  it("takes the smallest block that will do", () => {
    checkBuddy("a block of just the order that is wanted needs no split", "t9", "t6", "t9u");
    checkBuddy("else the next larger one is split, and its upper halves go back", "t5", "t0", "t3 t3 t0");
    checkBuddy("none is large enough: -1, and nothing has changed", "t10 t10 t10", "t9u t9u t0u");
    checkBuddy("only blocks of that type", "t10u", "t0u t0u", "t9u t0u");
  });
  it("merges", () => {
    checkBuddy(
      "a block comes back, and merges with its buddy, and the two with theirs",
      "t0 f0",
      "t5 t0 f0 f0",
    );
    checkBuddy(
      "the buddy differs in one bit: it may lie before the block or behind it",
      "t0 t0 f1 f0",
      "t0 t0 f0 f0",
      "t0 t0 t0 t0 f2 f1 f1 f0",
    );
    checkBuddy("a buddy that is in use, or only in part free, is no buddy", "t0 t0 t0 f0 f1", "t1 t0 f0");
    checkBuddy("never beyond the largest order", "t9 t9 f0 f0", "t10 f0");
    checkBuddy(
      "two blocks of 2 MiB of different types merge only where they may",
      "t9u f0",
      "t9h f0",
      "t9 t9 t9 t9h f3 f2",
      "t0u t0u f0 f0",
      "t9 t9 t9u f0 f0 f0",
    );
    checkBuddy(
      "what would merge soon is taken last: it goes to the end of its list",
      "t0 t0 t0 t0 f0 t0 f1",
      "t0 t0 t0 t0 t0 t0 f1 f3 t0",
    );
  });
  it("gives a block to who waits for it", () => {
    checkBuddy(
      "a task that compacts gets the block before it goes to a list",
      "t3 t3 w3 f0",
      "t0 t0 w1 f0 f0",
      "t9 w9 f0",
      "t0 w10 f0",
    );
  });
  it("works for random workloads", () => {
    atLast("07.5", () => compareBuddy([], 60));
  });
  it("drives a machine", () => {
    atLast("07.5", () => {
      const parts = { rmqueueSmallest: submission.rmqueueSmallest, freeOnePage: submission.freeOnePage };
      compareHuge(parts, "fault", ["0w1 0w2 0f 1w1 0d1 0w0.9 end"]);
    });
  });
});

// ---------------------------------------------------------------- 07.6

const seenText = ({ result, scanners, free }: CompactionSeen): string => [result, scanners, free].join("; ");

function compareCompaction(...scenes: CompactionScene[]): void {
  for (const scene of scenes) {
    const got = runCompaction({ compactZone: submission.compactZone }, scene);
    const expected = runCompaction({ compactZone: referenceCompactZone }, scene);
    const mistake = compactionMistake(got, expected);
    if (mistake === undefined) continue;
    const message = `compactZone: ${mistake}.\nThe scene: ${compactionSceneText(scene)}.`;
    throw new DifferenceError(message, seenText(got), seenText(expected));
  }
}

function checkPass(because: string, ...scenes: CompactionScene[]): void {
  remember("07.6", because, () => compareCompaction(...scenes));
}

describe("07.6 A compaction pass", () => {
  it("ends where the scanners meet", () => {
    checkPass("little is free: the scanners meet early", { keep: 90, order: 9, who: "thread" });
  });
  it("moves pages up until a block is free", () => {
    checkPass("a block of 2 MiB is wanted: the pass stops as soon as there is one", {
      keep: 30,
      order: 9,
      who: "thread",
    });
  });
  it("stops sooner where a smaller block will do", () => {
    checkPass("smaller blocks are found sooner", { keep: 50, order: 6, who: "thread" });
  });
  it("goes on until the scanners meet", () => {
    checkPass("nobody waits for a block: until the two scanners meet, and no page goes down", {
      keep: 50,
      order: -1,
      who: "thread",
    });
  });
  it("puts back what stays", () => {
    checkPass("a page that a driver holds cannot be moved, and goes back to its list", {
      keep: 50,
      order: 9,
      who: "thread",
      held: 12,
    });
    checkPass(
      "a driver takes hold of a page that is collected already: migratePages leaves it, and it goes back",
      {
        ...{ keep: 50, order: 9, who: "thread", late: 3 },
      },
    );
  });
  it("leaves page blocks of another type alone", () => {
    checkPass("a task that does not wait moves no pages of unmovable page blocks", {
      keep: 40,
      order: 9,
      who: "task",
      unmovable: 1,
    });
    checkPass("a thread with time does", { keep: 40, order: 9, who: "thread", unmovable: 1 });
    checkPass(
      "only who does not wait, and compacts for itself, is so choosy",
      { keep: 40, order: 9, who: "patient task", unmovable: 1 },
      { keep: 40, order: 9, who: "hasty thread", unmovable: 1 },
    );
    checkPass("and nobody's page goes into an unmovable page block", {
      keep: 40,
      order: 9,
      who: "thread",
      unmovable: 6,
    });
  });
  it("stops where the zone has no frames to spare", () => {
    checkPass("isolateFreeBlock answers 0: what was collected goes back", {
      keep: 70,
      order: 9,
      who: "thread",
      min: 1100,
    });
  });
  it("stops where others have collected too much", () => {
    checkPass("isolateMigratepagesBlock does not answer 0: COMPACT_CONTENDED", {
      ...{ keep: 50, order: 9, who: "task", crowd: true },
    });
  });
  it("forgets what was given up meanwhile", () => {
    checkPass("a page whose owner gives it up is not moved, and nothing is collected for it any more", {
      ...{ keep: 50, order: 9, who: "thread", forgotten: 3 },
    });
  });
  it("gives the block to who waits for it", () => {
    checkPass("a task that waits has its block as soon as it is free", {
      keep: 30,
      order: 8,
      who: "task",
      capture: true,
    });
  });
  it("works on random machines", () => {
    atLast("07.6", () => {
      const random = new Random(607);
      compareCompaction(...Array.from({ length: 3 }, () => randomCompaction(random)));
    });
  });
  it("works on others", () => {
    atLast("07.6", () => {
      const random = new Random(608);
      compareCompaction(...Array.from({ length: 3 }, () => randomCompaction(random)));
    });
  });
});
