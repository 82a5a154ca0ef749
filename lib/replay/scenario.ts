/**
 * Scenarios: short scripts of memory operations, one operation a line, that run alike on a real Linux 6.18
 * and on the emulated machine.
 *
 *   P map A anon private 16        process P maps area A: 16 pages of anonymous private memory
 *   P touch A 0:16 w=1             writes 1 into the first byte of pages 0 to 15, in that order
 *   P fork C                       process C is the child of P
 *   report                         all areas, pages, frames and counters of all processes
 *
 * The same text drives both kernels and every line becomes one record (record.ts), so that "behaves like
 * Linux" is a comparison of records (compare.ts). This file names the operations; parse.ts reads them,
 * executor.ts runs them.
 *
 * All lengths and positions are in pages of 4 KiB. Page numbers are relative to the area and may be negative.
 * A range is `a:b` (b exclusive), `a` (one page) or `a:b/step`; touch, probe, check and bytes take a comma
 * list of them.
 */

import { valueText } from "../hw/options.js";

/**
 * Pages `start`, `start+step`, ... up to `end` (exclusive); `step` may be negative. Not in Linux: part of the
 * scenario language.
 */
export interface PageRange {
  start: number;
  end: number;
  step: number;
}

/** Where a new mapping goes: its own slot, beside another area, or where the kernel likes. Not in Linux. */
export type Placement =
  | { kind: "slot"; off: number }
  | { kind: "at"; area: string; delta: number; fixed: boolean }
  | { kind: "auto" };

/** `P map A ...`. Not in Linux: part of the scenario language. */
export interface MapOp {
  op: "map";
  area: string;
  /** Name of the mapped file; undefined for anonymous memory. */
  file: string | undefined;
  shared: boolean;
  pages: number;
  prot: string;
  flags: readonly string[];
  pgoff: number;
  place: Placement;
}

/** `P mremap A a:b NEWPAGES how`. Not in Linux: part of the scenario language. */
export interface MremapOp {
  op: "mremap";
  area: string;
  range: PageRange;
  newPages: number;
  maymove: boolean;
  /** Area that the mapping moves to; an unknown name takes a new slot. */
  to: string | undefined;
  off: number;
  dontunmap: boolean;
}

/** Operations that visit pages one by one. Not in Linux: part of the scenario language. */
export interface TouchOp {
  op: "touch" | "probe" | "check" | "bytes";
  area: string;
  ranges: readonly PageRange[];
  write: boolean;
  /** Byte to write or to expect; "file" expects the pattern that new files are filled with. */
  value: number | "file";
  pgoff: number;
}

/** What a process does in one step. Not in Linux: part of the scenario language. */
export type ProcessOp =
  | MapOp
  | MremapOp
  | TouchOp
  | { op: "munmap" | "munlock" | "mincore"; area: string; range: PageRange }
  | { op: "mprotect"; area: string; range: PageRange; prot: string }
  | { op: "madvise"; area: string; range: PageRange; advice: string; strided: boolean }
  | { op: "mlock"; area: string; range: PageRange; onfault: boolean }
  | { op: "mlockall"; current: boolean; future: boolean; onfault: boolean }
  | { op: "munlockall" | "noop" | "kill" }
  | { op: "msync"; area: string; range: PageRange; mode: "sync" | "async" | "invalidate" }
  | { op: "brk"; deltaPages: number }
  | { op: "uread" | "uwrite"; area: string; range: PageRange; file: string; pgoff: number }
  | { op: "fork"; child: string }
  | { op: "exit"; code: number }
  | { op: "oomadj"; value: number }
  | { op: "clearrefs"; value: string }
  | { op: "rlimit"; which: "as" | "data" | "stack" | "memlock"; kb: number | "inf" }
  | { op: "pmcount"; area: string; range: PageRange | undefined }
  | { op: "cgroup"; dir: string };

/** What is done to a file. Not in Linux: part of the scenario language. */
export type FileOp =
  | { op: "create"; pages: number; chunkKb: number; fs: "disk" | "shm"; sparse: boolean; sync: boolean }
  | { op: "truncate"; pages: number }
  | { op: "truncbytes"; bytes: number }
  | { op: "evict" | "sync" | "unlink" }
  | { op: "evictrange"; page: number; pages: number }
  | { op: "readall"; chunkKb: number }
  | { op: "pwrite"; page: number; value: number }
  | { op: "preadpage"; page: number };

/** What the controller of the processes does. Not in Linux: part of the scenario language. */
export type ControlOp =
  | { op: "spawn"; proc: string }
  | { op: "file"; file: string; action: FileOp }
  | { op: "report"; procs: readonly string[]; pages: boolean; soft: boolean }
  | { op: "sleep"; ms: number }
  | { op: "vmstat"; reset: boolean }
  | { op: "meminfo"; keys: readonly string[] }
  | { op: "zoneinfo" | "oomsnap" | "dmesg" }
  | { op: "cat"; path: string }
  | { op: "write"; path: string; value: string }
  | { op: "dropcaches"; what: string }
  | { op: "mkswap"; device: string; pages: number | undefined }
  | { op: "swapon"; device: string; prio: number | undefined }
  | { op: "swapoff"; device: string }
  | { op: "mkdir"; path: string }
  | { op: "mount"; device: string; dir: string; fs: string; options: string | undefined };

/** Lines that are not steps: they only switch how later steps are recorded. Not in Linux. */
export type ModeOp = { op: "brief" | "quiet"; on: boolean } | { op: "lockself" };

/** One line of a scenario. Not in Linux: part of the scenario language. */
export interface ScenarioLine {
  /** Line number in the file, from 1. */
  line: number;
  /** The line without its comment, as the records quote it. */
  text: string;
  /** The process that acts; undefined for the controller and for modes. */
  proc: string | undefined;
  what:
    | { kind: "process"; op: ProcessOp }
    | { kind: "control"; op: ControlOp }
    | { kind: "mode"; op: ModeOp };
}

/** A whole script. Not in Linux: part of the scenario language. */
export interface Scenario {
  name: string;
  desc: string;
  tags: readonly string[];
  lines: readonly ScenarioLine[];
  /** FNV-1a (64 bit) of the script text, as the recordings name it. */
  scriptFnv: string;
}

/**
 * A word of a script for a message: in quotes, cut where it is long, without what a terminal would take for a
 * command. Not in Linux.
 */
export function quoted(word: string): string {
  return valueText(word).replace(/[\p{C}\p{Z}]/gu, (found) =>
    found === " " ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A line that cannot be read or run; says which line and which operation. Not in Linux. */
export class ScenarioError extends Error {
  constructor(
    readonly line: number,
    readonly operation: string,
    problem: string,
  ) {
    super(`line ${line}, operation ${quoted(operation)}: ${problem}`);
    this.name = "ScenarioError";
  }
}

/** An operation that the machine does not have yet; `reason` says what is missing. Not in Linux. */
export class NotYetError extends ScenarioError {
  constructor(
    line: number,
    operation: string,
    readonly reason: string,
  ) {
    super(line, operation, `the emulated machine has ${reason}`);
    this.name = "NotYetError";
  }
}
