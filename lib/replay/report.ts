/**
 * Reports: areas, pages and frames of a process, read from /proc.
 *
 *   smaps    -> one entry per mapping: where, which permissions, kB by kind, flags
 *   pagemap  -> for each page: present, in swap, guard; which frame
 *   kpagecount, kpageflags -> for each frame: how often mapped, anonymous, zero page, part of a large folio
 *
 *   pages   [first, n, state, mapcount]     P present S swap G guard f file x exclusive d soft-dirty Z zero page
 *                                           T part of a large folio a anonymous c in the swap cache
 *   frames  [first, n, id]                  ids count frames in the order of their first appearance in this report
 *   kept    [first, n, true|false]          still in the frame of this process's previous report?
 *
 * Read first: procfs/parse.ts, layout.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import { hasKpf, KPF_ANON, KPF_HUGE, KPF_SWAPCACHE, KPF_THP, KPF_ZERO_PAGE } from "../procfs/page.js";
import {
  type PagemapEntry,
  PM_FILE,
  PM_GUARD_REGION,
  PM_MMAP_EXCLUSIVE,
  PM_PRESENT,
  PM_SOFT_DIRTY,
  PM_SWAP,
} from "../procfs/pagemap.js";
import { fieldOf, parseSmaps, SMAPS_FIELDS, type SmapsArea } from "../procfs/parse.js";
import type { ProcFs } from "../procfs/procfs.js";
import type { Area, ReplayProc } from "./layout.js";
import { type Json, RunList } from "./record.js";

/** Not more runs than this are listed; the recorder has the same limits. */
const MAX_RUNS = 300;
const MAX_KEPT_RUNS = 100;
/** Areas larger than this (in pages) are not compared with the previous report. */
const MAX_KEPT_PAGES = 70000;
/** Stands for the zero page where a frame number is expected. */
const ZERO_FRAME = -1;

type Fields = Record<string, number>;

/** Sums of smaps over the mappings inside and outside the areas, in kB. */
interface Sums {
  fields: Fields;
  size: number;
  vmas: number;
}

function emptySums(): Sums {
  return { fields: Object.fromEntries(SMAPS_FIELDS.map((name) => [name, 0])), size: 0, vmas: 0 };
}

function sumSmaps(proc: ReplayProc, vmas: readonly SmapsArea[]): { inside: Sums; outside: Sums } {
  const inside = emptySums();
  const outside = emptySums();
  for (const vma of vmas) {
    const sums = proc.areaOf(vma.start, vma.end) >= 0 ? inside : outside;
    for (const name of SMAPS_FIELDS) sums.fields[name]! += vma.fields[name];
    // The vsyscall page is listed in smaps but is not part of VmSize.
    if (vma.start < 0) continue;
    sums.size += (vma.end - vma.start) / 1024;
    sums.vmas++;
  }
  return { inside, outside };
}

function nonZero(fields: Fields): Fields {
  return Object.fromEntries(SMAPS_FIELDS.filter((name) => fields[name]).map((name) => [name, fields[name]!]));
}

/** The short sum that follows every step. Not in Linux. */
export function briefSum(procfs: ProcFs, proc: ReplayProc): Json {
  const { pid } = proc.guest;
  const { inside } = sumSmaps(proc, parseSmaps(procfs.read(`/proc/${pid}/smaps`)));
  const pte = fieldOf(procfs.read(`/proc/${pid}/status`), "VmPTE");
  return { vmas: inside.vmas, Size: inside.size, ...nonZero(inside.fields), VmPTE: pte - proc.base.pte };
}

/** Numbers the frames of one report. Not in Linux. */
export class FrameIds {
  private readonly ids = new Map<number, number>();

  of(frame: number): number {
    let id = this.ids.get(frame);
    if (id === undefined) {
      id = this.ids.size;
      this.ids.set(frame, id);
    }
    return id;
  }
}

/** One process in a report step. Not in Linux. */
export function reportProc(
  procfs: ProcFs,
  proc: ReplayProc,
  options: { pages: boolean; soft: boolean; lockself: boolean; ids: FrameIds; visit(pages: number): void },
): Json {
  const { pid } = proc.guest;
  const smaps = parseSmaps(procfs.read(`/proc/${pid}/smaps`));
  const areas = proc.areas.map((area, index) => {
    const vmas = smaps.filter((vma) => proc.areaOf(vma.start, vma.end) === index);
    const record = { name: area.name, vmas: vmas.map((vma) => vmaRecord(area, vma)) };
    return options.pages ? { ...record, ...pageRecords(procfs, pid, area, vmas, options) } : record;
  });
  return { areas, status: statusRecord(procfs, proc, smaps, options.lockself) };
}

function vmaRecord(area: Area, vma: SmapsArea): Json {
  const pageSize = vma.fields.KernelPageSize;
  return {
    off: (vma.start - area.base) / PAGE_SIZE,
    len: (vma.end - vma.start) / PAGE_SIZE,
    perm: vma.perms,
    ...(vma.ino !== 0 && vma.pgoff !== 0 ? { pgoff: vma.pgoff } : {}),
    ...(pageSize !== 4 ? { KernelPageSize: pageSize } : {}),
    ...nonZero(vma.fields),
    ...(vma.fields.THPeligible ? { THPeligible: 1 } : {}),
    flags: vma.VmFlags.join(" "),
  };
}

function statusRecord(
  procfs: ProcFs,
  proc: ReplayProc,
  smaps: readonly SmapsArea[],
  lockself: boolean,
): Json {
  const text = procfs.read(`/proc/${proc.guest.pid}/status`);
  const of = (key: string): number => fieldOf(text, key);
  const { outside } = sumSmaps(proc, smaps);
  const own = outside.fields;
  const ownShmem = smaps
    .filter((vma) => proc.areaOf(vma.start, vma.end) < 0 && vma.perms.endsWith("s"))
    .reduce((sum, vma) => sum + vma.fields.Rss, 0);
  const hugetlb = of("HugetlbPages");
  return {
    VmSize: of("VmSize") - outside.size,
    VmRSS: of("VmRSS") - own.Rss!,
    RssAnon: of("RssAnon") - own.Anonymous!,
    RssFile: of("RssFile") - (own.Rss! - own.Anonymous! - ownShmem),
    RssShmem: of("RssShmem") - ownShmem,
    VmSwap: of("VmSwap") - own.Swap!,
    VmPTE: of("VmPTE") - proc.base.pte,
    VmData: of("VmData") - proc.base.data,
    // A recorder that has locked itself cannot tell its own pages from those of the areas.
    ...(lockself ? {} : { VmLck: of("VmLck") }),
    ...(hugetlb > 0 ? { HugetlbPages: hugetlb } : {}),
  };
}

/** What one page of an area is. */
interface PageInfo {
  state: string;
  mapcount: number;
  /** Frame number, ZERO_FRAME, or undefined when nothing is present. */
  frame: number | undefined;
}

function pageInfo(procfs: ProcFs, word: PagemapEntry, soft: boolean): PageInfo {
  const has = (bit: number): boolean => Math.floor(word.flags / bit) % 2 === 1;
  const guard = has(PM_GUARD_REGION) ? "G" : "";
  const file = has(PM_FILE) ? "f" : "";
  const exclusive = has(PM_MMAP_EXCLUSIVE) ? "x" : "";
  if (!has(PM_PRESENT)) {
    const state = has(PM_SWAP) ? `${guard}S${file}${exclusive}` : guard;
    return { state: state === "" ? "." : state, mapcount: 0, frame: undefined };
  }
  const kpf = procfs.kpageflags(word.frame);
  const zero = hasKpf(kpf, KPF_ZERO_PAGE);
  const state = [
    guard,
    "P",
    file,
    exclusive,
    soft && has(PM_SOFT_DIRTY) ? "d" : "",
    zero ? "Z" : "",
    hasKpf(kpf, KPF_HUGE) ? "H" : hasKpf(kpf, KPF_THP) ? "T" : "",
    hasKpf(kpf, KPF_ANON) && !zero ? "a" : "",
    hasKpf(kpf, KPF_SWAPCACHE) ? "c" : "",
  ].join("");
  const mapcount = Math.min(255, procfs.kpagecount(word.frame));
  return { state, mapcount, frame: zero ? ZERO_FRAME : word.frame };
}

function pageRecords(
  procfs: ProcFs,
  pid: number,
  area: Area,
  vmas: readonly SmapsArea[],
  options: { soft: boolean; ids: FrameIds; visit(pages: number): void },
): { [key: string]: Json } {
  if (vmas.length === 0) return { pages: [], frames: [] };
  const lo = Math.min(...vmas.map((vma) => vma.start));
  const hi = Math.max(...vmas.map((vma) => vma.end));
  const nrPages = (hi - lo) / PAGE_SIZE;
  const first = (lo - area.base) / PAGE_SIZE;
  options.visit(nrPages);
  const infos = procfs.pagemap(pid, lo, nrPages).map((word) => pageInfo(procfs, word, options.soft));
  const count = (test: (info: PageInfo) => boolean): number => infos.filter(test).length;
  const record = {
    count: {
      present: count((info) => info.frame !== undefined),
      swapped: count((info) => info.state.includes("S")),
      zero: count((info) => info.state.includes("Z")),
      large: count((info) => info.state.includes("T")),
    },
    ...limited("pages", pageRuns(infos, first), MAX_RUNS),
    ...limited("frames", frameRuns(infos, first, options.ids), MAX_RUNS),
    ...(area.last !== undefined && nrPages <= MAX_KEPT_PAGES
      ? { kept: keptRuns(infos, first, area.last).slice(0, MAX_KEPT_RUNS) }
      : {}),
  };
  if (nrPages <= MAX_KEPT_PAGES) area.last = rememberFrames(infos, first);
  return record;
}

function limited(name: string, runs: Json[], limit: number): { [key: string]: Json } {
  return { [name]: runs.slice(0, limit), ...(runs.length > limit ? { [`${name}_runs`]: runs.length } : {}) };
}

function pageRuns(infos: readonly PageInfo[], first: number): Json[] {
  const list = new RunList();
  infos.forEach(({ state, mapcount }, i) => {
    if (state === ".") return;
    list.add(first + i, state.includes("P") ? [state, mapcount] : [state]);
  });
  return list.runs;
}

/** Runs of frames with consecutive ids; one frame several times in a row is `[first, n, id, 0]`. */
function frameRuns(infos: readonly PageInfo[], first: number, ids: FrameIds): Json[] {
  const runs: Json[] = [];
  for (let k = 0; k < infos.length; ) {
    const frame = infos[k]!.frame;
    let j = k + 1;
    if (frame !== undefined) {
      const id = frame === ZERO_FRAME ? "Z" : ids.of(frame);
      const same = infos[j]?.frame === frame;
      if (same || id === "Z") while (infos[j]?.frame === frame) j++;
      else while (isFrame(infos[j]?.frame) && ids.of(infos[j]!.frame!) === (id as number) + (j - k)) j++;
      runs.push(same && id !== "Z" ? [first + k, j - k, id, 0] : [first + k, j - k, id]);
    }
    k = j;
  }
  return runs;
}

function isFrame(frame: number | undefined): frame is number {
  return frame !== undefined && frame !== ZERO_FRAME;
}

function keptRuns(infos: readonly PageInfo[], first: number, last: ReadonlyMap<number, number>): Json[] {
  const list = new RunList();
  infos.forEach(({ frame }, i) => {
    const before = last.get(first + i);
    if (frame !== undefined && before !== undefined) list.add(first + i, [frame === before]);
  });
  return list.runs;
}

function rememberFrames(infos: readonly PageInfo[], first: number): Map<number, number> {
  const frames = new Map<number, number>();
  infos.forEach(({ frame }, i) => {
    if (frame !== undefined && first + i >= 0) frames.set(first + i, frame);
  });
  return frames;
}
