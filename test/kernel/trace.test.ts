import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { sysMmap } from "../../lib/kernel/syscalls/mm.js";
import { lruAddDrain } from "../../lib/mm/lru/swap.js";
import { traceCalls } from "../../lib/mm/trace.js";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "../../lib/mm/vma/mman.js";

describe("the path of one fault", () => {
  it("is recorded from the exception to the page that was allocated", () => {
    const { kernel } = boot({ ram: "16 MiB" });
    const task = kernel.spawn("demo");
    const at = sysMmap(kernel, task, 0, 4096 * 4, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    task.store(at, 1, 7);
    const { trace } = kernel.sys;
    trace.enable("*");
    task.store(at + 4096, 1, 7);
    trace.disable();
    expect(trace.events.map((event) => [event.depth, event.name, event.fields.func ?? ""])).toEqual([
      [0, "exceptions:page_fault_user", ""],
      [0, "ftrace:funcgraph_entry", "handle_mm_fault"],
      [1, "ftrace:funcgraph_entry", "do_anonymous_page"],
      [2, "kmem:mm_page_alloc", ""],
      [2, "pagewalk:clear_page", ""],
      [1, "ftrace:funcgraph_exit", "do_anonymous_page"],
      [0, "ftrace:funcgraph_exit", "handle_mm_fault"],
    ]);
    expect(trace.events.every((event) => event.pid === task.pid)).toBe(true);
    expect(traceCalls(trace.events).map((call) => call.func)).toEqual([
      "handle_mm_fault",
      "do_anonymous_page",
    ]);
    task.store(at + 8192, 1, 7);
    expect(trace.events).toHaveLength(7);
  });

  it("ends in the page that is freed when the mapping is gone and the LRU batch lets go", () => {
    const machine = boot({ ram: "16 MiB" });
    const demo = machine.spawn("demo");
    const at = demo.mmap("16 KiB");
    const { trace } = machine.kernel.sys;
    const pfns = (name: string, act: () => void) =>
      trace.record(act).flatMap((event) => (event.name === name ? [event.fields.pfn] : []));
    demo.store(at, 1, 7);
    const taken = pfns("kmem:mm_page_alloc", () => demo.store(at + 4096, 1, 7));
    expect(taken).toHaveLength(1);
    const unmapAndDrain = () => {
      demo.munmap(at, "16 KiB");
      lruAddDrain(machine.kernel.sys);
    };
    expect(pfns("kmem:mm_page_free", unmapAndDrain)).toEqual(expect.arrayContaining(taken));
  });

  it("shows the page of a file entering the page cache and leaving it", () => {
    const machine = boot({ ram: "16 MiB" });
    const names = machine.kernel.sys.trace
      .record(() => {
        machine.kernel.files.writeFile("/data/a", new Uint8Array(4096).fill(1));
        machine.kernel.files.unlink("/data/a");
      })
      .map((event) => event.name);
    expect(names).toEqual(expect.arrayContaining(["filemap:mm_filemap_add_to_page_cache"]));
    expect(names).toEqual(expect.arrayContaining(["filemap:mm_filemap_delete_from_page_cache"]));
  });
});
