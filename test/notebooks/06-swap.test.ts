import { describe, expect, it } from "vitest";
import { shownBy, steppersOf } from "./cells.js";
import { checkPredictions } from "./predictions.js";

checkPredictions("06-swap", [
  ["From the fourth round on: on whi", "with"],
  ["The entry of a page that is in s", 0],
  ["bea has 16 pages in swap and for", 16],
  ["The parent READS page 0. Its slo", 64],
  ["page-cluster 0 means: no readahe", "no"],
  ["There is plenty of free memory n", 0],
  ["Two areas with EQUAL priority: d", 512],
  ["With swappiness 0: are pages of ", "more"],
  ["Files on a slow disk, swap compr", 200],
  ["1 MiB of random bytes (a photo, ", 0],
  ["A page comes back from swap, and", "signal"],
  ["A group may have 16 MiB (memory.", "no"],
  ["Six programs fit into memory, sw", "1/600"],
  ["Twelve programs have to be run, ", "less"],
  ["Which of the three has NO page f", "TLB"],
]);

const LAB = "06-swap";
type Rows = Record<string, number | string>[];
const rowsOf = (shown: unknown): Rows => (shown as { rows: Rows }).rows;
const last = (shown: readonly unknown[]): unknown => shown[shown.length - 1];

describe("the steppers of lab 06", () => {
  it("show a page going out: slot, entry, write, free frame, in this order", () => {
    const [out] = steppersOf(LAB, ["imports", "entry-setup", "entry-out", "out-steps"]);
    const told = out!.captions.join("\n");
    expect(told).toMatch(/gets slot 4[\s\S]*entry is exchanged[\s\S]*sent to the device[\s\S]*frame is free/);
    expect(String(out!.at(out!.length))).toMatch(/4: 1$/);
  });

  it("show a page coming back: the device is asked, the fault begins again, the slot is kept", () => {
    const cells = ["imports", "entry-setup", "entry-out", "out-steps", "in-steps"];
    const back = steppersOf(LAB, cells).at(-1)!;
    const told = back.captions.join("\n");
    expect(told).toMatch(/takes its note apart[\s\S]*device is asked[\s\S]*begins again[\s\S]*slot is kept/);
    expect(String(back.at(back.length))).toMatch(/slot 2: frame 0x[\s\S]*2: 0 C/);
  });
});

describe("what lab 06 measures", () => {
  it("is what its text says of slots: reading keeps them, a write gives its own back", () => {
    const cells = ["imports", "slots-setup", "slots-out", "slots-fork", "slots-back"];
    const used = rowsOf(last(shownBy(LAB, cells))).map((row) => row["swap used (kB)"]);
    expect(used).toEqual([64, 64, 64, 60, 60, 56]);
  });

  it("is what its text says of swappiness: which is best depends on the devices", () => {
    const cells = ["imports", "best-tools", "best", "best-run"];
    const [equal, zram, slow] = rowsOf(last(shownBy(LAB, cells)));
    const ms = (row: Rows[number], swappiness: number) => Number(row[`swappiness ${swappiness} (ms)`]);
    expect(ms(equal!, 200) / ms(equal!, 10)).toBeLessThan(3);
    expect(ms(zram!, 10) / ms(zram!, 200)).toBeCloseTo(80, -1);
    expect(ms(slow!, 200) / ms(slow!, 10)).toBeGreaterThan(10);
  });

  it("is what its text says of fewer programs at once: 14 ms in place of 28 s", () => {
    const rows = rowsOf(last(shownBy(LAB, ["imports", "fewer"])));
    const time = rows.map((row) => Number(row["time for all 12 (ms)"]));
    expect(time[0]!).toBeGreaterThan(25_000);
    expect(time[2]!).toBeLessThan(15);
    expect(Math.min(...time)).toBe(time[2]);
  });
});
