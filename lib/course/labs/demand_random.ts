/**
 * Random workloads for the bench of lab 03, each with a focus, and the comparison of a learner's parts with a
 * recorded kernel.
 * Not in Linux: a helper of the course.
 *
 * Read first: demand.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { Random } from "../../hw/random.js";
import type { MachineParts } from "../../kernel/machine.js";
import { newHost } from "../../replay/kernel_host.js";
import { loadNotApplicable, replayRecorded } from "../../replay/recordings.js";
import { isNotWrittenYet } from "../exercises/not_written_yet.js";
import { DifferenceError } from "../grading/difference.js";
import { type DemandOp, FILE_PAGES } from "./demand.js";

/** What a workload is mostly about. */
export type Focus = "rights" | "anonymous" | "file" | "lock";

/** Pages that random operations use: on both sides of the border between two page-table pages. */
const PLACES = 48;

const PROTS = ["rw", "rw", "rw", "r", "", "w", "x", "rwx"];

function randomMmap(random: Random, focus: Focus): DemandOp {
  const page = random.below(PLACES - 8);
  const pages = random.pick([1, 2, 3, 5, 8, 20]);
  const prot = focus === "rights" ? random.pick(PROTS) : random.pick(["rw", "rw", "r"]);
  const file = focus === "file" ? 90 : focus === "anonymous" ? 0 : 30;
  const shared = focus !== "anonymous" && random.chance(25);
  if (random.chance(file))
    return { op: "mmap", page, pages, prot, shared, filePage: random.below(FILE_PAGES - 4) };
  return { op: "mmap", page, pages, prot, growsdown: focus === "rights" && random.chance(20) };
}

function randomAccess(random: Random, focus: Focus): DemandOp {
  const page = random.below(PLACES);
  const writes = focus === "file" ? 20 : 50;
  if (focus === "rights" && random.chance(20)) return { op: "fetch", page };
  return { op: random.chance(writes) ? "store" : "load", page };
}

function randomChange(random: Random, focus: Focus): DemandOp {
  const page = random.below(PLACES);
  const pages = random.between(1, 8);
  if (focus === "lock")
    return random.pick<DemandOp>([
      { op: "mlock", page, pages, onfault: random.chance(30) },
      {
        op: "mlock",
        page,
        pages,
        offset: random.below(PAGE_SIZE),
        bytes: random.between(1, pages * PAGE_SIZE),
      },
      { op: "munlock", page, pages },
      { op: "limit", bytes: random.pick([0, 4 * PAGE_SIZE, 12 * PAGE_SIZE + 100, 40 * PAGE_SIZE]) },
      { op: "mprotect", page, pages, prot: random.pick(["r", "rw"]) },
    ]);
  if (focus === "file" && random.chance(40)) return { op: "drop cache" };
  if (focus === "file" && random.chance(20)) return { op: "fault around", pages: random.pick([1, 2, 4, 16]) };
  return random.pick<DemandOp>([
    { op: "mprotect", page, pages, prot: random.pick(PROTS) },
    { op: "munmap", page, pages },
    { op: "dontneed", page, pages },
  ]);
}

/** A random operation; a workload begins with a mapping. */
export function randomDemandOp(random: Random, at: number, focus: Focus): DemandOp {
  const what = at === 0 ? 0 : random.below(100);
  if (what < 20) return randomMmap(random, focus);
  return what < 75 ? randomAccess(random, focus) : randomChange(random, focus);
}

/** Simpler operations to try in place of `op`: each says less, so that simplifying ends. */
export function simplerDemandOps(op: DemandOp): DemandOp[] {
  const less = JSON.stringify(op).length;
  return simplerCandidates(op).filter((simpler) => JSON.stringify(simpler).length < less);
}

function simplerCandidates(op: DemandOp): DemandOp[] {
  if (op.op === "mmap") {
    const { page, pages, filePage, prot } = op;
    const file = filePage === undefined ? {} : { filePage };
    const rights = prot === undefined ? {} : { prot };
    const plain: DemandOp = { op: "mmap", page, pages };
    return [plain, { ...plain, ...file }, { ...plain, ...file, ...rights }];
  }
  if (op.op === "store") return [{ op: "load", page: op.page }];
  if (op.op === "mlock") return [{ op: "mlock", page: op.page, pages: op.pages }];
  return [];
}

/**
 * Runs a recorded scenario on a machine with `parts`; throws a DifferenceError with the first step at which
 * it does not do what
 * Linux 6.18 did.
 */
export function expectAsRecorded(name: string, parts: Partial<MachineParts>): void {
  const { recorded, comparison } = replayOrExplain(name, parts);
  const first = comparison.different[0];
  if (first === undefined) return;
  const before = recorded.steps.filter(({ i }) => i <= first.step).map(({ i, line }) => `  ${i}. ${line}`);
  throw new DifferenceError(
    `The recorded run ${name} of Linux 6.18, on a machine with your code, differs at step ${first.step}:\n${before.join("\n")}   <- here, in ${first.path}`,
    JSON.stringify(first.ours) ?? "(nothing)",
    JSON.stringify(first.kernel) ?? "(nothing)",
  );
}

function replayOrExplain(name: string, parts: Partial<MachineParts>): ReturnType<typeof replayRecorded> {
  try {
    return replayRecorded(name, newHost("64 MiB", parts), loadNotApplicable());
  } catch (error) {
    if (isNotWrittenYet(error) || error instanceof DifferenceError) throw error;
    throw new DifferenceError(
      `The recorded run ${name} of Linux 6.18 stopped on a machine with your code.`,
      error instanceof Error ? error.message : String(error),
      "it runs to its end",
    );
  }
}
