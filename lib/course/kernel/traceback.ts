/**
 * An error as a notebook shows it: its name and message, then where it happened, in the learner's own lines.
 *
 *     RangeError: 0x1000000000000 is not a canonical address
 *         at Cpu.load (lib/hw/cpu.ts:88:11)
 *         at cell [3], line 2, column 5:  cpu.load(0x1000000000000, 8)
 *
 * Frames of Node, tslab and this kernel are left out, as nothing in them is the learner's.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { format } from "node:util";
import { projectRoot } from "../../replay/root.js";
import { isCellLine, lineOfCell, whereInCell } from "./cell_sources.js";

/** An error in the form of Jupyter's `error` message. */
export interface CellError {
  ename: string;
  evalue: string;
  traceback: string[];
}

const RED = "\u001b[1;31m";
const PLAIN = "\u001b[0m";
const FRAME = /^\s+at /;
const NOT_THE_LEARNERS = /node:|node_modules[\\/]tslab|course[\\/]kernel[\\/]|evalmachine|\(<anonymous>\)/;
const CELL_PLACE = /\bcell:(\d+):(\d+):(\d+)/;
/** How much of a line is shown above a caret. */
const SHOWN_COLUMNS = 80;
/** What tslab gives to console.error for a cell that does not compile: file, line, column, message. */
const DIAGNOSTIC_FORMAT = "%s%d:%d - %s";

/** The error of a cell, from the arguments of each `console.error` call that tslab made for it. */
export function cellError(reports: unknown[][], source: string): CellError {
  const [first] = reports;
  if (first === undefined) {
    return { ename: "Error", evalue: "the cell failed without a message", traceback: [] };
  }
  const error = first[0] === DIAGNOSTIC_FORMAT ? compileError(reports, source) : thrownError(first[0]);
  return { ...error, traceback: inColour(error) };
}

/** The error's name in red, as notebooks show it. */
function inColour({ ename, traceback: [head = "", ...rest] }: CellError): string[] {
  return head.startsWith(ename)
    ? [`${RED}${ename}${PLAIN}${head.slice(ename.length)}`, ...rest]
    : [head, ...rest];
}

function compileError(reports: unknown[][], source: string): CellError {
  const lines = source.split("\n");
  const traceback = ["TypeScriptError: this cell does not compile, so none of it has run"];
  for (const [, file, line, column, message] of reports) {
    traceback.push(`    ${file || ""}line ${line}, column ${column}: ${message}`);
    const text = file ? undefined : lines[Number(line) - 1];
    if (text !== undefined) traceback.push(...pointAt(text, Number(column)));
  }
  return { ename: "TypeScriptError", evalue: format("%s", reports[0]![4]), traceback };
}

/** The part of a line around a column (from 1), with a caret below it; short enough not to be wrapped. */
function pointAt(line: string, column: number): string[] {
  const start = Math.max(0, column - 1 - SHOWN_COLUMNS / 2);
  const shown = line.slice(start, start + SHOWN_COLUMNS);
  return [`        ${shown}`, `        ${" ".repeat(column - 1 - start)}^`];
}

function thrownError(thrown: unknown): CellError {
  if (!(thrown instanceof Error)) {
    const evalue = format("%o", thrown);
    return { ename: "Thrown", evalue, traceback: [`Thrown: ${evalue} (a value that is not an Error)`] };
  }
  if (isInterrupt(thrown)) {
    const evalue = "the cell was stopped; what it had declared is lost";
    return { ename: "Interrupted", evalue, traceback: [`Interrupted: ${evalue}`] };
  }
  const ename = thrown.name || "Error";
  return { ename, evalue: thrown.message, traceback: explainError(thrown) };
}

function isInterrupt(error: Error & { code?: string }): boolean {
  return error.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED" || error.message === "Interrupted asynchronously";
}

/** An error may be its own cause. */
const MAX_CAUSES = 5;

/** An error and its causes as lines: message, then the frames that are the learner's or the library's. */
function explainError(error: Error, nrCauses = 0): string[] {
  const lines = explainStack(error);
  if (error.cause instanceof Error && nrCauses < MAX_CAUSES) {
    const [first, ...rest] = explainError(error.cause, nrCauses + 1);
    lines.push(`Caused by ${first}`, ...rest);
  }
  return lines;
}

function explainStack(error: Error): string[] {
  const stack = typeof error.stack === "string" ? error.stack.split("\n") : [];
  const frames = stack.filter((line) => FRAME.test(line) && isLearners(line));
  const head = `${error.name || "Error"}: ${error.message}`;
  return [...head.split("\n"), ...frames.map(readableFrame)];
}

function isLearners(frame: string): boolean {
  const inCell = CELL_PLACE.exec(frame);
  if (inCell !== null) return isCellLine(Number(inCell[1]), Number(inCell[2]));
  return !NOT_THE_LEARNERS.test(frame);
}

function readableFrame(frame: string): string {
  const found = CELL_PLACE.exec(frame);
  const place = found && whereInCell(Number(found[1]), Number(found[2]), Number(found[3]));
  const code = place && lineOfCell(Number(found![1]), place.line)?.trim();
  const readable = inCellLines(frame).replaceAll("file://", "").replaceAll(`${projectRoot()}/`, "");
  return code ? `${readable}:  ${code}` : readable;
}

/** Text with every `cell:N:line:column` of a script turned into the place in the cell. */
export function inCellLines(text: string): string {
  return text.replace(new RegExp(CELL_PLACE, "g"), (all, count, line, column) => {
    const place = whereInCell(Number(count), Number(line), Number(column));
    return place === undefined ? all : `cell [${count}], line ${place.line}, column ${place.column}`;
  });
}
