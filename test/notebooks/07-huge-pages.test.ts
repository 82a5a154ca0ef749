import { describe, expect, it } from "vitest";
import { shownBy, steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("07-huge-pages", [
  ["How many GiB do 1536 entries for", 3],
  ["A program writes one page of 4 K", 32],
  ["With always: how many page fault", 8],
  ["A program reads a page of a bloc", 0],
  ["A huge page is shared after fork", 4],
  ["A program has one huge page and ", 0],
  ["khugepaged looks at 4096 pages i", 16],
  ["Then nearly half of the memory i", 0],
  ["After compaction: how many of it", 8],
  ["The pool has 10 pages. A program", "ENOMEM"],
  ["postgres has filled all 8 pages of", "worker"],
  ["Which of the two is faster with ", "scanner"],
]);

const LAB = "07-huge-pages";
type Rows = Record<string, number | string>[];
const rowsOf = (shown: unknown): Rows => (shown as { rows: Rows }).rows;
const last = (shown: readonly unknown[]): unknown => shown[shown.length - 1];

describe("the steppers of lab 07", () => {
  it("show a block that is read, then written: zeros for all, then a page of its own", () => {
    const [zero] = steppersOf(LAB, ["imports", "walk", "zero"]).slice(-1);
    expect(zero!.captions.join("\n")).toMatch(/before[\s\S]*leaf[\s\S]*read-only[\s\S]*leaf[\s\S]*writable/);
  });

  it("show fork: one entry is shared, and each write splits the entry of the writer alone", () => {
    const [fork] = steppersOf(LAB, ["imports", "walk", "fork"]).slice(-1);
    expect(fork!.length).toBe(4);
    expect(fork!.captions[2]).toMatch(/cleo: a table of 512 entries, 512 present, 1 of them writable/);
    expect(fork!.captions[2]).not.toMatch(/kid/);
    expect(fork!.captions[3]).toMatch(/kid: a table/);
  });

  it("show that the entry is split at munmap, the folio only when reclaim looks", () => {
    const cells = ["imports", "walk", "part", "part-steps", "part-table"];
    const rows = rowsOf(last(shownBy(LAB, cells)));
    expect(rows.map((row) => row["Rss (kB)"])).toEqual([2048, 1024, 1024]);
    expect(rows[1]!["freed (kB)"]).toBe(0);
    expect(Number(rows[2]!["freed (kB)"])).toBeGreaterThanOrEqual(1024);
    expect(rows.map((row) => row.thp_split_page)).toEqual([0, 0, 1]);
  });
});

describe("what lab 07 measures", () => {
  it("is what its text says of faults: one in place of 512, six times as fast", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "walk", "thp", "thp-run"])));
    expect(rows.map(({ faults }) => faults)).toEqual([4096, 4096, 4096, 8, 8, 8]);
    expect(Number(rows[0]!["time (ms)"]) / Number(rows[5]!["time (ms)"])).toBeGreaterThan(5);
  });

  it("is what its text says of fragmentation: no huge page before compaction, all after it", () => {
    const before = ["imports", "frag", "frag-run"];
    const hugeAfter = (cells: string[]) => rowsOf(last(shownBy(LAB, cells)))[0]!["AnonHugePages (kB)"];
    expect(hugeAfter(before)).toBe(0);
    expect(hugeAfter([...before, "compact", "compact-run"])).toBe(16_384);
  });

  it("is what its text says of pools: ENOMEM with a promise, SIGBUS without one", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "pool", "pool-run"])));
    expect(rows.map(({ what }) => what).join("\n")).toMatch(/maps 3: ENOMEM[\s\S]*page 2: SIGBUS/);
    expect(rows[1]!.HugePages_Rsvd).toBe(8);
  });

  it("is what its text says of the page that is taken from the child", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "bus", "bus-run"])));
    expect(rows.map(({ result }) => result)).toEqual(["works", "works", "SIGBUS"]);
  });

  it("is what its text says of pools that come late: less than half on a fragmented machine", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "frag", "boot"])));
    const pages = rows.map((row) => Number(row["pages in the pool"]));
    expect(pages.slice(0, 2)).toEqual([20, 20]);
    expect(pages[2]).toBeGreaterThan(5);
    expect(pages[2]).toBeLessThan(10);
  });

  it("is what its text says of the two programs", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "walk", "db", "scan", "both"])));
    const time = rows.map((row) => Number(row["time (ms)"]));
    expect(time[1]! / time[0]!).toBeGreaterThan(2);
    expect(time[2]! / time[3]!).toBeGreaterThan(5);
  });
});
