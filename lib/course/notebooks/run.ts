/**
 * Runs a notebook from its first cell to its last through a real kernel, and says what went wrong.
 *
 * A run fails on: a cell whose status is not "ok"; text on stderr; a rejection that nobody caught or an error
 * in a timer, also after the last cell; a kernel that dies. A cell that is meant to do such a thing says so
 * with a tag: `raises-exception` (the tag that nbconvert knows) or `expect-stderr`.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type CellRun, KernelClient, type KernelOptions } from "./kernel_client.js";
import { asLines, type Cell, type CodeCell, type Notebook, type Output, sourceOf } from "./nbformat.js";

/** One thing that went wrong. */
interface RunProblem {
  /** Number of the cell in the notebook, from 1, markdown cells counted; undefined: after the last cell. */
  cell: number | undefined;
  what: string;
}

/** What a run found. */
export interface NotebookRun {
  problems: RunProblem[];
  /** The notebook with the outputs of this run. */
  notebook: Notebook;
  cellsRun: number;
}

/** How long timers that a cell left behind may go on before the run ends without them. */
const LEFTOVER_TIMERS_MS = 2000;
/** The number of timers that the kernel is waiting for. */
const COUNT_TIMERS = `process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length`;

/** Runs all cells of a notebook in a fresh kernel, in the notebook's folder. */
export async function runNotebook(
  path: string,
  notebook: Notebook,
  options: KernelOptions = {},
): Promise<NotebookRun> {
  const kernel = await KernelClient.start({ cwd: dirname(path), ...options });
  try {
    return await runCells(kernel, notebook);
  } finally {
    await kernel.shutdown();
  }
}

async function runCells(kernel: KernelClient, notebook: Notebook): Promise<NotebookRun> {
  const problems: RunProblem[] = [];
  const runs = new Map<Cell, CellRun>();
  for (const [index, cell] of notebook.cells.entries()) {
    if (cell.cell_type !== "code" || kernel.death !== undefined) continue;
    const result = await executeOrDie(kernel, sourceOf(cell));
    if (typeof result === "string") problems.push({ cell: index + 1, what: result });
    else runs.set(cell, result);
  }
  const late = kernel.death === undefined ? await settle(kernel) : "";
  // Only now, because a cell may fail after its end.
  const cells = notebook.cells.map((cell, index) => {
    const run = runs.get(cell);
    if (cell.cell_type !== "code" || run === undefined) return cell;
    for (const what of cellProblems(cell, run)) problems.push({ cell: index + 1, what });
    return withOutputs(cell, run);
  });
  problems.sort((a, b) => a.cell! - b.cell!);
  if (late !== "") problems.push({ cell: undefined, what: `after the last cell, on stderr:\n${late}` });
  return { problems, notebook: { ...notebook, cells }, cellsRun: runs.size };
}

async function executeOrDie(kernel: KernelClient, source: string): Promise<CellRun | string> {
  try {
    return await kernel.execute(source);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Waits until the cells' own timers have fired. Returns what came on stderr meanwhile. */
async function settle(kernel: KernelClient): Promise<string> {
  const deadline = Date.now() + LEFTOVER_TIMERS_MS;
  const probes: CellRun[] = [];
  for (let timers = 1; timers > 0 && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    const probe = await executeOrDie(kernel, COUNT_TIMERS);
    if (typeof probe === "string") return probe;
    probes.push(probe);
    timers = Number.parseInt(plainText(probe.outputs), 10) || 0;
  }
  // What was written last may still be on its way.
  await executeOrDie(kernel, COUNT_TIMERS);
  return probes.map((probe) => streamText(probe.outputs, "stderr")).join("");
}

function plainText(outputs: Output[]): string {
  return outputs
    .map((output) => {
      if (output.output_type === "stream") return output.name === "stdout" ? String(output.text) : "";
      return output.output_type === "error" ? "" : String(output.data["text/plain"]);
    })
    .join("");
}

function withOutputs(cell: CodeCell, run: CellRun): CodeCell {
  return { ...cell, execution_count: run.executionCount, outputs: run.outputs.map(storedOutput) };
}

function storedOutput(output: Output): Output {
  return output.output_type === "stream" ? { ...output, text: asLines(String(output.text)) } : output;
}

function cellProblems(cell: CodeCell, run: CellRun): string[] {
  const tags = cell.metadata.tags ?? [];
  const problems: string[] = [];
  if (tags.includes("raises-exception")) {
    if (run.status === "ok") problems.push("is tagged raises-exception, but ran without an error");
  } else if (run.status !== "ok") {
    problems.push(errorText(run));
  }
  const stderr = streamText(run.outputs, "stderr");
  // A tslab without the course's mends shows a cell's error on stderr.
  if (stderr !== "" && run.status === "ok" && !tags.includes("expect-stderr")) {
    problems.push(`wrote to stderr:\n${stderr}`);
  }
  return problems;
}

function errorText(run: CellRun): string {
  const error = run.outputs.find((output) => output.output_type === "error");
  if (error?.output_type === "error") return stripVTControlCharacters(error.traceback.join("\n"));
  return `ended with status ${run.status}\n${streamText(run.outputs, "stdout", "stderr")}`.trim();
}

function streamText(outputs: Output[], ...names: string[]): string {
  return outputs
    .map((output) =>
      output.output_type === "stream" && names.includes(output.name) ? String(output.text) : "",
    )
    .join("");
}
