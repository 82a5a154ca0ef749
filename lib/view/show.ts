/**
 * Show: how a value of the course becomes something rich in a notebook, and plain text everywhere else.
 *
 *    last expression of a cell ---> the project's kernel ---+
 *    show(x) in the middle ------------------------------- -+--> x[Symbol.for("Jupyter.display")]()
 *                                                           |       { "text/html": ..., "text/plain": ... }
 *    console.log(x), a script, stock tslab's last value ----+--> x.toString()
 *
 * A displayable object offers both faces. `show` sends the rich one to whoever shows what the running cell
 * prints, where there is such a one (`showThrough`), as one message with all the MIME types; else it prints
 * the text.
 *
 * Left out: widgets and updates of earlier output. What moves, moves in the browser (see plotly.ts).
 */

/** The key under which an object offers its rich form; the symbol that Deno's Jupyter kernel introduced. */
export const JUPYTER_DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/** Contents by MIME type, as Jupyter's display_data message carries them. */
export type MimeBundle = Record<string, string>;

/** Anything that can be shown richly, and has a plain-text form. */
export interface Displayable {
  [JUPYTER_DISPLAY](): MimeBundle;
  toString(): string;
}

/** Whether `value` offers a rich form. */
export function isDisplayable(value: unknown): value is Displayable {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<Displayable>)[JUPYTER_DISPLAY] === "function"
  );
}

/** Sends one output to the cell that is running. Not in Linux. */
export type RichOutput = (data: MimeBundle) => void;

let richOutput: () => RichOutput | undefined = () => undefined;

/**
 * From now on `show` asks `find` where rich output goes; undefined is nowhere. Not in Linux:
 * course/kernel/rich_output.ts calls it when it is loaded, and a page may.
 */
export function showThrough(find: () => RichOutput | undefined): void {
  richOutput = find;
}

/** Shows each of `values` in the cell that is running, in order; outside Jupyter prints their text. */
export function show(...values: unknown[]): void {
  for (const value of values) {
    if (!isDisplayable(value)) {
      console.log(value);
      continue;
    }
    const write = richOutput();
    if (write) write(value[JUPYTER_DISPLAY]());
    else console.log(value.toString());
  }
}
