/**
 * The parser of scenario scripts (.vms files).
 *
 *   text -> lines without comments -> words -> { proc, op }      one table entry for each operation
 *
 * A line whose first word is a process that an earlier line spawned or forked is an operation of that
 * process; every other line is one of the controller. Unknown operations, missing words and words left over
 * are errors that name the line and the operation. Read first: scenario.ts, tokens.ts.
 * Read next: executor.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { MOST_CHARACTERS, MOST_PAGES, MOST_STEPS, pagesVisited, VisitBudget } from "./limits.js";
import {
  type ControlOp,
  type FileOp,
  type ModeOp,
  type Placement,
  type ProcessOp,
  quoted,
  type Scenario,
  ScenarioError,
  type ScenarioLine,
} from "./scenario.js";
import { LineWords } from "./tokens.js";

/** Advice names that madvise lines may use. man 2 madvise */
export const ADVICE_NAMES = [
  "NORMAL",
  "RANDOM",
  "SEQUENTIAL",
  "WILLNEED",
  "DONTNEED",
  "FREE",
  "REMOVE",
  "DONTFORK",
  "DOFORK",
  "MERGEABLE",
  "UNMERGEABLE",
  "HUGEPAGE",
  "NOHUGEPAGE",
  "DONTDUMP",
  "DODUMP",
  "WIPEONFORK",
  "KEEPONFORK",
  "COLD",
  "PAGEOUT",
  "POPULATE_READ",
  "POPULATE_WRITE",
  "DONTNEED_LOCKED",
  "COLLAPSE",
  "GUARD_INSTALL",
  "GUARD_REMOVE",
] as const;

/** Eleven days. */
const MOST_MS = 1e9;
/** 2^53 bytes. */
const MOST_KB = 2 ** 43;
const MOST_CHUNK_KB = 65_536;

const MAP_FLAGS = ["populate", "nonblock", "noreserve", "hugetlb", "locked", "growsdown", "stack", "rdonly"];

/**
 * FNV-1a, 64 bit, of the UTF-8 bytes of `text`, with the start value of the recordings; 16 hex digits.
 * Not in Linux.
 */
function scriptFnv(text: string): string {
  let hash = 1469598103934665603n;
  for (const byte of Buffer.from(text, "utf8"))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  return hash.toString(16).padStart(16, "0");
}

/** Reads a script. Throws ScenarioError for the first line that is not understood. Not in Linux. */
export function parseScenario(text: string, name = "scenario"): Scenario {
  if (text.length > MOST_CHARACTERS)
    throw new ScenarioError(
      1,
      "scenario",
      `the script has ${text.length} characters; ${MOST_CHARACTERS} is the most`,
    );
  const procs = new Set<string>();
  const lines: ScenarioLine[] = [];
  const budget = new VisitBudget();
  const meta = { name, desc: "", tags: [] as string[] };
  text.split("\n").forEach((raw, index) => {
    const line = stripLine(raw);
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    const first = words[0];
    if (first === undefined) return;
    if (first === "scenario") meta.name = words[1] ?? name;
    else if (first === "desc") meta.desc = words.slice(1).join(" ");
    else if (first === "tags") meta.tags = words.slice(1);
    else {
      const parsed = parseLine(index + 1, line, words, procs);
      const steps = lines.push(parsed);
      // Each process is looked at after each step.
      const problem =
        budget.add(pagesVisited(parsed.what), procs.size) ??
        (steps > MOST_STEPS ? `the script has more than ${MOST_STEPS} steps` : undefined);
      if (problem !== undefined) throw new ScenarioError(index + 1, parsed.what.op.op, problem);
    }
  });
  return { ...meta, lines, scriptFnv: scriptFnv(text) };
}

function stripLine(raw: string): string {
  const hash = raw.indexOf("#");
  return (hash < 0 ? raw : raw.slice(0, hash)).replace(/[ \r]+$/, "");
}

function parseLine(line: number, text: string, words: readonly string[], procs: Set<string>): ScenarioLine {
  const w = new LineWords(line, words, words[0]!);
  const strange = words.find((word) => /\p{C}/u.test(word));
  if (strange !== undefined) throw w.error(`${quoted(strange)} has a character that cannot be printed`);
  const first = w.at(0, "operation");
  const parsed = ((): Pick<ScenarioLine, "proc" | "what"> => {
    if (procs.has(first)) {
      w.operation = w.at(1, "operation");
      const parse = PROCESS_OPS.get(w.operation);
      if (parse === undefined) throw w.error(`process ${first} has no such operation`);
      return { proc: first, what: { kind: "process", op: parse(w) } };
    }
    const mode = MODE_OPS.get(first);
    if (mode !== undefined) return { proc: undefined, what: { kind: "mode", op: mode(w) } };
    const parse = CONTROL_OPS.get(first);
    if (parse === undefined) throw w.error("no such operation, and no process of this name was started");
    return { proc: undefined, what: { kind: "control", op: parse(w) } };
  })();
  w.done();
  const { op } = parsed.what;
  if (op.op === "spawn") procs.add(op.proc);
  if (op.op === "fork") procs.add(op.child);
  return { line, text, ...parsed };
}

type Table<Op> = ReadonlyMap<string, (w: LineWords) => Op>;

/** A Map, because an object also has "constructor" and the like. */
function table<Op>(parsers: Readonly<Record<string, (w: LineWords) => Op>>): Table<Op> {
  return new Map(Object.entries(parsers));
}

const MODE_OPS: Table<ModeOp> = table<ModeOp>({
  brief: (w) => ({ op: "brief", on: w.at(1, "on or off") === "on" }),
  quiet: (w) => ({ op: "quiet", on: w.at(1, "on or off") === "on" }),
  lockself: () => ({ op: "lockself" }),
});

const PROCESS_OPS: Table<ProcessOp> = table<ProcessOp>({
  noop: () => ({ op: "noop" }),
  map: parseMap,
  munmap: (w) => ({ op: "munmap", area: w.name(2, "area"), range: w.range(3) }),
  mprotect: (w) => ({
    op: "mprotect",
    area: w.name(2, "area"),
    range: w.range(3),
    prot: prot(w, w.at(4, "protection")),
  }),
  madvise: parseMadvise,
  mlock: (w) => ({ op: "mlock", area: w.name(2, "area"), range: w.range(3), onfault: w.has("onfault", 4) }),
  munlock: (w) => ({ op: "munlock", area: w.name(2, "area"), range: w.range(3) }),
  mlockall: (w) => ({
    op: "mlockall",
    current: w.has("current", 2),
    future: w.has("future", 2),
    onfault: w.has("onfault", 2),
  }),
  munlockall: () => ({ op: "munlockall" }),
  msync: parseMsync,
  mincore: (w) => ({ op: "mincore", area: w.name(2, "area"), range: w.range(3) }),
  mremap: parseMremap,
  brk: (w) => ({ op: "brk", deltaPages: w.int(2, "number of pages") }),
  touch: (w) => parseTouch(w, "touch"),
  probe: (w) => parseTouch(w, "probe"),
  check: parseCheck,
  bytes: (w) => ({
    op: "bytes",
    area: w.name(2, "area"),
    ranges: w.ranges(3),
    write: false,
    value: 0,
    pgoff: 0,
  }),
  uread: (w) => parseUserCopy(w, "uread"),
  uwrite: (w) => parseUserCopy(w, "uwrite"),
  fork: (w) => ({ op: "fork", child: w.name(2, "name of the child") }),
  exit: (w) => ({ op: "exit", code: w.words.length > 2 ? w.int(2, "exit code", 0, 255) : 0 }),
  kill: () => ({ op: "kill" }),
  oomadj: (w) => ({ op: "oomadj", value: w.int(2, "oom_score_adj") }),
  clearrefs: (w) => ({ op: "clearrefs", value: w.at(2, "value 1 to 5") }),
  rlimit: parseRlimit,
  pmcount: (w) => ({
    op: "pmcount",
    area: w.name(2, "area"),
    range: w.words.length > 3 ? w.range(3) : undefined,
  }),
  cgroup: (w) => ({ op: "cgroup", dir: w.at(2, "cgroup folder") }),
});

const CONTROL_OPS: Table<ControlOp> = table<ControlOp>({
  spawn: (w) => ({ op: "spawn", proc: w.name(1, "name of the process") }),
  file: (w) => ({ op: "file", file: w.name(1, "name of the file"), action: parseFileOp(w) }),
  report: (w) => ({
    op: "report",
    pages: !w.has("nopages", 1),
    soft: w.has("soft", 1),
    procs: w.rest(1).filter((word) => word !== "nopages" && word !== "soft"),
  }),
  sleep: (w) => ({ op: "sleep", ms: w.int(1, "milliseconds", 0, MOST_MS) }),
  vmstat: (w) => ({ op: "vmstat", reset: w.has("reset", 1) }),
  meminfo: (w) => ({ op: "meminfo", keys: w.rest(1) }),
  zoneinfo: () => ({ op: "zoneinfo" }),
  oomsnap: () => ({ op: "oomsnap" }),
  dmesg: () => ({ op: "dmesg" }),
  cat: (w) => ({ op: "cat", path: w.at(1, "path") }),
  write: (w) => ({ op: "write", path: w.at(1, "path"), value: w.rest(2).join(" ") }),
  dropcaches: (w) => ({ op: "dropcaches", what: w.maybe(1) ?? "3" }),
  mkswap: (w) => ({ op: "mkswap", device: w.at(1, "device"), pages: optionalInt(w, "pages") }),
  swapon: (w) => ({ op: "swapon", device: w.at(1, "device"), prio: optionalInt(w, "prio") }),
  swapoff: (w) => ({ op: "swapoff", device: w.at(1, "device") }),
  mkdir: (w) => ({ op: "mkdir", path: w.at(1, "path") }),
  mount: (w) => ({
    op: "mount",
    device: w.at(1, "device"),
    dir: w.at(2, "folder"),
    fs: w.at(3, "file system"),
    options: w.maybe(4),
  }),
});

function optionalInt(w: LineWords, name: string): number | undefined {
  const value = w.intOption(name, Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}

function prot(w: LineWords, text: string): string {
  if (text !== "none" && !/^[rwx]+$/.test(text))
    throw w.error(`protection ${quoted(text)} is not none or made of r, w, x`);
  return text === "none" ? "" : text;
}

function parseMap(w: LineWords): ProcessOp {
  const area = w.name(2, "area");
  const backing = w.at(3, "anon or file:F");
  const kind = w.at(4, "private or shared");
  const pages = w.int(5, "number of pages", 0);
  if (backing !== "anon" && !backing.startsWith("file:"))
    throw w.error(`${quoted(backing)} is not anon or file:F`);
  if (kind !== "private" && kind !== "shared") throw w.error(`${quoted(kind)} is not private or shared`);
  return {
    op: "map",
    area,
    file: backing === "anon" ? undefined : w.asName(backing.slice("file:".length), "file"),
    shared: kind === "shared",
    pages,
    prot: prot(w, w.option("prot") ?? "rw"),
    flags: MAP_FLAGS.filter((flag) => w.has(flag, 6)),
    pgoff: w.intOption("pgoff", 0, 0),
    place: parsePlacement(w),
  };
}

function parsePlacement(w: LineWords): Placement {
  const off = w.intOption("off", 0, 0);
  const at = w.option("at");
  if (at !== undefined) {
    const match = /^([^+-]+)([+-]\d+)?$/.exec(at);
    if (match === null || Math.abs(Number(match[2] ?? 0)) > MOST_PAGES)
      throw w.error(`${quoted(`at=${at}`)} is not at=AREA+pages`);
    return {
      kind: "at",
      area: w.asName(match[1]!, "at=AREA"),
      delta: Number(match[2] ?? 0),
      fixed: w.has("fixed", 6),
    };
  }
  return w.has("auto", 6) ? { kind: "auto" } : { kind: "slot", off };
}

function parseMadvise(w: LineWords): ProcessOp {
  const strided = w.at(3, "page range").includes("/");
  const advice = w.at(4, "advice");
  if (!(ADVICE_NAMES as readonly string[]).includes(advice))
    throw w.error(`there is no advice ${quoted(advice)}`);
  return { op: "madvise", area: w.name(2, "area"), range: w.range(3), advice, strided };
}

function parseMsync(w: LineWords): ProcessOp {
  const mode = w.at(4, "sync, async or invalidate");
  if (mode !== "sync" && mode !== "async" && mode !== "invalidate")
    throw w.error(`${quoted(mode)} is not sync, async or invalidate`);
  return { op: "msync", area: w.name(2, "area"), range: w.range(3), mode };
}

function parseMremap(w: LineWords): ProcessOp {
  const target = w.option("to");
  const to = target === undefined ? undefined : w.asName(target, "to=AREA");
  const maymove = w.has("maymove", 5);
  if (to === undefined && !maymove && !w.has("inplace", 5))
    throw w.error("inplace, maymove or to=AREA is missing");
  return {
    op: "mremap",
    area: w.name(2, "area"),
    range: w.range(3),
    newPages: w.int(4, "new number of pages", 0),
    maymove,
    to,
    off: w.intOption("off", 0, 0),
    dontunmap: w.has("dontunmap", 5),
  };
}

function parseTouch(w: LineWords, op: "touch" | "probe"): ProcessOp {
  const area = w.name(2, "area");
  const ranges = w.ranges(3);
  const match = /^(?:r|(w)(?:=(\d+))?)$/.exec(w.at(4, "r or w"));
  if (match === null) throw w.error(`${quoted(w.words[4]!)} is not r, w or w=value`);
  return { op, area, ranges, write: match[1] !== undefined, value: Number(match[2] ?? 1) & 255, pgoff: 0 };
}

function parseCheck(w: LineWords): ProcessOp {
  const wanted = w.at(4, "value or file");
  return {
    op: "check",
    area: w.name(2, "area"),
    ranges: w.ranges(3),
    write: false,
    value: wanted === "file" ? "file" : w.int(4, "value") & 255,
    pgoff: w.intOption("pgoff", 0, 0),
  };
}

function parseUserCopy(w: LineWords, op: "uread" | "uwrite"): ProcessOp {
  return {
    op,
    area: w.name(2, "area"),
    range: w.range(3),
    file: w.name(4, "file"),
    pgoff: w.intOption("pgoff", 0, 0),
  };
}

function parseRlimit(w: LineWords): ProcessOp {
  const which = w.at(2, "as, data, stack or memlock");
  if (which !== "as" && which !== "data" && which !== "stack" && which !== "memlock")
    throw w.error(`there is no limit ${quoted(which)}`);
  const kb = w.at(3, "kB or inf");
  return { op: "rlimit", which, kb: kb === "inf" ? "inf" : w.int(3, "kB", 0, MOST_KB) };
}

function parseFileOp(w: LineWords): FileOp {
  const action = w.at(2, "what to do with the file");
  w.operation = `file ${action}`;
  const parse = FILE_OPS.get(action);
  if (parse === undefined) throw w.error("there is no such file operation");
  return parse(w);
}

const FILE_OPS: Table<FileOp> = table<FileOp>({
  create: parseFileCreate,
  truncate: (w) => ({ op: "truncate", pages: w.int(3, "number of pages", 0) }),
  truncbytes: (w) => ({ op: "truncbytes", bytes: w.int(3, "number of bytes", 0, MOST_PAGES * PAGE_SIZE) }),
  evict: () => ({ op: "evict" }),
  sync: () => ({ op: "sync" }),
  unlink: () => ({ op: "unlink" }),
  evictrange: (w) => ({ op: "evictrange", page: w.int(3, "page", 0), pages: w.int(4, "number of pages", 0) }),
  readall: (w) => ({ op: "readall", chunkKb: w.intOption("chunk", 128, 1, MOST_CHUNK_KB) }),
  pwrite: (w) => ({ op: "pwrite", page: w.int(3, "page", 0), value: w.int(4, "value") & 255 }),
  preadpage: (w) => ({ op: "preadpage", page: w.int(3, "page", 0) }),
});

function parseFileCreate(w: LineWords): FileOp {
  const fs = w.option("fs") ?? "disk";
  if (fs !== "disk" && fs !== "shm") throw w.error(`there is no file system ${quoted(fs)} (disk or shm)`);
  return {
    op: "create",
    pages: w.int(3, "number of pages", 0),
    chunkKb: w.intOption("chunk", 4, 1, MOST_CHUNK_KB),
    fs,
    sparse: w.has("sparse", 4),
    sync: !w.has("nosync", 4),
  };
}
