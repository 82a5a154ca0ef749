/**
 * Tracepoints: places in the kernel that report what passes, when somebody listens.
 *
 *   trace.enable("exceptions:*", "kmem:mm_page_alloc")
 *   ... the machine runs; each enabled place adds one event to a ring of fixed size ...
 *   trace.events     [{ timeNs: 5120, name: "exceptions:page_fault_user", depth: 0, fields: { address: "0x1000...", ... } }, ...]
 *
 * The names and the fields are Linux's, "system:event" as under /sys/kernel/tracing/events, so that what is
 * learned here works with trace-cmd and perf. At a tracepoint the kernel says
 *
 *   if (sys.trace.on) sys.trace.emit("kmem:mm_page_alloc", { pfn, order });
 *
 * so that a tracepoint nobody listens to costs one test of a boolean. `enter` and `exit` bracket a function,
 * as the function_graph tracer does; they give events their depth, and a fault its path. `watch` has a
 * function called at each event, in the moment in which it happens: so a fork can be looked at while it is
 * half done.
 *
 * Differs from Linux: events carry simulated time, and one ring serves all CPUs.
 *
 * Read first: system.ts.
 */

/**
 * Every tracepoint of the machine. Linux include/trace/events/*.h, arch/x86/include/asm/trace/exceptions.h
 */
export const TRACEPOINTS = [
  "exceptions:page_fault_user",
  "exceptions:page_fault_kernel",
  "kmem:mm_page_alloc",
  "kmem:mm_page_free",
  "filemap:mm_filemap_add_to_page_cache",
  "filemap:mm_filemap_delete_from_page_cache",
  "filemap:mm_filemap_map_pages",
  "oom:mark_victim",
  "readahead:page_cache_ra_order",
  "tlb:tlb_flush",
  "writeback:global_dirty_state",
  "writeback:balance_dirty_pages",
  "writeback:bdi_dirty_ratelimit",
  "writeback:writeback_start",
  "writeback:writeback_written",
  "writeback:writeback_single_inode",
  "vmscan:mm_vmscan_direct_reclaim_begin",
  "vmscan:mm_vmscan_direct_reclaim_end",
  "vmscan:mm_vmscan_lru_shrink_inactive",
  "vmscan:mm_vmscan_lru_shrink_active",
  "vmscan:mm_vmscan_wakeup_kswapd",
  "vmscan:mm_vmscan_kswapd_wake",
  "vmscan:mm_vmscan_kswapd_sleep",
  "vmscan:mm_vmscan_throttled",
  "vmscan:mm_vmscan_write_folio",
  "compaction:mm_compaction_isolate_migratepages",
  "compaction:mm_compaction_isolate_freepages",
  "compaction:mm_compaction_fast_isolate_freepages",
  "compaction:mm_compaction_migratepages",
  "compaction:mm_compaction_begin",
  "compaction:mm_compaction_end",
  "compaction:mm_compaction_try_to_compact_pages",
  "compaction:mm_compaction_finished",
  "compaction:mm_compaction_suitable",
  "compaction:mm_compaction_deferred",
  "compaction:mm_compaction_defer_compaction",
  "compaction:mm_compaction_defer_reset",
  "compaction:mm_compaction_kcompactd_sleep",
  "compaction:mm_compaction_wakeup_kcompactd",
  "compaction:mm_compaction_kcompactd_wake",
  "migrate:mm_migrate_pages",
  "migrate:set_migration_pte",
  "migrate:remove_migration_pte",
  "ftrace:funcgraph_entry",
  "ftrace:funcgraph_exit",
  // Not in Linux: an entry of the parent was copied to the child; an entry was taken away; a block of
  // frames was filled with zeros; a page that reclaim had taken came back. There, kprobes on the functions.
  "pagewalk:copy_present_ptes",
  "pagewalk:zap_present_ptes",
  "pagewalk:clear_page",
  "pagewalk:workingset_refault",
  // Not in Linux: a page got a slot of swap; an entry of a page table names the slot instead of the frame;
  // the page was sent to where the slot's bytes are kept, and has arrived; it was found in the swap cache, or
  // sent for, or came ahead of need, and has arrived; nobody has the slot any more. There, kprobes, too.
  "pagewalk:folio_alloc_swap",
  "pagewalk:set_swap_pte",
  "pagewalk:swap_writeout",
  "pagewalk:end_swap_write",
  "pagewalk:swap_cache_hit",
  "pagewalk:swap_read_folio",
  "pagewalk:swap_readahead",
  "pagewalk:end_swap_read",
  "pagewalk:swap_entry_free",
] as const;

/** Name of a tracepoint. Not in Linux: a struct trace_event_call there. */
export type TracepointName = (typeof TRACEPOINTS)[number];

/** Values that an event carries, as Linux names them. */
export type TraceFields = Readonly<Record<string, number | string>>;

/** One event. Linux include/linux/trace_events.h:struct trace_entry */
export interface TraceEvent {
  /** Simulated time. */
  readonly timeNs: number;
  readonly name: TracepointName;
  /** pid of the task that was served, 0 for the kernel itself. */
  readonly pid: number;
  /** How many traced functions were entered and not left. */
  readonly depth: number;
  readonly fields: TraceFields;
}

/** What the ring must know of the machine. */
export interface TraceSystem {
  readonly clock: { readonly nowNs: number };
  readonly current: { readonly pid: number } | undefined;
}

/** Events that the ring holds unless told otherwise. */
const DEFAULT_TRACE_EVENTS = 65536;

/**
 * Whether `name` fits `pattern`: a name, "system:*" or "*".
 * Linux kernel/trace/trace_events.c:__ftrace_set_clr_event()
 */
export function fitsTracepoint(pattern: string, name: string): boolean {
  return pattern === name || (pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1)));
}

/**
 * The tracepoints of one machine and the ring their events go to. Linux kernel/trace/trace.c:struct
 * trace_array
 */
export class TraceRing {
  /** Whether any tracepoint is enabled: the one test that a silent tracepoint costs. */
  on = false;
  /** Whether functions are bracketed: enter() and exit(). */
  graph = false;
  private readonly enabled = new Set<TracepointName>();
  private ring: TraceEvent[] = [];
  private next = 0;
  private depth = 0;
  /** Called at every event while it is set. Linux tracepoint_probe_register() */
  private probe: ((event: TraceEvent) => void) | undefined;
  /** Events that were overwritten because the ring was full. Linux per_cpu/cpuN/stats: overrun */
  overrun = 0;

  constructor(
    private readonly sys: TraceSystem,
    private readonly capacity = DEFAULT_TRACE_EVENTS,
  ) {}

  /**
   * Listens to the tracepoints that fit: a name, "system:*" or "*". RangeError when nothing fits.
   * Linux kernel/trace/trace_events.c:ftrace_set_clr_event()
   */
  enable(...patterns: string[]): void {
    for (const pattern of patterns) {
      const names = TRACEPOINTS.filter((name) => fitsTracepoint(pattern, name));
      if (names.length === 0)
        throw new RangeError(`there is no tracepoint "${pattern}"; there are ${TRACEPOINTS.join(", ")}`);
      for (const name of names) this.enabled.add(name);
    }
    this.update();
  }

  /** Stops listening; without arguments to all. What was recorded stays. */
  disable(...patterns: string[]): void {
    const all = patterns.length === 0 ? ["*"] : patterns;
    for (const name of [...this.enabled])
      if (all.some((pattern) => fitsTracepoint(pattern, name))) this.enabled.delete(name);
    this.update();
  }

  private update(): void {
    this.on = this.enabled.size > 0 || this.probe !== undefined;
    this.graph = this.enabled.has("ftrace:funcgraph_entry") || this.probe !== undefined;
  }

  /** Empties the ring. Linux tracing/trace, opened for writing */
  clear(): void {
    this.ring = [];
    this.next = 0;
    this.depth = 0;
    this.overrun = 0;
  }

  /** Records an event if its tracepoint is enabled. Linux trace_<name>() */
  emit(name: TracepointName, fields: TraceFields): void {
    const kept = this.enabled.has(name);
    if (!kept && this.probe === undefined) return;
    const event = {
      timeNs: this.sys.clock.nowNs,
      name,
      pid: this.sys.current?.pid ?? 0,
      depth: this.depth,
      fields,
    };
    this.probe?.(event);
    if (!kept) return;
    if (this.ring.length < this.capacity) this.ring.push(event);
    else {
      this.ring[this.next] = event;
      this.overrun++;
    }
    this.next = (this.next + 1) % this.capacity;
  }

  /** A traced function begins. Linux kernel/trace/trace_functions_graph.c:trace_graph_entry() */
  enter(func: string): void {
    this.emit("ftrace:funcgraph_entry", { func });
    this.depth++;
  }

  /** It ends. Linux kernel/trace/trace_functions_graph.c:trace_graph_return() */
  exit(func: string, ret: number | string = ""): void {
    this.depth = Math.max(0, this.depth - 1);
    this.emit("ftrace:funcgraph_exit", ret === "" ? { func } : { func, ret });
  }

  /**
   * The events of all tracepoints while `act` runs. What was enabled and recorded before is put back.
   * Not in Linux: trace-cmd record does it with a tracing instance of its own.
   */
  record(act: () => void): TraceEvent[] {
    const { ring, next, depth, overrun } = this;
    const enabled = [...this.enabled];
    this.clear();
    this.enable("*");
    try {
      act();
      return this.events;
    } finally {
      Object.assign(this, { ring, next, depth, overrun });
      this.enabled.clear();
      for (const name of enabled) this.enabled.add(name);
      this.update();
    }
  }

  /**
   * Calls `probe` at every event of every tracepoint while `act` runs. The ring gets what it would have got
   * without. `probe` must only look: it runs in the middle of the kernel.
   * Linux kernel/tracepoint.c:tracepoint_probe_register()
   */
  watch(probe: (event: TraceEvent) => void, act: () => void): void {
    const before = this.probe;
    // Who watches already, goes on watching.
    this.probe =
      before === undefined
        ? probe
        : (event) => {
            before(event);
            probe(event);
          };
    this.update();
    try {
      act();
    } finally {
      this.probe = before;
      this.update();
    }
  }

  /** What the ring holds, oldest first. */
  get events(): TraceEvent[] {
    return this.overrun === 0
      ? [...this.ring]
      : [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
  }

  /**
   * The events as text, one a line, as tracing/trace shows them.
   * Linux kernel/trace/trace_output.c:trace_print_context()
   */
  toString(): string {
    return this.events.map(traceLine).join("");
  }
}

function traceLine({ timeNs, name, pid, depth, fields }: TraceEvent): string {
  const time = (timeNs / 1e9).toFixed(9).padStart(16);
  const values = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  return `${String(pid).padStart(7)} ${time}: ${"  ".repeat(depth)}${name.slice(name.indexOf(":") + 1)}: ${values.join(" ")}\n`;
}

/**
 * One traced function call with what happened inside it. Not in Linux: trace-cmd and KernelShark build it.
 */
interface TraceCall {
  readonly func: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly depth: number;
  readonly ret: number | string;
}

/**
 * The calls among `events` in the order they began; a call that never ended lasts to the last event.
 * Not in Linux.
 */
export function traceCalls(events: readonly TraceEvent[]): TraceCall[] {
  const open: { call: TraceCall; index: number }[] = [];
  const calls: TraceCall[] = [];
  const lastNs = events[events.length - 1]?.timeNs ?? 0;
  for (const { name, timeNs, depth, fields } of events) {
    const func = String(fields.func);
    if (name === "ftrace:funcgraph_entry") {
      open.push({ call: { func, startNs: timeNs, endNs: lastNs, depth, ret: "" }, index: calls.length });
      calls.push(open[open.length - 1]!.call);
    } else if (name === "ftrace:funcgraph_exit") {
      const top = open.pop();
      if (top !== undefined) calls[top.index] = { ...top.call, endNs: timeNs, ret: fields.ret ?? "" };
    }
  }
  return calls;
}
