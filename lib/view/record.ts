/**
 * Record: the states that a machine goes through while something happens, one at each event, as plain data.
 *
 *    record(machine, () => alice.fork("bob"), {
 *      events: ["pagewalk:copy_present_ptes"],          at which events to look
 *      capture: () => ownersOf(sharersOf(alice)),       what to look at
 *    })
 *      |
 *      v
 *    steps   [ before | addr=0x20000000 pfn=0x106 | addr=0x20001000 pfn=0x107 | ... | after ]      each { label, event, state }
 *              a list: stepper() walks it forwards and backwards, and a loop may do what else it likes with it
 *
 * The events are the kernel's tracepoints (mm/trace.ts), under Linux's names; "do_wp_page()" is the moment at
 * which that traced function returns; "mmu:access" is each access that an MMU has translated. A page walk by
 * itself has no event: it is the processor's, not the kernel's, and explain() gives every step of one
 * (step_walk.ts).
 *
 * `capture` must only look. It is called in the middle of the kernel, where a lock would be held on a real
 * one. Looking costs no simulated time and changes no counter, so a run is the same with a recording and
 * without. Nothing is slower when none is on.
 *
 * Not in Linux: trace-cmd records events, crash looks at states; nothing does both at once.
 *
 * Read first: ../mm/trace.ts. Read next: stepper.ts.
 */

import { hex } from "../hw/address.js";
import { accessText } from "../hw/fault.js";
import type { AccessRecord } from "../hw/mmu_stats.js";
import { valueText } from "../hw/options.js";
import { checkArguments, listOf, required } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import { fitsTracepoint, TRACEPOINTS, type TraceEvent, type TraceFields } from "../mm/trace.js";
import { type LabelledStates, MAX_STATES } from "./stepper.js";

/** What has happened at one step: an event of the kernel, or an access. */
export interface RecordedEvent {
  /**
   * A tracepoint such as "kmem:mm_page_alloc", "do_wp_page()" for the return of a function, or "mmu:access".
   */
  readonly name: string;
  /** Simulated time. */
  readonly timeNs: number;
  readonly fields: TraceFields;
}

/** One moment. */
export interface RecordedStep<State> {
  readonly label: string;
  /** Absent before the first event and after the last. */
  readonly event?: RecordedEvent;
  readonly state: State;
}

/** What `record` returns; `stepper` takes it as it is. */
export interface Recording<State> extends LabelledStates<State> {
  readonly steps: readonly RecordedStep<State>[];
}

/** What to look at, and when. */
export interface RecordOptions<State> {
  /** What is looked at, as plain data. */
  readonly capture: (event?: RecordedEvent) => State;
  /**
   * Events to look at: names, "system:*", "name()" for the return of a traced function,
   * "ftrace:funcgraph_entry" for the begin of any, "mmu:access". All tracepoints but the last two unless
   * given.
   */
  readonly events?: readonly string[];
  /** A few words on an event, for the step's caption. */
  readonly label?: (event: RecordedEvent) => string;
  /** Leaves out events after which the state is what it was. */
  readonly onlyChanges?: boolean;
}

/** An event that is no tracepoint: the MMU has translated an address, or refused to. */
const ACCESS = "mmu:access";

/** Collects steps; what goes wrong while looking is kept until the kernel is done. */
class Recorder<State> {
  readonly steps: RecordedStep<State>[] = [];
  private readonly options: RecordOptions<State>;
  private last: string | undefined;
  private looking = false;
  private failed: { error: unknown } | undefined;

  constructor(options: RecordOptions<State>) {
    this.options = options;
  }

  /** Looks, unless it is looking already: what `capture` itself sets off is no part of the story. */
  look(label: string | ((event: RecordedEvent) => string), event?: RecordedEvent, changesOnly = false): void {
    if (this.looking || this.failed !== undefined) return;
    this.looking = true;
    try {
      const state = this.options.capture(event);
      const text = textOf(state);
      if (changesOnly && text === this.last) return;
      this.last = text;
      const words = typeof label === "string" ? label : label(event!);
      this.steps.push(event === undefined ? { label: words, state } : { label: words, event, state });
      if (this.steps.length > MAX_STATES)
        throw new RangeError(
          `record() keeps at most ${MAX_STATES} steps; name fewer events, or set onlyChanges`,
        );
    } catch (error) {
      this.failed = { error };
    } finally {
      this.looking = false;
    }
  }

  onEvent(event: RecordedEvent): void {
    this.look(this.options.label ?? eventText, event, this.options.onlyChanges ?? false);
  }

  /** Throws what went wrong while looking. */
  check(): void {
    if (this.failed !== undefined) throw this.failed.error;
  }
}

/** Two states are the same when they are written the same way. */
function textOf(state: unknown): string {
  return (
    JSON.stringify(state, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)) ?? ""
  );
}

const ADDRESSES = /^(va|addr|address|pfn|.*_pfn)$/;

/** An event in a few words. */
export function eventText({ name, fields }: RecordedEvent): string {
  if (name === ACCESS) return accessEventText(fields);
  if (name === ENTRY) return `${fields.func} begins`;
  const told = Object.entries(fields).filter(([key]) => key !== "func");
  const values = told.map(([key, value]) =>
    typeof value === "number" && ADDRESSES.test(key) ? `${key}=${hex(value)}` : `${key}=${value}`,
  );
  return [name.slice(name.indexOf(":") + 1), ...values].join(" ");
}

function accessEventText({ access, va, source, walk_refs: refs, cpu }: TraceFields): string {
  const where = cpu === 0 ? "" : `CPU ${cpu}: `;
  const entries = refs === 1 ? "1 entry" : `${refs} entries`;
  const found =
    source === "walk" ? `a walk of ${entries}` : source === "fault" ? "a page fault" : `found in ${source}`;
  return `${where}${access} ${hex(va as number)}: ${found}`;
}

/** A traced function begins: recorded only where it is asked for by this name, not by "*". */
const ENTRY = "ftrace:funcgraph_entry";

/** The tracepoint under the name that `events` know it by. */
function nameOf({ name, fields }: TraceEvent): string {
  return name === "ftrace:funcgraph_exit" ? `${fields.func}()` : name;
}

function checkPatterns(events: readonly string[]): void {
  for (const pattern of events) {
    if (pattern === ACCESS || /^\w+\(\)$/.test(pattern)) continue;
    if (!TRACEPOINTS.some((name) => fitsTracepoint(pattern, name)))
      throw new RangeError(
        `record(): there is no event ${valueText(pattern)}; there are ${ACCESS}, "name()" and ${TRACEPOINTS.join(", ")}`,
      );
  }
}

/**
 * Does `act` and captures a state before it, at each event, and after the last if something has changed
 * since. RangeError for more than 200 steps. An error of `act` or `capture` goes on to the caller, and no
 * recording is left on.
 */
export function record<State>(
  machine: Machine,
  act: () => void,
  options: RecordOptions<State>,
): Recording<State> {
  checkArguments(
    "record()",
    {
      machine: Machine,
      act: "function",
      options: required({ capture: "any", events: listOf("text"), label: "function", onlyChanges: "flag" }),
    },
    [machine, act, options],
  );
  checkArguments("record()", { capture: "function" }, [options.capture]);
  const events = options.events ?? ["*"];
  checkPatterns(events);
  const recorder = new Recorder(options);
  recorder.look("before");
  recorder.check();
  watchAll(machine, events, recorder, act);
  recorder.check();
  recorder.look("after", undefined, options.onlyChanges === true || recorder.steps.length > 1);
  recorder.check();
  const { steps } = recorder;
  return { steps, states: steps.map(({ state }) => state), labels: steps.map(({ label }) => label) };
}

/** Runs `act` while the recorder listens to what `events` name. */
function watchAll<State>(
  machine: Machine,
  events: readonly string[],
  recorder: Recorder<State>,
  act: () => void,
): void {
  const run = events.includes(ACCESS) ? () => watchAccesses(machine, recorder, act) : act;
  const kernel = events.filter((pattern) => pattern !== ACCESS);
  // A machine with tables of its own has no kernel, and asking for one would start it.
  if (kernel.length === 0 || machine.pageTables.length > 0) {
    run();
    return;
  }
  machine.kernel.sys.trace.watch((event) => {
    const name = nameOf(event);
    const wanted = (pattern: string): boolean =>
      pattern === name || (name !== ENTRY && fitsTracepoint(pattern, name));
    if (!kernel.some(wanted)) return;
    recorder.onEvent({ name, timeNs: event.timeNs, fields: event.fields });
  }, run);
}

/** Whoever listened to the accesses before, hears them still. */
function watchAccesses<State>(machine: Machine, recorder: Recorder<State>, act: () => void): void {
  const before = machine.cpus.map(({ mmu }) => mmu.trace);
  machine.cpus.forEach(({ mmu, id }, i) => {
    mmu.trace = (record) => {
      before[i]?.(record);
      recorder.onEvent({ name: ACCESS, timeNs: machine.clock.nowNs, fields: accessFields(record, id) });
    };
  });
  try {
    act();
  } finally {
    machine.cpus.forEach(({ mmu }, i) => {
      mmu.trace = before[i];
    });
  }
}

function accessFields({ va, access, pa, source, walkRefs }: AccessRecord, cpu: number): TraceFields {
  return { cpu, va, access: accessText(access), source, walk_refs: walkRefs, pa };
}
