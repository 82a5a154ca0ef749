/**
 * Grader of lab 06. 06.1 is compared with the same entries written digit by digit, and with those of a
 * machine.
 */

import { describe, it } from "vitest";
import { expectSame } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import { placeText, randomPlace, realEntries, referencePte } from "../../lib/course/labs/swap_entry.js";
import { hex } from "../../lib/hw/address.js";
import { Random } from "../../lib/hw/random.js";
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
