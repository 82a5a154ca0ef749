import { describe, expect, it } from "vitest";
import "../../lib/procfs/mount.js";
import { boot } from "../../lib/kernel/machine.js";
import { drawOwners } from "../../lib/view/draw_owners.js";
import { sharersOf } from "../../lib/view/family.js";
import { ownersOf, tlbSets } from "../../lib/view/mm_data.js";
import { type Recording, type RecordOptions, record } from "../../lib/view/record.js";
import { stepper } from "../../lib/view/stepper.js";

function alice() {
  const machine = boot({ ram: "16 MiB", tlb: "tiny" });
  const process = machine.spawn("alice");
  const at = process.mmap("16 KiB");
  process.touch(at, "16 KiB");
  return { machine, process, at };
}

/** Fork, a copy, a reuse and an exit, recorded or not; what the clock and every counter say at the end. */
function life(recorded: boolean) {
  const { machine, process, at } = alice();
  const act = () => {
    const bob = process.fork("bob");
    process.store(at, 1, 7);
    bob.store(at, 1, 8);
    bob.exit();
  };
  const capture = () => [ownersOf(sharersOf(process)), tlbSets(machine.cpu.mmu.l1d[1]!)];
  if (recorded) record(machine, act, { events: ["*", "mmu:access"], capture });
  else act();
  const vmstat = machine.procfs.read("/proc/vmstat");
  return {
    now: machine.clock.nowNs,
    vmstat,
    mmu: machine.cpu.mmu.stats(),
    counters: { ...machine.cpu.counters },
  };
}

describe("a recording", () => {
  it("shows a fork while it is half done: entry by entry, the child gets what the parent has", () => {
    const { machine, process } = alice();
    const forked = record(machine, () => void process.fork("bob"), {
      events: ["pagewalk:copy_present_ptes"],
      capture: () => ownersOf(sharersOf(process)),
    });
    const child = forked.states.map((owners) => owners[1]?.pages.length ?? 0);
    expect(child).toEqual([0, 1, 2, 3, 4, 4]);
    const writable = forked.states.map((owners) => owners[0]!.pages.filter((page) => page.writable).length);
    expect(writable).toEqual([4, 3, 2, 1, 0, 0]);
    expect(forked.states.map((owners) => owners[1]?.name)).toEqual([
      undefined,
      ...Array(4).fill("the child"),
      "bob",
    ]);
    expect(forked.labels[0]).toBe("before");
    expect(forked.labels[1]).toMatch(/^copy_present_ptes addr=0x\w+ pfn=0x\w+$/);
    const shown = stepper(forked, (owners) => drawOwners({ title: "Who maps which frame", owners }));
    expect(shown.captions[5]).toBe("step 6 of 6: after");
  });

  it("shows each write when do_wp_page returns, and each entry that an exit takes away", () => {
    const { machine, process, at } = alice();
    const bob = process.fork("bob");
    const capture = () => ownersOf({ alice: process.mm }).map(({ pages }) => pages[0]!.pfn)[0]!;
    const written = record(machine, () => process.store(at, 1, 7), { events: ["do_wp_page()"], capture });
    expect(written.steps.map(({ event }) => event?.name)).toEqual([undefined, "do_wp_page()"]);
    expect(written.states[0]).not.toBe(written.states[1]);
    const gone = record(machine, () => bob.exit(), {
      events: ["pagewalk:zap_present_ptes"],
      capture: (event) => event?.fields.addr,
    });
    expect(gone.states.filter((addr) => addr !== undefined)).toEqual([0, 1, 2, 3].map((i) => at + i * 4096));
  });

  it("shows a TLB access by access, without a kernel, and others still hear the accesses", () => {
    const machine = boot({ ram: "1 MiB", tlb: "tiny" });
    const table = machine.newPageTable("t");
    table.mapNew(0x40_0000, 4, { user: true });
    const cpu = machine.switchMm(table);
    cpu.cpl = 3;
    const heard: number[] = [];
    cpu.mmu.trace = ({ va }) => heard.push(va);
    const pages = [0x40_0000, 0x40_1000, 0x40_0000];
    const used = record(machine, () => pages.forEach((va) => void cpu.load(va, 8)), {
      events: ["mmu:access"],
      capture: () =>
        tlbSets(cpu.mmu.l1d[1]!)
          .flat()
          .flatMap((cell) => cell?.vpn ?? []),
    });
    expect(used.states).toEqual([[], [0x400], [0x400, 0x401], [0x400, 0x401]]);
    expect(used.labels.slice(1)).toEqual([
      "user read 0x400000: a walk of 4 entries",
      "user read 0x401000: a walk of 4 entries",
      "user read 0x400000: found in L1",
    ]);
    expect(heard).toEqual(pages);
    cpu.load(0x40_2000, 8);
    expect(heard).toHaveLength(4);
  });

  it("shows the window of readahead and what fault-around maps", () => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/data/f", new Uint8Array(64 * 4096));
    const reader = machine.spawn("reader");
    const fd = reader.open("/data/f");
    reader.dropCache(fd);
    const va = reader.mmap("256 KiB", { fd, prot: "r" });
    const events = ["readahead:*", "filemap:mm_filemap_map_pages"];
    const { steps } = record(machine, () => void reader.load(va), { events, capture: (event) => event });
    const names = steps.flatMap(({ event }) => event?.name ?? []);
    expect(names).toContain("readahead:page_cache_ra_order");
    expect(steps.at(-1)!.event ?? steps.at(-2)!.event).toMatchObject({
      name: "filemap:mm_filemap_map_pages",
      fields: { index: 0, last_index: 15 },
    });
  });

  it("hears of a switch of address space, flushed or not, and of frames that are cleared", () => {
    for (const pcid of [true, false]) {
      const machine = boot({ ram: "16 MiB", pcid });
      const [one, two] = [machine.spawn("one"), machine.spawn("two")];
      const [a, b] = [one.mmap("8 KiB"), two.mmap("8 KiB")];
      one.store(a, 1, 1);
      two.store(b, 1, 1);
      const heard = record(machine, () => one.store(a + 4096, 1, 1), {
        events: ["tlb:tlb_flush", "pagewalk:clear_page"],
        capture: (event) => event?.fields,
      });
      const pfn = ownersOf({ one: one.mm })[0]!.pages[1]!.pfn;
      expect(heard.states.filter((fields) => fields !== undefined)).toEqual([
        { pages: pcid ? 0 : -1, reason: 0 },
        { pfn, order: 0 },
      ]);
    }
  });

  it("tells the begin of a function only where it is asked to", () => {
    const { machine, process, at } = alice();
    process.fork("bob");
    const labels = (events: string[]) =>
      record(machine, () => process.store(at, 1, 7), { events, capture: () => 0 }).labels;
    expect(labels(["ftrace:funcgraph_entry"])).toEqual([
      "before",
      "handle_mm_fault begins",
      "do_wp_page begins",
    ]);
    process.fork("carol");
    expect(labels(["*"]).filter((label) => label.endsWith("begins"))).toEqual([]);
  });

  it("changes neither the clock nor any counter", () => {
    expect(life(true)).toEqual(life(false));
  });

  it("leaves out steps that change nothing, where that is asked for", () => {
    const { machine, process, at } = alice();
    const options = { events: ["mmu:access"], onlyChanges: true, capture: () => process.getrusage().minFlt };
    expect(record(machine, () => void process.load(at), options).steps).toHaveLength(1);
  });

  it("says what is wrong, after the kernel is done, and leaves nothing on", () => {
    const { machine, process, at } = alice();
    const start = (options: Partial<RecordOptions<unknown>>): Recording<unknown> =>
      record(machine, () => process.touch(process.mmap("1 MiB"), "1 MiB"), { capture: () => 0, ...options });
    expect(() => start({ events: ["kmem:no_such"] })).toThrow(/there is no event "kmem:no_such"/);
    expect(() => start({ capture: 7 as never })).toThrow(/capture must be a function/);
    expect(() => start({})).toThrow(/at most 200 steps/);
    const fails = (event?: unknown) => {
      if (event !== undefined) throw new RangeError("cannot look");
    };
    expect(() => start({ capture: fails })).toThrow("cannot look");
    expect(() => record(machine, () => void process.load(0x10), { capture: () => 0 })).toThrow(/SIGSEGV/);
    const { trace } = machine.kernel.sys;
    expect([trace.on, trace.graph, trace.events, machine.cpu.mmu.trace]).toEqual([
      false,
      false,
      [],
      undefined,
    ]);
    expect(at).toBeGreaterThan(0);
  });
});
