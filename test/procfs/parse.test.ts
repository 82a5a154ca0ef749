import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { SMAPS_FIELDS } from "../../lib/procfs/parse.js";
import "../../lib/procfs/mount.js";

/** One thing that a process may do. */
const operation = fc.oneof(
  fc.record({
    op: fc.constant("map" as const),
    pages: fc.integer({ min: 1, max: 20 }),
    shared: fc.boolean(),
  }),
  fc.record({ op: fc.constant("touch" as const), area: fc.nat(9), write: fc.boolean() }),
  fc.record({
    op: fc.constant("zero" as const),
    pages: fc.integer({ min: 1, max: 5 }),
    shared: fc.boolean(),
  }),
  fc.record({
    op: fc.constant("file" as const),
    pages: fc.integer({ min: 1, max: 8 }),
    shared: fc.boolean(),
  }),
  fc.record({ op: fc.constant("lock" as const), area: fc.nat(9) }),
  fc.record({ op: fc.constant("fork" as const) }),
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function machineAfter(operations: readonly Operation[]) {
  const machine = boot({ ram: "64 MiB" });
  machine.kernel.files.writeFile("/data/words", new Uint8Array(8 * 4096));
  const alice = machine.spawn("alice (x: 1)");
  const areas: { at: number; pages: number }[] = [];
  const map = (pages: number, options: Parameters<Process["mmap"]>[1]): void => {
    areas.push({ at: alice.mmap(pages * 4096, options), pages });
  };
  const all = [alice];
  for (const one of operations) {
    const area = "area" in one ? areas[one.area % Math.max(1, areas.length)] : undefined;
    if (one.op === "map") map(one.pages, { shared: one.shared });
    else if (one.op === "zero") map(one.pages, { shared: one.shared, fd: alice.open("/dev/zero") });
    else if (one.op === "file") map(one.pages, { shared: one.shared, fd: alice.open("/data/words") });
    else if (one.op === "fork") all.push(alice.fork("child"));
    else if (area !== undefined && one.op === "lock") alice.mlock(area.at, area.pages * 4096);
    else if (area !== undefined && one.op === "touch")
      alice.touch(area.at, area.pages * 4096, one.write ? "w" : "r");
  }
  return { machine, procfs: machine.procfs, all };
}

const property = (check: (world: ReturnType<typeof machineAfter>) => void, numRuns = 25): void =>
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => check(machineAfter(operations))),
    { numRuns },
  );

describe("texts as objects", () => {
  it("smaps says all that the text says: the text can be written from it", () => {
    property(({ procfs, all }) => {
      for (const { pid } of all) {
        const text = procfs.smaps(pid).flatMap((area) => {
          const hex = (value: number): string =>
            BigInt.asUintN(64, BigInt(value)).toString(16).padStart(8, "0");
          const pgoff = (area.pgoff * 4096).toString(16).padStart(8, "0");
          const head = `${hex(area.start)}-${hex(area.end)} ${area.perms} ${pgoff} ${area.dev} ${area.ino} `;
          const lines = Object.entries(area.fields).map(
            ([name, value]) =>
              `${name}:`.padEnd(16) + String(value).padStart(8) + (name === "THPeligible" ? "" : " kB"),
          );
          return [
            area.name === "" ? head : head.padEnd(73) + area.name,
            ...lines,
            `VmFlags: ${area.VmFlags.join(" ")} `,
          ];
        });
        expect(`${text.join("\n")}\n`).toBe(procfs.read(`/proc/${pid}/smaps`));
      }
    });
  });

  it("maps has the areas of smaps, and smapsRollup their sums", () => {
    property(({ procfs, all }) => {
      for (const { pid } of all) {
        const smaps = procfs.smaps(pid);
        expect(procfs.maps(pid)).toEqual(smaps.map(({ fields: _, VmFlags: __, ...area }) => area));
        const rollup = procfs.smapsRollup(pid);
        for (const name of SMAPS_FIELDS) {
          const sum = smaps.reduce((total, { fields }) => total + fields[name], 0);
          // Each area's Pss is rounded down for itself.
          expect(rollup[name] - sum).toBeGreaterThanOrEqual(0);
          expect(rollup[name] - sum).toBeLessThan(/Pss|Locked/.test(name) ? smaps.length : 1);
        }
        expect(rollup.Pss_Anon + rollup.Pss_File + rollup.Pss_Shmem).toBeLessThanOrEqual(rollup.Pss);
      }
    });
  });

  it("status, meminfo and vmstat have a value for each line, and it is the line's", () => {
    property(({ procfs, all }) => {
      const lines = (path: string): string[] => procfs.read(path).split("\n").slice(0, -1);
      for (const { pid } of all) {
        const status = procfs.status(pid);
        const texts = lines(`/proc/${pid}/status`);
        expect(Object.keys(status)).toEqual(texts.map((line) => line.split(":")[0]));
        for (const line of texts) {
          const [, name, value] = /^([^:]+):\t?(.*)$/.exec(line)!;
          const shown = typeof status[name!] === "number" ? value!.trim().replace(/ kB$/, "") : value;
          expect(String(status[name!])).toBe(shown);
        }
        expect(status.VmRSS).toBe(status.RssAnon! + status.RssFile! + status.RssShmem!);
      }
      const meminfo = procfs.meminfo();
      expect(Object.entries(meminfo).map(([name, value]) => `${name}: ${value}`)).toEqual(
        lines("/proc/meminfo").map((line) => line.replace(/ kB$/, "").replace(/ +/, " ")),
      );
      expect(Object.entries(procfs.vmstat()).map((pair) => pair.join(" "))).toEqual(lines("/proc/vmstat"));
      expect(meminfo.MemFree).toBe(procfs.vmstat().nr_free_pages! * 4);
    }, 10);
  });

  it("keeps a name that looks like a number, or has a colon, a word", () => {
    const { machine, procfs } = machineAfter([]);
    expect(procfs.status(machine.spawn("12345").pid).Name).toBe("12345");
    expect(procfs.status(machine.spawn("a: 7 kB").pid)).toMatchObject({
      Name: "a: 7 kB",
      State: "R (running)",
    });
    expect(procfs.status(1)).toMatchObject({ Name: "init", Pid: 1, PPid: 0 });
    expect(procfs.status(1).VmRSS).toBeUndefined();
  });

  it("counts the free pages of buddyinfo to those of vmstat", () => {
    const { procfs } = machineAfter([]);
    const free = procfs
      .buddyinfo()
      .map(({ free }) => free.reduce((sum, nr, order) => sum + nr * 2 ** order, 0));
    expect(free.reduce((sum, nr) => sum + nr, 0)).toBe(procfs.vmstat().nr_free_pages);
    expect(procfs.buddyinfo().map(({ node, zone }) => [node, zone])).toEqual([
      [0, "DMA"],
      [0, "DMA32"],
    ]);
  });

  it("reads the zones of zoneinfo: marks, reserve and every counter", () => {
    const { procfs } = machineAfter([]);
    const text = procfs.read("/proc/zoneinfo");
    const zones = procfs.zoneinfo();
    expect(zones.map(({ node, zone }) => [node, zone])).toEqual([
      [0, "DMA"],
      [0, "DMA32"],
    ]);
    for (const [i, { pages, protection }] of zones.entries()) {
      const block = text.split("Node 0")[i + 1]!;
      expect(block).toContain(`protection: (${protection.join(", ")})`);
      const lines = block.split("\n").filter((line) => /^ +(pages )?[a-z]\w+ +\d+$/.test(line));
      expect(lines.map((line) => line.replace("  pages free", "free").trim().replace(/ +/, " "))).toEqual(
        Object.entries(pages).map((pair) => pair.join(" ")),
      );
      expect([pages.free, pages.low]).toEqual([pages.nr_free_pages, expect.any(Number)]);
    }
    expect(zones.reduce((sum, { pages }) => sum + pages.managed!, 0) * 4).toBe(procfs.meminfo().MemTotal);
  });

  it("says which process there is not", () => {
    const { procfs } = machineAfter([]);
    for (const gone of [99, -1]) expect(() => procfs.smaps(gone)).toThrow(`there is no process ${gone}`);
    for (const wrong of [1.5, "7", undefined])
      expect(() => procfs.smaps(wrong as number)).toThrow(
        /^procfs.smaps\(\): pid must be a whole number, not /,
      );
  });
});
