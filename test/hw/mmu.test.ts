import { describe, expect, it } from "vitest";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu, type CpuOptions } from "../../lib/hw/cpu.js";
import { ACCESS_USER, ACCESS_WRITE, FaultError } from "../../lib/hw/fault.js";
import type { AccessRecord } from "../../lib/hw/mmu_stats.js";
import { Ram } from "../../lib/hw/ram.js";
import { CR4_SMAP } from "../../lib/hw/registers.js";
import type { TlbEntry } from "../../lib/hw/tlb_entry.js";
import { TLB_MODELS, type TlbModel, type TlbModelName } from "../../lib/hw/tlb_model.js";
import type { TlbPart } from "../../lib/hw/tlb_part.js";
import { walk } from "../../lib/hw/walk.js";
import { Tables } from "./tables.js";

const VA = 0x5555_5555_4000;

function boot(options: CpuOptions = {}): { cpu: Cpu; tables: Tables; ram: Ram } {
  const ram = new Ram(64 * 2 ** 20);
  const cpu = new Cpu(0, ram, new Clock(), options);
  const tables = new Tables(ram);
  cpu.writeCr3(0x1000);
  cpu.cpl = 3;
  return { cpu, tables, ram };
}

const marked = (ram: Ram, pfn: number) => ram.write8(pfn * 4096, pfn & 255);

describe("stale entries", () => {
  it("stay usable until they are flushed", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x101);
    marked(ram, 0x101);
    marked(ram, 0x102);
    expect(cpu.load(VA, 1)).toBe(0x01);
    tables.map(VA, 0x102);
    expect(cpu.load(VA, 1)).toBe(0x01);
    cpu.invlpg(VA + 0x123);
    expect(cpu.load(VA, 1)).toBe(0x02);
    tables.unmap(VA);
    expect(cpu.load(VA, 1)).toBe(0x02);
    cpu.invlpg(VA);
    expect(() => cpu.load(VA, 1)).toThrow(FaultError);
  });

  it("keep rights that the tables have taken away", () => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x101);
    cpu.store(VA, 1, 1);
    tables.map(VA, 0x101, 5);
    cpu.store(VA, 1, 2);
    cpu.invlpg(VA);
    expect(() => cpu.store(VA, 1, 3)).toThrow(expect.objectContaining({ errorCode: 7 }));
  });

  it("fault once when they are too strict, and are gone after the fault; AMD looks at the tables first", () => {
    for (const [tlb, faults] of [
      ["skylake", 1],
      ["zen2", 0],
    ] as const) {
      const { cpu, tables } = boot({ tlb });
      tables.map(VA, 0x101, 5);
      cpu.load(VA, 1);
      tables.map(VA, 0x101, 7);
      cpu.onPageFault = () => {};
      cpu.store(VA, 1, 3);
      expect([tlb, cpu.mmu.faults]).toEqual([tlb, faults]);
    }
  });

  it.each(Object.keys(TLB_MODELS) as TlbModelName[])(
    "of %s cost a spurious fault or a walk, never both",
    (tlb) => {
      const { cpu, tables } = boot({ tlb });
      const { rewalksOnFault = false, l1d }: TlbModel = TLB_MODELS[tlb];
      tables.map(VA, 0x101, 5);
      cpu.load(VA, 1);
      tables.map(VA, 0x101, 7);
      const seen: AccessRecord[] = [];
      cpu.mmu.trace = (record) => seen.push(record);
      cpu.onPageFault = () => {};
      cpu.store(VA, 1, 3);
      cpu.store(VA, 1, 4);
      const spurious = l1d.length > 0 && !rewalksOnFault;
      const none = l1d.length === 0;
      expect(seen.map((r) => r.source)).toEqual([
        ...(spurious ? ["fault", "walk"] : ["walk"]),
        none ? "walk" : "L1",
      ]);
      expect(cpu.mmu.stats()).toMatchObject({ faults: spurious ? 1 : 0, rewalks: 0, walks: none ? 3 : 2 });
      expect(cpu.mmu.stats().accesses).toBe(spurious ? 4 : 3);
    },
  );

  it.each([
    ["haswell", false],
    ["skylake", false],
    ["zen2", true],
  ] as const)("%s: AMD confirms a true fault by a second walk, Intel does not", (tlb, again) => {
    const { cpu, tables } = boot({ tlb });
    tables.map(VA, 0x101);
    cpu.load(VA, 1);
    const before = cpu.mmu.stats();
    expect(() => cpu.load(VA + 0x1000, 1)).toThrow(expect.objectContaining({ errorCode: 4 }));
    const after = cpu.mmu.stats();
    // One entry by way of the walk cache; the second walk starts at the top.
    expect(after.walkRefs - before.walkRefs).toBe(again ? 5 : 1);
    expect([after.walks - before.walks, after.rewalks, after.faults]).toEqual([1, again ? 1 : 0, 1]);
  });

  it("of tables: a right that a cached table denies is found by AMD's second walk, and by Intel's next one", () => {
    for (const [tlb, faults] of [
      ["skylake", 1],
      ["zen2", 0],
    ] as const) {
      const { cpu, tables, ram } = boot({ tlb });
      tables.map(VA, 0x101);
      tables.map(VA + 0x1000, 0x102);
      const pde = tables.entryPa(VA, 2);
      ram.writeEntry(pde, ram.readEntry(pde) & ~2n);
      cpu.load(VA, 1);
      ram.writeEntry(pde, ram.readEntry(pde) | 2n);
      cpu.onPageFault = () => {};
      cpu.store(VA + 0x1000, 1, 3);
      expect([tlb, cpu.mmu.faults]).toEqual([tlb, faults]);
    }
  });

  it("a write's D bit is set by the second walk, too, and the new translation is used", () => {
    const { cpu, tables, ram } = boot({ tlb: "zen2" });
    tables.map(VA, 0x101);
    cpu.load(VA, 1);
    const pde = tables.entryPa(VA, 2);
    const table = ram.readEntry(pde);
    cpu.mmu.flushPage(VA + 0x1000, 0, true);
    // The cached table loses its page; another table, not yet seen, has it.
    const pte = tables.entryPa(VA);
    ram.writeEntry(0x300 * 4096 + (pte % 4096), 0x103n * 4096n + 7n);
    ram.writeEntry(pde, (table & 0xfffn) | (0x300n * 4096n));
    ram.writeEntry(pte, 0n);
    cpu.store(VA, 1, 9);
    expect(ram.read8(0x103 * 4096)).toBe(9);
    expect(ram.readEntry(0x300 * 4096 + (pte % 4096)) & 0x60n).toBe(0x60n);
    expect(cpu.load(VA, 1)).toBe(9);
    expect(cpu.mmu.stats()).toMatchObject({ dirtyAssists: 1, rewalks: 1, faults: 0 });
  });

  it("for instructions are dropped by a page fault on data of the same page", () => {
    for (const tlb of ["skylake", "zen2"] as const) {
      const { cpu, tables } = boot({ tlb: { ...TLB_MODELS[tlb], l2: [] } });
      tables.map(VA, 0x101, 5);
      cpu.fetch(VA, 1);
      tables.unmap(VA);
      cpu.fetch(VA, 1);
      expect(() => cpu.load(VA, 1)).toThrow(FaultError);
      expect(() => cpu.fetch(VA, 1)).toThrow(FaultError);
    }
  });

  it("of a freed table stay in the walk caches until a flush", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x101);
    tables.map(VA + 0x1000, 0x102);
    marked(ram, 0x102);
    cpu.load(VA, 1);
    ram.writeEntry(tables.entryPa(VA, 2), 0n);
    expect(cpu.load(VA + 0x1000, 1)).toBe(0x02);
    cpu.invlpg(VA + 0x5000);
    cpu.invlpg(VA + 0x1000);
    expect(() => cpu.load(VA + 0x1000, 1)).toThrow(FaultError);
  });
});

describe("accessed and dirty bits", () => {
  it("are set once per TLB life, D by an assist on the first write", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x101);
    const pa = tables.entryPa(VA);
    cpu.load(VA, 1);
    expect(ram.readEntry(pa) & 0x60n).toBe(0x20n);
    cpu.store(VA, 1, 1);
    expect(ram.readEntry(pa) & 0x60n).toBe(0x60n);
    expect(cpu.mmu.stats()).toMatchObject({ walks: 1, dirtyAssists: 1, l1Hits: 1 });
    ram.writeEntry(pa, ram.readEntry(pa) & ~0x60n);
    cpu.store(VA, 1, 1);
    expect(ram.readEntry(pa) & 0x60n).toBe(0n);
    cpu.invlpg(VA);
    cpu.store(VA, 1, 1);
    expect(ram.readEntry(pa) & 0x60n).toBe(0x60n);
  });

  it("faults in the assist when the page is gone meanwhile", () => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x101);
    cpu.load(VA, 1);
    tables.unmap(VA);
    expect(() => cpu.store(VA, 1, 1)).toThrow(expect.objectContaining({ errorCode: 6 }));
  });
});

describe("address spaces", () => {
  it("are told apart by PCID, so that a switch without flush keeps both", () => {
    const { cpu, tables, ram } = boot();
    const other = new Tables(ram, 0x80);
    tables.map(VA, 0x101);
    other.map(VA, 0x102);
    marked(ram, 0x101);
    marked(ram, 0x102);
    cpu.writeCr3(0x1000 + 1);
    expect(cpu.load(VA, 1)).toBe(1);
    cpu.writeCr3(0x80000 + 2, true);
    expect(cpu.load(VA, 1)).toBe(2);
    cpu.writeCr3(0x1000 + 1, true);
    expect(cpu.load(VA, 1)).toBe(1);
    expect(cpu.mmu.walks).toBe(2);
    cpu.writeCr3(0x1000 + 1);
    expect(cpu.load(VA, 1)).toBe(1);
    expect(cpu.mmu.walks).toBe(3);
    cpu.writeCr3(0x80000 + 2, true);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(3);
  });

  it("share global pages, which only invlpg and full flushes drop", () => {
    const { cpu, tables, ram } = boot();
    tables.map(VA, 0x101, 0x107);
    cpu.load(VA, 1);
    cpu.writeCr3(0x1000 + 5);
    cpu.load(VA, 1);
    cpu.invpcid(0, 5, VA);
    cpu.invpcid(1, 5);
    cpu.invpcid(3);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(1);
    cpu.invpcid(2);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(2);
    cpu.invlpg(VA);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(3);
    ram.writeEntry(tables.entryPa(VA), 0x102007n);
    cpu.cr4 -= CR4_SMAP;
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(4);
  });

  it("can be flushed one by one from another one", () => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x101);
    for (const pcid of [1, 2]) {
      cpu.writeCr3(0x1000 + pcid, true);
      cpu.load(VA, 1);
    }
    cpu.flushOne(VA, 1);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(2);
    cpu.writeCr3(0x1001, true);
    cpu.load(VA, 1);
    expect(cpu.mmu.walks).toBe(3);
    expect(() => cpu.invpcid(1, 4096)).toThrow(/PCID 4096/);
  });
});

describe("page sizes", () => {
  it("each hit in the TLB that holds them", () => {
    const { cpu, tables } = boot();
    tables.map(0x4000_0000, 0, 7, 3);
    tables.map(0x8020_0000, 0x600, 7, 2);
    for (let i = 0; i < 3; i++) {
      expect(cpu.translate(0x4012_3456, ACCESS_USER)).toMatchObject({ pa: 0x12_3456 });
      expect(cpu.translate(0x8023_4567 + i * 0x2_0000, ACCESS_USER)).toMatchObject({
        pa: 0x63_4567 + i * 0x2_0000,
      });
    }
    const { tlbs, walks } = cpu.mmu.stats();
    expect(walks).toBe(2);
    expect(tlbs.filter((t) => t.name === "L1d").map((t) => t.hits.slice(1))).toEqual([
      [0, 0, 0],
      [0, 2, 0],
      [0, 0, 2],
    ]);
  });

  it("are broken into pieces where no TLB holds them, and one invlpg drops all pieces", () => {
    const { cpu, tables } = boot({ tlb: "nehalem" });
    tables.map(0x4000_0000, 0, 7, 3);
    cpu.load(0x4000_0000, 1);
    cpu.load(0x4020_0000, 1);
    expect(cpu.mmu.l1d[2]!.nrValid[2]).toBe(2);
    tables.map(0x4000_0000, 0x4_0000, 7, 3);
    cpu.invlpg(0x4000_0000);
    expect(cpu.translate(0x4020_0000, ACCESS_USER)).toEqual({ pa: 0x4020_0000 });
  });
});

describe("page-walk caches", () => {
  it("shorten walks by what they remember", () => {
    const { cpu, tables } = boot();
    for (const va of [VA, VA + 0x1000, VA + 0x4000_0000]) tables.map(va, 0x101);
    const refs = [VA, VA + 0x1000, VA + 0x4000_0000].map((va) => {
      const before = cpu.mmu.walkRefs;
      cpu.load(va, 1);
      return cpu.mmu.walkRefs - before;
    });
    expect(refs).toEqual([4, 1, 3]);
    expect(cpu.mmu.stats().walkCacheHits).toBe(2);
  });
});

describe("the clock", () => {
  it("charges each access for how far it had to look", () => {
    const { cpu, tables } = boot({ tlb: "bench" });
    for (let i = 0; i < 5; i++) tables.map(VA + i * 0x10000, 0x101 + i);
    const cost = (va: number) => {
      const before = cpu.clock.nowNs;
      cpu.load(va, 1);
      return cpu.clock.nowNs - before;
    };
    expect(cost(VA)).toBe(1.25 + 1.75 + 4 * 3.5);
    expect(cost(VA)).toBe(1.25);
    for (let i = 1; i < 5; i++) cost(VA + i * 0x10000);
    expect(cost(VA)).toBe(1.25 + 1.75);
  });
});

describe("a trace", () => {
  it("tells where each access was answered", () => {
    const { cpu, tables } = boot();
    tables.map(VA, 0x101);
    const seen: AccessRecord[] = [];
    cpu.mmu.trace = (record) => seen.push(record);
    cpu.load(VA, 1);
    cpu.store(VA, 1, 1);
    expect(() => cpu.load(0, 1)).toThrow();
    expect(seen.map((r) => [r.source, r.walkRefs, r.dirtyAssist])).toEqual([
      ["walk", 4, false],
      ["L1", 1, true],
      ["fault", 1, false],
    ]);
  });
});

describe("paging off and 32-bit paging", () => {
  it("lets an address stand for itself", () => {
    const { cpu, ram } = boot();
    cpu.cr0 = 0;
    ram.write8(0x5000, 7);
    expect(cpu.load(0x5000, 1)).toBe(7);
    expect(cpu.mmu.stats()).toMatchObject({ accesses: 1, walks: 0 });
  });

  it("caches both halves of a 4 MiB page and drops both", () => {
    const { cpu, ram } = boot({ levels: 2 });
    ram.setWord(1, 1, 0x40_0087);
    cpu.load(0x40_0000, 1);
    cpu.load(0x60_0000, 1);
    expect(cpu.mmu.l1d[2]!.nrValid[2]).toBe(2);
    cpu.invlpg(0x40_0000);
    expect(cpu.mmu.l1d[2]!.nrValid[2]).toBe(0);
  });
});

/** The simplest TLB that works: a list, most recently used first. */
class ListPart implements TlbPart {
  entries: TlbEntry[] = [];
  readonly size: number;
  constructor(size: number) {
    this.size = size;
  }
  lookup(vpn: number, level: number, pcid: number): TlbEntry | undefined {
    const found = this.entries.find(
      (e) => e.vpn === vpn && e.level === level && (e.global || e.pcid === pcid),
    );
    if (found) this.entries = [found, ...this.entries.filter((e) => e !== found)];
    return found;
  }
  insert(entry: TlbEntry): void {
    this.entries = [entry, ...this.entries].slice(0, this.size);
  }
  update(entry: TlbEntry): void {
    this.entries = this.entries.map((e) =>
      e.vpn === entry.vpn && e.level === entry.level && e.pcid === entry.pcid && e.global === entry.global
        ? entry
        : e,
    );
  }
  flush(matches: (entry: TlbEntry) => boolean): void {
    this.entries = this.entries.filter((e) => !matches(e));
  }
}

describe("replaced parts", () => {
  it("run a learner's TLB with the same counters as the machine's own", () => {
    const geometry = { sets: 1, ways: 4, levels: [1] };
    const tlb = { ...TLB_MODELS.none, l1d: [geometry], l2: [{ sets: 1, ways: 8, levels: [1] }] };
    const runs = [undefined, (g: { ways: number }) => new ListPart(g.ways)].map((tlbPart) => {
      const { cpu, tables } = boot({ tlb, tlbPart });
      for (let i = 0; i < 12; i++) tables.map(VA + i * 4096, 0x200 + i, i % 3 ? 7 : 0x107);
      for (let i = 0, x = 1; i < 2000; i++) {
        x = (x * 16807) % 2147483647;
        const va = VA + (Math.floor(x / 64) % (i % 50 < 25 ? 6 : 12)) * 4096;
        if (x % 4) cpu.load(va, 1);
        else cpu.store(va, 1, 1);
        if (i % 97 === 0) cpu.invlpg(va);
        if (i % 301 === 0) cpu.writeCr3(0x1000 + (i % 3), i % 2 === 0);
      }
      const { walks, walkRefs, dirtyAssists, faults } = cpu.mmu;
      return { walks, walkRefs, dirtyAssists, faults, nowNs: cpu.clock.nowNs };
    });
    expect(runs[0]!.walks).toBeGreaterThan(100);
    expect(runs[1]).toEqual(runs[0]);
  });

  it("run a learner's walker", () => {
    let walks = 0;
    const { cpu, tables } = boot({
      walk: (...args) => {
        walks++;
        return walk(...args);
      },
    });
    tables.map(VA, 0x101);
    cpu.store(VA, 1, 9);
    expect(cpu.load(VA, 1)).toBe(9);
    expect(walks).toBe(1);
    expect(cpu.mmu.translate(VA, ACCESS_USER | ACCESS_WRITE)).toBe(0x101000);
  });
});
