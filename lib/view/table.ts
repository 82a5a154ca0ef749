/**
 * Table: rows of plain data as an HTML table, and as aligned text.
 *
 *    table([{ level: "PML4", index: 3 }, { level: "PDPT", index: 510 }], { caption: "The four indices" })
 *
 *    The four indices
 *    level | index
 *    ------+------
 *    PML4  |     3
 *    PDPT  |   510
 *
 * Columns are the keys of the rows in order of first occurrence, unless `columns` lists them. Numbers stand
 * to the right with their digits grouped; how else they are written is the column's `format`. The HTML takes
 * its colours from the notebook's theme.
 */

import { hex } from "../hw/address.js";
import { checkArguments, checkKind, listOf, type Signature, shape } from "../hw/signature.js";
import { requireText } from "./picture.js";
import { formatBytes, formatNs, formatNumber } from "./scale.js";
import { JUPYTER_DISPLAY, type MimeBundle } from "./show.js";
import { escapeXml } from "./svg.js";

/** What a cell of a table may hold; null and undefined are shown as empty. */
export type CellValue = string | number | bigint | boolean | null | undefined;
export type Row = Readonly<Record<string, CellValue>>;
/** How the numbers of a column are written. "plain" groups no digits, as for a PID or a frame number. */
export type CellFormat =
  | "number"
  | "plain"
  | "hex"
  | "bytes"
  | "ns"
  | "percent"
  | ((value: CellValue) => string);

/** One column: the key of the rows it shows, its heading, and how it is written. */
export interface Column {
  readonly key: string;
  /** The heading; the key unless given. */
  readonly label?: string;
  /** Written after the heading in brackets. */
  readonly unit?: string;
  readonly format?: CellFormat;
  /** Right for a column of numbers and left otherwise, unless given. */
  readonly align?: "left" | "right";
  /** Fixed-width letters, as for addresses and bits. */
  readonly mono?: boolean;
}

export interface TableOptions {
  /** What the table shows. */
  readonly caption: string;
  readonly columns?: readonly (string | Column)[];
  /** Rows for which this is true are shown in bold, with a ">" before them in text. */
  readonly highlight?: (row: Row, index: number) => boolean;
  /** A sentence below the table. */
  readonly note?: string;
}

/** Most rows of one table. */
const MAX_ROWS = 2000;

const COLUMN = shape({ key: "text", label: "text?", unit: "text?", align: "text?", mono: "flag?" });
const TABLE_ARGUMENTS: Signature = {
  rows: listOf("object"),
  options: { caption: "any", columns: "list", highlight: "function", note: "text" },
};

/** A finished table. The last expression of a cell shows it; `show(table)` does so in the middle of one. */
export class Table {
  readonly caption: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column[];
  private readonly options: TableOptions;

  constructor(rows: readonly Row[], options: TableOptions) {
    if (!Array.isArray(rows)) throw new TypeError(`table() takes a list of rows; got ${typeof rows}`);
    checkArguments("table()", TABLE_ARGUMENTS, [rows, options]);
    this.caption = requireText(options?.caption, "table's caption", "what the table shows");
    if (rows.length > MAX_ROWS) {
      throw new RangeError(
        `a table has at most ${MAX_ROWS} rows; got ${rows.length}, so show a part of them`,
      );
    }
    this.rows = rows;
    this.columns = columnsOf(rows, options.columns);
    this.options = options;
  }

  get html(): string {
    const { note } = this.options;
    // A short caption stays on one line, also above a narrow table.
    const oneLine = this.caption.length <= 70 ? ";white-space:nowrap" : "";
    const caption = `<caption style="${CAPTION}${oneLine}">${escapeXml(this.caption)}</caption>`;
    const head = this.columns.map((c) =>
      cellMarkup("th", this.aligned(c), heading(c), "font-weight:bold;", ' scope="col"'),
    );
    const body = this.rows.map((row, i) => {
      const style = this.marked(row, i) ? "font-weight:bold;" : "";
      const cells = this.columns.map((c) =>
        cellMarkup("td", this.aligned(c), write(row[c.key], c), style, "", c.mono),
      );
      return `<tr${style ? ` style="${MARKED}"` : ""}>${cells.join("")}</tr>`;
    });
    const below = note === undefined ? "" : `<p style="margin:2px 0 0;font-size:90%">${escapeXml(note)}</p>`;
    return `<table style="${TABLE}">${caption}<thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table>${below}`;
  }

  /** The table as text, one line for each row. */
  toString(): string {
    const cells = this.rows.map((row) => this.columns.map((c) => write(row[c.key], c).replace(/\s+/g, " ")));
    const heads = this.columns.map(heading);
    const widths = heads.map((h, i) => Math.max(lengthOf(h), ...cells.map((row) => lengthOf(row[i]!))));
    const mark = this.rows.some((row, i) => this.marked(row, i));
    const lineOf = (texts: readonly string[], marked: boolean) => {
      const padded = texts.map((text, i) => {
        const blank = " ".repeat(widths[i]! - lengthOf(text));
        return this.aligned(this.columns[i]!) === "right" ? blank + text : text + blank;
      });
      return `${mark ? (marked ? "> " : "  ") : ""}${padded.join(" | ")}`.trimEnd();
    };
    const rule = (mark ? "  " : "") + widths.map((w) => "-".repeat(w)).join("-+-");
    const body = cells.map((row, i) => lineOf(row, this.marked(this.rows[i]!, i)));
    const { note } = this.options;
    return [this.caption, lineOf(heads, false), rule, ...body, ...(note === undefined ? [] : [note])].join(
      "\n",
    );
  }

  [JUPYTER_DISPLAY](): MimeBundle {
    return { "text/html": this.html, "text/plain": this.toString() };
  }

  /** What console.log prints. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  private marked(row: Row, index: number): boolean {
    return this.options.highlight?.(row, index) ?? false;
  }

  private aligned(column: Column): "left" | "right" {
    if (column.align) return column.align;
    const filled = this.rows.map((row) => row[column.key]).filter((v) => v !== null && v !== undefined);
    const numeric = filled.length > 0 && filled.every((v) => typeof v === "number" || typeof v === "bigint");
    return numeric ? "right" : "left";
  }
}

/** A table of `rows`. See TableOptions for columns, formats, highlighted rows and a note. */
export function table(rows: readonly Row[], options: TableOptions): Table {
  return new Table(rows, options);
}

const TABLE =
  "border-collapse:collapse;margin:4px 0;font-variant-numeric:tabular-nums;color:var(--jp-content-font-color1,inherit)";
const CAPTION = "caption-side:top;text-align:left;font-weight:bold;padding:2px 0 6px;color:inherit";
const CELL = "padding:3px 10px;border-bottom:1px solid var(--jp-border-color1,rgba(128,128,128,0.4))";
const MARKED = "background:rgba(230,159,0,0.22)";

function columnsOf(rows: readonly Row[], wanted?: readonly (string | Column)[]): Column[] {
  const keys = wanted ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  for (const [i, column] of keys.entries())
    checkKind(`table's column ${i}`, column, typeof column === "string" ? "text" : COLUMN);
  const columns = keys.map((c) => (typeof c === "string" ? { key: c } : c));
  for (const column of columns) {
    const { key } = column;
    requireText(column.label ?? key, "a column's heading", "what stands in the column");
    if (rows.length > 0 && rows.every((row) => !(key in row))) {
      throw new TypeError(
        `table has no row with "${key}"; its rows have ${Object.keys(rows[0]!).join(", ")}`,
      );
    }
  }
  return columns;
}

function heading(column: Column): string {
  const text = column.label ?? column.key;
  return column.unit ? `${text} (${column.unit})` : text;
}

/** `value` as text, the way its column wants it. */
function write(value: CellValue, column: Column): string {
  const { format } = column;
  if (typeof format === "function") return format(value);
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (format === "hex") return hex(value);
  if (format === "plain" || typeof value === "bigint") return String(value);
  if (format === "bytes") return formatBytes(value);
  if (format === "ns") return formatNs(value);
  if (format === "percent") return `${formatNumber(value * 100, 1)} %`;
  return formatNumber(value);
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** Characters of code that a cell keeps on one line. */
const MAX_WHOLE = 34;

/** The align attribute as well as the style: some sanitizers keep only one of the two. */
function cellMarkup(
  tag: string,
  align: string,
  text: string,
  style: string,
  extra = "",
  mono = false,
): string {
  // A short word of code (r--p, an address range) stays in one piece; a long list of them may wrap.
  const whole = mono && text.length <= MAX_WHOLE ? "white-space:nowrap;" : "";
  // The classic Notebook has a white-space of its own for code.
  const code = whole === "" ? "<code>" : '<code style="white-space:nowrap">';
  const content = mono ? `${code}${escapeXml(text)}</code>` : escapeXml(text);
  return `<${tag}${extra} align="${align}" style="text-align:${align};${whole}${style}${CELL}">${content}</${tag}>`;
}
