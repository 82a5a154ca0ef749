/**
 * Finding a Jupyter that works. A `jupyter` on PATH proves nothing: a pyenv shim may stand for no Python that has
 * Jupyter. So each one is asked for its version, and only an answer counts.
 *
 * Not in Linux: part of the course, not of the machine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { inRepository } from "../paths.js";

/** `notebook` is the page for one document at a time, `lab` the larger one. */
export type JupyterApp = "notebook" | "lab";

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

/** Where `npm start` puts a Jupyter of its own, if asked to. */
export function ownJupyterFolder(): string {
  return inRepository(".pagewalk", "jupyter");
}

const ANSWER_MS = 30_000;

/**
 * Every `jupyter` command there is: the course's own, each on PATH, and Debian's. Where PAGEWALK_JUPYTER names
 * one (`/opt/jupyter/bin/jupyter`), only that one and the course's own.
 */
export function jupyterCommands(env: NodeJS.ProcessEnv = process.env): string[] {
  const own = join(ownJupyterFolder(), "bin");
  const folders = [own, ...(env.PATH ?? "").split(delimiter), "/usr/bin"];
  const every = folders.filter((dir) => dir !== "").map((dir) => join(dir, "jupyter"));
  const files = env.PAGEWALK_JUPYTER ? [env.PAGEWALK_JUPYTER, join(own, "jupyter")] : every;
  const real = new Map(files.filter((file) => existsSync(file)).map((file) => [realpathSync(file), file]));
  return [...real.values()];
}

/** The version of an app of this Jupyter, or undefined if it does not answer with one. */
function askVersion(path: string, app: JupyterApp): string | undefined {
  const answer = spawnSync(path, [app, "--version"], { encoding: "utf8", timeout: ANSWER_MS });
  return answer.status === 0 ? /^\d+\.\d+\S*/m.exec(answer.stdout)?.[0] : undefined;
}

/** Asks one command for both apps. */
export function askJupyter(path: string): Candidate {
  const apps: JupyterApp[] = ["notebook", "lab"];
  const found = apps.flatMap((app) => {
    const version = askVersion(path, app);
    return version === undefined ? [] : [{ path, app, version }];
  });
  return { path, found };
}

/** The first Jupyter that answers; notebook before lab of the same command. */
export function findJupyter(): Jupyter | undefined {
  for (const path of jupyterCommands()) {
    const [jupyter] = askJupyter(path).found;
    if (jupyter !== undefined) return jupyter;
  }
  return undefined;
}

/** Classic Notebook 6 has its own server; Notebook 7 and Lab share another one with other settings. */
export function isClassic({ app, version }: Jupyter): boolean {
  return app === "notebook" && Number.parseInt(version, 10) < 7;
}
