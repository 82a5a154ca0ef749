import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import "../../../lib/procfs/mount.js";
import type { TraceEvent } from "../../../lib/mm/trace.js";
import { dropSwapCache } from "./area.js";

const PAGE = 4096;

function swapped(swap: "device" | "zswap" | "zeromap") {
  const machine = boot({ ram: "8 MiB", swap: "4 MiB" });
  const { sys } = machine.kernel;
  if (swap === "zswap") machine.procfs.write("/sys/module/zswap/parameters/enabled", "Y");
  const p = machine.spawn("p");
  const at = p.mmap(4 * PAGE);
  for (let page = 0; page < 4; page++) p.store(at + page * PAGE, 1, swap === "zeromap" ? 0 : 1);
  const act = (what: () => void) => sys.trace.record(what).filter(isSwap);
  return { machine, p, at, act };
}

const isSwap = ({ name }: TraceEvent) => /swap/.test(name) || name.endsWith("write_folio");
const names = (events: readonly TraceEvent[]) => [
  ...new Set(events.map(({ name }) => name.replace(/.*:/, ""))),
];

describe("the tracepoints of swap", () => {
  it("tell the way of a page out, in order, with the slot that it gets", () => {
    const { machine, p, at, act } = swapped("device");
    const events = act(() => {
      p.madvise(at, PAGE, "PAGEOUT");
      machine.kernel.sched.settle();
    });
    expect(names(events)).toEqual([
      "folio_alloc_swap",
      "set_swap_pte",
      "swap_writeout",
      "mm_vmscan_write_folio",
      "end_swap_write",
    ]);
    const slots = events.flatMap(({ fields }) => (fields.offset === undefined ? [] : [fields.offset]));
    expect(new Set(slots).size).toBe(1);
  });

  it("tell the way back in: a hit in the swap cache, a read with what is read ahead, the slot given up", () => {
    const { machine, p, at, act } = swapped("device");
    p.madvise(at, 4 * PAGE, "PAGEOUT");
    machine.kernel.sched.settle();
    expect(names(act(() => p.load(at)))).toContain("swap_cache_hit");
    p.madvise(at, 4 * PAGE, "PAGEOUT");
    machine.kernel.sched.settle();
    dropSwapCache(machine.kernel, machine.kernel.sys.swap.swapInfo[0]!);
    const read = act(() => p.store(at + PAGE, 1, 2));
    expect(names(read)).toEqual(
      expect.arrayContaining(["swap_read_folio", "swap_readahead", "end_swap_read"]),
    );
    expect(names(act(() => p.munmap(at, 4 * PAGE)))).toContain("swap_entry_free");
  });

  it.each(["device", "zswap", "zeromap"] as const)("say that the bytes are with the %s", (where) => {
    const { machine, p, at, act } = swapped(where);
    const out = act(() => p.madvise(at, PAGE, "PAGEOUT"));
    expect(out.find(({ name }) => name.endsWith("swap_writeout"))?.fields.to).toBe(where);
    machine.kernel.sched.settle();
    p.madvise(at, PAGE, "PAGEOUT");
    const back = act(() => p.load(at));
    const read = back.find(({ name }) => name.endsWith("swap_read_folio"));
    if (read !== undefined) expect(read.fields.from).toBe(where);
    else expect(names(back)).toContain("swap_cache_hit");
  });

  it("say nothing while nobody listens, and change nothing", () => {
    const [one, two] = [swapped("device"), swapped("device")];
    one.act(() => one.p.madvise(one.at, 4 * PAGE, "PAGEOUT"));
    two.p.madvise(two.at, 4 * PAGE, "PAGEOUT");
    expect(two.machine.kernel.sys.trace.events).toHaveLength(0);
    const vmstat = ({ machine }: typeof one) => machine.procfs.read("/proc/vmstat");
    expect(vmstat(one)).toBe(vmstat(two));
    expect(one.machine.clock.nowNs).toBe(two.machine.clock.nowNs);
  });
});
