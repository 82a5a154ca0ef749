/**
 * Grader of lab 06. 06.1 is compared with the same entries written digit by digit, and with those of a machine; from 06.2 on
 * each part runs in a whole kernel: first known hard cases, each with a sentence that says what is at stake, then random workloads.
 */

import { describe, it } from "vitest";
import { DifferenceError, expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import {
  randomScan,
  randomScanOp,
  runScans,
  type ScanOp,
  type ScanScene,
  scanBench,
  scanMistake,
  scanObservationText,
  scanOpText,
  scanScene,
  scanText,
} from "../../lib/course/labs/scan_count.js";
import { placeText, randomPlace, realEntries, referencePte } from "../../lib/course/labs/swap_entry.js";
import { referenceSwapIn, runSwapIn } from "../../lib/course/labs/swap_in.js";
import {
  randomSwapInOp,
  type SwapInDevice,
  type SwapInOp,
  simplerSwapInOps,
  swapInDeviceText,
  swapInOpText,
} from "../../lib/course/labs/swap_in_ops.js";
import { swapInMistake, swapInText } from "../../lib/course/labs/swap_in_seen.js";
import {
  randomSlotOp,
  type SlotOp,
  simplerSlotOps,
  slotOpText,
  slotScript,
} from "../../lib/course/labs/swap_slot_ops.js";
import { type AllocScene, type ByteCall, onBytes, onScene } from "../../lib/course/labs/swap_slot_watch.js";
import { runSlots } from "../../lib/course/labs/swap_slots.js";
import {
  type Growth,
  grownSamples,
  PLAIN_RULE,
  randomSamples,
  referenceThrashing,
  type ThrashingRule,
  thrashingStep,
  type VmSample,
  whyThrashing,
} from "../../lib/course/labs/thrash.js";
import { ruleFor, runText, THRASH_RUNS, watchRun } from "../../lib/course/labs/thrash_runs.js";
import { hex } from "../../lib/hw/address.js";
import { Random } from "../../lib/hw/random.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import { SWAPPINESS_ANON_ONLY } from "../../lib/mm/lru/scan_count.js";
import {
  COUNT_CONTINUED,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_SHMEM,
} from "../../lib/mm/swap/swap_types.js";
import { formatDifference } from "../../lib/replay/compare_records.js";
import { hostFor } from "../../lib/replay/kernel_host.js";
import { loadRecorded, replayRecorded } from "../../lib/replay/recordings.js";
import * as submission from "../../solutions/06-swap.js";

const { remember, atLast } = gradedTasks();

// ---------------------------------------------------------------- 06.1

/** A place in swap, changed as `options` say. */
function placeOf(options: Partial<submission.SwapPlace> = {}): submission.SwapPlace {
  return { type: 0, offset: 1, exclusive: false, softDirty: false, ...options };
}

/** Bits of an entry, in groups as the fields lie. */
function pteText(pte: unknown): string {
  if (typeof pte !== "bigint") return String(pte);
  if (pte < 0n || pte >= 1n << 64n) return `${pte}n, which is no number of 64 bits`;
  const bits = pte.toString(2).padStart(64, "0");
  const [type, offset, low] = [bits.slice(0, 5), bits.slice(5, 55), bits.slice(55)];
  return `${hex(pte)}n: type ${type}, offset field ${BigInt(`0b${offset}`).toString(16)} (hex), bits 8 to 0 ${low}`;
}

function checkPacked(because: string, ...places: Partial<submission.SwapPlace>[]): void {
  remember("06.1", because, () => {
    for (const place of places.map(placeOf))
      expectSame(submission.swpEntryToPte({ ...place }), referencePte(place), {
        what: `swpEntryToPte(${placeText(place)})`,
        as: pteText,
      });
  });
}

function checkUnpacked(because: string, ...cases: [pte: bigint, place: submission.SwapPlace | undefined][]) {
  remember("06.1", because, () => {
    for (const [pte, place] of cases)
      expectSame(submission.pteToSwpEntry(pte), place, { what: `pteToSwpEntry(${hex(pte)}n)` });
  });
}

/** The entry of a place, with other people's bits. */
function packed(options: Partial<submission.SwapPlace> = {}, more = 0n): [bigint, submission.SwapPlace] {
  return [referencePte(placeOf(options)) | more, placeOf(options)];
}

describe("06.1 Pack and unpack a swap entry", () => {
  it("puts the inverted offset above bit 9", () => {
    checkPacked("the offset's 50 bits are inverted: NOT 1 has 49 ones and a zero at the end", {});
    checkPacked("and they begin at bit 9", { offset: 2 }, { offset: 3 }, { offset: 0x1234 });
    checkPacked("offset 0 is all ones, so that no place in swap looks empty", { offset: 0 });
  });
  it("puts the type into the highest five bits", () => {
    checkPacked("the type is not inverted, and begins at bit 59", { type: 1 }, { type: 2 }, { type: 23 });
  });
  it("has room for 50 bits of offset", () => {
    checkPacked(
      "the offset has 50 bits, more than JavaScript's bit operators on numbers, which cut to 32",
      { offset: 2 ** 31 },
      { offset: 2 ** 32 + 5 },
      { offset: 2 ** 37 },
      { offset: 2 ** 50 - 2 },
      { offset: 2 ** 50 - 2, type: 23 },
    );
  });
  it("keeps what is known of the page", () => {
    checkPacked("exclusive is bit 3", { exclusive: true });
    checkPacked("soft-dirty is bit 1", { softDirty: true });
    checkPacked("each bit by itself", { exclusive: true, softDirty: true, type: 5, offset: 77 });
  });
  it("takes nothing else for a place in swap", () => {
    checkUnpacked("the empty entry is nothing", [0n, undefined]);
    checkUnpacked(
      "bit 0 set: the page is in RAM, and the other bits name a frame",
      [0x8000_0000_0012_d867n, undefined],
      [packed()[0] | 1n, undefined],
    );
    checkUnpacked(
      "bit 8 set without bit 0: PROT_NONE, the page is in RAM all the same",
      [0x8000_0000_0013_1960n, undefined],
      [packed()[0] | 0x100n, undefined],
    );
    checkUnpacked(
      "types from 24 on are other notes: a page on the move (25 to 27), a guard page (31)",
      ...[24, 25, 27, 31].map((type): [bigint, undefined] => [packed({ type })[0], undefined]),
    );
  });
  it("unpacks", () => {
    checkUnpacked("the offset comes back inverted", packed(), packed({ offset: 0 }), packed({ offset: 300 }));
    checkUnpacked("the type comes from bit 59 on", packed({ type: 1 }), packed({ type: 22, offset: 9 }));
    checkUnpacked("type 23 is the last one that is swap", packed({ type: 23 }), packed({ type: 16 }));
    checkUnpacked(
      "all 50 bits of the offset count, and only they",
      packed({ offset: 2 ** 32 }),
      packed({ offset: 2 ** 50 - 2 }),
      packed({ offset: 2 ** 49, type: 9 }),
    );
    checkUnpacked("bit 3 is exclusive", packed({ exclusive: true }), packed({ exclusive: false }));
    checkUnpacked("bit 1 is soft-dirty", packed({ softDirty: true }), packed({ softDirty: false }));
  });
  it("does not look at other people's bits", () => {
    checkUnpacked(
      "bits 2 and 4 to 7 are neither exclusive nor soft-dirty, nor part of the offset",
      ...[2n, 4n, 5n, 6n, 7n].map((bit) => packed({ offset: 6 }, 1n << bit)),
      packed({ exclusive: true }, 0xf4n),
      packed({ softDirty: true }, 0xf4n),
    );
  });
  it("works for random places", () => {
    const random = new Random(106);
    const places = Array.from({ length: 300 }, () => randomPlace(random));
    checkPacked("as in every entry", ...places);
    checkUnpacked(
      "as in every entry",
      ...places.map((place) => packed(place, BigInt(random.below(16) * 16))),
    );
  });
  it("reads the tables of a machine", () => {
    atLast("06.1", () => {
      for (const { what, pte, place } of realEntries()) {
        expectSame(submission.pteToSwpEntry(pte), place, { what });
        if (place !== undefined) expectSame(submission.swpEntryToPte(place), pte, { what, as: pteText });
      }
    });
  });
});

// ---------------------------------------------------------------- 06.2

const SLOTS: Partial<MachineParts> = {
  swapAlloc: submission.swapAlloc,
  swapEntryDup: submission.swapEntryDup,
  swapEntryPut: submission.swapEntryPut,
};

type BytePart = "swapEntryDup" | "swapEntryPut";

const CACHE = SWAP_HAS_CACHE;

/** Calls of a part with a slot's byte and `usage`: what it returns, and what the byte is then. */
function checkBytes(part: BytePart, because: string, ...calls: ByteCall[]): void {
  remember("06.2", because, () => {
    const expected = onBytes(part, {}, calls);
    for (const [i, got] of onBytes(part, SLOTS, calls).entries()) {
      const [value, usage] = calls[i]!;
      const what = `${part} of a slot whose byte is 0x${value.toString(16)}, usage 0x${usage.toString(16)}`;
      expectSame(got, expected[i], { what });
    }
  });
}

function checkScene(because: string, scene: AllocScene): void {
  remember("06.2", because, () => {
    expectSame(onScene(SLOTS, scene), "", { what: "swapAlloc" });
  });
}

type SlotAreas = Parameters<typeof runSlots>[1];

const slotsText = (wrong: string): string => (wrong === "" ? "all as it should be" : wrong);

/** Runs each script, "Pw0 Po" (see slotScript), on a machine of its own. */
function checkScript(because: string, areas: SlotAreas, ...scripts: string[]): void {
  remember("06.2", because, () => {
    for (const operations of scripts.map(slotScript)) {
      const seen = [...runSlots(SLOTS, areas, operations)];
      const wrong = seen[seen.length - 1]!;
      if (wrong === "") continue;
      const steps = operations.slice(0, seen.length).map((op, i) => `  ${i + 1}. ${slotOpText(op)}`);
      const message = `${wrong}.\nIt happens in the last of these steps:\n${steps.join("\n")}`;
      throw new DifferenceError(message, wrong, slotsText(""));
    }
  });
}

function checkRandomSlots(areas: SlotAreas, workloads: number): void {
  expectSameRuns<SlotOp>({
    operation: randomSlotOp,
    workloads,
    length: 50,
    seed: 206,
    reference: (operations) => operations.map(() => ""),
    submission: (operations) => runSlots(SLOTS, areas, operations),
    describe: slotOpText,
    simplify: simplerSlotOps,
    as: slotsText,
    explain: (got: string) => got,
  });
}

describe("06.2 Slot allocator with counts", () => {
  it("counts entries up", () => {
    checkBytes("swapEntryDup", "an entry more: the count grows by 1", [1, 1], [2, 1], [61, 1]);
    checkBytes(
      "swapEntryDup",
      "SWAP_HAS_CACHE is not part of the count, and stays",
      [CACHE, 1],
      [CACHE | 1, 1],
      [CACHE | 61, 1],
    );
    checkBytes(
      "swapEntryDup",
      "nobody can share a slot that is free or bad: -ENOENT",
      [0, 1],
      [SWAP_MAP_BAD, 1],
    );
  });
  it("knows the swap cache", () => {
    checkBytes(
      "swapEntryDup",
      "a folio for the slot: SWAP_HAS_CACHE is set, the count stays",
      [1, CACHE],
      [62, CACHE],
      [COUNT_CONTINUED | 5, CACHE],
      [SWAP_MAP_SHMEM, CACHE],
    );
    checkBytes(
      "swapEntryDup",
      "one folio has a slot's bytes, never two: -EEXIST",
      [CACHE, CACHE],
      [CACHE | 3, CACHE],
      [SWAP_MAP_SHMEM | CACHE, CACHE],
    );
    checkBytes("swapEntryDup", "no folio for a slot that is free or bad", [0, CACHE], [SWAP_MAP_BAD, CACHE]);
    checkBytes(
      "swapEntryPut",
      "the folio goes: the bit goes, the count stays",
      [CACHE | 1, CACHE],
      [CACHE | 62, CACHE],
      [CACHE | COUNT_CONTINUED, CACHE],
      [CACHE | COUNT_CONTINUED | 7, CACHE],
      [CACHE | SWAP_MAP_SHMEM, CACHE],
    );
  });
  it("counts entries down", () => {
    checkBytes(
      "swapEntryPut",
      "an entry less: the count is 1 less",
      [2, 1],
      [62, 1],
      [COUNT_CONTINUED | 5, 1],
    );
    checkBytes(
      "swapEntryPut",
      "SWAP_HAS_CACHE stays: the folio still has the slot",
      [CACHE | 1, 1],
      [CACHE | 2, 1],
      [CACHE | COUNT_CONTINUED | 1, 1],
    );
    checkBytes("swapEntryPut", "the last one goes: swapEntriesFree", [1, 1], [CACHE, CACHE]);
  });
  it("knows files of shared memory", () => {
    checkBytes("swapEntryDup", "a file gets a slot from its folio", [CACHE, SWAP_MAP_SHMEM]);
    checkBytes(
      "swapEntryDup",
      "a file's slot is counted once and no more: -EINVAL",
      [SWAP_MAP_SHMEM, 1],
      [SWAP_MAP_SHMEM | CACHE, 1],
      [SWAP_MAP_SHMEM | CACHE, SWAP_MAP_SHMEM],
    );
    checkBytes(
      "swapEntryPut",
      "the file gives it up: the count is 0",
      [SWAP_MAP_SHMEM, 1],
      [SWAP_MAP_SHMEM | CACHE, 1],
      [SWAP_MAP_SHMEM, SWAP_MAP_SHMEM],
    );
  });
  it("knows that a byte ends at 62", () => {
    checkBytes(
      "swapEntryDup",
      "62 entries, and no page to go on in: -ENOMEM, and nothing is changed",
      [62, 1],
      [CACHE | 62, 1],
    );
    checkBytes(
      "swapEntryDup",
      "with COUNT_CONTINUED the byte itself still counts to 62",
      [COUNT_CONTINUED, 1],
      [COUNT_CONTINUED | 61, 1],
      [COUNT_CONTINUED | CACHE | 61, 1],
    );
  });
  it("takes free slots", () => {
    checkScript(
      "a page goes to swap: it gets a free slot, marked and counted",
      "two",
      "Pw0 Po",
      "Pw0 Pw1 Po",
    );
    checkScript("and comes back with its bytes", "two", "Pw0 Po Pr0 Pw0 Po Pr0", "Pw0 Pz1 Po Pr0 Pr1");
    checkScene("only single pages are asked for: for others the answer is 0", "order 1");
  });
  it("uses the better area first", () => {
    checkScript("the area with the higher priority, as long as it has a free slot", "two", "Pa Po");
    checkScript("slots that come back are used again", "two", "Pa Po Pd0 Pd1 Pa Po");
    checkScript("of equal areas any", "equal", "Pa Po");
    checkScript(
      "an area that is switched off is not used",
      "two",
      "A- Pw0 Po Pr0",
      "Pw0 Po A- Pr0 A+ Po Pr0",
    );
  });
  it("says so when swap is full", () => {
    checkScript("no slot is free: 0, and the page stays in RAM", "two", "B- Pa Po Pr0 Pr15");
    checkScript("a slot that is given back can be taken", "two", "B- Pa Po Pd3 all Pr15");
    checkScript("with all areas full, too", "two", "Pa Pf Qa Pf Ra all Pr0 Qr5 Rr15");
  });
  it("shares slots", () => {
    checkScript(
      "fork: one more entry names each slot",
      "two",
      "Pw0 Po Pf Pr0 Qr0",
      "Pw0 Po Pf Qw0 Pr0 Qo Qr0",
    );
    checkScript(
      "exit: one less, and only the last one frees it",
      "two",
      "Pw0 Po Pf Qx Pr0",
      "Pw0 Po Pf Pd0 Qr0 Qx",
    );
    checkScript("shared memory has slots, too", "two", "Pw16 all Pr16 Pf Qw17 all Pr17 Qx Pd16 Pr16");
    checkScript(
      "more entries than a byte can count",
      "two",
      "Pw0 Pw1 Pw2 Po Pm Pr1",
      "Pw0 Pw1 Pw2 Po Pm Pm Pk all Pr1",
    );
  });
  it("uses every cluster", () => {
    atLast("06.2", () => {
      const because = "a table first, where the cluster has none; the last cluster may be short";
      checkScript(because, "large", "Pb Pc");
      checkScene("a cluster without a table needs one, and no memory for it means 0", "no memory");
      checkScene("a cluster that is being emptied on the device is nobody's", "being emptied");
    });
  });
  it("counts further than a byte can", () => {
    atLast("06.2", () => {
      const because = "more entries than a byte can count";
      checkScript(because, "two", "Pw0 Pw1 Pw2 Po Pm Pr1", "Pw0 Pw1 Pw2 Po Pm Pm Pk all Pr1");
    });
  });
  it("drives a machine through random workloads", () => {
    atLast("06.2", () => {
      checkRandomSlots("two", 10);
      checkRandomSlots("equal", 4);
    });
  });
});

// ---------------------------------------------------------------- 06.3

const SWAP_IN: Partial<MachineParts> = { doSwapPage: submission.doSwapPage };

function compareSwapIn(device: SwapInDevice, first: SwapInOp[][], workloads = 0): void {
  expectSameRuns<SwapInOp>({
    operation: randomSwapInOp,
    first,
    workloads,
    length: 20,
    seed: 306,
    reference: (operations) => referenceSwapIn(device, operations),
    submission: (operations) => runSwapIn(SWAP_IN, device, operations),
    describe: swapInOpText,
    simplify: simplerSwapInOps,
    as: swapInText,
    explain: swapInMistake,
  });
}

/** The script "0o3 d 0r3 end": reclaim takes page 3 of process 0 out, drops it from the swap cache; process 0 reads it; all end. */
function swapScript(text: string): SwapInOp[] {
  const kinds: Readonly<Record<string, SwapInOp["op"]>> = {
    ...{ r: "read", w: "write", a: "ask", A: "askw", o: "out", s: "sending", m: "mlock", u: "munlock" },
    ...{ p: "protect", g: "guard", f: "fork", x: "exit", c: "watch", k: "work", G: "gone", n: "grow" },
  };
  return text.split(" ").map((word): SwapInOp => {
    const match = /^(\d)(\w)(\d?)$/.exec(word);
    if (match === null) return { op: (word === "d" ? "drop" : word) as SwapInOp["op"], who: 0, page: 0 };
    return { op: kinds[match[2]!]!, who: Number(match[1]), page: Number(match[3]) };
  });
}

function checkSwapIn(because: string, ...scripts: string[]): void {
  remember("06.3", because, () => compareSwapIn("ssd", scripts.map(swapScript)));
}

function checkOn(device: SwapInDevice, because: string, ...scripts: string[]): void {
  remember("06.3", `${because} (swap is on ${swapInDeviceText(device)})`, () =>
    compareSwapIn(device, scripts.map(swapScript)),
  );
}

describe("06.3 A page in swap", () => {
  it("finds the page in the swap cache", () => {
    checkSwapIn("what is in the swap cache is in memory: nothing is read, and the fault is minor", "0o3 0r3");
    checkSwapIn("also while it is still being written", "0s3 0r3", "0s3 0w3");
  });
  it("reads what is not there", () => {
    checkSwapIn("not in the swap cache: it is read, a major fault", "0o3 d 0r3");
    checkSwapIn("the bytes come back as they went", "0w3 0w4 0o3 0o4 d 0r4 0r3 end");
  });
  it("counts", () => {
    checkSwapIn(
      "one anonymous page more, one page in swap less: MM_ANONPAGES and MM_SWAPENTS",
      "0o3 0r3",
      "0o3 d 0r3 0o3",
    );
    checkSwapIn("PGMAJFAULT counts what was read", "0o3 d 0r3", "0o3 0r3", "0o3 d starve 0a3");
  });
  it("gives the slot's count back, once", () => {
    checkSwapIn(
      "each entry that maps the page again is one less that names the slot: swapFreeNr(sys, entry, 1)",
      "0o3 0f 0r3 1r3",
      "0o3 0f 1r3 1x 0r3 end",
    );
  });
  it("keeps the slot of a page that is only read", () => {
    checkSwapIn(
      "slot and page have the same bytes: it may go again without being written",
      "0o3 d 0r3 0o3 d 0r3",
    );
  });
  it("gives the slot up where it is of no use", () => {
    checkSwapIn("a page that is written differs from its slot", "0o3 d 0w3", "0o3 0w3");
    checkSwapIn(
      "a place in a batch is a hold: lruAddDrain before holds are counted, or the slot is kept for nothing",
      "alone 0o3 d 0A3",
      "alone 0o3 d 0w3",
      "0o0 0o1 d 0w0 0w1",
    );
    checkSwapIn(
      "more than half of swap is used: slots are wanted back",
      "hog 0o3 0r3",
      "hog 0o3 d 0r3 unhog",
      "0o3 0f 1x hog 0r3",
    );
    checkSwapIn(
      "memory that is locked will not go to swap again",
      "0p3 0o3 0m3",
      "0p3 0o3 d 0m3 0r3",
      "0m3 0u3 0o3 0r3",
    );
    checkSwapIn(
      "a locked page that is shared: the flag PG_mlocked is the folio's, VM_LOCKED the area's",
      "0o3 0f 0m3 1r3",
      "0o3 0f 0m3 0u3 1r3",
    );
  });
  it("does not give up a slot that others need", () => {
    checkSwapIn(
      "a child's entry names the slot, too",
      "0o3 0f 0w3 1r3",
      "0o3 0f d 1w3 0r3 end",
      "0o3 0f hog 0r3 1r3",
    );
  });
  it("makes exclusive what is this process's alone", () => {
    checkSwapIn(
      "the entry says exclusive (pteSwpExclusive): the page may be written at once, though it was only read",
      "0o3 d 0r3 0w3",
      "0o3 0r3 0w3",
    );
    checkSwapIn(
      "after fork the entry does not say so: the page may be shared, and must not be written in place",
      "0o3 0f 0r3 1r3 0w3 1r3",
      "0o3 0f d 0r3 0w3 1r3",
    );
    checkSwapIn(
      "the last one who holds it owns it: refcount 1, once the slot has been given up",
      "0o3 0f 1r3 0x 0w3",
      "0o3 0f 1x 0w3",
    );
  });
  it("writes in the same fault", () => {
    checkSwapIn(
      "a write to a page of its own is done with this fault: the entry is writable and dirty, and doWpPage is not asked",
      "0o3 0w3",
      "0o3 d 0A3",
    );
    checkSwapIn(
      "a write to a shared page goes on to doWpPage, which copies, in the same fault",
      "0o3 0f 0w3 1r3",
      "0o3 0f d 0A3 1r3",
    );
    checkSwapIn("a page that was only read is not dirty", "0o3 d 0r3 0o3");
    checkSwapIn(
      "no memory for the copy: VM_FAULT_OOM alone, whatever came before; the page itself is mapped",
      "0o3 0f d nocopy 0A3 0r3 1r3",
      "0o3 0f nocopy 0A3",
    );
  });
  it("keeps to what the area allows", () => {
    checkSwapIn(
      "without VM_WRITE the entry is read-only, though the page is exclusive",
      "0p3 0o3 0r3",
      "0o3 0p3 d 0r3",
    );
  });
  it("keeps the soft-dirty bit", () => {
    checkSwapIn("the swap entry's soft-dirty bit goes into the new one", "0o3 0r3", "0c 0w3 0o3 d 0r3");
    checkSwapIn(
      "somebody waits for the next write: the entry stays read-only, even for the page's owner (pteNeedsSoftDirtyWp)",
      "0o3 0c 0r3",
      "0c 0o3 0r3 0w3",
      "0c 0o3 d 0w3",
      "0o3 0c d 0A3 0o3 0r3",
    );
    checkSwapIn(
      "a write marks the entry soft-dirty, too: pteMkdirty(pte, sys.pageSoftDirty)",
      "0c 0o9 0n0 0w9",
      "0c 0o9 0n0 d 0A9",
    );
  });
  it("tells readahead what it hit", () => {
    checkSwapIn(
      "neighbours come with the page; who finds one in the swap cache tells swapUpdateReadahead",
      "0o0 0o1 0o2 0o3 0o4 d 0r0 0r1 0r2",
      "0o0 0o1 0o2 0o3 0o4 0o5 d 0r0 0r1 0r2 0r3 0r4 0r5",
    );
  });
  it("waits for bytes that are on their way, and tries again", () => {
    checkSwapIn(
      "after the wait everything may be different: VM_FAULT_RETRY, where the caller allows it, and only once",
      "0o3 d 0r3",
      "0o0 0o1 0o2 0o3 d 0r0 0r1",
    );
    checkSwapIn(
      "a caller that cannot come again gets the page at once, after the wait",
      "0o3 d 0a3",
      "0o3 d 0A3",
    );
    checkSwapIn(
      "at the second try (FAULT_FLAG_TRIED) there is no third: the folio was dropped meanwhile, and is read again",
      "0o3 d lose 0r3",
    );
  });
  it("looks whether the folio is still the slot's", () => {
    checkSwapIn(
      "while you waited, the folio has left the swap cache: it is not the slot's any more",
      "0o3 d lose 0a3",
      "0o3 d lose 0A3 0r3",
    );
  });
  it("looks whether the entry is still the same", () => {
    checkSwapIn(
      "another thread has mapped the page meanwhile: nothing is left to do but to let go of the folio",
      "0o3 d race 0r3",
      "0o3 d late 0a3",
      "0o3 d forget 0a3 0r3",
      "0o3 d race 0w3 end",
    );
    checkSwapIn("the other has written, and given the slot up", "0o3 d latew 0a3", "0o3 0f d latew 0a3 1r3");
    checkSwapIn(
      "there is no folio, because another was faster and has given the slot up: that is no lack of memory",
      "0o3 d racew 0r3",
      "0o3 d racew 0a3",
    );
  });
  it("knows entries that name no slot", () => {
    checkSwapIn("swapoff was faster: the area is not there any more, and the access is repeated", "0o3 0G3");
    checkSwapIn("a marker is no place in swap: handlePteMarker", "0o3 0g3 0r3", "0g9 0w9");
  });
  it("says when there is no memory", () => {
    checkSwapIn("without a page to read into: VM_FAULT_OOM, and the entry stays", "0o3 d starve 0a3 0r3");
  });
  it("does not map what could not be read", () => {
    checkSwapIn(
      "the device failed: without PG_uptodate the page holds anything; SIGBUS, and the entry stays",
      "0o3 d fail 0r3",
      "0o3 d fail 0a3 0r3",
      "0o3 d fail 0r3 d 0r3",
    );
    checkSwapIn(
      "SIGBUS is for the process whose access it was; the slot stays",
      "0o3 0f d fail 1r3 d 0r3 1r3",
    );
  });
  it("reads past the swap cache where the device is done at once", () => {
    checkOn(
      "zram",
      "one entry only: no swap cache, no readahead, and the slot is free afterwards",
      "0o3 0r3",
      "0o3 0o4 0r3",
      "0o3 0w3 end",
    );
    checkOn(
      "zram",
      "what was read directly nobody else knows: it is exclusive, whatever the entry says",
      "0o3 0f 1x 0r3",
      "0o3 0f 1x 0w3 0o3 0r3",
    );
    checkOn(
      "zram",
      "two entries name the slot: the swap cache keeps both from reading their own copy",
      "0o3 0f 0r3 1r3",
      "0o3 0f 0w3 1r3",
      "0o3 0f 1x 0r3 end",
    );
    checkOn(
      "zram",
      "swapcacheClear after a direct read, however the fault ends, and last of all",
      "0o3 fail 0r3",
      "0o3 fail 0a3 0r3",
      "0o3 race 0r3",
      "0o3 racew 0r3 end",
      "0o3 starve 0a3 0r3",
      "0o3 forget 0r3",
      "0o3 forget 0a3 end",
    );
    checkOn(
      "zram",
      "a locked area, the soft-dirty bit, and all the rest are as ever",
      "0o3 0m3",
      "0c 0o3 0w3 0o3 0r3",
      "0p3 0o3 0r3",
      "0k end",
    );
  });
  it("lets a page stand still while its bytes are written", () => {
    checkOn(
      "checked",
      "still being written to a device with SWP_STABLE_WRITES: not exclusive, so that nobody changes it",
      "0s3 0r3",
      "0s3 0w3",
      "0s3 0A3",
      "0o3 0r3",
    );
  });
  it("works when every page goes and comes", () => {
    checkSwapIn("whatever a process has in memory, it must come back", "0k end", "0w0 0k 0r0 0k 0r0 end");
  });
  it("agrees with the recorded Linux", () => {
    atLast("06.3", () => {
      const name = "sa12-zram";
      const { comparison } = replayRecorded(name, hostFor(loadRecorded(name).recording, SWAP_IN));
      const [first] = comparison.different;
      if (first !== undefined)
        throw new DifferenceError(
          `Not as the recorded Linux 6.18: ${comparison.different.length} values differ.\n${formatDifference(first)}`,
        );
    });
  });
  it("brings random memory back as Linux does", () => {
    atLast("06.3", () => compareSwapIn("ssd", [], 14));
  });
  it("brings random memory back from zram", () => {
    atLast("06.3", () => compareSwapIn("zram", [], 8));
  });
  it("brings random memory back from a device with checksums", () => {
    atLast("06.3", () => compareSwapIn("checked", [], 5));
  });
});

// ---------------------------------------------------------------- 06.4

const SCAN: Partial<MachineParts> = { getScanCount: submission.getScanCount };

function checkScan(because: string, ...scenes: Partial<ScanScene>[]): void {
  remember("06.4", because, () => {
    const [mine, theirs] = [scanBench(SCAN), scanBench({})];
    for (const scene of scenes.map(scanScene))
      expectSame(mine(scene), theirs(scene), { what: scanText(scene) });
  });
}

/** A case that was worked out by hand: what the four lists get. */
function checkByHand(because: string, scene: Partial<ScanScene>, nr: readonly number[]): void {
  const names = ["inactive anonymous", "active anonymous", "inactive file", "active file"];
  remember("06.4", because, () =>
    expectSame(scanBench(SCAN)(scanScene(scene)), Object.fromEntries(names.map((name, i) => [name, nr[i]])), {
      what: scanText(scanScene(scene)),
    }),
  );
}

function compareScans(first: ScanOp[][], workloads = 0): void {
  expectSameRuns<ScanOp>({
    operation: randomScanOp,
    first,
    workloads,
    length: 6,
    seed: 406,
    reference: (operations) => runScans({}, operations),
    submission: (operations) => runScans(SCAN, operations),
    describe: scanOpText,
    as: scanObservationText,
    explain: scanMistake,
  });
}

/** More files, then more memory than there is room for, twice. */
function useOfMemory(swappiness: number): ScanOp[] {
  return [
    { op: "swappiness", page: swappiness, pages: 0 },
    { op: "read", page: 0, pages: 400 },
    { op: "write", page: 0, pages: 600 },
    { op: "read", page: 200, pages: 300 },
    { op: "write", page: 0, pages: 100 },
  ];
}

const FILES_ONLY: Partial<ScanScene> = { swap: 0, cacheTrimMode: true };
const BOTH = { sizes: [4096, 8192, 5000, 3] };

describe("06.4 Scan balance", () => {
  it("looks at a part of each list", () => {
    checkByHand(
      "a list's pages are divided by 2^priority",
      { ...FILES_ONLY, priority: 2 },
      [0, 0, 1000, 2000],
    );
    checkByHand(
      "4095 pages at priority 12 are less than one: none",
      { ...FILES_ONLY, priority: 12, sizes: [0, 0, 4095, 4096] },
      [0, 0, 0, 1],
    );
    checkByHand(
      "at priority 0 a list is looked at whole",
      { ...FILES_ONLY, priority: 0 },
      [0, 0, 4000, 8000],
    );
  });
  it("counts the zones that help", () => {
    checkScan(
      "only pages in zones up to sc.reclaimIdx count: lruvecLruSize(sys, lruvec, list, sc.reclaimIdx)",
      { ...FILES_ONLY, above: [100, 200, 300, 400] },
      { ...FILES_ONLY, above: [0, 0, 5000, 0] },
    );
  });
  it("leaves anonymous memory alone where it cannot go", () => {
    checkScan("no free page of swap: files only", { swap: 0 }, { swap: 1, fileIsTiny: true });
    checkScan(
      "the lists' group may have no page more in swap: canReclaimAnonPages(sys, lruvec.memcg)",
      { groupSwap: 0, target: true },
      { groupSwap: 0 },
      { groupSwap: 1, fileIsTiny: true },
    );
    checkScan("this attempt may not swap (sc.maySwap): files only", { maySwap: false });
    checkScan(
      "that comes before all else, also at priority 0",
      { swap: 0, priority: 0 },
      { maySwap: false, priority: 0, fileIsTiny: true },
      { swap: 0, own: SWAPPINESS_ANON_ONLY },
    );
  });
  it("takes anonymous memory only for who asks for it", () => {
    checkScan(
      "swappiness SWAPPINESS_ANON_ONLY: no files, not even at priority 0, whatever else sc says",
      { own: SWAPPINESS_ANON_ONLY },
      { own: SWAPPINESS_ANON_ONLY, priority: 0 },
      { own: SWAPPINESS_ANON_ONLY, cacheTrimMode: true },
    );
  });
  it("looks at everything before it gives up", () => {
    checkByHand(
      "priority 0: the last attempt looks at all lists, whatever they cost",
      { priority: 0 },
      [4000, 8000, 4000, 8000],
    );
    checkScan(
      "also where files are few, or plenty",
      { priority: 0, fileIsTiny: true },
      { priority: 0, cacheTrimMode: true },
    );
    checkScan(
      "but swappiness 0 keeps anonymous memory out of it",
      { priority: 0, swappiness: 0 },
      { priority: 0, own: 0 },
      { priority: 0, swappiness: 0, cacheTrimMode: true },
    );
    checkScan("priority 1 is not the last attempt", { priority: 1, fileIsTiny: true });
  });
  it("turns to anonymous memory when hardly any files are left", () => {
    checkScan("sc.fileIsTiny: anonymous memory only", { fileIsTiny: true });
    checkScan(
      "even with swappiness 0: there is nothing else",
      { fileIsTiny: true, swappiness: 0 },
      { fileIsTiny: true, swappiness: 0, priority: 0 },
    );
    checkScan("it comes before sc.cacheTrimMode", { fileIsTiny: true, cacheTrimMode: true });
  });
  it("stays with files as long as plenty lie there unused", () => {
    checkScan(
      "sc.cacheTrimMode: files only, though swappiness is high",
      { cacheTrimMode: true },
      { cacheTrimMode: true, swappiness: 200 },
    );
  });
  it("spares the anonymous memory of a group without swappiness", () => {
    checkScan(
      "a group is to shrink (sc.targetMemcg), and swappiness is 0: files only, whatever else sc says",
      { groupSwap: 50, target: true, swappiness: 0, fileIsTiny: true },
      { groupSwap: 50, target: true, own: 0, priority: 0, fileIsTiny: true },
    );
    checkScan(
      "that is for groups that are to shrink, not for all lists of groups",
      { groupSwap: 50, swappiness: 0, fileIsTiny: true },
      { groupSwap: 50, target: true, swappiness: 1, fileIsTiny: true },
    );
  });
  it("shares by swappiness", () => {
    checkByHand(
      "swappiness 100, the same costs: the same part of each list",
      { swappiness: 100, anonCost: 50, fileCost: 50 },
      [500, 1000, 500, 1000],
    );
    checkByHand("swappiness 200: no files", { swappiness: 200 }, [1000, 2000, 0, 0]);
    checkByHand("swappiness 0: no anonymous memory", { swappiness: 0 }, [0, 0, 1000, 2000]);
    checkByHand(
      "swappiness 60 is the part of anonymous memory, 140 that of files; nothing has cost anything yet",
      { anonCost: 0, fileCost: 0 },
      [300, 600, 700, 1400],
    );
    checkScan(
      "an attempt's own swappiness comes first, 0 included",
      { own: 0 },
      { own: 200 },
      { swappiness: 0, own: 60, anonCost: 0, fileCost: 0 },
    );
  });
  it("shares by cost", () => {
    checkByHand("ap 143, fp 239: as in the text", {}, [374, 748, 625, 1251]);
    checkScan(
      "the dearer a type is, the less of it: by its own cost",
      { anonCost: 900, fileCost: 0 },
      { anonCost: 0, fileCost: 900 },
    );
    checkScan(
      "at least a third is left by costs alone",
      { swappiness: 100, anonCost: 1_000_000, fileCost: 0 },
      { swappiness: 100, anonCost: 0, fileCost: 1_000_000 },
    );
    checkScan(
      "the ones: sum + 1 above, anon + 1 and file + 1 below the line",
      ...[0, 1, 2, 3].flatMap((anonCost) =>
        [0, 1, 2].map((fileCost) => ({ ...BOTH, anonCost, fileCost, priority: 1, swappiness: 133 })),
      ),
    );
  });
  it("rounds down at once", () => {
    checkScan(
      "first the list by 2^priority, then the share; ap and fp are whole numbers, too",
      { sizes: [4095, 8191, 4095, 8191], priority: 4 },
      { sizes: [7, 9, 1001, 1003], priority: 1 },
      { sizes: [1_000_000, 2_000_000, 3_000_000, 4_000_000], swappiness: 1, anonCost: 7, fileCost: 11 },
    );
  });
  it("answers random questions", () => {
    const random = new Random(406);
    checkScan("as for every attempt", ...Array.from({ length: 200 }, () => randomScan(random)));
  });
  it("drives a machine with swappiness 60", () => {
    atLast("06.4", () => compareScans([useOfMemory(60)]));
  });
  it("drives a machine with swappiness 0", () => {
    atLast("06.4", () => compareScans([useOfMemory(0)]));
  });
  it("drives a machine with swappiness 200", () => {
    atLast("06.4", () => compareScans([useOfMemory(200)]));
  });
  it("drives a machine through random workloads", () => {
    atLast("06.4", () => compareScans([], 3));
  });
});

// ---------------------------------------------------------------- 06.5

/** A sample's counters that the rule speaks of. */
function sampleText(sample: VmSample): string {
  const { ns, user, system, idle, iowait, ...counters } = sample;
  const { pgsteal_anon, pgsteal_file, workingset_refault_anon, workingset_activate_file } = counters;
  return `at ${ns} ns: user ${user}, system ${system}, idle ${idle}, iowait ${iowait}, pgsteal_anon ${pgsteal_anon}, pgsteal_file ${pgsteal_file}, workingset_refault_anon ${workingset_refault_anon}, workingset_activate_file ${workingset_activate_file}`;
}

/** Compares the answers for all samples, and explains the first that differs. */
function compareThrashing(what: string, samples: readonly VmSample[], rule: ThrashingRule): void {
  const expected = referenceThrashing(samples, rule);
  const got: unknown = submission.detectThrashing(
    samples.map((sample) => ({ ...sample })),
    { ...rule },
  );
  if (!Array.isArray(got) || got.length !== expected.length) {
    expectSame(got, expected, { what: `detectThrashing, for ${samples.length} samples` });
    return;
  }
  const at = expected.findIndex((answer, i) => answer !== got[i]);
  if (at < 0) return;
  expectSame(got[at], expected[at], {
    what: `${what}The answer for sample ${at} of ${samples.length}, ${sampleText(samples[at]!)},`,
    because: whyThrashing(samples, rule, at),
  });
}

/** Samples that grow in these steps of 10 ns, judged by a window of 100 ns. */
function checkThrashing(because: string, growths: Growth[], rule: Partial<ThrashingRule> = {}): void {
  remember("06.5", because, () => compareThrashing("", grownSamples(growths), { ...PLAIN_RULE, ...rule }));
}

const times = (nr: number, options: Growth = {}): Growth[] =>
  Array.from({ length: nr }, () => thrashingStep(options));

/** Samples of machines, once for all who are graded by this process. */
const watched = new Map<(typeof THRASH_RUNS)[number], VmSample[]>();

/** Judges the runs of a scene, on all devices or on one. */
function checkRuns(scene: string, device?: string): void {
  atLast("06.5", () => {
    for (const run of THRASH_RUNS) {
      if (run.scene !== scene || (device ?? run.device) !== run.device) continue;
      const samples = watched.get(run) ?? watchRun(run);
      watched.set(run, samples);
      const rule = ruleFor(run.device);
      compareThrashing(`A machine was watched: ${runText(run)}. `, samples, rule);
      // The rule is right about this machine.
      expectSame(referenceThrashing(samples, rule).includes(true), run.thrashes, { what: runText(run) });
    }
  });
}

const none = { pgsteal_anon: 0, workingset_refault_anon: 0, pswpin: 0, pswpout: 0, pgmajfault: 0 };
const working = { ...none, user: 10, system: 0, iowait: 0 };

describe("06.5 Detect thrashing", () => {
  it("answers for every sample", () => {
    remember("06.5", "one answer for each sample", () => {
      compareThrashing("", [], PLAIN_RULE);
      compareThrashing("", grownSamples([]), PLAIN_RULE);
    });
    checkThrashing("a machine at work does not thrash", times(15, working));
    checkThrashing("most of the time lost, most of what is taken comes back: it thrashes", times(15));
  });
  it("looks back as far as the window", () => {
    checkThrashing("as long as the window is not full, the machine does not thrash", times(12));
    checkThrashing("a base that is just windowNs older is old enough", times(11, { ns: 20 }));
    checkThrashing("the window is the rule's", times(15), { windowNs: 30 });
  });
  it("counts lost time", () => {
    checkThrashing("the kernel's time is lost: zram", times(12, { system: 9, iowait: 0 }));
    checkThrashing("waiting is lost: a disk", times(12, { system: 0, iowait: 9 }));
    checkThrashing("only both together are more than half", times(12, { user: 4, system: 3, iowait: 3 }));
    checkThrashing("a machine that does nothing most of the time loses little", times(12, { idle: 50 }));
    checkThrashing("a machine that works most of the time loses little", times(12, { user: 50 }));
    checkThrashing("just half is not more than half", times(12, { user: 5, system: 1, iowait: 4 }));
    checkThrashing(
      "times that have not grown: nothing is lost",
      times(12, { user: 0, system: 0, idle: 0, iowait: 0 }),
    );
  });
  it("counts what comes back", () => {
    checkThrashing(
      "cold pages go out, and none comes back: no thrashing",
      times(12, { workingset_refault_anon: 0, pswpin: 0 }),
    );
    checkThrashing(
      "major faults of a program that starts are no refaults",
      times(12, { ...none, pgmajfault: 50 }),
    );
    checkThrashing(
      "a file that is read again comes back, but too late to be missed (workingset_refault_file)",
      times(12, { ...none, pgsteal_file: 30, workingset_refault_file: 30 }),
    );
    checkThrashing(
      "pages of files that are missed count: workingset_activate_file",
      times(12, { ...none, pgsteal_file: 30, workingset_activate_file: 20 }),
    );
    checkThrashing(
      "both kinds of what came back count together",
      times(12, { pgsteal_file: 20, workingset_refault_anon: 14, workingset_activate_file: 14 }),
    );
    checkThrashing(
      "both kinds of what was taken count together",
      times(12, { pgsteal_file: 40, workingset_refault_anon: 19 }),
    );
    checkThrashing(
      "just half of what was taken is not more than half",
      times(12, { workingset_refault_anon: 10 }),
    );
    checkThrashing(
      "memory that is read in again after nothing more is taken: no thrashing",
      times(12, { pgsteal_anon: 0 }),
    );
    checkThrashing("what was clean is taken without being written", times(12, { pswpout: 0 }));
    checkThrashing(
      "read-ahead reads more than comes back",
      times(12, { pswpin: 200, workingset_refault_anon: 9 }),
    );
  });
  it("begins late and ends late", () => {
    const milder = { user: 6, system: 1, iowait: 3 };
    const fewer = { workingset_refault_anon: 8 };
    checkThrashing("more than rule.end is not enough to begin (lost)", times(14, milder));
    checkThrashing("more than rule.end is not enough to begin (back)", times(14, fewer));
    checkThrashing("but enough to go on", [...times(12), ...times(14, milder), ...times(14, fewer)]);
    checkThrashing("it ends when little is lost", [
      ...times(12),
      ...times(14, { user: 30 }),
      ...times(14, milder),
    ]);
    checkThrashing("it ends when little comes back", [
      ...times(12),
      ...times(14, { workingset_refault_anon: 4 }),
      ...times(14, fewer),
    ]);
    checkThrashing("it ends when nothing is taken", [...times(12), ...times(14, { pgsteal_anon: 0 })]);
    checkThrashing("just as much as rule.end says is not more", [
      ...times(12),
      ...times(14, { user: 12, system: 1, iowait: 3 }),
      ...times(12),
      ...times(14, { workingset_refault_anon: 5 }),
    ]);
    checkThrashing("the shares are the rule's", [...times(12, milder), ...times(14, fewer)], {
      begin: { lost: 0.3, back: 0.9 },
      end: { lost: 0.1, back: 0.35 },
    });
  });
  it("compares with the right sample", () => {
    checkThrashing("the base is the latest sample that is old enough: what was before it does not count", [
      ...times(12, working),
      ...times(14),
      ...times(14, working),
    ]);
    checkThrashing("a sample that comes late has a base, too", [
      ...times(3, { ns: 250 }),
      ...times(3, { ...working, ns: 40 }),
      ...times(4, { ns: 90 }),
    ]);
    checkThrashing("several samples may be of the same moment", [
      ...times(12),
      ...times(4, { ns: 0 }),
      ...times(3),
    ]);
  });
  it("notices a new start", () => {
    const anew = { ns: 10, iowait: -60, system: -10, workingset_refault_anon: -100, pgsteal_anon: -100 };
    checkThrashing(
      "counters that are less than before: the machine was started anew, and the window is empty",
      [...times(14), anew, ...times(14)],
    );
    checkThrashing("any counter tells, also one that the rule does not use", [
      ...times(14),
      { ...thrashingStep(), pswpin: -1 },
      ...times(14),
    ]);
    checkThrashing("the clock tells, too", [...times(14), { ...thrashingStep(), ns: -900 }, ...times(14)]);
    checkThrashing("after a new start thrashing must begin again", [
      ...times(14),
      { ...thrashingStep(), pgmajfault: -1 },
      ...times(14, { user: 6, system: 1, iowait: 3 }),
    ]);
  });
  it("works for random samples", () => {
    const random = new Random(605);
    remember("06.5", "as in every list of samples", () => {
      for (let i = 0; i < 120; i++) compareThrashing("", randomSamples(random), PLAIN_RULE);
    });
  });
  it("does not blame a machine whose memory is enough", () => checkRuns("fits"));
  it("does not blame much work on few pages that come back", () => checkRuns("light"));
  it("does not blame cold pages that go out", () => checkRuns("cold"));
  it("does not blame programs that start", () => checkRuns("start"));
  it("does not blame the reading of a large file", () => checkRuns("stream"));
  it("does not blame a program that comes back to its pages", () => checkRuns("return"));
  it("does not blame a machine that sleeps", () => checkRuns("sleepy"));
  it("notices thrashing on an SSD, and its end", () => checkRuns("ends", "ssd"));
  it("notices thrashing on a disk, and its end", () => checkRuns("ends", "hdd"));
  it("notices thrashing on zram, and its end", () => checkRuns("ends", "zram"));
});
