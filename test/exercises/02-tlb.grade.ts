/**
 * Grader of lab 02. Each task first meets known hard cases, each with a sentence that says what is at stake, then random ones, and
 * at last drives a machine.
 */

import { describe, it } from "vitest";
import { asValue, expectSame, expectSameRuns } from "../../lib/course/grading/expect.js";
import { gradedTasks } from "../../lib/course/grading/remember.js";
import {
  type KernelLook,
  type KernelOp,
  kernelOpText,
  randomKernelOp,
  randomTlbOp,
  runKernel,
  runTlb,
  simplerTlbOps,
  smallModel,
  type TlbOp,
  tlbOpText,
} from "../../lib/course/labs/tlb.js";
import { hex } from "../../lib/hw/address.js";
import { PAGE_ACCESSED, PAGE_DIRTY, PAGE_PRESENT, PAGE_RW, PAGE_USER } from "../../lib/hw/entry.js";
import { Random } from "../../lib/hw/random.js";
import type { TlbEntry } from "../../lib/hw/tlb_entry.js";
import type { MachineParts } from "../../lib/kernel/machine.js";
import { PAGE_PROTNONE, PTE_NX, ptePfn } from "../../lib/mm/pgtable/pgtable.js";
import { catchUp, shootdownTargets } from "../../lib/mm/pgtable/tlb.js";
import { chooseNewAsid } from "../../lib/mm/pgtable/tlb_switch.js";
import type { ShootdownCpu, TlbContext } from "../../lib/mm/pgtable/tlb_types.js";
import * as submission from "../../solutions/02-tlb.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const { remember, atLast } = gradedTasks();

// ---------------------------------------------------------------- 02.1

function checkPlace(va: number, sets: number, pageBytes: number, because?: string): void {
  const vpn = Math.floor(va / pageBytes);
  const set = ((vpn % sets) + sets) % sets;
  expectSame(
    submission.indexAndTag(va, sets, pageBytes),
    { set, tag: (vpn - set) / sets },
    {
      what: `indexAndTag(${hex(va)}, ${sets} sets, pages of ${pageBytes} bytes)`,
      ...(because ? { because } : {}),
    },
  );
}

describe("02.1 Index and tag", () => {
  it("gives all bytes of a page the same place", () => {
    for (const va of [0x40_1000, 0x40_1001, 0x40_1abc, 0x40_1fff])
      checkPlace(va, 16, 4096, "the offset in the page plays no part");
  });
  it("puts neighbouring pages into neighbouring sets", () => {
    for (let page = 0; page < 20; page++)
      checkPlace(page * 4096, 16, 4096, "the set is the page number modulo the number of sets");
  });
  it("tells pages of the same set apart by the tag", () => {
    for (const page of [5, 21, 37, 1005])
      checkPlace(page * 4096, 16, 4096, "the tag is the page number without what the set already says");
  });
  it("knows a TLB of one set", () => {
    checkPlace(
      0x40_1abc,
      1,
      4096,
      "with one set, everything lies in set 0 and the tag is the whole page number",
    );
  });
  it("takes the page size into account", () => {
    for (const va of [0x40_1abc, 6 * MIB, 0x1234_5678])
      checkPlace(va, 8, 2 * MIB, "a large page has one number for all of its 2 MiB");
    checkPlace(3 * GIB + 1, 2, GIB, "a large page has one number for all of its 1 GiB");
  });
  it("keeps the bits above bit 31", () => {
    for (const va of [2 ** 44 + 0x5000, 0x7fff_ffff_f000, 2 ** 46 + 2 ** 45 + 0x1000])
      checkPlace(va, 128, 4096, "page numbers have up to 36 bits; >> and & on numbers keep only 32");
  });
  it("finds places for kernel addresses", () => {
    for (const va of [-1, -4096, -4097, -16 * 4096, -(2 ** 47)])
      checkPlace(
        va,
        16,
        4096,
        "a kernel address is negative; its set is not, and tag * sets + set is its page number",
      );
  });
  it("finds random places", () => {
    const random = new Random(201);
    for (let i = 0; i < 1000; i++)
      checkPlace(random.below(2 ** 48) - 2 ** 47, 2 ** random.below(9), random.pick([4096, 2 * MIB, GIB]));
  });
});

// ---------------------------------------------------------------- 02.2

const entry = (vpn: number, more: Partial<TlbEntry> = {}): TlbEntry => ({
  vpn,
  level: 1,
  pcid: 0,
  global: false,
  pfn: 0x100 + (((vpn % 64) + 64) % 64),
  rights: 6,
  ...more,
});

type ListOp = { op: "lookup" | "insert"; vpn: number };

const pages = (set: readonly TlbEntry[]) => set.map(({ vpn }) => vpn);

/** The answer and the page numbers in every set after each operation. */
function* runList(
  mine: boolean,
  sets: number,
  ways: number,
  operations: readonly ListOp[],
): Generator<string> {
  const tlb: submission.LruTlb = { sets: Array.from({ length: sets }, () => []), ways };
  for (const { op, vpn } of operations) {
    const set = tlb.sets[((vpn % sets) + sets) % sets]!;
    const matches = (e: TlbEntry) => e.vpn === vpn;
    let answer = "";
    if (op === "lookup") {
      const at = set.findIndex(matches);
      const found = mine ? submission.lookup(tlb, vpn, matches) : set[at];
      if (!mine && at >= 0) set.unshift(...set.splice(at, 1));
      answer = `returned ${found === undefined ? "undefined" : `the entry of page ${found?.vpn}`}; `;
    } else if (!set.some(matches)) {
      if (mine) submission.insert(tlb, entry(vpn));
      else {
        set.unshift(entry(vpn));
        set.splice(ways);
      }
    }
    yield `${answer}${tlb.sets.map((s, i) => `set ${i}: ${asValue(pages(s))}`).join(", ")}`;
  }
}

function checkList(
  because: string,
  sets: number,
  ways: number,
  ...operations: (readonly [ListOp["op"], number])[]
): void {
  const first = [operations.map(([op, vpn]) => ({ op, vpn }))];
  remember("02.2", because, () =>
    expectSameRuns<ListOp>({
      first,
      operation: () => first[0]![0]!,
      workloads: 0,
      reference: (ops) => runList(false, sets, ways, ops),
      submission: (ops) => runList(true, sets, ways, ops),
      describe: ({ op, vpn }) => `${op} page ${vpn} (${sets} sets, ${ways} ways)`,
      as: String,
    }),
  );
}

const ins = (...vpns: number[]) => vpns.map((vpn) => ["insert", vpn] as const);

function compareTlbs(sets: number, ways: number, l2: boolean, seed: number): void {
  const model = smallModel(sets, ways, l2);
  expectSameRuns<TlbOp>({
    operation: randomTlbOp,
    simplify: simplerTlbOps,
    workloads: 6,
    length: 120,
    seed,
    reference: (ops) => runTlb(undefined, model, ops),
    submission: (ops) => runTlb((geometry) => submission.makeTlb(geometry), model, ops),
    describe: (op) =>
      `${tlbOpText(op)}   (${sets} sets of ${ways} ways${l2 ? ", and a second TLB twice as wide" : ""})`,
    as: String,
  });
}

describe("02.2 Lookup and LRU insert", () => {
  it("finds what was inserted, and undefined otherwise", () => {
    checkList("a page that was inserted is found", 4, 2, ["insert", 5], ["lookup", 5]);
    checkList(
      "a miss returns undefined and changes nothing",
      4,
      2,
      ["insert", 5],
      ["lookup", 9],
      ["lookup", 6],
    );
  });
  it("looks only at the set of the page", () => {
    checkList("page vpn lies in set vpn modulo the number of sets", 4, 2, ...ins(0, 1, 2, 3), ["lookup", 2]);
    const tlb: submission.LruTlb = { sets: [[], [entry(4)]], ways: 2 };
    remember("02.2", "hardware compares the ways of one set, no more", () =>
      expectSame(
        submission.lookup(tlb, 4, (e) => e.vpn === 4),
        undefined,
        {
          what: "lookup of page 4, whose entry was put into set 1 by force, in a TLB of 2 sets",
          because: "page 4 belongs to set 0",
        },
      ),
    );
  });
  it("asks `matches`, not only the page number", () => {
    const tlb: submission.LruTlb = { sets: [[entry(4, { pcid: 1 }), entry(4, { pcid: 2 })]], ways: 2 };
    remember("02.2", "`matches` decides: two address spaces may have the same page", () =>
      expectSame(submission.lookup(tlb, 4, (e) => e.pcid === 2)?.pcid, 2, {
        what: "The pcid of the entry found",
      }),
    );
  });
  it("makes a hit the most recently used", () => {
    checkList("sets[i] holds the most recently used entry first", 1, 3, ...ins(1, 2, 3), ["lookup", 1]);
    checkList("the most recently used stays first", 1, 3, ...ins(1, 2, 3), ["lookup", 3]);
    checkList("the others keep their order", 1, 4, ...ins(1, 2, 3, 4), ["lookup", 2]);
  });
  it("drops the least recently used entry of a full set", () => {
    checkList("a set holds `ways` entries; the one used longest ago gives way", 1, 2, ...ins(1, 2, 3));
    checkList("a hit counts as use", 1, 2, ...ins(1, 2), ["lookup", 1], ["insert", 3]);
    checkList("only the set of the new page gives one up", 2, 1, ...ins(1, 2, 4));
    checkList("a TLB of one way keeps the newest", 1, 1, ...ins(1, 2));
  });
  it("puts kernel pages into their sets", () => {
    checkList(
      "a page number may be negative, a set may not",
      4,
      2,
      ["insert", -1],
      ["lookup", -1],
      ["insert", -4],
    );
    const far = -(2 ** 35) - 3;
    checkList(
      "a page number may be far below 0: the kernel half begins at page -(2 ** 35)",
      4,
      2,
      ["insert", far],
      ["lookup", far],
      ["insert", far + 4],
    );
  });
  it("agrees with the reference on random lookups and inserts", () => {
    atLast("02.2", () =>
      expectSameRuns<ListOp>({
        operation: (random) => ({ op: random.chance(50) ? "lookup" : "insert", vpn: random.below(14) - 2 }),
        workloads: 30,
        length: 40,
        seed: 202,
        reference: (ops) => runList(false, 2, 3, ops),
        submission: (ops) => runList(true, 2, 3, ops),
        describe: ({ op, vpn }) => `${op} page ${vpn}`,
        as: String,
      }),
    );
  });
  it("drives a machine, access by access as the lib's own TLB", () => {
    atLast("02.2", () => compareTlbs(2, 2, false, 1));
    atLast("02.2", () => compareTlbs(1, 4, true, 2));
    atLast("02.2", () => compareTlbs(4, 2, true, 3));
  });
});

// ---------------------------------------------------------------- 02.3

function mustFlush(before: number, after: number): boolean {
  if ((before & PAGE_PRESENT) === 0) return false;
  if ((after & PAGE_PRESENT) === 0 || ptePfn(before) !== ptePfn(after)) return true;
  if ((before & ~after & (PAGE_RW | PAGE_USER | PAGE_DIRTY)) !== 0) return true;
  return before < PTE_NX && after >= PTE_NX;
}

const FRAME = 0x1234 * 4096;
const USER = FRAME + PAGE_PRESENT + PAGE_USER + PAGE_ACCESSED;
const NAMES: [number, string][] = [
  [PAGE_PRESENT, "P"],
  [PAGE_RW, "RW"],
  [PAGE_USER, "US"],
  [PAGE_ACCESSED, "A"],
  [PAGE_DIRTY, "D"],
  [PAGE_PROTNONE, "bit 8"],
];

function pteText(pte: number): string {
  if (pte === 0) return "0 (nothing)";
  const bits = NAMES.filter(([bit]) => (pte & bit) !== 0).map(([, name]) => name);
  if (pte >= PTE_NX) bits.push("NX");
  return `frame ${hex(ptePfn(pte))} ${bits.join(" ")}`;
}

function checkFlush(before: number, after: number, because?: string): void {
  const got = submission.pteNeedsFlush(before, after);
  const what = `pteNeedsFlush\n  before: ${pteText(before)}\n  after:  ${pteText(after)}\nThe answer`;
  const check = () => expectSame(got, mustFlush(before, after), { what, ...(because ? { because } : {}) });
  remember("02.3", because ?? "a stale entry must not allow what the new one does not", check);
}

function compareKernels(
  task: string,
  parts: Partial<MachineParts>,
  reference: Partial<MachineParts>,
  options: { nrProcesses: number; look: KernelLook; seed: number; workloads?: number; first?: KernelOp[][] },
): void {
  const { nrProcesses, look, seed, workloads = 8, first = [] } = options;
  atLast(task, () =>
    expectSameRuns<KernelOp>({
      first,
      operation: randomKernelOp(nrProcesses),
      workloads,
      length: 40,
      seed,
      reference: (ops) => runKernel(reference, ops, { nrProcesses, look }),
      submission: (ops) => runKernel(parts, ops, { nrProcesses, look }),
      describe: kernelOpText,
      as: String,
    }),
  );
}

describe("02.3 Flush what must go", () => {
  it("flushes a page that is unmapped", () => {
    checkFlush(USER, 0, "after munmap the frame may belong to somebody else; the old translation must go");
    checkFlush(USER + PAGE_RW + PAGE_DIRTY, 0, "after munmap the old translation must go");
  });
  it("knows that a TLB holds only present entries", () => {
    const because = "an entry that was not present is in no TLB";
    checkFlush(0, USER, because);
    checkFlush(0, USER + PAGE_RW, because);
    checkFlush(USER - PAGE_PRESENT + PAGE_PROTNONE, 0, because);
    checkFlush(USER - PAGE_PRESENT + PAGE_PROTNONE, USER, because);
  });
  it("flushes when the page is no longer present, whatever else the entry says", () => {
    const because =
      "mprotect(PROT_NONE) clears P and keeps the frame in the entry; the processor must not use the old one";
    checkFlush(USER, USER - PAGE_PRESENT + PAGE_PROTNONE, because);
    checkFlush(USER + PTE_NX, USER + PTE_NX - PAGE_PRESENT + PAGE_PROTNONE, because);
  });
  it("flushes when the page moves to another frame", () => {
    const because = "the old translation leads to the old frame";
    checkFlush(USER, USER + 4096, because);
    checkFlush(USER, USER + 2 ** 34, `${because}; frame numbers have more than 20 bits`);
    checkFlush(USER + 2 ** 45, USER + PAGE_RW, because);
  });
  it("flushes when a right is taken away", () => {
    checkFlush(USER + PAGE_RW, USER, "without R/W a store must fault; a stale entry lets it through");
    checkFlush(USER, USER - PAGE_USER, "without U/S the program may not use the page");
    checkFlush(USER, USER + PTE_NX, "NX takes a right away by being set: bit 52 of these values");
  });
  it("does not flush when rights are gained", () => {
    const because = "a stale entry with fewer rights costs one fault and does no harm";
    checkFlush(USER, USER + PAGE_RW, because);
    checkFlush(USER - PAGE_USER, USER, because);
    checkFlush(USER + PTE_NX, USER, because);
    checkFlush(USER, USER, "nothing has changed");
  });
  it("knows what A and D mean to a TLB", () => {
    checkFlush(
      USER + PAGE_RW + PAGE_DIRTY,
      USER + PAGE_RW,
      "a TLB entry with D set lets the processor write without setting D in RAM: the next write would go unnoticed",
    );
    checkFlush(USER + PAGE_RW, USER + PAGE_RW + PAGE_DIRTY, "an entry that gains D does no harm");
    checkFlush(
      USER,
      USER - PAGE_ACCESSED,
      "A only says that the page was used; a page that looks unused is no danger",
    );
    checkFlush(USER - PAGE_ACCESSED, USER, "gaining A does no harm");
  });
  it("decides random changes", () => {
    const random = new Random(203);
    const pte = () =>
      [PAGE_PRESENT, PAGE_PRESENT, PAGE_RW, PAGE_USER, PAGE_ACCESSED, PAGE_DIRTY].reduce(
        (all, bit) => ((all & bit) === 0 && random.chance(60) ? all + bit : all),
        random.pick([FRAME, FRAME, FRAME, FRAME + 4096]) + (random.chance(40) ? PTE_NX : 0),
      );
    for (let i = 0; i < 400; i++) checkFlush(pte(), pte());
  });
  it("keeps two CPUs of a machine honest, with no flush too many", () => {
    const mine = { pteNeedsFlush: submission.pteNeedsFlush };
    compareKernels("02.3", mine, { pteNeedsFlush: mustFlush }, { nrProcesses: 2, look: "flushes", seed: 23 });
  });
});

// ---------------------------------------------------------------- 02.4

function checkMatch(e: TlbEntry, [vpn, level, pcid]: [number, number, number], because: string): void {
  const wanted = e.vpn === vpn && e.level === level && (e.global || e.pcid === pcid);
  const what = `tagMatches(${asValue(e)}, vpn ${vpn}, level ${level}, pcid ${pcid})`;
  remember("02.4", because, () => expectSame(submission.tagMatches(e, vpn, level, pcid), wanted, { what }));
}

function checkAsid(ctxs: TlbContext[], nextAsid: number, next: TlbContext, because: string): void {
  const slots = ctxs
    .map(({ ctxId, tlbGen }, i) => `  slot ${i}: ctxId ${ctxId}, tlbGen ${tlbGen}`)
    .join("\n");
  const what = `chooseNewAsid with nextAsid ${nextAsid}, next: ctxId ${next.ctxId}, tlbGen ${next.tlbGen}\n${slots}\nThe answer`;
  remember("02.4", because, () => {
    const before = asValue(ctxs);
    const wanted = chooseNewAsid(ctxs, nextAsid, next);
    expectSame(submission.chooseNewAsid(ctxs, nextAsid, next), wanted, { what });
    expectSame(asValue(ctxs), before, {
      what: "ctxs after the call",
      because: "the kernel writes it, not you",
    });
  });
}

const slots = (...ids: number[]) => ids.map((ctxId, i) => ({ ctxId, tlbGen: i + 1 }));

describe("02.4 PCID tagging", () => {
  it("matches page, level and address space", () => {
    checkMatch(entry(5, { pcid: 2 }), [5, 1, 2], "the same page of the same address space");
    checkMatch(entry(5, { pcid: 2 }), [6, 1, 2], "another page");
    checkMatch(entry(5, { pcid: 2 }), [5, 1, 3], "another address space: its page 5 is somewhere else");
    checkMatch(entry(5, { pcid: 2, level: 2 }), [5, 1, 2], "page 5 of 2 MiB is not page 5 of 4 KiB");
  });
  it("lets everybody use global entries", () => {
    const global = entry(-5, { global: true });
    for (const pcid of [0, 1, 6])
      checkMatch(global, [-5, 1, pcid], "a global entry belongs to all address spaces");
    checkMatch(global, [5, 1, 0], "but only for its own page");
    checkMatch(entry(-5, { pcid: 0 }), [-5, 1, 1], "PCID 0 is an address space like the others");
  });
  it("goes back to the slot that an address space has", () => {
    checkAsid(
      slots(7, 9, 4),
      1,
      { ctxId: 4, tlbGen: 3 },
      "its entries are still there under its PCID, and good: no flush",
    );
    checkAsid(slots(7, 9, 4), 1, { ctxId: 7, tlbGen: 1 }, "slot 0 is a slot like the others");
  });
  it("flushes a slot that is behind", () => {
    checkAsid(
      slots(7, 9, 4),
      1,
      { ctxId: 9, tlbGen: 3 },
      "its tables changed while something else ran here: its entries may be stale",
    );
  });
  it("takes the next slot for a newcomer, and flushes it", () => {
    checkAsid(
      slots(7, 9, 4),
      1,
      { ctxId: 5, tlbGen: 2 },
      "the entries under this PCID are another address space's",
    );
    checkAsid(slots(7, 0, 0), 1, { ctxId: 5, tlbGen: 0 }, "slots are taken in turn");
    checkAsid(slots(7, 9, 4), 0, { ctxId: 5, tlbGen: 0 }, "slots are taken in turn");
  });
  it("starts again with slot 0 after the last", () => {
    checkAsid(
      slots(7, 9, 4),
      3,
      { ctxId: 5, tlbGen: 2 },
      "nextAsid is ctxs.length: take slot 0, the next one is 1",
    );
    checkAsid(slots(7, 9, 4), 2, { ctxId: 5, tlbGen: 2 }, "the last slot may be taken too");
  });
  it("chooses in random situations", () => {
    const random = new Random(204);
    for (let i = 0; i < 300; i++) {
      const ids = Array.from({ length: 6 }, (_, slot) => slot * 3 + random.below(3));
      const ctxs = ids.map((ctxId) => ({ ctxId, tlbGen: random.below(4) }));
      const ctxId = random.below(18);
      const tlbGen = (ctxs.find((ctx) => ctx.ctxId === ctxId)?.tlbGen ?? 0) + random.below(2);
      checkAsid(ctxs, random.below(7), { ctxId, tlbGen }, "a slot of its own first, else the next in turn");
    }
  });
  it("keeps nine processes apart on a machine, with no flush too many", () => {
    const { makeTlb: _unused, ...mine } = submission;
    compareKernels(
      "02.4",
      { chooseNewAsid: mine.chooseNewAsid, tlb: (geometry) => tlbOf(geometry.sets, geometry.ways) },
      {},
      { nrProcesses: 9, look: "switches", seed: 24 },
    );
  });
});

/** A TLB around the learner's tagMatches, so that this task needs no other. */
function tlbOf(nrSets: number, ways: number): ReturnType<typeof submission.makeTlb> {
  const sets: TlbEntry[][] = Array.from({ length: nrSets }, () => []);
  const setOf = (vpn: number) => sets[((vpn % nrSets) + nrSets) % nrSets]!;
  return {
    lookup(vpn, level, pcid) {
      const set = setOf(vpn);
      const at = set.findIndex((e) => submission.tagMatches(e, vpn, level, pcid));
      if (at > 0) set.unshift(...set.splice(at, 1));
      return at < 0 ? undefined : set[0];
    },
    insert(e) {
      setOf(e.vpn).unshift(e);
      setOf(e.vpn).splice(ways);
    },
    update(e) {
      const set = setOf(e.vpn);
      const at = set.findIndex((old) => old.vpn === e.vpn && old.level === e.level && old.pcid === e.pcid);
      if (at >= 0) set[at] = e;
    },
    flush(drop) {
      for (const [i, set] of sets.entries()) sets[i] = set.filter((e) => !drop(e));
    },
  };
}

// ---------------------------------------------------------------- 02.5

const cpuText = ({ id, isSelf, usesMm, isLazy }: ShootdownCpu) =>
  `  CPU ${id}: ${[isSelf ? "asks" : "", usesMm ? "uses these tables" : "uses other tables", isLazy ? "lazy" : ""].filter(Boolean).join(", ")}`;

function checkTargets(mask: ShootdownCpu[], freedTables: boolean, because: string): void {
  const what = `shootdownTargets, ${freedTables ? "tables are freed" : "no table is freed"}\n${mask.map(cpuText).join("\n")}\nThe answer`;
  remember("02.5", because, () =>
    expectSame(submission.shootdownTargets(mask, freedTables), shootdownTargets(mask, freedTables), { what }),
  );
}

function checkCatchUp(because: string, localGen: number, mmGen: number, requestGen?: number): void {
  const what = `catchUp(localGen ${localGen}, mmGen ${mmGen}, requestGen ${requestGen})`;
  remember("02.5", because, () =>
    expectSame(submission.catchUp(localGen, mmGen, requestGen), catchUp(localGen, mmGen, requestGen), {
      what,
    }),
  );
}

const cpu = (id: number, usesMm = true, isLazy = false, isSelf = false) => ({ id, isSelf, usesMm, isLazy });

describe("02.5 Shoot down", () => {
  it("interrupts the CPUs that run the address space, except the one that asks", () => {
    const because = "the one that asks flushes its own TLB without an interrupt";
    checkTargets([cpu(0, true, false, true), cpu(1), cpu(2)], false, because);
    checkTargets([cpu(1), cpu(3, true, false, true), cpu(5)], false, because);
    checkTargets([cpu(0, true, false, true)], false, "with nobody else there is nobody to interrupt");
    checkTargets([cpu(0, true, false, true)], true, because);
  });
  it("leaves alone who runs something else", () => {
    checkTargets(
      [cpu(0, true, false, true), cpu(1, false), cpu(2)],
      false,
      "a CPU that runs another address space compares generations before it comes back to this one",
    );
  });
  it("leaves lazy CPUs alone", () => {
    checkTargets(
      [cpu(0, true, false, true), cpu(1, true, true), cpu(2)],
      false,
      "no program runs on a lazy CPU; it compares generations before one does",
    );
  });
  it("interrupts everybody when tables are freed", () => {
    checkTargets(
      [cpu(0, true, false, true), cpu(1, true, true), cpu(2, false), cpu(3)],
      true,
      "a processor may walk on its own; nobody may look at a table that is about to be freed",
    );
  });
  it("drops nothing when nothing was missed", () => {
    checkCatchUp("equal generations: every change has been followed", 4, 4, 4);
    checkCatchUp("equal generations: every change has been followed", 4, 4);
    checkCatchUp("an old request, already covered by a full flush", 4, 4, 3);
  });
  it("flushes single pages when the request is the only change it missed", () => {
    checkCatchUp("one change, and the request names its pages", 3, 4, 4);
    checkCatchUp("one change, and the request names its pages", 0, 1, 1);
  });
  it("flushes all when it missed more", () => {
    checkCatchUp("a change before the request was missed: nobody says which pages that was", 2, 4, 4);
    checkCatchUp("the request is not the newest change: nobody says which pages the newest was", 2, 4, 3);
    checkCatchUp("there is no request, so no pages are named", 3, 4);
    checkCatchUp("many changes were missed", 0, 9, 9);
  });
  it("decides in random situations", () => {
    const random = new Random(205);
    for (let i = 0; i < 300; i++) {
      const self = random.below(6);
      const mask = Array.from({ length: 6 }, (_, id) =>
        cpu(id, random.chance(60), random.chance(40), id === self),
      );
      checkTargets(mask, random.chance(30), "run it and not lazy; or tables are freed");
      const local = random.below(5);
      const mm = local + random.below(3);
      checkCatchUp(
        "pages only if nothing else was missed",
        local,
        mm,
        random.pick([mm, mm, Math.max(1, mm - 1), undefined]),
      );
    }
  });
  it("keeps two CPUs of a machine honest, with no interrupt too many", () => {
    const { shootdownTargets: targets, catchUp: mine } = submission;
    compareKernels(
      "02.5",
      { shootdownTargets: targets, catchUp: mine },
      {},
      {
        nrProcesses: 3,
        look: "interrupts",
        seed: 25,
      },
    );
  });
});
