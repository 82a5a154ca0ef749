import { describe, expect, it } from "vitest";
import { type Program, takeTurns } from "../../lib/hw/bare.js";
import { ACCESS_USER } from "../../lib/hw/fault.js";
import { walk } from "../../lib/hw/walk.js";
import { type BootOptions, boot, OWN_PARTS } from "../../lib/kernel/machine.js";

const USER_DATA = { user: true, writable: true };

describe("boot", () => {
  it("builds a machine from sizes in words", () => {
    const machine = boot({ ram: "64 MiB", cpus: 2 });
    expect(machine.ram.sizeBytes).toBe(2 ** 26);
    expect(machine.cpus.map((cpu) => cpu.id)).toEqual([0, 1]);
    expect(String(machine)).toBe("64 MiB of RAM (frames 0 to 0x3fff), 2 CPUs, 4 levels of page tables");
  });

  it.each([
    [{ ram: "16 MB" }, /ram "16 MB" has the unknown unit "MB"/],
    [{ ram: 1000 }, /RAM size 1000 is not a positive multiple of 4096/],
    [{ cpus: 0 }, /cpus 0 is not 1 to 64/],
    [{ levels: 3 as 4 }, /levels 3 is not possible; this processor has 2, 4 or 5/],
    [{ parts: { walkk: walk } as object }, /there is no part "walkk"; the parts are walk, mapPage/],
    [{ parts: { walk: undefined as never } }, /part "walk" is undefined, not a function/],
  ])("refuses %j", (options, message) => {
    expect(() => boot(options)).toThrow(message);
  });

  it("runs on the walker and the mapper it is given", () => {
    const calls = { walk: 0, mapPage: 0 };
    const machine = boot({
      parts: {
        walk: (...args) => {
          calls.walk++;
          return OWN_PARTS.walk(...args);
        },
        mapPage: (...args) => {
          calls.mapPage++;
          return OWN_PARTS.mapPage(...args);
        },
      },
    });
    const table = machine.newPageTable();
    table.mapNew(0x40_0000, 2, USER_DATA);
    const cpu = machine.switchMm(table);
    cpu.cpl = 3;
    cpu.store(0x40_0ffe, 4, 0xcafe);
    expect(cpu.load(0x40_0ffe, 4)).toBe(0xcafe);
    expect(calls.mapPage).toBe(2);
    expect(calls.walk).toBeGreaterThan(0);
  });
});

describe("memory that boot keeps", () => {
  const pages = (options: BootOptions): number[] =>
    boot(options).kernel.sys.zones.map((zone) => zone.managedPages);

  it("is what a PC of this size keeps, from 128 MiB on", () => {
    expect(pages({ ram: "128 MiB" })).toEqual([3840, 16756]);
    expect(pages({ ram: "64 MiB" })).toEqual([3840, 12288]);
  });

  it("may be a size, or what it depends on", () => {
    expect(pages({ ram: "128 MiB", reserved: "28 MiB" })).toEqual([3840, 100 * 256 - 3840]);
    expect(pages({ ram: "192 MiB", reserved: { disks: 2, initrd: "4388 KiB" } })).toEqual([3840, 32573]);
    expect(() => pages({ ram: "16 MiB", reserved: "17 MiB" })).toThrow(/reserved 17 MiB is not from/);
    expect(() => boot({ reserved: { disks: -1 } })).toThrow(RangeError);
    expect(() => boot({ reserved: { floppies: 1 } as object })).toThrow(/floppies/);
  });

  it("leaves ZONE_MOVABLE to programs, whose pages go there first", () => {
    const machine = boot({ ram: "64 MiB", movable: "16 MiB" });
    const { zones } = machine.kernel.sys;
    expect(zones.map((zone) => [zone.name, zone.managedPages])).toEqual([
      ["DMA", 3840],
      ["DMA32", 8192],
      ["Normal", 0],
      ["Movable", 4096],
    ]);
    const unused = (): number => zones[3]!.nrFreePages + zones[3]!.pcps[0]!.count;
    const before = unused();
    const process = machine.spawn();
    process.touch(process.mmap("4 MiB"), "4 MiB");
    expect(before - unused()).toBe(1024); // its page tables are elsewhere
  });

  it("takes the word for huge pages, and refuses others", () => {
    expect(boot({ ram: "1 GiB", thp: "never" }).kernel.sys.sysctl.minFreeKbytes).toBe(3937);
    expect(() => boot({ thp: "sometimes" as "never" })).toThrow(/thp "sometimes" is not one of/);
  });
});

describe("two page tables", () => {
  it.each([2, 4, 5] as const)("keep two programs with the same address apart, %i levels", (levels) => {
    const machine = boot({ levels });
    const tables = { alice: machine.newPageTable("alice"), bob: machine.newPageTable("bob") };
    for (const table of Object.values(tables)) table.mapNew(0x2000, 1, USER_DATA);
    machine.cpu.cpl = 3;
    const count = (start: number): Program =>
      function* (memory) {
        memory.store(0x2000, 4, start);
        for (let i = 0; i < 3; i++) {
          yield;
          memory.store(0x2000, 4, memory.load(0x2000, 4) + 1);
        }
      };
    const report = takeTurns({ alice: count(100), bob: count(7) }, (name) =>
      machine.switchMm(tables[name as "alice" | "bob"]),
    );
    expect(report.collisions).toEqual([]);
    machine.switchMm(tables.alice);
    expect(machine.cpu.load(0x2000, 4)).toBe(103);
  });

  it("see the same bytes where they map the same frame", () => {
    const machine = boot();
    const [alice, bob] = [machine.newPageTable("alice"), machine.newPageTable("bob")];
    const pfn = machine.frames.allocFrame()!;
    alice!.map(0x1000, pfn, USER_DATA);
    bob!.map(0x9000, pfn, USER_DATA);
    machine.cpu.cpl = 3;
    machine.switchMm(alice!).store(0x1000, 1, 42);
    expect(machine.switchMm(bob!).load(0x9000, 1)).toBe(42);
  });
});

describe("explain", () => {
  it("walks as the CPU would, for a user read unless told otherwise", () => {
    const machine = boot();
    const table = machine.newPageTable();
    table.mapNew(0x40_0000, 1, USER_DATA);
    machine.switchMm(table);
    const explained = machine.explain(0x40_0123);
    expect(explained.access).toBe(ACCESS_USER);
    expect(explained.pa).toBe(table.mappings()[0]!.pfn * 4096 + 0x123);
  });
});

describe("a stream on a machine", () => {
  it("runs in user mode, on the TLBs that were asked for, and leaves the mode as it was", () => {
    const machine = boot({ tlb: "tiny" });
    const table = machine.newPageTable();
    for (let i = 0; i < 6; i++) table.map(0x40_0000 + i * 4096, 16 + i, { user: true, writable: true });
    machine.switchMm(table);
    const stream = Uint32Array.from({ length: 600 }, (_, i) => (i % 6) * 4096 + (i % 2));
    expect(machine.run(stream, { baseVa: 0x40_0000 }).accesses).toBe(600);
    expect(machine.cpu.cpl).toBe(0);
    expect(machine.cpu.mmu.model.name).toBe("tiny");
    expect(machine.cpu.mmu.stats()).toMatchObject({ accesses: 600, walks: 6, faults: 0 });
  });

  it("runs on a learner's TLB", () => {
    let lookups = 0;
    const part = {
      lookup: () => {
        lookups++;
        return undefined;
      },
      insert: () => {},
      update: () => {},
      flush: () => {},
    };
    const machine = boot({ tlb: "tiny", parts: { tlb: () => part } });
    const table = machine.newPageTable();
    table.map(0x40_0000, 16, { user: true, writable: true });
    machine.switchMm(table);
    machine.run(new Uint32Array(10), { baseVa: 0x40_0000 });
    expect(lookups).toBe(60);
    expect(machine.cpu.mmu.walks).toBe(10);
  });
});
