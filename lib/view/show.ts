/**
 * Show: how a value of the course becomes something rich in a notebook, and plain text everywhere else.
 *
 *    last expression of a cell ---> the project's kernel ---+
 *    show(x) in the middle ------------------------------- -+--> x[Symbol.for("Jupyter.display")]()
 *                                                           |       { "text/html": ..., "text/plain": ... }
 *    console.log(x), a script, stock tslab's last value ----+--> x.toString()
 *
 * A displayable object offers both faces. `show` finds the running tslab kernel among the modules that this
 * process has loaded and sends it one message with all the MIME types; where there is no such kernel it
 * prints the text. It never loads tslab itself.
 *
 * Left out: widgets and updates of earlier output. What moves, moves in the browser (see plotly.ts).
 */

import { createRequire } from "node:module";

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

/** tslab's function that writes one display_data message to the cell that is running. */
type WriteDisplayData = (
  data: { data: MimeBundle; metadata: Record<string, never>; transient: Record<string, never> },
  update: boolean,
) => void;

/**
 * tslab's writer in this process, or undefined outside tslab. A notebook may run on the project's own tslab
 * or on a global one, so the module is looked up by the end of its path among those already loaded.
 */
function findTslabWriter(): WriteDisplayData | undefined {
  const loaded = createRequire(import.meta.url).cache;
  for (const [path, module] of Object.entries(loaded)) {
    if (!/[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path)) continue;
    const writer = (module?.exports as { lastWriteDisplayData?: WriteDisplayData | null })
      .lastWriteDisplayData;
    if (writer) return writer;
  }
  return undefined;
}

/** Shows each of `values` in the cell that is running, in order; outside Jupyter prints their text. */
export function show(...values: unknown[]): void {
  for (const value of values) {
    const write = isDisplayable(value) ? findTslabWriter() : undefined;
    if (write && isDisplayable(value))
      write({ data: value[JUPYTER_DISPLAY](), metadata: {}, transient: {} }, false);
    else console.log(isDisplayable(value) ? value.toString() : value);
  }
}
