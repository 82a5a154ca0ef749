/**
 * Jupyter notebooks as files: nbformat 4.5, as far as the course needs it.
 *
 * In git a notebook has no outputs, no execution counts and no `language_info`; keys stay in Jupyter's
 * alphabetical order with an indent of one, so that saving from Jupyter changes only what was edited.
 *
 * Not in Linux: part of the course, not of the machine. Format: the nbformat documentation.
 */
import { valueText } from "../../hw/options.js";
import { readInput, writeWhole } from "../files.js";
import { KERNELSPEC } from "../kernel/kernelspec.js";
import { shortPath } from "../paths.js";

/** MIME type to content. */
type MimeBundle = Record<string, unknown>;

/** One output of a code cell. */
export type Output =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: string | string[] }
  | { output_type: "display_data"; data: MimeBundle; metadata: Record<string, unknown> }
  | {
      output_type: "execute_result";
      data: MimeBundle;
      metadata: Record<string, unknown>;
      execution_count: number;
    }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

interface CellMetadata extends Record<string, unknown> {
  tags?: string[];
}

interface MarkdownCell {
  cell_type: "markdown" | "raw";
  id?: string;
  metadata: CellMetadata;
  source: string | string[];
}

export interface CodeCell {
  cell_type: "code";
  id?: string;
  metadata: CellMetadata;
  source: string | string[];
  execution_count: number | null;
  outputs: Output[];
}

export type Cell = MarkdownCell | CodeCell;

/** A notebook file. */
export interface Notebook {
  cells: Cell[];
  metadata: Record<string, unknown>;
  nbformat: number;
  nbformat_minor: number;
}

/**
 * Reads a notebook. A file that cannot be read gives a `CommandFailure`, one that is no notebook a
 * `RangeError`; both say what is wrong, with the number of the cell.
 */
export function readNotebook(path: string): Notebook {
  const text = readInput(path);
  const problem = (what: string, cause?: unknown): RangeError =>
    new RangeError(`${shortPath(path)} is not a notebook in nbformat 4: ${what}`, { cause });
  let notebook: unknown;
  try {
    notebook = JSON.parse(text);
  } catch (error) {
    const said = (error as Error).message.replace(/[^ -~]/g, "?").slice(0, 120);
    throw problem(text.trim() === "" ? "it is empty" : `it is not JSON (${said})`, error);
  }
  const wrong = notebookProblem(notebook);
  if (wrong !== undefined) throw problem(wrong);
  return notebook as Notebook;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextOrLines(value: unknown): boolean {
  return (
    typeof value === "string" || (Array.isArray(value) && value.every((line) => typeof line === "string"))
  );
}

/** What nbformat 4 asks for and `notebook` does not have, as far as the course relies on it. */
function notebookProblem(notebook: unknown): string | undefined {
  if (!isObject(notebook)) return "it is no object";
  const { nbformat, metadata, cells } = notebook;
  if (nbformat !== 4) return `its nbformat is ${valueText(nbformat)}`;
  if (!isObject(metadata)) return "it has no metadata";
  if (!Array.isArray(cells)) return "it has no list of cells";
  for (const [index, cell] of cells.entries()) {
    const wrong = cellProblem(cell);
    if (wrong !== undefined) return `cell ${index + 1} ${wrong}`;
  }
  return undefined;
}

const CELL_TYPES: readonly unknown[] = ["code", "markdown", "raw"];

function cellProblem(cell: unknown): string | undefined {
  if (!isObject(cell)) return "is no object";
  const { cell_type, metadata, source, id } = cell;
  if (cell_type === undefined) return "has no cell_type";
  if (!CELL_TYPES.includes(cell_type))
    return `has the cell_type ${valueText(cell_type)}; code, markdown and raw exist`;
  if (!isObject(metadata)) return "has no metadata";
  if (!isTextOrLines(source)) return "has no source";
  if (id !== undefined && typeof id !== "string") return "has an id that is no text";
  const { tags } = metadata;
  const areTags = tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === "string"));
  return areTags ? undefined : "has tags that are no list of texts";
}

/** The file's text, byte for byte as Jupyter itself writes it. */
export function notebookText(notebook: Notebook): string {
  return `${JSON.stringify(sortKeys(notebook), null, 1)}\n`;
}

export function writeNotebook(path: string, notebook: Notebook): void {
  writeWhole(path, notebookText(notebook));
}

/** A cell's source as one string. */
export function sourceOf(cell: Cell): string {
  return typeof cell.source === "string" ? cell.source : cell.source.join("");
}

/** Text as Jupyter stores it: a list of lines that keep their newline. */
export function asLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+/g) ?? [];
}

/** The notebook as it is kept in git: no outputs, nothing that a run leaves behind. */
export function stripped(notebook: Notebook): Notebook {
  const { name, display_name, language } = KERNELSPEC;
  const cells = notebook.cells.map((cell): Cell => {
    const metadata = cell.metadata.tags === undefined ? {} : { tags: cell.metadata.tags };
    const source = asLines(sourceOf(cell));
    if (cell.cell_type !== "code") return { ...cell, metadata, source };
    return { ...cell, metadata, source, execution_count: null, outputs: [] };
  });
  return { ...notebook, cells, metadata: { kernelspec: { display_name, language, name } } };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
