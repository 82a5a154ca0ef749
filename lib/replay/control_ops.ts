/**
 * The operations of the controller: starting processes, files, reports.
 *
 *   file F create 64 chunk=16    written 16 kB at a time, then fsync; page p is full of the byte (7p + 1) & 255
 *   file F evict                 fsync, then posix_fadvise(POSIX_FADV_DONTNEED)
 *   report                       every area, page and frame of every living process
 *
 * Read first: scenario.ts, host.ts. Read next: guest_ops.ts, report.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { errnoName } from "./errno_name.js";
import type { ScenarioRun } from "./executor.js";
import { guestStep } from "./guest_ops.js";
import type { FileState } from "./host.js";
import type { Fields } from "./process_ops.js";
import type { Json } from "./record.js";
import { FrameIds, reportProc } from "./report.js";
import type { ControlOp, FileOp } from "./scenario.js";

/** Folders of the two file systems. */
const FOLDERS = { disk: "/mnt", shm: "/dev/shm" };

/** Runs one operation of the controller; the fields of its record. Not in Linux. */
export function controlStep(run: ScenarioRun, op: ControlOp): Fields {
  switch (op.op) {
    case "spawn":
      return run.spawn(op.proc);
    case "file":
      return fileStep(run, op.file, op.action);
    case "report":
      return { report: report(run, op) };
    case "sleep":
      run.host.sleep(op.ms);
      return {};
    case "cat": {
      const text = run.host.procfs.tryRead(op.path);
      return { text: typeof text === "string" ? text.replace(/[\n ]+$/, "") : null };
    }
    case "meminfo":
      return { meminfo: meminfo(run, op.keys) };
    default:
      return guestStep(run, op);
  }
}

function meminfo(run: ScenarioRun, keys: readonly string[]): Json {
  const lines = [...run.host.procfs.read("/proc/meminfo").matchAll(/^([^:]+): +(\d+)/gm)];
  const wanted = lines.filter(([, key]) =>
    keys.length > 0 ? keys.includes(key!) : !key!.startsWith("Vmalloc"),
  );
  // The recorder reads signed numbers: one that is too large is the largest.
  return Object.fromEntries(wanted.map(([, key, value]) => [key!, Math.min(Number(value), 2 ** 63)]));
}

function fileStep(run: ScenarioRun, name: string, action: FileOp): Fields {
  const { files } = run.host;
  let fields: Fields = {};
  let ret: number;
  if (action.op === "create") {
    const path = `${FOLDERS[action.fs]}/vmf-${name}`;
    const chunkPages = Math.max(1, Math.floor(action.chunkKb / 4));
    files.unlink(path);
    ret = files.create(path, action.pages, { chunkPages, sparse: action.sparse, sync: action.sync });
    if (ret < 0) throw run.fail(`the file cannot be made: ${errnoName(ret)}`);
    run.files.set(name, path);
  } else {
    ret = fileAction(run, run.filePath(name), action);
    if (action.op === "unlink") run.files.delete(name);
    if (action.op === "preadpage" && ret >= 0) fields = { byte: preadByte(run, name, action.page, ret) };
  }
  fields.ok = ret >= 0;
  if (ret < 0) fields.err = errnoName(ret);
  if (run.files.has(name)) fields.file = fileRecord(files.state(run.filePath(name)));
  return fields;
}

/**
 * The byte that the recorder prints: behind the end of the file nothing is read, and its buffer still begins
 * with the last text it looked at, /proc/PID/status, whose first word is "Name".
 */
function preadByte(run: ScenarioRun, name: string, page: number, byte: number): number {
  const size = run.host.files.state(run.filePath(name))?.sizeBytes ?? 0;
  const looked = run.living().some((proc) => proc.areas.length > 0);
  return page * PAGE_SIZE >= size && looked ? "N".charCodeAt(0) : byte;
}

function fileAction(run: ScenarioRun, path: string, action: Exclude<FileOp, { op: "create" }>): number {
  const { files } = run.host;
  switch (action.op) {
    case "truncate":
      return files.truncate(path, action.pages * PAGE_SIZE);
    case "truncbytes":
      return files.truncate(path, action.bytes);
    case "evict":
      files.fsync(path);
      files.fadviseDontneed(path, 0, 0);
      return 0;
    case "evictrange":
      files.fsync(path);
      files.fadviseDontneed(path, action.page * PAGE_SIZE, action.pages * PAGE_SIZE);
      return 0;
    case "sync":
      files.fsync(path);
      return 0;
    case "readall":
      run.visit(Math.ceil((files.state(path)?.sizeBytes ?? 0) / PAGE_SIZE));
      files.readAll(path, action.chunkKb * 1024);
      return 0;
    case "pwrite":
      return files.pwritePage(path, action.page, action.value);
    case "preadpage":
      return files.preadPage(path, action.page);
    case "unlink":
      files.unlink(path);
      return 0;
  }
}

/** A file's size, resident pages and cachestat numbers. */
function fileRecord(state: FileState | undefined): Json {
  if (state === undefined) return { open: false };
  const resident: number[][] = [];
  for (const page of state.resident) {
    const last = resident[resident.length - 1];
    if (last !== undefined && last[0]! + last[1]! === page) last[1]!++;
    else resident.push([page, 1]);
  }
  const { sizeBytes, cache, dirty, writeback, evicted } = state;
  return { size: sizeBytes, resident, cache, dirty, writeback, evicted };
}

function report(run: ScenarioRun, op: Extract<ControlOp, { op: "report" }>): Json {
  const { procfs, files } = run.host;
  const ids = new FrameIds();
  const procs = run.living().filter((proc) => op.procs.length === 0 || op.procs.includes(proc.name));
  const record = procs.map((proc) => [
    proc.name,
    reportProc(procfs, proc, {
      pages: op.pages,
      soft: op.soft,
      lockself: run.lockself,
      ids,
      visit: (pages) => run.visit(pages),
    }),
  ]);
  const fileRecords = [...run.files].map(([name, path]) => [name, fileRecord(files.state(path))]);
  return {
    procs: Object.fromEntries(record) as Json,
    ...(run.files.size > 0 ? { files: Object.fromEntries(fileRecords) as Json } : {}),
  };
}
