/**
 * Jupyter notebooks as files: nbformat 4.5, as far as the course needs it.
 *
 * In git a notebook has no outputs, no execution counts and no `language_info`; keys stay in Jupyter's
 * alphabetical order with an indent of one, so that saving from Jupyter changes only what was edited.
 *
 * Not in Linux: part of the course, not of the machine. Format: the nbformat documentation.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { KERNELSPEC } from "../kernel/kernelspec.js";

/** MIME type to content. */
export type MimeBundle = Record<string, unknown>;

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

export interface CellMetadata extends Record<string, unknown> {
  tags?: string[];
}

export interface MarkdownCell {
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

/** Reads a notebook; a file that is not one gives a RangeError that says so. */
export function readNotebook(path: string): Notebook {
  const notebook: unknown = parseJson(path);
  const { cells, nbformat } = (notebook ?? {}) as Partial<Notebook>;
  if (!Array.isArray(cells) || nbformat !== 4) {
    throw new RangeError(`${path} is not a notebook in nbformat 4`);
  }
  return notebook as Notebook;
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new RangeError(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** The file's text, byte for byte as Jupyter itself writes it. */
export function notebookText(notebook: Notebook): string {
  return `${JSON.stringify(sortKeys(notebook), null, 1)}\n`;
}

export function writeNotebook(path: string, notebook: Notebook): void {
  writeFileSync(path, notebookText(notebook));
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
