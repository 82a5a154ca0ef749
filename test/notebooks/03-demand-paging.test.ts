import { describe, expect, it } from "vitest";
import { steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("03-demand-paging", [
  ["Alice maps 32 MiB of anonymous", 0],
  ["Two mappings of 16 KiB with", 3],
  ["Bob reads address 0x1000, where nothing", "SEGV_MAPERR"],
  ["Bob writes to a page that", "SEGV_ACCERR"],
  ["A file has 40 pages. Bob", "SIGBUS"],
  ["Eight fresh pages are only READ,", 1],
  ["Eight fresh pages are read, one", 16],
  ["The whole file is in the", 16],
  ["A program reads a file with read(2)", 4],
  ["64 KiB are mapped with MAP_POPULATE,", 0],
  ["A process without privileges, with a", "ENOMEM"],
  ["The break moves 64 KiB up,", 0],
  ["The kernel's stack has overflowed: below", 8],
]);

describe("the steppers of lab 03", () => {
  it("show one fault: old bytes, then zeros, then the entry, then the TLB", () => {
    const cells = ["imports", "listen", "listen-wired", "listen-run", "fault-path", "fault-steps"];
    const [fault] = steppersOf("03-demand-paging", cells);
    expect(fault!.length).toBe(10);
    const at = (pattern: RegExp) =>
      fault!.captions.flatMap((_, i) => (pattern.test(String(fault!.at(i + 1))) ? [i + 1] : []));
    expect(at(/as text: secret/)).toEqual([5]);
    expect(at(/bytes: 00 00 00 00 00 00/)).toEqual([6, 7, 8, 9]);
    expect(at(/holds: pfn 0x\w+\n\s+P RW US A D NX/)).toEqual([7, 8, 9, 10]);
    expect(at(/mode: kernel/)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(at(/TLB\n\s+page: 0x30003\n\s+holds: frame/)).toEqual([9, 10]);
    expect(at(/bytes: 2a 00/)).toEqual([10]);
  });

  it("show the page cache filling: a window around the fault, and a mark that fault-around leaves out", () => {
    const [mapped] = steppersOf("03-demand-paging", ["imports", "window-setup", "window-faults"]);
    const asks = mapped!.captions.filter((caption) => caption.includes("readahead asks"));
    expect(asks.map((caption) => caption.replace(/^.*pages /, ""))).toEqual(["4 to 35", "36 to 67"]);
    expect(String(mapped!.at(6))).toContain("pages  16-31  MMMMMMMMMMMMRMMM");
    expect(mapped!.captions[7]).toMatch(
      /^step 8 of \d+: page 28 is read: it is not in the page table, a fault$/,
    );
    const end = String(mapped!.at(mapped!.length));
    expect(end).toContain("pages  16-31  MMMMMMMMMMMMMMMM");
    expect(end, "the disk is still busy").toContain("pages  48-63  ~~~~~~~~~~~~~~~~");
  });

  it("show the window growing while a file is read, and stopping where a larger folio can begin", () => {
    const [read] = steppersOf("03-demand-paging", ["imports", "window-setup", "window-reads"]);
    const asked = read!.captions.flatMap((caption) => {
      const [, from, to] = /asks for pages (\d+) to (\d+)/.exec(caption) ?? [];
      return from === undefined ? [] : [Number(to) - Number(from) + 1];
    });
    expect(asked).toEqual([4, 8, 4, 8, 8, 16]);
  });
});
