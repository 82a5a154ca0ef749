/**
 * Grader of lab 06. 06.1 is compared with the same entries written digit by digit, and with those of a
 * machine.
 */

import { describe, it } from "vitest";
import { expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import { placeText, randomPlace, realEntries, referencePte } from "../../lib/course/labs/swap_entry.js";
import {
  randomSlotOp,
  type SlotOp,
  simplerSlotOps,
  slotOpText,
  slotScript,
} from "../../lib/course/labs/swap_slot_ops.js";
import { type AllocScene, type ByteCall, onBytes, onScene } from "../../lib/course/labs/swap_slot_watch.js";
import { runSlots } from "../../lib/course/labs/swap_slots.js";
import { hex } from "../../lib/hw/address.js";
import { Random } from "../../lib/hw/random.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import {
  COUNT_CONTINUED,
  SWAP_HAS_CACHE,
  SWAP_MAP_BAD,
  SWAP_MAP_SHMEM,
} from "../../lib/mm/swap/swap_types.js";
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
      const steps = operations.slice(0, seen.length).map((op, i) => `  ${i + 1}. ${slotOpText(op)}`);
      const what = `${seen[seen.length - 1]}.\nThe last of these steps\n${steps.join("\n")}\n`;
      expectSame(seen[seen.length - 1], "", { what, as: slotsText });
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
      checkRandomSlots("two", 14);
      checkRandomSlots("equal", 6);
    });
  });
});
