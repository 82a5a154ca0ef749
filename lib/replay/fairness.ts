/**
 * Fairness: which leaves of a record must be equal, which show a tendency only, and which cannot be equal.
 *
 *   leaf of a recorded step ---> "~varies"               not compared: the kernel itself was not the same in all runs
 *                           ---> tendency (below)        reported apart, never counted
 *                           ---> not-applicable.json     listed with its reason, counted apart
 *                           ---> everything else         must be equal
 *
 * Tendencies, and why:
 * - Referenced: a real TLB may keep an entry whose accessed bit the kernel has cleared.
 * - kept, once pages were freed since the last report: the allocator may hand out the same frame again.
 * - residency of files (resident, cache, evicted): the recording host drops clean pages on its own now and
 *   then.
 * - faults and resident pages of files read for the first time from disk (b16, b17, rd*), or written in
 *   chunks of more than one page (b04 and all with chunk= above 4): they depend on the device's read-ahead
 *   and on the folio sizes of its file system.
 * - vmstat, zoneinfo and meminfo count the whole system, the recorder and the kernel's own pages included;
 *   what follows from the size of RAM and from settings is exact all the same: watermarks, sizes of zones,
 *   MemTotal, CommitLimit, swap, pools of huge pages.
 * - buddyinfo, pagetypeinfo and the two reserves that are a part of free memory: which blocks are free
 *   depends on all that the kernel has allocated since it began.
 * - pmcount, used swap and faults under pressure (ra, sb, sc, sd): which pages are evicted depends on all
 *   others. So does whether a zone's watermarks are boosted just then (two of three recorded runs end with a
 *   boost, one without); the watermarks are compared without it, and are exact.
 * - how much a group uses once a process has ended, and the sizes of its lists: up to 31 pages of a CPU are
 *   in the batch in front of the lists, and stay charged until others push them out; which depends on all
 *   pages that came to be there before (of two runs alike one had 541 pages, the other 542).
 * - the kernel's log: it has numbers of processes, addresses of the kernel's own code, and counters that are
 *   not added up.
 * - the moment of the OOM killer: between two boots alike it was up to 512 pages apart. So also how far the
 *   process had come that asked for memory, and in the report how much was free; everything of it where even
 *   the victims were not the same in all runs.
 * - times of day (uptime), and counters shown as text.
 *
 * Read first: record.ts. Read next: compare.ts.
 */
import type { Recording, StepRecord } from "./record.js";

/** How a leaf is compared. Not in Linux. */
type Fairness = "exact" | "tendency";

/** Fields of a step that count the whole system. */
const SYSTEM_WIDE = new Set(["vmstat", "zones", "meminfo"]);
/** What of them follows from the size of RAM and the settings alone. */
const EXACT_OF_ZONE = new Set([
  "boost",
  "min",
  "low",
  "high",
  "promo",
  "spanned",
  "present",
  "managed",
  "protection",
]);
const EXACT_OF_MEMINFO = new Set(
  ["MemTotal", "CommitLimit", "SwapTotal", "SwapFree", "SwapCached", "Hugepagesize", "Hugetlb"].concat(
    ["Total", "Free", "Rsvd", "Surp"].map((pool) => `HugePages_${pool}`),
  ),
);
/** Files whose text depends on what the kernel itself has allocated. */
const KERNELS_OWN = /^cat .*(buddyinfo|pagetypeinfo|(user|admin)_reserve_kbytes|uptime|vmstat)$/;
/** What of /proc/meminfo says how many pages of processes were evicted. */
const EVICTED = new Set(["SwapFree", "SwapCached"]);
/** Fields of a process that is reclaimed from. */
const RECLAIMED = new Set(["present", "swapped", "none", "Swap", "SwapPss"]);
const FILE_RESIDENCY = new Set(["resident", "cache", "evicted"]);
/** Fields that follow from when and how file pages came in. */
const FILE_PAGE_FIELDS = new Set([
  "minflt",
  "majflt",
  "trace",
  "trace_truncated",
  "mincore",
  "Rss",
  "Pss",
  "Pss_Dirty",
  "Shared_Clean",
  "Shared_Dirty",
  "Private_Clean",
  "Private_Dirty",
  "FilePmdMapped",
  "VmRSS",
  "RssFile",
  "VmPTE",
  "count",
  "pages",
  "frames",
]);
/** Sizes of a group's LRU lists in memory.stat. */
const LISTS_OF_GROUP = /^(in)?active_(anon|file)$/;
/** How much a group uses. */
const GROUP_USAGE = /^cat .*memory\.(current|peak)$/;
/** What the OOM killer's report says of the whole system. */
const REPORT_SYSTEM_WIDE = new Set(["free", "boost"]);
/** What of the process that asked for memory depends on the moment. */
const ASKING_NOW = new Set(["rss", "rss_anon", "pgtables_bytes", "VmRSS", "RssAnon", "VmPTE", "oom_score"]);
/** Fields about what the OOM killer did. */
const OF_KILLS = new Set(["kills", "kernel_reports", "grown_pages"]);
/** Which step it was is the moment itself. */
const MOMENT = new Set(["step", "i", "pages_touched_by_op"]);
/** Operations after which frames may be handed out again. */
const FREES =
  /\b(munmap|madvise|mremap|exit|kill|brk -\d+|fixed|truncate|truncbytes|evict|evictrange|unlink|clearrefs)\b/;

function systemWide([kind, ...path]: readonly string[]): Fairness {
  const exact = kind === "zones" ? EXACT_OF_ZONE : kind === "meminfo" ? EXACT_OF_MEMINFO : undefined;
  return path.some((part) => exact?.has(part)) ? "exact" : "tendency";
}

/** Who asked for memory when the OOM killer came, by their names in its reports and in the script's steps. */
function askingIn(steps: readonly StepRecord[]): Set<string> {
  const lines = steps.flatMap(({ kernel_reports: reports, kills }) => [
    ...((reports ?? []) as readonly { readonly invoked: string }[]).map(({ invoked }) => invoked),
    ...((kills ?? []) as readonly { readonly step: string }[]).map(({ step }) => step),
  ]);
  return new Set(lines.map((line) => line.split(" ")[0]!));
}

function diedIn(steps: readonly StepRecord[], name: string): boolean {
  const kills = steps.flatMap(
    (step) => (step.kills ?? []) as readonly { readonly died: readonly string[] }[],
  );
  return kills.some(({ died }) => died.includes(name));
}

/** The rules for one scenario. Not in Linux. */
export class FairnessRules {
  private readonly filePagesVary: boolean;
  private readonly pressure: boolean;
  private readonly kernelsOwn: boolean[];
  private readonly freedSinceReport: boolean[];
  private readonly lines: string[];
  private readonly endedBefore: boolean[];
  private readonly victimsVary: boolean;
  /** Names of the processes that asked for memory when the OOM killer came. */
  private readonly asking: ReadonlySet<string>;
  /** Those of them that were ended themselves. */
  private readonly endedAsking: ReadonlySet<string>;

  constructor(recording: Recording) {
    this.pressure = /^(ra|sb|sc|sd|qd)\d/.test(recording.scenario);
    this.kernelsOwn = recording.steps.map((step) => KERNELS_OWN.test(step.line));
    // In a virtual machine the window of readahead is as recorded, and its disk is quick.
    const cold = /^(b16|b17)/.test(recording.scenario) || this.pressure;
    const chunked = recording.steps.some((step) => Number(/ chunk=(\d+)/.exec(step.line)?.[1] ?? 4) > 4);
    this.filePagesVary = cold || chunked;
    this.lines = recording.steps.map(({ line }) => line);
    this.victimsVary = recording.victims_same_in_all_runs === false;
    this.asking = askingIn(recording.steps);
    this.endedAsking = new Set([...this.asking].filter((name) => diedIn(recording.steps, name)));
    let ended = false;
    this.endedBefore = recording.steps.map(({ line, err }) => {
      if (err === "KILLED" || / (exit|kill)\b/.test(line)) ended = true;
      return ended;
    });
    let freed = false;
    this.freedSinceReport = recording.steps.map((step) => {
      if (FREES.test(step.line)) freed = true;
      const now = freed;
      if (step.line.startsWith("report")) freed = false;
      return now;
    });
  }

  /** How the leaf at `path` of step `index` is compared. */
  of(index: number, path: readonly string[]): Fairness {
    const last = path[path.length - 1] ?? "";
    if (path[0] === "dmesg" || (LISTS_OF_GROUP.test(last) && path[0] === "text")) return "tendency";
    if (this.endedBefore[index] && GROUP_USAGE.test(this.lines[index]!)) return "tendency";
    if (last === "Referenced" || this.kernelsOwn[index]) return "tendency";
    if (this.pressure && path[0] === "zones" && last === "boost") return "tendency";
    if (this.pressure && path[0] === "meminfo" && EVICTED.has(last)) return "tendency";
    if (SYSTEM_WIDE.has(path[0] ?? "")) return systemWide(path);
    if (OF_KILLS.has(path[0] ?? "")) return this.ofKill(path);
    if (this.pressure && path.some((part) => RECLAIMED.has(part))) return "tendency";
    if (last === "kept") return this.freedSinceReport[index] ? "tendency" : "exact";
    if ((path[0] === "file" || path.includes("files")) && FILE_RESIDENCY.has(last)) return "tendency";
    if (this.filePagesVary && path.some((part) => FILE_PAGE_FIELDS.has(part))) return "tendency";
    return "exact";
  }

  /** A leaf of what the OOM killer did. */
  private ofKill([kind, ...path]: readonly string[]): Fairness {
    const last = path[path.length - 1] ?? "";
    // Who asked and was ended himself has not grown to the end of the script.
    if (kind === "grown_pages") return this.endedAsking.has(last) ? "tendency" : "exact";
    if (this.victimsVary || path.some((part) => REPORT_SYSTEM_WIDE.has(part) || MOMENT.has(part)))
      return "tendency";
    if (last === "killed") return this.endedAsking.size > 0 ? "tendency" : "exact";
    return ASKING_NOW.has(last) && path.some((part) => this.asking.has(part)) ? "tendency" : "exact";
  }
}
