/**
 * How much work a script may ask for. A scenario is a text that anybody can write, and
 * `P touch A 0:10000000000000` must be refused at once, with its line, instead of running for a year.
 *
 *   numbers       at most 2^35 pages, all of the 47 bits of a process's addresses
 *   one line      visits at most 2^20 pages
 *   the script    visits at most 2^22 pages in all, and has at most 20 000 steps
 *
 * What a line will visit is known before anything runs, except for what depends on the size of a file or
 * area: those the executor asks for when it gets there. Calls that Linux carries out without visiting each
 * page (a mapping, munmap of a hole) may be as long as they like.
 *
 * Read first: scenario.ts. Read next: parse.ts.
 */
import type { ControlOp, PageRange, ProcessOp, ScenarioLine } from "./scenario.js";

/** Pages in the 47 bits of user addresses. Not in Linux. */
export const MOST_PAGES = 2 ** 35;
/** Pages that one line may visit. Not in Linux. */
export const MOST_PAGES_OF_LINE = 2 ** 20;
/** Pages that a whole script may visit. Not in Linux. */
const MOST_PAGES_OF_SCRIPT = 2 ** 22;
/** Steps of a script. Not in Linux. */
export const MOST_STEPS = 20_000;
/** Characters of a script. Not in Linux. */
export const MOST_CHARACTERS = 2 ** 22;

/** A call that fills memory stops when RAM is full, which a replayed machine has this many pages of. */
const PAGES_OF_RAM = 2 ** 19;

/** How many pages `range` names. Not in Linux. */
export function pagesIn({ start, end, step }: PageRange): number {
  return Math.max(0, Math.ceil((end - start) / step));
}

function sum(ranges: readonly PageRange[]): number {
  return ranges.reduce((pages, range) => pages + pagesIn(range), 0);
}

function filling(pages: number): number {
  return Math.min(Math.abs(pages), PAGES_OF_RAM);
}

/** Pages that a process's operation visits one by one. */
function pagesOfProcessOp(op: ProcessOp): number {
  switch (op.op) {
    case "touch":
    case "probe":
    case "check":
    case "bytes":
      return sum(op.ranges);
    case "mincore":
      return pagesIn(op.range);
    case "madvise":
      return op.strided
        ? pagesIn(op.range)
        : op.advice.startsWith("POPULATE")
          ? filling(pagesIn(op.range))
          : 0;
    case "mlock":
    case "uread":
    case "uwrite":
      return filling(pagesIn(op.range));
    case "map":
      return op.flags.includes("populate") || op.flags.includes("locked") ? filling(op.pages) : 0;
    default:
      return 0;
  }
}

function pagesOfControlOp(op: ControlOp): number {
  if (op.op !== "file" || op.action.op !== "create" || op.action.sparse) return 0;
  return Math.max(0, op.action.pages);
}

/** Pages that `what` visits, as far as the line alone tells. Not in Linux. */
export function pagesVisited(what: ScenarioLine["what"]): number {
  if (what.kind === "process") return pagesOfProcessOp(what.op);
  return what.kind === "control" ? pagesOfControlOp(what.op) : 0;
}

/** Counts visits; `add` returns what is wrong with `pages` more, or undefined. Not in Linux. */
export class VisitBudget {
  private spent = 0;

  /** `besides`: what the recording of the step looks at. */
  add(pages: number, besides = 0): string | undefined {
    if (pages > MOST_PAGES_OF_LINE)
      return `it visits ${pages} pages; ${MOST_PAGES_OF_LINE} is the most of one line`;
    this.spent += pages + besides;
    if (this.spent <= MOST_PAGES_OF_SCRIPT) return undefined;
    return `up to here the script visits ${this.spent} pages; ${MOST_PAGES_OF_SCRIPT} is the most`;
  }
}
