/**
 * Grader of lab 01. Each task first meets known hard cases, each with a sentence that says what is at stake, then random ones.
 */

import { describe, it } from "vitest";
import { asAddress, asEntry, expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import {
  type Look,
  mapObservationText,
  mapOpText,
  randomMapOp,
  randomWalkOp,
  runMaps,
  runWalks,
  simplerWalkOps,
  type WalkOp,
  walkObservationText,
  walkOpText,
} from "../../lib/course/labs/paging.js";
import { machineOpText, randomMachineOp, runMachine } from "../../lib/course/labs/paging_machine.js";
import { hex, tableIndex } from "../../lib/hw/address.js";
import { isLeaf, makeEntry, unpackEntry } from "../../lib/hw/entry.js";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_USER, ACCESS_WRITE } from "../../lib/hw/fault.js";
import { mapPage } from "../../lib/hw/page_table.js";
import { Random } from "../../lib/hw/random.js";
import { type AddressRange, countTables } from "../../lib/hw/table_count.js";
import { walk } from "../../lib/hw/walk.js";
import * as submission from "../../solutions/01-paging.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const { remember, atLast } = gradedTasks();

/** The answer to 01.1, by the lib's own arithmetic. */
function partsOf(va: number): submission.AddressParts {
  const [pgdIndex, pudIndex, pmdIndex, pteIndex] = [4, 3, 2, 1].map((level) => tableIndex(va, level));
  return {
    pgdIndex: pgdIndex!,
    pudIndex: pudIndex!,
    pmdIndex: pmdIndex!,
    pteIndex: pteIndex!,
    offset: ((va % 4096) + 4096) % 4096,
  };
}

function checkSplit(va: number, because?: string): void {
  const what = `splitAddress(${hex(va)})\n${asAddress(va)}\nThe result`;
  expectSame(submission.splitAddress(va), partsOf(va), { what, ...(because ? { because } : {}) });
}

describe("01.1 Split an address", () => {
  it("finds the offset in the lowest 12 bits", () => {
    for (const va of [0, 1, 0xabc, 4095]) checkSplit(va, "the offset has 12 bits, 0 to 4095");
  });
  it("finds nine bits for each level", () => {
    for (const va of [0x1000, 0x40_1abc, 511 * 4096, 512 * 4096])
      checkSplit(va, "the index of level 1 has nine bits, 0 to 511; the next bit belongs to level 2");
  });
  it("keeps the bits above bit 31", () => {
    for (const va of [2 ** 32, 2 ** 39, 0x7f12_3456_789a])
      checkSplit(va, "an address has 48 bits, and >> and & on numbers keep only 32");
  });
  it("puts every single bit in its place", () => {
    for (let bit = 0; bit < 47; bit++) checkSplit(2 ** bit, `only bit ${bit} is set`);
  });
  it("splits addresses of the kernel half", () => {
    for (const va of [-1, -4096, -4097, -(2 ** 47), -0x3fff_f000])
      checkSplit(va, "a negative number is a kernel address; its bits are those of the two's complement");
  });
  it("splits random addresses", () => {
    const random = new Random(101);
    for (let i = 0; i < 2000; i++) checkSplit(random.below(2 ** 48) - 2 ** 47);
  });
});

/** The answer to 01.2, from the lib's own reading of an entry. */
function decoded(entry: bigint, level: number): submission.DecodedEntry | undefined {
  const fields = unpackEntry(entry);
  if (!fields.present) return undefined;
  const leaf = isLeaf(entry, level);
  const frames = leaf ? 512 ** (level - 1) : 1;
  return {
    leaf,
    writable: fields.writable,
    user: fields.user,
    accessed: fields.accessed,
    dirty: leaf && fields.dirty,
    global: leaf && fields.global,
    noExecute: fields.noExecute,
    pfn: fields.pfn - (fields.pfn % frames),
  };
}

function checkDecode(entry: bigint, level: number, because?: string): void {
  const what = `decodeEntry(${hex(entry)}n, ${level})\n${asEntry(entry)}\nThe result`;
  expectSame(submission.decodeEntry(entry, level), decoded(entry, level), {
    what,
    ...(because ? { because } : {}),
  });
}

describe("01.2 Decode an entry", () => {
  it("reads the flags of a leaf, each from its own bit", () => {
    checkDecode(0x8000_0000_0005_5067n, 1);
    for (const bit of [1n, 2n, 5n, 6n, 8n, 63n])
      checkDecode(0x5001n | (1n << bit), 1, `only P and bit ${bit} are set`);
    for (const bit of [3n, 4n, 7n, 9n, 10n, 11n, 52n, 58n, 59n, 62n])
      checkDecode(
        0x5001n | (1n << bit),
        1,
        `bit ${bit} is none of the flags asked for, and no part of the frame number`,
      );
  });
  it("says nothing about an entry that is not present", () => {
    for (const entry of [0n, 0x5066n, 0xffff_ffff_ffff_fffen])
      checkDecode(entry, 1, "P is 0, so the result is undefined");
  });
  it("knows which entries are leaves", () => {
    checkDecode(0x5003n, 1, "a present entry of level 1 is always a leaf");
    checkDecode(0x5083n, 1, "a present entry of level 1 is always a leaf, and bit 7 does not mean PS there");
    for (const level of [2, 3]) {
      checkDecode(0x4000_0083n, level, `bit 7 (PS) makes an entry of level ${level} a leaf`);
      checkDecode(0x5003n, level, `without bit 7 (PS) an entry of level ${level} points to a table`);
    }
    checkDecode(0x5003n, 4, "an entry of level 4 always points to a table");
    checkDecode(0x4000_0083n, 4, "an entry of level 4 is never a leaf, whatever bit 7 says");
  });
  it("finds dirty and global in leaves only", () => {
    for (const level of [2, 3, 4])
      checkDecode(0x5163n, level, "an entry that points to a table has no D and no G");
    checkDecode(0x4000_01e3n, 2, "a 2 MiB leaf has D and G");
  });
  it("reads the frame number from bits 12 to 51", () => {
    checkDecode(0x7_1234_5678_9003n, 1, "the frame number reaches up to bit 51");
    checkDecode(0xfff7_1234_5678_9003n, 1, "bits 52 to 63 are no part of the frame number");
    checkDecode(0xf_ffff_ffff_f003n, 1, "all 40 bits of the frame number are set");
  });
  it("rounds the frame of a large leaf down to its size", () => {
    checkDecode(0x20_1083n, 2, "bit 12 of a 2 MiB leaf is PAT, no part of the frame number");
    checkDecode(0x4000_1083n, 3, "bit 12 of a 1 GiB leaf is PAT, no part of the frame number");
    checkDecode(0x8000_0083n, 3, "a 1 GiB page begins at a multiple of 512 * 512 frames");
  });
  it("decodes random entries of every level", () => {
    const random = new Random(102);
    const word = (): bigint => (BigInt(random.u32()) << 32n) | BigInt(random.u32());
    for (let i = 0; i < 3000; i++)
      checkDecode(word() | BigInt(random.below(4) > 0 ? 1 : 0), random.between(1, 4));
  });
});

const AT = 0x40_0000;
const USER_PAGE: WalkOp = { op: "map", va: AT, pfn: 0x1234, level: 1, flags: { user: true } };
const USER_DATA: WalkOp = { op: "map", va: AT, pfn: 0x1234, level: 1, flags: { user: true, writable: true } };

function access(va: number, bits: number): WalkOp {
  return { op: "access", va, access: bits };
}

/** Compares where the accesses lead. */
function checkWalks(because: string, ...first: WalkOp[][]): void {
  checkWalksClosely("where", because, first);
}

/** Compares the rights and the A and D bits too. */
function checkMarks(because: string, ...first: WalkOp[][]): void {
  checkWalksClosely("everything", because, first);
}

function checkWalksClosely(look: Look, because: string, first: WalkOp[][]): void {
  const nothing: WalkOp = access(0, ACCESS_READ);
  remember("01.3", because, () =>
    compareWalks({ first, operation: () => nothing, workloads: 0, simplify: () => [] }, look),
  );
}

function compareWalks(
  how: {
    first?: WalkOp[][];
    operation: (random: Random) => WalkOp;
    workloads: number;
    simplify?: (op: WalkOp) => WalkOp[];
  },
  look: Look = "everything",
): void {
  expectSameRuns<WalkOp>({
    simplify: simplerWalkOps,
    ...how,
    length: 24,
    seed: 103,
    reference: (operations) => runWalks(walk, operations, look),
    submission: (operations) => runWalks(submission.walk, operations, look),
    describe: walkOpText,
    as: walkObservationText,
  });
}

describe("01.3 Walk the tables", () => {
  it("finds the frame of a 4 KiB page", () => {
    checkWalks(
      "the physical address is the frame's, plus the offset",
      [USER_PAGE, access(AT, ACCESS_USER)],
      [USER_PAGE, access(AT + 0xabc, ACCESS_USER)],
    );
    const high: WalkOp = {
      op: "map",
      va: 0x7f12_3456_7000,
      pfn: 0xf_fff0_1234,
      level: 1,
      flags: { user: true },
    };
    checkWalks("every level has its own index", [
      { ...high, pfn: 0xf_1234 },
      access(0x7f12_3456_7abc, ACCESS_USER),
    ]);
  });
  it("faults with P = 0 where an entry is not present, at any level", () => {
    const because =
      "P in the error code stays 0 when an entry is missing; W, U and I say what the access was";
    for (const va of [AT + 4096, AT + 2 * MIB, AT + GIB, AT + 512 * GIB])
      for (const bits of [
        ACCESS_READ,
        ACCESS_USER,
        ACCESS_WRITE,
        ACCESS_USER | ACCESS_WRITE,
        ACCESS_USER | ACCESS_FETCH,
      ])
        checkWalks(because, [USER_PAGE, access(va, bits)]);
    checkWalks("an entry that is missing below wins over a right that is missing above: P stays 0", [
      USER_PAGE,
      { op: "forbid", va: AT, level: 3, right: "U/S" },
      access(AT + 4096, ACCESS_USER),
    ]);
  });
  it("needs U/S for every user access", () => {
    const kernelPage: WalkOp = { ...USER_PAGE, flags: { writable: true, executable: true } };
    for (const bits of [ACCESS_USER, ACCESS_USER | ACCESS_WRITE, ACCESS_USER | ACCESS_FETCH])
      checkWalks("a user access needs U/S = 1", [kernelPage, access(AT, bits)]);
    checkWalks("the kernel may use pages with U/S = 0, and others too", [
      kernelPage,
      access(AT, ACCESS_WRITE),
    ]);
    checkWalks("this kernel may read user pages: there is no SMAP", [USER_PAGE, access(AT, ACCESS_READ)]);
  });
  it("needs R/W for every write, in the kernel too", () => {
    checkWalks("a user write needs R/W = 1", [USER_PAGE, access(AT, ACCESS_USER | ACCESS_WRITE)]);
    checkWalks("a write by the kernel needs R/W too, because CR0.WP is 1", [
      USER_PAGE,
      access(AT, ACCESS_WRITE),
    ]);
  });
  it("refuses to fetch instructions where NX is set", () => {
    for (const bits of [ACCESS_FETCH, ACCESS_USER | ACCESS_FETCH])
      checkWalks("a fetch needs NX = 0, and its error code has the I bit", [USER_PAGE, access(AT, bits)]);
    const code: WalkOp = { ...USER_PAGE, flags: { user: true, executable: true } };
    checkWalks("a fetch where NX is 0 is allowed", [code, access(AT, ACCESS_USER | ACCESS_FETCH)]);
  });
  it("lets every level have a say", () => {
    const all: WalkOp = { ...USER_PAGE, flags: { user: true, writable: true, executable: true } };
    const tries = [
      ["R/W", ACCESS_USER | ACCESS_WRITE],
      ["U/S", ACCESS_USER],
      ["NX", ACCESS_USER | ACCESS_FETCH],
    ] as const;
    for (const level of [4, 3, 2] as const)
      for (const [right, bits] of tries)
        checkWalks(`${right} of level ${level} counts as well as the leaf's: a right needs every level`, [
          all,
          { op: "forbid", va: AT, level, right },
          access(AT, bits),
        ]);
  });
  it("walks to the leaf of a 2 MiB page", () => {
    const page: WalkOp = { op: "map", va: AT, pfn: 0x200, level: 2, flags: { user: true } };
    for (const va of [AT, AT + 0x1234, AT + 2 * MIB - 1])
      checkWalks("with PS set at level 2 the walk ends there, and the offset has 21 bits", [
        page,
        access(va, ACCESS_USER),
      ]);
    checkWalks("a leaf at level 2 is checked like any other", [page, access(AT, ACCESS_USER | ACCESS_WRITE)]);
  });
  it("walks to the leaf of a 1 GiB page", () => {
    const page: WalkOp = { op: "map", va: 3 * GIB, pfn: 0x4_0000, level: 3, flags: { user: true } };
    for (const va of [3 * GIB, 3 * GIB + 0x1234, 3 * GIB + 0x2345_6789, 4 * GIB - 1])
      checkWalks("with PS set at level 3 the walk ends there, and the offset has 30 bits", [
        page,
        access(va, ACCESS_USER),
      ]);
  });
  it("walks in the kernel half", () => {
    const kernel: WalkOp = { op: "map", va: -GIB, pfn: 0x1234, level: 1, flags: { writable: true } };
    const large: WalkOp = { op: "map", va: -GIB, pfn: 0x200, level: 2, flags: { writable: true } };
    const because = "a kernel address is negative; its indexes and its offset are not";
    checkWalks(
      because,
      [kernel, access(-GIB + 0xabc, ACCESS_READ)],
      [large, access(-GIB + 0x12_3456, ACCESS_READ)],
    );
  });
  it("reports an address that is not canonical as an address fault", () => {
    for (const va of [2 ** 47, 2 ** 47 + AT, -(2 ** 47) - 4096, 2 ** 52])
      checkWalks("bits 63 to 47 must be equal; otherwise no table is read: new AddressFault(va)", [
        USER_PAGE,
        access(va, ACCESS_USER),
      ]);
    checkWalks(
      "the last address below 2^47 is canonical",
      [access(2 ** 47 - 1, ACCESS_USER)],
      [access(-(2 ** 47), ACCESS_USER)],
    );
  });
  it("knows that bit 7 is reserved at level 4", () => {
    expectSame(reservedWalk(submission.walk, 0x81n), reservedWalk(walk, 0x81n), {
      what: "The error code, where the level-4 entry has bit 7 set",
      because: "bit 7 is reserved there, so the error code has P (0x1) and RSVD (0x8)",
    });
    expectSame(reservedWalk(submission.walk, 0x80n), reservedWalk(walk, 0x80n), {
      what: "The error code, where the level-4 entry has bit 7 set and is not present",
      because: "of an entry that is not present the processor looks at no other bit: no P, no RSVD",
    });
  });
  it("sets A on the way, and D only in a leaf that is written", () => {
    const because =
      "A is set in every entry that was used; D only in the leaf, only by a write; all other bits stay";
    checkMarks(
      because,
      [USER_DATA, access(AT, ACCESS_USER)],
      [USER_DATA, access(AT, ACCESS_USER | ACCESS_WRITE)],
    );
    checkMarks("an access that is refused leaves the leaf as it is: no D", [
      USER_PAGE,
      access(AT, ACCESS_USER | ACCESS_WRITE),
    ]);
  });
  it("reports the rights that the TLB will keep", () => {
    const all: WalkOp = {
      ...USER_PAGE,
      flags: { user: true, writable: true, executable: true, global: true },
    };
    const because =
      "rights has PAGE_RW, PAGE_USER (all levels), RIGHT_NX (any level), and the leaf's PAGE_DIRTY and PAGE_GLOBAL";
    for (const right of ["R/W", "NX"] as const)
      checkMarks(because, [all, { op: "forbid", va: AT, level: 3, right }, access(AT, ACCESS_USER)]);
    checkMarks(because, [all, access(AT, ACCESS_USER | ACCESS_WRITE), access(AT, ACCESS_USER)]);
  });
  it("walks random tables as the processor does", () => {
    atLast("01.3", () => compareWalks({ operation: randomWalkOp, workloads: 60 }));
  });
  it("drives a whole machine", () => {
    atLast("01.3", () =>
      expectSameRuns({
        operation: randomMachineOp,
        workloads: 8,
        length: 40,
        seed: 203,
        reference: (operations) => runMachine({ walk }, operations),
        submission: (operations) => runMachine({ walk: submission.walk }, operations),
        describe: machineOpText,
      }),
    );
  });
});

/** The error code of a read below a level-4 entry whose bits 0 to 7 are `low` (P and bit 7) and what it had between. */
function reservedWalk(walker: typeof walk, low: bigint): string {
  const [, seen] = [
    ...runWalks(
      (ram, paging, va, bits) => {
        const pa = paging.rootPfn * 4096;
        ram.writeEntry(pa, (ram.readEntry(pa) & ~1n) | low);
        return walker(ram, paging, va, bits);
      },
      [USER_PAGE, access(AT, ACCESS_USER)],
    ),
  ];
  return typeof seen === "object" ? seen.result : String(seen);
}

function checkMaps(
  because: string,
  operations: { va: number; pfn: number; flags?: object }[],
  nrFrames?: number,
): void {
  const all = operations.map((op) => ({ flags: {}, ...op }));
  remember("01.4", because, () =>
    expectSameRuns({
      first: [all],
      operation: () => all[0]!,
      workloads: 0,
      reference: (ops) => runMaps(mapPage, ops, nrFrames),
      submission: (ops) => runMaps(submission.mapPage, ops, nrFrames),
      describe: mapOpText,
      as: mapObservationText,
    }),
  );
}

describe("01.4 Map a page", () => {
  it("maps a page where there is no table yet", () => {
    checkMaps(
      "three tables are missing on the way: take a frame, clear it (its old bytes would be entries); an entry for a table is present, writable, user, without NX",
      [{ va: AT, pfn: 0x300 }],
    );
    checkMaps("every level has its own index", [{ va: 0x7f12_3456_7000, pfn: 0x301 }]);
  });
  it("puts the flags into the leaf, and nothing else", () => {
    const because = "the leaf has P; R/W, U/S and G as the flags say; NX unless executable; no A, no D";
    for (const name of ["writable", "user", "executable", "global"]) {
      checkMaps(because, [{ va: AT, pfn: 0x300, flags: { [name]: true } }]);
      checkMaps(because, [{ va: AT, pfn: 0x300, flags: { [name]: false } }]);
    }
    checkMaps(because, [
      { va: AT, pfn: 0x300, flags: { writable: true, user: true, executable: true, global: true } },
    ]);
  });
  it("clears each table it takes", () => {
    checkMaps(
      "a frame from allocFrame still holds old bytes, and in a table each of them is an entry: ram.zeroFrame",
      [
        { va: AT, pfn: 0x300 },
        { va: AT + 4096, pfn: 0x301 },
        { va: AT + 2 * MIB, pfn: 0x302 },
        { va: AT + GIB, pfn: 0x303 },
      ],
    );
  });
  it("shares the tables that exist", () => {
    const because =
      "a table that is there already is used again, and one that is not is not shared with a neighbour";
    checkMaps(because, [
      { va: AT, pfn: 0x300 },
      { va: AT + 4096, pfn: 0x301 },
    ]);
    checkMaps(because, [
      { va: AT, pfn: 0x300 },
      { va: AT + 2 * MIB, pfn: 0x301 },
      { va: AT + GIB, pfn: 0x302 },
      { va: AT + 512 * GIB, pfn: 0x303 },
    ]);
  });
  it("answers -EEXIST where a page is mapped already, and changes nothing", () => {
    checkMaps("the second mapping of a page returns -EEXIST (-17) and leaves the first", [
      { va: AT, pfn: 0x300, flags: { user: true } },
      { va: AT, pfn: 0x301, flags: { writable: true } },
    ]);
  });
  it("answers -EEXIST where a large page is in the way", () => {
    expectSame(mapUnderLargePage(submission.mapPage), mapUnderLargePage(mapPage), {
      what: "Mapping 4 KiB inside a 2 MiB page that is mapped already",
      because:
        "an entry of level 2 with PS is a leaf and no table: -EEXIST, and its page must not be written to",
    });
  });
  it("answers -ENOMEM when there is no frame for a table", () => {
    for (const nrFrames of [0, 1, 2])
      checkMaps(
        "allocFrame gives undefined when RAM is full: return -ENOMEM (-12)",
        [{ va: AT, pfn: 0x300 }],
        nrFrames,
      );
  });
  it("maps pages of the kernel half", () => {
    checkMaps("a kernel address is negative; its indexes are not", [
      { va: -4096, pfn: 0x300 },
      { va: -(2 ** 47), pfn: 0x301 },
      { va: -GIB - 4096, pfn: 0x302 },
    ]);
  });
  it("maps random pages as the lib does", () => {
    atLast("01.4", () =>
      expectSameRuns({
        operation: randomMapOp,
        workloads: 25,
        length: 20,
        seed: 104,
        reference: (operations) => runMaps(mapPage, operations),
        submission: (operations) => runMaps(submission.mapPage, operations),
        describe: mapOpText,
        as: mapObservationText,
      }),
    );
  });
  it("builds the tables of a whole machine", () => {
    atLast("01.4", () =>
      expectSameRuns({
        operation: randomMachineOp,
        workloads: 8,
        length: 40,
        seed: 204,
        reference: (operations) => runMachine({ mapPage }, operations),
        submission: (operations) => runMachine({ mapPage: submission.mapPage }, operations),
        describe: machineOpText,
      }),
    );
  });
});

/** What becomes of a 4 KiB mapping below a 2 MiB leaf: the answer, and the large page's first bytes. */
function mapUnderLargePage(mapper: typeof mapPage): string {
  let outcome = "";
  const spy: typeof mapPage = (ram, rootPfn, va, pfn, flags, frames) => {
    for (const [table, index, next] of [
      [rootPfn, 0, 8],
      [8, 0, 9],
    ] as const)
      ram.writeEntry(table * 4096 + index * 8, makeEntry(next, 7));
    ram.writeEntry(9 * 4096 + 2 * 8, makeEntry(0x200, 0x87));
    const answer = mapper(ram, rootPfn, va, pfn, flags, frames);
    const written = ram.frame(0x200).some((byte) => byte !== 0);
    outcome = `returned ${answer}; the large page ${written ? "was overwritten" : "is as it was"}`;
    return answer;
  };
  Array.from(runMaps(spy, [{ va: AT, pfn: 0x300, flags: {} }]));
  return outcome;
}

function rangesText(ranges: readonly AddressRange[]): string {
  return ranges.map(({ start, end }) => `${hex(start)} to ${hex(end)}`).join(", ") || "(no range)";
}

function checkCount(because: string, ...ranges: [start: number, end: number][]): void {
  const list = ranges.map(([start, end]) => ({ start, end }));
  expectSame(submission.countTables(list), countTables(list), {
    what: `countTables of ${rangesText(list)}`,
    ...(because ? { because } : {}),
  });
}

describe("01.5 Count the tables", () => {
  it("needs one table of each level for one page", () => {
    checkCount("a page needs a whole path: one table of each level", [0x1000, 0x2000]);
    checkCount("the root exists even when nothing is mapped");
    checkCount("an empty range needs nothing", [0x1000, 0x1000]);
  });
  it("shares a table between the 512 pages below it", () => {
    checkCount("512 neighbouring pages fill one table of level 1", [0, 2 * MIB]);
    checkCount("end is not part of the range", [2 * MIB, 4 * MIB]);
    checkCount("page 513 needs the next table", [0, 2 * MIB + 4096]);
  });
  it("sees the borders of every level", () => {
    checkCount("two pages on both sides of a 2 MiB border need two tables of level 1", [
      2 * MIB - 4096,
      2 * MIB + 4096,
    ]);
    checkCount("two pages on both sides of a 1 GiB border need two tables of level 2", [
      GIB - 4096,
      GIB + 4096,
    ]);
    checkCount("two pages on both sides of a 512 GiB border need two tables of level 3", [
      512 * GIB - 4096,
      512 * GIB + 4096,
    ]);
  });
  it("counts a table once, however many ranges share it", () => {
    checkCount("two ranges in the same 2 MiB share all their tables", [0x1000, 0x2000], [0x5000, 0x6000]);
    checkCount(
      "two ranges in the same 1 GiB share the table of level 2",
      [0x1000, 0x2000],
      [4 * MIB, 4 * MIB + 4096],
    );
    checkCount("overlapping ranges", [0, 4 * MIB], [2 * MIB, 6 * MIB], [0, 4096]);
  });
  it("counts in the kernel half", () => {
    checkCount("kernel addresses are negative", [-4096, 0], [0, 4096]);
    checkCount("kernel addresses are negative", [-(2 ** 47), -(2 ** 47) + 4096], [-GIB - 4096, -GIB + 4096]);
  });
  it("counts large and sparse maps", () => {
    checkCount("a dense range of 40 GiB", [0, 40 * GIB]);
    checkCount("one page in each GiB", ...pagesEvery(GIB, 64));
    checkCount("one page in each 512 GiB", ...pagesEvery(512 * GIB, 64));
  });
  it("counts random ranges", () => {
    const random = new Random(105);
    for (let i = 0; i < 150; i++)
      checkCount("", ...Array.from({ length: random.between(1, 5) }, () => randomRange(random)));
  });
});

function pagesEvery(stepBytes: number, count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [i * stepBytes, i * stepBytes + 4096]);
}

function randomRange(random: Random): [number, number] {
  const unit = random.pick([4096, 2 * MIB, GIB]);
  const base = random.pick([0, 0, 2 ** 40, -(2 ** 40)]);
  const start = base + random.below(8) * unit + random.pick([0, 0, 4096, -4096]);
  return [start, start + random.below(700) * 4096];
}
