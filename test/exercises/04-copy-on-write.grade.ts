/**
 * Grader of lab 04. Each part runs in a whole kernel: first known hard cases, each with a sentence that says what is at stake, then
 * random families, then a run that was recorded on Linux.
 */

import { describe, it } from "vitest";
import {
  DifferenceError,
  expectSame,
  expectSameRuns,
  expectSameSteps,
} from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import { referenceExec, runExec, runFailingExec } from "../../lib/course/labs/exec.js";
import {
  mappedPages,
  randomScript,
  rollupOf,
  runScript,
  type ScriptStep,
  stepText,
  withoutStep,
} from "../../lib/course/labs/family.js";
import { familyMistake, familyObservationText, runFamily } from "../../lib/course/labs/fork.js";
import {
  type FamilyOp,
  familyOpText,
  randomFamilyOp,
  simplerFamilyOps,
} from "../../lib/course/labs/fork_ops.js";
import {
  type WriteReport,
  writeToOrphan,
  writeWithoutFolio,
  writeWithoutMemory,
} from "../../lib/course/labs/write_fault.js";
import { Random } from "../../lib/hw/random.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import { formatDifference } from "../../lib/replay/compare_records.js";
import { newHost } from "../../lib/replay/kernel_host.js";
import { replayRecorded } from "../../lib/replay/recordings.js";
import * as submission from "../../solutions/04-copy-on-write.js";

const { remember, atLast, fails } = gradedTasks();

const COPY_ENTRY: Partial<MachineParts> = { copyPresentPte: submission.copyPresentPte };
const WRITE: Partial<MachineParts> = { doWpPage: submission.doWpPage };

function compareFamilies(parts: Partial<MachineParts>, first: FamilyOp[][], workloads = 0, seed = 104): void {
  expectSameRuns<FamilyOp>({
    operation: randomFamilyOp,
    first,
    workloads,
    length: 16,
    seed,
    reference: (operations) => runFamily({}, operations),
    submission: (operations) => runFamily(parts, operations),
    describe: familyOpText,
    simplify: simplerFamilyOps,
    as: familyObservationText,
    explain: familyMistake,
  });
}

/** The script "0w3 0f 1r3 e": process 0 writes page 3, forks; process 1 reads page 3; all end. */
function script(text: string): FamilyOp[] {
  const kinds = {
    w: "write",
    r: "read",
    l: "look",
    p: "populate",
    q: "protect",
    h: "hold",
    f: "fork",
    x: "exit",
    g: "guard",
  } as const;
  return text.split(" ").map((word) => {
    const match = /^(\d)([wrlpqhfxg])([\dab])?$/.exec(word);
    if (word === "e") return { op: "end", who: 0, page: 0 };
    if (match === null) throw new RangeError(`"${word}" is no operation of a family`);
    return {
      op: kinds[match[2] as keyof typeof kinds],
      who: Number(match[1]),
      page: Number.parseInt(match[3] ?? "0", 16),
    };
  });
}

function checkFork(because: string, ...scripts: string[]): void {
  remember("04.1", because, () => compareFamilies(COPY_ENTRY, scripts.map(script)));
}

function checkWrite(because: string, ...scripts: string[]): void {
  remember("04.2", because, () => compareFamilies(WRITE, scripts.map(script)));
}

/** Replays a recorded run of Linux on a machine with `parts`. */
function checkRecorded(task: string, parts: Partial<MachineParts>, name: string): void {
  atLast(task, () => {
    const host = newHost("16 MiB");
    Object.assign(host.kernel.sys.parts, parts);
    const { comparison } = replayRecorded(name, host);
    const [first] = comparison.different;
    if (first !== undefined)
      throw new DifferenceError(
        `Not as the recorded Linux 6.18: ${comparison.different.length} values differ.\n${formatDifference(first)}`,
      );
  });
}

describe("04.1 Copy one entry for the child", () => {
  it("gives the child the parent's frame, and takes the right to write from both", () => {
    checkFork("after fork, both map the same frame, and neither may write", "0w0 0f");
    checkFork("a write of the parent must not be seen by the child", "0w0 0f 0w0 1r0");
    checkFork("a write of the child must not be seen by the parent", "0w0 0f 1w0 0r0");
  });
  it("leaves an entry alone that is read-only already", () => {
    checkFork(
      "an entry that may not be written is not written back: another CPU may have set A in it after you were given srcPte",
      "0w0 0f 1f",
    );
  });
  it("keeps the books", () => {
    checkFork(
      "refcount and mapcount go up by one; the child's counter too, the parent's not",
      "0w0 0f",
      "0w0 0f 1x",
    );
    checkFork("when the child has gone, the parent uses its page in place", "0w0 0f 1x 0w0");
    checkFork("at the end nothing may be left over", "0w0 0f 0w0 e", "0w0 0f 0f 1f e");
  });
  it("shares the zero page without counting it", () => {
    checkFork(
      "the zero page has no refcount and no mapcount, and belongs to nobody's counters",
      "0w1 0r0 0f",
      "0w1 0r0 0f 1w0 e",
    );
  });
  it("leaves the child's entry not accessed", () => {
    checkFork(
      "the child has not used the page yet: its entry is old, the parent's stays as it is",
      "0w0 0f 1r0",
    );
  });
  it("knows pages of files", () => {
    checkFork(
      "a file's page is counted as one of a file, not as anonymous memory",
      "0w6 0r7 0f",
      "0w6 0r7 0f 1w7 e",
    );
  });
  it("keeps shared memory writable, and the child's entry clean", () => {
    checkFork(
      "in a shared mapping both go on writing to the same page; the child's entry is clean",
      "0g5 0w4 0f",
      "0g5 0w4 0f 1w4 0r4",
    );
  });
  it("works for grandchildren", () => {
    checkFork("an entry that is read-only already is copied like any other", "0w0 0f 1f 2w0 1w0 0w0 e");
  });
  it("counts a page of a large folio", () => {
    checkFork(
      "a file's folio may have several pages: the mapping counts for this page alone, the reference for the folio",
      "0rb 0wa 0f",
      "0ra 0rb 0w0 0f",
      "0rb 0wa 0f 1f 0x 1x e",
    );
  });
  it("copies random families as Linux does", () => {
    atLast("04.1", () => compareFamilies(COPY_ENTRY, [], 13));
  });
  it("copies other random families, too", () => {
    atLast("04.1", () => compareFamilies(COPY_ENTRY, [], 13, 1104));
  });
  it("agrees with the recorded Linux", () => {
    checkRecorded("04.1", COPY_ENTRY, "c17-chain-of-generations");
  });
});

describe("04.2 A write to a read-only entry", () => {
  it("copies a page that others map too", () => {
    checkWrite("others map this page: the writer gets a copy with the same bytes", "0w0 0f 0w0 1r0");
    checkWrite("others map this page: the writer gets a copy, whoever writes first", "0w0 0f 1w0 0r0");
    checkWrite("the old page loses one mapping and one reference", "0w0 0f 0w0", "0w0 0f 0w0 e");
  });
  it("uses the page in place when nobody else is left", () => {
    checkWrite("the last owner does not copy: there is nobody to protect", "0w0 0f 1w0 0w0");
    checkWrite("the last owner does not copy, after an exit too", "0w0 0f 1x 0w0", "0w0 0f 0x 0w0");
    checkWrite("a page used in place is exclusive again", "0w0 0f 1x 0w0 0f 1w0 0w0 e");
  });
  it("gives the writer of the zero page a page of its own", () => {
    checkWrite(
      "the new page must be full of zeros (__GFP_ZERO): frames still hold the bytes of their last owner",
      "0r0 0w0",
    );
    checkWrite("the zero page is never written, by nobody", "0r0 0w0", "0r0 0w0 0r1", "0r0 0f 1w0 0w0 e");
  });
  it("copies a private page of a file", () => {
    checkWrite(
      "a private write must not reach the file, or others who map it",
      "0r6 0w6 0r8",
      "0r6 0w6 0f 1r6 e",
    );
    checkWrite("the page of a file is never used in place", "0r7 0w7 e", "0r7 0f 1x 0w7 e");
  });
  it("writes shared memory in place", () => {
    checkWrite(
      "shared memory is shared: everybody sees the write",
      "0r8 0w8 0f 1w8 0r8",
      "0r4 0f 1w4 0r4 0w4 e",
    );
  });
  it("lets no other thread go on with the old page", () => {
    checkWrite(
      "another CPU's TLB may still lead to the old page: clear the entry and flush it before the new page is used",
      "0w0 0f 0l0 0w0 0l0",
      "0l0 0w0 0l0",
    );
  });
  it("marks the entry dirty itself", () => {
    checkWrite(
      "MADV_POPULATE_WRITE makes a page ready to be written, but no instruction writes: the handler must mark the entry dirty",
      "0w0 0f 1p0",
      "0r0 0p0",
      "0r6 0p6",
    );
  });
  it("copies a page of a large folio", () => {
    checkWrite(
      "a file's folio may have several pages: the copy is of vmf.page, and the mapping that goes is of this page",
      "0ra 0wb",
      "0wa 0rb 0f 1wb",
      "0ra 0wa 0f 1rb 1wb e",
    );
  });
  it("empties the batches before it counts", () => {
    checkWrite("a new page is held once more by a batch until it is on an LRU list", "0w0 0w1 0f 1x 0w1");
  });
  it("changes nothing when there is no memory for a copy", () => {
    for (const what of ["shared page", "zero page"] as const)
      checkReport(
        "without a page for the copy: VM_FAULT_OOM, and your own reference is given back, if you took one",
        (parts) => writeWithoutMemory(parts, what),
        `A write to a ${what} with no free page`,
      );
  });
  it("goes by anonExclusive before it counts", () => {
    checkWrite(
      "a page that is exclusive is used in place, however many references drivers hold: a copy would cut them off",
      "0w0 0h0 0q0 0w0",
      "0w0 0f 0w0 0h0 0q0 0w0 e",
      "0w0 0f 0h0 0w0 1w0 e",
    );
  });
  it("uses memory without a folio in place where it is shared", () => {
    checkReport(
      "a shared mapping of a page without a folio (vmNormalPage gives undefined): wpPageReuse(vmf)",
      writeWithoutFolio,
      "A write to a device's memory in a shared mapping",
    );
  });
  it("copies the page of a file even if nobody else holds it", () => {
    checkReport(
      "only an anonymous page may be used in place (folioTestAnon); this one has just been taken out of the page cache",
      writeToOrphan,
      "A write to a private page of a file",
    );
  });
  it("runs random families as Linux does", () => {
    atLast("04.2", () => compareFamilies(WRITE, [], 13));
  });
  it("runs other random families, too", () => {
    atLast("04.2", () => compareFamilies(WRITE, [], 13, 1104));
  });
  it("agrees with the recorded Linux", () => {
    checkRecorded("04.2", WRITE, "c03-last-owner-reuse");
  });
  it("agrees with the recorded Linux on files", () => {
    checkRecorded("04.2", WRITE, "b05-private-file-cow");
  });
});

function checkReport(
  because: string,
  run: (parts: Partial<MachineParts>) => WriteReport,
  what: string,
): void {
  remember("04.2", because, () => expectSame(run(WRITE), run({}), { what }));
}

describe("04.3 PSS", () => {
  it("counts whole pages", () => {
    checkSum([], "no pages, no memory");
    checkSum([{ mapcount: 1, dirty: true }], "a page of one's own counts as 4 kB of Rss and of Pss");
  });
  it("sorts by shared and dirty", () => {
    for (const mapcount of [1, 2, 3])
      for (const dirty of [true, false])
        checkSum(
          [{ mapcount, dirty }],
          "shared means more than one mapping; dirty comes from the entry or the page",
        );
  });
  it("divides shared pages among their owners", () => {
    checkSum(pagesOf(4, 2), "a page with two mappings counts half for each");
    checkSum(
      pagesOf(60, 3),
      "1365 + 1/3 bytes for each of 60 pages: the fractions of a byte add up to 79 kB, not 78",
    );
  });
  it("rounds as Linux does", () => {
    checkSum(pagesOf(6, 3), "each page is rounded down to 1/4096 byte, so three thirds are not quite one");
    checkSum(pagesOf(6, 6), "each page is rounded down, never up: six sixths are not quite one");
    for (const [pages, mapcount] of [
      [7, 7],
      [4097, 3],
      [100, 9],
    ] as const)
      checkSum(pagesOf(pages, mapcount), "only the sum is rounded down to kB");
  });
  it("leaves the zero page out", () => {
    checkSum(
      [
        { mapcount: 0, dirty: false },
        { mapcount: 1, dirty: false },
      ],
      "the zero page counts nowhere",
    );
  });
  it("agrees with smaps_rollup in random families", () => {
    const random = new Random(304);
    for (let i = 0; i < 12; i++)
      for (const [name, process] of runScript(randomScript(random, 14)).family) {
        const pages = mappedPages(process);
        expectSame(submission.sumPages(pages), rollupOf(process), {
          what: `sumPages(...) of process ${name} with mapcounts ${pages.map((page) => page.mapcount).join(", ")}`,
        });
      }
  });
});

function pagesOf(count: number, mapcount: number): submission.MappedPage[] {
  return Array.from({ length: count }, () => ({ mapcount, dirty: false }));
}

function checkSum(pages: submission.MappedPage[], because: string): void {
  const counted = pages.filter((page) => page.mapcount > 0);
  const kb = (shared: boolean, dirty: boolean): number =>
    counted.filter((page) => page.mapcount > 1 === shared && page.dirty === dirty).length * 4;
  let pss = 0n;
  for (const { mapcount } of counted) pss += (4096n << 12n) / BigInt(mapcount);
  const expected = {
    Rss: counted.length * 4,
    Pss: Number(pss >> 22n),
    Shared_Clean: kb(true, false),
    Shared_Dirty: kb(true, true),
    Private_Clean: kb(false, false),
    Private_Dirty: kb(false, true),
  };
  const what = `sumPages of ${pages.length} pages with mapcount ${pages[0]?.mapcount ?? 0}`;
  expectSame(submission.sumPages(pages), expected, { what, because });
}

describe("04.4 exec", () => {
  const field = (name: string, because: string) =>
    remember("04.4", because, () => {
      const [got, expected] = [runExec(submission.exec)[name], runExec(referenceExec)[name]];
      if (Array.isArray(got) && Array.isArray(expected)) expectSameSteps(got, expected, { what: name });
      else expectSame(got, expected, { what: name });
    });
  const checkShape = (because: string, shape: readonly submission.Segment[]) =>
    remember("04.4", because, () =>
      expectSame(runExec(submission.exec, shape), runExec(referenceExec, shape), { what: "exec" }),
    );
  it("builds the mappings of the new program, and nothing of the old is left", () => {
    field(
      "maps",
      "the old mappings are gone; each segment is mapped in whole pages, bss after it without a file",
    );
    field("returned", "exec returns 0");
  });
  it("shows the program its bytes, and zeros after them", () => {
    field(
      "bytes",
      "the file's bytes up to filesz; zeros from there to memsz, also in the last page of the file's part",
    );
  });
  it("reads nothing that nobody asked for", () => {
    field(
      "faults",
      "pages come by faults, when the program touches them; only the page with the first bytes of bss is stored",
    );
  });
  it("starts the heap behind the program", () => {
    field("heap", "mm.startBrk and mm.brk are the first page after the highest segment");
  });
  it("drops the signal handlers and keeps the rest", () => {
    field("handlers", "handlers are functions of the old program");
    field("nextFd", "open files stay open, and the program file is closed again");
    field("pid", "the process stays the same");
  });
  it("gives back what the old program had, and only that", () => {
    field("shellReads", "the parent's memory is its own");
    field("framesLost", "when all is over, no frame may be left: the old address space ends by switchMm");
  });
  it("maps every page of a segment once", () => {
    field(
      "mappedTwice",
      "bss begins where the file's part ends; a page that is mapped twice is mapped once too often",
    );
  });
  it("opens the program for reading only", () => {
    field(
      "opened",
      "who runs a program need not be allowed to write to it: process.open(path, { writable: false })",
    );
  });
  it("loads programs of other shapes", () => {
    const shapes = [
      [{ vaddr: 0x60_0000, offset: 0, filesz: 0, memsz: 5000, prot: "rw" }],
      [{ vaddr: 0x60_0000, offset: 0x1000, filesz: 4096, memsz: 4096, prot: "r" }],
      [{ vaddr: 0x60_0800, offset: 0x1800, filesz: 0x800, memsz: 0x801, prot: "rw" }],
      [
        { vaddr: 0x80_0000, offset: 0x2000, filesz: 10, memsz: 10, prot: "rw" },
        { vaddr: 0x60_0000, offset: 0x1000, filesz: 10, memsz: 10, prot: "rx" },
      ],
      [{ vaddr: 0x60_0000, offset: 0x1000, filesz: 1, memsz: 1, prot: "r" }],
      [{ vaddr: 0x60_0000, offset: 0x1000, filesz: 4096, memsz: 9000, prot: "r" }],
    ] as const;
    for (const shape of shapes)
      checkShape(
        "segments may be bss only, end at a page border, have any rights, or come in any order",
        shape,
      );
  });
  it("puts every segment where it says", () => {
    checkShape(
      "two segments may share a page, and the later one has it: an address is no wish (fixed: true)",
      [
        { vaddr: 0x60_0000, offset: 0, filesz: 0x1800, memsz: 0x1800, prot: "rx" },
        { vaddr: 0x60_1800, offset: 0x1800, filesz: 0x100, memsz: 0x100, prot: "rw" },
      ],
    );
    checkShape("two segments may share a page, and the later one has it, also where that is bss", [
      { vaddr: 0x60_1000, offset: 0x1000, filesz: 0x1000, memsz: 0x1000, prot: "rx" },
      { vaddr: 0x60_0000, offset: 0, filesz: 0, memsz: 0x1800, prot: "rw" },
    ]);
  });
  it("leaves the old program whole when it fails", () => {
    for (const why of ["no file", "no memory"] as const)
      remember("04.4", "what may fail comes before the point of no return, and leaves no file open", () =>
        expectSame(runFailingExec(submission.exec, why), runFailingExec(referenceExec, why), {
          what: `exec with ${why}`,
        }),
      );
  });
});

/** Compares a script on paper and on the machine; the shortest one that differs is told. */
function checkScript(steps: readonly ScriptStep[], because?: string): void {
  const differs = (some: readonly ScriptStep[]): DifferenceError | undefined => {
    const before = JSON.stringify(some);
    try {
      expectSame(submission.predictOwners(some), runScript(JSON.parse(before) as ScriptStep[]).result, {
        what: `predictOwners of ${some.length === 1 ? "this step" : `these ${some.length} steps`}:\n${some.map((step, i) => `  ${i + 1}. ${stepText(step)}`).join("\n")}\nThe result`,
        ...(because ? { because } : {}),
      });
    } catch (error) {
      if (error instanceof DifferenceError) return error;
      throw error;
    }
    return undefined;
  };
  let found = differs(steps);
  if (found === undefined) return;
  let shortest = steps;
  for (let at = shortest.length - 1; at >= 0; at = Math.min(at, shortest.length) - 1) {
    const shorter = withoutStep(shortest, at);
    const still = differs(shorter);
    if (still === undefined) continue;
    found = still;
    shortest = shorter;
  }
  fails("04.5");
  throw found;
}

const W = (who: string, page = 0): ScriptStep => ({ op: "write", who, page });
const F = (who: string, child: string): ScriptStep => ({ op: "fork", who, child });
const X = (who: string): ScriptStep => ({ op: "exit", who });

describe("04.5 Predict who owns which frame", () => {
  it("starts with nothing", () => {
    checkScript([], "what was never touched takes no frame");
    checkScript([F("P", "C1")], "fork copies no pages");
  });
  it("gives first touches a frame each", () => {
    checkScript(
      [W("P"), W("P"), W("P", 2)],
      "a first write is neither a copy nor a reuse, a second one no fault at all",
    );
    checkScript([F("P", "C1"), W("P"), W("C1")], "what was not there at the fork is not shared after it");
  });
  it("shares after fork, and copies for the writer", () => {
    checkScript([W("P"), F("P", "C1")], "after fork both have the same frame");
    checkScript([W("P"), F("P", "C1"), W("P")], "the writer gets the copy");
    checkScript([W("P"), F("P", "C1"), W("C1"), W("C1")], "the second write to one's own copy is no fault");
  });
  it("knows the last owner", () => {
    checkScript([W("P"), F("P", "C1"), W("C1"), W("P")], "the last owner uses its page in place");
    checkScript(
      [W("P"), F("P", "C1"), X("C1"), W("P")],
      "after an exit the one that is left is the last owner",
    );
    checkScript([W("P"), F("P", "C1"), X("C1"), W("P"), W("P")], "after a reuse the entry is writable again");
  });
  it("write-protects at every fork anew", () => {
    checkScript(
      [W("P"), F("P", "C1"), W("P"), F("P", "C2"), W("P"), W("C2")],
      "every fork protects both sides again",
    );
    checkScript(
      [W("P"), F("P", "C1"), F("C1", "C2"), W("P"), W("C1"), W("C2")],
      "three owners: two copies, then a reuse",
    );
  });
  it("forgets what nobody has", () => {
    checkScript([W("P"), F("P", "C1"), X("P")], "a frame lives as long as someone maps it");
    checkScript([W("P"), F("P", "C1"), W("C1", 1), X("C1")], "a page that nobody has is not in owners");
  });
  it("predicts random families", () => {
    atLast("04.5", () => {
      const random = new Random(504);
      for (let i = 0; i < 25; i++) checkScript(randomScript(random, 18));
    });
  });
});
