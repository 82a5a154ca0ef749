/**
 * Touching pages one by one: the operations touch, probe, check and bytes.
 *
 *   touch  stops at the first signal                       trace    [page, n, minor, major] of pages that faulted
 *   probe  goes on, and writes one letter for each page    probe    "..MA": . fine, M SEGV_MAPERR, A SEGV_ACCERR, B SIGBUS
 *   check  reads and compares with a value                 mismatches, first_bad
 *   bytes  reads and lists the values                      bytes    [[count, value or letter], ...]
 *
 * One byte is accessed in each page, the first. The fault counters are read before and after each access.
 *
 * Read first: scenario.ts, host.ts. Read next: process_ops.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { AccessResult, Guest } from "./host.js";
import { pagesOf } from "./layout.js";
import { type Json, RunList } from "./record.js";
import type { TouchOp } from "./scenario.js";

/** At most so many runs and letters are recorded; the recorder has the same limits. */
const MAX_TRACE_RUNS = 1400;
const MAX_LETTERS = 3400;

/** The byte that file page `page` is filled with when the file is made. Not in Linux. */
function filePattern(page: number): number {
  return (page * 7 + 1) & 255;
}

/** Fields of the record that come from touching. Not in Linux. */
interface TouchResult {
  fields: { [key: string]: Json };
  /** Whether the step counts as ok. */
  ok: boolean;
}

function letterOf(result: AccessResult): string {
  if (result.byte !== undefined) return ".";
  if (result.signal === "SIGBUS") return result.code === "BUS_ADRERR" ? "B" : "b";
  return result.code === "SEGV_MAPERR" ? "M" : result.code === "SEGV_ACCERR" ? "A" : "?";
}

/** Collects what the accesses did. */
class TouchLog {
  touched = 0;
  readonly trace = new RunList();
  readonly letters: string[] = [];
  readonly values: number[] = [];
  mismatches = 0;
  firstBad: [number, number] | undefined;
  private minFlt: number;
  private majFlt: number;

  constructor(readonly guest: Guest) {
    this.minFlt = guest.minFlt;
    this.majFlt = guest.majFlt;
  }

  add(page: number, result: AccessResult): void {
    const { guest, letters, values } = this;
    this.touched++;
    const faults = [guest.minFlt - this.minFlt, guest.majFlt - this.majFlt];
    this.minFlt = guest.minFlt;
    this.majFlt = guest.majFlt;
    if (faults[0] !== 0 || faults[1] !== 0) this.trace.add(page, faults);
    if (letters.length < MAX_LETTERS) {
      letters.push(letterOf(result));
      values.push(result.byte ?? 0);
    }
  }

  compare(page: number, byte: number, wanted: number): void {
    if (byte === wanted) return;
    this.firstBad ??= [page, byte];
    this.mismatches++;
  }

  byteRuns(): Json[] {
    const list = new RunList();
    this.letters.forEach((letter, i) => {
      list.add(i, [letter === "." ? this.values[i]! : letter]);
    });
    return list.runs.map(([, n, value]) => [n!, value!]);
  }
}

/** Carries out a touch, probe, check or bytes operation on the area at `base`. Not in Linux. */
export function runTouch(guest: Guest, base: number, op: TouchOp): TouchResult {
  const log = new TouchLog(guest);
  const stopAtSignal = op.op === "touch" || op.op === "check";
  const value = typeof op.value === "number" ? op.value : 0;
  let stopped: { [key: string]: Json } = {};
  for (const page of pagesOf(op.ranges)) {
    const result = guest.access(base + page * PAGE_SIZE, op.write, value);
    if (!guest.alive) break; // killed in it: it did not happen
    log.add(page, result);
    if (result.byte === undefined && stopAtSignal) {
      stopped = { signal: result.signal!, code: result.code ?? "other", page };
      break;
    }
    if (op.op === "check" && result.byte !== undefined)
      log.compare(page, result.byte, op.value === "file" ? filePattern(page + op.pgoff) : op.value);
  }
  return { fields: { ...stopped, ...resultFields(log, op) }, ok: resultOk(log, op, stopped) };
}

function resultOk(log: TouchLog, op: TouchOp, stopped: object): boolean {
  if (op.op === "probe" || op.op === "bytes") return true;
  return log.mismatches === 0 && Object.keys(stopped).length === 0;
}

function resultFields(log: TouchLog, op: TouchOp): { [key: string]: Json } {
  const { runs } = log.trace;
  return {
    touched: log.touched,
    // `bytes` is a kind of probe for the recorder: both list what faulted
    trace: runs.slice(0, MAX_TRACE_RUNS),
    ...(runs.length > MAX_TRACE_RUNS ? { trace_truncated: true } : {}),
    ...(log.firstBad !== undefined ? { mismatches: log.mismatches, first_bad: log.firstBad } : {}),
    ...(op.op === "bytes" ? { bytes: log.byteRuns() } : {}),
    ...(op.op === "probe" ? { probe: log.letters.join("") } : {}),
  };
}
