/**
 * Finding a Jupyter that works: the typed face of lib/bin/jupyter.cjs, which says how.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { jupyterCjs } from "./jupyter_cjs.js";

/** `notebook` is the page for one document at a time, `lab` the larger one. */
type JupyterApp = "notebook" | "lab";

/** A Jupyter that has answered. */
export interface Jupyter {
  /** The `jupyter` command's path. */
  path: string;
  app: JupyterApp;
  version: string;
}

/** What became of one `jupyter` command. */
export interface Candidate {
  path: string;
  found: Jupyter[];
}

/** Every `jupyter` command there is. Not in Linux: a helper of the course. */
export const jupyterCommands = jupyterCjs.jupyterCommands;

/** Asks one command for both apps. Not in Linux: a helper of the course. */
export const askJupyter = jupyterCjs.askJupyter;

/**
 * The first Jupyter that answers; notebook before lab of the same command.
 * Not in Linux: a helper of the course.
 */
export const findJupyter = jupyterCjs.findJupyter;

/** Classic Notebook 6 has its own server; Notebook 7 and Lab share another one with other settings. */
export function isClassic({ app, version }: Jupyter): boolean {
  return app === "notebook" && Number.parseInt(version, 10) < 7;
}
