import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LEVEL_SIZE, PAGE_SIZE } from "../../lib/hw/address.js";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE } from "../../lib/hw/fault.js";
import { Ram } from "../../lib/hw/ram.js";
import { linuxPaging } from "../../lib/hw/registers.js";
import { sendIpi } from "../../lib/hw/smp.js";
import { TLB_MODELS, type TlbModelName } from "../../lib/hw/tlb_model.js";
import type { WalkWatch } from "../../lib/hw/translation.js";
import { walk } from "../../lib/hw/walk.js";
import { Tables } from "./tables.js";

/** Small pages around a large one's border, and one far away. */
const PAGES = [0, 1, 2, 511, 512, 513, 1024, 5000].map((n) => 0x7f00_0000_0000 + n * PAGE_SIZE);
const LARGE = 0x7f00_4000_0000;
const SPACES = 2;
/** From this one on, pages are global: the same in every address space. */
const FIRST_GLOBAL = 6;

type Step =
  | { do: "map"; page: number; flags: number; nx: boolean }
  | { do: "mapLarge"; on: boolean }
  | { do: "unmap"; page: number }
  | { do: "clearAD"; page: number }
  | { do: "switch"; space: number; noFlush: boolean }
  | { do: "access"; page: number; kind: number; user: boolean }
  | { do: "flushAll" };

const page = fc.nat(PAGES.length);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("map" as const),
    page,
    flags: fc.constantFrom(7, 7, 5, 3, 1),
    nx: fc.boolean(),
  }),
  fc.record({ do: fc.constant("mapLarge" as const), on: fc.boolean() }),
  fc.record({ do: fc.constant("unmap" as const), page }),
  fc.record({ do: fc.constant("clearAD" as const), page }),
  fc.record({ do: fc.constant("switch" as const), space: fc.nat(SPACES - 1), noFlush: fc.boolean() }),
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("access" as const),
      page,
      kind: fc.constantFrom(ACCESS_READ, ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH),
      user: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant("flushAll" as const) }),
);

/** Two CPUs in two address spaces under a kernel that flushes whatever it changes, everywhere. */
class CarefulKernel {
  readonly ram = new Ram(64 * 2 ** 20);
  readonly clock = new Clock();
  readonly spaces = [new Tables(this.ram, 1), new Tables(this.ram, 0x400)];
  readonly cpus: Cpu[];
  current = 0;
  nextFrame = 0x1000;

  constructor(tlb: TlbModelName) {
    this.cpus = [0, 1].map((id) => new Cpu(id, this.ram, this.clock, { tlb }));
    for (const cpu of this.cpus) this.switchTo(cpu, 0, false);
  }

  va(index: number): number {
    return PAGES[index] ?? LARGE + 0x12_3000;
  }

  switchTo(cpu: Cpu, space: number, noFlush: boolean): void {
    cpu.writeCr3(this.spaces[space]!.rootPfn * PAGE_SIZE + space + 1, noFlush);
  }

  /** A changed entry: every CPU drops the page in this address space, the global entry included. */
  flush(va: number): void {
    const pcid = this.current + 1;
    const drop = (cpu: Cpu) => {
      cpu.invlpg(va);
      cpu.flushOne(va, pcid);
    };
    drop(this.cpus[0]!);
    sendIpi(this.cpus[0]!, this.cpus, drop);
  }

  apply(s: Step): void {
    const cpu = this.cpus[0]!;
    const tables = this.spaces[this.current]!;
    if (s.do === "map" && s.page < PAGES.length) {
      const global = s.page >= FIRST_GLOBAL;
      const pfn = this.nextFrame++;
      for (const t of global ? this.spaces : [tables])
        t.map(this.va(s.page), pfn, global ? s.flags | 0x100 : s.flags, 1, s.nx);
      for (const at of global ? [0, 1] : [this.current]) this.flushIn(at, this.va(s.page));
    } else if (s.do === "mapLarge") {
      if (s.on) tables.map(LARGE, 0x2000 + this.current * 512, 7, 2);
      else tables.unmap(LARGE, 2);
      this.flush(LARGE);
    } else if (s.do === "unmap" && s.page < PAGES.length) {
      // From everywhere, since a global page must be.
      for (const at of [0, 1]) {
        this.spaces[at]!.unmap(this.va(s.page));
        this.flushIn(at, this.va(s.page));
      }
    } else if (s.do === "clearAD" && s.page < PAGES.length) {
      const pa = tables.entryPa(this.va(s.page));
      this.ram.writeEntry(pa, this.ram.readEntry(pa) & ~0x60n);
      this.flush(this.va(s.page));
    } else if (s.do === "switch") {
      this.current = s.space;
      this.switchTo(cpu, s.space, s.noFlush);
    } else if (s.do === "flushAll") cpu.flushAll();
  }

  flushIn(space: number, va: number): void {
    const saved = this.current;
    this.current = space;
    this.flush(va);
    this.current = saved;
  }
}

/** What the TLBs hold that a walk of the tables contradicts, in words. Also how many entries there were. */
function wrongEntries(kernel: CarefulKernel): { wrong: string[]; checked: number } {
  const wrong: string[] = [];
  let checked = 0;
  for (const cpu of kernel.cpus)
    for (const entry of cpu.mmu.tlbs.flatMap((tlb) => tlb.entries())) {
      checked++;
      const space = entry.global ? 0 : entry.pcid - 1;
      const paging = linuxPaging(kernel.spaces[space]!.rootPfn, { smap: false, smep: false });
      const watch: WalkWatch = { steps: [], dryRun: true };
      const va = entry.vpn * LEVEL_SIZE[entry.level]!;
      const now = walk(kernel.ram, paging, va, entry.rights & 4, watch);
      // A TLB may know less than the tables (D not yet set; a piece of a larger page), never more.
      const agrees =
        "pa" in now &&
        now.pa === entry.pfn * PAGE_SIZE &&
        now.level >= entry.level &&
        (now.rights & 0x306) === (entry.rights & 0x306) &&
        (entry.global || (entry.rights & ~now.rights & 0x40) === 0) &&
        (entry.global || watch.steps.every((step) => (step.entry & 0x20n) !== 0n));
      if (!agrees)
        wrong.push(`CPU ${cpu.id}: ${JSON.stringify(entry)} but the walk says ${JSON.stringify(now)}`);
    }
  return { wrong, checked };
}

describe("TLBs under a kernel that flushes what it changes", () => {
  it.each(Object.keys(TLB_MODELS) as TlbModelName[])(
    "%s: entries agree with the tables, translation with a bare walk",
    (tlb) => {
      let seen = 0;
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: "max" }), (steps) => {
          const kernel = new CarefulKernel(tlb);
          const bare = new CarefulKernel("none");
          for (const s of steps) {
            kernel.apply(s);
            bare.apply(s);
            if (s.do !== "access") continue;
            for (const [i, cpu] of kernel.cpus.entries()) {
              cpu.cpl = s.user ? 3 : 0;
              bare.cpus[i]!.cpl = cpu.cpl;
              const access = s.kind | (s.user ? 4 : 0);
              const va = kernel.va(s.page) + 8 * i;
              expect(cpu.translate(va, access)).toEqual(bare.cpus[i]!.translate(va, access));
            }
            const { wrong, checked } = wrongEntries(kernel);
            expect(wrong).toEqual([]);
            seen += checked;
          }
        }),
        { numRuns: 12 },
      );
      expect(seen > 0).toBe(tlb !== "none");
    },
  );
});
