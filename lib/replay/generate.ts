/**
 * Random scenarios: endless small programs that map, touch, fork, protect, move, advise, lock and exit.
 *
 *   generateScenario({ seed: 7, steps: 60, files: true })  ->  the text of a scenario; the same seed gives the same text
 *
 * They look for what nobody thought of: a machine must run any of them without an internal error, and a real
 * Linux must give the same records (`pagewalk replay --linux`). Ranges are mostly inside an area, sometimes
 * beyond it; calls that fail are welcome, since their error numbers are compared too.
 *
 * With `thp` some areas are large enough for huge pages, and are advised to have them, to be collapsed, torn.
 *
 * DRN is a page that nobody uses: MADV_FREE on it afterwards makes Linux count the pages freed lazily before.
 *
 * Read first: scenario.ts. Read next: parse.ts.
 */
import { Random } from "../hw/random.js";

/** What to generate. Not in Linux. */
interface GenerateOptions {
  seed: number;
  /** Number of random steps, 60 by default. */
  steps?: number;
  /** Maps a file and shared memory too, not only private anonymous memory. */
  files?: boolean;
  /** Maps areas of 2 to 4.7 MiB too, most of them advised to have huge pages. */
  thp?: boolean;
  /** Most processes alive at once, 6 by default. */
  maxProcs?: number;
}

interface GenArea {
  name: string;
  pages: number;
  /** Maps the file from this page on; undefined for anonymous memory. */
  filePage: number | undefined;
}

interface GenProc {
  name: string;
  areas: GenArea[];
}

const PROTS = ["r", "rw", "rw", "rw", "none", "rx"];
const ADVICE = [
  "DONTNEED",
  "DONTNEED",
  "FREE",
  "FREE",
  "DONTFORK",
  "DOFORK",
  "WIPEONFORK",
  "KEEPONFORK",
  "COLD",
  "WILLNEED",
  "NORMAL",
  "RANDOM",
  "SEQUENTIAL",
  "POPULATE_READ",
  "POPULATE_WRITE",
  "DONTNEED_LOCKED",
  "GUARD_INSTALL",
  "GUARD_REMOVE",
  "DONTDUMP",
  "DODUMP",
];
/** Advice that makes, forbids, tears or frees huge pages. */
const HUGE_ADVICE = [
  ...["HUGEPAGE", "HUGEPAGE", "NOHUGEPAGE", "COLLAPSE", "COLLAPSE", "COLLAPSE"],
  ...["DONTNEED", "DONTNEED", "FREE", "FREE", "POPULATE_WRITE", "DONTFORK", "WIPEONFORK", "GUARD_INSTALL"],
];
/** Pages of areas that huge pages fit into. */
const HUGE_AREAS = [512, 512, 768, 1024, 1200];
/** Pages of a huge page. */
const HUGE = 512;
/** Lengths of ranges in such an area. */
const HUGE_RANGES = [1, 1, 3, 16, 100, 256, 300, 512];
const CHILD_NAMES = "CDEGHIJKLMNOQRSTUVWXYZ";
const FILE_PAGES = 24;

/** Writes one script. */
class Generator {
  private readonly random: Random;
  private readonly lines: string[];
  private readonly procs: GenProc[];
  private nrAreas = 0;
  private nrChildren = 0;
  private readonly files: boolean;
  private readonly thp: boolean;
  private readonly maxProcs: number;

  constructor(options: GenerateOptions) {
    this.random = new Random(options.seed);
    this.files = options.files ?? false;
    this.thp = options.thp ?? false;
    this.maxProcs = options.maxProcs ?? 6;
    this.procs = [{ name: "P", areas: [] }];
    this.lines = [`scenario random-${options.seed}`, "spawn P"];
    if (this.files) this.lines.push(`file F create ${FILE_PAGES} chunk=4`);
    this.lines.push("P map DRN anon private 1 noreserve");
    this.map(this.procs[0]!);
    for (let i = 0; i < (options.steps ?? 60); i++) this.step();
    this.lines.push("report", "");
  }

  text(): string {
    return this.lines.join("\n");
  }

  /** One random step of a random process. */
  private step(): void {
    const proc = this.random.pick(this.procs);
    const what = this.random.below(100);
    if (what < 40) this.probe(proc);
    else if (what < 48) this.map(proc);
    else if (what < 58) this.fork(proc);
    else if (what < 63) this.exit(proc);
    else if (what < 70)
      this.emit(proc, (area) => `mprotect ${area.name} ${this.range(area)} ${this.random.pick(PROTS)}`);
    else if (what < 75) this.emit(proc, (area) => `munmap ${area.name} ${this.range(area)}`);
    else if (what < 80) this.mremap(proc);
    else if (what < 88) this.advise(proc);
    else if (what < 92) this.lock(proc);
    else if (what < 94) this.lines.push(`${proc.name} brk ${this.random.pick(["+4", "+9", "-3"])}`);
    else if (what < 96) this.look(proc);
    else this.lines.push("report");
  }

  private emit(proc: GenProc, line: (area: GenArea) => string): void {
    if (proc.areas.length > 0) this.lines.push(`${proc.name} ${line(this.random.pick(proc.areas))}`);
  }

  /** A page range, nine times of ten inside the area. */
  private range(area: GenArea): string {
    const { random } = this;
    if (random.chance(25)) return `0:${area.pages}`;
    if (area.pages >= HUGE) return this.hugeRange(area);
    const reach = random.chance(10) ? area.pages + 4 : area.pages;
    const start = random.below(reach);
    return `${start}:${random.between(start + 1, Math.min(reach, start + 12) || start + 1)}`;
  }

  /** A range of an area that huge pages fit into: one of them, or any. */
  private hugeRange(area: GenArea): string {
    const { random } = this;
    if (random.chance(30)) {
      const first = HUGE * random.below(Math.floor(area.pages / HUGE));
      return `${first}:${first + HUGE}`;
    }
    const start = random.chance(20) ? HUGE * random.below(2) : random.below(area.pages);
    return `${start}:${Math.min(Math.max(area.pages, start + 1), start + random.pick(HUGE_RANGES))}`;
  }

  private probe(proc: GenProc): void {
    const { random } = this;
    const how = random.chance(60) ? `w=${random.between(1, 255)}` : "r";
    this.emit(proc, (area) => {
      const range = random.chance(15) ? `0:${area.pages}/${this.stride(area)}` : this.range(area);
      if (random.chance(15)) return `bytes ${area.name} ${range}`;
      return `${random.chance(80) ? "probe" : "touch"} ${area.name} ${range} ${how}`;
    });
  }

  private stride(area: GenArea): number {
    return area.pages < HUGE ? this.random.between(2, 7) : this.random.pick([3, 7, 31, 100, 511, 512]);
  }

  private map(proc: GenProc): void {
    if (this.thp && this.random.chance(60)) this.mapHuge(proc);
    else this.mapSmall(proc);
  }

  /** Private memory that huge pages fit into. */
  private mapHuge(proc: GenProc): void {
    const { random } = this;
    const area: GenArea = { name: `A${++this.nrAreas}`, pages: random.pick(HUGE_AREAS), filePage: undefined };
    const place = random.chance(25) ? ` off=${random.pick([1, 100, 511])}` : "";
    const flags = ["populate", "locked"].filter(() => random.chance(6)).map((flag) => ` ${flag}`);
    this.lines.push(`${proc.name} map ${area.name} anon private ${area.pages}${place}${flags.join("")}`);
    if (random.chance(80)) this.lines.push(`${proc.name} madvise ${area.name} 0:${area.pages} HUGEPAGE`);
    proc.areas.push(area);
  }

  private mapSmall(proc: GenProc): void {
    const { random } = this;
    const area: GenArea = {
      name: `A${++this.nrAreas}`,
      pages: random.pick([4, 8, 12, 16, 24, 32, 40]),
      filePage: undefined,
    };
    const shared = this.files && random.chance(50);
    const words = [`${proc.name} map ${area.name}`];
    if (this.files && random.chance(40)) {
      area.filePage = random.chance(30) ? random.below(6) : 0;
      area.pages = Math.min(area.pages, random.chance(85) ? FILE_PAGES - area.filePage : 30);
      words.push("file:F", shared ? "shared" : "private", String(area.pages));
      if (area.filePage > 0) words.push(`pgoff=${area.filePage}`);
    } else words.push("anon", shared ? "shared" : "private", String(area.pages));
    const beside = proc.areas.length > 0 && random.chance(25) ? random.pick(proc.areas) : undefined;
    if (beside !== undefined) words.push(`at=${beside.name}+${beside.pages}`);
    if (random.chance(25)) words.push(`prot=${random.pick(PROTS)}`);
    for (const flag of ["populate", "noreserve", "locked"]) if (random.chance(10)) words.push(flag);
    this.lines.push(words.join(" "));
    // where a neighbour is in the way the mapping fails, and then the name means nothing
    if (beside === undefined) proc.areas.push(area);
  }

  private fork(proc: GenProc): void {
    if (this.procs.length >= this.maxProcs || this.nrChildren >= CHILD_NAMES.length) return;
    const name = CHILD_NAMES[this.nrChildren++]!;
    this.lines.push(`${proc.name} fork ${name}`);
    this.procs.push({ name, areas: proc.areas.map((area) => ({ ...area })) });
  }

  private exit(proc: GenProc): void {
    if (this.procs.length === 1) return;
    this.lines.push(`${proc.name} exit`);
    this.procs.splice(this.procs.indexOf(proc), 1);
  }

  private mremap(proc: GenProc): void {
    const { random } = this;
    this.emit(proc, (area) => {
      const start = random.chance(50) ? 0 : random.below(area.pages);
      const end = random.chance(50) ? area.pages : random.between(start + 1, area.pages);
      const newPages = random.pick([end - start, end - start, end - start + 4, Math.max(1, end - start - 2)]);
      const how = random.pick(["inplace", "maymove", "to", "to", "dontunmap"]);
      const words = `mremap ${area.name} ${start}:${end} ${how === "dontunmap" ? end - start : newPages}`;
      if (how === "inplace" || how === "maymove") return `${words} ${how}`;
      return `${words} to=A${++this.nrAreas}${how === "dontunmap" ? " dontunmap" : ""}`;
    });
  }

  private advise(proc: GenProc): void {
    const huge = this.thp && this.random.chance(60);
    const advice = this.random.pick(huge ? HUGE_ADVICE : ADVICE);
    this.emit(proc, (area) => `madvise ${area.name} ${this.range(area)} ${advice}`);
    if (advice === "FREE") this.lines.push(`${proc.name} madvise DRN 0:1 FREE`);
  }

  private lock(proc: GenProc): void {
    this.emit(proc, (area) => {
      const range = `${area.name} ${this.range(area)}`;
      return this.random.pick([
        `mlock ${range}`,
        `mlock ${range}`,
        `mlock ${range} onfault`,
        `munlock ${range}`,
      ]);
    });
  }

  private look(proc: GenProc): void {
    this.emit(proc, (area) => {
      if (area.filePage !== undefined && this.random.chance(50))
        return `msync ${area.name} ${this.range(area)} sync`;
      return `mincore ${area.name} ${this.range(area)}`;
    });
  }
}

/** The text of a random scenario. RangeError when the seed is no integer. Not in Linux. */
export function generateScenario(options: GenerateOptions): string {
  return new Generator(options).text();
}
