/**
 * Installing Jupyter where there is none: the typed face of lib/bin/jupyter.cjs, which says how.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { CommandFailure } from "../commands/errors.js";
import type { Jupyter } from "./find.js";
import { jupyterCjs } from "./jupyter_cjs.js";

/** `uv` and `venv` install into .pagewalk/jupyter, `apt` for the whole computer. */
export type InstallWay = "uv" | "venv" | "apt";

/**
 * A Jupyter that works, installed if the learner wants that; a CommandFailure says what to do otherwise.
 * Not in Linux: a helper of the course.
 */
export async function jupyterOrInstall(): Promise<Jupyter> {
  try {
    return await jupyterCjs.jupyterOrInstall();
  } catch (error) {
    if (!(error instanceof jupyterCjs.Missing)) throw error;
    throw new CommandFailure(error.message, { cause: error });
  }
}

/** What `pagewalk doctor` says to do where there is no Jupyter. Not in Linux: a helper of the course. */
export function installAdvice(): string {
  const [best] = jupyterCjs.installWays();
  if (best !== undefined) return `Run: PAGEWALK_INSTALL=${best} npm start`;
  const commands = jupyterCjs.administratorCommands().map(jupyterCjs.shellLine);
  if (commands.length === 0) return "Install JupyterLab or Notebook: https://jupyter.org/install";
  return `An administrator of this computer (root) must run: ${commands.join(" && ")}`;
}
