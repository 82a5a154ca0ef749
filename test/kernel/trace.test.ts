import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { sysMmap } from "../../lib/kernel/syscalls/mm.js";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "../../lib/mm/mman.js";
import { traceCalls } from "../../lib/mm/trace.js";

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
      [1, "ftrace:funcgraph_exit", "do_anonymous_page"],
      [0, "ftrace:funcgraph_exit", "handle_mm_fault"],
    ]);
    expect(trace.events.every((event) => event.pid === task.pid)).toBe(true);
    expect(traceCalls(trace.events).map((call) => call.func)).toEqual([
      "handle_mm_fault",
      "do_anonymous_page",
    ]);
    task.store(at + 8192, 1, 7);
    expect(trace.events).toHaveLength(6);
  });
});
